"""A page as text for a terminal: what a view says in HTML, in lines. So the two never differ."""

from __future__ import annotations

import textwrap
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from aitrain_nb.lettering import letters_wide, visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_WIDE = 100
_BLOCKS = {"div", "p", "pre", "figure", "figcaption", "details", "summary", "table", "caption"}
_PLAIN = str.maketrans(
    {"·": "|", "\N{MULTIPLICATION SIGN}": "x", "±": "+-", "↓": "->", "✓": "(right)", "✗": "(wrong)", "…": "..."}
)
"""What our pages say with signs that not every terminal has."""


def as_text(page: str) -> str:
    r"""HTML made by this package as lines: tables in columns, pictures as their description, what is folded as its first line.

    >>> as_text("<p>One <b>bold</b> word</p><table><tr><td>a</td><td>1</td></tr><tr><td>bcd</td><td>2</td></tr></table>")
    'One bold word\na    1\nbcd  2'
    """
    reader = _Reader()
    reader.feed(page)
    reader.close()
    return "\n".join(reader.lines())


class _Reader(HTMLParser):
    """Collects lines and the rows of tables."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._found: list[str | list[list[str]]] = [""]
        self._rows: list[list[str]] | None = None
        self._open: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a line, a row or a cell."""
        given = dict(attrs)
        beside = "inline-block" in (given.get("style") or "")
        if tag == "img":
            self._new_line()
            self._write(f"[picture] {given.get('alt') or ''}")
            self._new_line()
        elif tag == "br":
            self._write("/")
        elif tag != "wbr":
            self._open.append((tag, beside))
            self._begin(tag, beside=beside)

    def _begin(self, tag: str, *, beside: bool) -> None:
        if self._is_folded():
            return
        if tag == "tr" and self._rows is None:
            self._rows = []
            self._found.append(self._rows)
        if tag == "tr" and self._rows is not None:
            self._rows.append([])
        elif tag in {"td", "th"} and self._rows:
            self._rows[-1].append("")
        elif self._rows is not None:
            return
        elif tag in _BLOCKS and not beside and not self._is_beside():
            self._new_line()
        elif beside and self._line and not self._line.endswith(" ") and not self._is_beside():
            self._write("  ")

    def handle_endtag(self, tag: str) -> None:
        """End a line or a table."""
        if not self._is_folded() and tag == "summary":
            self._write(" (folded)")
        _, beside = self._open.pop()
        if self._is_folded():
            return
        if tag == "table":
            self._rows = None
            self._found.append("")
        elif self._rows is None and tag in _BLOCKS and not beside and not self._is_beside():
            self._new_line()

    def handle_data(self, data: str) -> None:
        """Words."""
        if not self._is_folded() and not self._is_in("style"):
            self._write(visible(data).replace("\\u000a", "\n") if self._is_in("pre") else " ".join(data.split(" ")))

    def _write(self, words: str) -> None:
        if self._rows is not None and self._rows and self._rows[-1]:
            self._rows[-1][-1] += words
        elif isinstance(self._found[-1], str):
            self._found[-1] += words

    @property
    def _line(self) -> str:
        return self._found[-1] if isinstance(self._found[-1], str) else ""

    def _new_line(self) -> None:
        if self._rows is None and self._found[-1] != "":
            self._found.append("")

    def _is_in(self, tag: str) -> bool:
        return any(open_tag == tag for open_tag, _ in self._open)

    def _is_beside(self) -> bool:
        """Whether what is open already stands beside other things: the last two that are open, without the newest."""
        return any(beside for _, beside in self._open[:-1])

    def _is_folded(self) -> bool:
        """Whether it stands behind a line that isn't open."""
        tags = [tag for tag, _ in self._open]
        return "details" in tags and "summary" not in tags[tags.index("details") :] and tags[-1] != "details"

    def lines(self) -> Iterator[str]:
        """What was found, wrapped, tables in columns."""
        for part in self._found:
            if isinstance(part, list):
                yield from _columns(part)
            elif part.strip():
                yield from textwrap.wrap(part.translate(_PLAIN), _WIDE, break_long_words=False, break_on_hyphens=False)


def _columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    plain = [[" ".join(cell.split()).translate(_PLAIN) for cell in row] for row in rows]
    widths = [0] * max((len(row) for row in plain), default=0)
    for row in plain:
        for place, cell in enumerate(row):
            widths[place] = max(widths[place], letters_wide(cell))
    for row in plain:
        filled = (cell + " " * (width - letters_wide(cell)) for cell, width in zip(row, widths, strict=False))
        yield "  ".join(filled).rstrip()
