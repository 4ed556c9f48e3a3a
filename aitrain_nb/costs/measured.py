"""What a run has really needed so far, to stand beside its estimate."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from aitrain_nb.history import COLUMNS

if TYPE_CHECKING:
    from aitrain_nb.trainer import Trainer

_SECONDS = COLUMNS.index("seconds")


class Measured(NamedTuple):
    """What a run needed.

    Attributes:
        peak_bytes: the most memory above what the process held before, or None where it can't be measured.
        seconds_per_step: mean of the steps taken but the first, which also makes room for everything; or None.
        steps: taken.
        seconds: of all steps taken.
    """

    peak_bytes: int | None = None
    seconds_per_step: float | None = None
    steps: int = 0
    seconds: float = 0.0

    @classmethod
    def of(cls, trainer: Trainer) -> Measured:
        """What the run of a trainer has needed so far."""
        seconds = [row[_SECONDS] for row in trainer.history.tail(0)]
        counted = seconds[1:] or seconds
        mean = sum(counted) / len(counted) if counted else None
        return cls(trainer.memory.peak_bytes, mean, len(seconds), sum(seconds))
