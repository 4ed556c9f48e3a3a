"""Lines that have to be told apart: a band over the seeds, and the names right of the axes, where each line ends."""

from __future__ import annotations

from itertools import islice
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from aitrain_nb.lettering import plain, shortened, visible
from aitrain_nb.plots.base import INK, LINES
from aitrain_nb.plots.labels import PIXELS_PER_INCH, POINT_SIZE, Labels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from aitrain_nb.figures import Picture

_APART = 16
"""Pixels between two names, at least."""
_LETTERS = 22


class Curve(NamedTuple):
    """A line as it is drawn: where it ends, and its looks."""

    name: str
    colour: str
    marker: str
    end: tuple[float, float]


def draw_band(axis: Axes, place: int, name: str, runs: Mapping[int, Sequence[float]]) -> Curve:
    """A line through the medians and a band from the lowest to the highest of each; a second round of colours has other markers."""
    colour, style, _ = LINES[place % len(LINES)]
    marker = next(islice((one for _, _, one in LINES * 2), place % len(LINES) + place // len(LINES), None))
    numbers = sorted(runs)
    medians = [median(runs[number]) for number in numbers]
    axis.fill_between(numbers, [min(runs[number]) for number in numbers], [max(runs[number]) for number in numbers],
                      color=colour, alpha=0.14, linewidth=0)  # fmt: skip
    axis.plot(numbers, medians, color=colour, linestyle=style, linewidth=1.8, marker=marker, markersize=5.5)
    return Curve(name, colour, marker, (float(numbers[-1]), medians[-1]))


def write_names(figure: Picture, axis: Axes, curves: Sequence[Curve], room: int) -> None:
    """Each name right of the axes, at the height where its line ends, pushed apart where they would lie on each other."""
    wide, high = figure.get_size_inches() * PIXELS_PER_INCH
    box, labels = axis.get_window_extent(), Labels(figure, axis)
    ends = [axis.transData.transform(curve.end) for curve in curves]
    wanted = [float(np.clip(end[1], box.y0, box.y1)) for end in ends]
    order = sorted(range(len(curves)), key=lambda place: wanted[place])
    heights = _apart([wanted[place] for place in order], box.y0 - 20, box.y1 + 20)
    for place, height in zip(order, heights, strict=True):
        curve, left = curves[place], box.x1 + 22
        words = _fitting(labels, curve.name, room - 36)
        start = (float(ends[place][0]) + 3, wanted[place])
        points = np.array([start, (box.x1 + 6, height), (left - 3, height)]) / (wide, high)
        axis.plot(
            *points.T, color=curve.colour, linewidth=0.8, linestyle=":", transform=figure.transFigure, clip_on=False
        )
        axis.plot(
            [(left + 3) / wide],
            [height / high],
            curve.marker,
            color=curve.colour,
            markersize=6,
            transform=figure.transFigure,
            clip_on=False,
        )
        axis.text((left + 11) / wide, height / high, words, color=INK, fontsize=POINT_SIZE,
                  va="center", transform=figure.transFigure)  # fmt: skip


def _fitting(labels: Labels, name: str, room: int) -> str:
    """As much of a name as so many pixels hold; a letter outside ASCII may come from any font, and counts as a wide one."""

    def wide(letters: int) -> float:
        return labels.measure("".join(one if one.isascii() else "W" for one in visible(shortened(name, letters))))[0]

    return plain(name, next((letters for letters in range(_LETTERS, 2, -1) if wide(letters) <= room), 2))


def _apart(wanted: Sequence[float], low: float, high: float) -> list[float]:
    """Heights near the wanted ones, which rise, at least `_APART` from each other, and within the limits where there is room."""
    apart = min(_APART, (high - low) / max(1, len(wanted)))
    found: list[float] = []
    for height in wanted:
        found.append(max(height, found[-1] + apart) if found else height)
    limit = high
    for place in reversed(range(len(found))):
        found[place] = min(found[place], limit)
        limit = found[place] - apart
    return found
