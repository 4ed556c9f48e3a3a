"""Few examples a class, real runs: all methods on tickets with MiniLM and on digits; one thread, so that times can be compared.

    python tests/benchmarks/methods.py tickets --shots 1 5 20 100 --seeds 2
    python tests/benchmarks/methods.py digits --shots 1 2 5 10 50 139 --seeds 3

`--picture file.png` keeps the picture.
"""

from __future__ import annotations

import argparse
import math

import torch

import aitrain_nb as ai

OPTIONS = {"tickets": {"model": "minilm", "max_length": 64}, "digits": {}}


def print_table(found: ai.shots.MethodsCompared) -> None:
    """Median accuracy a method and number of examples, then what it cost with the most."""
    summary = found.summary()
    numbers = sorted(summary["shots"].unique())
    print(
        f"| median accuracy | {' | '.join(f'{number} a class' for number in numbers)} | seconds | to {found.target:.2f} | weights trained |"
    )
    print(f"| --- |{' --- |' * (len(numbers) + 3)}")
    for method in found.methods:
        rows = summary[summary["method"] == method].set_index("shots")
        cells = [f"{row.accuracy:.2f} ({row.lowest:.2f} to {row.highest:.2f})" for row in rows.itertuples()]
        last = rows.iloc[-1]
        reached = f"{last['seconds_to_target']:.3g}" if math.isfinite(last["seconds_to_target"]) else "not reached"
        print(
            f"| {method} | {' | '.join(cells)} | {last['seconds']:.3g} | {reached} | {int(last['trained_weights']):,} |"
        )
    print()


def compare(given: argparse.Namespace) -> None:
    options = OPTIONS[given.task] | ({"methods": given.methods} if given.methods else {})
    found = ai.compare_methods(
        given.task, given.shots, given.seeds, threads=1, progress=lambda line: print(line, flush=True), **options
    )
    print(f"\n{found}\n")
    print_table(found)
    if given.picture:
        found.plot().savefig(given.picture, dpi=96)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=["tickets", "digits"])
    parser.add_argument("--shots", type=int, nargs="+", default=[1, 5, 20])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--methods", nargs="+")
    parser.add_argument("--picture")
    given = parser.parse_args()
    torch.set_num_threads(1)
    compare(given)


if __name__ == "__main__":
    main()
