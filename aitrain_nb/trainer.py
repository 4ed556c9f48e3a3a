"""The one loop: `phases()`, `run()` and `fit()`; a lesson, a button and a command line drive the same."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

import torch

from aitrain_nb import fine_tuning, plots, time_travel
from aitrain_nb.annotations import annotate
from aitrain_nb.control import Change, checked_pace
from aitrain_nb.displays import find_display, pictures_of
from aitrain_nb.engine.interrupts import deferred_interrupt, whole
from aitrain_nb.engine.memory import is_out_of_memory, release
from aitrain_nb.engine.metering import held_by
from aitrain_nb.engine.steering import Steering
from aitrain_nb.errors import ConfigError, StopTraining, unknown_name
from aitrain_nb.history import History
from aitrain_nb.reporting import reporters
from aitrain_nb.run_folder.writing import RunWriter
from aitrain_nb.watchers import stoppers
from aitrain_nb.weight_watching import WatchedWeights

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
    from pathlib import Path

    from matplotlib.figure import Figure
    from torch import nn

    from aitrain_nb.config import TrainConfig
    from aitrain_nb.data import Dataset, Splits
    from aitrain_nb.displays import Display
    from aitrain_nb.figures import Picture
    from aitrain_nb.records import Ending, Record, Saved
    from aitrain_nb.tasks import Task

FINISHED = "finished: raise epochs or max_steps to go on"
_OPTIONS = ("display", "pace", "plots", "replay", "output_dir", "overwrite", "report_to", "watch")
_ELSEWHERE = {"tokenizer": "processor", "processing_class": "processor", "args": "config", "train_dataset": "data"}
"""Arguments of transformers' Trainer -> ours."""


class Trainer(Steering):
    """Trains a model; each phase of a step is a call of its own.

    Args:
        model: any module that gives logits [B, C] (or has them as `.logits`). It is trained in place.
        task: a `Task` or its name.
        data: training and validation examples.
        config: the run; its `task`, `data` and `model` names are not used here, since you hand over the things
            themselves.
        processor: the tokenizer that belongs to a text model.
        prepared: the examples of these data as inputs of this model, where another trainer has them already; None makes them.

    Attributes:
        watchers: callables that take each record of `run` and `fit`; one that raises `StopTraining` ends the run
            after the step.
        ending: how the last run ended and which weights the model holds since; None while it trains.
        watched: the weights that `fit(watch=...)` followed, step by step.
        branch: its name and, of a fork, what it left, where, and what it changed.
        branches: all runs that belong together by `fork`, by name; this one is among them.

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
        *, prepared: dict[str, Dataset] | None = None, **unknown: Any,
    ) -> None:  # fmt: skip
        for name in unknown:
            ours = ["model", "task", "data", "config", "processor"]
            raise ConfigError(*unknown_name("argument of Trainer", name, ours, _ELSEWHERE.get(name)))
        super().__init__(model, task, data, config, processor, prepared)
        self.watchers: list[Callable[[Any], None]] = []
        self.watched: WatchedWeights | None = None
        self.branch = time_travel.Branch()
        self.branches: dict[str, Trainer] = {self.branch.name: self}

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
        go of it, the model then holds the best weights (`keep="last"` turns that off) and `ending` says so. A finished run stays as it is.
        """
        self.check_can_train()
        if self.is_finished:
            return
        self._drop_unfinished_step()
        self.resume()
        self._running = True
        watchers = [*self.watchers, *stoppers(self.config, self.history)]
        state, reason = "stopped", "left before its end"
        try:
            yield from self._to_the_end(watchers)
            state = "stopped" if self._stop_reason else "done"
            reason = ""
        except (GeneratorExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            place = f"at step {self.step + 1}" if self._turn.batch is not None else f"after step {self.step}"
            state, reason = "failed", f"{type(error).__name__} {place}"
            raise
        finally:
            with whole():
                self._drop_unfinished_step()
                self._finish(state, self._stop_reason if state == "stopped" and self._stop_reason else reason)

    def _to_the_end(self, watchers: list[Callable[[Any], None]]) -> Iterator[Record | Saved]:
        """Step by step until there is nothing left to do, or somebody asks for the end."""
        while True:
            match self._next_action():
                case "stop" | "end":
                    return
                case "evaluate":
                    evaluation = self.evaluate_and_keep(lambda: bool(self._stop_reason))
                    if evaluation is None:
                        return
                    self._announce(evaluation, watchers)
                    yield evaluation
                case "save":
                    state = self.training_state()  # every process may hold a shard of it
                    if self._writer is not None:
                        saved = self._writer.save(state)
                        self._announce(saved, watchers)
                        yield saved
                case "step":
                    yield from self._one_step(watchers)

    def _one_step(self, watchers: list[Callable[[Any], None]]) -> Iterator[Record]:
        """The records of a step; where memory runs out it is dropped whole and begun again with half the examples at once."""
        self._at_most = None
        while True:
            try:
                yield from self._records_of_step(watchers)
            except Exception as error:
                if not (self.is_in_step and is_out_of_memory(error)):
                    raise
                self._at_most = self._smaller_micro_batch(error)
            else:
                return
            self._drop_unfinished_step()  # here no frame of the error holds a tensor any more
            release()

    def _records_of_step(self, watchers: list[Callable[[Any], None]]) -> Iterator[Record]:
        """The records of a step. One that is looked into keeps them, and waits after each phase until the next is asked for."""
        is_looked_into = self.control.looking and not self._keeps_records  # by hand one waits by oneself
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

    def fit(
        self,
        display: str | Callable[..., Display] = "auto",
        *,
        pace: float = 0.0,
        plots: Callable[[History], Figure] | Sequence[Callable[[History], Figure]] = (),
        replay: History | Iterable[Change] | None = None,
        output_dir: str | Path | None = None,
        overwrite: bool = False,
        report_to: Any = None,
        watch: Sequence[str] = (),
        **changes: int,
    ) -> History:
        """Train to the end of the run, or go on with it; blocks until it is over. It drains `run` and shows it.

        An interrupt is a normal ending: the step that runs is finished, and the next `fit` goes on as if nothing had been.
        A second interrupt raises KeyboardInterrupt; the step under way is then dropped whole.

        Args:
            display: "auto" is the live panel in a notebook and the monitor lines elsewhere; "panel", "matplotlib" for a picture that
                is redrawn, "text" or "none" for silence; or a function that takes the trainer and the plots and gives a display.
            pace: steps a second at most, so that one can watch; 0 for full speed.
            plots: functions that take the history and give a matplotlib Figure: drawn in a notebook while it goes on.
            replay: a history, or its `changes`: what was changed while that run was going on is repeated at the same steps.
            output_dir: the folder of the run: its history is written while it goes on, so that another process can follow it, and it
                ends as what `save_run` writes. To go on with a run in its folder, name it again. Nothing is written without it.
            overwrite: another run that lies there may be lost.
            report_to: "tensorboard", "wandb" or another tracker of accelerate, one of your own, or several; see `reporting`.
            watch: weights to follow, such as "output.weight[3, 5]": `trainer.watched` shows them afterwards.
            changes: epochs or max_steps in all (not more), to go on with a finished run: after 5 epochs, epochs=8 adds 3. A
                schedule that falls is stretched over the longer run from here on, so the rate rises again.

        Returns:
            The history, one row an optimizer step.

        Raises:
            ConfigError: no such display, tracker or option, or a run shorter than what was already trained.
            DataError: the folder can't be written, or holds something else than this run.
        """
        self.check_can_train()
        watching, writer = self._watching(display, plots, output_dir, report_to, overwrite=overwrite)
        repeated = replay.changes if isinstance(replay, History) else replay or ()
        self.control.begin(checked_pace(pace, "fit(pace=20)"), repeated)
        self._lengthen(changes, _OPTIONS)
        self.watched = WatchedWeights(self, watch) if watch else self.watched
        self._show_run(watching, [self.watched] if watch and self.watched is not None else [], writer)
        return self.history

    def _show_run(self, watching: list[Display], told: list[WatchedWeights], writer: RunWriter | None) -> None:
        """Take the run to its end; who watches and who is told hears of every record, and who watches of its end."""
        before, self._writer = self.watchers, writer
        is_finished = self.is_finished
        self._running, self._keeps_records, self.records = True, False, None
        self.ending = self.ending if is_finished else None
        try:
            self.processes.gathered(None)  # nothing is shown or written before all of them are ready
            for watcher in watching:
                watcher.begin()
            self.watchers = [*before, *told, *watching]
            self._drain()
        finally:
            try:
                self._say_the_end(watching, FINISHED if is_finished else "")
            finally:
                self.watchers, self._keeps_records, self._running, self._writer = before, True, False, None

    def _watching(
        self, display: str | Callable[..., Display], plots: Any, output_dir: str | Path | None, report_to: Any, *, overwrite: bool
    ) -> tuple[list[Display], RunWriter | None]:  # fmt: skip
        """What is told of the run: the display, what writes it, trackers; of several processes the first one's alone."""
        make, pictures = find_display(display), pictures_of(plots)
        if not self.processes.is_first:
            return [], None
        writer = RunWriter(self, output_dir, overwrite=overwrite) if output_dir is not None else None
        told = [
            make(self, pictures),
            *([writer] if writer is not None else []),
            *reporters(self, report_to, output_dir),
        ]
        return told, writer

    fine_tune = fine_tuning.fine_tune
    undo, rewind, fork = time_travel.undo, time_travel.rewind, time_travel.fork

    def launch(self, processes: int = 2, **options: Any) -> History:
        """Train in several processes on this machine, watched from here: see `launching.launch` for the options and errors."""
        from aitrain_nb.launching import launch

        return launch(self, processes, **options)

    def _drain(self) -> None:
        """Take every record of `run`; an interrupt waits for the end of its step, a second one is raised."""
        with (
            deferred_interrupt(self.stop, lambda: not self.is_updating) as interrupts,
            self.threads,
            self.memory.measuring(held_by(self)),
            self.processes.sharing(self),
            closing(self.run()) as records,
            torch.enable_grad(),
        ):
            try:
                interrupts.arm()
                for _ in records:
                    interrupts.raise_second()
            finally:
                interrupts.disarm()

    def _say_the_end(self, watching: list[Display], instead: str) -> None:
        """Tell each display how the run ended, the newest first; `instead` of its reason, where there is something else to say."""
        # an interrupt waits, and a display that fails doesn't keep the others from their end
        with whole(), ExitStack() as each:
            if self.ending is None:  # it could not begin, or a second interrupt cut its end short
                self._drop_unfinished_step()
                self._finish(
                    *(("stopped", self._stop_reason) if self._stop_reason else ("failed", "it could not begin"))
                )
            assert self.ending is not None
            told = self.ending._replace(reason=instead or self.ending.reason)
            for watcher in reversed(watching):
                each.callback(watcher.end, told)

    def end_as(self, ending: Ending | None) -> None:
        """Stand as at the end of a run that was brought back: the best weights are in the model.

        Args:
            ending: how it ended; None: it was cut short.
        """
        self._finish("stopped", f"cut short, goes on from step {self.step}")
        self.ending = ending or self.ending

    def _finish(self, state: str, reason: str) -> None:
        """The one exit of every run: best weights shown, ending said."""
        self.ending = self._show_best(state, reason)
        self._running, self._stop_reason = False, ""

    def _announce(self, record: Record | Saved, watchers: list[Callable[[Any], None]]) -> None:
        """Tell the watchers; one that wants the run to end is heard after the others."""
        for watch in watchers:
            try:
                watch(record)
            except StopTraining as stop:
                self._stop_reason = stop.reason

    def plot(self) -> Picture:
        """The run so far: training and validation loss, what knowing nothing costs, and the weights that were kept."""
        kept = self.ending.kept_step if self.ending is not None else self.kept_step
        return plots.loss(self.history, classes=len(self.class_names), notes=annotate(self.history, kept))

    def __repr__(self) -> str:
        weights, trained = (sum(w.numel() for w in some) for some in (self.model.parameters(), self._trained))
        of_them = f" ({trained:,} trained)" if trained < weights else ""
        where = f"step {self.step} of {self.total_steps}" + (f"; {self.ending.kept}" if self.ending is not None else "")
        return f"Trainer: {self.task.name} on {self.data.name}, {weights:,} weights{of_them} on {self.device.type}, {where}"
