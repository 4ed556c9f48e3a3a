"""What stays of a run in the notebook: bytes and CPU time of its static twin, and what judging its evaluations costs.

python tests/benchmarks/static_twin.py [--repeats 5]
"""

import argparse
import math
import random
import statistics
import time

from aitrain_nb.annotations import annotate
from aitrain_nb.history import History
from aitrain_nb.records import Ending
from aitrain_nb.widgets.twin import static_twin


def history_of(steps, evaluations):
    """A run with noise that overfits from a third of its evaluations on, and the seconds an evaluation it took to judge them."""
    chance = random.Random(0)
    history = History()
    every = steps // evaluations
    spent = 0.0
    for step in range(1, steps + 1):
        history.add_step(
            [
                step,
                step / 100,
                2 * math.exp(-step / steps * 3) + abs(chance.gauss(0, 0.1)),
                0.01,
                1 + chance.random(),
                0.001,
                8,
            ]
        )
        if step % every == 0:
            share = step / steps
            loss = 0.8 + (share - 0.33) ** 2 + chance.gauss(0, 0.01)
            history.add_evaluation(
                step, {"train_loss": 2 * math.exp(-share * 3), "eval_loss": loss, "eval_accuracy": 0.5}
            )
            began = time.process_time()
            assert history.verdict.reason
            spent += time.process_time() - began
    return history, spent / evaluations


def median_of(repeats, act):
    """The median CPU seconds of a call."""
    times = []
    for _ in range(repeats):
        began = time.process_time()
        act()
        times.append(time.process_time() - began)
    return statistics.median(times)


def main():
    """Print the table."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--repeats", type=int, default=5)
    repeats = arguments.parse_args().repeats
    static_twin(history_of(10, 1)[0], Ending("done", "", 10, 1.0, 10, 1.0))  # loads matplotlib
    print(
        f"{'steps':>7}{'evaluations':>13}{'twin, kB':>10}{'twin, CPU s':>13}{'annotate, ms':>14}{'judging, us/evaluation':>24}"
    )
    for steps, evaluations in ((100, 1), (1000, 100), (5000, 50), (5000, 5000)):
        history, judging = history_of(steps, evaluations)
        ending = Ending("done", "", steps, steps / 100, steps // 3, 0.8)
        size = sum(len(text.encode()) for text in static_twin(history, ending, classes=10).values()) / 1000
        twin = median_of(repeats, lambda: static_twin(history, ending, classes=10))  # noqa: B023
        notes = median_of(repeats, lambda: annotate(history)) * 1000  # noqa: B023
        print(f"{steps:>7,}{evaluations:>13,}{size:>10.0f}{twin:>13.3f}{notes:>14.2f}{judging * 1e6:>24.1f}")


if __name__ == "__main__":
    main()
