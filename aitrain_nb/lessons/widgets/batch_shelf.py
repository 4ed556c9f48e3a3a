"""`BatchShelf`: messages on the shelves of a batch, and how much of each shelf is padding."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from aitrain_nb import html
from aitrain_nb.lessons.experiments.numbered_words import messages
from aitrain_nb.lessons.widgets.token_lens import tokenizer
from aitrain_nb.widgets.explorable import Explorable, Range, Switch

_SHOWN = 32
"""Messages on the shelves."""
_LONGEST = 36
"""Tokens: a little more than the longest message on the shelves."""


class Shelf(NamedTuple):
    """A batch as a block.

    Attributes:
        lengths: tokens of each text.
        real: their sum.
        block: cells of the block: texts times the longest.
    """

    lengths: list[int]
    real: int
    block: int


@cache
def lengths() -> list[int]:
    """How many sub-words the first 32 messages have."""
    cutting = tokenizer("subwords", 4000)
    return [len(cutting(text)["input_ids"]) for text in messages().train.columns["text"][:_SHOWN]]


def shelves(lengths: list[int], batch_size: int, *, by_length: bool = False, longest: int = 10_000) -> list[Shelf]:
    """Texts in batches, each as wide as its longest text.

    Args:
        lengths: tokens of each text, in the order in which they come.
        batch_size: texts of a batch.
        by_length: texts of like length share a batch.
        longest: tokens after which a text is cut off.
    """
    short = [min(length, longest) for length in (sorted(lengths) if by_length else lengths)]
    parts = [short[place : place + batch_size] for place in range(0, len(short), batch_size)]
    return [Shelf(part, sum(part), len(part) * max(part)) for part in parts]


class BatchShelf(Explorable):
    """32 messages in batches: blue is text, hatched is padding. Choose the batch size, the order, and where texts are cut off.

    Example:
        BatchShelf().set(batch_size=4, by_length=True)
    """

    def __init__(self) -> None:
        self.lengths = lengths()
        super().__init__(
            self._shelves, "Padding in a batch", batch_size=Range(8, "Batch size", min=1, max=_SHOWN, step=1, unit="texts"),
            by_length=Switch(False, "Like lengths together"),
            longest=Range(_LONGEST, "Cut texts at", min=8, max=_LONGEST, step=4, unit="tokens"),
        )  # fmt: skip

    def wasted(self, batch_size: int, *, by_length: bool = False, longest: int = _LONGEST) -> float:
        """The share of all cells that is padding."""
        found = shelves(self.lengths, batch_size, by_length=by_length, longest=longest)
        return 1 - sum(one.real for one in found) / sum(one.block for one in found)

    def _shelves(self, batch_size: int, by_length: bool, longest: int) -> html.Markup:
        found = shelves(self.lengths, batch_size, by_length=by_length, longest=longest)
        real, block = sum(one.real for one in found), sum(one.block for one in found)
        lost = sum(self.lengths) - real
        facts = {
            "batches": len(found), "tokens": f"{real:,}", "padding": f"{block - real:,}",
            "share of padding": f"{(block - real) / block:.0%}",
            "text cut off": f"{lost:,} tokens ({lost / sum(self.lengths):.0%})",
        }  # fmt: skip
        bar = html.bar((block - real) / block, f"{(block - real) / block:.0%} of the work is padding", html.ORANGE, 320)
        note = "One line is one text. Blue: its tokens. Hatched: padding, up to the longest text of the batch."
        small = html.element("div", note, style="font-size:85%;opacity:0.85")
        return html.join([html.facts(facts), bar, html.element("div", *map(_block, found)), small])


def _block(shelf: Shelf) -> html.Markup:
    widest = max(shelf.lengths)
    high = 9 if len(shelf.lengths) > 1 else 7
    lines = [_line(length, widest, high) for length in shelf.lengths]
    return html.element(
        "div", *lines, style=f"margin:5px 0;border-left:3px solid rgba({html.GREY},0.9);max-width:600px"
    )


def _line(length: int, widest: int, high: int) -> html.Markup:
    hatch = f"repeating-linear-gradient(135deg,rgba({html.ORANGE},0.75) 0 2px,transparent 2px 6px)"
    text = html.element("i", style=f"flex:0 0 {_share(length)};background:rgba({html.BLUE},0.85)")
    padding = html.element("i", style=f"flex:0 0 {_share(widest - length)};background:{hatch}")
    return html.element("div", text, padding, style=f"display:flex;height:{high - 2}px;margin-bottom:2px")


def _share(tokens: int) -> str:
    """How wide so many tokens are, whatever the width of the page."""
    return f"{100 * tokens / _LONGEST:.2f}%"
