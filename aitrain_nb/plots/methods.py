"""Ways to learn from a few examples: score against examples a class, a band over the seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aitrain_nb.plots.base import GREY, add_axes, new_page, say_empty
from aitrain_nb.plots.line_names import draw_band, write_names
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
    width, height = max(_NARROWEST, width), max(_LOWEST, height)
    note = "line: median, band: lowest to highest seed, dotted: always the most frequent class"
    figure = new_page("Accuracy of each method", note, width, height)
    figure.description = description
    axis = add_axes(figure, _LEFT, _BELOW, _RIGHT, _ABOVE)
    _set_scales(axis, scores, majority)
    curves = [draw_band(axis, place, name, runs) for place, (name, runs) in enumerate(scores.items())]
    write_names(figure, axis, curves, _RIGHT)
    return figure


def _set_scales(axis: Axes, scores: Mapping[str, Mapping[int, Sequence[float]]], majority: float) -> None:
    from matplotlib.ticker import FixedLocator, NullLocator

    axis.set(xlabel="examples a class", ylabel="validation accuracy", xscale="log")
    numbers = sorted({number for runs in scores.values() for number in runs})
    values = [score for runs in scores.values() for seeds in runs.values() for score in seeds]
    if not numbers:
        say_empty(axis, "nothing was measured")
        return
    axis.set_xlim(numbers[0] / 1.15, numbers[-1] * 1.15)
    axis.xaxis.set_major_locator(FixedLocator([float(number) for number in numbers]))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(short())
    axis.set_ylim(*limits(min(*values, majority), max(*values, majority)))
    axis.yaxis.set_major_locator(few_ticks(5))
    axis.yaxis.set_major_formatter(short())
    axis.axhline(majority, color=GREY, linewidth=1.2, linestyle=":")
