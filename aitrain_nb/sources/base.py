"""What all kinds of sources have in common: the options, what they give, and how a kind says what it takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from aitrain_nb.errors import ConfigError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd

    from aitrain_nb.data import Dataset
    from aitrain_nb.sources.guess import Guess

TASKS = ("text-classification", "image-classification", "text-generation")


class Kind(NamedTuple):
    """A kind of source.

    Attributes:
        takes: whether this kind reads the source: a path that exists, a `HubName`, or an object.
        read: reads it.
        suffixes: the file names it takes, for the sentence that lists them.
        table: reads it as rows without choosing columns, where it has rows.
    """

    takes: Callable[[Any], bool]
    read: Callable[[Any, Options], Raw]
    suffixes: tuple[str, ...] = ()
    table: Callable[[Any, Options], Table] | None = None


@dataclass(frozen=True)
class Options:
    """The arguments of `read`, checked; see there.

    Raises:
        ConfigError: a value that an option can't have.
    """

    task: str = "text-classification"
    text_column: str | None = None
    pair_column: str | None = None
    label_column: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    header: bool | None = None
    quotes: bool | None = None
    lines: bool = False
    split: str | None = None
    configuration: str | None = None
    image_size: int | tuple[int, int] | None = None
    skip_unreadable: bool = False
    unlabelled: str = "drop"

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise ConfigError(*unknown_name("task for your own data", self.task, TASKS))
        if self.unlabelled not in {"drop", "keep"}:
            raise ConfigError(*unknown_name("choice for unlabelled", self.unlabelled, ("drop", "keep")))
        given = self.delimiter
        if given is not None and (not isinstance(given, str) or len(given) != 1 or given in '"\r\n\0'):
            raise ConfigError(
                f"delimiter can't be {given!r}.",
                "One character separates the values of a row; it is no quote and no line end.",
                "Pass delimiter=',' or ';' or '\\t' or '|'.",
            )
        size = self.image_size
        numbers = size if isinstance(size, tuple) else (size, size)
        whole = all(isinstance(number, int) and not isinstance(number, bool) and number > 0 for number in numbers)
        if size is not None and (len(numbers) != 2 or not whole):
            raise ConfigError(
                f"image_size can't be {size!r}.",
                "It is the height and the width in pixels, or one number for both.",
                "Pass image_size=32 or image_size=(32, 48).",
            )

    @property
    def height_and_width(self) -> tuple[int, int] | None:
        """The image size in pixels that was asked for."""
        return (self.image_size, self.image_size) if isinstance(self.image_size, int) else self.image_size


@dataclass(frozen=True, eq=False)
class Raw:
    """Examples as they were read, before any split.

    Attributes:
        dataset: columns by task: "text" list[str], "text_pair" list[str]; "image" [n, channels, height, width] float32
            from 0 to 255; "label" [n] int64, -100 where a row has no label.
        guess: what was decided on the way, and why.
        name: the file's or data set's name, never a path.
        note: where the data come from.
    """

    dataset: Dataset
    guess: Guess
    name: str
    note: str

    @property
    def label_names(self) -> tuple[str, ...]:
        """The classes, in the order of the label numbers; empty where the task has no labels."""
        return self.dataset.label_names

    @property
    def scale(self) -> float:
        """What a raw value is multiplied by before a model sees it: 1/255 for pixels."""
        return 1 / 255 if "image" in self.dataset.columns else 1.0

    def __repr__(self) -> str:
        return f"Raw {self.name!r}: {self.dataset!r}"


@dataclass(frozen=True, eq=False)
class Table:
    """Rows that a kind has read, before the columns are chosen.

    Attributes:
        frame: one row an example; text as str, missing values as None, NaN or an empty text.
        name: the file's or data set's name.
        note: where the data come from.
        notes: what the kind decided, a sentence each.
        dropped: reason -> rows that were left out.
        class_names: column -> names of the classes 0, 1, ... where the source brings them.
    """

    frame: pd.DataFrame
    name: str
    note: str
    notes: tuple[str, ...] = ()
    dropped: Mapping[str, int] = field(default_factory=dict)
    class_names: Mapping[str, Sequence[str]] = field(default_factory=dict)
