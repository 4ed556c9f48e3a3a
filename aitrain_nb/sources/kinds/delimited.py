"""Tables as text (.csv, .tsv), through the standard csv module: what separates values, quotes, and the header.

Each decision becomes a note. A reading counts as right where all rows have as many values as the first one.
"""

from __future__ import annotations

import csv
import io
import threading
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from aitrain_nb.errors import DataError
from aitrain_nb.sources.base import Kind, Options, Raw, Table
from aitrain_nb.sources.columns import known_names
from aitrain_nb.sources.files import read_text
from aitrain_nb.sources.tables import as_raw
from aitrain_nb.sources.values import kind_of, shown

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".csv", ".tsv")

_NAMES = {",": "comma", "\t": "tab", ";": "semicolon", "|": "vertical bar"}
_ONE_COLUMN = "\0"  # occurs in no text that is read
_LONGEST_VALUE = 2**31 - 1
_LOOKED_AT = 200
"""Rows that are looked at to find the delimiter."""
_LONG = 50
"""A name of a column isn't longer than this many characters."""

_field_limit = threading.Lock()


class _Dialect(NamedTuple):
    """How a line is cut into values."""

    delimiter: str
    quoted: bool = True
    blanks_after_delimiter: bool = False


class _Row(NamedTuple):
    """The line in which a row begins, and its values."""

    line: int
    values: list[str]


class _Broken(NamedTuple):
    """Where and why a reading fails: `ragged` rows, or a quote that doesn't fit."""

    line: int
    why: str
    ragged: bool
    rows: int = 0


def _takes(source: Any) -> bool:
    return isinstance(source, Path) and source.is_file() and source.suffix.lower() in SUFFIXES


def _read(path: Path, options: Options) -> Raw:
    text, notes = read_text(path, options.encoding)
    delimiter, told = options.delimiter, False
    start = text.split("\n", 1)[0].strip()
    if start.startswith("sep=") and len(start) == 5 and delimiter is None:  # what spreadsheets write
        text, delimiter, told = "\n" + text.split("\n", 1)[-1] if "\n" in text else "", start[4], True
    if delimiter is None:
        delimiter = _find_delimiter(text, path)
        notes.append(_delimiter_note(delimiter, path))
    else:
        named = _NAMES.get(delimiter, shown(delimiter))
        notes.append(f"Delimiter: {named}, {'as the first line says' if told else 'as you asked'}.")
    rows, more = _rows(text, delimiter, options, path.name)
    notes += more
    frame, more = _frame(rows, options, path.name)
    return as_raw(Table(frame, path.name, f"Your file {path.name}.", (*notes, *more)), options)


def _delimiter_note(delimiter: str, path: Path) -> str:
    if delimiter == _ONE_COLUMN:
        return "Delimiter: none found (looked for comma, tab, semicolon, vertical bar), so there is one column."
    odd = ", though the file ends in .tsv" if path.suffix.lower() == ".tsv" and delimiter != "\t" else ""
    return f"Delimiter: {_NAMES[delimiter]}{odd}."


def _parse(text: str, dialect: _Dialect, most: int | None = None) -> list[_Row]:
    """The rows that aren't blank, at most `most`; raises csv.Error whose last argument is a line."""
    rows: list[_Row] = []
    with _field_limit:  # the limit is the whole process's: put back before anybody else reads
        before = csv.field_size_limit(_LONGEST_VALUE)
        try:
            reader = csv.reader(
                io.StringIO(text, newline=""), delimiter=dialect.delimiter, strict=True,
                quoting=csv.QUOTE_MINIMAL if dialect.quoted else csv.QUOTE_NONE,
                skipinitialspace=dialect.blanks_after_delimiter,
            )  # fmt: skip
            line = 1
            for values in reader:
                if values and (len(values) > 1 or values[0].strip()):
                    rows.append(_Row(line, values))
                line = reader.line_num + 1
                if most is not None and len(rows) >= most:
                    break
        except csv.Error as error:
            raise csv.Error(str(error), line) from error
        finally:
            csv.field_size_limit(before)
    return rows


def _find_delimiter(text: str, path: Path) -> str:
    """The delimiter that gives all rows the same number of values, and the first one names that are known.

    Raises:
        DataError: two delimiters fit equally well.
    """
    first_line = text.lstrip().split("\n", 1)[0]
    if path.suffix.lower() == ".tsv" and "\t" in first_line:
        return "\t"
    scores: dict[str, tuple[bool, bool, bool, float]] = {}
    for delimiter in _NAMES:
        rows = _first_rows(text, delimiter) if delimiter in text else []
        if not rows or len(rows[0].values) < 2:
            continue
        same = sum(len(row.values) == len(rows[0].values) for row in rows) / len(rows)
        known = known_names(rows[0].values)
        if known or (same >= 0.5 and len(rows) > 1):
            scores[delimiter] = (known >= 2, same == 1, known > 0, same)
    if not scores:
        return _ONE_COLUMN
    best = max(scores.values())
    fitting = [delimiter for delimiter, score in scores.items() if score == best]
    if len(fitting) > 1:
        raise DataError(
            f"Several delimiters fit {shown(path.name)}.",
            f"They are: {', '.join(_NAMES[delimiter] for delimiter in fitting)}.",
            f"Pass delimiter={shown(fitting[0])}, or the one you mean.",
        )
    return fitting[0]


def _first_rows(text: str, delimiter: str) -> list[_Row]:
    for quoted in (True, False):
        try:
            return _parse(text, _Dialect(delimiter, quoted), _LOOKED_AT)
        except csv.Error:
            continue
    return []


def _rows(text: str, delimiter: str, options: Options, name: str) -> tuple[list[_Row], list[str]]:
    """All rows under the first way to read quotes that gives each row as many values, and what was decided.

    Raises:
        DataError: no way does; names the line.
    """
    dialects = [
        _Dialect(delimiter),
        _Dialect(delimiter, blanks_after_delimiter=True),
        _Dialect(delimiter, quoted=False),
    ]
    if options.quotes is not None:
        dialects = [dialect for dialect in dialects if dialect.quoted == options.quotes]
    broken: list[_Broken] = []
    for dialect in dialects:
        try:
            rows = _parse(text, dialect)
        except csv.Error as error:
            broken.append(_Broken(error.args[1], str(error.args[0]), ragged=False))
            continue
        ragged = _ragged(rows, delimiter)
        if ragged is None:
            return rows, _quote_notes(text, rows, dialect, broken, options)
        broken.append(ragged)
    raise DataError(*_sentence(broken, delimiter, name))


def _ragged(rows: list[_Row], delimiter: str) -> _Broken | None:
    width = len(rows[0].values) if rows else 0
    odd = [row for row in rows if len(row.values) != width]
    if not odd:
        return None
    named = _NAMES.get(delimiter, shown(delimiter))
    many = f" {len(odd):,} of {len(rows):,} rows differ so." if len(odd) > 1 else ""
    values = f"{len(odd[0].values):,} {'value' if len(odd[0].values) == 1 else 'values'}"
    return _Broken(
        odd[0].line, f"It has {values} and the first row has {width:,}, separated by {named}.{many}", True, len(odd)
    )


def _sentence(broken: list[_Broken], delimiter: str, name: str) -> tuple[str, str, str]:
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


def _quote_notes(text: str, rows: list[_Row], dialect: _Dialect, broken: list[_Broken], options: Options) -> list[str]:
    notes = []
    blank = _blank_lines(text)
    if blank:
        notes.append(f"Blank lines, skipped: {blank:,}.")
    if '"' not in text:
        return notes
    holding = sum(any('"' in value for value in row.values) for row in rows)
    kept = f'{holding:,} {"row holds" if holding == 1 else "rows hold"} a " that stands in the text as a letter.'
    if not dialect.quoted:
        why = (
            "as you asked"
            if options.quotes is False
            else f"because as enclosing quotes they don't fit (line {broken[0].line:,})"
        )
        return [*notes, f'Quotes: every " is a letter, {why}. {kept}']
    if _parse(text, dialect._replace(quoted=False)) == rows:
        return [*notes, f"Quotes: no value is enclosed in quotes. {kept}"]
    notes.append(
        'Quotes: values enclosed in "..." are read without them ("" inside is one "); quotes=False would keep every ".'
        + (f" {kept}" if holding else "")
    )
    if dialect.blanks_after_delimiter:
        notes.append("Blanks after a delimiter are left out, because quotes come after them.")
    return notes


def _blank_lines(text: str) -> int:
    return sum(not line.strip("\r\n") for line in io.StringIO(text, newline=""))


def _frame(rows: list[_Row], options: Options, name: str) -> tuple[pd.DataFrame, list[str]]:
    """The rows as columns of text, named by the header or by their place, and what was decided about the header."""
    import pandas as pd

    header, why = (options.header, "as you asked") if options.header is not None else _has_header(rows)
    body = rows[1:] if header else rows
    if not body:
        raise DataError(
            f"{shown(name)} has only one line.",
            f"It reads {shown(', '.join(rows[0].values))}, which is taken for the header."
            if rows
            else "It has no row.",
            "Add examples below it; if it is an example itself, pass header=False.",
        )
    width = len(rows[0].values)
    names = rows[0].values if header else [f"column {place}" for place in range(1, width + 1)]
    frame = pd.DataFrame(dict(enumerate(zip(*(row.values for row in body), strict=True))), dtype=object)
    frame.columns = list(names)
    note = (
        f"Header: the first line, {why}." if header else f"Header: none, {why}; the columns are called by their place."
    )
    return frame, [note]


def _has_header(rows: list[_Row]) -> tuple[bool, str]:
    """Whether the first row names the columns, and why."""
    if not rows:
        return True, "it is empty"
    first, rest = rows[0].values, rows[1:1001]
    known = known_names(first)
    if known >= 2 or not rest:
        return True, "it has names that are known"
    for place, value in enumerate(first):
        again = Counter(row.values[place] for row in rest)
        if value.strip() and value in again and len(again) <= max(2, len(rest) // 2):
            return False, f"because its value {shown(value)} occurs again below"
    if known:
        return True, "it has a name that is known"
    for value in first:
        if value.strip() and kind_of(value) != "text":
            return False, f"because its value {shown(value)} is no name"
        if len(value) > _LONG:
            return False, f"because its value {shown(value)} is as long as a text"
    return True, "its values are short and don't occur again"


KIND = Kind(_takes, _read, SUFFIXES)
