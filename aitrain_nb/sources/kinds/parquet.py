"""A .parquet file, through pyarrow."""

from __future__ import annotations

import importlib
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aitrain_nb.errors import DataError
from aitrain_nb.sources.base import Kind, Options, Raw, Table
from aitrain_nb.sources.files import MOST_BYTES, read_bytes
from aitrain_nb.sources.tables import as_raw
from aitrain_nb.sources.values import shown

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".parquet",)


def _takes(source: Any) -> bool:
    return isinstance(source, Path) and source.is_file() and source.suffix.lower() in SUFFIXES


def _table(path: Path, _options: Options) -> Table:
    return Table(_frame(read_bytes(path), path.name), path.name, f"Your file {path.name}.")


def _read(path: Path, options: Options) -> Raw:
    return as_raw(_table(path, options), options)


def library(name: str) -> tuple[Any, Any]:
    """The packages pyarrow and pyarrow.parquet; raises DataError where they aren't installed."""
    try:
        return importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise DataError(
            f"Can't read {shown(name)}.", "The package pyarrow isn't installed.", "pip install 'aitrain-nb[hub]'"
        ) from error


def _frame(data: bytes, name: str) -> pd.DataFrame:
    pa, pq = library(name)
    try:
        file = pq.ParquetFile(io.BytesIO(data))
        size = sum(file.metadata.row_group(i).total_byte_size for i in range(file.metadata.num_row_groups))
        if size > MOST_BYTES:
            raise DataError(f"{shown(name)} is too large.", f"Unpacked it has {size:,} bytes.", "Give a part of it.")
        frame: pd.DataFrame = file.read().to_pandas(ignore_metadata=True)
    except (pa.ArrowException, OSError, ValueError, TypeError, OverflowError, KeyError) as error:
        raise DataError(
            f"{shown(name)} is no Parquet file, or it is damaged.",
            f"pyarrow says: {str(error).splitlines()[0].rstrip('.') if str(error) else type(error).__name__}.",
            "Download or write the file again; if it is another kind, rename it.",
        ) from error
    index = [column for column in frame.columns if re.fullmatch(r"__index_level_\d+__", str(column))]
    return frame.drop(columns=index)


KIND = Kind(_takes, _read, SUFFIXES, _table)
