"""Rows that are read while a run trains, of files and data sets of the hub that needn't fit into memory.

The package datasets reads them (`streaming=True`), a few at a time. Each pass begins at the first row, and all come in the same order.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from aitrain_nb import hub
from aitrain_nb.errors import ConfigError, DataError
from aitrain_nb.sources import kinds
from aitrain_nb.sources.files import HubName, locate
from aitrain_nb.sources.kinds.delimited import has_header
from aitrain_nb.sources.kinds.hub import library, out_of_reach, why_not
from aitrain_nb.sources.kinds.hub_objects import class_names, is_dataset
from aitrain_nb.sources.rows import ONE_COLUMN, find_delimiter, first_rows
from aitrain_nb.sources.values import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from aitrain_nb.sources.base import Options

_HEAD_BYTES = 256 * 1024
"""Of a table as text, which say what separates its values, and whether its first line names them."""
_READERS = {
    ".jsonl": "json",
    ".ndjson": "json",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".txt": "text",
    ".text": "text",
}


class Rows(NamedTuple):
    """Rows that can be read again and again.

    Attributes:
        once: all of them, each time from the first one on: column -> value.
        name: the file's or data set's name, never a path.
        note: where they come from.
        class_names: column -> names of the classes 0, 1, ... where the source brings them.
    """

    once: Iterable[Mapping[str, Any]]
    name: str
    note: str
    class_names: Mapping[str, Sequence[str]]

    def again_and_again(self) -> Iterator[Mapping[str, Any]]:
        """All rows, and then again from the first one on, without an end; raises DataError where one can't be read, or there is none."""
        while True:
            found = False
            try:
                for row in self.once:
                    found = True
                    yield row
            except DataError:
                raise
            except Exception as error:  # the library raises pyarrow's, pandas', httpx's and its own
                said = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
                cause = str(error.__cause__).strip().splitlines()[0][:300] if error.__cause__ else ""
                raise DataError(
                    f"A row of {shown(self.name)} can't be read.", f"{said} {cause}".replace(str(Path.home()), "~").strip(),
                    "Mend the file, or give a part of it that can be read.",
                ) from error  # fmt: skip
            if not found:
                raise DataError(
                    f"{shown(self.name)} has no rows.", "Nothing can be read from it.", "Give at least two examples."
                )


def open_rows(source: Any, options: Options) -> Rows:
    """The rows of a file, of a data set on the hub, or of a `datasets.IterableDataset`; none is read yet.

    Raises:
        DataError: it can't be found, or isn't read row by row.
        ConfigError: it is in memory.
    """
    found = locate(source, kinds.suffixes())
    if isinstance(found, HubName):
        return _of_hub(found, options)
    if isinstance(found, Path):
        return _of_file(found)
    if is_dataset(found) and not hasattr(found, "__len__"):
        return _of_library(found, "your stream", "A datasets.IterableDataset of yours.")
    raise ConfigError(
        "buffer_size is for data that are read while the run trains.", "These are in memory already.", "Leave buffer_size out.",
    )  # fmt: skip


def _of_file(path: Path) -> Rows:
    reader = _READERS.get(path.suffix.lower())
    if reader is None or not path.is_file():
        raise DataError(
            f"{shown(path.name)} can't be read a buffer at a time.", f"Rows are read one by one from {', '.join(_READERS)}.",
            "Write it as .jsonl, one object a line, or leave buffer_size out.",
        )  # fmt: skip
    if not path.stat().st_size:
        raise DataError(f"{shown(path.name)} is empty.", "It has 0 bytes.", "Give a file with at least two examples.")
    datasets = _package()
    options: dict[str, Any] = {}
    if reader == "csv":
        options = _of_table(path, datasets)
    elif reader == "text":
        options = {"sample_by": "paragraph"}
    rows = _loaded(
        partial(datasets.load_dataset, reader, data_files=str(path), split="train", streaming=True, **options),
        path.name,
    )
    return _of_library(rows, path.name, f"Your file {path.name}.")


def _package() -> Any:
    try:
        import datasets
    except ImportError as error:
        raise DataError(
            "Data can't be read a buffer at a time.",
            "The package datasets, which does it, isn't installed.",
            "pip install 'aitrain-nb[hub]'",
        ) from error
    return datasets


def _of_table(path: Path, datasets: Any) -> dict[str, Any]:
    """How the values of a .csv or .tsv are told apart, by its first lines: arguments of pandas."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES).decode("utf-8-sig", "replace")
    if len(head) > _HEAD_BYTES // 2 and "\n" in head:
        head = head[: head.rindex("\n")]  # the last line may be cut
    delimiter = find_delimiter(head, path)
    first = first_rows(head, delimiter)
    if not first:
        raise DataError(f"{shown(path.name)} has no rows.", "All its values are empty.", "Give a file with examples.")
    is_named, cells = has_header(first)[0], first[0].cells
    names = cells if is_named else [f"column {place}" for place in range(1, len(cells) + 1)]
    features = datasets.Features({name: datasets.Value("string") for name in names})
    told = {} if is_named else {"header": None, "names": names}
    return {
        "sep": "\x01" if delimiter == ONE_COLUMN else delimiter,
        "keep_default_na": False,
        "features": features,
        **told,
    }


def _of_hub(source: HubName, options: Options) -> Rows:
    datasets = library(source.name)
    if not hub.reachable():
        raise DataError(*out_of_reach(source))
    load = partial(
        datasets.load_dataset,
        f"hf://datasets/{source.name}",
        options.configuration,
        split=options.split or "train",
        streaming=True,
    )
    try:
        rows = load()
    except Exception as error:  # the library raises its own, httpx's, pyarrow's and python's
        raise DataError(*why_not(source, error)) from error
    return _of_library(rows, source.name.split("/")[-1], f"{source.name} of the Hugging Face hub.")


def _loaded(load: Any, name: str) -> Any:
    try:
        return load()
    except Exception as error:
        said = (str(error).strip() or type(error).__name__).splitlines()[0][:300].replace(str(Path.home()), "~")
        raise DataError(f"{shown(name)} can't be read.", said, "Check the file, or leave buffer_size out.") from error


def _of_library(rows: Any, name: str, note: str) -> Rows:
    return Rows(rows, name, note, class_names(rows.features or {}))
