"""Does a switch keep what a run learns? Its best validation loss, with and without it, over several seeds.

The switch leaves the training as good as it is where the mean difference of the same seeds is smaller than what another seed changes (one
standard deviation of the plain runs). Processor seconds are those of this machine: one without 16-bit units computes bf16 and fp16 slowly.

    python tests/benchmarks/switches.py                       # tickets with small-encoder, digits with small-cnn; 5 seeds
    python tests/benchmarks/switches.py --seeds 2 --epochs 1 --only grouped
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch

import aitrain_nb as ai

TEXTS = {"data": "tickets", "model": "small-encoder", "max_length": 64}
DIGITS = {"data": "digits", "model": "small-cnn"}
SWITCHES = {
    "attention by torch": (TEXTS, {"attention": "sdpa"}),
    "gradient checkpointing": (TEXTS, {"gradient_checkpointing": True}),
    "grouped by length": (TEXTS, {"group_by_length": "on"}),
    "optimizer not fused": (TEXTS, {"fused_optimizer": "off"}),
    "bf16": (TEXTS, {"precision": "bf16"}),
    "fp16": (TEXTS, {"precision": "fp16"}),
    "fast dropout": (TEXTS, {"fast_dropout": True}),
    "compiled": (DIGITS, {"compile": True}),
}


def run(fields: dict, seed: int, epochs: int) -> tuple[float, float, float]:
    """Validation loss and accuracy of the weights that are kept, and processor seconds."""
    trainer = ai.prepare(seed=seed, epochs=epochs, threads=1, **fields)
    began = time.process_time()
    trainer.fit("none")
    spent = time.process_time() - began
    best = min(trainer.history.evaluations, key=lambda row: row["eval_loss"])
    return best["eval_loss"], best["eval_accuracy"], spent


def compared(without: list[float], with_it: list[float]) -> str:
    """Means of both, their difference, and what another seed changes, as cells of a table."""
    noise = statistics.stdev(without) if len(without) > 1 else float("nan")
    one, other = statistics.mean(without), statistics.mean(with_it)
    return f"{one:.3f} | {other:.3f} | {other - one:+.3f} | {noise:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--only", default="", help="part of a switch's name")
    given = parser.parse_args()
    torch.set_num_threads(1)
    plain: dict[str, list[tuple[float, float, float]]] = {}
    print(
        "| | loss without, nats | with | difference | seed noise | accuracy without | with | difference | seed noise | time |"
    )
    print(f"|{' --- |' * 10}")
    for name, (task, fields) in SWITCHES.items():
        if given.only not in name:
            continue
        model = str(task["model"])
        if model not in plain:
            plain[model] = [run(task, seed, given.epochs) for seed in range(given.seeds)]
        found = [run(task | fields, seed, given.epochs) for seed in range(given.seeds)]
        (losses, accuracies, seconds), (with_losses, with_accuracies, with_seconds) = (
            [list(column) for column in zip(*runs, strict=True)] for runs in (plain[model], found)
        )
        time_ratio = statistics.mean(with_seconds) / statistics.mean(seconds)
        cells = f"{compared(losses, with_losses)} | {compared(accuracies, with_accuracies)} | {time_ratio:.2f}"
        print(f"| {name} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
