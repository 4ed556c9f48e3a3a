"""Is a run overfitting? A pure function of two lists of losses.

The end of the validation curve is judged against its lowest point, not by rises in a row: a rise counts when it is
material, larger than the curve's own noise, and when the training loss went on falling meanwhile.
"""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MATERIAL_RISE = 0.05
"""Relative rise of the validation loss above its minimum that counts."""


class Verdict(NamedTuple):
    """What two curves say.

    Attributes:
        overfitting: whether the degree is "overfitting".
        degree: "none", "rising" (validation rises, but not clearly because the model memorises) or "overfitting".
        epoch: 0-based index of the lowest validation loss, or None.
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


def check_rows(rows: Sequence[Mapping[str, float]]) -> Verdict:
    """Judge the evaluations of a history: rows with train_loss and eval_loss."""
    return check([row["train_loss"] for row in rows], [row["eval_loss"] for row in rows])


def marked(rows: Sequence[Mapping[str, float]]) -> list[bool]:
    """For each evaluation of a history whether validation was diverging by then."""
    verdict = check_rows(rows)
    onset = verdict.onset_epoch if verdict.overfitting and verdict.onset_epoch else len(rows) + 1
    return [number >= onset for number in range(1, len(rows) + 1)]


def check(training_losses: Sequence[float], validation_losses: Sequence[float]) -> Verdict:
    """Judge two curves of the same evaluations.

    Args:
        training_losses: one loss an evaluation, any scale above 0; NaN is passed over.
        validation_losses: the same for validation.

    >>> check([2.5, 1.8, 1.2, 0.8], [2.6, 1.9, 1.3, 1.5]).onset_epoch
    4
    """
    points = [
        (place, train, validation)
        for place, (train, validation) in enumerate(zip(training_losses, validation_losses, strict=False))
        if math.isfinite(train) and math.isfinite(validation)
    ]
    if len(points) < 3:
        return Verdict(False, "none", None, None, None, 0.0, f"{len(points)} evaluations are too few to judge.")
    places, training, validation = map(list, zip(*points, strict=True))
    best = min(range(len(validation)), key=lambda i: _smooth(validation, i))
    tail = median(validation[max(best + 1, len(validation) - max(1, len(validation) // 8)) :] or [validation[best]])
    lowest = _smooth(validation, best)
    rise = (tail - lowest) / max(abs(lowest), 1e-12)
    needed = max(MATERIAL_RISE, 3 * _noise(validation) / max(abs(lowest), 1e-12))
    score = rise / needed
    numbers = f"validation loss {tail:.4g} at the end, {lowest:.4g} at its lowest (evaluation {places[best] + 1}): {rise:+.1%}"
    if score <= 1:
        return Verdict(
            False,
            "none",
            places[best],
            places[best] + 1,
            None,
            score,
            f"No material rise: {numbers}, {needed:.1%} would count.",
        )
    falling = _smooth(training, len(training) - 1) < _smooth(training, best)
    onset = next(places[i] + 1 for i in range(best + 1, len(validation)) if validation[i] > lowest)
    if falling:
        return Verdict(
            True, "overfitting", places[best], places[best] + 1, onset, score, f"Training still falls, but {numbers}."
        )
    return Verdict(
        False,
        "rising",
        places[best],
        places[best] + 1,
        onset,
        score,
        f"Both losses rise: {numbers}. That is not memorising.",
    )


def _smooth(values: Sequence[float], i: int) -> float:
    """The value at i; the median of three neighbours where the curve is long enough for that to lose nothing."""
    if len(values) < 8 or i in {0, len(values) - 1}:
        return values[i]
    return median(values[i - 1 : i + 2])


def _noise(values: Sequence[float]) -> float:
    """Standard deviation of the curve's jitter, from second differences, which a straight trend doesn't touch."""
    bends = [abs(values[i - 1] - 2 * values[i] + values[i + 1]) for i in range(1, len(values) - 1)]
    if len(bends) < 6:
        return 0.0
    return 1.4826 * median(bends) / math.sqrt(6)
