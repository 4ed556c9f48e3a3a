"""One run of a Trainer of transformers, as the process that watches it knows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aitrain_nb.widgets.cell import CellWatch
    from aitrain_nb.widgets.monitor import Monitor
    from aitrain_nb.widgets.rates import Rates


@dataclass
class WatchedRun:
    """A run that this process watches.

    Attributes:
        state: the Trainer's own.
        arguments: the Trainer's own.
        rates: of its optimizer and schedule.
        has_levers: whether a person may take part in it.
        every: steps between two logs that are asked for; 0: none is.
        due: the step at which the next log is.
        is_at_edge: whether the step that comes next hasn't begun.
        mark: when the step under way began, by `time.perf_counter`.
        monitor: the panel, in a notebook.
        cell: tells when the cell that trains is over, in a notebook.
    """

    state: Any
    arguments: Any
    rates: Rates
    has_levers: bool
    every: int = 0
    due: int = 0
    is_at_edge: bool = True
    mark: float = 0.0
    monitor: Monitor | None = None
    cell: CellWatch | None = None

    def tick(self) -> None:
        """Let the panel show what is new."""
        if self.monitor is not None:
            self.monitor.tick()

    def ask_for_log(self, control: Any, *, paused: bool) -> None:
        """Let the Trainer log this step if the curve needs it; a step that was logged isn't logged again."""
        due = paused or self.state.global_step >= self.due
        if self.every and (due or control.should_evaluate or control.should_training_stop):
            control.should_log = True
