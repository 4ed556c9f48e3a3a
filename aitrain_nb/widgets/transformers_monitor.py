"""The live panel for a `transformers.Trainer`: a callback that shows the run and lets a person take part in it."""

from __future__ import annotations

import math
import time
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from transformers import TrainerCallback

from aitrain_nb import plots as pictures
from aitrain_nb.annotations import annotate
from aitrain_nb.control import Change, Control, checked_pace
from aitrain_nb.displays import is_notebook, row_line
from aitrain_nb.errors import ConfigError
from aitrain_nb.history import History
from aitrain_nb.records import Ending
from aitrain_nb.transformers_logs import LogBook, kept_so_far, kept_weights
from aitrain_nb.widgets.cell import CellWatch
from aitrain_nb.widgets.monitor import Monitor, Subject
from aitrain_nb.widgets.panel import CONTROLS
from aitrain_nb.widgets.rates import Rates
from aitrain_nb.widgets.transformers_run import WatchedRun

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from matplotlib.figure import Figure

POINTS = 200
"""Of the training curve, by default."""


class _Wishes(NamedTuple):
    """What a monitor was asked for: see `TransformersMonitor`."""

    points: int
    pace: float
    plots: Sequence[Callable[[History], Figure]]
    replay: list[Change]


class TransformersMonitor(TrainerCallback):
    """Curves, Stop, Pause, Step, Pace and learning rate of a `transformers.Trainer` in a notebook; a static picture afterwards.

    The training itself stays as it is: without a click, every weight is bit for bit what it is without this callback. Only logs are
    added: a Trainer logs every 500 steps by default, so a log is asked for about `points` times a run, at the first and the last
    step, where an evaluation follows, and after each step while the run is paused. Other loggers get them, too. A logged loss is
    the mean over the steps since the log before; the learning rate and the gradient norm are those of one step.

    - Stop ends the run after the step that is under way, as if it were the last.
    - The learning rate on the panel is the *peak* of the schedule: moving it scales the rates of all parameter groups and the
      schedule with them, so that warm-up and decay go on in the same shape. Checkpoints hold the scaled rates.
    - Everything that was changed is kept in `history.changes`, and `replay=` does it again at the same steps.
    - An interrupt or an error in `train()` is raised as always; the picture takes the panel's place when the cell ends.
    - Outside a notebook nothing is shown and no log is asked for; `history`, `control` and `stop` are there all the same.
    - With several processes the panel shows the run but has no levers, since the others wouldn't hear of it.

    The Trainer's own table of a notebook stands below the panel. This line takes it away:
    `trainer.remove_callback(transformers.utils.notebook.NotebookProgressCallback)`. So does handing over the trainer instead of the
    callback: `ai.Monitor.for_transformers(trainer)`.

    Args:
        trainer: a `transformers.Trainer` that this callback is to join, in place of its table; None to be put into `callbacks`.
        points: how many the training curve is to have, about; 0 asks for no log at all.
        pace: steps a second at most, so that one can watch; 0 for full speed.
        plots: functions that take the history and give a matplotlib Figure: drawn beside the panel while the run goes on.
        replay: a history, or its `changes`: what was changed while that run was going on is repeated at the same steps.

    Attributes:
        history: of the newest run: one row a log.
        control: the levers of the run; any thread may move them.
        ending: how the newest run ended, or None.

    Raises:
        ConfigError: points or pace is no number of that kind, or a change of `replay` is unknown; when the run begins, that several
            processes can't replay.

    Example:
        monitor = ai.Monitor.for_transformers()
        trainer = transformers.Trainer(..., callbacks=[monitor])
        trainer.train()
        monitor.history.frame()
    """

    def __init__(
        self, trainer: Any = None, /, *, points: int = POINTS, pace: float = 0.0,
        plots: Sequence[Callable[[History], Figure]] = (), replay: History | Iterable[Change] = (),
    ) -> None:  # fmt: skip
        self._wishes = _Wishes(
            _checked_points(points), checked_pace(pace, "Monitor.for_transformers(pace=20)"), plots,
            list(replay.changes if isinstance(replay, History) else replay),
        )  # fmt: skip
        self.control = Control()
        self.control.begin(self._wishes.pace, self._wishes.replay)
        self.ending: Ending | None = None
        self._book = LogBook()
        self._run: WatchedRun | None = None
        self._stop_reason = ""
        if trainer is not None:
            self._join(trainer)

    @property
    def history(self) -> History:
        """The newest run: one row a log."""
        return self._book.history

    def stop(self, reason: str = "by stop()") -> None:
        """End the run after the step that is under way; any thread may ask."""
        self._stop_reason = self._stop_reason or reason

    def plot(self) -> Figure:
        """The newest run as a matplotlib Figure: loss with its validation, learning rate, gradient norm."""
        so_far = kept_so_far(self._run.arguments) if self._run else 0
        notes = annotate(self.history, self.ending.kept_step if self.ending else so_far)
        return pictures.run(self.history, notes=notes)

    # what the Trainer tells

    def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """A run begins, or goes on from a checkpoint."""
        del control
        if self._run is not None:  # it came to no end: a smaller batch after one that didn't fit, say
            self._finish(self._run, "stopped", "it began again")
        has_levers = args.world_size == 1
        if self._wishes.replay and not has_levers:
            raise ConfigError(
                f"replay can't be repeated by {args.world_size} processes.",
                "Each would have to change its rate at the same step, and only the first one listens.",
                "Leave replay out, or train in one process.",
            )
        if not state.is_world_process_zero:
            return
        self.ending, self._stop_reason = None, ""
        self._book = LogBook(drops_nan=args.logging_nan_inf_filter)
        self._book.read_all(state.log_history)
        self.control.begin(self._wishes.pace, self._wishes.replay)
        self._run = run = WatchedRun(
            state, args, Rates(given.get("optimizer"), given.get("lr_scheduler")), has_levers=has_levers
        )
        if is_notebook():
            self._show(run)
        run.mark = time.perf_counter()

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """What was between the epochs is no step's time."""
        del args, state, control, given
        if self._run is not None:
            self._run.mark = time.perf_counter()

    def on_step_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """The edge of the first step; and of one whose log never came."""
        del args, state, given
        if self._run is not None:
            self._obey(self._run, control)

    def on_substep_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """One of the batches that a step adds up."""
        del args, state, control, given
        if self._run is not None:
            self._run.tick()

    def on_prediction_step(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """One batch of an evaluation."""
        del args, state, control, given
        if self._run is not None:
            self._run.tick()

    def on_step_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """A step has been taken: ask for its log where one is due, and wait where a person says so.

        A log comes after this event: where there will be one, the run waits behind it, so that the newest step can be seen.
        """
        del args, state, given
        run = self._run
        if run is None:
            return
        self._book.seconds += time.perf_counter() - run.mark
        self._end_if_asked(run, control)
        run.ask_for_log(control, paused=self.control.paused)
        run.tick()
        run.is_at_edge = True
        if not control.should_log:
            self._obey(run, control)
        run.mark = time.perf_counter()

    def on_epoch_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """An evaluation that is due now needs a row, too."""
        del args, state, given
        if self._run is not None:
            self._run.ask_for_log(control, paused=self.control.paused)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **given: Any) -> None:
        """Take what was logged."""
        del args, given
        run = self._run
        if run is None:
            return
        if self._book.read(logs or {}, state.global_step, state.epoch or 0.0):
            run.due = state.global_step + run.every
            run.tick()
            self._obey(run, control)
        run.mark = time.perf_counter()

    def on_evaluate(
        self, args: Any, state: Any, control: Any, metrics: dict[str, Any] | None = None, **given: Any
    ) -> None:
        """Take what was evaluated."""
        del args, given
        run = self._run
        if run is None:
            return
        self._book.judge(metrics or {}, state.global_step, state.epoch or 0.0)
        self._end_if_asked(run, control)
        run.tick()
        run.mark = time.perf_counter()

    def on_save(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Saving is no step's time."""
        del args, state, control, given
        if self._run is not None:
            self._run.mark = time.perf_counter()

    def on_train_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """The run came to its end."""
        del args, control, given
        if self._run is None:
            return
        if state.global_step >= state.max_steps:
            self._finish(self._run, "done", "", with_best=True)
        else:
            before = f"by a callback or the end of the data, {state.max_steps - state.global_step:,} steps early"
            self._finish(self._run, "stopped", self._stop_reason or before, with_best=True)

    # the panel

    def _join(self, trainer: Any) -> None:
        """Become a callback of this trainer; in a notebook, in place of its table."""
        if not callable(getattr(trainer, "add_callback", None)):
            raise ConfigError(
                f"A {type(trainer).__name__} can't take a callback.",
                "for_transformers joins a transformers.Trainer that is there, or is put into its callbacks.",
                "Trainer(..., callbacks=[ai.Monitor.for_transformers()])",
            )
        trainer.add_callback(self)
        if is_notebook():
            from transformers.utils.notebook import NotebookProgressCallback

            trainer.remove_callback(NotebookProgressCallback)

    def _show(self, run: WatchedRun) -> None:
        """Open the panel."""
        state, history, points = run.state, self.history, self._wishes.points
        run.every = math.ceil(state.max_steps / points) if points else 0
        offered = [name for name in CONTROLS if name != "learning_rate" or run.rates.peak] if run.has_levers else []
        subject = Subject(
            history,
            steps=state.max_steps,
            epochs=math.ceil(state.num_train_epochs),
            classes=0,
            peak=run.rates.peak,
            line=lambda: row_line(history.last, history.last["step"], state.max_steps),
            epoch=lambda: max(1, math.ceil(history.last["epoch"] - 1e-9)),
            rate=lambda: run.rates.peak,
            word=lambda: "stopping" if self._stop_reason else "running",
            kept=lambda: kept_so_far(run.arguments),
            again="Monitor.for_transformers(replay=history)",
        )
        control = self.control if run.has_levers else None
        stop = partial(self.stop, "by the Stop button")
        run.monitor = Monitor(subject, control, stop, controls=offered, plots=self._wishes.plots)
        run.cell = CellWatch(partial(self._after_cell, run))
        run.monitor.begin()

    def _end_if_asked(self, run: WatchedRun, control: Any) -> None:
        """Tell the Trainer that this step is the last."""
        control.should_training_stop |= run.has_levers and bool(self._stop_reason)

    def _obey(self, run: WatchedRun, control: Any) -> None:
        """At the edge of a step, take what a person asked for meanwhile, wait as long as he wants, and keep it in the history."""
        if not run.is_at_edge:
            return
        run.is_at_edge = False
        if control.should_training_stop or not run.has_levers:
            return
        waited = self.control.wait(lambda: bool(self._stop_reason))
        step = run.state.global_step + 1
        if waited:
            self.history.add_change(Change(step, "paused", waited))
        for change in self.control.asked(step, run.rates.peak):
            if change.name == "learning_rate":
                if not run.rates.peak:
                    continue
                run.rates.set(change.value)
            self.history.add_change(change)
        self._end_if_asked(run, control)
        run.mark = time.perf_counter()

    def _after_cell(self, run: WatchedRun, error: BaseException | None) -> None:
        """The cell is over and the run never said so: an interrupt or an error."""
        if isinstance(error, KeyboardInterrupt):
            self._finish(run, "stopped", "interrupted")
        elif error is not None:
            self._finish(run, "failed", f"{type(error).__name__} after step {run.state.global_step}")
        else:
            self._finish(run, "stopped", "train() didn't come to its end: its cell caught an error")

    def _finish(self, run: WatchedRun, word: str, reason: str, *, with_best: bool = False) -> None:
        """The run is over: say how, and put the static twin in the panel's place."""
        kept = kept_weights(self.history, run.state, run.arguments, with_best=with_best)
        self.ending = Ending(word, reason, run.state.global_step, *kept)
        self._run, run.rates = None, Rates(None)  # lets go of the optimizer
        if run.cell is not None:
            run.cell.leave()
        if run.monitor is not None:
            run.monitor.end(self.ending)


def _checked_points(points: Any) -> int:
    if isinstance(points, int) and not isinstance(points, bool) and points >= 0:
        return points
    raise ConfigError(
        f"points={points!r} makes no sense here.", "It is a whole number, 0 for no logs but the Trainer's own.",
        f"Monitor.for_transformers(points={POINTS})",
    )  # fmt: skip
