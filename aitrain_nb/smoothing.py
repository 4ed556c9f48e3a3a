"""A curve that grows, smoothed: its lowest point, its noise, the rises it came back from. An added value costs a few microseconds."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST_BLOCKS = 48
"""Evaluations are smoothed in blocks; at this many the blocks double in size."""
_NARROW = 6.0
"""Standard deviations below the lowest block at which three neighbours are no noise, but a minimum too narrow for the blocks."""


class Tail:
    """The last tenth of a curve that grows (at least three values), kept sorted: its median costs no sorting."""

    def __init__(self) -> None:
        self._count = 0
        self._values: deque[float] = deque()
        self._sorted: list[float] = []

    def add(self, value: float) -> None:
        """Take one more value, and let go of what no longer belongs to the end."""
        self._count += 1
        self._values.append(value)
        insort(self._sorted, value)
        if len(self._values) > max(3, self._count // 10):
            del self._sorted[bisect_left(self._sorted, self._values.popleft())]

    @property
    def median(self) -> float:
        """The middle of these values."""
        ordered, half = self._sorted, len(self._sorted) // 2
        return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


class Smoothed:
    """A curve that grows, its smoothed values in at most `_MOST_BLOCKS` blocks, its noise, and the rises it came back from."""

    def __init__(self) -> None:
        self.values: list[float] = []
        self.size = 1
        self.smooth: list[float] = []
        self.low, self.low_at = math.inf, 0
        self.scale = 0.0
        self._bends: list[float] = []
        self._wander = self._habit = 0.0
        self._dip, self._dip_at = math.inf, 0

    @property
    def tail(self) -> int:
        """How many evaluations are the end of the curve."""
        count = len(self.values)
        return 1 if count < 6 else 2 if count < 8 else max(3, count // 10)

    @property
    def gained(self) -> float:
        """How much lower it lies than before its last quarter."""
        return self.smooth[len(self.smooth) * 3 // 4 - 1] - self.smooth[-1]

    @property
    def low_window(self) -> tuple[int, int]:
        """The evaluations (from, to) whose median is the lowest smoothed value."""
        reach = self._reach
        return max(0, self.low_at - reach), min(len(self.values), self.low_at + reach + 1)

    @property
    def _reach(self) -> int:
        return 0 if len(self.values) < 8 else self.size * 3 // 2

    def add(self, value: float) -> None:
        """Take one more value."""
        values = self.values
        values.append(value)
        if len(values) >= 3:
            insort(self._bends, abs(values[-3] - 2 * values[-2] + value))
            middle = sorted(values[-3:])[1]
            if middle < self._dip:
                self._dip, self._dip_at = middle, len(values) - 2
        if len(values) < 8 or len(values) % self.size == 0:
            if len(values) >= _MOST_BLOCKS * self.size:
                self.size *= 2
            self._smoothen()

    def _smoothen(self) -> None:
        """Read the blocks anew from where they changed, and what follows from them."""
        values, size, reach = self.values, self.size, self._reach
        blocks = len(values) // size
        if blocks <= len(self.smooth) or len(values) == 8:  # their size doubled
            self.smooth = []
        del self.smooth[max(0, blocks - 2) :]
        for block in range(len(self.smooth), blocks):
            middle = block * size + size // 2
            self.smooth.append(median(values[max(0, middle - reach) : middle + reach + 1]))
        whole = self.smooth[:-1] if len(values) >= 8 else self.smooth  # the last has no neighbour after it yet
        self.low = min(whole)
        place = whole.index(self.low)
        self.low_at = place * size + size // 2
        fall = max(whole[: place + 1]) - self.low
        has_zero = values[0] > 0 and self.low > 0
        self.scale = max(abs(self.low), 0.02 * fall) if has_zero else max(fall, 0.25 * abs(self.low))
        self._habit = _recovered(whole)[len(values) >= 8]
        self._wander = _off_a_valley(
            values if size == 1 else [median(values[b * size : (b + 1) * size]) for b in range(blocks)]
        )
        jitter = max(_deviation(self._bends), self._wander)
        is_past = self._dip_at < self.low_at + size < len(values) - self.tail
        if size > 1 and is_past and self.low - self._dip > _NARROW * jitter:
            self.low, self.low_at = self._dip, self._dip_at

    def stays_above(self, line: float) -> int:
        """How many evaluations at the end the smoothed curve has been above this line."""
        below = next((b for b in reversed(range(len(self.smooth))) if self.smooth[b] <= line), -1)
        return len(self.values) - (below + 1) * self.size

    def noise(self, window: int, errors: float) -> float:
        """A rise that the curve's own restlessness can make: its jitter, its slow wander, and what it came back from before.

        Args:
            window: evaluations that show the rise.
            errors: standard errors that it must have.
        """
        count = len(self.values)
        shrinks = 1.25 * math.sqrt(1 / window + 1 / (2 * self._reach + 1))
        if self.size == 1:
            error = (1 + 40 / count**2) * shrinks * self._wander
        else:
            error = max(shrinks * _deviation(self._bends), 0.8 * math.sqrt(self.size / window + 1 / 3) * self._wander)
        assumed = 0.024 * min(1.0, 6 / count) * self.scale  # few evaluations can't tell how restless they are
        return max(errors * max(error, shrinks * assumed), self._habit)


def _recovered(values: Sequence[float]) -> tuple[float, float]:
    """Of the rises that ended in a new lowest value, the largest and the second: one is an event, two are a habit."""
    lowest, highest = values[0], values[0]
    largest = second = 0.0
    for value in values:
        if value < lowest:
            size = highest - lowest
            largest, second = max(largest, size), max(second, min(largest, size))
            lowest = highest = value
        elif value > highest:
            highest = value
    return largest, second


def _off_a_valley(values: Sequence[float]) -> float:
    """Standard deviation of what falling up to the lowest value and rising after it doesn't explain; outliers count little."""
    if len(values) < 4:
        return 0.0
    place = min(range(len(values)), key=values.__getitem__)
    valley = _rising(values[place::-1])[:0:-1] + _rising(values[place:])
    off = [abs(value - fitted) for value, fitted in zip(values, valley, strict=True)]
    most = 2 * sum(off) / len(off)
    return 1.3 * math.sqrt(sum(min(size, most) ** 2 for size in off) / len(off))


def _rising(values: Sequence[float]) -> list[float]:
    """The nearest sequence that never falls (isotonic regression): neighbours that fall are pooled into their mean."""
    pools: list[tuple[float, int]] = []
    for value in values:
        total, count = value, 1
        while pools and pools[-1][0] * count >= total * pools[-1][1]:
            before = pools.pop()
            total, count = total + before[0], count + before[1]
        pools.append((total, count))
    return [total / count for total, count in pools for _ in range(count)]


def _deviation(bends: Sequence[float]) -> float:
    """Standard deviation of what a straight trend doesn't explain, from sorted sizes of second differences."""
    if len(bends) < 6:
        return 0.0
    return 1.4826 * (bends[len(bends) // 2] + bends[(len(bends) - 1) // 2]) / 2 / math.sqrt(6)


def median(values: Sequence[float]) -> float:
    """The middle of at least one value."""
    ordered, half = sorted(values), len(values) // 2
    return ordered[half] if len(values) % 2 else (ordered[half - 1] + ordered[half]) / 2
