"""Every epoch of a run on a shelf: which one would you ship?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aitrain_nb.lessons.experiments.noisy_digits import RECIPES, watched
from aitrain_nb.lessons.experiments.pair_pictures import draw_pair, new_pair
from aitrain_nb.plots import GREY
from aitrain_nb.widgets.explorable import Explorable, Pick, Range

if TYPE_CHECKING:
    from aitrain_nb.figures import Picture

_RUN = tuple(RECIPES)[1]
_CHOSEN = 180
"""Validation digits that choose; the others are the customers."""
_BY = ("your own choice", "lowest validation loss", "highest validation accuracy", "lowest training loss")


class CheckpointShelf(Explorable):
    """16 checkpoints of a real run: choose one by 180 digits, and see what it is worth on 180 others.

    Example:
        CheckpointShelf().set(by="lowest validation loss")
    """

    def __init__(self) -> None:
        watched(_RUN)
        super().__init__(
            _draw, "Which one do you ship?", epoch=Range(16, "Your epoch", min=1, max=16, step=1),
            by=Pick(_BY[0], "Choose by", _BY),
        )  # fmt: skip


def _draw(epoch: int, by: str) -> Picture:
    run = watched(_RUN)
    training, validation = run.curves(slice(_CHOSEN))
    right = run.validation_right.float()
    accuracy = right[:, :_CHOSEN].mean(1).tolist()
    places = {
        _BY[0]: epoch - 1,
        _BY[1]: validation.index(min(validation)),
        _BY[2]: accuracy.index(max(accuracy)),
        _BY[3]: training.index(min(training)),
    }
    chosen = places[by]
    figure, axis = new_pair(f"Epoch {chosen + 1} goes to the customers", run.epochs, training, validation)
    draw_pair(axis, run.epochs, training, validation, chosen)
    axis.axvline(run.epochs[chosen], color=GREY, linewidth=1.2)
    loss, score = float(run.validation[chosen, _CHOSEN:].mean()), float(right[chosen, _CHOSEN:].mean())
    figure.description = (
        f"Chosen by {by}: epoch {chosen + 1}, training loss {training[chosen]:.2f}, validation loss {validation[chosen]:.2f}. "
        f"On 180 digits that chose nothing: loss {loss:.2f}, {score:.0%} right."
    )
    return figure
