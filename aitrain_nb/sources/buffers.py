"""Training examples that are read a buffer at a time, for data that don't fit into memory: `Stream`, and what follows its beginning."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from aitrain_nb import numerals
from aitrain_nb.data import Dataset, Splits
from aitrain_nb.errors import DataError
from aitrain_nb.sources.base import Options, Raw, Table
from aitrain_nb.sources.streams import Rows, open_rows
from aitrain_nb.sources.tables import as_raw
from aitrain_nb.sources.values import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_MORE = 0.1
"""By which share of its rows a buffer grows where some of them can't be used."""
_MOST = 20
"""Times its rows that a buffer looks through for as many examples as it shall hold."""


class Stream:
    """Data that are read a buffer at a time.

    Args:
        source: a file, a name on the hub or a `datasets.IterableDataset`.
        options: how it is read.
        size: rows that are held at once.

    Attributes:
        size: rows that are held at once.
        beginning: the first ones: of them the run keeps some for validation, and all decisions about columns are made by them.

    Raises:
        DataError: it can't be found, read, or isn't text.
        ConfigError: it is in memory.
    """

    def __init__(self, source: Any, options: Options, size: int) -> None:
        self.size, self._rows = size, open_rows(source, options)
        self._cycle = _Cycle(self._rows)
        raw = self._raw(self._cycle.rows(0, size), options)
        if "text" not in raw.dataset.columns:
            raise DataError(
                f"{shown(raw.name)} can't be read a buffer at a time.", "It holds no text.", "Leave buffer_size out."
            )
        self.beginning = raw
        columns = raw.guess.columns
        self._options = replace(
            options,
            text_column=columns["text"],
            pair_column=columns.get("text_pair"),
            label_column=columns.get("label"),
        )

    def _raw(self, rows: list[Mapping[str, Any]], options: Options) -> Raw:
        import pandas as pd

        frame = pd.DataFrame(rows)
        return as_raw(Table(frame, self._rows.name, self._rows.note, class_names=self._rows.class_names), options)

    def split(self, splits: Splits) -> Splits:
        """The split of its beginning, with the examples that come later behind it."""
        held = f"{numerals.count(len(splits.train))} training examples are held at a time and shuffled among themselves"
        note = f"The data are read while the run trains: {held}, and here an epoch is such a buffer."
        return replace(splits, later=Buffers(self, splits), notes=(*splits.notes, note))

    def examples(self, place: int, count: int) -> Dataset:
        """The examples in `count` rows from this 0-based place on, with the classes of the beginning.

        Raises:
            DataError: a row can't be read, or has a class that the beginning has not.
        """
        raw = self._raw(self._cycle.rows(place, count), self._options)
        names, dataset = self.beginning.label_names, raw.dataset
        if not names:
            return dataset
        import torch

        unknown = [name for name in raw.label_names if name not in names]
        if unknown:
            raise DataError(
                f"{shown(raw.name)} has a class that its beginning has not: {shown(unknown[0])}.",
                f"The first {numerals.count(self.size)} rows say which classes there are: {', '.join(map(shown, names[:8]))}.",
                "Set buffer_size so high that each class is among the first rows, or mix the rows of the file.",
            )
        number = torch.tensor([names.index(name) for name in raw.label_names])
        return Dataset(dataset.columns | {"label": number[dataset.columns["label"]]}, names)


class Buffers:
    """The training examples of a stream, buffer by buffer; none of them is one of validation or test.

    Args:
        stream: what is read.
        splits: of its beginning.

    Attributes:
        first: the training examples of the beginning.
    """

    def __init__(self, stream: Stream, splits: Splits) -> None:
        self._stream, self.first = stream, splits.train
        sides = [side for side in (splits.validation, splits.test) if side is not None]
        self._kept_aside = {key for side in sides for key in _keys(side)}

    def read(self, number: int, is_enough: Callable[[Dataset], bool]) -> Dataset:
        """The examples of a buffer, as many as are enough.

        Args:
            number: 0-based; buffers may be asked for in any order, and an earlier one is read from the first row on again.
            is_enough: whether these examples fill it.

        Raises:
            DataError: a row can't be read, or too few can be used.
        """
        if number == 0:
            return self.first
        rows = len(self.first)
        place, count = self._stream.size + (number - 1) * rows, rows
        while count <= _MOST * rows + _MOST:
            found = self._without_those_kept_aside(self._stream.examples(place, count))
            if is_enough(found):
                return found
            count += max(1, int(_MORE * rows))
        raise DataError(
            f"Too few rows of {shown(self._stream.beginning.name)} can be used.",
            f"{numerals.count(count)} rows from {numerals.count(place + 1)} on don't fill one: most are empty, or kept for validation.",
            "Look at the data there, or set a smaller buffer_size.",
        )

    def _without_those_kept_aside(self, examples: Dataset) -> Dataset:
        import torch

        places = [place for place, key in enumerate(_keys(examples)) if key not in self._kept_aside]
        return examples if len(places) == len(examples) else examples.subset(torch.tensor(places, dtype=torch.int64))


def _keys(examples: Dataset) -> list[tuple[str, ...]]:
    """What the model will see of each example."""
    return list(
        zip(*(examples.columns[name] for name in ("text", "text_pair") if name in examples.columns), strict=True)
    )


class _Cycle:
    """All rows of a source, again and again; a place that has been passed is reached from the first row on."""

    def __init__(self, rows: Rows) -> None:
        self._source = rows
        self._begin()

    def _begin(self) -> None:
        self._ahead, self._place, self._held = self._source.again_and_again(), 0, deque[Any]()

    def rows(self, place: int, count: int) -> list[Any]:
        """`count` rows from this place on."""
        if place < self._place:
            self._begin()
        while self._place < place:
            if not self._held:
                self._held.append(next(self._ahead))
            self._held.popleft()
            self._place += 1
        self._held.extend(islice(self._ahead, count - len(self._held)) if count > len(self._held) else ())
        return list(islice(self._held, count))
