"""The live panel for a `transformers.Trainer`: a callback that shows the run and lets a person take part in it."""

from __future__ import annotations

import math
import re
import threading
import time
from typing import TYPE_CHECKING, Any

from IPython import get_ipython
from transformers import TrainerCallback

from aitrain_nb import plots as pictures
from aitrain_nb.annotations import annotate
from aitrain_nb.control import Change, Control
from aitrain_nb.displays import is_notebook, row_line
from aitrain_nb.errors import ConfigError
from aitrain_nb.history import History
from aitrain_nb.records import Ending
from aitrain_nb.transformers_logs import LogBook
from aitrain_nb.widgets.monitor import Monitor, Subject
from aitrain_nb.widgets.panel import CONTROLS
from aitrain_nb.widgets.rates import Rates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from matplotlib.figure import Figure

POINTS = 200
"""Of the training curve, by default."""


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
        self._points = int(_checked("points", points, POINTS))
        self._begin_pace = float(_checked("pace", pace, 20))
        self._plots = plots
        self._replay = list(replay.changes if isinstance(replay, History) else replay)
        self.control = Control()
        self.control.begin(self._begin_pace, self._replay)
        self.ending: Ending | None = None
        self._book = LogBook()
        self._monitor: Monitor | None = None
        self._rates = Rates(None)
        self._state: Any = None
        """The Trainer's own state while this process watches a run."""
        self._arguments: Any = None
        self._shell: Any = None
        self._thread = 0
        self._stop_reason = ""
        self._has_levers = False
        self._every = self._due = 0
        self._at_edge = False
        self._mark = 0.0
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
        notes = annotate(self.history, self.ending.kept_step if self.ending else self._kept_so_far)
        return pictures.run(self.history, notes=notes)

    @property
    def _kept_so_far(self) -> int | None:
        """None where the Trainer will go back to the weights of the lowest validation loss; 0 where it does something else."""
        given = self._arguments
        goes_back = given is not None and given.load_best_model_at_end
        return None if goes_back and given.metric_for_best_model in {"loss", "eval_loss"} else 0

    # what the Trainer tells

    def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """A run begins, or goes on from a checkpoint."""
        del control
        if self._state is not None:  # the run before it came to no end: a smaller batch after one that didn't fit, say
            self._finish("stopped", "it began again")
        self._has_levers = args.world_size == 1
        if self._replay and not self._has_levers:
            raise ConfigError(
                f"replay can't be repeated by {args.world_size} processes.",
                "Each would have to change its rate at the same step, and only the first one listens.",
                "Leave replay out, or train in one process.",
            )
        if not state.is_world_process_zero:
            return
        self._state, self._arguments, self.ending, self._stop_reason = state, args, None, ""
        self._book = LogBook(drops_nan=args.logging_nan_inf_filter)
        self._book.read_all(state.log_history)
        self._rates = Rates(given.get("optimizer"), given.get("lr_scheduler"))
        self.control.begin(self._begin_pace, self._replay)
        self._due, self._every, self._at_edge = 0, 0, True
        if is_notebook():
            self._show()
        self._mark = time.perf_counter()

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """What was between the epochs is no step's time."""
        del args, state, control, given
        self._mark = time.perf_counter()

    def on_step_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """The edge of the first step; and of one whose log never came."""
        del args, state, given
        self._obey(control)

    def on_substep_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """One of the batches that a step adds up."""
        del args, state, control, given
        self._tick()

    def on_prediction_step(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """One batch of an evaluation."""
        del args, state, control, given
        self._tick()

    def on_step_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """A step has been taken: ask for its log where one is due, and wait where a person says so.

        A log comes after this event: where there will be one, the run waits behind it, so that the newest step can be seen.
        """
        del args, given
        if self._state is None:
            return
        self._book.seconds += time.perf_counter() - self._mark
        self._end_if_asked(control)
        self._ask_for_log(state, control)
        self._tick()
        self._at_edge = True
        if not control.should_log:
            self._obey(control)
        self._mark = time.perf_counter()

    def on_epoch_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """An evaluation that is due now needs a row, too."""
        del args, given
        if self._state is not None:
            self._ask_for_log(state, control)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **given: Any) -> None:
        """Take what was logged."""
        del args, given
        if self._state is None:
            return
        if self._book.read(logs or {}, state.global_step, state.epoch or 0.0):
            self._due = state.global_step + self._every
            self._tick()
            self._obey(control)
        self._mark = time.perf_counter()

    def on_evaluate(
        self, args: Any, state: Any, control: Any, metrics: dict[str, Any] | None = None, **given: Any
    ) -> None:
        """Take what was evaluated."""
        del args, given
        if self._state is None:
            return
        self._book.judge(metrics or {}, state.global_step, state.epoch or 0.0)
        self._end_if_asked(control)
        self._tick()
        self._mark = time.perf_counter()

    def on_save(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Saving is no step's time."""
        del args, state, control, given
        self._mark = time.perf_counter()

    def on_train_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """The run came to its end."""
        del args, control, given
        if self._state is None:
            return
        if state.global_step >= state.max_steps:
            self._finish("done", "", with_best=True)
        else:
            before = f"by a callback or the end of the data, {state.max_steps - state.global_step:,} steps early"
            self._finish("stopped", self._stop_reason or before, with_best=True)

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

    def _show(self) -> None:
        """Open the panel."""
        state, history = self._state, self.history
        self._every = math.ceil(state.max_steps / self._points) if self._points else 0
        offered = [name for name in CONTROLS if name != "learning_rate" or self._rates.peak] if self._has_levers else []

        def line() -> str:
            row = history.last
            return row_line(row, row["step"], state.max_steps)

        subject = Subject(
            history,
            steps=state.max_steps,
            epochs=math.ceil(state.num_train_epochs),
            classes=0,
            peak=self._rates.peak,
            line=line,
            epoch=lambda: max(1, math.ceil(history.last["epoch"] - 1e-9)),
            rate=lambda: self._rates.peak,
            word=lambda: "stopping" if self._stop_reason else "running",
            kept=lambda: self._kept_so_far,
            again="Monitor.for_transformers(replay=history)",
        )
        self._monitor = Monitor(
            subject,
            self.control if self._has_levers else None,
            lambda: self.stop("by the Stop button"),
            controls=offered,
            plots=self._plots,
        )
        self._thread, self._shell = threading.get_ident(), get_ipython()
        if self._shell is not None:
            self._shell.events.register("post_run_cell", self._after_cell)
        self._monitor.begin()

    def _tick(self) -> None:
        """Let the panel show what is new."""
        if self._monitor is not None:
            self._monitor.tick()

    def _end_if_asked(self, control: Any) -> None:
        """Tell the Trainer that this step is the last."""
        control.should_training_stop |= self._has_levers and bool(self._stop_reason)

    def _ask_for_log(self, state: Any, control: Any) -> None:
        """Let the Trainer log this step if the curve needs it; a step that was logged isn't logged again."""
        due = state.global_step >= self._due or self.control.paused
        if self._every and (due or control.should_evaluate or control.should_training_stop):
            control.should_log = True

    def _obey(self, control: Any) -> None:
        """At the edge of a step, take what a person asked for meanwhile, wait as long as he wants, and keep it in the history."""
        if self._state is None or not self._at_edge:
            return
        self._at_edge = False
        if control.should_training_stop or not self._has_levers:
            return
        waited = self.control.wait(lambda: bool(self._stop_reason))
        step = self._state.global_step + 1
        if waited:
            self.history.add_change(Change(step, "paused", waited))
        for change in self.control.asked(step, self._rates.peak):
            if change.name == "learning_rate":
                if not self._rates.peak:
                    continue
                self._rates.set(change.value)
            self.history.add_change(change)
        self._end_if_asked(control)
        self._mark = time.perf_counter()

    def _after_cell(self, result: Any = None) -> None:
        """The cell is over and the run never said so: an interrupt or an error."""
        if self._state is None or threading.get_ident() != self._thread:  # a cell of another thread of the kernel
            return
        error = getattr(result, "error_in_exec", None)
        if isinstance(error, KeyboardInterrupt):
            self._finish("stopped", "interrupted")
        elif error is not None:
            self._finish("failed", f"{type(error).__name__} after step {self._state.global_step}")
        else:
            self._finish("stopped", "train() didn't come to its end: its cell caught an error")

    def _finish(self, word: str, reason: str, *, with_best: bool = False) -> None:
        """The run is over: say how, and put the static twin in the panel's place."""
        state, monitor, shell = self._state, self._monitor, self._shell
        self.ending = Ending(word, reason, state.global_step, *self._kept(with_best=with_best))
        self._state = self._monitor = self._shell = None
        self._rates = Rates(None)  # lets go of the optimizer
        if shell is not None:
            shell.events.unregister("post_run_cell", self._after_cell)
        if monitor is not None:
            monitor.end(self.ending)

    def _kept(self, *, with_best: bool) -> tuple[float, int, float | None, tuple[str, float] | None]:
        """Epoch, step, validation loss and score of the weights that the model holds now."""
        state, arguments = self._state, self._arguments
        judged = {row["step"]: row for row in self.history.evaluations}
        name = re.search(r"-(\d+)$", state.best_model_checkpoint or "")  # the best step may have left no checkpoint
        best = judged.get(int(name[1])) if name and with_best and arguments.load_best_model_at_end else None
        row = best or judged.get(state.global_step)
        if row is None:
            return state.epoch or 0.0, state.global_step, None, None
        metric = (arguments.metric_for_best_model or "loss").removeprefix("eval_")
        value = row.get(f"eval_{metric}", math.nan)
        by_score = best is not None and metric != "loss" and arguments.greater_is_better and 0 <= value <= 1
        return row["epoch"], row["step"], row["eval_loss"], (metric, value) if by_score else None


def _checked(name: str, value: Any, example: float) -> float:
    """A number that isn't negative, or an error that names it."""
    whole = name != "points" or isinstance(value, int)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < math.inf and whole:
        return value
    what = {"points": "a whole number, 0 for no logs but the Trainer's own", "pace": "steps a second, 0 for full speed"}
    raise ConfigError(
        f"{name}={value!r} makes no sense here.", f"It is {what[name]}.", f"Monitor.for_transformers({name}={example})"
    )
