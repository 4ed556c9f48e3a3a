"""A race of settings: time and memory of each, as multiples of the run's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aitrain_nb.lettering import wrapped
from aitrain_nb.plots.base import BLUE, DARK_ORANGE, GREY, INK, add_axes, new_page
from aitrain_nb.plots.scales import few_ticks, short

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from aitrain_nb.figures import Picture

_LEFT, _GAP, _ABOVE, _BELOW, _ROW, _LETTERS = 210, 34, 66, 40, 30, 30


def race(
    names: Sequence[str], times: Sequence[tuple[float, float, float]], memories: Sequence[float], *, description: str = "",
    width: int = 860,
) -> Picture:  # fmt: skip
    """Time an example (with the middle half of the pairs) and peak memory of each setting; 1 is the run as it is.

    Args:
        names: of the settings.
        times: lower quartile, middle and upper quartile of each, as multiples of the run's time.
        memories: of each, as a multiple of the run's peak.
        description: what the picture says.
        width: in pixels of the page, 1/96 inch; at least 560.
    """
    width = max(560, width)
    height = _ABOVE + _BELOW + _ROW * max(2, len(names))
    note = "left is better; the bar is the middle half of the pairs of steps"
    figure = new_page("Settings against the run as it is", note, width, height)
    figure.description = description
    half = (width - _LEFT - _GAP - 24) // 2
    panels = (
        (_LEFT, "time an example", times, BLUE, "o"),
        (_LEFT + half + _GAP, "peak memory", [(one,) * 3 for one in memories], DARK_ORANGE, "s"),
    )
    for left, title, values, colour, marker in panels:
        axis = add_axes(figure, left, _BELOW, width - left - half, _ABOVE)
        _draw(axis, title, values, colour, marker)
        axis.set_yticks(
            range(len(names)), [wrapped(name, _LETTERS, 2) for name in names] if left == _LEFT else [""] * len(names)
        )
    return figure


def _draw(axis: Axes, title: str, values: Sequence[tuple[float, ...]], colour: str, marker: str) -> None:
    """One panel: a mark and a bar in each row, its number beside it."""
    from matplotlib.ticker import LogLocator, NullLocator

    axis.axvline(1, color=GREY, linestyle=":", linewidth=1.4)
    most = max((high for _, _, high in values), default=1.0)
    is_wide = most > 4
    if is_wide:
        axis.set_xscale("log")
    for row, (low, middle, high) in enumerate(values):
        axis.plot([low, high], [row, row], color=colour, linewidth=5, alpha=0.3, solid_capstyle="butt")
        axis.plot([middle], [row], marker, color=colour, markersize=7)
        axis.annotate(
            f"{middle:.2f}",
            (max(high, middle), row),
            (8, 0),
            textcoords="offset points",
            va="center",
            fontsize=8.5,
            color=INK,
        )
    least = min((low for low, _, _ in values), default=0.0)
    axis.set_xlim(*((min(0.8, least) * 0.8, most * 1.9) if is_wide else (0, 1.22 * max(1.0, most))))
    axis.set_ylim(len(values) - 0.5, -0.5)
    axis.set_xlabel("times the run as it is")
    axis.set_title(title, fontsize=9.5, loc="left", color=INK)
    axis.grid(visible=False, axis="y")
    axis.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)) if is_wide else few_ticks(5))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(short())
