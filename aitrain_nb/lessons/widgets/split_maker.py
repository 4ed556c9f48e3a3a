"""A leak: digits that stand in training and in validation, and what the validation score then says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aitrain_nb.lessons.experiments import noisy_digits
from aitrain_nb.lessons.experiments.pair_pictures import draw_pair, new_pair
from aitrain_nb.plots import GREY
from aitrain_nb.widgets.explorable import Explorable, Pick, Range

if TYPE_CHECKING:
    from aitrain_nb.figures import Picture

_NAMES = tuple(noisy_digits.RECIPES)
_ASIDE = 60
"""Digits in the validation set of this picture."""


class SplitMaker(Explorable):
    """A validation set of 60 digits, of which some also stand in training; the losses are those of a real run.

    Example:
        SplitMaker().set(leak=0.5)
    """

    def __init__(self) -> None:
        for name in _NAMES:
            noisy_digits.watched(name)
        super().__init__(
            _draw, "A leak", labels=Pick(_NAMES[1], "Labels", _NAMES),
            leak=Range(0, "Validation digits that also stand in training", min=0, max=100, step=5, unit="%"),
        )  # fmt: skip


def _draw(labels: str, leak: int) -> Picture:
    run = noisy_digits.watched(labels)
    copies = round(_ASIDE * leak / 100)
    fresh = _ASIDE - copies
    told = ((run.training[:, :copies].sum(1) + run.validation[:, :fresh].sum(1)) / _ASIDE).tolist()
    right = (int(run.training_right[-1, :copies].sum()) + int(run.validation_right[-1, :fresh].sum())) / _ASIDE
    training, honest = run.curves()
    figure, axis = new_pair(f"{copies} of {_ASIDE} validation digits are copies", run.epochs, training, honest)
    axis.plot(
        run.epochs, honest, color=GREY, linestyle=":", linewidth=1.6, label="300 digits more, none of them copied"
    )
    draw_pair(axis, run.epochs, training, told, told.index(min(told)))
    truth = float(run.validation_right[-1, _ASIDE:].float().mean())
    figure.description = (
        f"{copies} of {_ASIDE} validation digits also stand in training. They say: {right:.0%} right, loss {told[-1]:.2f}. "
        f"On 300 digits of which none is copied: {truth:.0%} right, loss {float(run.validation[-1, _ASIDE:].mean()):.2f}."
    )
    return figure
