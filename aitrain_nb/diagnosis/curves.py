"""`Curves`: the numbers of a run, whoever wrote them, and what is computed from them again and again."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from aitrain_nb import overfitting

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aitrain_nb.overfitting import Verdict

_BLOCKS = 20
_ENOUGH_STEPS = 12
"""Losses of single steps from which they tell more than those of the evaluations."""


@dataclass(frozen=True, eq=False)
class Curves:
    """The numbers of a run: NaN where one is unknown.

    Attributes:
        name: what they were read from.
        steps: 1-based optimizer step of each training row [n].
        losses: training loss of each row [n], nats.
        rates: learning rate of each row [n].
        norms: L2 norm of the gradient before clipping, of each row [n].
        training: training loss of each evaluation [m].
        validation: validation loss of each evaluation [m].
        accuracies: validation accuracy of each evaluation [m], 0 to 1.
        classes: how many the model chooses between, or None.
        label_loss: entropy of the label shares (nats): what knowing only them costs; None where the labels aren't known.
        majority: accuracy of always naming the most frequent class, or None.
        skipped: steps whose update was left out, since their numbers weren't finite.
    """

    name: str
    steps: NDArray[np.float64]
    losses: NDArray[np.float64]
    rates: NDArray[np.float64]
    norms: NDArray[np.float64]
    training: NDArray[np.float64]
    validation: NDArray[np.float64]
    accuracies: NDArray[np.float64]
    classes: int | None = None
    label_loss: float | None = None
    majority: float | None = None
    skipped: int = 0

    @cached_property
    def main(self) -> Curve:
        """The training loss in its finest form: of the steps where there are enough of them, else of the evaluations."""
        of_steps = self.losses[np.isfinite(self.losses)]
        of_evaluations = self.training[np.isfinite(self.training)]
        use_steps = len(of_steps) >= _ENOUGH_STEPS or len(of_steps) >= len(of_evaluations)
        return Curve(of_steps if use_steps else of_evaluations, "step" if use_steps else "evaluation")

    @cached_property
    def checked(self) -> Curve:
        """The validation loss."""
        return Curve(self.validation[np.isfinite(self.validation)], "evaluation")

    @cached_property
    def verdict(self) -> Verdict:
        """Whether the two losses say that it overfits."""
        return overfitting.check(self.training.tolist(), self.validation.tolist())

    @cached_property
    def baseline(self) -> float | None:
        """What knowing nothing of the input costs, nats: the entropy of the label shares, or ln C."""
        if self.label_loss:
            return self.label_loss
        return float(np.log(self.classes)) if self.classes and self.classes > 1 else None


class Curve:
    """One finite curve, and what it looks like from further away.

    Args:
        values: finite numbers [n].
        unit: what one number belongs to: "step" or "evaluation".
    """

    def __init__(self, values: NDArray[np.float64], unit: str) -> None:
        self.values, self.unit = values, unit

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def blocks(self) -> NDArray[np.float64]:
        """The medians of at most 20 pieces of equal length, in order."""
        return self.pieces(_BLOCKS)

    def pieces(self, most: int) -> NDArray[np.float64]:
        """The medians of at most so many pieces of equal length, in order."""
        if len(self.values) <= most:
            return self.values
        return np.array([np.median(piece) for piece in np.array_split(self.values, most)])

    @cached_property
    def start(self) -> float:
        """Where it began: the first value, or the median of the first few where that is lower; the first step can't have spoilt it."""
        few = max(1, min(5, len(self.values) // 40))
        return float(min(self.values[0], np.median(self.values[:few])))

    @cached_property
    def end(self) -> float:
        """Where it ended: the median of the last tenth."""
        return float(np.median(self.values[-max(1, len(self.values) // 10) :]))

    @cached_property
    def lowest(self) -> float:
        """The lowest of its blocks."""
        return float(self.blocks.min())

    @cached_property
    def peak(self) -> float:
        """The highest median of three neighbours, so that a single odd value is none."""
        if len(self.values) < 3:
            return float(self.values.max())
        return float(np.median(np.lib.stride_tricks.sliding_window_view(self.values, 3), axis=1).max())

    @cached_property
    def level(self) -> float:
        """The median of its sizes."""
        return float(np.median(np.abs(self.values)))

    @cached_property
    def noise(self) -> float:
        """Standard deviation of its jitter, from second differences, which a straight trend doesn't touch."""
        if len(self.values) < 6:
            return 0.0
        return float(1.4826 * np.median(np.abs(np.diff(self.values, 2))) / np.sqrt(6))

    @cached_property
    def end_noise(self) -> float:
        """The same for `end`, a median of several values."""
        return 1.25 * self.noise / float(np.sqrt(max(1, len(self.values) // 10)))

    @cached_property
    def drop(self) -> float:
        """Share of its start that it lost by its end; negative where it rose."""
        return (self.start - self.end) / max(abs(self.start), 1e-12)

    def slope(self, first: float, last: float) -> float:
        """Slope of a straight line through a part of it: share of its start a whole length.

        Args:
            first: where the part begins, 0 to 1.
            last: where it ends.
        """
        count = len(self.values)
        piece = self.values[int(first * count) : max(int(last * count), int(first * count) + 2)]
        if len(piece) < 2:
            return 0.0
        places = np.arange(len(piece)) / count
        return float(np.polyfit(places, piece, 1)[0]) / max(abs(self.start), 1e-12)
