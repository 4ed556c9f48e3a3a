"""How text from data is written in a picture: as letters, never as a formula, never invisible, never endless."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator


def with_article(name: str) -> str:
    """The name of a kind of thing with "a" or "an" before it, as its first letter asks for.

    >>> with_article("int"), with_article("DataFrame"), with_article("Update")
    ('an int', 'a DataFrame', 'an Update')
    """
    return f"{'an' if name[:1].lower() in set('aeiou') else 'a'} {name}"


def visible(text: str, keep: str = "") -> str:
    r"""Control and direction-changing characters as codes that can be seen, but for those of `keep`.

    >>> visible("a\u202eb"), visible("a\nb", keep="\n")
    ('a\\u202eb', 'a\nb')
    """
    return "".join(
        f"\\u{ord(letter):04x}" if unicodedata.category(letter) in {"Cc", "Cf", "Cs"} and letter not in keep else letter
        for letter in text
    )


def plain(text: object, width: int | None = None, cut: Literal["start", "end"] = "end") -> str:
    r"""Text for matplotlib, which takes what stands between two dollar signs for a formula.

    Args:
        text: anything; line breaks and tabs get a sign.
        width: at most so many letters wide; what is cut off becomes "…".
        cut: where: of a dotted name the end says more.

    >>> plain("$x$"), plain("two\nlines"), plain("a long name", 7)
    ('\\$x\\$', 'two⏎lines', 'a long…')
    >>> plain("encoder.layer.0.weight", 10, cut="start")
    '….0.weight'
    """
    return _escaped(shortened(_one_line(text), width, cut))


def wrapped(text: object, width: int, lines: int) -> str:
    r"""Text for matplotlib in at most `lines` lines of at most `width` letters; words longer than a line are broken.

    >>> wrapped("one two three four", 9, 2)
    'one two\nthree…'
    """
    rows = list(_rows(_one_line(text), width))
    if len(rows) > lines:
        last = rows[lines - 1]
        rows = [*rows[: lines - 1], f"{last}…" if letters_wide(last) < width else shortened(last + "…", width, "end")]
    return "\n".join(_escaped(row) for row in rows)


def dotted(name: str, width: int, lines: int) -> str:
    r"""A dotted name for matplotlib in at most so many lines, broken after dots; of a longer one the beginning is cut off.

    >>> dotted("encoder.layer.0.query.weight", 16, 2), dotted("encoder.layer.0.query.weight", 8, 1)
    ('encoder.layer.\n0.query.weight', '…weight')
    """
    rows = [""]
    for piece in reversed(re.split(r"(?<=\.)", name)):  # from the end, which says more
        if rows[0] and letters_wide(piece + rows[0]) > width:
            rows.insert(0, piece)
        else:
            rows[0] = piece + rows[0]
    shown = rows[-lines:]
    if len(shown) < len(rows):
        shown[0] = f"…{shown[0]}"
    return "\n".join(plain(row, width, cut="start") for row in shown)


def letters_wide(text: str) -> int:
    """Width of a text in letters: Chinese, Japanese and Korean ones and emoji take two, accents none.

    >>> letters_wide("abc"), letters_wide("日本"), letters_wide("e\u0301")
    (3, 4, 1)
    """
    return sum(map(_letter_width, text))


def _letter_width(letter: str) -> int:
    if unicodedata.category(letter) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(letter) in {"W", "F"} else 1


def _one_line(text: object) -> str:
    signs = str(text).replace("\r\n", "⏎").replace("\n", "⏎").replace("\t", "⇥")
    return visible(signs).replace("\u2028", "⏎").replace("\u2029", "⏎")


def _escaped(text: str) -> str:
    return text.replace("$", r"\$")


def shortened(text: str, width: int | None, cut: Literal["start", "end"] = "end") -> str:
    """A text at most so many letters wide; what is cut off becomes "…".

    >>> shortened("a long name", 7), shortened("short", 7)
    ('a long…', 'short')
    """
    if width is None or letters_wide(text) <= width:
        return text
    kept, used = [], 1
    for letter in text if cut == "end" else reversed(text):
        used += _letter_width(letter)
        if used > width:
            break
        kept.append(letter)
    return "".join(kept).rstrip() + "…" if cut == "end" else "…" + "".join(reversed(kept))


def _rows(text: str, width: int) -> Iterator[str]:
    row = ""
    for given in text.split(" "):
        word = given
        if row and letters_wide(row) + 1 + letters_wide(word) <= width:
            row = f"{row} {word}"
            continue
        if row:
            yield row
        while letters_wide(word) > width:
            head = _head(word, width)
            yield head
            word = word[len(head) :]
        row = word
    if row:
        yield row


def _head(word: str, width: int) -> str:
    """The longest beginning of a word that fits, at least one letter."""
    used = 0
    for place, letter in enumerate(word):
        used += _letter_width(letter)
        if used > width and place:
            return word[:place]
    return word
