"""The one loop: `phases()`, `run()` and `fit()`; a lesson, a button and a command line drive the same."""

from __future__ import annotations

from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Any

from aitrain_nb import overfitting
from aitrain_nb.displays import find_display
from aitrain_nb.engine.capture import capture
from aitrain_nb.engine.evaluating import Stopped
from aitrain_nb.engine.interrupts import deferred_interrupt
from aitrain_nb.engine.phases import Phases
from aitrain_nb.engine.plan import Plan
from aitrain_nb.errors import ConfigError, StopTraining, unknown_name
from aitrain_nb.records import Evaluation
from aitrain_nb.watchers import early_stopping

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    import pandas as pd
    from torch import nn

    from aitrain_nb.config import TrainConfig
    from aitrain_nb.data import Splits
    from aitrain_nb.engine.capture import Seen
    from aitrain_nb.history import History
    from aitrain_nb.records import Ending, Record
    from aitrain_nb.tasks import Task

FINISHED = "finished: raise epochs or max_steps to go on"


class Trainer(Phases):
    """Trains a model; each phase of a step is a call of its own.

    Args:
        model: any module that gives logits [B, C] (or has them as `.logits`). It is trained in place.
        task: a `Task` or its name.
        data: training and validation examples.
        config: the run; its `task`, `data` and `model` names are not used here, since you hand over the things
            themselves.
        processor: the tokenizer that belongs to a text model.

    Attributes:
        watchers: callables that take each record of `run` and `fit`; one that raises `StopTraining` ends the run
            after the step.
        ending: how the last `fit` ended, or None.

    Raises:
        ModelError: the model doesn't fit the data.
        DataError: the examples can't be used.
        ConfigError: the config doesn't fit the data.

    Example:
        trainer = aitrain_nb.prepare(data="digits", model="mlp")
        batch = trainer.tokenize()
        forward = trainer.forward(batch)
        loss = trainer.loss(forward)
        gradients = trainer.backward(loss)
        update = trainer.update(gradients)
    """

    def __init__(
        self, model: nn.Module, task: Task | str, data: Splits, config: TrainConfig | None = None, processor: Any = None
    ) -> None:
        super().__init__(model, task, data, config, processor)
        self.watchers: list[Callable[[Any], None]] = []
        self.ending: Ending | None = None
        self._stop_reason = ""

    def phases(self) -> Iterator[Record]:
        """One optimizer step, phase by phase. `run` repeats this; nothing else trains."""
        batch = self.tokenize()
        yield batch
        for part in batch.parts:  # one, unless gradients are accumulated
            forward = self.forward(part)
            yield forward
            loss = self.loss(forward)
            del forward
            yield loss
            gradients = self.backward(loss)
            del loss
            yield gradients
        yield self.update(gradients)

    def run(self) -> Iterator[Record]:
        """Steps and evaluations to the end of the run, each phase's record in turn; watchers are told of each.

        A step that was left unfinished is dropped and begun again.
        """
        self._drop_unfinished_step()
        self.resume()
        while not self._stop_reason:
            if self._evaluation_due():
                evaluation = self._evaluate_and_keep()
                if evaluation is None:
                    return
                self._announce(evaluation)
                yield evaluation
            elif self.step < self.total_steps:
                for record in self.phases():
                    self._announce(record)
                    yield record
            else:
                return

    def fit(self, display: str = "text", **changes: int) -> History:
        """Train to the end of the run, or go on with it; blocks until it is over.

        An interrupt is a normal ending: the step that runs is finished, and the next `fit` goes on as if nothing had
            been. Whatever the
        ending, the model then holds the best weights of the evaluations (`keep="last"` turns that off), and
        `trainer.ending` says so.

        Args:
            display: "text" for the monitor lines, "none" for silence.
            changes: epochs or max_steps, to go on with a finished run.

        Returns:
            The history, one row an optimizer step.
        """
        self._lengthen(changes)
        show = find_display(display)(self)
        self._drop_unfinished_step()
        self.resume()
        if self.step >= self.total_steps and not self._evaluation_due():
            self._end(show, "done", FINISHED)
            return self.history
        self._by_hand, self.records = False, None
        show.begin()
        state, reason = "failed", "an error"
        try:
            with deferred_interrupt(self.stop, lambda: not self._turn.updating), self._threads, self._watching(show):
                for _ in self.run():
                    pass
            state, reason = ("stopped", self._stop_reason) if self._stop_reason else ("done", "")
        except BaseException as error:
            reason = f"{type(error).__name__} at step {self.step + 1}"
            raise
        finally:
            self._by_hand = True
            self._drop_unfinished_step()
            self._end(show, state, reason)
        return self.history

    def stop(self, reason: str = "stopped") -> None:
        """Ask the running `fit` to end after its current step; any thread may call it."""
        self._stop_reason = reason

    def resume(self) -> None:
        """Put the last training weights back where the model shows the kept ones; `fit` and `tokenize` do it by themselves."""
        self._keeper.show_last()
        if self._by_hand:
            self._stop_reason = ""

    def _end(self, show: Any, state: str, reason: str) -> None:
        last = self.history.last.get("eval_loss") if self.step else None
        self.ending = self._keeper.show_best(state, reason, self.step, self.order.epochs_completed, last)
        show.end(self.ending)

    @contextmanager
    def _watching(self, show: Callable[[Any], None]) -> Iterator[None]:
        """For the length of a fit, the display and early stopping watch too."""
        before = self.watchers
        stoppers = []
        if self.config.early_stopping == "patience":
            stoppers.append(early_stopping(self.history, self.config.early_stopping_patience))
        self.watchers = [*before, *stoppers, show]
        try:
            yield
        finally:
            self.watchers = before

    def _announce(self, record: Record) -> None:
        for watch in self.watchers:
            try:
                watch(record)
            except StopTraining as stop:
                self._stop_reason = stop.reason

    # evaluation

    def _evaluation_due(self) -> bool:
        """Whether the run owes an evaluation of the weights as they are."""
        every = self.config.evaluate_every
        if not self._evaluator.can_validate or every == 0 or self.step == 0 or self.history.evaluated(self.step):
            return False
        if self.step >= self.total_steps:
            return True
        return self.order.cursor.position == 0 if every is None else self.step % every == 0

    def _evaluate_and_keep(self) -> Evaluation | None:
        """Evaluate into the history and keep the weights if they are the best; None where a stop was asked for meanwhile."""
        try:
            evaluation = self._evaluate("validation", lambda: bool(self._stop_reason))
        except Stopped:
            return None
        evaluation.training_loss = self.history.mean_loss(after_step=self.history.last_evaluated_step)
        self.history.add_evaluation(self.step, {"train_loss": evaluation.training_loss} | evaluation.row())
        evaluation.kept = self._keeper.offer(evaluation.loss, self.step, evaluation.epoch)
        rows = self.history.evaluations
        verdict = overfitting.check([row["train_loss"] for row in rows], [row["eval_loss"] for row in rows])
        evaluation.overfitting = verdict.overfitting
        return evaluation

    def evaluate(self, split: str = "validation") -> Evaluation:
        """Loss and scores of the model as it is, in evaluation mode, without gradients; changes nothing.

        Args:
            split: "validation" or "train".

        Raises:
            DataError: there is no such split.
        """
        return self._evaluate(split)

    def _evaluate(self, split: str, stop: Callable[[], bool] = lambda: False) -> Evaluation:
        began = perf_counter()
        raw, answers = self._evaluator.ask(split, stop)
        metrics = self.task.metrics(answers.predicted, answers.labels)
        epoch = self.order.epochs_completed
        evaluation = Evaluation(self._reference, self.step, epoch, split, raw, answers, metrics)
        evaluation.seconds = perf_counter() - began
        return evaluation

    def predict(self, examples: Any) -> pd.DataFrame:
        """Predictions for your own raw examples: predicted class, its probability, and the probability of each class.

        Raises:
            DataError: the examples don't fit the model.
        """
        return self._evaluator.predict(examples, self.class_names)

    def capture(self, *patterns: str) -> AbstractContextManager[Seen]:
        """`with trainer.capture("conv*") as seen:` keeps what matching modules take and give while the block runs.

        Raises:
            ModelError: a pattern matches no module.
        """
        return capture(self.model, *patterns)

    # small questions

    def _lengthen(self, changes: dict[str, int]) -> None:
        for name in changes:
            if name not in {"epochs", "max_steps"}:
                raise ConfigError(*unknown_name("option of fit", name, ["epochs", "max_steps", "display"]))
        lifted = {"max_steps": None} if "epochs" in changes else {}  # epochs says how long: a limit of before is lifted
        if changes:
            config = self.config.replace(**(lifted | changes))
            self.plan, self.config = Plan.of(config, self.steps_per_epoch), config

    def __repr__(self) -> str:
        weights = sum(weight.numel() for weight in self.model.parameters())
        where = f"step {self.step} of {self.total_steps}"
        return f"Trainer: {self.task.name} on {self.data.name}, {weights:,} weights on {self.device.type}, {where}"
