"""The live monitor: reads a history as it grows and shows it, in a panel and in pictures, within a budget; ends as its static twin."""

from __future__ import annotations

import math
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from IPython.display import display

from aitrain_nb import html, numerals
from aitrain_nb import plots as pictures
from aitrain_nb.annotations import annotate
from aitrain_nb.widgets.budget import Budget
from aitrain_nb.widgets.front_end import put_on_show
from aitrain_nb.widgets.live_picture import LivePicture
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
_LOST_SECONDS = 2.0
"""So long after a panel was shown once more without being found on a page, nobody sees it."""
_LATELY_SECONDS = 5.0
"""Over these the time that is left is reckoned."""


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
        needed: takes the steps taken and their seconds; memory and time, estimated and measured, in a line, if they were foreseen.
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
    needed: Callable[[int, float], str] = lambda _steps, _seconds: ""
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
        self._was_shown_again = self._sends_all = False
        self._began = 0.0
        self._lately: deque[tuple[float, int]] = deque()
        self._pace_lately: float | None = None

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
        self._budget = Budget(self._began)
        if self._control is not None:
            self._control.while_waiting = self._wait
        if self._own is None:
            self.panel = Panel(self._facts(), self._control, self._stop)
            self._put(self.panel.bundle())
        else:
            self._put({"text/html": self._status_line()})
        for picture in self._pictures:
            picture.show(shared_by=len(self._pictures))
        self._update(self._began)

    def _put(self, bundle: dict[str, Any]) -> None:
        """Show it in the place of this monitor."""
        if self._handle is None:
            self._handle = display(bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)

    def _reach(self) -> None:
        """Where the panel's output was cleared, show it once more; where nobody can resume a paused run any longer, let it go on."""
        panel, control = self.panel, self._control
        if panel is None or not panel.lost_since:
            self._was_shown_again = False
        elif not self._was_shown_again:
            self._was_shown_again, self._handle = True, None
            self._put(panel.bundle())
        elif control is not None and control.paused and time.monotonic() - panel.lost_since > _LOST_SECONDS:
            control.paused = False

    def tick(self, *, at_once: bool = False) -> None:
        """Show what is new, if it is time for it or somebody waits for it."""
        moment = time.perf_counter()
        if at_once or self._budget.is_due(moment):
            self._reach()
            self._update(moment)

    def end(self, ending: Ending) -> None:
        """The run has ended: put the static twin in the panel's place."""
        if self._control is not None:
            self._control.while_waiting = None
        self._paused = False
        seconds = time.perf_counter() - self._began if self.subject.is_ours else None
        if self.panel is not None:
            self._reach()
            self._rest(self.panel, ending)
        for picture in self._pictures:
            if picture is self._own:
                picture.remove()
            else:
                picture.draw()
        width, height = self.panel.size if self.panel is not None else (0, 0)
        subject = self.subject
        twin = static_twin(
            subject.history,
            ending,
            classes=subject.classes or None,
            notes=(*subject.notes, *filter(None, [subject.needed(self._sent.rows, self._sent.seconds)])),
            width=width,
            height=height,
            seconds=seconds,
            again=subject.again,
        )
        if self.panel is not None:
            self.panel.leave(html.Markup(twin["text/html"]))
        if self._handle is not None:
            self._handle.update(twin, raw=True)
            put_on_show(subject.history)

    def _draw(self, history: History) -> Figure:
        """The picture that stands for the panel."""
        return pictures.run(history, classes=self.subject.classes or None, notes=annotate(history, self.subject.kept()))

    def _rest(self, panel: Panel, ending: Ending) -> None:
        """Say on the panel that it is over: at once, since the twin takes a moment to draw."""
        self._sent = _Sent()
        rows, evaluations = self._new_rows(self._sent), self.subject.history.evaluations
        notes = [note._asdict() for note in annotate(self.subject.history, ending.kept_step)]
        panel.rest(rows, [_plain(row) for row in evaluations], notes, self._state(ending))

    def _wait(self, *, paused: bool) -> None:
        """While the run waits at a step's edge: say so, and answer a page that asks."""
        moment = time.perf_counter()
        self._reach()
        if paused != self._paused:
            self._paused = paused
            self._lately.clear()
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
        # all of a long history is sent once and isn't the rule, so it isn't charged
        self._budget.spend(ended if self._sends_all else began, ended)
        for picture in self._pictures:
            picture.draw_if_due(ended)

    def _send(self) -> None:
        panel, sent, history = self.panel, self._sent, self.subject.history
        assert panel is not None
        young = not panel.is_live and time.perf_counter() - self._began < _UNHEARD_SECONDS and sent.rows <= _ALL_ROWS
        self._sends_all = panel.asked_for_all or young or history.cuts != sent.cuts
        if self._sends_all:
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
        # a wish may not have been taken yet: the run is paused, say
        wish = self._control.learning_rate if self._control else None
        return {
            "word": self._word(ending), "step": step, "epoch": subject.epoch() if step else 0, "line": subject.line() if step else "",
            "left": "" if ending else self._time_left(step), "reason": ending.details if ending else subject.reason(),
            "rate": wish if wish is not None else subject.rate(), "pace": self._control.pace if self._control else None,
            "needed": subject.needed(self._sent.rows, self._sent.seconds),
        }  # fmt: skip

    def _word(self, ending: Ending | None) -> str:
        """The state of the run in one word."""
        if ending is not None:
            return ending.state
        word = self.subject.word()
        return "paused" if self._paused and word == "running" else word

    def _time_left(self, step: int) -> str:
        """In words, from how long the steps of the last seconds took."""
        now, lately, pace = time.perf_counter(), self._lately, self._control.pace if self._control else None
        if pace != self._pace_lately or (lately and lately[-1][1] > step):
            lately.clear()
            self._pace_lately = pace
        lately.append((now, step))
        while len(lately) > 2 and now - lately[1][0] > _LATELY_SECONDS:
            lately.popleft()
        taken = step - lately[0][1]
        if self._paused or taken < 2 or not self.subject.steps:
            return ""
        seconds = (now - lately[0][0]) / taken * (self.subject.steps - step)
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
            "pace": {"value": pace, "min": min(0.1, pace) if pace else 0.1, "max": max(1000.0, pace)},
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


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """An evaluation as JSON takes it: what isn't a finite number is None."""
    names = [name for name in row if name in {"step", "epoch", "train_loss"} or name.startswith("eval_")]
    return {name: row[name] if math.isfinite(row[name]) else None for name in names}
