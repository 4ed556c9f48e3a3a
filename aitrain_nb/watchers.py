"""Live reactions to a run: a watcher is any callable that takes a record. It ends training by raising `StopTraining("reason")`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aitrain_nb import numerals
from aitrain_nb.errors import StopTraining
from aitrain_nb.records import Evaluation

if TYPE_CHECKING:
    from collections.abc import Callable

    from aitrain_nb.history import History


def early_stopping(history: History, patience: int, metric: str = "loss") -> Callable[[Any], None]:
    """A watcher that ends training after `patience` evaluations in a row without a new best.

    It holds no state of its own: what it knows it reads from the history, so that going on and undo need no care.

    Args:
        history: of the run.
        patience: evaluations to wait.
        metric: "loss" (lower is better), or a score of the evaluations (higher is better).
    """
    sign = 1 if metric == "loss" else -1

    def watch(record: Any) -> None:
        if not isinstance(record, Evaluation):
            return
        values = [sign * row[f"eval_{metric}"] for row in history.evaluations]
        finite = [i for i, value in enumerate(values) if value == value]  # noqa: PLR0124  NaN is not equal to itself
        best = min(finite, key=lambda i: values[i], default=-1)
        waited = len(values) - 1 - best
        if waited >= patience:
            named, way = metric.replace("_", " "), "below" if sign == 1 else "above"
            reached = numerals.significant(sign * values[best]) if finite else "infinity"
            raise StopTraining(f"early stopping: no validation {named} {way} {reached} in {waited} evaluations")

    return watch
