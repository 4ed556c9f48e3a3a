"""Rows that are read one by one, of files and data sets of the hub that needn't fit into memory."""

from __future__ import annotations

import itertools
import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from aitrain_nb import hub
from aitrain_nb.errors import ConfigError, DataError
from aitrain_nb.sources import kinds
from aitrain_nb.sources.files import HubName, locate
from aitrain_nb.sources.kinds.delimited import SEPARATOR, has_header
from aitrain_nb.sources.kinds.hub import library, out_of_reach, why_not
from aitrain_nb.sources.kinds.hub_objects import class_names, is_dataset
from aitrain_nb.sources.kinds.json_records import record_of
from aitrain_nb.sources.kinds.parquet import library as pyarrow_for
from aitrain_nb.sources.kinds.plain_text import check_task
from aitrain_nb.sources.rows import Row, find_delimiter, find_dialect, one_by_one
from aitrain_nb.sources.tables import clean_names
from aitrain_nb.sources.values import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from aitrain_nb.sources.base import Options

_HEAD = 2**20
"""Letters of a table as text, which say what separates its values and what a quote means."""
_PIECE = 2000
"""Letters of a .txt that are handed on together, in whole lines."""


class Rows(NamedTuple):
    """Rows that can be read again and again, in the same order each time.

    Attributes:
        once: begins at the first row, and ends after the last: column -> value.
        name: the file's or data set's name, never a path.
        note: where they come from.
        class_names: column -> names of the classes 0, 1, ... where the source brings them.
        stamp: changes with the source, as far as that can be known without reading all of it.
    """

    once: Callable[[], Iterator[Mapping[str, Any]]]
    name: str
    note: str
    class_names: Mapping[str, Sequence[str]]
    stamp: str = ""


def open_rows(source: Any, options: Options) -> Rows:
    """The rows of a file, of a data set on the hub, or of a `datasets.IterableDataset`; none is read yet.

    A stream of one's own has to give the same rows in the same order whenever it is read.

    Raises:
        DataError: it can't be found, or isn't read row by row.
        ConfigError: it is in memory.
    """
    found = locate(source, kinds.suffixes())
    if isinstance(found, HubName):
        return _of_hub(found, options)
    if isinstance(found, Path):
        return _of_file(found, options)
    if is_dataset(found) and not hasattr(found, "__len__"):
        return _of_library(found, "your stream", "A datasets.IterableDataset of yours.")
    raise ConfigError(
        "buffer_size is for data that are read while the run trains.", "These are in memory already.", "Leave buffer_size out.",
    )  # fmt: skip


def _of_file(path: Path, options: Options) -> Rows:
    readers = {
        ".jsonl": _json_lines, ".ndjson": _json_lines, ".csv": _table, ".tsv": _table, ".parquet": _parquet, ".txt": _lines,
    }  # fmt: skip
    reader = readers.get(path.suffix.lower())
    if reader is None or not path.is_file():
        raise DataError(
            f"{shown(path.name)} can't be read a buffer at a time.", f"Rows are read one by one from {', '.join(readers)}.",
            "Write it as .jsonl, one object a line; unpack it first if it is packed; or leave buffer_size out.",
        )  # fmt: skip
    if reader is _lines:
        check_task(path, options)
    size = path.stat().st_size
    if not size:
        raise DataError(f"{shown(path.name)} is empty.", "It has 0 bytes.", "Give a file with at least two examples.")
    return Rows(lambda: _told(reader(path), path.name), path.name, f"Your file {path.name}.", {}, str(size))


def _told(rows: Iterator[Any], name: str) -> Iterator[Any]:
    """The same rows; what can't be read is told in words."""
    try:
        yield from rows
    except DataError:
        raise
    except UnicodeDecodeError as error:
        raise DataError(
            f"{shown(name)} isn't written in UTF-8.", f"It can't be read: {error.reason}.", "Save it as UTF-8 text.",
        ) from error  # fmt: skip
    except Exception as error:  # pyarrow, datasets and the network raise their own
        said = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
        raise DataError(
            f"A row of {shown(name)} can't be read.",
            said.replace(str(Path.home()), "~"),
            "Mend the data, or give a part that can be read.",
        ) from error


def _json_lines(path: Path) -> Iterator[Mapping[str, Any]]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield record_of(line, number, path.name)


def _table(path: Path) -> Iterator[Mapping[str, Any]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        head = file.read(_HEAD)
        told = SEPARATOR.match(head)
        skipped = told.end() if told else 0
        delimiter = told[1] if told else find_delimiter(head, path)
        dialect, first = find_dialect(head[skipped:], delimiter, path.name)
        if not first:
            raise DataError(
                f"{shown(path.name)} has no rows.", "All its values are empty.", "Give a file with examples."
            )
        is_named = has_header(first)[0]
        given = first[0].cells if is_named else [f"column {place}" for place in range(1, len(first[0].cells) + 1)]
        names = clean_names(given, path.name)[0]
        file.seek(0)
        text: Iterator[str] = iter(file)
        if told:
            next(text)
        rows: Iterator[Row] = one_by_one(text, dialect, path.name, 2 if told else 1)
        for row in itertools.islice(rows, int(is_named), None):
            yield dict(zip(names, row.cells, strict=True))


def _parquet(path: Path) -> Iterator[Mapping[str, Any]]:
    _, reader = pyarrow_for(path.name)
    with reader.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=1000):
            for row in batch.to_pylist():
                yield {name: value for name, value in row.items() if not re.fullmatch(r"__index_level_\d+__", name)}


def _lines(path: Path) -> Iterator[Mapping[str, Any]]:
    """A text in pieces of whole lines: what goes on with it is cut into blocks anyway."""
    piece: list[str] = []
    with path.open(encoding="utf-8-sig") as file:
        for line in file:
            piece.append(line)
            if sum(map(len, piece)) >= _PIECE:
                yield {"text": "".join(piece)}
                piece = []
    if "".join(piece).strip():
        yield {"text": "".join(piece)}


def _of_hub(source: HubName, options: Options) -> Rows:
    datasets = library(source.name)
    if not hub.reachable():
        raise DataError(*out_of_reach(source))
    load = partial(datasets.load_dataset, f"hf://datasets/{source.name}", options.configuration)
    try:
        rows = load(split=options.split or "train", streaming=True)
    except Exception as error:  # the library raises its own, httpx's, pyarrow's and python's
        raise DataError(*why_not(source, error)) from error
    return _of_library(rows, source.name.split("/")[-1], f"{source.name} of the Hugging Face hub.")


def _of_library(rows: Any, name: str, note: str) -> Rows:
    return Rows(lambda: _told(iter(rows), name), name, note, class_names(rows.features or {}))
