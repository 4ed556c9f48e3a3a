"""From rows to a `Dataset`: choose the columns, make texts and labels of them, and tell what was found."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from aitrain_nb.data import Dataset
from aitrain_nb.errors import DataError
from aitrain_nb.lettering import with_article
from aitrain_nb.sources import labels, pictures
from aitrain_nb.sources.base import Options, Raw, Table
from aitrain_nb.sources.columns import Choice, choose
from aitrain_nb.sources.guess import Guess
from aitrain_nb.sources.values import as_text, cells, is_missing, is_picture, kind_of, quantiles, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_PREVIEW = 5


def as_raw(table: Table, options: Options) -> Raw:
    """The examples in the rows of a table.

    Raises:
        DataError: no row, two columns of one name, columns that can't be told apart, or values that are no examples.
    """
    frame, renamed = _with_clean_names(table)
    if not len(frame):
        raise DataError(
            f"{shown(table.name)} has no rows.",
            f"It has columns ({', '.join(map(shown, frame.columns[:8])) or 'none'}), but no examples.",
            "Give at least two examples.",
        )
    table = Table(frame, table.name, table.note, (*table.notes, *renamed), table.dropped, table.class_names)
    chosen = choose(frame, options)
    if "image" in chosen:
        return _images(table, chosen, options)
    return _texts(table, chosen, options)


def _with_clean_names(table: Table) -> tuple[Any, list[str]]:
    """The frame with a different text as each column's name; a name that is missing becomes its place."""
    frame = table.frame.reset_index(drop=True)
    frame.columns, notes = clean_names(frame.columns, table.name)
    return frame, notes


def clean_names(given: Iterable[Any], table: str) -> tuple[list[str], list[str]]:
    """The names of columns as they are used, and what was changed; raises DataError where two are the same.

    Args:
        given: as they were read.
        table: what the data are called.
    """
    written = [str(name) for name in given]
    names = [clean(name) or f"column {place}" for place, name in enumerate(written, start=1)]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        places = [str(place) for place, name in enumerate(names, start=1) if name == twice[0]]
        raise DataError(
            f"Two columns of {shown(table)} have the same name.",
            f"Columns {', '.join(places[:6])} are named {shown(twice[0])}.",
            "Rename one of them.",
        )
    notes = []
    if any(name != old for name, old in zip(names, written, strict=True) if old.strip()):
        notes.append("Blanks around the column names are left out.")
    if not all(name.strip() for name in written):
        notes.append("A column without a name is called by its place, such as 'column 1'.")
    return names, notes


def clean(name: str) -> str:
    """A column's name without what can't be seen around it."""
    return name.encode("utf-8", "replace").decode("utf-8").strip("\ufeff \t\r\n")


def as_texts(values: Sequence[Any], column: str) -> tuple[list[str | None], list[str]]:
    """Texts [n], None where there is none, and what was changed on the way.

    Raises:
        DataError: a value is a list, a picture or bytes.
    """
    numbers = halves = 0
    texts: list[str | None] = []
    for row, value in enumerate(values, start=1):
        if is_missing(value):
            texts.append(None)
            continue
        if not isinstance(value, str):
            if kind_of(value) in {"lists", "pictures"}:
                raise DataError(
                    f"The text column {shown(column)} holds no texts.",
                    f"In row {row:,} it has {with_article(type(value).__name__)}.",
                    "Pass text_column=... with a column of texts, or make one text of each value.",
                )
            numbers += 1
        text = as_text(value)
        whole = text.encode("utf-8", "replace").decode("utf-8")
        halves += whole != text
        texts.append(whole)
    notes = [f"{numbers:,} values of {shown(column)} that were no text became text."] if numbers else []
    if halves:
        notes.append(f"{halves:,} texts of {shown(column)} held half characters (lone surrogates), now '?'.")
    return texts, notes


def _texts(table: Table, chosen: Mapping[str, Choice], options: Options) -> Raw:
    columns: dict[str, list[Any]] = {}
    notes = list(table.notes)
    for role in ("text", "text_pair"):
        if role in chosen:
            columns[role], more = as_texts(cells(table.frame[chosen[role].column]), chosen[role].column)
            notes += more
    columns, names, told, dropped = _used(table, chosen, columns, options, "empty text")
    rows = list(zip(*columns.values(), strict=True))
    guess = Guess(
        columns={role: choice.column for role, choice in chosen.items()},
        reasons=_reasons(chosen, columns, names, len(table.frame)),
        rows=len(rows),
        preview=_preview(columns, names),
        candidates={role: choice.others for role, choice in chosen.items()},
        notes=(*notes, *told),
        class_counts=_class_counts(columns, names),
        dropped=dropped,
        duplicates=len(rows) - len(set(rows)),
        contradictions=_contradictions(columns),
        lengths=quantiles([len(text) for text in columns["text"]]),
    )
    return Raw(_dataset(columns, names), guess, table.name, table.note)


def _used(
    table: Table, chosen: Mapping[str, Choice], columns: Mapping[str, list[Any]], options: Options, without: str
) -> tuple[dict[str, list[Any]], tuple[str, ...], tuple[str, ...], dict[str, int]]:
    """The columns with "label" in the rows that are used, the classes, what was decided, and reason -> rows left out.

    Args:
        table: all rows.
        chosen: the column of each role.
        columns: role -> a value a row, None where there is none.
        options: says what happens to rows without a label.
        without: the reason to leave out a row without a value.
    """
    dropped = Counter(table.dropped)
    kept = [row for row, values in enumerate(zip(*columns.values(), strict=True)) if None not in map(_or_true, values)]
    dropped[without] += len(table.frame) - len(kept)
    _require(kept, dropped, table.name)
    found = labels.Labels([], ())
    if "label" in chosen:
        name = chosen["label"].column
        values = cells(table.frame[name])
        found = labels.encode([values[row] for row in kept], name, table.class_names.get(name))
        place = dict(zip(kept, found.numbers, strict=True))
        if options.unlabelled == "drop":
            labelled = [row for row in kept if place[row] != labels.MISSING]
            dropped["no label; unlabelled='keep' keeps them"] += len(kept) - len(labelled)
            kept = labelled
    used = {role: [values[row] for row in kept] for role, values in columns.items()}
    if "label" in chosen:
        used["label"] = [place[row] for row in kept]
    return used, found.names, found.notes, {reason: count for reason, count in dropped.items() if count}


def _or_true(value: Any) -> bool | None:
    """None for None, else True: comparing an image with None may compare its pixels."""
    return None if value is None else True


def _require(kept: Sequence[int], dropped: Mapping[str, int], name: str) -> None:
    if not kept:
        listed = ", ".join(f"{count:,} ({reason})" for reason, count in dropped.items() if count)
        raise DataError(
            f"{shown(name)} has no example that can be used.",
            f"Left out: {listed}.",
            "Fill in the missing values, or pass other columns.",
        )


def _reasons(
    chosen: Mapping[str, Choice], columns: Mapping[str, Sequence[Any]], names: Sequence[str], rows: int
) -> dict[str, str]:
    reasons = {}
    for role, choice in chosen.items():
        more = ""
        if role == "label":
            more = f", {len(names):,} {'value' if len(names) == 1 else 'values'} in {rows:,} {'row' if rows == 1 else 'rows'}"
        elif role != "image":
            more = f" (mean {sum(map(len, columns[role])) / max(1, len(columns[role])):,.0f} characters)"
        reasons[role] = f"column {shown(choice.column)}, {choice.why}{more}"
    return reasons


def _preview(columns: Mapping[str, Sequence[Any]], names: Sequence[str]) -> Any:
    import pandas as pd

    first = {role: list(values[:_PREVIEW]) for role, values in columns.items()}
    if "label" in first:
        first["label"] = ["(no label)" if number == labels.MISSING else names[number] for number in first["label"]]
    return pd.DataFrame(first, dtype=object)


def _class_counts(columns: Mapping[str, Sequence[Any]], names: Sequence[str]) -> dict[str, int]:
    counts = Counter(columns.get("label", ()))
    return {name: counts[number] for number, name in enumerate(names)}


def _contradictions(columns: Mapping[str, Sequence[Any]]) -> int:
    """Texts that occur with more than one label."""
    if "label" not in columns:
        return 0
    seen: dict[Any, set[int]] = {}
    for *text, label in zip(*columns.values(), strict=True):
        if label != labels.MISSING:
            seen.setdefault(tuple(text), set()).add(label)
    return sum(len(different) > 1 for different in seen.values())


def _dataset(columns: Mapping[str, Any], names: Sequence[str]) -> Dataset:
    import torch

    ready = dict(columns)
    if "label" in ready:
        ready["label"] = torch.tensor(ready["label"], dtype=torch.int64)
    return Dataset(ready, names)


def _images(table: Table, chosen: Mapping[str, Choice], options: Options) -> Raw:
    values = cells(table.frame[chosen["image"].column])
    columns: dict[str, list[Any]] = {
        "image": [value if is_picture(value) else None for value in values],
        "row": [f"row {row:,}" for row in range(1, len(values) + 1)],
    }
    used, names, more, dropped = _used(table, chosen, columns, options, "no image")
    labelled = pictures.Labelled(
        [pictures.Source(row, value) for row, value in zip(used["row"], used["image"], strict=True)],
        used["label"],
        names,
        table.name,
        table.note,
        (*table.notes, *more),
        dropped,
        {role: choice.column for role, choice in chosen.items()},
        _reasons(chosen, used, names, len(table.frame)),
    )
    return pictures.as_raw(labelled, options)
