"""What a model answers: probabilities, the surprise they are, the classes that are mistaken for each other; bars for anything."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from aitrain_nb import numerals
from aitrain_nb.lettering import letters_wide, plain
from aitrain_nb.plots.base import BLUE, GREY, ORANGE, new_figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from aitrain_nb.figures import Picture


def surprise(p_true: Sequence[float], losses: Sequence[float]) -> Picture:
    """The curve loss = -ln p with one point an example.

    Args:
        p_true: probability given to the right answer, 0 to 1.
        losses: loss of the same examples, nats.
    """
    figure, (axis,) = new_figure()
    figure.is_drawing = True
    floor = max(1e-4, min([0.01, *[p for p in p_true if p > 0]]))
    grid = [floor ** (1 - i / 200) for i in range(201)]
    axis.plot(grid, [-math.log(p) for p in grid], color=GREY, linewidth=1, label="-ln p")
    axis.scatter(p_true, losses, color=ORANGE, s=22, alpha=0.8, zorder=3, label="this batch")
    axis.set(title="How surprised was the model by the right answer?", xlabel="probability given to the right answer",
             ylabel="loss (nats)", xlim=(0, 1.02))  # fmt: skip
    axis.legend(frameon=False)
    figure.description = "The curve -ln p: the smaller the probability of the right answer, the larger the loss."
    if not len(losses):
        figure.description += " There are 0 answers."
    else:
        figure.description += (
            f" {len(losses)} answers got probabilities from {min(p_true):.3g} to {max(p_true):.3g} and losses from "
            f"{max(losses):.3g} to {min(losses):.3g} nats."
        )
    return figure


def bars(names: Sequence[str], values: Sequence[float], title: str, label: str, *, log: bool = False) -> Picture:
    """Horizontal bars with the first name on top and each value written at its end; one that isn't finite has no bar."""
    figure, (axis,) = new_figure(height=max(1.8, 0.34 * len(names) + 1.0))
    figure.is_drawing = True
    positions = list(range(len(names)))[::-1]
    finite = [place for place, value in enumerate(values) if math.isfinite(value)]
    drawn = axis.barh(positions, [values[i] if i in finite else 0.0 for i in range(len(values))], color=BLUE, alpha=0.8)
    axis.bar_label(drawn, labels=[f" {value:.3g}" for value in values], fontsize=8)
    axis.set_yticks(positions, [plain(name, 40, cut="start") for name in names])
    if log and any(values[place] > 0 for place in finite):
        axis.set_xscale("log")
    axis.margins(x=0.12)
    axis.set(title=plain(title), xlabel=plain(label))
    figure.description = f"{title} ({label}): {len(names)} bars."
    if finite:
        low, high = min(finite, key=lambda place: values[place]), max(finite, key=lambda place: values[place])
        figure.description += f" Most: {names[high]}, {values[high]:.3g}. Least: {names[low]}, {values[low]:.3g}."
    lost = len(values) - len(finite)
    if lost:
        figure.description += f" {lost} {'is' if lost == 1 else 'are'} not finite."
    return figure


def probabilities(table: Sequence[Sequence[float]], classes: Sequence[str], rows: Sequence[str]) -> Picture:
    """Probabilities as a heat map: one row an example, one column a class, values 0 to 1; the highest of each row in percent."""
    figure, (axis,) = new_figure(height=max(2.0, 0.26 * len(rows) + 1.2) + _upright(classes, 5.0))
    axis.grid(visible=False)
    strongest = max((value for row in table for value in row if math.isfinite(value)), default=1.0)
    picture = axis.imshow(table if len(table) else [[0.0]], cmap="Blues", vmin=0, vmax=strongest, aspect="auto")
    for row, values in enumerate(table):
        finite = [place for place in range(len(values)) if math.isfinite(values[place])]
        if finite:
            best = max(finite, key=lambda place: values[place])
            axis.text(best, row, f"{100 * values[best]:.0f}", ha="center", va="center", fontsize=7,
                      color="white" if values[best] > 0.55 * strongest else "black")  # fmt: skip
    _name_ticks(axis, "x", classes, 5.0)
    axis.set_yticks(range(len(rows)), [plain(row, 32) for row in rows], fontsize=7)
    axis.set(title="Probability of each class", xlabel="class")
    figure.colorbar(picture, ax=axis, label="probability")
    figure.description = f"{len(rows)} examples, {len(classes)} classes."
    if len(rows):
        known = [(table[row][place], row, place) for row in range(len(rows)) for place in range(len(classes))]
        known = [one for one in known if math.isfinite(one[0])]
        if known:
            sure, row, place = max(known, key=lambda one: one[0])
            figure.description += (
                f" The surest answer is {classes[place]} with {numerals.share(sure)}, for example {rows[row]}."
            )
    return figure


def confusion(matrix: Sequence[Sequence[int]], classes: Sequence[str]) -> Picture:
    """How often each class (row) was taken for each other (column): counts."""
    classes = [str(name) for name in classes]
    side = max(3.6, 0.27 * len(classes))
    wide = 0.65 * _name_size(classes, side) / 72 * max([min(24, letters_wide(name)) for name in classes] or [0])
    figure, (axis,) = new_figure(width=side + 1.2 + wide, height=side + 1.0 + _upright(classes, side))
    axis.grid(visible=False)
    strongest = max((max(row) for row in matrix), default=1) or 1
    axis.imshow(matrix if len(matrix) else [[0]], cmap="Blues", vmin=0, vmax=strongest)
    size = max(4.0, min(8.0, 72 * side / max(1, len(classes)) / (0.7 * len(str(strongest)))))
    for row, counts in enumerate(matrix):
        for column, count in enumerate(counts):
            if count:
                axis.text(column, row, str(count), ha="center", va="center", fontsize=size,
                          color="white" if count > strongest / 2 else "black")  # fmt: skip
    _name_ticks(axis, "x", classes, side)
    _name_ticks(axis, "y", classes, side)
    axis.set(title="Confusion matrix", xlabel="predicted", ylabel="true")
    total, right = sum(map(sum, matrix)), sum(matrix[i][i] for i in range(len(classes)))
    figure.description = f"{right} of {total} examples lie on the diagonal: their class was predicted."
    wrong = [(matrix[t][p], t, p) for t in range(len(classes)) for p in range(len(classes)) if t != p and matrix[t][p]]
    if wrong:
        count, true, predicted = max(wrong)
        times = "once" if count == 1 else f"{count} times"
        figure.description += f" The most frequent mistake: {classes[true]} taken for {classes[predicted]}, {times}."
    return figure


def _name_size(names: Sequence[str], inches: float) -> float:
    """Size of the letters, points, with which so many names fit beside or above each other."""
    return max(4.0, min(9.0, 65 * inches / max(1, len(names))))


def _upright(names: Sequence[str], inches: float) -> float:
    """Height of names below an axis of this length, inches, where they have to stand upright; 0 where they can lie."""
    size = _name_size(names, inches) / 72
    widest = max((min(24, letters_wide(name)) for name in names), default=0)
    return 0.0 if widest * 0.65 * size * len(names) <= inches else widest * 0.65 * size


def _name_ticks(axis: Axes, which: str, names: Sequence[str], inches: float) -> None:
    """Write a name at each whole number of an axis ("x" or "y") of this length."""
    shown, size = [plain(name, 24) for name in names], _name_size(names, inches)
    if which == "y":
        axis.set_yticks(range(len(names)), shown, fontsize=size)
    else:
        axis.set_xticks(range(len(names)), shown, fontsize=size, rotation=90 if _upright(names, inches) else 0)
