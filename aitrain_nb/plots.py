"""Numbers or a table in, a matplotlib `Figure` out. Never pyplot; matplotlib is imported inside.

Colours are the Okabe-Ito palette; lines also differ in style, so that colour never carries a meaning alone.
"""

from __future__ import annotations

import io
import itertools
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, PURPLE, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#767676"


def new_figure(width: float = 7.0, height: float = 3.2, columns: int = 1) -> tuple[Figure, list[Axes]]:
    """An empty figure with its axes; sizes in inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = [figure.add_subplot(1, columns, column + 1) for column in range(columns)]
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(visible=True, alpha=0.25, linewidth=0.6)
    return figure, axes


def png(figure: Figure, dpi: int = 100) -> bytes:
    """The figure as PNG bytes on white, which reads on a light and on a dark page."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=dpi, facecolor="white")
    return stream.getvalue()


def loss(
    history: pd.DataFrame, title: str = "Loss", classes: int | None = None, kept_step: int | None = None
) -> Figure:
    """Training and validation loss over the steps of a run.

    Args:
        history: `History.frame()`: columns step, epoch, loss and, where evaluated, eval_loss (nats).
        title: the heading.
        classes: number of classes; draws the loss of a uniform guess, ln C.
        kept_step: the step whose weights were kept.
    """
    figure, (axis,) = new_figure()
    finite = history[history["loss"].astype(float).abs() < math.inf]
    axis.plot(finite["step"], finite["loss"], color=BLUE, alpha=0.35, linewidth=0.8)
    if len(finite):
        smooth = finite["loss"].ewm(span=max(2, len(finite) // 20)).mean()
        axis.plot(finite["step"], smooth, color=BLUE, linewidth=1.8, label="training (smoothed)")
    if "eval_loss" in history:
        rows = history[history["eval_loss"].notna()]
        axis.plot(
            rows["step"], rows["eval_loss"], color=ORANGE, linestyle="--", marker="o", markersize=5, label="validation"
        )
        if kept_step is not None and (rows["step"] == kept_step).any():
            best = rows[rows["step"] == kept_step].iloc[-1]
            axis.annotate(
                f"kept: epoch {best['epoch']:g}, {best['eval_loss']:.3g}", (best["step"], best["eval_loss"]), (0, 22),
                textcoords="offset points", ha="center", arrowprops={"arrowstyle": "->", "color": GREY},
            )  # fmt: skip
    if classes:
        axis.axhline(math.log(classes), color=GREY, linestyle=":", linewidth=1)
        axis.text(1.0, math.log(classes), f"knows nothing: ln {classes}", ha="right", va="bottom", color=GREY,
                  transform=axis.get_yaxis_transform())  # fmt: skip
    axis.set(title=title, xlabel="step", ylabel="loss (nats)")
    if axis.get_legend_handles_labels()[0]:
        axis.legend(frameon=False)
    return figure


def learning_rate(history: pd.DataFrame) -> Figure:
    """Learning rate and gradient norm over the steps of a run (columns step, lr, grad_norm)."""
    figure, (left, right) = new_figure(columns=2, width=9)
    left.plot(history["step"], history["lr"], color=GREEN)
    left.set(title="Learning rate", xlabel="step", ylabel="learning rate")
    right.plot(history["step"], history["grad_norm"], color=PURPLE, linewidth=0.9)
    right.set(title="Gradient norm, before clipping", xlabel="step", ylabel="nats per weight unit")
    return figure


def schedule(rates: Sequence[float], title: str = "Schedule") -> Figure:
    """The learning rate of every step of a run to come."""
    figure, (axis,) = new_figure(height=2.4)
    axis.plot(range(1, len(rates) + 1), rates, color=GREEN)
    axis.set(title=title, xlabel="step", ylabel="learning rate", ylim=(0, None))
    return figure


def dials(before: Mapping[str, Any], after: Mapping[str, Any] | None = None) -> Figure:
    """Every weight of a small model as a bar; with `after`, its new value, and a line where it stood before.

    Args:
        before: tensor name -> weights, as `model.state_dict()` gives them.
        after: the same later.
    """
    import numpy as np

    figure, (axis,) = new_figure(width=9, height=2.8)
    axis.axhline(0, color=GREY, linewidth=0.8)
    names, edges, position = list(before), [0], 0
    for number, name in enumerate(names):
        old = np.asarray(before[name], dtype=float).ravel()
        new = np.asarray(after[name], dtype=float).ravel() if after is not None else old
        places = np.arange(position, position + len(old))
        axis.bar(places, new, color=BLUE if number % 2 == 0 else GREEN, alpha=0.75, width=0.75)
        if after is not None:
            axis.hlines(old, places - 0.5, places + 0.5, color="black", linewidth=1.2)
        position += len(old)
        edges.append(position)
    for edge in edges[1:-1]:
        axis.axvline(edge - 0.5, color=GREY, linewidth=0.6, linestyle=":")
    axis.set_xticks([(left + right - 1) / 2 for left, right in itertools.pairwise(edges)], names)
    what = "now (bar) and before (line)" if after is not None else "now"
    axis.set(title=f"{position} dials: each weight {what}", ylabel="weight", xlim=(-0.7, position - 0.3))
    axis.grid(visible=False, axis="x")
    return figure


def images(pictures: Any, titles: Sequence[str], columns: int = 8) -> Figure:
    """Pictures in rows.

    Args:
        pictures: [n, channels, height, width], any range, 1 or 3 channels.
        titles: one short text a picture.
        columns: pictures in a row.
    """
    from matplotlib.figure import Figure

    rows = max(1, math.ceil(len(titles) / columns))
    figure = Figure(figsize=(columns * 0.9, rows * 1.15), layout="constrained")
    for position, title in enumerate(titles):
        axis = figure.add_subplot(rows, columns, position + 1)
        axis.imshow(_shown(pictures[position]), cmap="gray_r")
        axis.set_title(title, fontsize=8)
        axis.axis("off")
    return figure


def _shown(picture: Any) -> Any:
    """One picture as matplotlib takes it: [height, width], or colours [height, width, 3] from 0 to 1."""
    if len(picture) == 1:
        return picture[0]
    colours = picture.transpose(1, 2, 0)
    low, high = float(colours.min()), float(colours.max())
    return colours if low >= 0 and high <= 1 else (colours - low) / ((high - low) or 1.0)


def surprise(p_true: Sequence[float], losses: Sequence[float]) -> Figure:
    """The curve loss = -ln p with one point an example.

    Args:
        p_true: probability given to the right answer, 0 to 1.
        losses: loss of the same examples, nats.
    """
    figure, (axis,) = new_figure()
    floor = max(1e-4, min([0.01, *[p for p in p_true if p > 0]]))
    grid = [floor ** (1 - i / 200) for i in range(201)]
    axis.plot(grid, [-math.log(p) for p in grid], color=GREY, linewidth=1, label="-ln p")
    axis.scatter(p_true, losses, color=ORANGE, s=22, alpha=0.8, zorder=3, label="this batch")
    axis.set(title="How surprised was the model by the right answer?", xlabel="probability given to the right answer",
             ylabel="loss (nats)", xlim=(0, 1.02))  # fmt: skip
    axis.legend(frameon=False)
    return figure


def bars(names: Sequence[str], values: Sequence[float], title: str, label: str, *, log: bool = False) -> Figure:
    """Horizontal bars with the first name on top and each value written at its end."""
    figure, (axis,) = new_figure(height=max(1.8, 0.34 * len(names) + 1.0))
    positions = list(range(len(names)))[::-1]
    drawn = axis.barh(positions, values, color=BLUE, alpha=0.8)
    axis.bar_label(drawn, labels=[f" {value:.3g}" for value in values], fontsize=8)
    axis.set_yticks(positions, list(names))
    if log and any(value > 0 for value in values):
        axis.set_xscale("log")
    axis.margins(x=0.12)
    axis.set(title=title, xlabel=label)
    return figure


def probabilities(table: Sequence[Sequence[float]], classes: Sequence[str], rows: Sequence[str]) -> Figure:
    """Probabilities as a heat map: one row an example, one column a class, values 0 to 1."""
    figure, (axis,) = new_figure(height=max(2.0, 0.26 * len(rows) + 1.2))
    axis.grid(visible=False)
    picture = axis.imshow(table, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axis.set_xticks(range(len(classes)), classes)
    axis.set_yticks(range(len(rows)), rows, fontsize=7)
    axis.set(title="Probability of each class", xlabel="class")
    figure.colorbar(picture, ax=axis, label="probability")
    return figure


def confusion(matrix: Sequence[Sequence[int]], classes: Sequence[str]) -> Figure:
    """How often each class (row) was taken for each other (column): counts."""
    figure, (axis,) = new_figure(width=5.2, height=4.6)
    axis.grid(visible=False)
    axis.imshow(matrix, cmap="Blues")
    strongest = max((max(row) for row in matrix), default=1) or 1
    for row, counts in enumerate(matrix):
        for column, count in enumerate(counts):
            if count:
                axis.text(column, row, str(count), ha="center", va="center", fontsize=8,
                          color="white" if count > strongest / 2 else "black")  # fmt: skip
    axis.set_xticks(range(len(classes)), classes)
    axis.set_yticks(range(len(classes)), classes)
    axis.set(title="Confusion matrix", xlabel="predicted", ylabel="true")
    return figure
