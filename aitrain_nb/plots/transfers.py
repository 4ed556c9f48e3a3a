"""A trained network on a new task: how it learns that over the steps, and what is left of the old one."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from aitrain_nb.lettering import plain
from aitrain_nb.plots.base import GREY, INK, LINES, add_axes, new_page, say_empty
from aitrain_nb.plots.labels import POINT_SIZE
from aitrain_nb.plots.line_names import draw_band, write_names
from aitrain_nb.plots.scales import few_ticks, limits, short

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

_WIDTH, _HEIGHT, _LEFT, _ABOVE, _BELOW = 860, 320, 64, 72, 46
_NAMES, _MIDDLE, _RIGHT = 120, 470, 16
"""Pixels for the names of the lines, to where the right axes begin, and right of them."""
_TITLE = 44
"""Letters of the name of a task."""

if TYPE_CHECKING:
    from aitrain_nb.figures import Picture


def transfer(
    curves: Mapping[str, Mapping[int, Sequence[float]]],
    after: Mapping[str, Sequence[float]],
    before: float,
    *,
    old: str,
    new: str,
    what: str = "accuracy",
    description: str = "",
) -> Picture:
    """Left the new task over the steps, right the old one before and after.

    Args:
        curves: method -> step -> score on the new validation side of each seed; the line goes through the medians, the band from
            the lowest to the highest.
        after: method -> score on the old validation side of each seed; empty where the method never knew the old task.
        before: score of the trained network on the old validation side.
        old: name of the old data.
        new: name of the new data.
        what: the score, with its unit.
        description: what the picture says.
    """
    note = "left: median and band from the lowest to the highest seed; right: from before (dotted) to after, a small mark a seed"
    figure = new_page("What was learned before, on a new task", note, _WIDTH, _HEIGHT)
    figure.description = description
    left = add_axes(figure, _LEFT, _BELOW, _WIDTH - _MIDDLE + _NAMES - 40, _ABOVE)
    right = add_axes(figure, _MIDDLE + 90, _BELOW, _RIGHT, _ABOVE)
    for axis, words in ((left, f"New task: {new}"), (right, f"Old task: {old}")):
        axis.set_title(plain(words, width=_TITLE), fontsize=POINT_SIZE, loc="left", color=INK)
    left.set(xlabel="step", ylabel=what)
    right.set(xlabel=what)
    values = [score for steps in curves.values() for seeds in steps.values() for score in seeds]
    if not values:
        say_empty(left, "nothing was measured")
        say_empty(right, "nothing was measured")
        return figure
    last = max(step for steps in curves.values() for step in steps)
    left.set_xlim(*limits(0.0, float(last), from_zero=True))
    left.set_ylim(*limits(min(values), max(values)))
    left.yaxis.set_major_locator(few_ticks(5))
    left.yaxis.set_major_formatter(short())
    write_names(figure, left, [draw_band(left, *one) for one in _numbered(curves)], _NAMES)
    _draw_old(right, after, before)
    return figure


def _numbered(
    curves: Mapping[str, Mapping[int, Sequence[float]]],
) -> list[tuple[int, str, Mapping[int, Sequence[float]]]]:
    return [(place, name, steps) for place, (name, steps) in enumerate(curves.items()) if steps]


def _draw_old(axis: Axes, after: Mapping[str, Sequence[float]], before: float) -> None:
    """A row a method, the first above: from what the network knew to what it still knows."""
    axis.axvline(before, color=GREY, linewidth=1.4, linestyle=":")
    for place, scores in enumerate(after.values()):
        colour, _, marker = LINES[place % len(LINES)]
        if not scores:
            axis.text(before, place, "never knew it ", ha="right", va="center", fontsize=POINT_SIZE, color=GREY)
            continue
        axis.plot([before, median(scores)], [place, place], color=colour, linewidth=2.4, alpha=0.6)
        axis.plot(scores, [place] * len(scores), marker, color=colour, markersize=4, alpha=0.7, linestyle="none")
        axis.plot([median(scores)], [place], marker, color=colour, markersize=9, markeredgecolor="white")
    axis.set_yticks(range(len(after)), [plain(name, width=14) for name in after])
    axis.set_ylim(len(after) - 0.5, -0.5)
    known = [before, *(score for scores in after.values() for score in scores)]
    axis.set_xlim(*limits(min(known), max(known)))
    axis.xaxis.set_major_locator(few_ticks(4))
    axis.xaxis.set_major_formatter(short())
