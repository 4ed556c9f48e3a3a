"""How long `import aitrain_nb` takes, as the median of fresh processes, beside an empty Python and beside `import torch`.

python tests/benchmarks/import_time.py
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

CASES = {
    "python alone": "pass",
    "import aitrain_nb": "import aitrain_nb",
    "aitrain_nb.TrainConfig": "import aitrain_nb; aitrain_nb.TrainConfig",
    "import torch": "import torch",
    "aitrain_nb.prepare": "import aitrain_nb; aitrain_nb.prepare",
}
ROUNDS = 9


def seconds(code: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - began


def main() -> None:
    taken: dict[str, list[float]] = {name: [] for name in CASES}
    for turn in range(ROUNDS + 1):
        for name, code in CASES.items():
            spent = seconds(code)
            if turn:
                taken[name].append(spent)
    alone = statistics.median(taken["python alone"])
    print(f"fresh processes, {ROUNDS} rounds in turn after one that isn't counted\n")
    print("| process | seconds: median | above python alone |\n| --- | --- | --- |")
    for name, values in taken.items():
        median = statistics.median(values)
        print(f"| {name} | {median:.3f} | {median - alone:.3f} |")


if __name__ == "__main__":
    main()
