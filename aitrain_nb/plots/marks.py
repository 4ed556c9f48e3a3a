"""What happened in a run, on its axes: shaded regions, rings, upright lines and crosses, with the words that find room."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from aitrain_nb.plots.base import DARK_ORANGE, GREY, INK, ORANGE
from aitrain_nb.plots.labels import Box

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from aitrain_nb.annotations import Annotation
    from aitrain_nb.plots.labels import Labels

_APART = 10
"""Pixels between two marks."""
_MANY = 12
"""Upright lines from which they are drawn lighter, and get words only where next to nothing lies under them."""
_COVERED = 6
"""Points of curves that is."""


def apart(axis: Axes, x: np.ndarray) -> list[int]:
    """The places of points that stand apart, the last one among them."""
    pixels = axis.transData.transform(np.column_stack([x, np.zeros(len(x))]))[:, 0]
    shown: list[int] = []
    for place in range(len(x) - 1, -1, -1):
        if not shown or pixels[shown[-1]] - pixels[place] >= _APART:
            shown.append(place)
    return shown[::-1]


def is_upright(note: Annotation) -> bool:
    """Whether it is about one step, over the whole height."""
    return note.end is None and note.value is None


def draw_uprights(axis: Axes, notes: Sequence[Annotation]) -> None:
    """A line across at everything that happened at one step."""
    steps = [note.step for note in notes if is_upright(note)]
    many = len(steps) > _MANY
    for step in steps:
        axis.axvline(step, color=GREY, linestyle="-.", linewidth=0.6 if many else 0.9, alpha=0.6 if many else 1)


def mark_lost(labels: Labels, steps: np.ndarray) -> None:
    """A cross at the top for each evaluation whose loss is no finite number."""
    if not len(steps):
        return
    axis = labels.axis
    top = axis.get_xaxis_transform()
    shown = steps[apart(axis, steps)]
    height = labels.room.top - 8
    share = (height - labels.room.bottom) / (labels.room.top - labels.room.bottom)
    axis.plot(
        shown,
        [share] * len(shown),
        "x",
        color=DARK_ORANGE,
        markersize=7,
        markeredgewidth=2,
        transform=top,
        clip_on=False,
    )
    for x in labels.pixels(shown, np.full(len(shown), axis.get_ylim()[0]))[:, 0]:
        labels.block(x, height, 7)


def say(labels: Labels, notes: Sequence[Annotation]) -> None:
    """Marks for all notes, and words for those that find room, the most important first; the caption has the others."""
    draw_uprights(labels.axis, notes)
    for note in notes:
        if is_upright(note):
            labels.line_at(labels.pixel(note.step)[0])
        elif note.value is not None:
            labels.block(*labels.pixel(note.step, note.value), 8)
    most = _COVERED if sum(map(is_upright, notes)) > _MANY else 1 << 30
    for note in sorted(notes, key=lambda note: note.rank):
        if note.end is not None:
            _name_region(labels, note, note.end)
        elif note.value is not None:
            _name_point(labels, note, note.value)
        elif (box := labels.beside(note.text, labels.pixel(note.step)[0], most)) is not None:
            labels.write(note.text, box, upright=True, color=INK)


def say_guess(labels: Labels, classes: int) -> None:
    """What a model that knows nothing pays, as a line with its words."""
    guess = math.log(classes)
    low, high = labels.axis.get_ylim()
    if not low < guess < high:
        return
    labels.axis.axhline(guess, color=GREY, linestyle=":", linewidth=1)
    words = f"knows nothing: ln {classes}"
    box = labels.along(words, labels.pixel(low, guess)[1])
    if box is not None:
        labels.write(words, box, color=INK)


def _name_region(labels: Labels, note: Annotation, end: float) -> None:
    """A shaded and hatched region, with its words in the row above the axes."""
    labels.axis.axvspan(
        note.step, end, facecolor=ORANGE, alpha=0.12, hatch="//", edgecolor=ORANGE, linewidth=0, zorder=0
    )
    room = labels.room
    shorter = note.text.split(" (")[0]
    for words in (note.text, shorter, shorter.removeprefix("validation ")):
        wide, high = labels.measure(words)
        if wide <= room.right - room.left:
            box = Box(room.right - wide, room.top + 4, room.right, room.top + 4 + high)
            labels.write(words, box, color=DARK_ORANGE)
            return


def _name_point(labels: Labels, note: Annotation, value: float) -> None:
    """A ring around a point of the validation curve, with its words near it and a line between."""
    labels.axis.plot(
        [note.step], [value], "o", markersize=10, markerfacecolor="none", markeredgecolor=INK, markeredgewidth=1.6
    )
    x, y = labels.pixel(note.step, value)
    box = labels.around(note.text, x, y)
    if box is None:
        return
    labels.write(note.text, box, color=INK)
    to = (min(max(x, box.left + 6), box.right - 6), box.bottom if box.bottom > y else box.top)
    away = math.dist(to, (x, y))
    start = (x + (to[0] - x) * 7 / away, y + (to[1] - y) * 7 / away)
    ends = labels.figure.transFigure.inverted().transform(np.array([start, to]))
    labels.axis.plot(*ends.T, color=INK, linewidth=1, transform=labels.figure.transFigure)
