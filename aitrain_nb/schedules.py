"""Learning-rate schedules as pure functions of the step, so that a preview costs nothing and needs no torch.

They equal `transformers.get_scheduler` to the last digit that matters (tested to 1e-12).
"""

from __future__ import annotations

import math
from typing import Literal, get_args

ScheduleName = Literal["constant", "linear", "cosine"]
SCHEDULES: tuple[str, ...] = get_args(ScheduleName)


def warmup_length(warmup_steps: float, total_steps: int) -> int:
    """Warm-up as a whole number of steps; a value below 1 is a share of the run.

    >>> warmup_length(0.1, 500), warmup_length(30, 500), warmup_length(0, 500)
    (50, 30, 0)
    """
    return math.ceil(warmup_steps * total_steps) if warmup_steps < 1 else int(warmup_steps)


def factor(schedule: str, step: int, total_steps: int, warmup_steps: int = 0) -> float:
    """What the peak learning rate is multiplied by.

    Args:
        schedule: "constant", "linear" (straight down to 0) or "cosine" (half a cosine down to 0).
        step: optimizer steps already taken (0 for the first step).
        total_steps: optimizer steps of the whole run.
        warmup_steps: steps that rise in a straight line from 0 to the peak.

    Returns:
        A factor from 0 to 1, without a unit.

    >>> [factor("linear", step, 10, warmup_steps=2) for step in (0, 1, 2, 6, 10)]
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """
    if step < warmup_steps:
        return step / max(1, warmup_steps)
    if schedule == "constant":
        return 1.0
    progress = min(1.0, (step - warmup_steps) / max(1, total_steps - warmup_steps))
    if schedule == "linear":
        return 1.0 - progress
    return 0.5 * (1.0 + math.cos(math.pi * progress))


def part(schedule: str, step: int, warmup_steps: int = 0) -> str:
    """In words where the run stands: "warm-up", "peak" or "decay"."""
    if step < warmup_steps:
        return "warm-up"
    return "peak" if schedule == "constant" or step == warmup_steps else "decay"
