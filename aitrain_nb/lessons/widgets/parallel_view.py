"""`ParallelView`: three ways to fill the same table of products, at the pace that was measured on this machine."""

from __future__ import annotations

from aitrain_nb import html
from aitrain_nb.lessons.experiments.three_ways import COLUMNS, INNER, ROWS, WAYS, measured
from aitrain_nb.numerals import significant
from aitrain_nb.widgets.explorable import Explorable, Range

_HIGH = 4
"""Pixels of a row."""
_NUMBERS = ROWS * COLUMNS


class ParallelView(Explorable):
    """The slider is the time since all three began.

    Example:
        ParallelView().set(time=10_000)
    """

    def __init__(self) -> None:
        measured()
        help_text = "Since all three began, in millionths of a second; each step of the slider is a little longer than the one before."
        super().__init__(
            _draw, "Three ways to fill a table",
            time=Range(100, "Microseconds", min=1, max=200_000, log=True, unit="microseconds", help=help_text),
        )  # fmt: skip


def done(way: str, microseconds: float) -> int:
    """How many of the 3,000 numbers are there after this time: one after the other, in whole rows, or all of them."""
    portion = {"number by number": 1, "row by row": COLUMNS, "all at once": _NUMBERS}[way]
    portions = int(microseconds * 1e-6 / measured()[way] * (_NUMBERS // portion))
    return min(_NUMBERS, portions * portion)


def _draw(time: float) -> html.Markup:
    counts = {way: done(way, time) for way in WAYS}
    pictures = html.element(
        "div", *map(_table, WAYS, counts.values()), style="display:flex;flex-wrap:wrap;gap:16px;margin:8px 0"
    )
    there = ", ".join(f"{way} {count:,}" for way, count in counts.items())
    whole = ", ".join(f"{way} {_short(seconds)}" for way, seconds in measured().items())
    slow, _, quick = measured().values()
    said = (
        f"After {_short(time * 1e-6)} there are, of {_NUMBERS:,} numbers: {there}. Each number is a sum of {INNER} products. "
        f"The whole takes, on one core of this machine: {whole}. All at once is {slow / quick:,.0f} times as fast as the first."
    )
    return html.join([pictures, html.element("div", said)])


def _table(way: str, count: int) -> html.Markup:
    """The table as a picture: what is there is blue, from the top left on."""
    rows, more = divmod(count, COLUMNS)
    blue = f"background:rgb({html.BLUE})"
    whole = html.element("span", style=f"display:block;height:{rows * _HIGH}px;{blue}")
    part = html.element(
        "span", style=f"display:block;height:{_HIGH if more else 0}px;width:{more * 100 / COLUMNS:.3g}%;{blue}"
    )
    box = html.element(
        "span", whole, part,
        style=f"display:block;width:180px;height:{ROWS * _HIGH}px;background:rgba(128,128,128,0.18);border:1px solid rgba(128,128,128,0.6)",
    )  # fmt: skip
    return html.element("div", html.element("div", html.element("b", way), f" {count / _NUMBERS:.0%}"), box)


def _short(seconds: float) -> str:
    """A short time as a person says it.

    >>> _short(0.0321), _short(0.000_012_34)
    ('32 ms', '12 µs')
    """
    return f"{significant(1e3 * seconds, 2)} ms" if seconds >= 1e-3 else f"{significant(1e6 * seconds, 2)} µs"
