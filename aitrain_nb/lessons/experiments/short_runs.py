"""Short real runs on the digits, taken once a kernel: what the lessons' pictures choose from when a dial is moved."""

from __future__ import annotations

from functools import cache
from statistics import fmean
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aitrain_nb.trainer import Trainer

STEPS = 60
"""Steps of a run, unless it says something else: an epoch and a third."""


def trained(**fields: Any) -> Trainer:
    """A small network that was trained on the digits, with its last weights; seed 0 unless it says something else.

    Args:
        fields: of the config.
    """
    import aitrain_nb as ai

    trainer = ai.prepare(**{"data": "digits", "model": "mlp", "max_steps": STEPS, "keep": "last", "seed": 0} | fields)
    trainer.fit(display="none")
    return trainer


@cache
def losses(**fields: Any) -> tuple[float, ...]:
    """The loss of each step of such a run, nats."""
    return tuple(row["loss"] for row in trained(**fields).history)


def at_the_end(curve: Sequence[float], steps: int = 10) -> float:
    """The mean of the last steps: one step alone is noisy."""
    return fmean(curve[-steps:])
