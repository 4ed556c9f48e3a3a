"""Is a run overfitting? A pure function of two lists of losses.

The end of the validation curve is judged against its lowest point, not by rises in a row: a rise counts when it is
material, larger than the curve's own noise, and when the training loss went on falling meanwhile.
"""

from __future__ import annotations

import math
from bisect import insort
from statistics import median
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

MATERIAL_RISE = 0.05
"""Relative rise of the validation loss above its minimum that counts."""
_SMOOTHED_FROM = 8
"""Evaluations from which a single one that sticks out is smoothed away."""


class Verdict(NamedTuple):
    """What two curves say.

    Attributes:
        overfitting: whether the degree is "overfitting".
        degree: "none", "rising" (validation rises, but not clearly because the model memorises) or "overfitting".
        epoch: 0-based index of the lowest validation loss, the first of equal ones, or None.
        best_epoch: the same, 1-based.
        onset_epoch: 1-based evaluation at which the rise began, or None.
        score: relative rise of the end above the minimum in units of what counts; above 1 is material.
        reason: a sentence with the numbers.
    """

    overfitting: bool
    degree: Literal["none", "rising", "overfitting"]
    epoch: int | None
    best_epoch: int | None
    onset_epoch: int | None
    score: float
    reason: str

    def marks(self, number: int) -> bool:
        """Whether validation was diverging by the 1-based evaluation `number`."""
        return self.overfitting and self.onset_epoch is not None and number >= self.onset_epoch


class Judge:
    """Judges two curves that grow: an evaluation more costs a few microseconds, however many there were before."""

    def __init__(self) -> None:
        self._count = 0
        self._places: list[int] = []
        self._training: list[float] = []
        self._validation: list[float] = []
        self._bends: list[float] = []
        self._lowest = 0
        self._smoothest, self._smoothed = 0, math.inf
        self._verdict: Verdict | None = None

    def add(self, training_loss: float, validation_loss: float) -> None:
        """Take the two losses of one more evaluation; one that isn't finite is passed over."""
        self._count += 1
        if not math.isfinite(validation_loss):
            return
        self._verdict = None
        if not math.isfinite(training_loss):
            training_loss = self._training[-1] if self._training else math.nan
        elif self._training and math.isnan(self._training[-1]):  # the first one that is known
            self._training = [training_loss] * len(self._training)
        self._places.append(self._count - 1)
        self._training.append(training_loss)
        values = self._validation
        values.append(validation_loss)
        newest = len(values) - 1
        if validation_loss < values[self._lowest]:
            self._lowest = newest
        if newest >= 2:
            insort(self._bends, abs(values[-3] - 2 * values[-2] + values[-1]))
        inner = newest - 1
        if inner >= 0:  # the last value but one has both its neighbours now
            smoothed = median(values[inner - 1 : inner + 2]) if inner else values[0]
            if smoothed < self._smoothed:
                self._smoothest, self._smoothed = inner, smoothed

    @property
    def verdict(self) -> Verdict:
        """What the curves say so far."""
        if self._verdict is None:
            self._verdict = self._judge()
        return self._verdict

    def _judge(self) -> Verdict:
        values, training, places = self._validation, self._training, self._places
        count = sum(map(math.isfinite, training[-1:])) * len(values)  # none without a training loss
        if count < 3:
            return Verdict(False, "none", None, None, None, 0.0, f"{count} evaluations are too few to judge.")
        best, bottom = self._lowest, self._bottom()
        turn = max(best, bottom)
        tail = median(values[max(turn + 1, count - max(1, count // 8)) :] or [values[best]])
        lowest = _smooth(values, bottom)
        rise = (tail - lowest) / max(abs(lowest), 1e-12)
        needed = max(MATERIAL_RISE, 3 * self._noise() / max(abs(lowest), 1e-12))
        score = rise / needed
        where = (
            f"evaluation {places[best] + 1}" if lowest == values[best] else f"smoothed, evaluation {places[bottom] + 1}"
        )
        numbers = f"validation loss {tail:.4g} at the end, {lowest:.4g} at its lowest ({where}): {rise:+.1%}"
        if score <= 1:
            reason = f"No material rise: {numbers}, {needed:.1%} would count."
            return Verdict(False, "none", places[best], places[best] + 1, None, score, reason)
        onset = next(places[place] + 1 for place in range(turn + 1, count) if values[place] > lowest)
        if _smooth(training, count - 1) < _smooth(training, best):
            reason = f"Training still falls, but {numbers}."
            return Verdict(True, "overfitting", places[best], places[best] + 1, onset, score, reason)
        reason = f"Both losses rise: {numbers}. That is not memorising."
        return Verdict(False, "rising", places[best], places[best] + 1, onset, score, reason)

    def _bottom(self) -> int:
        """Where the smoothed curve is lowest."""
        if len(self._validation) < _SMOOTHED_FROM:
            return self._lowest
        return self._smoothest if self._smoothed <= self._validation[-1] else len(self._validation) - 1

    def _noise(self) -> float:
        """Standard deviation of the curve's jitter, from second differences, which a straight trend doesn't touch."""
        bends, half = self._bends, len(self._bends) // 2
        if len(bends) < 6:
            return 0.0
        middle = bends[half] if len(bends) % 2 else (bends[half - 1] + bends[half]) / 2
        return 1.4826 * middle / math.sqrt(6)


def check(training_losses: Sequence[float], validation_losses: Sequence[float]) -> Verdict:
    """Judge two curves of the same evaluations.

    Args:
        training_losses: one loss an evaluation, any scale above 0; NaN is passed over.
        validation_losses: the same for validation.

    >>> check([2.5, 1.8, 1.2, 0.8], [2.6, 1.9, 1.3, 1.5]).onset_epoch
    4
    """
    judge = Judge()
    for training_loss, validation_loss in zip(training_losses, validation_losses, strict=False):
        judge.add(training_loss, validation_loss)
    return judge.verdict


def _smooth(values: Sequence[float], i: int) -> float:
    """The value at i; the median of three neighbours where the curve is long enough for that to lose nothing."""
    if len(values) < _SMOOTHED_FROM or i in {0, len(values) - 1}:
        return values[i]
    return median(values[i - 1 : i + 2])
