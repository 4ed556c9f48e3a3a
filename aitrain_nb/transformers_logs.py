"""What a Trainer of transformers logs, as rows of a history, and which weights it keeps."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from aitrain_nb.history import History

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_OF_SPEED = ("_runtime", "_samples_per_second", "_steps_per_second", "_model_preparation_time")
"""Ends of the names by which an evaluation tells how long it took."""


class LogBook:
    """Fills a history from logs.

    A logged loss is the mean of the losses of all steps since the log before, as transformers computes it. Columns of a row: step,
    epoch, loss, lr (of the step itself), grad_norm (of that step alone), seconds (of the steps since the row before), targets (1).

    Args:
        drops_nan: whether the Trainer leaves losses that aren't finite out of its sum (logging_nan_inf_filter, True by default).

    Attributes:
        history: what was logged so far.
        seconds: wall time of steps that have no row yet; whoever measures it adds to it.
    """

    def __init__(self, *, drops_nan: bool = True) -> None:
        self.history = History()
        self.seconds = 0.0
        self._drops_nan = drops_nan
        self._step = 0
        self._sum, self._steps = 0.0, 0

    def read_all(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """Take the logs of the part of the run that was before, from a checkpoint: TrainerState.log_history."""
        for entry in entries:
            step, epoch = int(entry.get("step") or 0), float(entry.get("epoch") or 0.0)
            if not self.read(entry, step, epoch):
                self.judge(entry, step, epoch)

    def read(self, logs: Mapping[str, Any], step: int, epoch: float) -> bool:
        """Take a training log; whether it is one, and new."""
        loss = _number(logs, "loss")
        if loss is None or step < 1 or step <= self._step:
            return False
        norm = _number(logs, "grad_norm")
        if self._drops_nan and loss == 0 and norm is not None and not math.isfinite(norm):
            loss = math.nan  # nothing finite was left to sum
        rate = _number(logs, "learning_rate")
        self._sum += loss * (step - self._step)
        self._steps += step - self._step
        self._step = step
        self._add(step, epoch, loss, rate, norm)
        return True

    def judge(self, metrics: Mapping[str, Any], step: int, epoch: float) -> None:
        """Take the numbers of an evaluation, under names that begin with eval_; a second set of data at the same step adds its own."""
        values = {
            name: number
            for name in metrics
            if name.startswith("eval_")
            and not name.endswith(_OF_SPEED)
            and (number := _number(metrics, name)) is not None
        }
        if not values or step < 1:  # before the first step: there is no training loss to stand beside it
            return
        if not self.history.evaluated(step):
            first = next((values[name] for name in values if name.endswith("_loss")), math.nan)
            values.setdefault("eval_loss", first)  # evaluations of several sets are named eval_<set>_loss
            values["train_loss"] = self._sum / self._steps if self._steps else math.nan
            self._sum, self._steps = 0.0, 0
            if self.history.last.get("step") != step:
                self._add(step, epoch, None, None, None)
        self.history.add_evaluation(step, values)

    def _add(self, step: int, epoch: float, loss: float | None, rate: float | None, norm: float | None) -> None:
        self.history.add_step([step, epoch, loss, math.nan if rate is None else rate, norm, self.seconds, 1])
        self.seconds = 0.0


def kept_so_far(arguments: Any) -> int | None:
    """None where a Trainer with these arguments goes back to the weights of the lowest validation loss; 0 where it does something else."""
    return None if arguments.load_best_model_at_end and arguments.metric_for_best_model in {"loss", "eval_loss"} else 0


def kept_weights(
    history: History, state: Any, arguments: Any, *, with_best: bool
) -> tuple[float, int, float | None, tuple[str, float] | None]:
    """Which weights the model of a Trainer holds now.

    Args:
        history: what was logged.
        state: the Trainer's own.
        arguments: the Trainer's own.
        with_best: whether the Trainer has gone back to the best weights, if it was to.

    Returns:
        Epoch and step of the weights, their validation loss (nats, None where they were not evaluated), and name and
        value of the score they were chosen by.
    """
    judged = {row["step"]: row for row in history.evaluations}
    name = re.search(r"-(\d+)$", state.best_model_checkpoint or "")  # the best step may have left no checkpoint
    best = judged.get(int(name[1])) if name and with_best and arguments.load_best_model_at_end else None
    row = best or judged.get(state.global_step)
    if row is None:
        return state.epoch or 0.0, state.global_step, None, None
    metric = (arguments.metric_for_best_model or "loss").removeprefix("eval_")
    value = row.get(f"eval_{metric}", math.nan)
    by_score = best is not None and metric != "loss" and arguments.greater_is_better and 0 <= value <= 1
    return row["epoch"], row["step"], row["eval_loss"], (metric, value) if by_score else None


def _number(values: Mapping[str, Any], name: str) -> float | None:
    """The number of this name, if there is one."""
    value = values.get(name)
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
