"""When a picture may be drawn again, so that watching costs a small share of the run."""

from __future__ import annotations

import math

EVERY_SECONDS = 0.25
"""Between two drawings: four a second at most."""
COST_SHARE = 0.02
"""Of the time that passes: a drawing of 10 ms is followed by 0.5 s without one."""


class Budget:
    """Says when the next drawing is due.

    Args:
        now: the time at the start, in seconds of a clock that only goes forward.
        shared_by: how many things draw within the share: each waits so many times as long.
        longest: seconds between two drawings, however much one costs: what takes long then costs a larger share.
    """

    def __init__(self, now: float, shared_by: int = 1, longest: float = math.inf) -> None:
        self._next, self._shared_by, self._longest = now, shared_by, longest

    def is_due(self, now: float) -> bool:
        """Whether a drawing may begin."""
        return now >= self._next

    def spend(self, began: float, ended: float) -> None:
        """A drawing took from `began` to `ended`, in seconds of the clock."""
        self._next = ended + min(self._longest, max(EVERY_SECONDS, (ended - began) * self._shared_by / COST_SHARE))
