"""Cutting text into rows of values with the standard csv module: what separates values, and what a quote means.

A reading counts as right where all rows have as many values as the first one.
"""

from __future__ import annotations

import csv
import io
import itertools
import re
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from aitrain_nb.errors import DataError
from aitrain_nb.sources.columns import known_names
from aitrain_nb.sources.values import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

DELIMITERS = {",": "comma", "\t": "tab", ";": "semicolon", "|": "vertical bar"}
"""What may separate values, with its name for people."""

ONE_COLUMN = "\0"
"""Separates nothing: it occurs in no text that is read."""

_LONGEST_VALUE = 2**31 - 1
_LOOKED_AT = 200
"""Rows that are looked at to find the delimiter."""

_field_limit = threading.Lock()


class _Dialect(NamedTuple):
    """How a line is cut into values."""

    delimiter: str
    quoted: bool = True
    blanks_after_delimiter: bool = False


class Row(NamedTuple):
    """The line in which a row begins, and its values."""

    line: int
    cells: list[str]


class _Parsed(NamedTuple):
    """The rows, and how many blank lines lie between them."""

    rows: list[Row]
    blank: int


class _Broken(NamedTuple):
    """Where and why a reading fails: `ragged` rows, or a quote that doesn't fit."""

    line: int
    why: str
    ragged: bool
    rows: int = 0


def _parse(text: str, dialect: _Dialect, most: int | None = None, first_line: int = 1) -> _Parsed:
    """The rows that aren't blank, at most `most`; raises csv.Error whose last argument is the line of the row.

    Args:
        text: without a NUL.
        dialect: how to cut.
        most: rows; None reads all.
        first_line: number of the text's first line in its file.
    """
    rows: list[Row] = []
    blank, line = 0, first_line
    with _long_values():
        try:
            reader = _reader(io.StringIO(text, newline=""), dialect)
            for values in itertools.islice(reader, most):
                empty = not values or (len(values) == 1 and not values[0].strip())
                blank += empty
                if not empty:
                    rows.append(Row(line, values))
                line = reader.line_num + first_line
        except csv.Error as error:
            raise csv.Error(str(error), line) from error
    return _Parsed(rows, blank)


def find_delimiter(text: str, path: Path) -> str:
    """The delimiter that gives all rows the same number of values, and the first one names that are known.

    Raises:
        DataError: two delimiters fit equally well.
    """
    first_line = text.lstrip().split("\n", 1)[0]
    if path.suffix.lower() == ".tsv" and "\t" in first_line:
        return "\t"
    scores: dict[str, tuple[bool, bool, bool, float]] = {}
    for delimiter in DELIMITERS:
        rows = first_rows(text, delimiter) if delimiter in text else []
        if not rows or len(rows[0].cells) < 2:
            continue
        same = sum(len(row.cells) == len(rows[0].cells) for row in rows) / len(rows)
        known = known_names(rows[0].cells)
        if known or (same >= 0.5 and len(rows) > 1):
            scores[delimiter] = (known >= 2, same == 1, known > 0, same)
    if not scores:
        return ONE_COLUMN
    best = max(scores.values())
    fitting = [delimiter for delimiter, score in scores.items() if score == best]
    if len(fitting) > 1:
        raise DataError(
            f"Several delimiters fit {shown(path.name)}.",
            f"They are: {', '.join(DELIMITERS[delimiter] for delimiter in fitting)}.",
            f"Pass delimiter={shown(fitting[0])}, or the one you mean.",
        )
    return fitting[0]


def first_rows(text: str, delimiter: str) -> list[Row]:
    """The first 200 rows that aren't blank, with quotes as far as they fit; none where it can't be cut so."""
    for quoted in (True, False):
        try:
            return _parse(text, _Dialect(delimiter, quoted), _LOOKED_AT).rows
        except csv.Error:
            continue
    return []


def read_rows(
    text: str, delimiter: str, quotes: bool | None, name: str, first_line: int = 1
) -> tuple[list[Row], list[str]]:
    """All rows under the first way to read quotes that gives each row as many values, and what was decided.

    Args:
        text: without a NUL.
        delimiter: one character.
        quotes: whether a `"` encloses values or is a letter; None finds out.
        name: the file's name, for the sentences.
        first_line: number of the text's first line in the file.

    Raises:
        DataError: no way does; names the line.
    """
    broken: list[_Broken] = []
    for dialect in _dialects(text, delimiter, quotes):
        parsed = _attempt(text, dialect, first_line)
        if isinstance(parsed, _Broken):
            broken.append(parsed)
            continue
        blank = [f"Blank lines, skipped: {parsed.blank:,}."] if parsed.blank else []
        return parsed.rows, blank + _quote_notes(text, parsed.rows, dialect, broken, first_line)
    raise DataError(*_sentence(broken, name))


def find_dialect(head: str, delimiter: str, name: str) -> tuple[_Dialect, list[Row]]:
    """How quotes are read, so that the first 200 rows have as many values each; and these rows.

    Args:
        head: the first letters of a text.
        delimiter: one character.
        name: the file's name, for the sentences.

    Raises:
        DataError: there is no such way; names the line.
    """
    broken: list[_Broken] = []
    for dialect in _dialects(head, delimiter, None):
        try:
            rows = _parse(head, dialect, _LOOKED_AT).rows
        except csv.Error as error:
            broken.append(_Broken(error.args[1], str(error.args[0]), ragged=False))
            continue
        odd = _ragged(rows, delimiter)
        if odd is None:
            return dialect, rows
        broken.append(odd)
    raise DataError(*_sentence(broken, name))


def one_by_one(lines: Iterator[str], dialect: _Dialect, name: str, first_line: int = 1) -> Iterator[Row]:
    """The rows of an open file that aren't blank, each as soon as it is read.

    Args:
        lines: with their ends.
        dialect: how to cut them.
        name: the file's name, for the sentences.
        first_line: number of the first one in its file.

    Raises:
        DataError: a row doesn't fit the first one; names the line.
    """
    reader = _reader(lines, dialect)
    first: Row | None = None
    while True:
        line = reader.line_num + first_line
        try:
            with _long_values():
                values = next(reader, None)
        except csv.Error as error:
            raise DataError(*_sentence([_Broken(line, str(error), ragged=False)], name)) from error
        if values is None:
            return
        if not values or (len(values) == 1 and not values[0].strip()):
            continue
        row = Row(line, values)
        first = first or row
        if len(values) != len(first.cells):
            odd = _ragged([first, row], dialect.delimiter)
            assert odd is not None
            raise DataError(*_sentence([odd], name))
        yield row


def _reader(lines: Iterable[str], dialect: _Dialect) -> Any:
    return csv.reader(
        lines, delimiter=dialect.delimiter, strict=True, quoting=csv.QUOTE_MINIMAL if dialect.quoted else csv.QUOTE_NONE,
        skipinitialspace=dialect.blanks_after_delimiter,
    )  # fmt: skip


@contextmanager
def _long_values() -> Iterator[None]:
    """Values of any length; the limit is the whole process's: it is put back before anybody else reads."""
    with _field_limit:
        before = csv.field_size_limit(_LONGEST_VALUE)
        try:
            yield
        finally:
            csv.field_size_limit(before)


def _dialects(text: str, delimiter: str, quotes: bool | None) -> list[_Dialect]:
    """The ways to read quotes, the likeliest first."""
    plain, blanks, letters = (
        _Dialect(delimiter), _Dialect(delimiter, blanks_after_delimiter=True), _Dialect(delimiter, quoted=False),
    )  # fmt: skip
    if quotes is False:
        return [letters]
    quoted = [plain]
    if delimiter != " " and re.search(re.escape(delimiter) + ' +"', text):
        quoted = [blanks, plain] if _quotes_follow_blanks(text, plain, blanks) else [plain, blanks]
    return quoted if quotes else [*quoted, letters]


def _quotes_follow_blanks(text: str, plain: _Dialect, blanks: _Dialect) -> bool:
    """Whether a value such as `, "x"` loses its quotes once the blank before them is left out."""
    without = _attempt(text, blanks, 1)
    kept = _attempt(text, plain, 1)
    if isinstance(without, _Broken) or isinstance(kept, _Broken) or len(without.rows) != len(kept.rows):
        return False
    pairs = (
        pair
        for one, other in zip(kept.rows, without.rows, strict=True)
        for pair in zip(one.cells, other.cells, strict=False)
    )
    return any(long != short and long.strip().replace('""', '"') == f'"{short}"' for long, short in pairs)


def _attempt(text: str, dialect: _Dialect, first_line: int) -> _Parsed | _Broken:
    """All rows, or where this reading fails."""
    try:
        parsed = _parse(text, dialect, None, first_line)
    except csv.Error as error:
        return _Broken(error.args[1], str(error.args[0]), ragged=False)
    return _ragged(parsed.rows, dialect.delimiter) or parsed


def _ragged(rows: list[Row], delimiter: str) -> _Broken | None:
    width = len(rows[0].cells) if rows else 0
    odd = [row for row in rows if len(row.cells) != width]
    if not odd:
        return None
    named = DELIMITERS.get(delimiter, shown(delimiter))
    many = f" {len(odd):,} of {len(rows):,} rows differ so." if len(odd) > 1 else ""
    values = f"{len(odd[0].cells):,} {'value' if len(odd[0].cells) == 1 else 'values'}"
    return _Broken(
        odd[0].line, f"It has {values} and the first row has {width:,}, separated by {named}.{many}", True, len(odd)
    )


def _sentence(broken: list[_Broken], name: str) -> tuple[str, str, str]:
    """The reading that comes nearest: the one with the fewest ragged rows, else where a quote doesn't fit."""
    ragged = [one for one in broken if one.ragged]
    if ragged:
        one = min(ragged, key=lambda candidate: candidate.rows)
        return (
            f"Line {one.line:,} of {shown(name)} doesn't fit the others.",
            one.why,
            'Put a text that holds the delimiter in double quotes "...", or pass delimiter=...',
        )
    one = broken[0]
    unclosed = "unexpected end of data" in one.why
    return (
        f"The row that begins in line {one.line:,} of {shown(name)} has a quote that doesn't fit.",
        'A " is opened and never closed.'
        if unclosed
        else 'After a closing " there are more letters before the delimiter.',
        'Write a " inside a quoted text twice, or pass quotes=False to read every " as a letter.',
    )


def _quote_notes(text: str, rows: list[Row], dialect: _Dialect, broken: list[_Broken], first_line: int) -> list[str]:
    """What was decided about quotes, in sentences; `broken` are the ways that were tried before."""
    if '"' not in text:
        return []
    holding = sum(any('"' in value for value in row.cells) for row in rows)
    kept = f' {holding:,} {"row holds" if holding == 1 else "rows hold"} a " that stands in the text as a letter.'
    if not dialect.quoted:
        why = f"because as enclosing quotes they don't fit (line {broken[0].line:,})" if broken else "as you asked"
        return [f'Quotes: every " is a letter, {why}.{kept}']
    if _parse(text, dialect._replace(quoted=False), None, first_line).rows == rows:
        return [f"Quotes: no value is enclosed in quotes.{kept}"]
    enclosed = (
        'Quotes: values enclosed in "..." are read without them ("" inside is one "); quotes=False keeps every ".'
    )
    notes = [enclosed + (kept if holding else "")]
    if dialect.blanks_after_delimiter:
        notes.append("Blanks after a delimiter are left out, because quotes come after them.")
    return notes
