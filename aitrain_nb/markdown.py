"""Small pieces of Markdown for a page that GitHub and the Hugging Face hub show: text from data stays text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aitrain_nb.lettering import shortened, visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_MARKS = re.compile(r"[\\`*_\[\]<>&|~$#@!]|:(?=//)|(?<=www)\.", re.IGNORECASE)
"""What begins markup, an HTML element, a formula, a mention or a link anywhere in a line."""
_OPENERS = re.compile(r"^(\s*)([-+=]|\d{1,9}(?=[.)](?:\s|$)))")
"""What makes a list or a heading of a line that it begins."""


def escape(text: object, width: int | None = None) -> str:
    r"""Text on one line that no reader of Markdown takes for markup; control and direction-changing characters become visible.

    Args:
        text: anything.
        width: at most so many letters wide; what is cut off becomes "…".

    >>> escape("<b>*it*</b> | [x](javascript:y)")
    '\\<b\\>\\*it\\*\\</b\\> \\| \\[x\\](javascript:y)'
    >>> escape("two\nlines"), escape("1. one"), escape("https://a.b")
    ('two lines', '1\\. one', 'https\\://a.b')
    """
    line = visible(" ".join(str(text).split()))
    marked = _MARKS.sub(lambda found: f"\\{found[0]}", shortened(line, width))
    return _OPENERS.sub(
        lambda found: f"{found[1]}{found[2]}\\" if found[2].isdigit() else f"{found[1]}\\{found[2]}", marked
    )


def table(headers: Sequence[object], rows: Iterable[Sequence[object]], *, numbers: Sequence[int] = ()) -> str:
    """A table; every cell is escaped.

    Args:
        headers: of the columns.
        rows: their cells.
        numbers: the 0-based columns that hold numbers, which stand on the right.
    """
    lines = [
        _row(headers),
        _row(["---:" if place in numbers else "---" for place in range(len(headers))], is_text=False),
    ]
    return "\n".join([*lines, *(_row(row) for row in rows)])


def bullets(items: Iterable[str]) -> str:
    """A list of lines that are Markdown already."""
    return "\n".join(f"- {item}" for item in items)


def _row(cells: Iterable[object], *, is_text: bool = True) -> str:
    return f"| {' | '.join(escape(cell) if is_text else str(cell) for cell in cells)} |"
