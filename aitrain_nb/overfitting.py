"""Is a run overfitting? Two lists of losses -> a verdict, at the end or after each evaluation.

What is judged is the *end*: the median of the last evaluations against the lowest point of the smoothed curve. Rises in a row say
nothing: half of all noisy curves have them. The rise counts when it is material, larger than the curve's own noise and than the rises
that it has come back from before, and when the training loss didn't rise with it. All windows grow with the curve.
"""

from __future__ import annotations

import math
from bisect import insort
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

Degree = Literal["none", "rising", "overfitting"]

MATERIAL_RISE = 0.045
"""Rise of the validation loss above its lowest, as a share of it, that counts where many evaluations show it."""
_MOST_BLOCKS = 48
"""Evaluations are smoothed in blocks; at this many the blocks double in size."""
_NOISE = 4.0
"""How many standard errors a rise must have."""
_STAYS = 0.8
"""A verdict, once given, stays down to this score: it doesn't come and go with one noisy evaluation."""


class Verdict(NamedTuple):
    """What two curves say.

    Attributes:
        overfitting: whether the degree is "overfitting".
        degree: "none", "rising" (validation rises, but not materially, or training rises with it) or "overfitting".
        epoch: 0-based index of the lowest validation loss, the first of equal ones, or None where nothing can be judged.
        best_epoch: the same, 1-based.
        onset_epoch: 1-based evaluation from which validation stays above its lowest, or None where it doesn't rise.
        score: rise of the end above the lowest point that training doesn't share, in units of what would count: above 1 is
            overfitting, about 0 is flat, below 0 is still falling.
        confidence: how sure the degree is, 0 to 1.
        reason: a sentence with the numbers.
        rise: validation loss at the end minus its lowest, both smoothed where the curve is long (nats, or what the losses are in).
    """

    overfitting: bool
    degree: Degree
    epoch: int | None
    best_epoch: int | None
    onset_epoch: int | None
    score: float
    confidence: float
    reason: str
    rise: float = 0.0

    def marks(self, number: int) -> bool:
        """Whether validation was diverging by the 1-based evaluation `number`."""
        return self.overfitting and self.onset_epoch is not None and number >= self.onset_epoch


class OverfittingDetector:
    """Judges two curves: whole ones with `check`, or as they grow with `update`, which costs the same however long they are.

    >>> verdict = OverfittingDetector().check([2.5, 1.8, 1.2, 0.8], [2.6, 1.9, 1.3, 1.5])
    >>> verdict.overfitting, verdict.best_epoch, verdict.onset_epoch
    (True, 3, 4)
    """

    def __init__(self) -> None:
        self._count = 0
        self._validation = _Smoothed()
        self._training: list[float] = []
        self._places: list[int] = []
        self._lowest = 0
        self._verdict = _too_few(0)

    @property
    def verdict(self) -> Verdict:
        """What the evaluations so far say."""
        return self._verdict

    @staticmethod
    def check(training_losses: Sequence[float | None], validation_losses: Sequence[float | None]) -> Verdict:
        """Judge two whole curves; nothing is kept.

        Args:
            training_losses: one an evaluation, any scale, also below 0. None and what isn't finite are passed over. A list of another
                length is matched by its share of the run; an empty one means that they aren't known.
            validation_losses: the same for validation.
        """
        detector, count, logged = OverfittingDetector(), len(validation_losses), len(training_losses)
        for number, validation_loss in enumerate(validation_losses, start=1):
            training_loss = training_losses[math.ceil(number * logged / count) - 1] if logged else None
            detector.update(training_loss, validation_loss)
        return detector.verdict

    def update(self, training_loss: float | None, validation_loss: float | None) -> Verdict:
        """Take the two losses of one more evaluation; where one isn't finite or None it is passed over, but counted."""
        self._count += 1
        if validation_loss is None or not math.isfinite(validation_loss):
            return self._verdict
        known = training_loss is not None and math.isfinite(training_loss)
        if known and self._training and math.isnan(self._training[-1]):  # the first one that is known
            self._training = [float(training_loss)] * len(self._training)  # type: ignore[arg-type]
        last = self._training[-1] if self._training else math.nan
        self._training.append(float(training_loss) if known else last)  # type: ignore[arg-type]
        self._places.append(self._count - 1)
        values = self._validation.values
        if not values or validation_loss < values[self._lowest]:
            self._lowest = len(values)
        self._validation.add(float(validation_loss))
        self._verdict = _too_few(len(values)) if len(values) < 3 else self._judge()
        return self._verdict

    def _judge(self) -> Verdict:
        curve, count = self._validation, len(self._validation.values)
        low, turn = curve.low, max(self._lowest, curve.low_at)
        after = count - 1 - turn
        window = max(1, min(after, curve.tail))
        end = _median(curve.values[-window:])
        rise = end - low
        stays = max(window, curve.stays_above(low + rise / 2)) if rise > 0 else window
        clear = curve.noise(stays)
        material = MATERIAL_RISE * curve.scale * (1 + 1 / max(1, after))  # of few evaluations more is asked
        needed = max(clear, material, 1e-300)
        shared, memorises = self._training_since(window, end, rise)
        score = (rise - 2 * max(0.0, shared or 0.0)) / needed
        limit = _STAYS if self._verdict.overfitting and count >= 8 else 1.0
        is_sure = score > 2 or stays > count // 20 or self._verdict.overfitting
        degree: Degree = "none"
        if score > limit and is_sure and memorises and after > 0:
            degree = "overfitting"
        elif after > 0 and rise > max(clear, 0.5 * material):
            degree = "rising"
        onset = self._onset(turn, low + 0.25 * needed) if degree != "none" else None
        best = self._places[self._lowest]
        facts = _Facts(end, low, self._places[turn] + 1, rise, needed, curve.scale, clear > material, shared)
        sure = _confidence(degree, score, rise / needed, limit, count, known=shared is not None)
        return Verdict(degree == "overfitting", degree, best, best + 1, onset, score, sure, facts.reason(degree), rise)

    def _training_since(self, window: int, end: float, rise: float) -> tuple[float | None, bool]:
        """How much the training loss changed since validation was lowest, None where it isn't known; and does that look like memorising?

        It does where the training loss fell meanwhile, or lies below validation: the more so, the fewer the evaluations.
        """
        if math.isnan(self._training[-1]):
            return None, True
        first, last = self._validation.low_window
        now = _median(self._training[-window:])
        change = now - _median(self._training[first:last])
        count = len(self._training)
        share = 0.5 if self._validation.low_at < 3 else min(0.5, 4 / count)
        return change, -change > share * rise or end - now > share * self._validation.scale

    def _onset(self, turn: int, line: float) -> int:
        """The 1-based evaluation from which the smoothed curve stays above the line."""
        curve = self._validation
        last = len(self._places) - 1
        place = min(max(turn + 1, last + 1 - curve.stays_above(line)), last)
        return self._places[place] + 1


class _Smoothed:
    """A curve that grows, its smoothed values in at most `_MOST_BLOCKS` blocks, its noise, and the rises it came back from."""

    def __init__(self) -> None:
        self.values: list[float] = []
        self.size = 1
        self.smooth: list[float] = []
        self.low, self.low_at = math.inf, 0
        self.scale = 0.0
        self._bends: list[float] = []
        self._wander = self._habit = 0.0

    @property
    def tail(self) -> int:
        """How many evaluations are the end of the curve."""
        count = len(self.values)
        return 1 if count < 6 else 2 if count < 8 else max(3, count // 10)

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
            self.smooth.append(_median(values[max(0, middle - reach) : middle + reach + 1]))
        whole = self.smooth[:-1] if len(values) >= 8 else self.smooth  # the last has no neighbour after it yet
        self.low = min(whole)
        place = whole.index(self.low)
        self.low_at = place * size + size // 2
        fall = max(whole[: place + 1]) - self.low
        has_zero = values[0] > 0 and self.low > 0
        self.scale = max(abs(self.low), 0.02 * fall) if has_zero else max(fall, 0.25 * abs(self.low))
        self._habit = _recovered(whole)[len(values) >= 8]
        self._wander = _off_a_valley(
            values if size == 1 else [_median(values[b * size : (b + 1) * size]) for b in range(blocks)]
        )

    def stays_above(self, line: float) -> int:
        """How many evaluations at the end the smoothed curve has been above this line."""
        below = next((b for b in reversed(range(len(self.smooth))) if self.smooth[b] <= line), -1)
        return len(self.values) - (below + 1) * self.size

    def noise(self, window: int) -> float:
        """A rise that the curve's own restlessness can make: its jitter, its slow wander, and what it came back from before.

        Args:
            window: evaluations that show the rise.
        """
        error = 1.25 * math.sqrt(1 / window + 1 / (2 * self._reach + 1))
        if self.size == 1:
            error *= self._wander
        else:
            error = max(error * _deviation(self._bends), math.sqrt(self.size / window + 1 / 2) * self._wander)
        return max(_NOISE * error, 1.0 * self._habit)


class _Facts(NamedTuple):
    end: float
    low: float
    lowest: int
    rise: float
    needed: float
    scale: float
    is_noisy: bool
    training_change: float | None

    def reason(self, degree: Degree) -> str:
        """The verdict in words."""
        scale = max(self.scale, 1e-300)
        rise = f"{self.rise / scale:+.1%}"
        numbers = f"validation loss {self.end:.4g} at the end, {self.low:.4g} at its lowest (evaluation {self.lowest})"
        why = "its noise" if self.is_noisy else "a material rise"
        counts = f"{self.needed / scale:.1%} would count, by {why}"
        known, change = self.training_change is not None, self.training_change or 0.0
        if degree == "overfitting":
            how = "the training loss isn't known, so this rests on validation alone"
            if known:
                how = (
                    f"the training loss fell by {-change:.4g} meanwhile"
                    if change < 0
                    else "the training loss stayed low"
                )
            return f"Validation rises: {numbers}: {rise}, and {counts}; {how}."
        if degree == "rising" and change > 0 and self.rise > self.needed:
            return f"Both losses rise: {numbers}: {rise}; training {change:+.4g}. That is not memorising."
        if degree == "rising":
            why = "it is too soon to tell" if self.rise > self.needed else "that alone is not overfitting"
            return f"Validation rises: {numbers}: {rise}; {why}: {counts}."
        if self.rise > -0.02 * scale and known and change < 0:
            return f"Validation has stopped improving: {numbers}: {rise}. That alone is not overfitting, for nothing gets worse: {counts}."
        return f"No material rise: {numbers}: {rise}; {counts}."


def check(training_losses: Sequence[float | None], validation_losses: Sequence[float | None]) -> Verdict:
    """`OverfittingDetector.check`."""
    return OverfittingDetector.check(training_losses, validation_losses)


def _too_few(count: int) -> Verdict:
    return Verdict(False, "none", None, None, None, 0.0, 0.0, f"{count} evaluations are too few to judge.")


def _confidence(degree: Degree, score: float, raw: float, limit: float, count: int, *, known: bool) -> float:
    """0.5 at the line between two degrees, towards 1 far from it; less of few evaluations, or without a training loss."""
    distance = abs(raw - limit) if degree == "none" else abs(score - limit)
    sure = 1 - 0.5 * math.exp(-1.5 * distance)
    return sure * (count / (count + 1)) * (1.0 if known else 0.8)


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
    """Standard deviation of what falling up to the lowest value and rising after it doesn't explain (isotonic regression)."""
    if len(values) < 4:
        return 0.0
    place = min(range(len(values)), key=values.__getitem__)
    squares = _off_a_rise(values[place:]) + _off_a_rise(values[place::-1])
    return 1.2 * math.sqrt(squares / len(values))


def _off_a_rise(values: Sequence[float]) -> float:
    """Sum of the squares of what the nearest sequence that never falls leaves of these values: neighbours that fall are pooled."""
    sums: list[float] = []
    counts: list[int] = []
    squares = 0.0
    for value in values:
        total, count = value - values[0], 1
        squares += total * total
        while sums and sums[-1] * count >= total * counts[-1]:
            total, count = total + sums.pop(), count + counts.pop()
        sums.append(total)
        counts.append(count)
    return max(0.0, squares - sum(total * total / count for total, count in zip(sums, counts, strict=True)))


def _deviation(bends: Sequence[float]) -> float:
    """Standard deviation of what a straight trend doesn't explain, from sorted sizes of second differences."""
    if len(bends) < 6:
        return 0.0
    return 1.4826 * (bends[len(bends) // 2] + bends[(len(bends) - 1) // 2]) / 2 / math.sqrt(6)


def _median(values: Sequence[float]) -> float:
    ordered, half = sorted(values), len(values) // 2
    return ordered[half] if len(values) % 2 else (ordered[half - 1] + ordered[half]) / 2
