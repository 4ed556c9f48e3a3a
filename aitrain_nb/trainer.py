"""The one loop: `phases()`, `run()` and `fit()`; a lesson, a button and a command line drive the same."""

from __future__ import annotations

import math
from contextlib import ExitStack, closing
from time import perf_counter
from typing import TYPE_CHECKING, Any

import torch

from aitrain_nb import plots
from aitrain_nb.annotations import annotate
from aitrain_nb.control import Change
from aitrain_nb.displays import find_display, pictures_of
from aitrain_nb.engine.capture import capture
from aitrain_nb.engine.evaluating import Stopped
from aitrain_nb.engine.generating import pieces
from aitrain_nb.engine.interrupts import deferred_interrupt, whole
from aitrain_nb.engine.phases import Phases
from aitrain_nb.engine.plan import Plan
from aitrain_nb.errors import ConfigError, PhaseError, StopTraining, unknown_name
from aitrain_nb.history import History
from aitrain_nb.records import Ending, Evaluation
from aitrain_nb.run_folder.writing import RunWriter
from aitrain_nb.watchers import early_stopping, stop_at_overfitting, stop_at_skipped_steps

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    import pandas as pd
    from matplotlib.figure import Figure
    from torch import nn

    from aitrain_nb.config import TrainConfig
    from aitrain_nb.data import Splits
    from aitrain_nb.displays import Display
    from aitrain_nb.engine.capture import Seen
    from aitrain_nb.figures import Picture
    from aitrain_nb.records import Record, Saved
    from aitrain_nb.tasks import Task

FINISHED = "finished: raise epochs or max_steps to go on"
_SKIPPED_IN_A_ROW = 10
"""So many updates in a row that had to be left out end a run that leaves them out."""


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
        ending: how the last run ended and which weights the model holds since; None while it trains.

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
        self, model: nn.Module, task: Task | str, data: Splits, config: TrainConfig | None = None, processor: Any = None,
        **unknown: Any,
    ) -> None:  # fmt: skip
        for name in unknown:
            here = {
                "tokenizer": "processor",
                "processing_class": "processor",
                "args": "config",
                "train_dataset": "data",
            }
            raise ConfigError(
                *unknown_name(
                    "argument of Trainer", name, ["model", "task", "data", "config", "processor"], here.get(name)
                )
            )
        super().__init__(model, task, data, config, processor)
        self.watchers: list[Callable[[Any], None]] = []
        self._running, self._stop_reason = False, ""
        self._writer: RunWriter | None = None  # of the call of fit that is going on

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

    def run(self) -> Generator[Record | Saved]:
        """Steps and evaluations to the end of the run, each phase's record in turn; watchers are told of each.

        A step that was left unfinished is dropped and begun again. However the run ends, also when whoever drives it lets
        go of it, the model then holds the best weights (`keep="last"` turns that off) and `ending` says so.
        """
        self.check_can_train()
        self._drop_unfinished_step()
        self.resume()
        self._running, began = True, self.step
        watchers = [*self.watchers, *self._stoppers()]
        state, reason = "stopped", "left before its end"
        try:
            yield from self._to_the_end(watchers)
            state = "stopped" if self._stop_reason else "done"
            reason = FINISHED if not self._stop_reason and self.step == began else ""
        except (GeneratorExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            place = f"at step {self.step + 1}" if self._turn.batch is not None else f"after step {self.step}"
            state, reason = "failed", f"{type(error).__name__} {place}"
            raise
        finally:
            self._drop_unfinished_step()
            self._finish(state, self._stop_reason if state == "stopped" and self._stop_reason else reason)

    def check_can_train(self) -> None:
        """Raise where no step could be taken.

        Raises:
            ConfigError: it is a run from a folder.
            ModelError: weights were unfrozen since the trainer was made.
        """
        if self.is_loaded:
            raise ConfigError(
                "This loaded run can't go on.", "Its folder holds the weights that were kept and no checkpoint (save_every=0).",
                "Train again with checkpoints: ai.prepare(trainer.config, save_every=None).fit(output_dir=...).",
            )  # fmt: skip
        self._check_trained_weights()

    def _to_the_end(self, watchers: list[Callable[[Any], None]]) -> Iterator[Record | Saved]:
        while not self._stop_reason:
            if self.owes_evaluation:
                evaluation = self.evaluate_and_keep(lambda: bool(self._stop_reason))
                if evaluation is None:
                    return
                self._announce(evaluation, watchers)
                yield evaluation
            elif self.owes_checkpoint and self._writer is not None:
                saved = self._writer.save()
                self._announce(saved, watchers)
                yield saved
            elif self.step < self.total_steps:
                if not self._obey():
                    return
                yield from self._one_step(watchers)
            else:
                return

    def _one_step(self, watchers: list[Callable[[Any], None]]) -> Iterator[Record]:
        """The records of a step. One that is looked into keeps them, and waits after each phase until the next is asked for."""
        is_looked_into = (
            self.control.looking and not self._keeps_records
        )  # whoever drives the run by hand waits by himself
        self._keeps_records |= is_looked_into
        try:
            for record in self.phases():
                self._announce(record, watchers)
                if is_looked_into and self.is_in_step:
                    self.control.hold(lambda: bool(self._stop_reason))
                yield record
        finally:
            if is_looked_into:
                self._keeps_records = self.control.looking = False
                self.records = None

    def _obey(self) -> bool:
        """Take at a step's edge what was asked of the run meanwhile, and keep it in the history; whether the run goes on."""
        if self.control.is_untouched and not self.history.changes:
            return not self._stop_reason
        if not self._keeps_records:  # in fit; whoever drives the run by hand waits by himself
            waited = self.control.wait(lambda: bool(self._stop_reason))
            if waited:
                self.history.add_change(Change(self.step + 1, "paused", waited))
        rate = self.history.changed("learning_rate", self.step + 1)
        for change in self.control.asked(self.step + 1, self.plan.peak if rate is None else rate):
            self.history.add_change(change)
        return not self._stop_reason

    def fit(
        self,
        display: str | Callable[..., Display] = "auto",
        *,
        pace: float = 0.0,
        plots: Callable[[History], Figure] | Sequence[Callable[[History], Figure]] = (),
        replay: History | Iterable[Change] | None = None,
        output_dir: str | Path | None = None,
        overwrite: bool = False,
        **changes: int,
    ) -> History:
        """Train to the end of the run, or go on with it; blocks until it is over. It drains `run` and shows it.

        An interrupt is a normal ending: the step that runs is finished, and the next `fit` goes on as if nothing had been.
        A second interrupt raises KeyboardInterrupt; the step under way is then dropped whole.

        Args:
            display: "auto" is the live panel in a notebook and the monitor lines elsewhere; "panel", "matplotlib" for a picture that
                is redrawn, "text" or "none" for silence; or a function that takes the
                trainer and the plots and gives a display.
            pace: steps a second at most, so that one can watch; 0 for full speed.
            plots: functions that take the history and give a matplotlib Figure: drawn in a notebook while it goes on.
            replay: a history, or its `changes`: what was changed while that run was going on is repeated at the same steps.
            output_dir: the folder of the run: its history is written while it goes on, so that another process can follow it, and it
                ends as what `save_run` writes. To go on with a run in its folder, name it again. Nothing is written without it.
            overwrite: another run that lies there may be lost.
            changes: epochs or max_steps in all (not more), to go on with a finished run: after 5 epochs, epochs=8 adds 3.

        Returns:
            The history, one row an optimizer step.

        Raises:
            ConfigError: no such display or option, or a run shorter than what was already trained.
            DataError: the folder can't be written, or holds something else than this run.
        """
        self.check_can_train()
        watching: list[Display] = [find_display(display)(self, pictures_of(plots))]
        writer = None
        if output_dir is not None:
            writer = RunWriter(self, output_dir, overwrite=overwrite)
            watching.append(writer)
        self.control.begin(_checked_pace(pace), replay.changes if isinstance(replay, History) else replay or [])
        self._lengthen(changes)
        before = self.watchers
        self._running, self._keeps_records, self.records, self.ending = True, False, None, None
        self._writer = writer
        try:
            for watcher in watching:
                watcher.begin()
            self.watchers = [*before, *watching]
            with (
                deferred_interrupt(self.stop, lambda: not self.is_updating) as raise_second,
                closing(self.run()) as records,
                self.threads,
                torch.enable_grad(),
            ):
                for _ in records:
                    raise_second()
        finally:
            self.watchers, self._keeps_records, self._running = before, True, False
            self._writer = None
            self._say_the_end(watching)
        return self.history

    def _say_the_end(self, watching: list[Display]) -> None:
        if self.ending is None:
            self._finish("failed", "it could not begin")
        assert self.ending is not None
        # an interrupt waits, and a display that fails doesn't keep the others from their end
        with whole(), ExitStack() as each:
            for watcher in reversed(watching):
                each.callback(watcher.end, self.ending)

    def stop(self, reason: str = "stopped") -> None:
        """Ask the run that is going on to end after its current step; any thread may call it. Without a run it does nothing."""
        if self._running:
            self._stop_reason = reason

    @property
    def is_stopping(self) -> bool:
        """Whether the run that is going on was asked to end."""
        return self._running and bool(self._stop_reason)

    @property
    def kept_step(self) -> int:
        """The step whose weights the run keeps, as it stands; 0 before the first evaluation, and with `keep="last"`."""
        return self._keeper.best.step if self._keeper.best is not None else 0

    def end_as(self, ending: Ending | None) -> None:
        """Stand as at the end of a run that was brought back: the best weights are in the model.

        Args:
            ending: how it ended; None: it was cut short.
        """
        self._finish("stopped", f"cut short, goes on from step {self.step}")
        self.ending = ending or self.ending

    def _finish(self, state: str, reason: str) -> None:
        """The one exit of every run: best weights shown, ending said."""
        last = self.history.last.get("eval_loss") if self.step else None
        kept = self._keeper.show_best(self.step)
        if kept is None:
            self.ending = Ending(state, reason, self.step, self.order.epochs_completed, self.step, last)
        else:
            metric = self.config.best_metric
            score = None if metric == "loss" else (metric, kept.score)
            self.ending = Ending(state, reason, self.step, kept.epoch, kept.step, kept.loss, score)
        self._running, self._stop_reason = False, ""

    def _stoppers(self) -> list[Callable[[Any], None]]:
        """What the config asks to watch for."""
        found = [stop_at_skipped_steps(1 if self.config.nan_policy == "stop" else _SKIPPED_IN_A_ROW)]
        if self.config.early_stopping == "patience":
            found.append(early_stopping(self.history, self.config.early_stopping_patience, self.config.best_metric))
        elif self.config.early_stopping == "detector":
            found.append(stop_at_overfitting(self.history))
        return found

    def _announce(self, record: Record | Saved, watchers: list[Callable[[Any], None]]) -> None:
        for watch in watchers:
            try:
                watch(record)
            except StopTraining as stop:
                self._stop_reason = stop.reason

    # evaluation

    @property
    def owes_evaluation(self) -> bool:
        """Whether the run owes an evaluation of the weights as they are."""
        every = self.config.evaluate_every
        if not self._evaluator.can_validate or every == 0 or self.step == 0 or self.history.evaluated(self.step):
            return False
        return self._is_due(every)

    @property
    def owes_checkpoint(self) -> bool:
        """Whether the run owes its folder a checkpoint of the state as it is."""
        writer, every = self._writer, self.config.save_every
        return writer is not None and every != 0 and 0 < self.step != writer.saved_step and self._is_due(every)

    def _is_due(self, every: int | None) -> bool:
        """Whether something that happens every so many steps, or at the end of each epoch, happens after this one; at the end it does."""
        if self.step >= self.total_steps:
            return True
        return self.order.cursor.position == 0 if every is None else self.step % every == 0

    def evaluate_and_keep(self, stop: Callable[[], bool] = lambda: False) -> Evaluation | None:
        """Evaluate into the history and keep the weights if they are the best: what a run does where it owes an evaluation.

        Args:
            stop: asked now and then whether to leave it.

        Returns:
            The evaluation, or None where it was left.

        Raises:
            DataError: there are no validation examples.
            PhaseError: no step has been taken that it could belong to.
        """
        if self.step == 0:
            raise PhaseError(
                "There is no step yet that this evaluation could belong to.", "It goes into the history, beside the step it follows.",
                "Call trainer.evaluate(): it only looks.",
            )  # fmt: skip
        try:
            evaluation = self._evaluate("validation", stop)
        except Stopped:
            return None
        evaluation.training_loss = self.history.mean_loss(after_step=self.history.last_evaluated_step)
        self.history.add_evaluation(self.step, {"train_loss": evaluation.training_loss} | evaluation.row())
        score = evaluation.score(self.config.best_metric)
        evaluation.kept = self._keeper.offer(score, evaluation.loss, self.step, evaluation.epoch)
        evaluation.overfitting = self.history.verdict.overfitting
        return evaluation

    def evaluate(self, split: str = "validation") -> Evaluation:
        """Loss and scores of the model as it is, in evaluation mode, without gradients; changes nothing.

        Args:
            split: "validation", "train", or "test" where the data have one (`test_fraction`).

        Raises:
            DataError: there is no such split.
        """
        return self._evaluate(split)

    def _evaluate(self, split: str, stop: Callable[[], bool] = lambda: False) -> Evaluation:
        began = perf_counter()
        raw, answers = self._evaluator.ask(split, stop)
        metrics = self.task.metrics(answers.predicted, answers.labels)
        shown = self._keeper.shown
        step, epoch = (shown.step, shown.epoch) if shown else (self.step, self.order.epochs_completed)
        evaluation = Evaluation(self._reference, step, epoch, split, raw, answers, metrics)
        evaluation.seconds = perf_counter() - began
        return evaluation

    def predict(self, examples: Any) -> pd.DataFrame:
        """Predictions for your own raw examples: predicted class, its probability, and the probability of each class.

        Raises:
            DataError: the examples don't fit the model.
        """
        return self._evaluator.predict(examples, self.class_names)

    def generate(
        self, prompt: str, tokens: int = 200, temperature: float = 0.8, top_k: int | None = None, seed: int = 0
    ) -> str:
        """The prompt and what a language model goes on with.

        Args:
            prompt: what to go on from.
            tokens: how many to add.
            temperature: below 1 safer, above 1 wilder, 0 always the most probable token.
            top_k: choose among this many most probable tokens only.
            seed: the same seed gives the same text.

        Raises:
            ConfigError: the task doesn't generate, or a number is out of range.
            DataError: the prompt is empty.
        """
        return prompt + "".join(piece.text for piece in pieces(self, prompt, tokens, temperature, top_k, seed))

    def capture(self, *patterns: str) -> AbstractContextManager[Seen]:
        """`with trainer.capture("conv*") as seen:` keeps what matching modules take and give while the block runs.

        Raises:
            ModelError: a pattern matches no module.
        """
        return capture(self.model, *patterns)

    def plot(self) -> Picture:
        """The run so far: training and validation loss, what knowing nothing costs, and the weights that were kept."""
        kept = self.ending.kept_step if self.ending is not None else self.kept_step
        return plots.loss(self.history, classes=len(self.class_names), notes=annotate(self.history, kept))

    # small questions

    def _lengthen(self, changes: dict[str, int]) -> None:
        for name in changes:
            if name not in {"epochs", "max_steps"}:
                options = ["epochs", "max_steps", "display", "pace", "plots", "replay", "output_dir", "overwrite"]
                raise ConfigError(*unknown_name("option of fit", name, options))
        lifted = {"max_steps": None} if "epochs" in changes else {}  # epochs says how long: a limit of before is lifted
        if not changes:
            return
        config = self.config.replace(**(lifted | changes))
        plan = Plan.of(config, self.steps_per_epoch)
        if plan.total_steps < self.step:
            raise ConfigError(
                f"A run of {plan.total_steps:,} steps is shorter than what was already trained.",
                f"{self.step:,} steps have been taken.",
                "Ask for more, or begin again with prepare(...).",
            )
        self.plan, self.config = plan, config

    def __repr__(self) -> str:
        weights = sum(weight.numel() for weight in self.model.parameters())
        where = f"step {self.step} of {self.total_steps}" + (f"; {self.ending.kept}" if self.ending is not None else "")
        return f"Trainer: {self.task.name} on {self.data.name}, {weights:,} weights on {self.device.type}, {where}"


def _checked_pace(pace: Any) -> float:
    if isinstance(pace, (int, float)) and not isinstance(pace, bool) and 0 <= pace < math.inf:
        return float(pace)
    raise ConfigError(f"A pace of {pace!r} can't be kept.", "It is steps a second, 0 for full speed.", "fit(pace=20)")
