"""The limits of an axis, and how its numbers are written."""

from __future__ import annotations

from typing import Any

import numpy as np

from aitrain_nb import numerals


def limits(low: float, high: float, *, from_zero: bool = False) -> tuple[float, float]:
    """Of an axis: a little room around the values, also where they are all the same."""
    if not low <= high:
        return 0.0, 1.0
    if high - low < 1e-9 * max(1.0, abs(high)):
        half = abs(high) * 0.1 or 0.5
        low, high = low - half, high + half
    room = 0.06 * (high - low)
    return (0.0 if from_zero and low >= 0 else low - room), high + room


def few_ticks(count: int) -> Any:
    """A locator of about so many round numbers."""
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(nbins=count, steps=[1, 2, 5, 10])


def short() -> Any:
    """Numbers at the axes in their shortest form, without a factor somewhere else."""
    from matplotlib.ticker import FuncFormatter

    def shown(value: float, _place: object) -> str:
        if 0 < abs(value) < 1e-3:  # 1e-4, where 0.0001 would run into the name of a strip
            return np.format_float_scientific(value, precision=5, trim="-", exp_digits=1)
        return numerals.rate(value, digits=6)

    return FuncFormatter(shown)
