"""An empty picture, and the colours and lines of all of them: the Okabe-Ito palette; lines also differ in style."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aitrain_nb.plots.labels import PIXELS_PER_INCH, POINT_SIZE

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


def new_page(title: str, note: str, width: int, height: int) -> Picture:
    """An empty drawing with a title and a line of words under it; sizes in pixels of the page, 1/96 inch."""
    from aitrain_nb.figures import Picture

    figure = Picture(figsize=(width / PIXELS_PER_INCH, height / PIXELS_PER_INCH), dpi=PIXELS_PER_INCH)
    figure.is_drawing = True
    figure.suptitle(title, x=4 / width, y=1 - 4 / height, ha="left", va="top", fontsize=10)
    figure.text(4 / width, 1 - 24 / height, note, ha="left", va="top", fontsize=8.5, color=INK)
    return figure


def add_axes(figure: Picture, left: float, below: float, right: float, above: float) -> Axes:
    """Axes with so much room around them, in pixels: no box, a light grid, small numbers."""
    wide, high = figure.get_size_inches() * PIXELS_PER_INCH
    axis = figure.add_axes((left / wide, below / high, (wide - left - right) / wide, (high - below - above) / high))
    style_axes(axis)
    return axis


def style_axes(axis: Axes) -> None:
    """No box, a light grid, small numbers."""
    axis.spines[["top", "right"]].set_visible(False)
    axis.spines[["left", "bottom"]].set_color(GREY)
    axis.grid(visible=True, alpha=0.25, linewidth=0.6)
    axis.tick_params(labelsize=8.5, labelcolor=INK, color=GREY, length=3)
    axis.xaxis.label.set_fontsize(POINT_SIZE)
    axis.yaxis.label.set_fontsize(POINT_SIZE)


def say_empty(axis: Axes, words: str) -> None:
    """Words in the middle of axes in which nothing can be drawn."""
    axis.text(0.5, 0.5, words, transform=axis.transAxes, ha="center", fontsize=POINT_SIZE)
