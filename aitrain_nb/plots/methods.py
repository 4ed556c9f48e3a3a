"""Ways to learn from a few examples: score against examples a class, a band over the seeds."""

from __future__ import annotations

from itertools import islice
from statistics import median
from typing import TYPE_CHECKING

from aitrain_nb.plots.base import GREY, INK, LINES
from aitrain_nb.plots.labels import PIXELS_PER_INCH, POINT_SIZE
from aitrain_nb.plots.line_names import Curve, write_names
from aitrain_nb.plots.scales import few_ticks, limits, short

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from aitrain_nb.figures import Picture

_LEFT, _ABOVE, _BELOW, _RIGHT, _NARROWEST, _LOWEST = 64, 46, 44, 176, 420, 260


def methods(
    scores: Mapping[str, Mapping[int, Sequence[float]]], majority: float, *, description: str = "", width: int = 860, height: int = 380
) -> Picture:  # fmt: skip
    """Accuracy of several methods against examples a class, on a logarithmic axis.

    Args:
        scores: method -> examples a class -> accuracy of each seed, 0 to 1; the line goes through the medians, the band from the
            lowest to the highest.
        majority: accuracy of always naming the most frequent class, drawn as a level.
        description: what the picture says.
        width: in pixels of the page, 1/96 inch; at least 420.
        height: the same; at least 260.
    """
    from aitrain_nb.figures import Picture

    width, height = max(_NARROWEST, width), max(_LOWEST, height)
    figure = Picture(figsize=(width / PIXELS_PER_INCH, height / PIXELS_PER_INCH), dpi=PIXELS_PER_INCH)
    figure.is_drawing, figure.description = True, description
    axis = figure.add_axes(
        (_LEFT / width, _BELOW / height, (width - _LEFT - _RIGHT) / width, (height - _BELOW - _ABOVE) / height)
    )
    axis.spines[["top", "right"]].set_visible(False)
    axis.spines[["left", "bottom"]].set_color(GREY)
    axis.grid(visible=True, alpha=0.25, linewidth=0.6)
    axis.tick_params(labelsize=8.5, labelcolor=INK, color=GREY, length=3)
    figure.suptitle("Accuracy of each method", x=4 / width, y=1 - 4 / height, ha="left", va="top", fontsize=10)
    figure.text(4 / width, 1 - 24 / height, "line: median, band: lowest to highest seed, dotted: always the most frequent class",
                ha="left", va="top", fontsize=8.5, color=INK)  # fmt: skip
    _set_scales(axis, scores, majority)
    curves = [_draw(axis, place, name, runs) for place, (name, runs) in enumerate(scores.items())]
    write_names(figure, axis, curves, _RIGHT)
    return figure


def _set_scales(axis: Axes, scores: Mapping[str, Mapping[int, Sequence[float]]], majority: float) -> None:
    from matplotlib.ticker import FixedLocator, NullLocator

    axis.set(xlabel="examples a class", ylabel="validation accuracy", xscale="log")
    axis.xaxis.label.set_fontsize(POINT_SIZE)
    axis.yaxis.label.set_fontsize(POINT_SIZE)
    numbers = sorted({number for runs in scores.values() for number in runs})
    values = [score for runs in scores.values() for seeds in runs.values() for score in seeds]
    if not numbers:
        axis.text(0.5, 0.5, "nothing was measured", transform=axis.transAxes, ha="center", fontsize=POINT_SIZE)
        return
    axis.set_xlim(numbers[0] / 1.15, numbers[-1] * 1.15)
    axis.xaxis.set_major_locator(FixedLocator([float(number) for number in numbers]))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(short())
    axis.set_ylim(*limits(min(*values, majority), max(*values, majority)))
    axis.yaxis.set_major_locator(few_ticks(5))
    axis.yaxis.set_major_formatter(short())
    axis.axhline(majority, color=GREY, linewidth=1.2, linestyle=":")


def _draw(axis: Axes, place: int, name: str, runs: Mapping[int, Sequence[float]]) -> Curve:
    """Line and band of a method; a second round of colours has the markers of others."""
    colour, style, _ = LINES[place % len(LINES)]
    marker = next(islice((one for _, _, one in LINES * 2), place % len(LINES) + place // len(LINES), None))
    numbers = sorted(runs)
    medians = [median(runs[number]) for number in numbers]
    axis.fill_between(numbers, [min(runs[number]) for number in numbers], [max(runs[number]) for number in numbers],
                      color=colour, alpha=0.14, linewidth=0)  # fmt: skip
    axis.plot(numbers, medians, color=colour, linestyle=style, linewidth=1.8, marker=marker, markersize=5.5)
    return Curve(name, colour, marker, (float(numbers[-1]), medians[-1]))
