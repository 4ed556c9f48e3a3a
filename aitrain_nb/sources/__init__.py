"""A person's own data, read into a `Dataset`: a file, a folder of images, a table in memory or a name on the hub.

`read` finds the kind that takes the source (one file a kind, in the folder `kinds`), the kind gives rows, and the
columns are chosen by name, then by content. Whatever was decided is told by `Raw.guess`; nothing that is read is
executed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from aitrain_nb.errors import DataError
from aitrain_nb.sources import files, kinds
from aitrain_nb.sources.base import Options, Raw, Table
from aitrain_nb.sources.guess import Guess

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

__all__ = ["Guess", "Raw", "read", "read_table", "table_suffixes"]


def read(
    source: str | Path | Any,
    task: str = "text-classification",
    text_column: str | None = None,
    pair_column: str | None = None,
    label_column: str | None = None,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    header: bool | None = None,
    quotes: bool | None = None,
    lines: bool = False,
    split: str | None = None,
    configuration: str | None = None,
    image_size: int | tuple[int, int] | None = None,
    skip_unreadable: bool = False,
    unlabelled: Literal["drop", "keep"] = "drop",
) -> Raw:
    """Examples from a person's own data, and what was guessed about them.

    Args:
        source: a file (.csv, .tsv, .jsonl, .ndjson, .json, .parquet, .txt), a folder of images with one subfolder a
            class, a pandas DataFrame, a `datasets.Dataset` or `DatasetDict`, or a name on the hub ("user/name" or
            "hub:user/name").
        task: "text-classification", "image-classification" or "text-generation".
        text_column: the column with the texts; None guesses. A text column that is given turns off guessing a pair.
        pair_column: the column with the second text of each example; None guesses by well-known names only.
        label_column: the column with the classes; None guesses.
        encoding: how a text file is encoded; None is UTF-8, with or without a byte order mark.
        delimiter: what separates the values of a .csv or .tsv; None finds out.
        header: whether the first line of a .csv or .tsv names the columns; None finds out.
        quotes: whether a `"` in a .csv or .tsv encloses values (True) or is a letter (False); None finds out.
        lines: a .txt holds one example a line, not one text.
        split: which split of a `DatasetDict` or hub data set; None takes "train".
        configuration: which configuration of a hub data set.
        image_size: height and width in pixels, or one number for both; None keeps the most frequent size.
        skip_unreadable: leave out images that can't be read, and count them, instead of raising.
        unlabelled: "drop" leaves out rows without a label and counts them; "keep" gives them the label -100.

    Raises:
        DataError: the source can't be found, read or understood; says what to pass.
        ConfigError: an option has a value that it can't have.

    Example:
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"message": ["too late", "thank you"], "class": ["bad", "good"]})
        >>> raw = read(frame)
        >>> raw.dataset.columns["text"], raw.label_names
        (['too late', 'thank you'], ('bad', 'good'))
    """
    options = Options(
        task, text_column, pair_column, label_column, encoding, delimiter, header, quotes, lines, split, configuration,
        image_size, skip_unreadable, unlabelled,
    )  # fmt: skip
    found = files.locate(source, kinds.suffixes())
    for kind in kinds.all_kinds():
        if kind.takes(found):
            return kind.read(found, options)
    raise DataError(*files.not_taken(found, kinds.suffixes()))


def table_suffixes() -> tuple[str, ...]:
    """The endings of the files that hold rows."""
    return tuple(suffix for kind in kinds.all_kinds() if kind.table is not None for suffix in kind.suffixes)


def read_table(source: str | Path, *, encoding: str | None = None, delimiter: str | None = None) -> Table:
    """The rows of a file as they are, no column chosen; `.frame` is a DataFrame and `.notes` says what was decided.

    Args:
        source: a file (.csv, .tsv, .jsonl, .ndjson, .json, .parquet).
        encoding: as for `read`.
        delimiter: as for `read`.

    Raises:
        DataError: the file can't be found, read or understood.
    """
    found = files.locate(source, kinds.suffixes())
    for kind in kinds.all_kinds():
        if kind.table is not None and kind.takes(found):
            return kind.table(found, Options(encoding=encoding, delimiter=delimiter))
    raise DataError(*files.not_taken(found, table_suffixes()))
