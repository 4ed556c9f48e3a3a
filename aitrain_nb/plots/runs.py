"""A run over its steps: loss and validation, learning rate, gradient norm; and the schedule of one to come."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from aitrain_nb import captions, numerals
from aitrain_nb.lettering import plain
from aitrain_nb.plots.base import BLUE, DARK_ORANGE, GREEN, GREY, ORANGE, PURPLE, new_figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from matplotlib.axes import Axes

    from aitrain_nb.figures import Picture


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
    """Mark where epochs end, where that helps, and give the words for the axis of steps, which are whole numbers."""
    axis.locator_params(axis="x", integer=True)
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
        axis.locator_params(axis="x", integer=True)
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
