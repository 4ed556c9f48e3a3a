"""A run over its steps: loss and validation, learning rate, gradient norm, with words at what happened.

Everything is laid out in pixels of the page, as the live panel lays it out, so that a picture suits the width it gets.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from aitrain_nb import captions
from aitrain_nb.lettering import plain
from aitrain_nb.plots.base import BLUE, GREEN, GREY, ORANGE, PURPLE, style_axes
from aitrain_nb.plots.labels import PIXELS_PER_INCH, POINT_SIZE, Labels
from aitrain_nb.plots.marks import apart, draw_uprights, mark_lost, say, say_guess
from aitrain_nb.plots.run_data import RunData, smooth, thin
from aitrain_nb.plots.scales import few_ticks, limits, short

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from matplotlib.axes import Axes

    from aitrain_nb.annotations import Annotation
    from aitrain_nb.figures import Picture
    from aitrain_nb.history import History

_NARROWEST, _LOWEST = 320, 240
_LEFT, _RIGHT, _ROW, _BELOW = 110, 14, 19, 40
_STRIP, _BETWEEN = 34, 14
_FEW = 3
"""Rows that make no line yet: their points are drawn."""


def loss(
    history: History | pd.DataFrame, title: str = "Loss", classes: int | None = None, notes: Sequence[Annotation] | None = None,
    *, width: int = 672, height: int = 308,
) -> Picture:  # fmt: skip
    """Training and validation loss over the steps of a run; a dotted line where an epoch ends.

    Args:
        history: a `History`, or its `frame()`: columns step, epoch, loss and, where evaluated, eval_loss (nats).
        title: the heading.
        classes: number of classes; draws the loss of a uniform guess, ln C.
        notes: what is to be said at which step, from `aitrain_nb.annotations`; by default a history says it itself.
        width: in pixels of the page, 1/96 inch; at least 320.
        height: the same; at least 240.

    Raises:
        DataError: it is neither.
    """
    data = RunData.of(history, notes)
    figure, (axis,) = _lay_out(title, data, width, height, strips=0)
    _draw_loss(figure, axis, data, classes)
    axis.set_xlabel(_mark_steps(axis, data))
    figure.description = captions.of_loss(data)
    return figure


def run(
    history: History | pd.DataFrame, classes: int | None = None, notes: Sequence[Annotation] | None = None,
    *, width: int = 880, height: int = 400,
) -> Picture:  # fmt: skip
    """A whole run on one axis of steps: loss with its validation, learning rate, gradient norm.

    Args:
        history: a `History`, or its `frame()`: columns step, epoch, loss (nats), lr, grad_norm and, where evaluated, eval_loss.
        classes: number of classes; draws the loss of a uniform guess, ln C.
        notes: what is to be said at which step, from `aitrain_nb.annotations`; by default a history says it itself.
        width: in pixels of the page, 1/96 inch; at least 320.
        height: the same; at least 240.

    Raises:
        DataError: it is neither.
    """
    data = RunData.of(history, notes)
    figure, (top, middle, bottom) = _lay_out("The run", data, width, height, strips=2)
    _draw_loss(figure, top, data, classes)
    _draw_strip(figure, middle, data, data.rate, GREEN, "learning\nrate")
    _draw_strip(figure, bottom, data, data.norm, PURPLE, "gradient\nnorm", may_be_log=True)
    for axis in (top, middle):
        _mark_steps(axis, data)
        axis.tick_params(labelbottom=False)
    bottom.set_xlabel(_mark_steps(bottom, data))
    for axis in (middle, bottom):
        draw_uprights(axis, data.notes)
    figure.description = captions.of_run(data)
    return figure


def _lay_out(title: str, data: RunData, width: int, height: int, strips: int) -> tuple[Picture, list[Axes]]:
    """The picture with its axes: the loss, and strips of the same width under it."""
    from aitrain_nb.figures import Picture

    width, height = max(_NARROWEST, width), max(_LOWEST, height)
    figure = Picture(figsize=(width / PIXELS_PER_INCH, height / PIXELS_PER_INCH), dpi=PIXELS_PER_INCH)
    figure.is_drawing = True
    figure.suptitle(
        plain(title, width=max(10, width // 9)), x=4 / width, y=1 - 4 / height, ha="left", va="top", fontsize=10
    )
    has_region = any(note.end is not None for note in data.notes)
    rows = 2 + has_region
    under = _BELOW + strips * (_STRIP + _BETWEEN)
    heights = [(under, height - _ROW * rows - 6)]
    heights += [
        (_BELOW + place * (_STRIP + _BETWEEN), _BELOW + place * (_STRIP + _BETWEEN) + _STRIP) for place in range(strips)
    ][::-1]
    axes: list[Axes] = []
    for low, high in heights:
        place = (_LEFT / width, low / height, (width - _LEFT - _RIGHT) / width, (high - low) / height)
        axis = figure.add_axes(place, sharex=axes[0] if axes else None)
        style_axes(axis)
        axes.append(axis)
    _set_steps(axes[0], data, width)
    return figure, axes


def _set_steps(axis: Axes, data: RunData, width: int) -> None:
    """The limits of the steps, which are whole numbers, with room for a mark at both ends."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    low, high = (data.step[0], data.step[-1]) if data.span else (0.0, 1.0)
    pad = max(0.5 if low == high else 0.0, 7 * (high - low) / (width - _LEFT - _RIGHT))
    axis.set_xlim(low - pad, high + pad)
    axis.xaxis.set_major_locator(MaxNLocator(nbins=max(2, width // 100), integer=True, min_n_ticks=1))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def _mark_steps(axis: Axes, data: RunData) -> str:
    """Mark where epochs end, where that helps, and give the words for the axis."""
    ends = list(data.epoch_ends().values())
    if not 1 <= len(ends) <= 30 or not data.epoch[-1] > 1:
        return "step"
    axis.vlines(
        ends,
        0,
        1,
        transform=axis.get_xaxis_transform(),
        colors=GREY,
        linestyles=":",
        linewidth=0.7,
        alpha=0.6,
        zorder=0,
    )
    return "step (dotted: an epoch ends)"


def _draw_loss(figure: Picture, axis: Axes, data: RunData, classes: int | None) -> None:
    """The curves of the loss, and the words at them."""
    columns = max(50, round(axis.get_window_extent().width))
    finite = np.isfinite(data.loss)
    steps, losses = data.step[finite], data.loss[finite]
    smoothed = smooth(losses, max(2, len(losses) // 20))
    known = np.isfinite(data.validation)
    evaluated, validation = data.evaluated[known], data.validation[known]
    values = np.concatenate([losses, validation])
    low, high = (values.min(), values.max()) if len(values) else (math.nan, math.nan)
    guess = math.log(classes) if classes and classes > 1 else 0.0
    if guess and guess < high * 1.3:
        low, high = min(low, guess), max(high, guess)
    axis.set_ylim(*limits(low, high))
    axis.yaxis.set_major_locator(few_ticks(max(2, round(axis.get_window_extent().height / 45))))
    axis.yaxis.set_major_formatter(short())
    axis.set_ylabel("loss (nats)", fontsize=POINT_SIZE)
    few: dict[str, Any] = {"marker": "o", "markersize": 5, "clip_on": False} if len(losses) < _FEW else {}
    axis.plot(*thin(steps, losses, columns), color=BLUE, alpha=0.35, linewidth=0.8, **few)
    if len(losses):
        axis.plot(*thin(steps, smoothed, columns), color=BLUE, linewidth=1.8, label="training (bold: smoothed)", **few)
    if len(validation):
        _draw_validation(axis, evaluated, validation, columns)
    if axis.get_legend_handles_labels()[0]:
        _draw_legend(figure, axis)
    labels = Labels(figure, axis)
    labels.curve(*thin(steps, smoothed, columns))
    labels.curve(*thin(evaluated, validation, columns))
    if len(losses):
        labels.block(*labels.pixel(steps[-1], losses[-1]))
    if len(data.loss) and not len(values):
        axis.text(
            0.5,
            0.5,
            "no loss is a finite number",
            transform=axis.transAxes,
            ha="center",
            va="center",
            fontsize=POINT_SIZE,
        )
        axis.set_yticks([])
    mark_lost(labels, data.evaluated[~known])
    say(labels, data.notes)
    if guess and classes:
        say_guess(labels, classes)


def _draw_validation(axis: Axes, evaluated: np.ndarray, validation: np.ndarray, columns: int) -> None:
    """A dashed line, solid where it is crowded, with marks that stand apart."""
    x, y = thin(evaluated, validation, columns)
    crowded = len(validation) > columns / 10
    axis.plot(x, y, color=ORANGE, linestyle="-" if len(validation) > columns else "--", linewidth=1.4 if crowded else 1.8,
              label="validation", marker="o", markersize=5, markevery=apart(axis, x))  # fmt: skip


def _draw_legend(figure: Picture, axis: Axes) -> None:
    """What the lines are, above the axes on the left, in the row under the title."""
    wide, high = figure.get_size_inches() * PIXELS_PER_INCH
    corner = ((_LEFT - 4 if wide > 420 else 4) / wide, 1 - (_ROW + 1) / high)
    axis.legend(loc="upper left", bbox_to_anchor=corner, bbox_transform=figure.transFigure,
                ncols=2, frameon=False, fontsize=POINT_SIZE, handlelength=2.4, columnspacing=1.4, borderpad=0, borderaxespad=0)  # fmt: skip


def _draw_strip(
    figure: Picture, axis: Axes, data: RunData, values: np.ndarray, colour: str, name: str, *, may_be_log: bool = False
) -> None:
    """One of the low axes under the loss: a curve, its name on the left, two or three numbers."""
    from matplotlib.ticker import LogLocator, NullFormatter

    finite = np.isfinite(values)
    x, y = data.step[finite], values[finite]
    low, high = (float(y.min()), float(y.max())) if len(y) else (math.nan, math.nan)
    few: dict[str, Any] = {"marker": "o", "markersize": 4, "clip_on": False} if len(y) < _FEW else {}
    axis.plot(*thin(x, y, max(50, round(axis.get_window_extent().width))), color=colour, linewidth=1.3, **few)
    if may_be_log and low > 0 and high > 50 * low:
        axis.set_yscale("log")
        axis.set_ylim(low / 1.2, high * 1.2)
        axis.yaxis.set_major_locator(LogLocator(numticks=3))
        axis.yaxis.set_minor_formatter(NullFormatter())
    else:
        axis.set_ylim(*limits(min(low, 0.0) if len(y) else low, high if high else 1.0, from_zero=True))
        axis.yaxis.set_major_locator(few_ticks(2))
    axis.yaxis.set_major_formatter(short())
    axis.set_ylabel(name, rotation=0, ha="left", va="center", fontsize=POINT_SIZE)
    middle = axis.get_position()
    axis.yaxis.set_label_coords(
        4 / (figure.get_figwidth() * PIXELS_PER_INCH), (middle.y0 + middle.y1) / 2, transform=figure.transFigure
    )
