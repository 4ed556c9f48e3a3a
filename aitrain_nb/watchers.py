"""Live reactions to a run: a watcher is any callable that takes a record. It ends training by raising `StopTraining("reason")`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aitrain_nb import numerals
from aitrain_nb.errors import StopTraining
from aitrain_nb.records import Evaluation

if TYPE_CHECKING:
    from collections.abc import Callable

    from aitrain_nb.history import History


def early_stopping(history: History, patience: int) -> Callable[[Any], None]:
    """A watcher that ends training after `patience` evaluations in a row without a new lowest validation loss.

    It holds no state of its own: what it knows it reads from the history, so that going on and undo need no care.
    """

    def watch(record: Any) -> None:
        if not isinstance(record, Evaluation):
            return
        losses = [row["eval_loss"] for row in history.evaluations]
        finite = [i for i, loss in enumerate(losses) if loss == loss]  # noqa: PLR0124  NaN is not equal to itself
        best = min(finite, key=lambda i: losses[i], default=-1)
        waited = len(losses) - 1 - best
        if waited >= patience:
            lowest = numerals.significant(losses[best]) if finite else "infinity"
            raise StopTraining(f"early stopping: no validation loss below {lowest} in {waited} evaluations")

    return watch
