"""The demonstration: the first lesson without a browser, then digits with five seeds."""

from __future__ import annotations

import math
import statistics
import time
from typing import TYPE_CHECKING, NamedTuple

from aitrain_nb.run import prepare

if TYPE_CHECKING:
    from collections.abc import Iterator

RECIPE = {"data": "digits", "model": "small-cnn", "epochs": 10, "learning_rate": 3e-3}
"""Ten epochs of 1,437 digits: about a second on one processor core."""


class Run(NamedTuple):
    """One training run of the demonstration.

    Attributes:
        seed: of the run.
        first_loss: loss of the first step, before any update, nats.
        accuracy: on the validation digits, with the kept weights, 0 to 1.
        seconds: wall time of `fit`.
    """

    seed: int
    first_loss: float
    accuracy: float
    seconds: float


def train(seeds: int) -> Iterator[Run]:
    """Train once for each seed."""
    for seed in range(seeds):
        trainer = prepare(seed=seed, **RECIPE)
        began = time.perf_counter()
        trainer.fit(display="none")
        seconds = time.perf_counter() - began
        first = next(iter(trainer.history))
        yield Run(seed, first["loss"], trainer.evaluate().accuracy, seconds)


def table(runs: list[Run]) -> str:
    """The runs and their medians as lines of text."""
    lines = ["seed   loss at start   validation accuracy   seconds"]
    lines += [f"{run.seed:>4}   {run.first_loss:>13.3f}   {run.accuracy:>19.4f}   {run.seconds:>7.2f}" for run in runs]
    medians = [statistics.median(getattr(run, name) for run in runs) for name in ("first_loss", "accuracy", "seconds")]
    lines.append(f"median {medians[0]:>14.3f}   {medians[1]:>19.4f}   {medians[2]:>7.2f}")
    lines.append(f"       ln 10 = {math.log(10):.3f}: the loss of a model that knows nothing about ten digits")
    return "\n".join(lines)
