"""Early stopping: how long to wait for a better epoch, and what it costs to wait too short or too long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aitrain_nb.lessons.experiments import noisy_digits
from aitrain_nb.lessons.experiments.pair_pictures import draw_pair, new_pair
from aitrain_nb.plots import GREY
from aitrain_nb.widgets.explorable import Explorable, Pick, Range

if TYPE_CHECKING:
    from aitrain_nb.figures import Picture

_NAMES = tuple(noisy_digits.RECIPES)[:2]


class EarlyStop(Explorable):
    """Where a patience would have ended a real run, which epoch it keeps, and what that epoch is worth on all 360 digits.

    Example:
        EarlyStop().set(patience=1, digits=40)
    """

    def __init__(self) -> None:
        for name in _NAMES:
            noisy_digits.watched(name)
        super().__init__(
            _draw, "Early stopping", labels=Pick(_NAMES[0], "Labels", _NAMES),
            patience=Range(1, "Patience", min=1, max=10, step=1, unit="evaluations", help="Evaluations to wait for a new best."),
            digits=Range(40, "Validation digits", min=20, max=360, step=20, help="Few digits make a noisy curve."),
        )  # fmt: skip


def stopped(validation: list[float], patience: int) -> tuple[int, int]:
    """The 0-based evaluations at which a patience ends a run, and which it keeps.

    >>> stopped([3.0, 2.0, 2.5, 1.0], patience=1), stopped([3.0, 2.0, 2.5, 1.0], patience=2)
    ((2, 1), (3, 3))
    """
    best = 0
    for now, loss in enumerate(validation):
        if loss < validation[best]:
            best = now
        if now - best >= patience:
            return now, best
    return len(validation) - 1, best


def _draw(labels: str, patience: int, digits: int) -> Picture:
    run = noisy_digits.watched(labels)
    training, validation = run.curves(slice(digits))
    _, judged = run.curves()
    end, kept = stopped(validation, patience)
    spared = len(run.epochs) - 1 - end
    says = (
        f"It stops after epoch {end + 1} and keeps epoch {kept + 1}"
        if spared
        else f"It never stops, and keeps epoch {kept + 1}"
    )
    figure, axis = new_pair(says, run.epochs, training, validation)
    draw_pair(axis, run.epochs[: end + 1], training[: end + 1], validation[: end + 1], kept)
    axis.plot(run.epochs[end:], validation[end:], color=GREY, linestyle=":", linewidth=1.4)
    axis.axvline(run.epochs[end], color=GREY, linewidth=1.2)
    figure.description = (
        f"{says}. On all 360 digits that epoch has loss {judged[kept]:.2f}; the lowest of the run is {min(judged):.2f}. "
        f"Epochs that were spared: {spared} of {len(run.epochs)}. Dotted: what would have come."
    )
    return figure
