"""Shows a run that another process writes: as the live panel in a notebook, as lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from aitrain_nb.displays import NoDisplay, epoch_line, find_display, header_line, pictures_of, row_line, write_line
from aitrain_nb.engine.interrupts import deferred_interrupt
from aitrain_nb.records import Ending
from aitrain_nb.run_folder.following import FollowedRun, follow_history

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from typing import TextIO

    from matplotlib.figure import Figure

    from aitrain_nb.history import History

_LOOK_EVERY_SECONDS = 0.1
_GONE = "its process has ended without a word"
_STEP_EVERY_SECONDS = 2.0
"""Between two lines that tell of a step."""


def follow(
    folder: str | Path,
    display: str = "auto",
    *,
    plots: Callable[[History], Figure] | Sequence[Callable[[History], Figure]] = (),
    is_written: Callable[[], bool] = lambda: True,
    interrupt: Callable[[], None] | None = None,
) -> FollowedRun:
    """Show the run in a folder while another process trains it, also one that hasn't begun; blocks until it is over.

    The run hears nothing of it. An interrupt only ends the watching: what was read so far is shown and given back.

    Args:
        folder: of the run: what `aitrain-nb train` or `fit(output_dir=...)` writes.
        display: "auto" is the panel in a notebook and lines elsewhere; "panel", "matplotlib", "text" or "none" to wait in silence.
        plots: functions that take the history and give a matplotlib Figure: drawn in a notebook while it goes on.
        is_written: whether somebody still writes; asked now and then, for one who knows the process: else the watching ends.
        interrupt: what an interrupt does instead of ending the watching, such as to end the run.

    Raises:
        DataError: the folder holds something else than a run, or one that can't be read.
        ConfigError: there is no such display here.

    Example:
        run = ai.follow("runs/mine")
        run.history.frame()
    """
    run = follow_history(folder)
    shown = find_display(display, followers)(run, pictures_of(plots))
    left: list[str] = []
    with deferred_interrupt(lambda reason: left.append(reason) if interrupt is None else interrupt(), lambda: False):
        shown.begin()
        try:
            while not run.is_over and not left:
                if not is_written():
                    left.append(_GONE)
                run.look()
                shown(None)
                if not run.is_behind:
                    time.sleep(_LOOK_EVERY_SECONDS)
        finally:
            shown.end(run.ending or _left(run, left))
    return run


def _left(run: FollowedRun, why: Sequence[str]) -> Ending:
    """The end of the watching alone."""
    reason = run.reason if run.state is None else "the run goes on in its own process"
    reason = _GONE if _GONE in why else reason
    return Ending("left", reason, run.step, None, 0, None)


class TextFollower:
    """The monitor lines of a run that another process writes: each evaluation, and a step every two seconds.

    Args:
        run: which one.
        plots: pictures that a notebook would show; they are left out here.
        stream: where the lines go; standard output by default.
    """

    def __init__(self, run: FollowedRun, plots: Sequence[Any] = (), stream: TextIO | None = None) -> None:
        self._run, self._stream = run, stream or sys.stdout
        self._is_waiting = False
        self._epoch = self._step = self._evaluated = self._cuts = 0
        self._due = 0.0
        del plots

    def begin(self) -> None:
        """Say where it stands."""
        self(None)

    def __call__(self, record: Any) -> None:
        """Write what is new."""
        del record
        run, history = self._run, self._run.history
        if run.state is None:
            if not self._is_waiting:
                self._write(run.text())
            self._is_waiting = True
            return
        if history.cuts != self._cuts:
            self._cuts, self._epoch, self._step, self._evaluated = history.cuts, 0, 0, 0
        if history.last_evaluated_step > self._evaluated and not run.is_behind:
            self._write_evaluations()
        now = time.monotonic()
        if run.step > self._step and now >= self._due and not run.is_behind:
            self._due, self._step = now + _STEP_EVERY_SECONDS, run.step
            self._write_step(history.last)

    def end(self, ending: Ending) -> None:
        """Say how it ended."""
        self._write(ending.line)

    def _write_evaluations(self) -> None:
        rows, verdict = self._run.history.evaluations, self._run.history.verdict
        for number, row in enumerate(rows, start=1):
            if row["step"] > self._evaluated:
                is_marked = verdict.marks(number)
                self._write(epoch_line(row["epoch"], row["train_loss"], row["eval_loss"], overfitting=is_marked))
        self._evaluated = rows[-1]["step"] if rows else self._evaluated

    def _write_step(self, row: dict[str, Any]) -> None:
        state = self._run.state
        assert state is not None
        epoch, number = state.place_of(row["step"])
        if epoch != self._epoch:
            self._epoch = epoch
            self._write(header_line(epoch, state.epochs))
        self._write(row_line(row, number, state.steps_per_epoch))

    def _write(self, line: str) -> None:
        write_line(line, self._stream)


followers: Mapping[str, Callable[..., Any] | str] = {
    "text": TextFollower,
    "none": NoDisplay,
    "panel": "aitrain_nb.widgets.live:PanelFollower",
    "matplotlib": "aitrain_nb.widgets.live:PictureFollower",
}
"""Ways to show a run of another process: name -> factory that takes it and a list of plots, or where it lies."""
