"""Two curves as they grow: what could one know after so many evaluations?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aitrain_nb import overfitting
from aitrain_nb.lessons.experiments import noisy_digits
from aitrain_nb.lessons.experiments.pair_pictures import draw_pair, new_pair
from aitrain_nb.plots import ORANGE
from aitrain_nb.widgets.explorable import Explorable, Pick, Range

if TYPE_CHECKING:
    from aitrain_nb.figures import Picture

_NAMES = tuple(noisy_digits.RECIPES)
_IN_WORDS = {"none": "not overfitting", "rising": "rising, not yet overfitting", "overfitting": "overfitting"}


class CurvePair(Explorable):
    """Training and validation loss of three real runs, up to an evaluation, and what the detector says of them so far.

    Example:
        CurvePair().set(labels="clean labels", seen=14)
    """

    def __init__(self) -> None:
        for name in _NAMES:  # trained now, so that no dial has to wait
            noisy_digits.watched(name)
        super().__init__(
            _draw, "Two curves and a verdict", labels=Pick(_NAMES[1], "Labels", _NAMES),
            seen=Range(6, "Evaluations so far", min=3, max=16, step=1),
            digits=Range(360, "Validation digits", min=20, max=360, step=20, help="Few digits make a noisy curve."),
        )  # fmt: skip


def _draw(labels: str, seen: int, digits: int) -> Picture:
    run = noisy_digits.watched(labels)
    training, validation = run.curves(slice(digits))
    seen = min(seen, len(run.epochs))
    verdict = overfitting.check(training[:seen], validation[:seen])
    best = verdict.best_epoch or 1
    figure, axis = new_pair(f"Verdict so far: {_IN_WORDS[verdict.degree]}", run.epochs, training, validation)
    training, validation = training[:seen], validation[:seen]
    draw_pair(axis, run.epochs[:seen], training, validation, best - 1)
    if verdict.overfitting and verdict.onset_epoch:
        axis.axvspan(run.epochs[best - 1], run.epochs[seen - 1], color=ORANGE, alpha=0.12, linewidth=0)
    figure.description = (
        f"After epoch {run.epochs[seen - 1]:.0f} the training loss is {training[-1]:.2f} and the validation loss "
        f"{validation[-1]:.2f} on {digits} digits; it was lowest, {validation[best - 1]:.2f}, in epoch {run.epochs[best - 1]:.0f}. "
        f"Verdict so far: {_IN_WORDS[verdict.degree]}."
    )
    return figure
