"""What was tried, and what came of it: learning rates one after the other, values of two fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aitrain_nb import numerals
from aitrain_nb.lettering import plain
from aitrain_nb.plots.base import BLUE, DARK_ORANGE, GREY, INK, LINES, new_figure
from aitrain_nb.plots.labels import PIXELS_PER_INCH, Labels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from aitrain_nb.figures import Picture


def range_test(
    learning_rates: Sequence[float], losses: Sequence[float], smoothed: Sequence[float], suggestions: Mapping[str, float],
    recommended: str | None = None, description: str = "",
) -> Picture:  # fmt: skip
    """Losses over the learning rates of a range test, and what rules suggest: a marker on the curve and its name.

    Args:
        learning_rates: of each step.
        losses: nats; what isn't finite is left out.
        smoothed: their moving average.
        suggestions: rule -> learning rate.
        recommended: the rule to follow, drawn filled and larger.
        description: what the picture says.
    """
    rates, raw, mean = (np.array(values, dtype=float) for values in (learning_rates, losses, smoothed))
    finite = np.isfinite(raw) & np.isfinite(mean)
    rates, raw, mean = rates[finite], raw[finite], mean[finite]
    figure, (axis,) = new_figure(width=8, height=4)
    figure.set_dpi(PIXELS_PER_INCH)
    figure.is_drawing, figure.description = True, description
    axis.set(title="Loss while the learning rate rises", xlabel="learning rate", ylabel="loss (nats)", xscale="log")
    if not len(rates):
        axis.text(0.5, 0.5, "no finite loss", ha="center", transform=axis.transAxes)
        return figure
    axis.plot(rates, raw, color=GREY, linewidth=0.8, alpha=0.8, label="each step")
    axis.plot(rates, mean, color=BLUE, linewidth=2, label="smoothed")
    axis.set_ylim(*_heights(mean))
    axis.legend(frameon=False, loc="lower left", fontsize=8)
    heights = {name: float(np.interp(np.log(rate), np.log(rates), mean)) for name, rate in suggestions.items()}
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    labels = Labels(figure, axis)
    labels.curve(rates, mean)
    order = sorted(suggestions, key=lambda name: name != recommended)
    for name in order:
        labels.block(*labels.pixel(suggestions[name], heights[name]), 7)
    for place, name in enumerate(order):
        chosen = name == recommended
        _, _, marker = LINES[place % len(LINES)]
        colour = DARK_ORANGE if chosen else INK
        axis.plot([suggestions[name]], [heights[name]], marker, color=colour, markersize=11 if chosen else 8,
                  markerfacecolor=colour if chosen else "white", markeredgewidth=1.6, zorder=5)  # fmt: skip
        words = f"{name} {numerals.rate(suggestions[name])}" + (" (suggested)" if chosen else "")
        box = labels.around(words, *labels.pixel(suggestions[name], heights[name]))
        if box is not None:
            labels.write(words, box, color=colour, fontweight="bold" if chosen else "normal")
    return figure


def _heights(mean: np.ndarray) -> tuple[float, float]:
    """Limits of the axis in which the fall is seen, and an explosion leaves it above."""
    low, start = float(mean.min()), float(mean[0])
    high = max(start, low) + 0.6 * max(start - low, 0.05 * abs(start), 1e-6)
    return low - 0.15 * (high - low), high


def sweep(
    fields: Mapping[str, Sequence[Any]], losses: Mapping[tuple[Any, ...], float], what: str, description: str = ""
) -> Picture:
    """Losses of the runs of a sweep: over two fields a grid of cells, each with its number, over one a row of them.

    Args:
        fields: one or two fields of a config with the values tried.
        losses: values of the fields -> loss in nats; what is missing was not tried, what isn't finite says so.
        what: which loss it is.
        description: what the picture says.
    """
    (across, columns), (down, rows) = [*fields.items(), ("", [""])][:2]
    figure, (axis,) = new_figure(width=max(5.0, 1.6 + 0.95 * len(columns)), height=max(2.2, 1.3 + 0.55 * len(rows)))
    figure.is_drawing, figure.description = True, description
    axis.grid(visible=False)
    finite = sorted(loss for loss in losses.values() if np.isfinite(loss))
    for place, column in enumerate(columns):
        for line, row in enumerate(rows):
            point = (column, row) if down else (column,)
            _cell(axis, place, line, losses.get(point), finite)
    axis.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(rows) - 0.5, -0.5), xlabel=plain(across), ylabel=plain(down))
    axis.set_title(f"{what.capitalize()} (nats); the lowest is framed")
    axis.set_xticks(range(len(columns)), [_written(value) for value in columns])
    axis.set_yticks(range(len(rows)) if down else [], [_written(value) for value in rows] if down else [])
    return figure


def _cell(axis: Axes, place: int, line: int, loss: float | None, finite: Sequence[float]) -> None:
    """One cell: the darker the lower its rank, with its number; the lowest in a frame."""
    from matplotlib.patches import Rectangle

    is_finite = loss is not None and bool(np.isfinite(loss))
    rank = finite.index(loss) / max(1, len(finite) - 1) if is_finite else 1.0
    is_best = is_finite and loss == finite[0]
    axis.add_patch(
        Rectangle(
            (place - 0.5, line - 0.5),
            1,
            1,
            facecolor=BLUE,
            alpha=0.55 * (1 - rank) if is_finite else 0,
            edgecolor="none",
        )
    )
    if is_best:
        axis.add_patch(
            Rectangle((place - 0.46, line - 0.46), 0.92, 0.92, fill=False, edgecolor=DARK_ORANGE, linewidth=2.5)
        )
    words = "not run" if loss is None else numerals.epoch_loss(loss) if is_finite else "no loss"
    axis.text(place, line, words, ha="center", va="center", color="black" if is_finite else INK, fontsize=9,
              fontweight="bold" if is_best else "normal")  # fmt: skip


def _written(value: object) -> str:
    return numerals.rate(value) if isinstance(value, float) else plain(str(value), 14)
