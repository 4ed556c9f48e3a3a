"""How a run lies in its folder: the names of the files, a row and a change as a line of JSON."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from aitrain_nb.control import Change
from aitrain_nb.history import COLUMNS
from aitrain_nb.privacy import without_secrets

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aitrain_nb.history import History

FORMAT = 1
"""Number of the folder's format; another one is refused with a sentence."""
CONFIG, HISTORY, CHANGES, WEIGHTS = "config.yaml", "history.jsonl", "changes.jsonl", "model.safetensors"
FACTS, STATE, CHECKPOINTS, LOCK = "run.json", "state.json", "checkpoints", ".lock"
ENVIRONMENT, CARD, CURVE, TRACKERS = "environment.json", "README.md", "curve.png", "trackers"
NAMES = frozenset({CONFIG, HISTORY, CHANGES, WEIGHTS, FACTS, STATE, CHECKPOINTS, ENVIRONMENT, CARD, CURVE, TRACKERS})

_ROW = "{" + ", ".join(f'"{name}": %r' for name in COLUMNS) + "}\n"
_NAMES = frozenset({"nan", "inf", "-inf"})
_NO_LOSSES = {"train_loss": math.nan, "eval_loss": math.nan}
"""What stands in a row's evaluation where the file leaves it out."""
_ODD = ("nan", "inf", "(")
"""What stands in the text of a number that JSON doesn't know; no column's name has it."""
MOST = 2**53
"""From here on a float no longer tells one whole number from the next."""


def strange_format(number: Any, file: str, where: str) -> tuple[str, str, str] | None:
    """`what, why, fix` where a file isn't of the format that this version reads, else None.

    Args:
        number: what the file gives as its format.
        file: its name.
        where: the name of the run's folder.
    """
    if type(number) is not int or number < 1:
        return (
            f"The {file} of {where!r} is damaged.", f"Its format is {number!r:.40}, and a whole number from 1 on is expected.",
            "Bring the file back from a copy, or train again.",
        )  # fmt: skip
    if number == FORMAT:
        return None
    age, fix = (
        ("a newer", "pip install --upgrade aitrain-nb")
        if number > FORMAT
        else ("an older", "Read it with that version.")
    )
    why = f"Its {file} is of format {number}; this version reads format {FORMAT}."
    return f"The run in {where!r} was written by {age} version.", why, fix


def what_is_odd(error: Exception) -> str:
    """An error of reading JSON, in words."""
    return f"it has no {error}" if isinstance(error, KeyError) else f"{error}"


def row_lines(rows: list[list[Any]], history: History) -> str:
    """Rows as lines of JSON, each with its step's evaluation; a number that isn't finite is its name as a text.

    Args:
        rows: the values of COLUMNS, plain numbers.
        history: where the evaluations are.
    """
    lines = [_ROW % tuple(row) for row in rows]  # less than half the time of json.dumps
    together = "".join(lines)
    is_odd = any(odd in together for odd in _ODD)
    for place, row in enumerate(rows):
        evaluation = history.evaluation(row[0])
        if evaluation or (is_odd and any(odd in lines[place] for odd in _ODD)):
            lines[place] = json.dumps(plain(dict(zip(COLUMNS, row, strict=True)) | evaluation)) + "\n"
    return "".join(lines)


def read_rows(lines: list[bytes], history: History) -> None:
    """Add the rows and evaluations of whole lines to a history.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: a line is no row, or its step doesn't come after the one before.
    """
    found, before = [], history.last.get("step", 0)
    for row in _parsed(b"[" + b",".join(lines) + b"]"):
        step, *numbers, targets = [row.pop(name) for name in COLUMNS]
        if type(step) is not int or step != before + 1:
            raise ValueError(f"step {step!r:.40} comes after step {before}")
        if type(targets) is not int or not 0 <= targets < MOST:
            raise ValueError(f"{targets!r:.40} is no number of targets")
        before = step
        found.append(([step, *map(_number, numbers), targets], {name: _number(value) for name, value in row.items()}))
    for values, evaluation in found:  # all of them or none
        history.add_step(values)
        if evaluation:
            history.add_evaluation(values[0], _NO_LOSSES | evaluation)


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _whole(value: Any) -> int:
    if type(value) is not int or not 0 <= value < MOST:
        raise ValueError(f"{value!r:.40} is no step")
    return value


def _number(value: Any) -> Any:
    """The number that a value is, or that a text names: "nan", "inf"; raises ValueError where it is none."""
    if type(value) is float or (type(value) is int and abs(value) < MOST):
        return value
    if type(value) is not str or value not in _NAMES:
        raise ValueError(f"{value!r:.40} is no number")
    return float(value)


def change_lines(changes: Iterable[Change]) -> str:
    """Live changes as lines of JSON."""
    return "".join(json.dumps(_plain_change(change)) + "\n" for change in changes)


def _plain_change(change: Change) -> dict[str, Any]:
    """The fields of a change; what a run can say only of a step that wasn't finite stands there only then."""
    values = change._asdict()
    where = values.pop("where")
    return values | ({"where": without_secrets(where)} if where else {})


def read_changes(lines: list[bytes], history: History) -> None:
    """Add the live changes of whole lines to a history.

    Raises:
        ValueError, KeyError, TypeError: a line is no change.
    """
    found = [_parsed(line) for line in lines]
    changes = [
        Change(_whole(change["step"]), str(change["name"]), _number(change["value"]), str(change.get("where", "")))
        for change in found
    ]
    for change in changes:
        history.add_change(change)


def plain(values: dict[str, Any]) -> dict[str, Any]:
    """The values with names in place of the numbers that JSON doesn't know: "nan", "inf", "-inf"."""
    return {
        name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in values.items()
    }
