"""The displays that a notebook shows a run in, its own or another process's: the panel, and the picture alone."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from IPython.display import display

from aitrain_nb import html
from aitrain_nb.costs.measured import Measured
from aitrain_nb.displays import is_notebook, row_line
from aitrain_nb.errors import ConfigError
from aitrain_nb.records import Batch
from aitrain_nb.widgets.monitor import Monitor, Subject
from aitrain_nb.widgets.panel import CONTROLS
from aitrain_nb.widgets.phase_views import PhaseViews

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.figure import Figure

    from aitrain_nb.history import History
    from aitrain_nb.records import Ending
    from aitrain_nb.run_folder.following import FollowedRun
    from aitrain_nb.run_folder.state import RunState
    from aitrain_nb.trainer import Trainer

    Plots = Sequence[Callable[[History], Figure]]


def subject_of(trainer: Trainer) -> Subject:
    """A trainer's run, as a monitor sees it."""

    def line() -> str:
        row = trainer.history.last
        return row_line(row, trainer.plan.place_of(row["step"])[1], trainer.steps_per_epoch)

    def rate() -> float:
        return trainer.history.changed("learning_rate", trainer.step + 1) or trainer.plan.peak_at(trainer.step)

    def needed(steps: int, seconds: float) -> str:
        if trainer.foreseen is None:
            return ""
        measured = Measured(trainer.memory.peak_bytes, None, steps, seconds)
        return str(replace(trainer.foreseen, measured=measured).compared_in_words)

    return Subject(
        trainer.history,
        steps=trainer.total_steps,
        epochs=trainer.plan.total_epochs,
        classes=len(trainer.class_names),
        peak=rate(),
        line=line,
        epoch=lambda: trainer.plan.place_of(max(1, trainer.step))[0],
        rate=rate,
        word=lambda: "stopping" if trainer.is_stopping else "running",
        kept=lambda: trainer.kept_step,
        notes=tuple(trainer.notes),
        needed=needed,
    )


def subject_followed(run: FollowedRun, state: RunState) -> Subject:
    """The run of another process, as a monitor sees it."""

    def newest() -> RunState:
        return run.state or state

    def line() -> str:
        row = run.history.last
        return row_line(row, newest().place_of(row["step"])[1], newest().steps_per_epoch)

    def rate() -> float:
        return run.history.changed("learning_rate", run.step + 1) or newest().peak

    return Subject(
        run.history,
        steps=state.total_steps,
        epochs=state.epochs,
        classes=state.classes,
        peak=rate(),
        line=line,
        epoch=lambda: newest().place_of(max(1, run.step))[0],
        rate=rate,
        word=lambda: run.word,
        reason=lambda: run.reason or f"in {run.folder.name}, by another process",
        kept=lambda: newest().kept_step,
        again="fit(replay=run.history)",
        is_ours=False,
    )


def _check_notebook() -> None:
    if not is_notebook():
        raise ConfigError(
            "There is no notebook that could show this display.",
            f"This is {sys.argv[0].rsplit('/', maxsplit=1)[-1] or 'a plain Python'}.",
            'Leave display out, or say display="text".',
        )


class _Shown:
    """A display whose monitor is made when there is something to show: then everything about the run is known."""

    panel = True

    def __init__(self) -> None:
        _check_notebook()
        self._monitor: Monitor | None = None

    def __call__(self, record: Any) -> None:
        """Show what is new, if it is time for it."""
        del record
        if self._monitor is not None:
            self._monitor.tick()

    def end(self, ending: Ending) -> None:
        """Put the static twin in its place."""
        if self._monitor is not None:
            self._monitor.end(ending)


class PanelDisplay(_Shown):
    """Curves and levers while the run goes on; its static twin afterwards.

    Args:
        trainer: whose run is shown.
        plots: functions that take the history and give a matplotlib Figure, redrawn beside the panel.
        place: on the page, a display handle, that is taken over; by default a new one is made.

    Raises:
        ConfigError: there is no notebook to show it in.
    """

    def __init__(self, trainer: Trainer, plots: Plots = (), place: Any = None) -> None:
        super().__init__()
        self._trainer, self._plots, self._place = trainer, plots, place
        self._views = PhaseViews()
        self._is_inside = False

    def begin(self) -> None:
        """Show it."""
        trainer = self._trainer
        stop = lambda: trainer.stop("by the Stop button")  # noqa: E731
        self._monitor = Monitor(
            subject_of(trainer),
            trainer.control,
            stop,
            controls=[*CONTROLS, "look"],
            plots=self._plots,
            panel=self.panel,
            place=self._place,
        )
        self._monitor.begin()

    def __call__(self, record: Any) -> None:
        """Show what is new, if it is time for it; of a step that is looked into each phase at once."""
        records, monitor = self._trainer.records, self._monitor
        has_ended = records is None and isinstance(record, Batch)  # the next step begins, and nobody looks into it
        if (
            monitor is not None
            and monitor.panel is not None
            and (records is not None or (self._is_inside and has_ended))
        ):
            self._is_inside = records is not None
            monitor.panel.look(
                self._views.boxes(records.newest, self._trainer.next_phase) if records is not None else []
            )
            monitor.tick(at_once=True)
        super().__call__(record)


class PictureDisplay(PanelDisplay):
    """A matplotlib picture under one display id, for front ends that show no widget."""

    panel = False


class PanelFollower(_Shown):
    """Curves of a run that another process writes; its static twin afterwards. Before it begins, what is waited for.

    Args:
        run: which one.
        plots: functions that take the history and give a matplotlib Figure, redrawn beside the panel.

    Raises:
        ConfigError: there is no notebook to show it in.
    """

    def __init__(self, run: FollowedRun, plots: Plots = ()) -> None:
        super().__init__()
        self._run, self._plots = run, plots
        self._place: Any = None
        self._said = ""

    def begin(self) -> None:
        """Show what there is."""
        self(None)

    def __call__(self, record: Any) -> None:
        """Show what is new, if it is time for it."""
        super().__call__(record)
        if self._monitor is None and self._run.state is None:
            self._say(self._run.text())
        elif self._monitor is None and not self._run.is_behind:
            self._begin()

    def end(self, ending: Ending) -> None:
        """Put the static twin in its place."""
        if self._monitor is None and self._run.state is not None:
            self._begin()
        if self._monitor is None:
            self._say(ending.line)
        super().end(ending)

    def _begin(self) -> None:
        assert self._run.state is not None
        subject = subject_followed(self._run, self._run.state)
        self._monitor = Monitor(subject, controls=[], plots=self._plots, panel=self.panel, place=self._place)
        self._monitor.begin()

    def _say(self, sentence: str) -> None:
        if sentence == self._said:
            return
        self._said = sentence
        bundle = {"text/html": html.element("div", sentence), "text/plain": sentence}
        if self._place is None:
            self._place = display(bundle, raw=True, display_id=True)
        else:
            self._place.update(bundle, raw=True)


class PictureFollower(PanelFollower):
    """The same as a matplotlib picture, for front ends that show no widget."""

    panel = False
