"""Logs that other tools write -> `Curves`: tables with the usual names of columns, and what a Trainer of transformers writes."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from aitrain_nb.diagnosis.curves import Curves
from aitrain_nb.errors import DataError
from aitrain_nb.lettering import shortened, visible
from aitrain_nb.transformers_logs import LogBook

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from aitrain_nb.history import History

_NAMES: dict[str, tuple[str, ...]] = {
    "step": ("step", "global_step", "iteration", "iter", "batch", "steps"),
    "epoch": ("epoch", "epochs"),
    "loss": ("loss", "train_loss", "training_loss", "train/loss", "loss/train", "train_loss_step", "training loss", "train_loss_epoch"),
    "rate": ("lr", "learning_rate", "train/learning_rate", "lr-adam", "lr-adamw", "lr-sgd"),
    "norm": ("grad_norm", "gradient_norm", "train/grad_norm", "grad_norm_total", "grad_2.0_norm_total"),
    "training": ("train_loss", "train_loss_epoch", "training_loss", "loss", "train/loss", "loss/train", "training loss"),
    "validation": ("eval_loss", "val_loss", "valid_loss", "validation_loss", "eval/loss", "val/loss", "valid/loss", "loss/val",
                   "validation/loss", "loss/validation", "validation loss", "test_loss", "val_loss_epoch"),
    "accuracy": ("eval_accuracy", "val_accuracy", "valid_accuracy", "validation_accuracy", "val_acc", "eval/accuracy", "val/accuracy",
                 "valid_acc", "val_acc_epoch", "validation accuracy", "val_categorical_accuracy", "val_sparse_categorical_accuracy"),
}  # fmt: skip
"""What is read -> names of columns for it, in capitals or not: ours, and those of Keras, Lightning, transformers and fastai."""
_DENSE, _FOR_GOOD = 0.8, 5
_COLUMNS, _LETTERS = 12, 40
"""So many names of columns, and letters of each, stand in an error."""
_TRAINING = ", ".join(_NAMES["training"][:4])


def of_history(history: History, name: str = "a history", **known: Any) -> Curves:
    """The curves of a history; `known` are the classes, label_loss and majority of `Curves` where they are known."""
    rows, evaluations = list(history), history.evaluations
    steps, losses, rates, norms = (_column(rows, key) for key in ("step", "loss", "lr", "grad_norm"))
    training, validation, accuracies = (
        _column(evaluations, key) for key in ("train_loss", "eval_loss", "eval_accuracy")
    )
    return Curves(
        name, steps, losses, rates, norms, training, validation, accuracies, skipped=len(history.skipped), **known
    )


def of_table(frame: pd.DataFrame, name: str = "a table") -> Curves:
    """The curves of a table of logs; the usual names of columns are known.

    Raises:
        DataError: no column holds a training or validation loss.
    """
    frame = frame.loc[:, ~frame.columns.duplicated()]
    taken = {what: _find(frame, names) for what, names in _NAMES.items()}
    losses = [column for column in (taken["loss"], taken["validation"]) if column is not None]
    if not any(_holds_numbers(frame, column) for column in losses):
        named = [shortened(visible(str(column)), _LETTERS) for column in (losses or frame.columns[:_COLUMNS])]
        more = "" if losses or len(frame.columns) <= _COLUMNS else f" and {len(frame.columns) - _COLUMNS:,} more"
        raise DataError(
            f"No column of {name} holds a loss.",
            f"There is no number in {', '.join(named)}." if losses else f"It has: {', '.join(named) or 'no column'}{more}.",
            f"Name one of them {_TRAINING} (training) or {', '.join(_NAMES['validation'][:4])} (validation).",
        )  # fmt: skip
    numbers = {what: _numbers(frame, column) for what, column in taken.items()}
    is_row = _has_loss(numbers["loss"], numbers["validation"])
    steps = numbers["step"] if taken["step"] is not None else np.arange(1, len(frame) + 1, dtype=np.float64)
    evaluated = np.isfinite(numbers["validation"]) | np.isfinite(numbers["accuracy"])
    training = _mean_since(numbers["training"], evaluated)
    is_by_evaluation = taken["step"] is None or bool(evaluated.all())
    rows = is_row & (not is_by_evaluation)
    if not evaluated.any():  # no validation: the rows are all there is
        rows = is_row
    return Curves(
        name, steps[rows], numbers["loss"][rows], numbers["rate"][rows], numbers["norm"][rows],
        training[evaluated] if evaluated.any() else np.array([]), numbers["validation"][evaluated], numbers["accuracy"][evaluated],
    )  # fmt: skip


def of_mapping(read: Mapping[str, Any], name: str) -> Curves:
    """The curves of a dictionary: what a Trainer of transformers writes, or lists under the usual names, such as the history of Keras.

    Raises:
        DataError: it is neither, or holds no loss.
    """
    import pandas as pd

    is_table = read and all(isinstance(values, (list, tuple, np.ndarray)) for values in read.values())
    if "log_history" in read or not is_table:
        return of_transformers_state(read, name)
    try:
        return of_table(pd.DataFrame(dict(read)), name)
    except ValueError as error:
        raise DataError(f"{name} holds no table.", f"{error}.", "Give columns of equal length.") from error


def of_transformers_state(state: Mapping[str, Any], name: str = "trainer_state.json") -> Curves:
    """The curves of what a Trainer of transformers writes as trainer_state.json, or of its `log_history`.

    Raises:
        DataError: there is no list of logs in it.
    """
    logs = state.get("log_history")
    if not isinstance(logs, list) or not all(isinstance(entry, dict) for entry in logs):
        raise DataError(
            f"{name} holds no log.", f"It has: {shortened(visible(', '.join(map(str, state))), 200) or 'nothing'}.",
            "Give a trainer_state.json, whose log_history is a list of entries, or lists of numbers under names such as loss and val_loss.",
        )  # fmt: skip
    return of_history(book_of(logs), name)


def book_of(logs: list[Any]) -> History:
    """The history of the logs of a Trainer of transformers."""
    book = LogBook()
    try:
        book.read_all(logs)
    except (TypeError, ValueError) as error:
        raise DataError(
            "The log of the Trainer can't be read.",
            "A step or an epoch in it is no number.",
            "Give a trainer_state.json as it was written.",
        ) from error
    if not len(book.history):
        raise DataError(
            "The log of the Trainer tells of no loss.", f"None of its {len(logs):,} entries has a step and a loss.",
            "Let the Trainer log (logging_steps), and give the trainer_state.json of its last checkpoint.",
        )  # fmt: skip
    return book.history


def of_file(path: Path) -> Curves:
    """The curves of a file: trainer_state.json, another JSON of logs, or a table as CSV or TSV.

    Raises:
        DataError: it isn't there, can't be read, or holds no loss.
    """
    if path.suffix.lower() in {".json", ".jsonl"}:
        return _of_json(path)
    import pandas as pd

    try:
        with path.open(encoding="utf-8-sig") as file:
            names = file.readline()
        frame = pd.read_csv(path, sep=max(",;	", key=names.count), encoding="utf-8-sig")
    except (OSError, ValueError, pd.errors.ParserError) as error:
        why = str(error).split("\n", maxsplit=1)[0]
        raise DataError(
            f"Can't read {path.name!r} as a table.", why, "Give a CSV file with a line of names first."
        ) from error
    return of_table(frame, path.name)


def _of_json(path: Path) -> Curves:
    import pandas as pd

    try:
        text = path.read_text(encoding="utf-8")
        lines = [line for line in text.splitlines() if line.strip()]
        read = [json.loads(line) for line in lines] if path.suffix.lower() == ".jsonl" else json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"Can't read {path.name!r} as JSON.", str(error), "Give the file as it was written.") from error
    if isinstance(read, dict):
        return of_mapping(read, path.name)
    if isinstance(read, list) and read and all(isinstance(row, dict) for row in read):
        return of_table(pd.DataFrame(read), path.name)
    raise DataError(
        f"{path.name!r} holds no log.", "It is no list of rows with names.",
        "Give a trainer_state.json, a list of rows with names, or lists of numbers under names such as loss and val_loss.",
    )  # fmt: skip


def _has_loss(losses: NDArray[np.float64], validation: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which rows of a table carry a training loss, NaN among them.

    A table leaves a cell empty where nothing was logged, which reads as NaN too. So NaN counts as a loss only where nearly every row
    without a validation loss has one, or where the losses end in it for good.
    """
    finite, alone = np.isfinite(losses), ~np.isfinite(validation)
    unknown = np.isnan(losses) & alone
    last = np.flatnonzero(finite).tolist()[-1] if finite.any() else -1
    is_dense = finite[alone].mean() >= _DENSE if alone.any() else False
    ends_in_it = unknown[last + 1 :].sum() >= _FOR_GOOD and not unknown[: last + 1].any()
    return finite | np.isinf(losses) | (unknown & (is_dense or ends_in_it))


def _column(rows: Sequence[Mapping[str, Any]], key: str) -> NDArray[np.float64]:
    return np.array([row.get(key, math.nan) for row in rows], dtype=np.float64)


def _find(frame: pd.DataFrame, names: tuple[str, ...]) -> Any:
    """The first column of these names that holds a number; None where there is none."""
    here = {str(column).strip().lower(): column for column in frame.columns}
    for name in names:
        if name in here and np.isfinite(_numbers(frame, here[name])).any():
            return here[name]
    return next((here[name] for name in names if name in here), None)


def _numbers(frame: pd.DataFrame, column: Any) -> NDArray[np.float64]:
    import pandas as pd

    if column is None:
        return np.full(len(frame), np.nan)
    if pd.api.types.is_datetime64_any_dtype(frame[column]):
        return np.full(len(frame), np.nan)
    try:
        values = pd.to_numeric(frame[column], errors="coerce")
    except OverflowError:  # a whole number of hundreds of digits
        values = pd.to_numeric(frame[column].astype(str), errors="coerce")
    return np.asarray(values, dtype=np.float64)


def _holds_numbers(frame: pd.DataFrame, column: Any) -> bool:
    """Whether a column was meant for numbers: it holds one, or nothing but NaN."""
    import pandas as pd

    values = _numbers(frame, column)
    is_all_nan = len(values) > 0 and pd.api.types.is_numeric_dtype(frame[column])
    return bool((~np.isnan(values)).any()) or is_all_nan


def _mean_since(values: NDArray[np.float64], evaluated: NDArray[np.bool_]) -> NDArray[np.float64]:
    """At each evaluation the mean of the training losses since the one before, NaN where there are none."""
    means, since = np.full(len(values), np.nan), 0
    for place in np.flatnonzero(evaluated).tolist():
        piece = values[since : place + 1]
        means[place] = piece[np.isfinite(piece)].mean() if np.isfinite(piece).any() else np.nan
        since = place + 1
    return means
