"""What the values of a column are: text, numbers, times, pictures; and how one is shown."""

from __future__ import annotations

import math
import numbers
import re
from collections.abc import Mapping
from datetime import date, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from aitrain_nb.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

ValueKind = Literal["text", "whole numbers", "decimals", "yes or no", "times", "lists", "pictures", "nothing"]

_SAMPLE = 20_000
"""Rows that are looked at to find out what a column is."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d{1,300}(\.0{0,300})?", re.ASCII)
_TIME = re.compile(
    r"\d{4}-\d{1,2}-\d{1,2}([T ].*)?|\d{1,2}[./]\d{1,2}[./]\d{2,4}([ T].*)?|\d{1,2}:\d{2}(:\d{2}.*)?", re.ASCII
)


class Profile(NamedTuple):
    """What a column holds.

    Attributes:
        name: the column.
        kind: what most values are.
        rows: rows looked at.
        filled: rows with a value.
        distinct: different values.
        characters: mean length of the values as text.
        spaced: share of the values with a space between words.
    """

    name: str
    kind: ValueKind
    rows: int
    filled: int
    distinct: int
    characters: float
    spaced: float

    def words(self) -> str:
        """The column in a few words, for a list of candidates."""
        if self.kind == "text":
            return f"{shown(self.name)} ({self.distinct:,} different texts, mean {self.characters:.0f} characters)"
        return f"{shown(self.name)} ({self.kind}, {self.distinct:,} different)"


def shown(value: object, most: int = 60) -> str:
    """A value as code, cut where it is long, control characters as their codes.

    >>> shown("a" * 80, 10)
    "'aaaaaa...'"
    """
    written = as_text(value)
    return repr(written if len(written) <= most else f"{written[: most - 4]}...")


def as_text(value: Any) -> str:
    """The value as text; python refuses to write whole numbers of more than 4,300 digits.

    Raises:
        DataError: it is such a number.
    """
    try:
        return str(value)
    except ValueError as error:
        raise DataError(
            "A value is a number of thousands of digits.", f"Python says: {error}.", "Leave it out, or give it as text."
        ) from error


def is_missing(value: Any) -> bool:
    """Whether a cell has no value: None, NaN, NaT, pandas.NA, or a text of blanks."""
    if value is None:
        return True
    if isinstance(value, str):
        return not value.strip()
    if isinstance(value, float):
        return math.isnan(value)
    return type(value).__name__ in {"NAType", "NaTType"}


def is_picture(value: Any) -> bool:
    """Whether a cell is a Pillow image, or an image file's bytes as the hub stores them."""
    if isinstance(value, Mapping):
        return {"bytes", "path"} <= set(value)
    return all(hasattr(value, name) for name in ("getexif", "convert", "size"))


def kind_of(value: Any) -> ValueKind:
    """What one cell that isn't missing is; a text of digits counts as a number."""
    if isinstance(value, bool) or type(value).__name__ == "bool_":
        return "yes or no"
    if isinstance(value, str):
        return _kind_of_text(value.strip())
    if isinstance(value, (numbers.Real, Decimal)):
        whole = isinstance(value, numbers.Integral) or (math.isfinite(value) and value == value // 1)
        return "whole numbers" if whole else "decimals"
    if isinstance(value, (date, time)):
        return "times"
    return "pictures" if is_picture(value) else "lists"


def _kind_of_text(written: str) -> ValueKind:
    if _WHOLE.fullmatch(written):
        return "whole numbers"
    if _NUMBER.fullmatch(written):
        return "decimals"
    return "times" if len(written) < 40 and _TIME.fullmatch(written) else "text"


def cells(column: pd.Series) -> list[Any]:
    """The values of a column as Python objects."""
    listed: list[Any] = column.astype(object).tolist()
    return [value.item() if type(value).__module__ == "numpy" and hasattr(value, "item") and not getattr(value, "ndim", 0)
            else value for value in listed]  # fmt: skip


def profile(column: pd.Series) -> Profile:
    """What a column holds, from up to 20,000 rows spread evenly over it."""
    step = max(1, math.ceil(len(column) / _SAMPLE))
    sample = cells(column.iloc[::step])
    filled = [value for value in sample if not is_missing(value)]
    kinds: dict[ValueKind, int] = {}
    for value in filled:
        kind = kind_of(value)
        kinds[kind] = kinds.get(kind, 0) + 1
    written = [_as_key(value) for value in filled]
    return Profile(
        str(column.name),
        _kind_of_all(kinds),
        len(sample),
        len(filled),
        len(set(written)),
        sum(map(len, written)) / max(1, len(written)),
        sum(" " in text.strip() for text in written) / max(1, len(written)),
    )


def _as_key(value: Any) -> str:
    if isinstance(value, str):
        return value
    return str(id(value)) if is_picture(value) else as_text(value)[:200]


def _kind_of_all(kinds: dict[ValueKind, int]) -> ValueKind:
    """The kind of a column: one that nearly all values are; text where they are mixed."""
    total = sum(kinds.values())
    if not total:
        return "nothing"
    shares = {kind: count / total for kind, count in kinds.items()}
    rules: tuple[tuple[ValueKind, float], ...] = (
        ("lists", 0.5), ("pictures", 0.5), ("times", 0.9), ("yes or no", 1.0), ("whole numbers", 1.0),
    )  # fmt: skip
    for kind, least in rules:
        if shares.get(kind, 0.0) >= least:
            return kind
    as_numbers = shares.get("whole numbers", 0.0) + shares.get("decimals", 0.0)
    return "text" if as_numbers < 0.9 else "decimals" if "decimals" in kinds else "whole numbers"


def quantiles(lengths: Sequence[int]) -> dict[str, float]:
    """Least, 5 %, median, 95 %, most and mean of whole numbers.

    >>> quantiles([1, 2, 3, 4, 90])["median"]
    3.0
    """
    import numpy as np

    low, median, high = (float(value) for value in np.quantile(lengths, [0.05, 0.5, 0.95]))
    return {"least": float(min(lengths)), "5 %": low, "median": median, "95 %": high,
            "most": float(max(lengths)), "mean": sum(lengths) / len(lengths)}  # fmt: skip
