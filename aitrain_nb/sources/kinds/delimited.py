"""Tables as text (.csv, .tsv); each decision about delimiter, quotes and header becomes a note."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aitrain_nb.errors import DataError
from aitrain_nb.sources.base import Kind, Options, Raw, Table
from aitrain_nb.sources.columns import known_names
from aitrain_nb.sources.files import read_text
from aitrain_nb.sources.rows import DELIMITERS, ONE_COLUMN, Row, find_delimiter, read_rows
from aitrain_nb.sources.tables import as_raw
from aitrain_nb.sources.values import kind_of, shown

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".csv", ".tsv")

SEPARATOR = re.compile(r'sep=([^"\r\n])\r?\n')
"""The first line that spreadsheet programs write to say what separates the values."""

_LONG = 50
"""A name of a column isn't longer than this many characters."""


def _takes(source: Any) -> bool:
    return isinstance(source, Path) and source.is_file() and source.suffix.lower() in SUFFIXES


def _table(path: Path, options: Options) -> Table:
    text, notes = read_text(path, options.encoding)
    told = SEPARATOR.match(text) if options.delimiter is None else None
    if told:
        text = text[told.end() :]
    delimiter = told[1] if told else options.delimiter
    if delimiter is None:
        delimiter = find_delimiter(text, path)
        notes.append(_delimiter_note(delimiter, path))
    else:
        named = DELIMITERS.get(delimiter, shown(delimiter))
        notes.append(f"Delimiter: {named}, {'as the first line says' if told else 'as you asked'}.")
    rows, more = read_rows(text, delimiter, options.quotes, path.name, first_line=2 if told else 1)
    notes += more
    frame, more = _frame(rows, options, path.name)
    return Table(frame, path.name, f"Your file {path.name}.", (*notes, *more))


def _read(path: Path, options: Options) -> Raw:
    return as_raw(_table(path, options), options)


def _delimiter_note(delimiter: str, path: Path) -> str:
    if delimiter == ONE_COLUMN:
        return "Delimiter: none found (looked for comma, tab, semicolon, vertical bar), so there is one column."
    odd = ", though the file ends in .tsv" if path.suffix.lower() == ".tsv" and delimiter != "\t" else ""
    return f"Delimiter: {DELIMITERS[delimiter]}{odd}."


def _frame(rows: list[Row], options: Options, name: str) -> tuple[pd.DataFrame, list[str]]:
    """The rows as columns of text, named by the header or by their place, and what was decided about the header."""
    import pandas as pd

    if not rows:
        raise DataError(f"{shown(name)} has no rows.", "All its values are empty.", "Give a file with examples.")
    header, why = (options.header, "as you asked") if options.header is not None else has_header(rows)
    body = rows[1:] if header else rows
    if not body:
        raise DataError(
            f"{shown(name)} has only one line.",
            f"It reads {shown(', '.join(rows[0].cells))}, which is taken for the header.",
            "Add examples below it; if it is an example itself, pass header=False.",
        )
    width = len(rows[0].cells)
    names = rows[0].cells if header else [f"column {place}" for place in range(1, width + 1)]
    frame = pd.DataFrame(dict(enumerate(zip(*(row.cells for row in body), strict=True))), dtype=object)
    frame.columns = list(names)
    note = (
        f"Header: the first line, {why}." if header else f"Header: none, {why}; the columns are called by their place."
    )
    return frame, [note]


def has_header(rows: list[Row]) -> tuple[bool, str]:
    """Whether the first row names the columns, and why."""
    first, rest = rows[0].cells, rows[1:1001]
    known = known_names(first)
    if known >= 2:
        return True, "because its names are known"
    for place, value in enumerate(first):
        again = Counter(row.cells[place] for row in rest)
        if value.strip() and value in again and len(again) <= max(2, len(rest) // 2):
            return False, f"because {shown(value)} in the first line occurs again below"
    if known:
        return True, "because one of its names is known"
    odd = next((value for value in first if len(value) > _LONG or (value.strip() and kind_of(value) != "text")), None)
    if odd is not None and rest:
        return False, f"because {shown(odd)} in the first line is no name"
    return True, "because its values are short and don't occur again"


KIND = Kind(_takes, _read, SUFFIXES, _table)
