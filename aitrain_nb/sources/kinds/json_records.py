"""JSON: a list of objects (.json), or one object a line (.jsonl, .ndjson)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aitrain_nb.errors import DataError
from aitrain_nb.sources.base import Kind, Options, Raw, Table
from aitrain_nb.sources.files import read_text
from aitrain_nb.sources.tables import as_raw
from aitrain_nb.sources.values import shown

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".jsonl", ".ndjson", ".json")
_KINDS = {list: "a list", str: "a text", int: "a number", float: "a number", bool: "true or false", type(None): "null"}
_MOST_COLUMNS = 1000


def _takes(source: Any) -> bool:
    return isinstance(source, Path) and source.is_file() and source.suffix.lower() in SUFFIXES


def _table(path: Path, options: Options) -> Table:
    text, notes = read_text(path, options.encoding)
    if path.suffix.lower() == ".json":
        records, more = _whole(text, path.name)
    else:
        records, more = _by_line(text, path.name)
    return Table(_frame(records, path.name), path.name, f"Your file {path.name}.", (*notes, *more))


def _read(path: Path, options: Options) -> Raw:
    return as_raw(_table(path, options), options)


def _whole(text: str, name: str) -> tuple[list[dict[str, Any]], list[str]]:
    """The objects of a list; a file of one object a line is read too, and said."""
    try:
        read = json.loads(text)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and text.lstrip().startswith("{"):
            records, notes = _by_line(text, name)
            return records, [*notes, "The file is one JSON object a line (JSON Lines), though it ends in .json."]
        raise _damaged(name, error.lineno, _reason(error)) from error
    except (ValueError, RecursionError) as error:
        raise _damaged(name, 1, _reason(error)) from error
    if isinstance(read, dict) and text.strip().count("\n") == 0:
        return [read], ["The file is one JSON object."]
    if not isinstance(read, list):
        kind = (
            f"an object with the keys {', '.join(map(shown, list(read)[:6]))}"
            if isinstance(read, dict)
            else _kind(read)
        )
        raise DataError(
            f"{shown(name)} is no list of objects.",
            f"It holds {kind}.",
            'Write the examples as [{"text": ..., "label": ...}, ...].',
        )
    for place, record in enumerate(read, start=1):
        if not isinstance(record, dict):
            raise DataError(
                f"Entry {place:,} of {shown(name)} is no object.",
                f"It is {_kind(record)}.",
                'Write each example as {"text": ..., "label": ...}.',
            )
    return read, []


def _by_line(text: str, name: str) -> tuple[list[dict[str, Any]], list[str]]:
    records = []
    blank = 0
    lines = text.split("\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            blank += number < len(lines)
            continue
        records.append(record_of(line, number, name))
    return records, [f"Blank lines, skipped: {blank:,}."] if blank else []


def record_of(line: str, number: int, name: str) -> dict[str, Any]:
    """The object in a line; raises DataError where there is none.

    Args:
        line: the text.
        number: 1-based, for the sentence.
        name: of the file.
    """
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _damaged(name, number, _reason(error)) from error
    if not isinstance(record, dict):
        raise DataError(
            f"Line {number:,} of {shown(name)} is no object.",
            f"It is {_kind(record)}.",
            'Write one {"text": ..., "label": ...} a line.',
        )
    return record


def _kind(value: Any) -> str:
    return _KINDS.get(type(value), "an object")


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.colno:,}"
    return "It is nested too deeply" if isinstance(error, RecursionError) else "It holds a number of too many digits"


def _damaged(name: str, line: int, reason: str) -> DataError:
    return DataError(
        f"Line {line:,} of {shown(name)} is no JSON.",
        f"{reason.rstrip('.')}.",
        "Correct that line; names and texts stand in double quotes.",
    )


def _frame(records: list[dict[str, Any]], name: str) -> pd.DataFrame:
    import pandas as pd

    keys = list(dict.fromkeys(key for record in records for key in record))
    if len(keys) > _MOST_COLUMNS:
        raise DataError(
            f"The objects of {shown(name)} have {len(keys):,} different names.",
            f"At most {_MOST_COLUMNS:,} columns are read.",
            "Give all examples the same few names, such as text and label.",
        )
    columns = [pd.Series([record.get(key) for record in records], dtype=object) for key in keys]
    frame = pd.DataFrame(dict(enumerate(columns)), index=range(len(records)))
    frame.columns = [key.encode("utf-8", "replace").decode("utf-8") for key in keys]
    return frame


KIND = Kind(_takes, _read, SUFFIXES, _table)
