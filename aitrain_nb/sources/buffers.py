"""Training examples that are read a buffer at a time, for data that don't fit into memory: `Stream`, and what follows its beginning."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from aitrain_nb import numerals
from aitrain_nb.data import Dataset, Splits, plain_text
from aitrain_nb.errors import DataError
from aitrain_nb.sources.base import Options, Raw, Table
from aitrain_nb.sources.labels import name_of
from aitrain_nb.sources.streams import Rows, open_rows
from aitrain_nb.sources.tables import as_raw, as_texts, clean
from aitrain_nb.sources.values import is_missing, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_A_LITTLE_MORE = 0.03
"""Share of letters more than the first buffer had, so that a later one is cut into as many blocks."""
_MOST_IN_VAIN = 20
"""Times its size that a buffer looks through for examples that can be used."""


class Example(NamedTuple):
    """One row that can be used.

    Attributes:
        texts: one, or two of a pair.
        label: the number of its class; None where the task has none.
    """

    texts: tuple[str, ...]
    label: int | None

    @property
    def key(self) -> bytes:
        """The same for texts that differ in nothing that makes another text of them."""
        return hashlib.blake2b(
            "\0".join(map(plain_text, self.texts)).encode("utf-8", "replace"), digest_size=16
        ).digest()


class Stream:
    """Data that are read a buffer at a time.

    Args:
        source: a file, a name on the hub or a `datasets.IterableDataset`.
        options: how it is read.
        size: rows that are held at once.

    Attributes:
        size: rows that are held at once.
        beginning: the first ones. By them it is decided which columns are used and which classes there are, and of them some are kept for
            validation.

    Raises:
        DataError: it can't be found, read, isn't text, or fits into memory.
        ConfigError: it is in memory.
    """

    def __init__(self, source: Any, options: Options, size: int) -> None:
        import pandas as pd

        self.size, self.rows = size, open_rows(source, options)
        first = list(islice(self.rows.once(), size))
        name = self.rows.name
        if len(first) < size:
            raise DataError(
                f"{shown(name)} has {numerals.several(len(first), 'row')}, fewer than buffer_size={size}.", "So it fits into memory.",
                "Leave buffer_size out.",
            )  # fmt: skip
        try:
            raw = as_raw(
                Table(pd.DataFrame(first, dtype=object), name, self.rows.note, class_names=self.rows.class_names),
                options,
            )
        except DataError as error:
            more = f" Only the first {numerals.count(size)} rows were looked at: a larger buffer_size, or mixed rows, may help."
            raise DataError(error.what, error.why, error.fix + more) from error
        if "text" not in raw.dataset.columns:
            raise DataError(
                f"{shown(name)} can't be read a buffer at a time.", "It holds no text.", "Leave buffer_size out."
            )
        self.beginning: Raw = raw

    def split(self, splits: Splits) -> Splits:
        """The split of its beginning, with what comes later behind it."""
        held = f"{numerals.count(len(splits.train))} training examples are held at a time and shuffled among themselves"
        note = (
            f"The data are read while the run trains: {held}, and here an epoch is such a buffer. "
            "The first one says which classes there are and how they are weighed, and stands for the training side where one is looked at."
        )
        return replace(splits, later=Later(self, splits), notes=(*splits.notes, note))

    def example(self, row: Mapping[str, Any]) -> Example | None:
        """A row as the beginning's are read; None where it has no text or no label. Raises DataError where its class is a new one."""
        columns, row = self.beginning.guess.columns, {clean(name): value for name, value in row.items()}
        texts: list[str] = []
        for role in ("text", "text_pair"):
            if role in columns:
                text = as_texts([row.get(columns[role])], columns[role])[0][0]
                if text is None:
                    return None
                texts.append(text)
        if "label" not in columns:
            return Example(tuple(texts), None)
        value, names = row.get(columns["label"]), self.beginning.label_names
        name = None if is_missing(value) else name_of(value, names, self.rows.class_names.get(columns["label"]))
        if name is None:
            return None
        if name not in names:
            raise DataError(
                f"{shown(self.rows.name)} has a class that its beginning has not: {shown(name)}.",
                f"The first {numerals.count(self.size)} rows say which classes there are: {', '.join(map(shown, names[:8]))}.",
                "Set buffer_size so high that each class is among the first rows, or mix the rows.",
            )
        return Example(tuple(texts), names.index(name))

    def dataset(self, examples: list[Example]) -> Dataset:
        """The examples as columns."""
        import torch

        names = self.beginning.label_names
        texts = zip(*(example.texts for example in examples), strict=True)
        columns: dict[str, Any] = dict(zip(("text", "text_pair"), map(list, texts), strict=False))
        if names:
            columns["label"] = torch.tensor([example.label for example in examples])
        return Dataset(columns, names)


class Later:
    """What follows the beginning of a stream.

    Args:
        stream: what is read.
        splits: of its beginning.

    Attributes:
        stamp: changes with the source, as far as that can be known.
    """

    def __init__(self, stream: Stream, splits: Splits) -> None:
        self._stream, self._splits, self.stamp = stream, splits, stream.rows.stamp

    def reader(self) -> BufferReader:
        """Reads the buffers, independently of any other reader."""
        return BufferReader(self._stream, self._splits)


class BufferReader:
    """The training examples of a stream, buffer by buffer, each beginning where the one before ended, without those of validation and test.

    A buffer holds as many examples as the training side of the beginning, or where texts are cut into blocks about as many letters.
    After the last row comes the first one.

    Args:
        stream: what is read.
        splits: of its beginning.
    """

    def __init__(self, stream: Stream, splits: Splits) -> None:
        self._stream, self._rows = stream, _Endless(stream.rows)
        aside = [side for side in (splits.validation, splits.test) if side is not None]
        self._kept_aside = {example.key for side in aside for example in _examples(side)}
        self._is_cut = not stream.beginning.label_names  # into blocks
        first = sum(map(self._weight, _examples(splits.train)))
        self._full = first * (1 + _A_LITTLE_MORE) if self._is_cut else first
        self._most_in_vain = _MOST_IN_VAIN * len(splits.train) + 1000
        self._starts = {1: stream.size}

    def _weight(self, example: Example) -> int:
        return len(example.texts[0]) + 1 if self._is_cut else 1

    def read(self, number: int, is_enough: Callable[[Dataset], bool]) -> Dataset:
        """The examples of a buffer.

        Args:
            number: from 1 on; 0 is the beginning. An earlier one than the last is read from the first row on again.
            is_enough: whether these fill it: if not, it gets some of the next one's, too.

        Raises:
            DataError: a row can't be read, has a class that the beginning has not, or too few rows can be used.
        """
        known = max(place for place in self._starts if place <= number)
        for passed in range(known, number):
            for _ in self._of(passed):
                pass
        found = list(self._of(number))
        while not is_enough(examples := self._stream.dataset(found)):
            found += islice(self._usable(), max(1, len(found) // 20))
        return examples

    def _of(self, number: int) -> Iterator[Example]:
        """The examples of a buffer, one by one; then it is known where the next one begins."""
        self._rows.go_to(self._starts[number])
        weight = 0
        for example in self._usable():
            weight += self._weight(example)
            yield example
            if weight >= self._full:
                break
        self._starts[number + 1] = self._rows.place

    def _usable(self) -> Iterator[Example]:
        """The examples that come next, without an end."""
        in_vain = 0
        while in_vain < self._most_in_vain:
            example = self._stream.example(next(self._rows))
            if example is None or example.key in self._kept_aside:
                in_vain += 1
                continue
            in_vain = 0
            yield example
        raise DataError(
            f"{numerals.count(in_vain)} rows of {shown(self._stream.rows.name)} in turn can't be used.",
            f"Up to row {numerals.count(self._rows.place)} they have no text or no label, or stand in validation.",
            "Look at the data there, and leave such rows out.",
        )


def _examples(side: Dataset) -> list[Example]:
    texts = zip(*(side.columns[name] for name in ("text", "text_pair") if name in side.columns), strict=True)
    return [Example(tuple(row), None) for row in texts]


class _Endless:
    """All rows of a source, and then again from the first one on.

    Attributes:
        place: rows that have been passed.
    """

    def __init__(self, rows: Rows) -> None:
        self._source, self._length = rows, 0
        self._begin(0)

    def _begin(self, place: int) -> None:
        self._iterator, self._of_pass, self.place = self._source.once(), 0, place

    def __next__(self) -> Mapping[str, Any]:
        row = next(self._iterator, None)
        if row is None:
            self._length = self._of_pass
            self._begin(self.place)
            row = next(self._iterator, None)
        if row is None:
            raise DataError(
                f"{shown(self._source.name)} has no rows any more.", "It was changed.", "Begin the run anew."
            )
        self._of_pass += 1
        self.place += 1
        return row

    def go_to(self, place: int) -> None:
        """Have the row at this place come next."""
        if place < self.place:
            self._begin(place - place % self._length if self._length else 0)
        while self.place < place:
            next(self)
