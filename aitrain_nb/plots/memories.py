"""What a run needs of memory: its parts in one bar, and how much there is; how many examples a second batches of each size take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aitrain_nb import numerals
from aitrain_nb.plots.base import BLUE, DARK_ORANGE, GREEN, GREY, INK, ORANGE, PURPLE, new_figure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aitrain_nb.figures import Picture

_COLOURS = (BLUE, GREEN, PURPLE, ORANGE, GREY)
_HATCHES = ("", "//", "..", "\\\\", "xx")


def memory(parts: Mapping[str, int], limits: Sequence[int] = (), description: str = "") -> Picture:
    """The parts of a run's memory, stacked in one bar; dashed is how much devices have, as far as it is near.

    Args:
        parts: name -> bytes.
        limits: bytes of memory of devices.
        description: what the picture says.
    """
    whole = max(1, sum(parts.values()))
    figure, (axis,) = new_figure(8, 2.1)
    figure.is_drawing = True
    figure.description = description or f"{numerals.memory(whole)} in all."
    unit, name = (2**30, "GiB") if whole >= 2**30 else (2**20, "MiB")
    left = 0.0
    for place, (part, size) in enumerate(parts.items()):
        axis.barh([0], [size / unit], left=left, color=_COLOURS[place % 5], hatch=_HATCHES[place % 5], edgecolor="white",
                  label=f"{part} {numerals.memory(size)}")  # fmt: skip
        left += size / unit
    near = [limit for limit in limits if limit <= 2 * whole]
    for limit in near:
        axis.axvline(limit / unit, color=INK, linestyle="--", linewidth=1.4)
        axis.annotate(numerals.memory(limit), (limit / unit, 0.45), (4, 0), textcoords="offset points", fontsize=8.5)
    axis.set(
        title=f"Memory at the fullest moment of a step: {numerals.memory(whole)}",
        xlabel=name,
        yticks=[],
        ylim=(-0.5, 0.6),
    )
    axis.set_xlim(0, 1.08 * max([whole, *near]) / unit)
    axis.grid(visible=False, axis="y")
    figure.legend(frameon=False, loc="outside lower center", ncols=3, fontsize=8.5)
    return figure


def batch_sizes(rates: Mapping[int, float], recommended: int, largest: int, description: str = "") -> Picture:
    """Examples a second over the size of the batch; marked are the largest that still makes it quicker, and the largest that fits.

    Args:
        rates: batch size -> examples a second.
        recommended: the largest batch that still raises them.
        largest: the largest batch that fits, which may not have been tried.
        description: what the picture says.
    """
    figure, (axis,) = new_figure(8, 3)
    figure.is_drawing, figure.description = True, description
    sizes = sorted(rates)
    axis.plot(sizes, [rates[size] for size in sizes], color=BLUE, marker="o", linewidth=2)
    if recommended in rates:
        axis.plot([recommended], [rates[recommended]], marker="D", color=DARK_ORANGE, markersize=11, linestyle="",
                  label=f"{recommended:,}: larger ones add less than 5 %")  # fmt: skip
    if largest:
        axis.axvline(largest, color=INK, linestyle="--", linewidth=1.4, label=f"{largest:,}: the largest that fits")
    axis.set_xscale("log", base=2)
    axis.set(title="Examples a second by batch size", xlabel="batch size", ylabel="examples a second")
    axis.set_ylim(bottom=0)
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    figure.legend(frameon=False, loc="outside lower center", ncols=2, fontsize=8.5)
    return figure
