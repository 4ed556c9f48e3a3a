"""Is a run overfitting? Two lists of losses -> a verdict, at the end or after each evaluation.

What is judged is the *end*: the median of the last evaluations against the lowest point of the smoothed curve. Rises in a row say
nothing: half of all noisy curves have them. The rise counts when it is material, larger than the curve's own noise and than the rises
that it has come back from before, and when the training loss didn't rise with it. All windows grow with the curve.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, NamedTuple

from aitrain_nb.errors import DataError
from aitrain_nb.smoothing import Smoothed, Tail, median

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Degree = Literal["none", "rising", "overfitting"]

MATERIAL_RISE = 0.045
"""Rise of the validation loss above its lowest, as a share of it, that counts where many evaluations show it."""
_LEVEL, _BELOW, _FAR = 5.0, 2.0, 0.7
"""Standard errors that a rise must have where the training loss lies as high as validation, and where it lies below by this share of it:
a network whose training loss is no lower has memorised nothing yet, so its rises are noise; one far below is expected to overfit."""
_STAYS = 0.65
"""A verdict of a growing curve stays down to this score: it doesn't come and go with one noisy evaluation."""
_ASKED_OFTEN = 1.5
"""How much clearer of the noise a rise must be in a growing curve: who asks after each evaluation meets noise at its worst."""


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

    def __repr__(self) -> str:
        """As a person counts: without the 0-based index, which differs by one from the epoch beside it."""
        shown = ", ".join(f"{name}={value!r}" for name, value in self._asdict().items() if name != "epoch")
        return f"Verdict({shown})"

    def marks(self, number: int) -> bool:
        """Whether validation was diverging by the 1-based evaluation `number`."""
        return self.overfitting and self.onset_epoch is not None and number >= self.onset_epoch


class OverfittingDetector:
    """Judges two curves: whole ones with `check`, or as they grow with `update`, which costs the same however long they are.

    >>> verdict = OverfittingDetector().check([2.5, 1.8, 1.2, 0.8], [2.6, 1.9, 1.3, 1.5])
    >>> verdict.overfitting, verdict.best_epoch, verdict.onset_epoch
    (True, 3, 4)
    """

    verdict: Verdict
    """What the evaluations so far say."""

    def __init__(self) -> None:
        self._count = 0
        self._validation = Smoothed()
        self._training: list[float] = []
        self._validation_tail, self._training_tail = Tail(), Tail()
        self._places: list[int] = []
        self._lowest = 0
        self.verdict = _too_few(0)

    @staticmethod
    def check(training_losses: Sequence[float | None], validation_losses: Sequence[float | None]) -> Verdict:
        """Judge two whole curves; nothing is kept.

        Args:
            training_losses: one an evaluation, any scale, also below 0. None and what isn't finite are passed over. A list of another
                length is matched by its share of the run; an empty one means that they aren't known.
            validation_losses: the same for validation.

        Raises:
            DataError: they are no lists of numbers.
        """
        training, validation = _numbers(training_losses, "training"), _numbers(validation_losses, "validation")
        detector, count, logged = OverfittingDetector(), len(validation), len(training)
        for number, validation_loss in enumerate(validation, start=1):
            training_loss = training[math.ceil(number * logged / count) - 1] if logged else None
            detector._add(training_loss, validation_loss)
        return detector._judge(is_whole=True)

    def update(self, training_loss: float | None, validation_loss: float | None) -> Verdict:
        """Take the two losses of one more evaluation; where one isn't finite or None it is passed over, but counted.

        More is asked of a curve that grows than `check` asks of a whole one: a rise must be clearer of the noise, and last.
        """
        if self._add(training_loss, validation_loss):
            self.verdict = self._judge(is_whole=False)
        return self.verdict

    def _add(self, training_loss: float | None, validation_loss: float | None) -> bool:
        """Take two losses; whether there is something new to judge."""
        self._count += 1
        if validation_loss is None or not math.isfinite(validation_loss):
            return False
        known = training_loss is not None and math.isfinite(training_loss)
        if known and self._training and math.isnan(self._training[-1]):  # the first one that is known
            self._training = [float(training_loss)] * len(self._training)  # type: ignore[arg-type]
            for value in self._training:
                self._training_tail.add(value)
        last = self._training[-1] if self._training else math.nan
        self._training.append(float(training_loss) if known else last)  # type: ignore[arg-type]
        if not math.isnan(self._training[-1]):
            self._training_tail.add(self._training[-1])
        self._validation_tail.add(float(validation_loss))
        self._places.append(self._count - 1)
        values = self._validation.values
        if not values or validation_loss < values[self._lowest]:
            self._lowest = len(values)
        self._validation.add(float(validation_loss))
        return True

    def _judge(self, *, is_whole: bool) -> Verdict:
        curve, count = self._validation, len(self._validation.values)
        if count < 3:
            return _too_few(count)
        low, turn = curve.low, max(self._lowest, curve.low_at)
        after = count - 1 - turn
        window = curve.tail if count >= 8 else max(1, min(after, curve.tail))
        end, now = self._ends(window)
        rise = end - low
        stays = max(window, curve.stays_above(low + rise / 2)) if rise > 0 else window
        clear = curve.noise(stays, self._errors((end - now) / max(curve.scale + max(0.0, rise), 1e-300)))
        material = MATERIAL_RISE * curve.scale * (1 + 1 / max(1, after))  # of few evaluations more is asked
        needed = max(clear, material, 1e-300)
        shared, memorises = self._training_since(now, end, rise)
        score = (rise - 2 * max(0.0, shared or 0.0)) / needed
        stood = self.verdict.overfitting and count >= 8
        limit = _STAYS if stood else 1.0
        lasts = score > 2 or stays > (count // 20 + (6 if count >= 16 else 0))
        often = _ASKED_OFTEN * (1 + (8 / count if curve.size == 1 else 0))
        is_sure = is_whole or stood or (lasts and (count < 6 or rise > often * clear))
        degree: Degree = "none"
        if score > limit and is_sure and memorises and after > 0:
            degree = "overfitting"
        elif after > 0 and rise > max(clear, 0.5 * material):
            degree = "rising"
        onset = self._onset(turn, low + 0.25 * needed) if degree != "none" else None
        best = self._places[self._lowest]
        facts = _Facts(
            end, low, self._places[turn] + 1, rise, needed, curve.scale, clear > material, shared, curve.gained
        )
        sure = _confidence(degree, score, rise / needed, count, known=shared is not None)
        return Verdict(degree == "overfitting", degree, best, best + 1, onset, score, sure, facts.reason(degree), rise)

    def _ends(self, window: int) -> tuple[float, float]:
        """Where validation and training end: the medians of the last evaluations."""
        if len(self._training) < 8 or math.isnan(self._training[-1]):
            return median(self._validation.values[-window:]), median(self._training[-window:])
        return self._validation_tail.median, self._training_tail.median

    def _training_since(self, now: float, end: float, rise: float) -> tuple[float | None, bool]:
        """How much the training loss changed since validation was lowest, None where it isn't known; and does that look like memorising?

        It does where the training loss fell meanwhile, or lies below validation: the more so, the fewer the evaluations.
        """
        if math.isnan(self._training[-1]):
            return None, True
        first, last = self._validation.low_window
        change = now - median(self._training[first:last])
        count = len(self._training)
        share = 0.5 if self._validation.low_at < 3 else min(0.5, 4 / count)
        return change, -change > share * rise or end - now > share * self._validation.scale

    def _errors(self, gap: float) -> float:
        """How many standard errors a rise must have where validation lies above training by this share of it."""
        if math.isnan(self._training[-1]):
            return (_LEVEL + _BELOW) / 2
        opened = gap / (_FAR * min(1.0, len(self._training) / 6))  # a gap takes some evaluations to open
        return _LEVEL - (_LEVEL - _BELOW) * min(1.0, max(0.0, opened))

    def _onset(self, turn: int, line: float) -> int:
        """The 1-based evaluation from which the smoothed curve stays above the line."""
        curve = self._validation
        last = len(self._places) - 1
        place = min(max(turn + 1, last + 1 - curve.stays_above(line)), last)
        return self._places[place] + 1


class _Facts(NamedTuple):
    end: float
    low: float
    lowest: int
    rise: float
    needed: float
    scale: float
    is_noisy: bool
    training_change: float | None
    gained: float

    def reason(self, degree: Degree) -> str:
        """The verdict in words."""
        scale = max(self.scale, 1e-300)
        numbers = f"{self.low:.4g} at its lowest (evaluation {self.lowest}), {self.end:.4g} at the end, {self.rise / scale:+.1%}"
        counts = f"a rise counts from {self.needed / scale:.1%} on ({'less may be noise' if self.is_noisy else 'less is too little'})"
        known, change = self.training_change is not None, self.training_change or 0.0
        if degree == "overfitting":
            how = "the training loss isn't known, so this rests on validation alone"
            if known:
                how = (
                    f"the training loss fell by {-change:.4g} meanwhile"
                    if change < 0
                    else "the training loss stayed low"
                )
            return f"Validation loss rises: {numbers}; {counts}; {how}."
        if degree == "rising" and change > 0 and self.rise > self.needed:
            return f"Both losses rise: validation {numbers}; training {change:+.4g}. That is not memorising."
        if degree == "rising":
            why = "it is too soon to tell" if self.rise > self.needed else "that alone is not overfitting"
            return f"Validation loss rises: {numbers}; {why}: {counts}."
        if self.gained < 0.01 * scale:
            return f"Validation loss has stopped improving: {numbers}. That alone is not overfitting, for nothing gets worse: {counts}."
        return f"Validation loss has no material rise: {numbers}; {counts}."


check = OverfittingDetector.check


def _numbers(values: Iterable[float | None], which: str) -> list[float | None]:
    """Any list, array, column or tensor of losses as numbers of Python."""
    try:
        return [None if value is None else float(value) for value in values]
    except (TypeError, ValueError) as error:
        raise DataError(
            f"The {which} losses can't be read.",
            f"{error}.",
            "Give a list with one number an evaluation, None where one is unknown.",
        ) from error


def _too_few(count: int) -> Verdict:
    return Verdict(False, "none", None, None, None, 0.0, 0.0, f"{count} evaluations are too few to judge.")


def _confidence(degree: Degree, score: float, raw: float, count: int, *, known: bool) -> float:
    """0.5 at the line between two degrees, towards 1 far from it; less of few evaluations, or without a training loss."""
    distance = abs((raw if degree == "none" else score) - 1)
    sure = 1 - 0.5 * math.exp(-1.5 * distance)
    return sure * (count / (count + 1)) * (1.0 if known else 0.8)
