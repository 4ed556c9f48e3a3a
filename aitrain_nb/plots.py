"""Numbers or a table in, a picture with its description out. Never pyplot; matplotlib is imported inside the functions.

Colours are the Okabe-Ito palette; lines also differ in style, so that colour never carries a meaning alone. Each picture says
in a sentence what is to be seen in it (`picture.description`), from the same numbers that it draws.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

from aitrain_nb import numerals

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from matplotlib.axes import Axes

    from aitrain_nb.figures import Picture

BLUE, ORANGE, GREEN, PURPLE, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#767676"
DARK_ORANGE = "#A84A00"
"""Of the same hue, dark enough for words on white (5.8 : 1)."""


def new_figure(width: float = 7.0, height: float = 3.2, columns: int = 1) -> tuple[Picture, list[Axes]]:
    """An empty picture with its axes; sizes in inches."""
    from aitrain_nb.figures import Picture

    figure = Picture(figsize=(width, height), layout="constrained")
    axes = [figure.add_subplot(1, columns, column + 1) for column in range(columns)]
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(visible=True, alpha=0.25, linewidth=0.6)
    return figure, axes


def loss(history: pd.DataFrame, title: str = "Loss", classes: int | None = None, notes: Sequence[Any] = ()) -> Picture:
    """Training and validation loss over the steps of a run; a dotted line where an epoch ends.

    Args:
        history: `History.frame()`: columns step, epoch, loss and, where evaluated, eval_loss (nats).
        title: the heading.
        classes: number of classes; draws the loss of a uniform guess, ln C.
        notes: what is to be said at which step, from `aitrain_nb.annotations`.
    """
    figure, (axis,) = new_figure()
    described = _draw_loss(axis, history, classes, notes)
    axis.set_xlabel(_steps_label(axis, history))
    axis.set_title(title, loc="left" if any(note.end is not None for note in notes) else "center")
    figure.description = described
    return figure


def run(history: pd.DataFrame, classes: int | None = None, notes: Sequence[Any] = ()) -> Picture:
    """A whole run on one axis of steps: loss with its validation, learning rate, gradient norm.

    Args:
        history: `History.frame()`: columns step, epoch, loss (nats), lr, grad_norm and, where evaluated, eval_loss.
        classes: number of classes; draws the loss of a uniform guess, ln C.
        notes: what is to be said at which step, from `aitrain_nb.annotations`.
    """
    from aitrain_nb.figures import Picture

    figure = Picture(figsize=(9.2, 4.2), layout="constrained")
    top, middle, bottom = figure.subplots(3, 1, sharex=True, height_ratios=[4, 1, 1])
    for axis in (top, middle, bottom):
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(visible=True, alpha=0.25, linewidth=0.6)
    top.set_title("The run", loc="left", fontsize=10)
    described = _draw_loss(top, history, classes, notes)
    middle.plot(history["step"], history["lr"], color=GREEN)
    middle.set_ylim(bottom=0)
    bottom.plot(history["step"], history["grad_norm"], color=PURPLE, linewidth=0.9)
    norms = history["grad_norm"][history["grad_norm"].between(0, math.inf, inclusive="neither")]
    if len(norms) and norms.max() > 50 * norms.min():
        bottom.set_yscale("log")
    for axis, name in ((middle, "learning\nrate"), (bottom, "grad_norm")):
        axis.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
        axis.tick_params(labelsize=8)
    for axis in (middle, bottom):
        _steps_label(axis, history)
        for note in notes:
            if note.end is None and note.value is None:
                axis.axvline(note.step, color=GREY, linestyle="-.", linewidth=0.9)
    bottom.set_xlabel(_steps_label(top, history))
    sentences = [described]
    if len(history):
        rates = history["lr"]
        sentences.append(f"Learning rate from {numerals.rate(rates.iloc[0])} to {numerals.rate(rates.iloc[-1])}.")
    if len(norms):
        sentences.append(f"Gradient norm between {norms.min():.3g} and {norms.max():.3g}.")
    figure.description = " ".join(sentences)
    return figure


def _steps_label(axis: Axes, history: pd.DataFrame) -> str:
    """Mark where epochs end, where that helps, and give the words for the axis of steps."""
    if "epoch" not in history or not len(history):
        return "step"
    ends = history["step"][history["epoch"].floordiv(1).diff() > 0].tolist()
    if not 1 <= len(ends) <= 30 or history["epoch"].iloc[-1] <= 1:
        return "step"
    axis.vlines(ends, 0, 1, transform=axis.get_xaxis_transform(), colors=GREY, linestyles=":", linewidth=0.7, alpha=0.7)
    return "step (dotted: an epoch ends)"


def _draw_loss(axis: Axes, history: pd.DataFrame, classes: int | None, notes: Sequence[Any]) -> str:
    """The loss on this axis; gives what it shows in words."""
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
    if classes:
        axis.axhline(math.log(classes), color=GREY, linestyle=":", linewidth=1)
        axis.text(1.0, math.log(classes), f"knows nothing: ln {classes}", ha="right", va="bottom", color=GREY,
                  transform=axis.get_yaxis_transform())  # fmt: skip
    axis.set_ylabel("loss (nats)")
    if axis.get_legend_handles_labels()[0]:
        axis.legend(frameon=False)
    for note in notes:
        _say(axis, note)
    return " ".join([_describe_loss(history, finite), *_sentences(notes)])


def _say(axis: Axes, note: Any) -> None:
    """One annotation: a shaded and hatched region, an arrow to a point, or a line with its words beside it."""
    top = axis.get_xaxis_transform()
    if note.end is not None:
        axis.axvspan(note.step, note.end, facecolor=ORANGE, alpha=0.12, hatch="//", edgecolor=ORANGE, linewidth=0)
        axis.text(note.end, 1.01, note.text, ha="right", va="bottom", color=DARK_ORANGE, fontsize=9, transform=top)
    elif note.value is not None:
        axis.annotate(
            note.text, (note.step, note.value), (0, 22), textcoords="offset points", ha="center",
            arrowprops={"arrowstyle": "->", "color": GREY},
        )  # fmt: skip
    else:
        axis.axvline(note.step, color=GREY, linestyle="-.", linewidth=0.9)
        axis.text(
            note.step, 0.98, f" {note.text}", rotation=90, va="top", ha="right", fontsize=8, color=GREY, transform=top
        )


def _sentences(notes: Sequence[Any]) -> list[str]:
    """The annotations in words, for the description."""
    return [
        f"{note.text[0].upper()}{note.text[1:]}{'' if note.value is not None else f' (step {note.step:g})'}."
        for note in notes
    ]


def _describe_loss(history: pd.DataFrame, finite: pd.DataFrame) -> str:
    if not len(finite):
        return "No step with a finite loss yet."
    first, last = finite.iloc[0], finite.iloc[-1]
    start, end = numerals.step_loss(first["loss"]), numerals.step_loss(last["loss"])
    sentences = [f"Training loss from {start} at step {first['step']:g} to {end} at step {last['step']:g}."]
    lost = len(history) - len(finite)
    if lost:
        sentences.append(f"At {lost} {'step it is' if lost == 1 else 'steps it is'} not a finite number.")
    if "eval_loss" in history and history["eval_loss"].notna().any():
        rows = history[history["eval_loss"].notna()].sort_values("step")
        best, newest = rows.sort_values("eval_loss").iloc[0], rows.iloc[-1]
        lowest, end = numerals.epoch_loss(best["eval_loss"]), numerals.epoch_loss(newest["eval_loss"])
        sentences.append(f"Validation loss is lowest at epoch {best['epoch']:.3g} with {lowest} and ends at {end}.")
    return " ".join(sentences)


def learning_rate(history: pd.DataFrame) -> Picture:
    """Learning rate and gradient norm over the steps of a run (columns step, lr, grad_norm)."""
    figure, (left, right) = new_figure(columns=2, width=9)
    left.plot(history["step"], history["lr"], color=GREEN)
    left.set(title="Learning rate", xlabel="step", ylabel="learning rate")
    right.plot(history["step"], history["grad_norm"], color=PURPLE, linewidth=0.9)
    right.set(title="Gradient norm, before clipping", xlabel="step", ylabel="nats per weight unit")
    if len(history):
        rates, norms = history["lr"], history["grad_norm"]
        figure.description = (
            f"Learning rate from {numerals.rate(rates.iloc[0])} to {numerals.rate(rates.iloc[-1])}, at most "
            f"{numerals.rate(rates.max())}. Gradient norm between {norms.min():.3g} and {norms.max():.3g}, median {norms.median():.3g}."
        )
    return figure


def schedule(rates: Sequence[float], title: str = "Schedule") -> Picture:
    """The learning rate of every step of a run to come."""
    figure, (axis,) = new_figure(height=2.4)
    axis.plot(range(1, len(rates) + 1), rates, color=GREEN)
    axis.set(title=title, xlabel="step", ylabel="learning rate", ylim=(0, None))
    if len(rates):
        peak = max(range(len(rates)), key=lambda step: rates[step])
        figure.description = (
            f"{len(rates)} steps: the learning rate begins at {numerals.rate(rates[0])}, is highest at step {peak + 1} with "
            f"{numerals.rate(rates[peak])} and ends at {numerals.rate(rates[-1])}."
        )
    return figure


def dials(before: Mapping[str, Any], after: Mapping[str, Any] | None = None) -> Picture:
    """Every weight of a small model as a bar; with `after`, its new value, and a line where it stood before.

    Args:
        before: tensor name -> weights, as `model.state_dict()` gives them.
        after: the same later.
    """
    import numpy as np

    figure, (axis,) = new_figure(width=9, height=2.8)
    axis.axhline(0, color=GREY, linewidth=0.8)
    old = {name: np.asarray(values, dtype=float).ravel() for name, values in before.items()}
    new = {name: np.asarray(after[name], dtype=float).ravel() for name in before} if after is not None else old
    edges, position = [0], 0
    for number, name in enumerate(old):
        places = np.arange(position, position + len(old[name]))
        axis.bar(places, new[name], color=BLUE if number % 2 == 0 else GREEN, alpha=0.75, width=0.75)
        if after is not None:
            axis.hlines(old[name], places - 0.5, places + 0.5, color="black", linewidth=1.2)
        position += len(places)
        edges.append(position)
    for edge in edges[1:-1]:
        axis.axvline(edge - 0.5, color=GREY, linewidth=0.6, linestyle=":")
    axis.set_xticks([(left + right - 1) / 2 for left, right in itertools.pairwise(edges)], list(old))
    what = "now (bar) and before (line)" if after is not None else "now"
    axis.set(title=f"{position} dials: each weight {what}", ylabel="weight", xlim=(-0.7, position - 0.3))
    axis.grid(visible=False, axis="x")
    lowest, highest = (pick(pick(values) for values in new.values() if len(values)) for pick in (min, max))
    sentences = [f"{position} weights in {len(old)} groups, from {lowest:.3g} to {highest:.3g}."]
    if after is not None:
        moved = {name: float(np.abs(new[name] - old[name]).max()) for name in old}
        most = max(moved, key=lambda name: moved[name])
        sentences.append(f"The one that moved most is in {most}, by {moved[most]:.3g}.")
    figure.description = " ".join(sentences)
    return figure


def images(pictures: Any, titles: Sequence[str], columns: int = 8) -> Picture:
    """Pictures in rows.

    Args:
        pictures: [n, channels, height, width], any range, 1 or 3 channels.
        titles: one short text a picture.
        columns: pictures in a row.
    """
    import numpy as np

    from aitrain_nb.figures import Picture

    pictures = np.asarray(pictures)
    rows = max(1, math.ceil(len(titles) / columns))
    figure = Picture(figsize=(columns * 0.9, rows * 1.15), layout="constrained")
    for position, title in enumerate(titles):
        axis = figure.add_subplot(rows, columns, position + 1)
        axis.imshow(_shown(pictures[position]), cmap="gray_r")
        axis.set_title(title, fontsize=8)
        axis.axis("off")
    if len(titles):
        size = "x".join(str(side) for side in pictures[0].shape[-2:])
        named = "; ".join(titles[:24]) + (" ..." if len(titles) > 24 else "")
        figure.description = f"{len(titles)} pictures of {size} pixels: {named}."
    return figure


def _shown(picture: Any) -> Any:
    """One picture as matplotlib takes it: [height, width], or colours [height, width, 3] from 0 to 1."""
    if len(picture) == 1:
        return picture[0]
    colours = picture.transpose(1, 2, 0)
    low, high = float(colours.min()), float(colours.max())
    return colours if low >= 0 and high <= 1 else (colours - low) / ((high - low) or 1.0)


def surprise(p_true: Sequence[float], losses: Sequence[float]) -> Picture:
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
    figure.description = "The curve -ln p: the smaller the probability of the right answer, the larger the loss."
    if len(losses):
        figure.description += (
            f" {len(losses)} answers got probabilities from {min(p_true):.3g} to {max(p_true):.3g} and losses from "
            f"{max(losses):.3g} to {min(losses):.3g} nats."
        )
    return figure


def bars(names: Sequence[str], values: Sequence[float], title: str, label: str, *, log: bool = False) -> Picture:
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
    figure.description = f"{title} ({label})."
    if len(values):
        order = sorted(range(len(values)), key=lambda place: values[place])
        low, high = order[0], order[-1]
        figure.description += f" Most: {names[high]}, {values[high]:.3g}. Least: {names[low]}, {values[low]:.3g}."
    return figure


def probabilities(table: Sequence[Sequence[float]], classes: Sequence[str], rows: Sequence[str]) -> Picture:
    """Probabilities as a heat map: one row an example, one column a class, values 0 to 1."""
    figure, (axis,) = new_figure(height=max(2.0, 0.26 * len(rows) + 1.2))
    axis.grid(visible=False)
    picture = axis.imshow(table, cmap="Blues", vmin=0, vmax=max([max(row) for row in table] or [1.0]), aspect="auto")
    axis.set_xticks(range(len(classes)), classes)
    axis.set_yticks(range(len(rows)), rows, fontsize=7)
    axis.set(title="Probability of each class", xlabel="class")
    figure.colorbar(picture, ax=axis, label="probability")
    figure.description = f"{len(rows)} examples, {len(classes)} classes."
    if len(rows):
        surest = max(range(len(rows)), key=lambda row: max(table[row]))
        best = max(range(len(classes)), key=lambda place: table[surest][place])
        sure = numerals.share(table[surest][best])
        figure.description += f" The surest answer is {classes[best]} with {sure}, for example {rows[surest]}."
    return figure


def confusion(matrix: Sequence[Sequence[int]], classes: Sequence[str]) -> Picture:
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
    total, right = sum(map(sum, matrix)), sum(matrix[i][i] for i in range(len(classes)))
    figure.description = f"{right} of {total} examples lie on the diagonal: their class was predicted."
    wrong = [(matrix[t][p], t, p) for t in range(len(classes)) for p in range(len(classes)) if t != p and matrix[t][p]]
    if wrong:
        count, true, predicted = max(wrong)
        times = "once" if count == 1 else f"{count} times"
        figure.description += f" The most frequent mistake: {classes[true]} taken for {classes[predicted]}, {times}."
    return figure
