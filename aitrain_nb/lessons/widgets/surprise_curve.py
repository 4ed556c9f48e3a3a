"""The curve -ln p: how surprising the right answer was, for the probability that it had been given."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from aitrain_nb import plots
from aitrain_nb.plots.base import add_axes, new_page
from aitrain_nb.widgets.explorable import Explorable, Range

if TYPE_CHECKING:
    from aitrain_nb.figures import Picture

_LEAST = 0.001


class SurpriseCurve(Explorable):
    """Move the probability of the right answer and see the loss.

    Example:
        SurpriseCurve().set(p=0.01)
    """

    def __init__(self) -> None:
        super().__init__(
            _picture, "Surprise", p=Range(0.4, "The right answer got", min=_LEAST, max=1, step=0.001, help="A probability.")
        )  # fmt: skip


def _picture(p: float) -> Picture:
    loss, sides = abs(math.log(p)), 1 / p
    said = f"probability {p:.3g}: loss -ln {p:.3g} = {loss:.2f} nats, the surprise of a die with {sides:.3g} sides"
    figure = new_page("", "", 640, 250)
    axis = add_axes(figure, 52, 44, 14, 14)
    places = [_LEAST * (1 / _LEAST) ** (place / 200) for place in range(201)]
    axis.plot(places, [-math.log(place) for place in places], color=plots.BLUE)
    axis.plot([p, p], [0, loss], color=plots.ORANGE, linestyle=":")
    axis.plot([0, p], [loss, loss], color=plots.ORANGE, linestyle=":")
    axis.plot([p], [loss], "o", color=plots.ORANGE, markersize=9)
    axis.set(
        xlabel="probability that the right answer got", ylabel="loss (nats)", xlim=(-0.01, 1.02), ylim=(-0.15, 7.2)
    )
    figure.description = f"The right answer got {said}."
    return figure
