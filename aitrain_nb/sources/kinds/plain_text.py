"""A .txt file to learn to write like: one text, or one example a line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aitrain_nb.errors import DataError
from aitrain_nb.sources.base import Kind, Options, Raw, Table
from aitrain_nb.sources.files import read_text
from aitrain_nb.sources.tables import as_raw
from aitrain_nb.sources.values import shown

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".txt",)


def _takes(source: Any) -> bool:
    return isinstance(source, Path) and source.is_file() and source.suffix.lower() in SUFFIXES


def _read(path: Path, options: Options) -> Raw:
    check_task(path, options)
    text, notes = read_text(path, options.encoding)
    text = text.replace("\r\n", "\n")
    if options.lines:
        examples = text.rstrip("\n").split("\n")
        notes.append("One example a line, as you asked.")
    else:
        examples = [text]
        notes.append("The whole file is one text; lines=True makes each line an example.")
    raw = as_raw(Table(_frame(examples), path.name, f"Your file {path.name}.", tuple(notes)), options)
    return replace(raw, guess=replace(raw.guess, reasons={}))  # a column of ours, that nobody has to choose


def check_task(path: Path, options: Options) -> None:
    """Raise DataError where the task needs labels, which a text file has not."""
    if options.task != "text-generation":
        raise DataError(
            f"{shown(path.name)} has no labels.",
            f"A text file is text alone, and {options.task} needs a class for each example.",
            "Give a .csv with a text and a label, or pass task='text-generation'.",
        )


def _frame(examples: list[str]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({"text": examples}, dtype=object)


KIND = Kind(_takes, _read, SUFFIXES)
