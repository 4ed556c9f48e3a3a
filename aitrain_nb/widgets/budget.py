"""When a picture may be drawn again, so that watching never costs more than a small share of the run."""

from __future__ import annotations

EVERY_SECONDS = 0.25
"""Between two drawings: four a second at most."""
COST_SHARE = 0.02
"""Of the time that passes: a drawing of 10 ms is followed by 0.5 s without one."""


class Budget:
    """Says when the next drawing is due.

    Args:
        now: the time at the start, in seconds of a clock that only goes forward.
        every: seconds between two drawings, at least.
    """

    def __init__(self, now: float, every: float = EVERY_SECONDS) -> None:
        self.next, self._every = now, every

    def is_due(self, now: float) -> bool:
        """Whether a drawing may begin."""
        return now >= self.next

    def spend(self, began: float, ended: float) -> None:
        """A drawing took from `began` to `ended`, in seconds of the clock."""
        self.next = ended + max(self._every, (ended - began) / COST_SHARE)
