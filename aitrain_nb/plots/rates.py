"""The learning rate of a run beside its gradient norm, and the schedule of a run to come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aitrain_nb import captions
from aitrain_nb.lettering import plain
from aitrain_nb.plots.base import DARK_ORANGE, GREEN, GREY, PURPLE, new_figure
from aitrain_nb.plots.run_data import RunData

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from matplotlib.axes import Axes

    from aitrain_nb.annotations import Annotation
    from aitrain_nb.figures import Picture
    from aitrain_nb.history import History


def learning_rate(history: History | pd.DataFrame, notes: Sequence[Annotation] | None = None) -> Picture:
    """Learning rate and gradient norm over the steps of a run, the ends of its epochs marked, and where the rate was moved by hand.

    A norm that isn't finite gets a cross at the top. Where norms differ by more than a factor of 100 their axis is logarithmic.

    Args:
        history: a `History`, or its `frame()`: columns step, lr, grad_norm (nats per weight unit) and, for the marks, epoch.
        notes: from `aitrain_nb.annotations`, of which those about the learning rate count; by default a history says them itself.

    Raises:
        DataError: it is neither.
    """
    data = RunData.of(history, notes)
    data.notes = [note for note in data.notes if note.kind == "learning_rate"]
    figure, (left, right) = new_figure(columns=2, width=9, height=3.4)
    figure.is_drawing = True
    finite = np.isfinite(data.norm)
    few: dict[str, Any] = {"marker": "o", "markersize": 4} if data.span < 3 else {}
    left.plot(data.step, np.where(np.isfinite(data.rate), data.rate, np.nan), color=GREEN, **few)
    left.set(title="Learning rate", xlabel="step", ylabel="learning rate")
    right.plot(data.step, np.where(finite, data.norm, np.nan), color=PURPLE, linewidth=0.9, **few)
    right.set(title="Gradient norm, before clipping", xlabel="step", ylabel="nats per weight unit")
    lost = data.step[~finite]
    if len(lost):
        right.plot(lost, [0.97] * len(lost), "x", color=DARK_ORANGE, transform=right.get_xaxis_transform(),
                   label="not a finite number")  # fmt: skip
        right.legend(frameon=False, loc="lower left", fontsize=8, handletextpad=0.1)
    positive = data.norm[finite & (data.norm > 0)]
    if len(positive) and positive.max() > 100 * positive.min():
        right.set_yscale("log")
    for axis in (left, right):
        axis.locator_params(axis="x", integer=True)
        if not data.span:
            axis.text(0.5, 0.5, "no step yet", ha="center", transform=axis.transAxes)
        _mark_epochs(axis, data.epoch_ends())
        for note in data.notes:
            axis.axvline(note.step, color=GREY, linestyle="-.", linewidth=0.9)
    figure.description = captions.of_rates(data)
    return figure


def _mark_epochs(axis: Axes, ends: Mapping[int, float]) -> None:
    """A light line at the last step of each epoch and its number above; of many epochs every second, fifth, tenth and so on."""
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


def schedule(rates: Sequence[float], title: str = "Schedule", steps: Sequence[int] | None = None) -> Picture:
    """The learning rate of every step of a run to come, or at some of them.

    Args:
        rates: learning rates.
        title: the heading.
        steps: the 1-based step of each rate; by default they are those of every step.
    """
    steps = range(1, len(rates) + 1) if steps is None else steps
    figure, (axis,) = new_figure(height=2.4)
    figure.is_drawing = True
    axis.plot(steps, rates, color=GREEN, marker="o" if len(rates) == 1 else None, markersize=4)
    axis.set(title=plain(title), xlabel="step", ylabel="learning rate", ylim=(0, None))
    figure.description = captions.schedule(steps, rates)
    return figure
