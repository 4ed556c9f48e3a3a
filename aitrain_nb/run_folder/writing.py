"""A run is written to its folder while it goes on, within a budget, so that another process can follow it."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

from aitrain_nb.errors import ConfigError
from aitrain_nb.placing import drop_drafts, named_folder, why_not_written
from aitrain_nb.records import Evaluation, Saved
from aitrain_nb.run_folder import files, saving
from aitrain_nb.run_folder.card import write_card
from aitrain_nb.run_folder.checkpoints import checkpoints, drop_after, size_bytes, write_checkpoint
from aitrain_nb.run_folder.environment import write_environment
from aitrain_nb.run_folder.facts import read_facts
from aitrain_nb.run_folder.files import CARD, CHANGES, CHECKPOINTS, CONFIG, CURVE, ENVIRONMENT, FACTS, HISTORY, WEIGHTS
from aitrain_nb.run_folder.state import RunState, read_state

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from filelock import FileLock

    from aitrain_nb.engine.snapshots import State
    from aitrain_nb.records import Ending
    from aitrain_nb.trainer import Trainer

EVERY_SECONDS = 0.3
"""Between two writings, at least."""
BEAT_SECONDS = 1.0
"""Between two signs of life, about."""
COST_SHARE = 0.005
"""Of the time that passes: on a slow disk that takes 10 ms, it is written every 2 s."""


class RunWriter:
    """A display that writes: config and state at once, rows and changes as they come, weights and run.json at the end.

    A row is written when nothing can be added to it any more: its evaluation has come, or the next step has begun. A process that is
    killed loses what came since the last writing. A disk that fails in mid-run doesn't end the run: all is written again at the next
    chance, and an end that can't be written raises.

    Args:
        trainer: whose run is written.
        folder: where to; the folder that this run was written to before is gone on with.
        overwrite: another run that lies there may be lost.

    Raises:
        DataError: the folder can't be written, holds another run or something else, or another process writes to it.
    """

    def __init__(self, trainer: Trainer, folder: str | Path, *, overwrite: bool = False) -> None:
        self._trainer, self._folder = trainer, named_folder(folder, 'fit(output_dir="runs/mine")')
        saving.check_folder(self._folder, overwrite=overwrite, run=trainer.run_id)
        self._data = saving.data_fingerprint(trainer)  # once: it reads every example
        self._began = 0.0  # seconds since 1970; 0 before it begins
        self._due = self._beat_due = math.inf
        self._rows = self._last_step = self._changes = self._cuts = 0
        self._saved = (0, 0)  # the step of the newest checkpoint, and that of its best weights
        self._has_failed = False  # the newest checkpoint
        self._is_whole = False  # what the folder holds is what these four say
        self._word = "running"
        self._best: Evaluation | None = None  # of this call
        self._lock: FileLock | None = None
        self._waiting_before: Callable[..., None] | None = None

    def begin(self) -> None:
        """Write what is known before the first step; raises DataError where that fails."""
        trainer, folder = self._trainer, self._folder
        with saving.said(folder):
            if self._is_written:
                return
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = saving.locked(folder)
            drop_drafts(folder)
            drop_drafts(folder / CHECKPOINTS)
            before = read_state(folder)
            if before is None or before.run != trainer.run_id:
                for name in (FACTS, WEIGHTS, ENVIRONMENT, CARD, CURVE):
                    (folder / name).unlink(missing_ok=True)
                drop_after(folder, -1)
            drop_after(folder, trainer.step)
            began = time.time()
            RunState.of(trainer, self._word, began).write(folder)
            self._began = began  # from here on there is something to end
            saving.write_beginning(trainer, folder, self._data)
            write_environment(trainer, folder, self._data, self._began)
            self._write_all()
            if (
                trainer.step and trainer.config.save_every != 0
            ):  # what lies there may be of before steps were taken back
                write_checkpoint(folder, trainer.training_state(), trainer.config.keep_checkpoints, anew=True)
                self._saved = (trainer.step, trainer.kept_step)
        self._due = self._beat_due = time.monotonic()
        self._waiting_before, trainer.control.while_waiting = trainer.control.while_waiting, self._wait

    @property
    def _is_written(self) -> bool:
        """Whether the run has ended already and its folder holds all of that end: it stays as it is."""
        trainer, folder, before = self._trainer, self._folder, read_state(self._folder)
        if trainer.ending is None or before is None or (before.run, before.ending) != (trainer.run_id, trainer.ending):
            return False
        try:
            are_weights = read_facts(folder).get("fingerprint") == trainer.fingerprint()
            are_rows = (folder / HISTORY).read_bytes().count(b"\n") == len(trainer.history)
        except (OSError, ConfigError):
            return False
        is_saved = trainer.config.save_every == 0 or trainer.step in {place.step for place in checkpoints(folder)}
        others = all((folder / name).is_file() for name in (CONFIG, WEIGHTS, ENVIRONMENT, CARD))
        return are_weights and are_rows and is_saved and others

    def __call__(self, record: Any) -> None:
        """Write what is new, if it is time for it."""
        if type(record) is Evaluation:
            self._best = record if record.kept else self._best
            if record.step <= self._last_step:
                self._is_whole = False  # its row is there already: a stop had put the evaluation off
        if time.monotonic() >= self._due:
            self._write(record.step)

    @property
    def is_saved(self) -> bool:
        """Whether the newest checkpoint that was written or tried holds the run as it stands."""
        return self._saved == (self._trainer.step, self._trainer.kept_step)

    @property
    def owes_checkpoint(self) -> bool:
        """Whether a checkpoint of the run as it stands is due (`save_every`)."""
        trainer = self._trainer
        every = trainer.config.save_every
        return every != 0 and trainer.step > 0 and not self.is_saved and trainer.is_due(every)

    def save(self, state: State) -> Saved:
        """Write a checkpoint of this state, after the rows that lead to it; what fails is said and tried again at the next one."""
        trainer, began = self._trainer, time.monotonic()
        trouble = ""
        try:
            self._save(state)
        except OSError as error:
            trouble = why_not_written(error)
        self._saved, self._has_failed = (trainer.step, trainer.kept_step), bool(trouble)
        return Saved(
            trainer.step, trainer.order.epochs_completed, size_bytes(self._folder), time.monotonic() - began, trouble
        )

    def _save(self, state: State) -> None:
        self._write_rows(math.inf)
        write_checkpoint(self._folder, state, self._trainer.config.keep_checkpoints)

    def end(self, ending: Ending) -> None:
        """Write all of the rest that can be written; raises DataError where something can't."""
        try:
            if self._began:
                self._end(self._trainer.ending or ending)  # a display may be told why nothing was done
        finally:
            if self._lock is not None:
                self._lock.release()

    def _end(self, ending: Ending) -> None:
        trainer, folder = self._trainer, self._folder
        if trainer.control.while_waiting == self._wait:
            trainer.control.while_waiting = self._waiting_before
        with saving.said(folder):
            folder.mkdir(parents=True, exist_ok=True)
        owes_checkpoint = trainer.config.save_every != 0 and trainer.step and (self._has_failed or not self.is_saved)
        has_weights = not trainer.processes.has_lost_shards  # else the newest checkpoint is what there is
        saving.write_each(folder, (
            lambda: self._write_rows(math.inf),
            lambda: self._save(trainer.training_state()) if owes_checkpoint and has_weights else None,
            lambda: saving.write_result(trainer, folder, self._data) if has_weights else None,
            lambda: RunState.of(trainer, ending.state, self._began, ending).write(folder),
            lambda: write_environment(trainer, folder, self._data, self._began, time.time() - self._began, f"{ending}"),
            lambda: write_card(trainer, folder, self._data, self._best) if has_weights else None,
        ))  # fmt: skip

    def _wait(self, *, paused: bool) -> None:
        """While the run waits at a step's edge: every row is certain, and a sign of life is due all the same."""
        if self._waiting_before is not None:
            self._waiting_before(paused=paused)
        word = "paused" if paused else "running"
        if word != self._word:
            self._word, self._beat_due = word, 0.0
            self._write(math.inf)
        elif time.monotonic() >= self._due:
            self._write(math.inf)

    def _write(self, step: float) -> None:
        """Write rows and, now and then, the state; what fails is tried again later.

        Args:
            step: the rows of steps before it are certain.
        """
        began = time.monotonic()
        try:
            waited = self._write_rows(step)
            if began >= self._beat_due:
                word = "stopping" if self._trainer.is_stopping else self._word
                RunState.of(self._trainer, word, self._began).write(self._folder, synced=False)
                self._beat_due = began + BEAT_SECONDS
        except OSError:
            self._is_whole, waited = False, 0.0
        ended = time.monotonic()
        self._due = ended + max(EVERY_SECONDS, (ended - began - waited) / COST_SHARE)

    def _write_rows(self, step: float) -> float:
        """Append what is new, or write all anew where rows were taken back; gives the seconds that the device took to give its numbers."""
        history, began = self._trainer.history, time.monotonic()
        rows = history.tail(self._rows)
        waited = time.monotonic() - began
        if history.cuts != self._cuts or not self._is_whole:
            self._write_all()
            return waited
        if rows and rows[-1][0] >= step and not history.evaluated(rows[-1][0]):
            rows.pop()
        changes = history.changes[self._changes :]
        self._is_whole = False  # until both are there: an interrupt may come at any moment
        if changes:
            _append(self._folder / CHANGES, files.change_lines(changes))
        if rows:
            _append(self._folder / HISTORY, files.row_lines(rows, history))
            self._rows, self._last_step = self._rows + len(rows), rows[-1][0]
        self._changes += len(changes)
        self._is_whole = True
        return waited

    def _write_all(self) -> None:
        history = self._trainer.history
        self._folder.mkdir(parents=True, exist_ok=True)
        self._is_whole, self._cuts = False, history.cuts
        saving.write_history(self._trainer, self._folder)
        self._rows, self._changes = len(history), len(history.changes)
        self._last_step, self._is_whole = history.last.get("step", 0), True


def _append(path: Path, text: str) -> None:
    with path.open("ab") as file:
        file.write(text.encode())
