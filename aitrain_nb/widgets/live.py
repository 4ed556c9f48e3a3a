"""The displays that `fit` finds in a notebook: the panel, and the picture alone."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from aitrain_nb import plots
from aitrain_nb.annotations import annotate
from aitrain_nb.displays import is_notebook, step_line
from aitrain_nb.errors import ConfigError
from aitrain_nb.widgets.monitor import Monitor, Subject

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.figure import Figure

    from aitrain_nb.history import History
    from aitrain_nb.records import Ending
    from aitrain_nb.trainer import Trainer


def subject_of(trainer: Trainer) -> Subject:
    """A trainer's run, as a monitor sees it."""

    def line() -> str:
        row = trainer.history.last
        _, number = trainer.plan.place_of(row["step"])
        return step_line(number, trainer.steps_per_epoch, row["loss"], row["lr"], row["grad_norm"])

    def rate() -> float:
        return trainer.history.changed("learning_rate", trainer.step + 1) or trainer.plan.peak

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
    )


class PanelDisplay:
    """Curves and levers while the run goes on; its static twin afterwards.

    Args:
        trainer: whose run is shown.
        plots: functions that take the history and give a matplotlib Figure, redrawn beside the panel.

    Raises:
        ConfigError: there is no notebook to show it in.
    """

    panel = True

    def __init__(self, trainer: Trainer, plots: Sequence[Callable[[History], Figure]] = ()) -> None:
        if not is_notebook():
            raise ConfigError(
                "There is no notebook that could show this display.",
                f"This is {sys.argv[0].rsplit('/', maxsplit=1)[-1] or 'a plain Python'}.",
                'Leave display out, or say display="text".',
            )
        self._monitor = Monitor(
            subject_of(trainer),
            trainer.control,
            lambda: trainer.stop("by the Stop button"),
            plots=[*self.own_plots(trainer), *plots],
            panel=self.panel,
        )

    def own_plots(self, trainer: Trainer) -> list[Callable[[History], Figure]]:
        """Pictures of ours, before the person's own."""
        del trainer
        return []

    def begin(self) -> None:
        """Show it."""
        self._monitor.begin()

    def __call__(self, record: Any) -> None:
        """Show what is new, if it is time for it."""
        del record
        self._monitor.tick()

    def end(self, ending: Ending) -> None:
        """Put the static twin in its place."""
        self._monitor.end(ending)


class PictureDisplay(PanelDisplay):
    """A matplotlib picture under one display id, for front ends that show no widget."""

    panel = False

    def own_plots(self, trainer: Trainer) -> list[Callable[[History], Figure]]:
        """The picture of the run."""
        classes = len(trainer.class_names)

        def run(history: History) -> Figure:
            return plots.run(history.frame(), classes=classes, notes=annotate(history, trainer.kept_step))

        return [run]
