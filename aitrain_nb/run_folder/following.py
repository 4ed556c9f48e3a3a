"""A run that another process writes, as it grows: read from its folder, a little at a time, without a thread."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from aitrain_nb.errors import DataError
from aitrain_nb.history import History
from aitrain_nb.placing import is_there, named_folder
from aitrain_nb.records import Ending
from aitrain_nb.run_folder.facts import refuse_other_format
from aitrain_nb.run_folder.files import CHANGES, HISTORY, LOCK, NAMES, STATE, read_changes, read_rows
from aitrain_nb.run_folder.state import RunState, has_gone, parse_state

if TYPE_CHECKING:
    from collections.abc import Callable

GONE = "the process has gone"
LOOK_SECONDS = 0.1
"""About how long one look may take; what is left is read by the next one."""
_CHUNK_BYTES = 1 << 18
_SILENT_SECONDS = 2.5
"""So long without a sign of life, and the process is looked for."""
_LOST_SECONDS = 600.0
"""So long without one on another machine, where a process can't be looked for, and the run counts as failed."""
_ASK_SECONDS = 1.0


def follow_history(folder: str | Path) -> FollowedRun:
    """Follow the run in a folder, also one that isn't there yet: it has been looked at once.

    Raises:
        DataError: the folder holds something else than a run, or one that can't be read.

    Example:
        run = follow_history("runs/mine")
        while not run.is_over:
            time.sleep(0.25)
            run.look()
        print(run.text(), run.history.text())
    """
    folder = named_folder(folder, 'ai.follow("runs/mine")')
    is_there(folder)  # raises where that will never be known
    run = FollowedRun(folder)
    run.look()
    return run


class FollowedRun:
    """A run that another process writes. `look()` reads what is new; nothing else does, and nothing waits.

    Attributes:
        folder: where it is written.
        history: what was read so far; it is one object that grows. Where rows were taken back it is emptied in one look and filled
            from the next one on; `history.cuts` counts that.
        is_behind: whether there was more to read than the last look had time for.
        state: the facts of the run as its process last said them (steps, epochs, classes, metric, ending), or None before.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder, self.history = Path(folder), History()
        self.state: RunState | None = None
        self._state_text = b""
        self._rows, self._changes = _Lines(self.folder / HISTORY), _Lines(self.folder / CHANGES)
        self._heard = time.monotonic()
        self._age = 0.0  # of the last sign of life, when it was first read
        self._asked = -_ASK_SECONDS
        self._has_gone = False
        self.is_behind = True

    def look(self) -> bool:
        """Read what is new, for about LOOK_SECONDS at most; whether anything that could be shown has changed.

        Raises:
            DataError: the folder holds no run, or a file in it is damaged.
        """
        before = self._shown()
        if self._read_state():
            self._watch_process()
            self._read_lines()
        return self._shown() != before

    @property
    def word(self) -> str:
        """How the run goes: "waiting" (nothing is there yet), "running", "paused", "stopping", "done", "stopped" or "failed"."""
        if self.state is None:
            return "waiting"
        return "failed" if self._has_gone else self.state.word

    @property
    def reason(self) -> str:
        """Why, in words: what is waited for, or why it ended; empty where there is nothing to say."""
        if self.state is None:
            there = "holds no run yet" if self.folder.is_dir() else "isn't there yet"
            return f"the folder {self.folder.name!r} {there}"
        if not self._has_gone:
            return self.state.reason
        return GONE if self.state.is_here else f"no sign of life for {_LOST_SECONDS / 60:.0f} minutes"

    @property
    def is_over(self) -> bool:
        """Whether the run has ended and all of it was read: there is nothing more to look for."""
        return self.state is not None and (self.state.is_over or self._has_gone) and not self.is_behind

    @property
    def ending(self) -> Ending | None:
        """How the run ended; None while it goes on."""
        state = self.state
        if state is None or not self.is_over:
            return None
        return state.ending or Ending("failed", f"{self.reason}, without weights", self.step, None, 0, None)

    @property
    def step(self) -> int:
        """Newest step that was read; 0 before the first."""
        return int(self.history.last.get("step", 0))

    @property
    def silent_seconds(self) -> float:
        """Since the last sign of life; about one a second while it trains, also while it is paused."""
        return self._age + time.monotonic() - self._heard

    def text(self) -> str:
        """How the run goes, in a sentence."""
        why = f": {self.reason}" if self.reason else ""
        if self.state is None:
            return f"{self.word}{why}"
        return f"{self.word}{why}; step {self.step:,} of {self.state.total_steps:,}"

    def __repr__(self) -> str:
        return f"FollowedRun: {self.text()}"

    def _shown(self) -> tuple[object, ...]:
        facts = self.state._replace(heartbeat=0.0) if self.state is not None else None
        history = self.history
        return facts, self._has_gone, self.is_behind, len(history), history.cuts, len(history.changes)

    # the state

    def _read_state(self) -> bool:
        """Read the state where it is new; whether there is one."""
        try:
            text = (self.folder / STATE).read_bytes()
        except OSError:  # it isn't there, or on Windows is just being replaced
            self._check_kind()
            return self.state is not None
        if self.state is not None and text == self._state_text:
            return True
        if self.state is None:
            refuse_other_format(self.folder)
        state, now = parse_state(text, self.folder.name), time.monotonic()
        self._age = max(0.0, time.time() - state.heartbeat) if self.state is None else 0.0
        if self.state is not None and self.state.run != state.run:
            self._begin_anew()
        self.state, self._state_text, self._heard, self._has_gone = state, text, now, False
        return True

    def _check_kind(self) -> None:
        """Raise where this will never be the folder of a run."""
        strangers: list[str] = []
        with suppress(FileNotFoundError, PermissionError):
            if self.folder.is_file():
                strangers = [self.folder.name]
            elif self.state is None and self._is_abandoned():
                raise DataError(
                    f"The process that was to train into {self.folder.name!r} has gone.",
                    f"It left {LOCK} and no {STATE}: it ended before its first step.", "Train again.",
                )  # fmt: skip
            elif self.state is None:
                strangers = [name for name in os.listdir(self.folder) if name not in NAMES and name[0] != "."]  # noqa: PTH208
        if strangers:
            raise DataError(
                f"{self.folder.name!r} isn't the folder of a run.", f"There is {strangers[0]!r} and no {STATE}.",
                "Name a folder that `aitrain-nb train` or fit(output_dir=...) writes.",
            )  # fmt: skip

    def _is_abandoned(self) -> bool:
        """Whether a writer took the lock of the folder and ended before it wrote its state; looked for once a second."""
        from filelock import FileLock, Timeout

        now, lock = time.monotonic(), self.folder / LOCK
        if (
            now < self._asked + _ASK_SECONDS
            or not lock.is_file()
            or time.time() < lock.stat().st_mtime + _SILENT_SECONDS
        ):
            return False
        self._asked = now
        try:
            with FileLock(lock, timeout=0):
                return not (self.folder / STATE).is_file()
        except (Timeout, OSError, NotImplementedError):
            return False

    def _watch_process(self) -> None:
        """Notice a process that ended without a word."""
        state, now = self.state, time.monotonic()
        assert state is not None
        if state.is_over or self._has_gone or self.silent_seconds < _SILENT_SECONDS or now < self._asked + _ASK_SECONDS:
            return
        self._asked = now
        gone = has_gone(state) if state.is_here else self.silent_seconds > _LOST_SECONDS
        if gone and self._read_state() and self.state is state:  # it may have said its end just before it went
            self._has_gone = self.is_behind = True

    # the lines

    def _read_lines(self) -> None:
        end = time.monotonic() + LOOK_SECONDS
        self.is_behind = True
        while self._read_chunk(self._rows, read_rows):
            if time.monotonic() > end:
                return
        while self._read_chunk(self._changes, read_changes):
            if time.monotonic() > end:
                return
        self.is_behind = not (self._rows.is_read and self._changes.is_read)

    def _read_chunk(self, file: _Lines, add: Callable[[list[bytes], History], None]) -> bool:
        """Add some lines to the history; whether there may be more."""
        try:
            lines = file.read()
            add(lines, self.history)
            self.history.flush()
        except _TakenBack:
            self._begin_anew()
            return False
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            file.step_back()
            raise DataError(
                f"Can't read the {file.path.name} of {self.folder.name!r}.", f"After byte {file.begin:,}: {type(error).__name__}: {error}",
                "Train again; what stands before it can be read by hand, a line of JSON a step.",
            ) from error  # fmt: skip
        return bool(lines)

    def _begin_anew(self) -> None:
        self.history.cut(0)
        self._rows, self._changes = _Lines(self._rows.path), _Lines(self._changes.path)
        self.is_behind = True


class _TakenBack(Exception):  # noqa: N818  a signal to the reader, not a failure
    """The file no longer begins as it did: it was cut, or another one is in its place."""


class _Lines:
    """The whole lines of a file that grows, from where the last reading ended.

    Attributes:
        path: of the file.
        begin: byte at which the lines that were read last begin.
        is_read: whether everything that is there was read, but for a last line without its end.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.begin, self.is_read = path, 0, False
        self._end = 0
        self._last = self._last_before = b""
        self._identity: tuple[int, int] | None = None

    def read(self) -> list[bytes]:
        """The next whole lines, up to a quarter of a megabyte; a file that isn't there has none.

        Raises:
            _TakenBack: what was read is no longer there.
            ValueError: a line is longer than any row.
        """
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            if self._end:
                raise _TakenBack from None
            self.is_read = True
            return []
        except PermissionError:  # Windows, while it is being replaced
            self.is_read = False
            return []
        with file:
            facts = os.fstat(file.fileno())
            identity = (facts.st_dev, facts.st_ino)
            file.seek(self._end - len(self._last))
            data = file.read(len(self._last) + _CHUNK_BYTES)
        if self._end and (identity != self._identity or not data.startswith(self._last)):
            raise _TakenBack
        self._identity = identity
        data = data[len(self._last) :]
        whole = data[: data.rfind(b"\n") + 1]
        self.is_read = len(data) < _CHUNK_BYTES
        if not whole and not self.is_read:
            self.begin, self._last_before = self._end, self._last
            raise ValueError(f"a line of more than {_CHUNK_BYTES:,} bytes")
        if not whole:
            return []
        lines = whole.splitlines()
        self.begin, self._end = self._end, self._end + len(whole)
        self._last_before, self._last = self._last, lines[-1] + b"\n" if whole.endswith(lines[-1] + b"\n") else b"\n"
        return lines

    def step_back(self) -> None:
        """Read the same lines again the next time."""
        self._end, self._last, self.is_read = self.begin, self._last_before, False
