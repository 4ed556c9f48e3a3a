"""Small pieces of HTML that survive a notebook's sanitiser and suit a light and a dark page.

Inline styles only (but for drawings on a dark page): translucent backgrounds, inherited text colour, every value also as text. Each
function escapes the text it is given; a value of type `Markup` is HTML made here.
"""

from __future__ import annotations

import base64
import html as standard_html
import math
import re
from typing import TYPE_CHECKING

from aitrain_nb.lettering import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

BLUE, ORANGE, GREEN, GREY = "0,114,178", "213,94,0", "0,158,115", "128,128,128"


_CAPTION = "text-align:left;padding:2px 8px 2px 0;white-space:nowrap"


class Markup(str):
    """HTML made by this module; everything else is text and is escaped."""

    __slots__ = ()

    def __add__(self, other: str) -> Markup:
        return Markup(str.__add__(self, escape(other)))


def escape(value: object) -> Markup:
    r"""Text for an HTML page; control and direction-changing characters become visible codes.

    >>> escape("<b>\u202e")
    '&lt;b&gt;\\u202e'
    """
    if isinstance(value, Markup):
        return value
    return Markup(standard_html.escape(visible(str(value), keep="\n\t")))


def element(tag: str, *content: object, style: str = "", **attributes: object) -> Markup:
    """One element; the content is escaped unless it is Markup."""
    named = "".join(f' {name.rstrip("_")}="{escape(value)}"' for name, value in attributes.items())
    styled = f' style="{style}"' if style else ""
    return Markup(f"<{tag}{styled}{named}>{''.join(escape(part) for part in content)}</{tag}>")


def join(parts: Iterable[object]) -> Markup:
    """Pieces one after the other."""
    return Markup("".join(escape(part) for part in parts))


def bar(fraction: float, text: str, colour: str = BLUE, width: int = 120) -> Markup:
    """A horizontal bar of `fraction` (0 to 1) of at most `width` pixels, with its value as text behind it."""
    share = 100 * min(1.0, max(0.0, fraction))
    block = element("span", style=f"display:block;width:{share:.4g}%;height:10px;background-color:rgb({colour})")
    style = (
        f"display:inline-block;width:clamp(30px,24vw - 100px,{width}px);height:10px;background-color:rgba({GREY},0.15)"
    )
    return Markup(f'<span style="white-space:nowrap">{element("span", block, style=style)} {escape(text)}</span>')


def spark(values: Sequence[float], colour: str = ORANGE, most: int = 24) -> Markup:
    """A small curve without words, as bars of at most 18 pixels: the numbers must stand elsewhere.

    Args:
        values: what isn't finite is left out, as a gap.
        colour: of the bars.
        most: bars; of more values, those at even distances are drawn, the last among them.
    """
    if len(values) > most:
        values = [values[round(place * (len(values) - 1) / (most - 1))] for place in range(most)]
    finite = [value for value in values if math.isfinite(value)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 0.0)

    def height(value: float) -> float:
        return 3 + 15 * ((value - low) / (high - low) if high > low else 0.5) if math.isfinite(value) else 0

    bars = (
        element("span", style=f"display:inline-block;width:4px;margin-right:1px;height:{height(value):.0f}px;"
                f"background-color:rgba({colour},0.8)") for value in values
    )  # fmt: skip
    return element("span", join(bars), style="white-space:nowrap;line-height:1")


def dotted(name: str) -> Markup:
    """A name with dots, which may go on in the next line after each of them."""
    return Markup("<wbr>".join(escape(part) for part in re.split(r"(?<=\.)", name)))


def chip(text: object, colour: str = GREY) -> Markup:
    """A short text on a tinted ground."""
    style = f"background-color:rgba({colour},0.22);border-radius:4px;padding:1px 6px;white-space:nowrap"
    return element("span", text, style=style)


def table(headers: Sequence[object], rows: Iterable[Sequence[object]], caption: str = "") -> Markup:
    """A plain table; cells that aren't Markup are escaped."""
    plain = "text-align:left;padding:2px clamp(2px,0.6vw,8px);border-bottom:1px solid rgba(128,128,128,0.25)"

    def cell(value: object) -> Markup:
        short = not isinstance(value, Markup) and len(str(value)) <= 14  # a number stays on its line
        return element("td", value, style=f"{plain};white-space:nowrap" if short else plain)

    head = join(element("th", header, style=plain, scope="col") for header in headers)
    body = join(Markup(f"<tr>{join(cell(value) for value in row)}</tr>") for row in rows)
    title = element("caption", caption, style=_CAPTION) if caption else Markup("")
    return Markup(
        f'<table style="border-collapse:collapse;margin:4px 0">{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    )


def wide(name: str, *content: object) -> Markup:
    """What may be wider than the page: it is moved sideways by mouse, finger or arrow keys, and the page itself stays.

    Args:
        name: what it is, for those who hear the page.
        content: escaped where it isn't Markup.
    """
    return element("div", *content, style="overflow-x:auto", role="region", tabindex=0, **{"aria-label": name})


def folded_table(
    headers: Sequence[object], rows: Sequence[Sequence[object]], first: int = 16, most: int | None = None
) -> Markup:
    """A table of the first rows; the others open behind a line that counts them.

    Args:
        headers: of the columns.
        rows: of cells.
        first: so many are seen at once.
        most: so many are in the page at all; None is all of them.
    """
    if len(rows) <= first + 4:
        return table(headers, rows)
    more = f"{len(rows) - first:,} more"
    if most is not None and len(rows) > most:
        more += f", of which the first {most - first:,} are here: all are in table()"
    return table(headers, rows[:first]) + details(more, table(headers, rows[first:most]))


def grid(
    values: Sequence[Sequence[float]], low: float, high: float, caption: str = "", framed: tuple[int, int] | None = None
) -> Markup:
    """Numbers in a grid, each on a ground as strong as the number: a picture that can be read digit by digit.

    Args:
        values: rows of numbers.
        low: the number whose ground is clear.
        high: the number whose ground is strongest.
        caption: what they are.
        framed: row and column of one that is to be found at once.
    """
    span = (high - low) or 1.0

    def cell(value: float, *, is_framed: bool) -> Markup:
        strength = 0.6 * (value - low) / span
        style = f"background-color:rgba({BLUE},{strength:.2f});text-align:center;padding:1px 5px;min-width:1.6em"
        if is_framed:
            style += f";outline:2px solid rgb({ORANGE});outline-offset:-1px;font-weight:bold"
        return element("td", f"{value:g}", style=style)

    body = join(
        Markup(f"<tr>{join(cell(value, is_framed=(i, j) == framed) for j, value in enumerate(row))}</tr>")
        for i, row in enumerate(values)
    )
    title = element("caption", caption, style=_CAPTION) if caption else Markup("")
    return Markup(
        f'<table style="border-collapse:collapse;margin:4px 0;font-size:90%">{title}<tbody>{body}</tbody></table>'
    )


def facts(items: Mapping[str, object]) -> Markup:
    """Names with values, flowing in a line."""
    parts = [
        element("span", element("b", name), " ", value, style="display:inline-block;margin-right:16px")
        for name, value in items.items()
    ]
    return element("div", join(parts), style="margin:4px 0")


_DARK = Markup(
    "<style>[data-jp-theme-light=false] img.aitrain-drawing,.vscode-dark img.aitrain-drawing"
    "{filter:invert(.93) hue-rotate(180deg)}</style>"
)
"""Turns light into dark and leaves the hues: the page's theme is known to the page only. Where it is stripped, the ground stays white."""


def image(png: bytes, alt: str, width: int | None = None, *, is_drawing: bool = False) -> Markup:
    """A picture inside the page, with its description for those who can't see it.

    Args:
        png: its bytes.
        alt: the description.
        width: in pixels of the page.
        is_drawing: lines and words on white, which become light on dark where the notebook's theme is dark.
    """
    source = base64.b64encode(png).decode("ascii")
    size = f' width="{width}"' if width else ""
    named = ' class="aitrain-drawing"' if is_drawing else ""
    shown = Markup(
        f'<img src="data:image/png;base64,{source}" alt="{escape(alt)}"{size}{named} style="max-width:100%;height:auto">'
    )
    return _DARK + shown if is_drawing else shown


def details(summary: str, content: Markup) -> Markup:
    """Content behind a line that opens it."""
    line = element("summary", summary, style="cursor:pointer;padding:4px 0")  # high enough for a finger
    return Markup(f"<details>{line}{content}</details>")


def section(title: str, note: str, *content: object) -> Markup:
    """A titled block: what every record shows."""
    heading = element(
        "div", element("b", title), " ", element("span", note, style="opacity:0.75"), style="margin-bottom:2px"
    )
    return Markup(f'<div style="padding:6px 2px;max-width:860px">{heading}{join(content)}</div>')


def heat(text: str, strength: float) -> Markup:
    """Text on a ground as strong as `strength`, 0 to 1."""
    return element("span", text, style=f"background-color:rgba({ORANGE},{0.55 * min(1.0, max(0.0, strength)):.2f})")
