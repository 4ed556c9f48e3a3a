"""What a run on a large file takes of memory and time, read whole and read a buffer at a time: each in a fresh process, three in turn.

    python tests/benchmarks/streaming.py            a file of 400,000 texts, 150 steps
    python tests/benchmarks/streaming.py 50000 60

Memory is the highest of the process above what it held before its data were read.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

WORDS = 60
BUFFER = 4000


def write(path, texts):
    chance = random.Random(0)
    names = [f"word{number}" for number in range(3000)]
    with path.open("w", encoding="utf-8") as file:
        for place in range(texts):
            words = chance.choices(names, k=WORDS)
            file.write(
                json.dumps({"text": f"{place} {' '.join(words)}", "label": "even" if place % 2 else "odd"}) + "\n"
            )


def one(path, steps, buffer_size):
    """A run in this process: a line of JSON."""
    import aitrain_nb as ai
    from aitrain_nb.engine.metering import PeakMeter

    ai.prepare(data="tickets", max_steps=2, threads=1, evaluate_every=0).fit(display="none")
    import datasets  # noqa: F401  its import is not what is measured
    import torch

    meter = PeakMeter(torch.device("cpu"))
    began = time.perf_counter()
    with meter.measuring([]):
        trainer = ai.prepare(
            data=path,
            model="small-encoder",
            max_steps=steps,
            evaluate_every=0,
            threads=1,
            buffer_size=buffer_size,
            tokenizer="words",
            max_length=32,
        )
        until_ready = time.perf_counter() - began
        trainer.fit(display="none")
    whole = time.perf_counter() - began
    print(json.dumps({"peak": meter.peak_bytes, "ready": until_ready, "whole": whole}))


def main(texts=400_000, steps=150, rounds=3):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "many.jsonl"
        write(path, texts)
        print(f"{texts:,} texts, {path.stat().st_size / 1e6:.0f} MB, {steps} steps, buffers of {BUFFER:,}\n")
        print("| | memory, MB | seconds to the first step | seconds in all |\n| --- | --- | --- | --- |")
        found = {"read whole": [], "a buffer at a time": []}
        for _ in range(rounds):
            for name, rows in found.items():
                size = BUFFER if name == "a buffer at a time" else 0
                done = subprocess.run(
                    [sys.executable, __file__, str(path), str(steps), str(size)], capture_output=True, text=True, check=True
                )  # fmt: skip
                rows.append(json.loads(done.stdout.splitlines()[-1]))
        for name, rows in found.items():
            peak, ready, whole = (median(row[key] for row in rows) for key in ("peak", "ready", "whole"))
            print(f"| {name} | {peak / 1e6:.0f} | {ready:.1f} | {whole:.1f} |")


if __name__ == "__main__":
    if len(sys.argv) == 4:
        one(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) or None)
    else:
        main(*map(int, sys.argv[1:]))
