"""Labels as class numbers: names in a natural order, and a sentence where the values are no classes."""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from aitrain_nb.errors import DataError
from aitrain_nb.sources.values import as_text, is_missing, kind_of, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

MISSING = -100
"""The class number of an example without a label: not counted in any loss."""


class Labels(NamedTuple):
    """Classes of all rows.

    Attributes:
        numbers: a class number a row, -100 where there is no label.
        names: the classes.
        notes: what was decided, a sentence each.
    """

    numbers: list[int]
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()


_MANY_NUMBERS = 20
"""More whole numbers than this look like a quantity."""


def encode(values: Sequence[Any], column: str, class_names: Sequence[str] | None = None) -> Labels:
    """Class numbers for the values of a column.

    Args:
        values: one a row.
        column: its name, for the sentences.
        class_names: the classes 0, 1, ..., where the source brings them and the values are their numbers.

    Returns:
        The names sorted; by number where all are numbers.

    Raises:
        DataError: the values are measurements, several labels a row, or different in every row.
    """
    filled = [value for value in values if not is_missing(value)]
    if not filled:
        raise DataError(
            f"The label column {shown(column)} is empty.",
            f"None of its {len(values):,} rows has a value.",
            "Pass label_column=... with the column that holds the class.",
        )
    if class_names:
        return _with_names(values, column, class_names)
    _refuse_several(filled, column)
    kinds = Counter(kind_of(value) for value in filled)
    if kinds["decimals"] and 2 * (kinds["decimals"] + kinds["whole numbers"]) > len(filled):
        _refuse(column, "holds numbers with decimals", [value for value in filled if kind_of(value) == "decimals"])
    if set(kinds) == {"whole numbers"}:
        return _numbered(values, filled, column)
    if set(kinds) == {"times"}:
        _refuse(column, "holds dates or times", filled)
    written = [None if is_missing(value) else as_text(value).strip() for value in values]
    stripped = sum(isinstance(value, str) and value != value.strip() for value in filled)
    return _sorted(written, column, sorted({name for name in written if name is not None}), stripped)


def name_of(value: Any, names: Sequence[str], class_names: Sequence[str] | None = None) -> str | None:
    """The class that a later value means, by the names that `encode` gave the first ones; None where it says that there is no label.

    Args:
        value: not missing.
        names: of the classes that are known.
        class_names: as for `encode`.
    """
    if class_names:
        number = int(value)
        return None if number == -1 else class_names[number] if 0 <= number < len(class_names) else str(number)
    written = as_text(value).strip()
    return _whole(value) if written not in names and kind_of(value) == "whole numbers" else written


def _with_names(values: Sequence[Any], column: str, class_names: Sequence[str]) -> Labels:
    """The hub's class numbers; -1 means there is no label."""
    numbers = [MISSING if is_missing(value) or value == -1 else int(value) for value in values]
    outside = next((number for number in numbers if number != MISSING and not 0 <= number < len(class_names)), None)
    if outside is not None:
        raise DataError(
            f"Label {outside} in column {shown(column)} is no class.",
            f"The data set names {len(class_names)} classes: 0 to {len(class_names) - 1}.",
            "Repair the data set, or give it as a pandas DataFrame.",
        )
    used = sorted(set(numbers) - {MISSING})
    notes = ["The order of the classes is the data set's own."]
    if len(used) < len(class_names):
        unused = [class_names[number] for number in range(len(class_names)) if number not in used]
        notes.append(f"Classes without an example, left out: {', '.join(map(shown, unused[:12]))}.")
    place = {number: new for new, number in enumerate(used)} | {MISSING: MISSING}
    return Labels([place[number] for number in numbers], tuple(class_names[number] for number in used), tuple(notes))


def _numbered(values: Sequence[Any], filled: Sequence[Any], column: str) -> Labels:
    counts = Counter(_whole(value) for value in filled)
    if len(counts) > 20 and (len(filled) < 5 * len(counts) or len(counts) > 1000):
        _refuse(column, f"holds {len(counts):,} different numbers in {len(filled):,} rows", filled)
    written = [None if is_missing(value) else _whole(value) for value in values]
    names = sorted({name for name in written if name is not None}, key=lambda name: (int(name), name))
    found = _sorted(written, column, names, 0)
    if len(names) <= _MANY_NUMBERS:
        return found
    note = (
        f"{len(names)} different whole numbers are taken for {len(names)} classes without an order; a quantity (regression) "
        "can't be learned."
    )
    return found._replace(notes=(*found.notes, note))


def _whole(value: Any) -> str:
    """A whole number as text: 2.0 is "2", the text "007" stays."""
    text = str(value).strip() if isinstance(value, str) else as_text(int(value))
    return text.split(".")[0]


def _sorted(written: Sequence[str | None], column: str, names: Sequence[str], stripped: int) -> Labels:
    filled = sum(name is not None for name in written)
    if (len(names) == filled and filled >= 5) or (2 * len(names) > filled >= 20):
        raise DataError(
            f"{'Every' if len(names) == filled else 'Nearly every'} row has its own value in the label column {shown(column)}.",
            f"It has {filled:,} different values in {filled:,} rows, such as {shown(names[0])}: an id or a text, not a class.",
            "Pass label_column=... with a column whose values repeat.",
        )
    place = {name: number for number, name in enumerate(names)}
    numbers = [MISSING if name is None else place[name] for name in written]
    notes = []
    if stripped:
        notes.append(f"Blanks around {stripped:,} {'label was' if stripped == 1 else 'labels were'} left out.")
    alike = [group for group in _alike(names) if len(group) > 1]
    if alike:
        notes.append(f"Labels that differ only in capitals are different classes: {', '.join(map(shown, alike[0]))}.")
    return Labels(numbers, tuple(names), tuple(notes))


def _alike(names: Sequence[str]) -> list[list[str]]:
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(name.casefold(), []).append(name)
    return list(groups.values())


def _refuse(column: str, what: str, examples: Sequence[Any]) -> NoReturn:
    listed = ", ".join(_written(value) for value in examples[:3])
    raise DataError(
        f"The label column {shown(column)} {what}.",
        f"Such as {listed}: to predict a quantity is regression, and only classes can be learned here.",
        "Pass another label_column=..., or make classes of the values, such as 'low' and 'high'.",
    )


def _written(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) and math.isfinite(value) else shown(value)


def _refuse_several(filled: Sequence[Any], column: str) -> None:
    """Raise where a row has several labels: a list, or texts such as "a;b" whose parts occur elsewhere too."""
    example = next((value for value in filled if kind_of(value) == "lists"), None)
    texts = {value.strip() for value in filled if isinstance(value, str)}
    if example is None:
        example = next((text for text in sorted(texts) if text[0] == "[" and text[-1] == "]" and "," in text), None)
    if example is None:
        example = _joined(texts)
    if example is not None:
        raise DataError(
            f"The label column {shown(column)} has several labels in a row.",
            f"Such as {shown(example)}; an example can have one class here.",
            "Keep one label a row, or pass another label_column=....",
        )


def _joined(texts: set[str]) -> str | None:
    """A text that joins labels with ; or | (parts that occur in other texts), or with a comma (parts that stand alone)."""
    parts = {text: [part.strip() for part in re.split(r"[;|]", text)] for text in texts}
    counts = Counter(part for listed in parts.values() for part in set(listed))
    for text in sorted(texts):
        if len(parts[text]) > 1 and any(counts[part] > 1 for part in parts[text]):
            return text
        by_comma = [part.strip() for part in text.split(",")]
        if len(by_comma) > 1 and all(part in texts for part in by_comma):
            return text
    return None
