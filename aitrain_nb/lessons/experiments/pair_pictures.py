"""How the lessons draw a training and a validation loss: one scale for a whole run, whatever part of it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aitrain_nb.plots import BLUE, ORANGE
from aitrain_nb.plots.base import add_axes, new_page
from aitrain_nb.plots.scales import limits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from aitrain_nb.figures import Picture


_WIDE, _HIGH = 672, 280


def new_pair(title: str, epochs: Sequence[float], *curves: Sequence[float]) -> tuple[Picture, Axes]:
    """An empty picture with room for all of these curves.

    Args:
        title: what is to be seen.
        epochs: of the whole run.
        curves: of the whole run, nats.
    """
    figure = new_page(title, "", _WIDE, _HIGH)
    axis = add_axes(figure, 52, 42, 10, 30)
    axis.set_xlim(*limits(epochs[0], epochs[-1]))
    axis.set_ylim(*limits(min(map(min, curves)), max(map(max, curves))))
    axis.set(xlabel="epoch", ylabel="loss (nats)")
    return figure, axis


def draw_pair(
    axis: Axes, epochs: Sequence[float], training: Sequence[float], validation: Sequence[float], best: int
) -> None:
    """Two curves, and a mark at the lowest validation loss.

    Args:
        axis: to draw on.
        epochs: completed.
        training: loss, nats.
        validation: the same.
        best: 0-based place of the mark.
    """
    axis.plot(epochs, training, color=BLUE, linewidth=1.8, label="training")
    axis.plot(epochs, validation, color=ORANGE, linestyle="--", linewidth=1.8, label="validation")
    axis.plot([epochs[best]], [validation[best]], "o", color=ORANGE, markersize=8, markeredgecolor="white", zorder=5)
    axis.legend(loc="best", fontsize=8.5, frameon=False)
