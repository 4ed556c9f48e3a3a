"""An empty picture, and the colours and lines of all of them: the Okabe-Ito palette; lines also differ in style."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from aitrain_nb.figures import Picture

BLUE, ORANGE, GREEN, PURPLE, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#767676"
DARK_ORANGE = "#A84A00"
"""Of the same hue, dark enough for words on white (5.8 : 1)."""
INK = "#333333"
"""Words in a picture."""
LINES = list(
    zip((BLUE, ORANGE, GREEN, PURPLE, GREY, "black"), ("-", "--", "-.", ":", "-", "--"), "os^DvP", strict=True)
)
"""Colour, line style and marker of lines that have to be told apart."""
PANELS = 12
"""Small pictures beside each other that stay readable."""


def new_figure(width: float = 7.0, height: float = 3.2, columns: int = 1) -> tuple[Picture, list[Axes]]:
    """An empty picture with its axes; sizes in inches."""
    from aitrain_nb.figures import Picture

    figure = Picture(figsize=(width, height), layout="constrained")
    axes = [figure.add_subplot(1, columns, column + 1) for column in range(columns)]
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(visible=True, alpha=0.25, linewidth=0.6)
    return figure, axes
