"""Eight noisy pairs of curves side by side: which of them overfit?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from aitrain_nb.lessons.experiments import noisy_digits
from aitrain_nb.plots import BLUE, ORANGE
from aitrain_nb.plots.base import add_axes, new_page
from aitrain_nb.widgets.explorable import Explorable, Range, Switch

if TYPE_CHECKING:
    from aitrain_nb.figures import Picture

_CLEAN, _NOISY, _CHANCE = noisy_digits.RECIPES
_ALL = 360
_RISE = 0.1
"""Rise of the validation loss on all digits, as a share of its lowest, that counts as overfitting here."""


class Pair(NamedTuple):
    """One of the eight.

    Attributes:
        run: of `noisy_digits.RECIPES`.
        first: number of its first validation digit.
        seen: evaluations that are shown.
    """

    run: str
    first: int
    seen: int

    def curves(self, digits: int) -> tuple[list[float], list[float]]:
        """Training and validation loss, judged by so many digits."""
        import torch

        places = (self.first + torch.arange(digits)) % _ALL
        training, validation = noisy_digits.watched(self.run).curves(places)
        return training[: self.seen], validation[: self.seen]

    @property
    def overfits(self) -> bool:
        """Whether the loss on all validation digits ends far above its lowest while the training loss still falls."""
        training, validation = self.curves(_ALL)
        end, low = sum(validation[-2:]) / 2, min(validation)
        return end > (1 + _RISE) * low and training[-1] < training[validation.index(low)]


EIGHT = (
    Pair(_NOISY, 240, 16), Pair(_CLEAN, 80, 14), Pair(_NOISY, 0, 5), Pair(_CHANCE, 160, 14),
    Pair(_CLEAN, 200, 7), Pair(_NOISY, 160, 16), Pair(_NOISY, 320, 16), Pair(_CLEAN, 280, 14),
)  # fmt: skip


def overfitting_ones() -> set[int]:
    """The numbers, from 1, of those that overfit."""
    return {number for number, pair in enumerate(EIGHT, 1) if pair.overfits}


class EightCurves(Explorable):
    """Eight real pairs of curves, each judged by its own validation digits; a switch tells which overfit.

    Example:
        EightCurves().set(digits=360)
    """

    def __init__(self) -> None:
        for name in noisy_digits.RECIPES:
            noisy_digits.watched(name)
        super().__init__(
            _draw, "Eight pairs of curves",
            digits=Range(40, "Validation digits behind each curve", min=40, max=_ALL, step=40, help="More digits, less noise."),
            answers=Switch(False, "Show which overfit", "Answer first."),
        )  # fmt: skip


def _draw(digits: int, answers: bool) -> Picture:
    told = overfitting_ones() if answers else set()
    figure = new_page("Eight runs", f"blue: training, orange dashed: validation on {digits} digits", 820, 330)
    for number, pair in enumerate(EIGHT, 1):
        column, row = (number - 1) % 4, (number - 1) // 4
        axis = add_axes(figure, 40 + 200 * column, 180 - 145 * row, 10 + 200 * (3 - column), 65 + 145 * row)
        training, validation = pair.curves(digits)
        epochs = range(1, len(training) + 1)
        axis.plot(epochs, training, color=BLUE, linewidth=1.6)
        axis.plot(epochs, validation, color=ORANGE, linestyle="--", linewidth=1.8)
        axis.set_xlim(0.5, 16.5)
        axis.set_xticks([])
        axis.locator_params(axis="y", nbins=3)
        verdict = "" if not answers else ": overfits" if number in told else ": does not"
        axis.set_title(
            f"{number}{verdict}", fontsize=9.5, loc="left", fontweight="bold" if number in told else "normal"
        )
    shown = ", ".join(map(str, sorted(told)))
    ends = "; ".join(
        f"{number}: lowest {min(validation):.2f}, end {validation[-1]:.2f}"
        for number, validation in ((place, pair.curves(digits)[1]) for place, pair in enumerate(EIGHT, 1))
    )
    figure.description = f"Validation loss on {digits} digits. {ends}." + (f" Overfitting: {shown}." if answers else "")
    return figure
