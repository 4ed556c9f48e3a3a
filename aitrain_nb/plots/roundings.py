"""What rounding the weights does: loss and score over the bits that are left of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aitrain_nb import captions
from aitrain_nb.plots.base import BLUE, DARK_ORANGE, GREY, new_figure
from aitrain_nb.plots.labels import PIXELS_PER_INCH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aitrain_nb.figures import Picture


def rounding(
    bits: Sequence[int], losses: Sequence[float], scores: Sequence[float], before: tuple[float, float], score_name: str = "accuracy",
) -> Picture:  # fmt: skip
    """Loss and score over the bits of a weight, the fewest on the right; dotted is the model as it was trained.

    Args:
        bits: 2 to 8.
        losses: nats, of each.
        scores: 0 to 1, of each.
        before: loss and score with the weights as they were.
        score_name: what the score is.
    """
    figure, axes = new_figure(8, 3, columns=2)
    figure.set_dpi(PIXELS_PER_INCH)
    figure.is_drawing, figure.description = True, captions.of_rounding(bits, scores, before[1], score_name)
    told = (("loss (nats)", losses, BLUE, "o"), (score_name.replace("_", " "), scores, DARK_ORANGE, "s"))
    for axis, (name, values, colour, marker), was in zip(axes, told, before, strict=True):
        axis.axhline(was, color=GREY, linestyle=":", linewidth=1.6)
        side = "top" if name.startswith("loss") else "bottom"  # a loss rises from there, a score falls
        axis.annotate("as it was trained", (min(bits), was), (0, -5 if side == "top" else 5), textcoords="offset points",
                      ha="right", va=side, fontsize=8.5)  # fmt: skip
        axis.plot(bits, values, marker=marker, color=colour, linewidth=2)
        axis.set(title=f"{name.split(' (')[0].capitalize()} after rounding", xlabel="bits of a weight", ylabel=name)
        axis.set_xticks(sorted(bits))
        axis.set_xlim(max(bits) + 0.3, min(bits) - 0.3)
    axes[0].margins(y=0.14)
    axes[1].set_ylim(0, 1.1)
    return figure
