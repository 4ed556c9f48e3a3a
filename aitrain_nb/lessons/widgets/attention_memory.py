"""`AttentionMemory`: the table of scores that plain attention builds, beside the blocks of efficient attention, by text length."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aitrain_nb import numerals, plots
from aitrain_nb.plots.base import add_axes, new_page
from aitrain_nb.widgets.explorable import Explorable, Range

if TYPE_CHECKING:
    from aitrain_nb.figures import Picture

HEADS, BLOCK, BYTES = 12, 64, 4
"""Heads of a layer of BERT or GPT-2; tokens of a block; bytes of a number."""
_LENGTHS = 2.0 ** np.arange(6, 15)


class AttentionMemory(Explorable):
    """One text, one layer: every token asks every token, or a block of them at a time.

    Example:
        AttentionMemory().set(length=4096)
    """

    def __init__(self) -> None:
        slider = Range(
            512, "Tokens of the text", stops=tuple(map(int, _LENGTHS)), log=True, help="Each is twice the one before."
        )
        super().__init__(_picture, "Scores of attention, one layer", length=slider)


def score_bytes(length: float, keys: float | None = None) -> float:
    """Bytes of the scores of one layer: of each token with so many others; with all of them where none is said."""
    return HEADS * length * (length if keys is None else min(keys, length)) * BYTES


def _picture(length: float) -> Picture:
    tokens = round(length)
    plain, blocks = score_bytes(tokens), score_bytes(tokens, BLOCK)
    title = f"{tokens:,} tokens: {numerals.memory(plain)} of scores at once, or {numerals.memory(blocks)} in blocks"
    figure = new_page(title, "both axes in powers: a straight line of slope 2, and one of slope 1", 720, 320)
    axis = add_axes(figure, 64, 44, 16, 46)
    axis.plot(
        _LENGTHS,
        [score_bytes(one) / 2**20 for one in _LENGTHS],
        color=plots.ORANGE,
        linestyle="--",
        label="plain: length x length",
    )
    axis.plot(
        _LENGTHS,
        [score_bytes(one, BLOCK) / 2**20 for one in _LENGTHS],
        color=plots.BLUE,
        label=f"blocks: length x {BLOCK}",
    )
    axis.plot([tokens], [plain / 2**20], "o", color=plots.ORANGE, markersize=11)
    axis.plot([tokens], [blocks / 2**20], "o", color=plots.BLUE, markersize=11)
    axis.set(xscale="log", yscale="log", xlabel="tokens", ylabel="MiB")
    axis.set_xticks([64, 256, 1024, 4096, 16384], ["64", "256", "1,024", "4,096", "16,384"])
    axis.set_yticks([0.1, 1, 10, 100, 1000, 10000], ["0.1", "1", "10", "100", "1,000", "10,000"])
    axis.minorticks_off()
    axis.legend(frameon=False, fontsize=8)
    figure.description = (
        f"With {tokens:,} tokens a layer of {HEADS} heads has {numerals.memory(plain)} of scores; in blocks of {BLOCK} never more than "
        f"{numerals.memory(blocks)} at once."
    )
    return figure
