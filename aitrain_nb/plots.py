"""Numbers or a table in, a picture with its description out. Never pyplot; matplotlib is imported inside the functions.

Colours are the Okabe-Ito palette; lines also differ in style, so that colour never carries a meaning alone. Each picture says
in a sentence what is to be seen in it (`picture.description`), from the same numbers that it draws.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

from aitrain_nb import captions, numerals
from aitrain_nb.errors import DataError
from aitrain_nb.lettering import dotted, letters_wide, plain, wrapped
from aitrain_nb.spreads import Spread, as_array, most_telling, spread, with_a_choice

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd
    from matplotlib.axes import Axes

    from aitrain_nb.figures import Picture

BLUE, ORANGE, GREEN, PURPLE, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#767676"
DARK_ORANGE = "#A84A00"
"""Of the same hue, dark enough for words on white (5.8 : 1)."""
_LINES = list(
    zip((BLUE, ORANGE, GREEN, PURPLE, GREY, "black"), ("-", "--", "-.", ":", "-", "--"), "os^DvP", strict=True)
)
"""Colour, line style and marker of lines that have to be told apart."""
_PANELS = 12
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
    axis.set_title(plain(title), loc="left" if any(note.end is not None for note in notes) else "center")
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
    """Learning rate and gradient norm over the steps of a run, the ends of its epochs marked.

    A norm that isn't finite gets a cross at the top. Where norms differ by more than a factor of 100 their axis is logarithmic.

    Args:
        history: `History.frame()`: columns step, lr, grad_norm (nats per weight unit) and, for the marks, epoch.
    """
    figure, (left, right) = new_figure(columns=2, width=9, height=3.4)
    steps, rates, norms = (history[name].astype(float) for name in ("step", "lr", "grad_norm"))
    finite = norms.abs() < math.inf
    left.plot(steps, rates.where(rates.abs() < math.inf), color=GREEN)
    left.set(title="Learning rate", xlabel="step", ylabel="learning rate")
    right.plot(steps, norms.where(finite), color=PURPLE, linewidth=0.9)
    right.set(title="Gradient norm, before clipping", xlabel="step", ylabel="nats per weight unit")
    lost = steps[~finite]
    if len(lost):
        right.plot(lost, [0.97] * len(lost), "x", color=DARK_ORANGE, transform=right.get_xaxis_transform(),
                   label="not a finite number")  # fmt: skip
        right.legend(frameon=False, loc="lower left", fontsize=8, handletextpad=0.1)
    positive = norms[finite & (norms > 0)]
    if len(positive) and positive.max() > 100 * positive.min():
        right.set_yscale("log")
    for axis in (left, right):
        if not len(history):
            axis.text(0.5, 0.5, "no step yet", ha="center", transform=axis.transAxes)
        elif "epoch" in history:
            _mark_epochs(axis, steps.tolist(), history["epoch"].astype(float).tolist())
    figure.description = captions.of_rates(history, norms[finite])
    return figure


def _mark_epochs(axis: Axes, steps: Sequence[float], epochs: Sequence[float]) -> None:
    """A light line at the last step of each epoch and its number above; of many epochs every second, fifth, tenth and so on."""
    ends = {round(epoch): step for step, epoch in zip(steps, epochs, strict=True) if abs(epoch - round(epoch)) < 1e-6}
    ends.pop(0, None)
    most = max(ends, default=0)
    every = next(n * 10**power for power in range(12) for n in (1, 2, 5) if most / (n * 10**power) <= 10)
    shown = {epoch: step for epoch, step in ends.items() if epoch % every == 0}
    for step in shown.values():
        axis.axvline(step, color=GREY, linestyle=":", linewidth=0.8, alpha=0.6, zorder=0)
    if shown:
        above = axis.secondary_xaxis("top")
        above.set_xticks(list(shown.values()), [str(epoch) for epoch in shown], fontsize=8)
        above.set_xlabel("epoch", fontsize=8)
        above.spines["top"].set_visible(False)


def schedule(rates: Sequence[float], title: str = "Schedule") -> Picture:
    """The learning rate of every step of a run to come."""
    figure, (axis,) = new_figure(height=2.4)
    axis.plot(range(1, len(rates) + 1), rates, color=GREEN)
    axis.set(title=plain(title), xlabel="step", ylabel="learning rate", ylim=(0, None))
    figure.description = "0 steps: there is no schedule to draw."
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
    names, centres = (
        [plain(name, 24) for name in old],
        [(left + right - 1) / 2 for left, right in itertools.pairwise(edges)],
    )
    crowded = any(letters_wide(name) * position > 90 * len(old[given]) for name, given in zip(names, old, strict=True))
    axis.set_xticks(centres, names, rotation=30 if crowded else 0, ha="right" if crowded else "center")
    what = "now (bar) and before (line)" if after is not None else "now"
    axis.set(title=f"{position} dials: each weight {what}", ylabel="weight", xlim=(-0.7, position - 0.3))
    axis.grid(visible=False, axis="x")
    if not position:
        figure.description = "0 weights: there is nothing to draw."
        return figure
    lowest, highest = (pick(pick(values) for values in new.values() if len(values)) for pick in (min, max))
    sentences = [f"{position} weights in {len(old)} groups, from {lowest:.3g} to {highest:.3g}."]
    if after is not None:
        moved = {name: float(np.abs(new[name] - old[name]).max()) for name in old if len(old[name])}
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
        _show(axis, pictures[position], wrapped(title, 14, 3))
    figure.description = "0 pictures: there is nothing to draw."
    if len(titles):
        size = "x".join(str(side) for side in pictures[0].shape[-2:])
        named = "; ".join(titles[:24]) + (" ..." if len(titles) > 24 else "")
        figure.description = f"{len(titles)} pictures of {size} pixels: {named}."
    return figure


def _show(axis: Axes, picture: Any, title: str) -> None:
    """One picture with its title, without axes."""
    axis.imshow(_shown(picture), cmap="gray_r")
    axis.set_title(title, fontsize=8)
    axis.axis("off")


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


def probabilities(table: Sequence[Sequence[float]], classes: Sequence[str], rows: Sequence[str]) -> Picture:
    """Probabilities as a heat map: one row an example, one column a class, values 0 to 1; the highest of each row in percent."""
    figure, (axis,) = new_figure(height=max(2.0, 0.26 * len(rows) + 1.2) + _upright(classes, 5.0))
    axis.grid(visible=False)
    strongest = max([max(row) for row in table] or [1.0])
    picture = axis.imshow(table if len(table) else [[0.0]], cmap="Blues", vmin=0, vmax=strongest, aspect="auto")
    for row, values in enumerate(table):
        best = max(range(len(values)), key=lambda place: values[place])
        if math.isfinite(values[best]):
            axis.text(best, row, f"{100 * values[best]:.0f}", ha="center", va="center", fontsize=7,
                      color="white" if values[best] > 0.55 * strongest else "black")  # fmt: skip
    _name_ticks(axis, "x", classes, 5.0)
    axis.set_yticks(range(len(rows)), [plain(row, 32) for row in rows], fontsize=7)
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
    side = max(3.6, 0.27 * len(classes))
    wide = 0.65 * _name_size(classes, side) / 72 * max([min(24, letters_wide(name)) for name in classes] or [0])
    figure, (axis,) = new_figure(width=side + 1.2 + wide, height=side + 1.0 + _upright(classes, side))
    axis.grid(visible=False)
    axis.imshow(matrix if len(matrix) else [[0]], cmap="Blues")
    strongest = max((max(row) for row in matrix), default=1) or 1
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


def histograms(tensors: Mapping[str, Any], title: str = "Weights", label: str = "weight") -> Picture:
    """How the numbers of each tensor are spread, as small pictures beside each other.

    At most 12 are drawn: those with a number that isn't finite, then the largest; the description sums up the others. Counts are
    on a logarithmic axis where more than half of a tensor's numbers would stand in one column.

    Args:
        tensors: name -> torch tensor, array or lists of numbers, any shape and precision.
        title: the heading.
        label: what the numbers are, with their unit.
    """
    from aitrain_nb.figures import Picture

    found = [spread(name, tensor) for name, tensor in tensors.items()]
    drawn = most_telling(found, _PANELS)
    columns = {0: 1, 1: 1, 2: 2, 3: 3, 4: 2}.get(len(drawn), 3 if len(drawn) <= 9 else 4)
    rows = max(1, math.ceil(len(drawn) / columns))
    figure = Picture(figsize=(9, 1.9 * rows + 0.7), layout="constrained")
    log = any(one.in_one_bin > 0.5 for one in drawn)
    for place, one in enumerate(drawn):
        _histogram(figure.add_subplot(rows, columns, place + 1), one, 126 // columns - 3, log=log)
    some = f" ({len(drawn)} of {len(found)} tensors)" if len(drawn) < len(found) else ""
    figure.suptitle(plain(title + some), fontsize=12)
    figure.supxlabel(plain(label), fontsize=9)
    figure.supylabel("count, logarithmic" if log else "count", fontsize=9)
    figure.description = captions.of_spreads(title, label, found, drawn)
    return figure


def _histogram(axis: Axes, one: Spread, letters: int, *, log: bool) -> None:
    """One tensor: its columns, and in words how much of it is exactly 0 or not finite."""
    axis.spines[["top", "right"]].set_visible(False)
    axis.set_title(dotted(one.name, letters, 2), fontsize=8)
    axis.tick_params(labelsize=7)
    axis.locator_params(axis="x", nbins=4)
    axis.ticklabel_format(axis="x", scilimits=(-2, 4))
    axis.xaxis.get_offset_text().set_fontsize(7)
    axis.axvline(0, color=GREY, linewidth=0.7, linestyle=":")
    if len(one.counts):
        axis.stairs(one.counts, one.edges, fill=True, color=BLUE, alpha=0.8)
        width = (one.edges[-1] - one.edges[0]) * (0.04 if len(one.counts) > 1 else 20)
        axis.set_xlim(one.edges[0] - width, one.edges[-1] + width)
        if log:
            axis.set_yscale("log")
            axis.set_ylim(0.7, 8.0 * max(one.counts))
            axis.yaxis.set_minor_formatter("")
        else:
            axis.set_ylim(0, 1.3 * max(one.counts))
    else:
        axis.set(xticks=[], yticks=[])
    said = ["empty"] if not one.size else []
    if one.zeros:
        said.append(f"{numerals.share(one.zeros / one.size)} exactly 0")
    if one.lost:
        said.append(f"{numerals.share(one.lost / one.size)} not finite")
    if one.is_constant:
        said.append(f"all {one.low:.3g}")
    elif len(one.counts) < 2 and one.size > one.lost:
        said.append(f"{one.low:.3g} to {one.high:.3g}")
    axis.text(0.98, 0.97, "\n".join(said), transform=axis.transAxes, ha="right", va="top", fontsize=7,
              color=DARK_ORANGE if one.lost else "black")  # fmt: skip


def attention(weights: Any, tokens: Sequence[str], title: str = "Attention") -> Picture:
    """How much each token of an example takes from each other, one heat map a head; a dot marks where each looks most.

    Args:
        weights: [heads, T, T] or [T, T]: row = the token that looks, column = the one it looks at, 0 to 1, rows sum to 1. Of
            more than 12 heads the first 12 are drawn.
        tokens: [T] the tokens as a person can read them.
        title: the heading.

    Raises:
        DataError: the weights are no such block, or there aren't as many tokens.
    """
    import numpy as np
    from matplotlib.colors import PowerNorm

    from aitrain_nb.figures import Picture

    blocks = as_array(weights)
    blocks = blocks[None] if blocks.ndim == 2 else blocks
    if blocks.ndim != 3 or blocks.shape[1:] != (len(tokens), len(tokens)):
        raise DataError(
            f"This attention can't be drawn: it has shape {list(as_array(weights).shape)} for {len(tokens)} tokens.",
            "[heads, T, T] or [T, T] is needed, with T tokens.", "Give the weights of one example of one layer.",
        )  # fmt: skip
    drawn, size = blocks[:_PANELS], len(tokens)
    columns = 1 if len(drawn) == 1 else 2 if size > 10 or len(drawn) <= 4 else 3 if size > 6 else 4
    rows = max(1, math.ceil(len(drawn) / columns))
    side = {1: 6.2, 2: 4.3, 3: 2.9, 4: 2.2}[columns] if size > 10 or columns > 2 else 3.4
    figure = Picture(figsize=(columns * side + 0.6, rows * side + 0.5), layout="constrained")
    free = with_a_choice(drawn)
    even = min(1.0, 4 / max(1, size))  # weights that are all alike are to look pale
    strongest = max(even, float(free.max())) if free.size else even
    shades = PowerNorm(0.5, vmin=0, vmax=strongest)  # or all but the strongest links would be white
    axes = [figure.add_subplot(rows, columns, place + 1) for place in range(len(drawn))]
    for head, (axis, block) in enumerate(zip(axes, drawn, strict=True)):
        picture = axis.imshow(block if size else [[0.0]], cmap="Blues", norm=shades)
        _name_tokens(axis, tokens, side - 0.9)
        rows_seen = [place for place, row in enumerate(block) if np.isfinite(row).any()]
        dot = max(3.0, min(30.0, 700 / max(1, size) ** 1.2))
        looked = [int(np.nanargmax(block[place])) for place in rows_seen]
        axis.scatter(looked, rows_seen, s=dot, color=ORANGE, edgecolors="white", linewidths=0.5, zorder=3)
        axis.set_title(f"head {head + 1}" if len(blocks) > 1 else "", fontsize=9)
    if axes:
        figure.colorbar(picture, ax=axes, label="share of attention", shrink=0.6, aspect=30)
    figure.suptitle(plain(title), fontsize=12)
    figure.supxlabel("looked at", fontsize=9)
    figure.supylabel("token that looks", fontsize=9)
    figure.description = captions.of_attention(blocks, tokens, title, len(drawn))
    return figure


def _name_tokens(axis: Axes, tokens: Sequence[str], inches: float) -> None:
    """Tokens along both sides; where they are too many to read, every second, third and so on."""
    every = max(1, math.ceil(len(tokens) * 6.0 / (72 * inches)))
    places = range(0, len(tokens), every)
    size = max(5.0, min(9.0, 0.85 * 72 * inches / max(1, len(places))))
    names = [plain(tokens[place], 12) for place in places]
    flat = max(map(letters_wide, names), default=0) * 0.7 * size <= 72 * inches / max(1, len(places))
    axis.set_xticks(places, names, fontsize=size, rotation=0 if flat else 90)
    axis.set_yticks(places, names, fontsize=size)
    axis.tick_params(length=2, pad=1)


def worst(cases: pd.DataFrame, pictures: Any = None, title: str = "The examples with the highest loss") -> Picture:
    """Examples that a model got most wrong: as pictures, or as texts with a bar for the loss of each.

    Args:
        cases: one row an example, the worst first, the index is its number. Columns true, predicted, loss (nats) and, where known,
            p_true and p_predicted (0 to 1), text, text_pair, position (of a target inside the example).
        pictures: [n, channels, height, width] of the same examples, any range; None for texts.
        title: the heading.
    """
    from aitrain_nb.figures import Picture

    rows: list[dict[str, Any]] = [
        {"number": number, **{str(name): value for name, value in row.items()}}
        for number, row in zip(cases.index, cases.to_dict("records"), strict=True)
    ]
    if pictures is not None and rows:
        columns = min(4 if len(rows) <= 8 else 6, len(rows))
        down = math.ceil(len(rows) / columns)
        figure = Picture(figsize=(max(4.0, 1.75 * columns), 2.3 * down + 0.4), layout="constrained")
        for place, row in enumerate(rows):
            axis = figure.add_subplot(down, columns, place + 1)
            _show(axis, as_array(pictures[place]), "\n".join(_verdict(row, 22)))
        figure.suptitle(plain(title), fontsize=11)
    else:
        figure = Picture(figsize=(9, 0.74 * max(1, len(rows)) + 0.9), layout="constrained")
        _worst_texts(figure, rows, title)
    figure.description = captions.of_worst(rows, title)
    return figure


def _worst_texts(figure: Picture, rows: Sequence[dict[str, Any]], title: str) -> None:
    """Words on the left, bars of the loss on the right, row by row."""
    left, right = figure.subplots(1, 2, width_ratios=[2.6, 1], sharey=True)
    losses = [row["loss"] if math.isfinite(row["loss"]) else 0.0 for row in rows]
    for place, row in enumerate(rows):
        text = " | ".join(str(row[name]) for name in ("text", "text_pair") if row.get(name))
        left.text(0, place - 0.36, "   ".join(_verdict(row, 30)[:2]), fontsize=9, fontweight="bold", va="top")
        left.text(
            0, place - 0.09, wrapped(text or captions.place_of(row), 84, 2), fontsize=9, va="top", linespacing=1.15
        )
    drawn = right.barh(range(len(rows)), losses, height=0.5, color=ORANGE, alpha=0.85)
    right.bar_label(drawn, labels=[f" {numerals.step_loss(row['loss'])}" for row in rows], fontsize=8)
    right.set(xlabel="loss (nats)", yticks=[], ylim=(max(1, len(rows)) - 0.5, -0.5))
    right.margins(x=0.2)
    right.set_xlim(0, None)
    right.spines[["top", "right"]].set_visible(False)
    left.set(xlim=(0, 1))
    left.set_title(plain(title), loc="left", fontsize=11)
    left.axis("off")


def _verdict(row: dict[str, Any], width: int) -> list[str]:
    """What an example is, what the model said, and the loss, a line each."""
    sure = f" ({numerals.share(row['p_predicted'])})" if "p_predicted" in row else ""
    given = f" ({numerals.share(row['p_true'])})" if "p_true" in row and "p_predicted" not in row else ""
    return [
        f"is {plain(row['true'], width - 3 - len(given))}{given}",
        f"said {plain(row['predicted'], width - 5 - len(sure))}{sure}",
        f"loss {numerals.step_loss(row['loss'])} nats",
    ]


def samples(frame: pd.DataFrame, title: str | None = None) -> Picture:
    """What a model said at some steps of its run: texts it wrote, or the probability of the right answer of some examples.

    Args:
        frame: as `watchers.sample` keeps it: columns step, loss (nats) and text; or step, loss, example, true, probability (of the
            right answer, 0 to 1).
        title: the heading; by default it says which of the two.
    """
    if "text" in frame:
        return _written(frame, title or "What the model wrote")
    return _right_answers(frame, title or "Probability of the right answer")


def _written(frame: pd.DataFrame, title: str) -> Picture:
    rows = frame.to_dict("records")
    shown = _evenly(rows, 8)
    figure, (axis,) = new_figure(width=9, height=0.66 * max(1, len(shown)) + 0.6)
    axis.axis("off")
    axis.set(xlim=(0, 1), ylim=(max(1, len(shown)), 0))
    axis.set_title(plain(title), loc="left", fontsize=11)
    for place, row in enumerate(shown):
        axis.axhline(place, color=GREY, linewidth=0.5)
        axis.text(0, place + 0.14, f"step {row['step']:g}", fontsize=8.5, fontweight="bold", va="top")
        if math.isfinite(row["loss"]):
            axis.text(0, place + 0.46, f"loss {numerals.step_loss(row['loss'])}", fontsize=8, va="top", color="#595959")
        axis.text(0.12, place + 0.14, wrapped(row["text"], 88, 3), fontsize=9, va="top", linespacing=1.15)
    figure.description = f"{title}: 0 samples."
    if rows:
        first, last = rows[0], rows[-1]
        end = f" (loss {numerals.step_loss(last['loss'])} nats)" if math.isfinite(last["loss"]) else ""
        figure.description = f"{title}: {len(rows)} {'sample' if len(rows) == 1 else 'samples'}."
        figure.description += f" At step {first['step']:g}: {captions.quoted(first['text'])}."
        if len(rows) > 1:
            figure.description += f" At step {last['step']:g}{end}: {captions.quoted(last['text'])}."
        if len(shown) < len(rows):
            figure.description += f" {len(shown)} of them are drawn."
    return figure


def _evenly(rows: Sequence[Any], most: int) -> list[Any]:
    """At most so many rows, the first and the last among them."""
    if len(rows) <= most:
        return list(rows)
    return [rows[round(place * (len(rows) - 1) / (most - 1))] for place in range(most)]


def _right_answers(frame: pd.DataFrame, title: str) -> Picture:
    figure, (axis,) = new_figure(width=8, height=3.6)
    groups = list(frame.groupby("example", sort=False))[:_PANELS]
    ends = _apart([float(group["probability"].iloc[-1]) for _, group in groups], 0.062)
    sentences = [f"{title}: {frame['example'].nunique()} examples at {frame['step'].nunique()} steps."]
    for place, ((example, group), height) in enumerate(zip(groups, ends, strict=True)):
        colour, style, marker = _LINES[place % len(_LINES)]
        first, last = group.iloc[0], group.iloc[-1]
        style = style if place < len(_LINES) else "-" if style != "-" else ":"
        axis.plot(group["step"], group["probability"], color=colour, linestyle=style, marker=marker, markersize=4)
        leader = {"arrowstyle": "-", "color": colour, "linewidth": 0.6, "shrinkB": 3, "relpos": (0, 0.5)}
        axis.annotate(
            plain(f"{example}: {first['true']}", 22), (last["step"], last["probability"]), (1.03, height), fontsize=8, va="center",
            textcoords=("axes fraction", "data"), arrowprops=leader, annotation_clip=False,
        )  # fmt: skip
        if place < 6:
            start, end = numerals.share(first["probability"]), numerals.share(last["probability"])
            sentences.append(
                f"Example {example} ({first['true']}): {start} at step {first['step']:g}, {end} at the end."
            )
    axis.set(title=plain(title), xlabel="step", ylabel="probability of the right answer", ylim=(-0.03, 1.03))
    figure.description = " ".join(sentences)
    return figure


def _apart(heights: Iterable[float], gap: float) -> list[float]:
    """Heights (0 to 1) moved as little as need be so that words at them don't overlap."""
    heights = [height if math.isfinite(height) else 0.0 for height in heights]
    order = sorted(range(len(heights)), key=lambda place: heights[place])
    moved = [heights[place] for place in order]
    for i in range(1, len(moved)):
        moved[i] = max(moved[i], moved[i - 1] + gap)
    top = max(1.0, gap * (len(moved) - 1))
    for i in range(len(moved) - 1, -1, -1):
        moved[i] = min(moved[i], top - gap * (len(moved) - 1 - i))
    return [moved[order.index(place)] for place in range(len(heights))]
