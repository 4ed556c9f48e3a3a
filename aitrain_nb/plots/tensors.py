"""What is inside: each weight, how the numbers of tensors are spread, who looks at whom."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

from aitrain_nb import captions, numerals
from aitrain_nb.errors import DataError
from aitrain_nb.lettering import dotted, letters_wide, plain
from aitrain_nb.plots.base import BLUE, DARK_ORANGE, GREEN, GREY, ORANGE, PANELS, new_figure
from aitrain_nb.spreads import Spread, as_array, most_telling, spread, with_a_choice

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from aitrain_nb.figures import Picture


def dials(before: Mapping[str, Any], after: Mapping[str, Any] | None = None) -> Picture:
    """Every weight of a small model as a bar; with `after`, its new value, and a line where it stood before.

    A weight that isn't finite has no bar; the description counts them.

    Args:
        before: tensor name -> weights, as `model.state_dict()` gives them.
        after: the same later.
    """
    import numpy as np

    figure, (axis,) = new_figure(width=9, height=2.8)
    figure.is_drawing = True
    axis.axhline(0, color=GREY, linewidth=0.8)
    old = {name: _finite(values) for name, values in before.items()}
    new = {name: _finite(after[name]) for name in before} if after is not None else old
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
    figure.description = captions.of_dials(old, new)
    return figure


def _finite(values: Any) -> Any:
    """The weights in a row, NaN for those that are not finite."""
    import numpy as np

    flat = as_array(values).ravel().astype(float)
    return np.where(np.isfinite(flat), flat, np.nan)


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
    drawn = most_telling(found, PANELS)
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
    drawn, size = blocks[:PANELS], len(tokens)
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
