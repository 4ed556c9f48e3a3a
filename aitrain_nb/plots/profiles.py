"""Where the time of a step goes: a bar for each phase, divided by what is computed in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aitrain_nb import numerals
from aitrain_nb.lettering import plain
from aitrain_nb.plots.base import BLUE, DARK_ORANGE, GREEN, GREY, INK, ORANGE, PURPLE, add_axes, new_page

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aitrain_nb.figures import Picture

_LEFT, _RIGHT, _ABOVE, _BELOW, _ROW, _KEY = 76, 84, 50, 40, 34, 20
_LOOKS = {
    "matrix products": (BLUE, ""), "dropout": (ORANGE, "//"), "arithmetic": (GREEN, ".."), "activations": (PURPLE, "\\\\"),
    "copies": (DARK_ORANGE, "xx"),
}  # fmt: skip
"""Colour and pattern of those that take most as a rule; others take the place of one that isn't there."""
_OTHERS = "other work"
_LETTERS = 22
"""Of a kind's name, at most."""


def profile(
    seconds: Mapping[str, Mapping[str, float]], kinds: Sequence[str], *, between: str = "between operations", description: str = "",
    width: int = 860,
) -> Picture:  # fmt: skip
    """Each phase of a step as a bar of milliseconds; the kinds of work that take most have a colour and a pattern of their own.

    Args:
        seconds: phase -> kind of work -> seconds.
        kinds: of work, in order of their share.
        between: the kind that is no work of the model: grey.
        description: what the picture says.
        width: in pixels of the page, 1/96 inch; at least 420.
    """
    width = max(420, width)
    shown = [kind for kind in kinds if kind != between][: len(_LOOKS)]
    parts = {
        phase: {kind: each.get(kind, 0.0) for kind in shown}
        | {_OTHERS: sum(value for kind, value in each.items() if kind not in {*shown, between}), between: each.get(between, 0.0)}
        for phase, each in seconds.items()
    }  # fmt: skip
    free = [look for kind, look in _LOOKS.items() if kind not in shown]
    looks = {kind: _LOOKS.get(kind) or free.pop(0) for kind in shown} | {_OTHERS: (INK, "--"), between: (GREY, "")}
    looks = {kind: look for kind, look in looks.items() if any(each[kind] for each in parts.values())}
    columns = max(1, (width - _LEFT) // 170)
    lines = -(-len(looks) // columns)
    height = _ABOVE + _ROW * len(seconds) + _BELOW + _KEY * lines
    whole = sum(sum(each.values()) for each in parts.values()) or 1.0
    figure = new_page(
        "Where the time of a step goes",
        f"{numerals.duration(whole)} in all; without torch's profiler looking on",
        width,
        height,
    )
    figure.description = description
    axis = add_axes(figure, _LEFT, _BELOW + _KEY * lines, _RIGHT, _ABOVE)
    for row, each in enumerate(parts.values()):
        left = 0.0
        for kind, (colour, hatch) in looks.items():
            value = 1000 * each[kind]
            axis.barh(row, value, left=left, height=0.72, color=colour, hatch=hatch, edgecolor="white", linewidth=0.6,
                      label=plain(kind, _LETTERS) if row == 0 else None)  # fmt: skip
            left += value
        axis.annotate(f"{100 * sum(each.values()) / whole:.0f} %", (left, row), (5, 0), textcoords="offset points", va="center",
                      fontsize=8.5, color=INK)  # fmt: skip
    axis.set_yticks(range(len(parts)), [plain(phase, 10) for phase in parts])
    axis.set_ylim(len(parts) - 0.5, -0.5)
    axis.set_xlim(left=0)
    axis.set_xlabel("milliseconds")
    axis.grid(visible=False, axis="y")
    figure.legend(*axis.get_legend_handles_labels(), loc="lower left", bbox_to_anchor=(0.0, 0.0), ncols=columns, fontsize=8.5,
                  frameon=False, handlelength=1.6, columnspacing=1.2)  # fmt: skip
    return figure
