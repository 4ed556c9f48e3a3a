"""The live monitor: reads a history as it grows and shows it, in a panel and in pictures, within a budget; ends as its static twin."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from IPython.display import display

from aitrain_nb import html, numerals
from aitrain_nb import plots as pictures
from aitrain_nb.annotations import annotate
from aitrain_nb.widgets.budget import Budget
from aitrain_nb.widgets.panel import CONTROLS, Panel
from aitrain_nb.widgets.twin import AGAIN, static_twin

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.figure import Figure

    from aitrain_nb.control import Control
    from aitrain_nb.history import History
    from aitrain_nb.records import Ending
    from aitrain_nb.widgets.transformers_monitor import TransformersMonitor

_UNHEARD_SECONDS = 3.0
"""So long every update carries the whole history: a page that is being built hears nothing yet, and can't always ask."""
_ALL_ROWS = 20_000
"""Longer histories aren't sent again and again for it."""


@dataclass
class Subject:
    """The run that is watched: what a monitor must know of it.

    Attributes:
        history: grows while it is watched.
        steps: optimizer steps in all, or 0 where nobody knows.
        epochs: in all.
        classes: number of classes, or 0.
        peak: peak learning rate that holds at the start.
        line: the monitor line of the newest step.
        epoch: 1-based epoch of the newest step.
        rate: the peak that holds now.
        word: how it goes, in one word; "paused" is the monitor's to say where it has the run's levers.
        reason: why, in words; empty where that is plain.
        kept: the step whose weights would be kept if the run ended now; 0 where there is none, or nobody knows.
        notes: sentences about the data.
        again: the code that repeats the changes of this run in another.
        is_ours: whether this process trains it, so that the time that passes here is the time it takes.
    """

    history: History
    steps: int
    epochs: int
    classes: int
    peak: float
    line: Callable[[], str]
    epoch: Callable[[], int]
    rate: Callable[[], float]
    word: Callable[[], str] = lambda: "running"
    reason: Callable[[], str] = lambda: ""
    kept: Callable[[], int | None] = lambda: None
    notes: tuple[str, ...] = ()
    again: str = AGAIN
    is_ours: bool = True


@dataclass
class _Sent:
    """What the page has been sent."""

    rows: int = 0
    seconds: float = 0.0
    evaluated: int = 0
    cuts: int = 0
    notes: tuple[int | None, ...] = ()


class Monitor:
    """Shows a run in a notebook: begin, tick as often as you like, end.

    Only the thread that trains draws and sends. A tick between two updates costs a comparison.

    Args:
        subject: the run.
        control: its levers; None shows a panel without any.
        stop: asks the run to end.
        controls: which levers the panel offers.
        plots: functions that take the history and give a matplotlib Figure, redrawn within the same budget.
        panel: False shows a picture of the run instead.
        place: on the page, a display handle, that is taken over; by default a new one is made.
    """

    def __init__(
        self, subject: Subject, control: Control | None = None, stop: Callable[[], None] = lambda: None, *,
        controls: Sequence[str] = CONTROLS, plots: Sequence[Callable[[History], Figure]] = (), panel: bool = True,
        place: Any = None,
    ) -> None:  # fmt: skip
        self.subject, self._control, self._stop = subject, control, stop
        self._controls = list(controls)
        self._own = None if panel else LivePicture(self._draw, subject.history)
        self._pictures = [LivePicture(plot, subject.history) for plot in plots]
        if self._own is not None:
            self._pictures.insert(0, self._own)
        self.panel: Panel | None = None
        self._handle = place
        self._sent = _Sent()
        self._budget = Budget(0.0)
        self._paused = False
        self._began = self._waited = 0.0
        self._first_step = 0

    @staticmethod
    def for_transformers(trainer: Any = None, /, **options: Any) -> TransformersMonitor:
        """A callback for a `transformers.Trainer`: the panel, with a Stop and a learning rate that act; see `TransformersMonitor`.

        Args:
            trainer: one that is there already: the panel takes the place of its progress table.
            options: points, pace, plots, replay, as `TransformersMonitor` takes them.

        Example:
            trainer = transformers.Trainer(..., callbacks=[ai.Monitor.for_transformers()])
        """
        from aitrain_nb.widgets.transformers_monitor import TransformersMonitor

        return TransformersMonitor(trainer, **options)

    def begin(self) -> None:
        """Show the panel; the run begins or goes on."""
        self._began = time.perf_counter()
        self._first_step = self._step()
        self._budget = Budget(self._began)
        if self._control is not None:
            self._control.while_waiting = self._wait
        if self._own is None:
            self.panel = Panel(self._facts(), self._control, self._stop)
            self._put(self.panel)
        else:
            self._put({"text/html": self._status_line()}, raw=True)
        for picture in self._pictures:
            picture.show(shared_by=len(self._pictures))
        self._update(self._began)

    def _put(self, what: Any, **options: Any) -> None:
        """Show it in the place of this monitor."""
        if self._handle is None:
            self._handle = display(what, display_id=True, **options)
        else:
            self._handle.update(what, **options)

    def tick(self) -> None:
        """Show what is new, if it is time for it."""
        moment = time.perf_counter()
        if self._budget.is_due(moment):
            self._update(moment)

    def end(self, ending: Ending) -> None:
        """The run has ended: put the static twin in the panel's place."""
        if self._control is not None:
            self._control.while_waiting = None
        self._paused = False
        seconds = time.perf_counter() - self._began if self.subject.is_ours else None
        if self.panel is not None:
            self._rest(self.panel, ending)
        for picture in self._pictures:
            if picture is self._own:
                picture.remove()
            else:
                picture.draw()
        height = self.panel.height if self.panel is not None else 0
        subject = self.subject
        twin = static_twin(
            subject.history,
            ending,
            classes=subject.classes or None,
            notes=subject.notes,
            height=height,
            seconds=seconds,
            again=subject.again,
        )
        if self._handle is not None:
            self._handle.update(twin, raw=True)

    def _draw(self, history: History) -> Figure:
        """The picture that stands for the panel."""
        return pictures.run(
            history.frame(), classes=self.subject.classes or None, notes=annotate(history, self.subject.kept())
        )

    def _rest(self, panel: Panel, ending: Ending) -> None:
        """Say on the panel that it is over: at once, since the twin takes a moment to draw."""
        self._sent = _Sent()
        rows, evaluations = self._new_rows(self._sent), self.subject.history.evaluations
        notes = [note._asdict() for note in annotate(self.subject.history, ending.kept_step)]
        panel.rest(rows, [_plain(row) for row in evaluations], notes, self._state(ending))

    def _wait(self, *, paused: bool) -> None:
        """While the run waits at a step's edge: say so, and answer a page that asks."""
        moment = time.perf_counter()
        if paused != self._paused:
            self._paused = paused
            if paused:
                self._waited -= moment
            else:
                self._waited += moment
            self._update(moment)
        elif self.panel is not None and self.panel.asked_for_all and self._budget.is_due(moment):
            self._update(moment)
        elif not paused:
            self.tick()

    def _update(self, began: float) -> None:
        if self.panel is not None:
            self._send()
        else:
            self._handle.update({"text/html": self._status_line()}, raw=True)
        ended = time.perf_counter()
        self._budget.spend(began, ended)
        for picture in self._pictures:
            picture.draw_if_due(ended)

    def _send(self) -> None:
        panel, sent, history = self.panel, self._sent, self.subject.history
        assert panel is not None
        young = not panel.is_live and time.perf_counter() - self._began < _UNHEARD_SECONDS and sent.rows <= _ALL_ROWS
        if panel.asked_for_all or young or history.cuts != sent.cuts:
            panel.asked_for_all = False
            sent = self._sent = _Sent(cuts=history.cuts)
        first, rows = sent.rows, self._new_rows(sent)
        evaluations = []
        if history.last_evaluated_step > sent.evaluated:
            evaluations = [row for row in history.evaluations if row["step"] > sent.evaluated]
            sent.evaluated = history.last_evaluated_step
        kept = self.subject.kept()
        said = (len(history.troubles), len(history.changes), history.last_evaluated_step, kept)
        notes = [note._asdict() for note in annotate(history, kept)] if said != sent.notes else None
        sent.notes = said
        panel.update(first, rows, [_plain(row) for row in evaluations], notes, self._state(None))

    def _new_rows(self, sent: _Sent) -> np.ndarray:
        """[n, 6] float32, as the panel takes them."""
        table = self.subject.history.tail(sent.rows)
        if not table:
            return np.empty((0, 6), np.float32)
        step, epoch, loss, rate, norm, seconds, _ = np.array(table, dtype=np.float64).T
        passed = sent.seconds + np.cumsum(seconds)
        sent.seconds = float(passed[-1])
        sent.rows += len(table)
        return np.stack([step, epoch, passed, loss, rate, norm], axis=1).astype(np.float32)

    def _state(self, ending: Ending | None) -> dict[str, Any]:
        subject, step = self.subject, self._step()
        wish = (
            self._control.learning_rate if self._control else None
        )  # it may not have been taken yet: the run is paused, say
        return {
            "word": self._word(ending), "step": step, "epoch": subject.epoch() if step else 0, "line": subject.line() if step else "",
            "left": "" if ending else self._time_left(step), "reason": ending.line if ending else subject.reason(),
            "rate": wish if wish is not None else subject.rate(), "pace": self._control.pace if self._control else None,
        }  # fmt: skip

    def _word(self, ending: Ending | None) -> str:
        """The state of the run in one word."""
        if ending is not None:
            return ending.state
        word = self.subject.word()
        return "paused" if self._paused and word == "running" else word

    def _time_left(self, step: int) -> str:
        """In words, from how long the steps of this call took so far, without what was waited."""
        taken = step - self._first_step
        if self._paused or taken < 2 or not self.subject.steps:
            return ""
        seconds = (time.perf_counter() - self._began - self._waited) / taken * (self.subject.steps - step)
        return numerals.duration(max(1.0, round(seconds))).replace(".0 s", " s") if seconds > 0.5 else ""

    def _step(self) -> int:
        newest = self.subject.history.tail(max(0, len(self.subject.history) - 1))
        return int(newest[-1][0]) if newest else 0

    def _facts(self) -> dict[str, Any]:
        """What holds for the whole run."""
        subject = self.subject
        middle = math.floor(math.log10(subject.peak)) if subject.peak > 0 else -3
        pace = self._control.pace if self._control else 0.0
        return {
            "steps": subject.steps, "epochs": subject.epochs, "classes": subject.classes, "controls": self._controls,
            "rate": {"value": subject.peak or 1e-3, "min": 10.0 ** (middle - 3), "max": 10.0 ** (middle + 3)},
            "pace": {"value": pace, "max": max(100.0, pace)},
        }  # fmt: skip

    def _status_line(self) -> str:
        state = self._state(None)
        of = f" of {self.subject.steps:,}" if self.subject.steps else ""
        left = f" · {state['left']} left" if state["left"] else ""
        return html.element(
            "div",
            html.element("b", state["word"]),
            f" · step {state['step']:,}{of}{left} ",
            html.element("code", state["line"]),
        )


class LivePicture:
    """Somebody's own matplotlib picture of a history, redrawn under one display id.

    A function that raises is shown as a sentence and not asked again: the run goes on.
    """

    def __init__(self, plot: Callable[[History], Figure], history: History) -> None:
        self._plot, self._history = plot, history
        self._handle: Any = None
        self._budget = Budget(0.0)
        self._is_broken = False

    def show(self, shared_by: int) -> None:
        """Make the place for it; `shared_by`: see `Budget`."""
        self._handle = display({"text/plain": ""}, raw=True, display_id=True)
        self._budget = Budget(time.perf_counter(), shared_by)

    def remove(self) -> None:
        """Leave nothing in its place."""
        self._handle.update({"text/html": "", "text/plain": ""}, raw=True)

    def draw_if_due(self, now: float) -> None:
        """Draw where the budget allows it."""
        if self._budget.is_due(now):
            self.draw()

    def draw(self) -> None:
        """Draw the history as it is."""
        if self._is_broken or not len(self._history):
            return
        began = time.perf_counter()
        try:
            bundle = _picture_bundle(self._plot(self._history))
        except Exception as error:  # noqa: BLE001  the person's own code, and the run must not end for a picture
            self._is_broken = True
            name = getattr(self._plot, "__name__", "this plot")
            sentence = f"{name} raised {type(error).__name__}: {error}. The run goes on without it."
            bundle = {"text/html": html.element("div", sentence), "text/plain": sentence}
        self._handle.update(bundle, raw=True)
        self._budget.spend(began, time.perf_counter())


def _picture_bundle(figure: Any) -> dict[str, str]:
    """A matplotlib figure as a display bundle; one of ours brings its description."""
    from aitrain_nb.figures import png_of

    text = getattr(figure, "description", "") or "A picture of the run so far."
    return {"text/html": html.image(png_of(figure), text), "text/plain": text}


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """An evaluation as JSON takes it: what isn't a finite number is None."""
    names = [name for name in row if name in {"step", "epoch", "train_loss"} or name.startswith("eval_")]
    return {name: row[name] if math.isfinite(row[name]) else None for name in names}
