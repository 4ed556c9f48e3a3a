"""What a run's folder says about its run, in a few numbers, also while it goes on and where files are damaged."""

from __future__ import annotations

import json
import math
import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING

from aitrain_nb.config import TrainConfig
from aitrain_nb.errors import AitrainError, DataError
from aitrain_nb.lettering import shortened
from aitrain_nb.privacy import without_secrets
from aitrain_nb.run_folder.environment import read_environment
from aitrain_nb.run_folder.facts import read_facts
from aitrain_nb.run_folder.files import CHECKPOINTS, CONFIG, FACTS, HISTORY, STATE
from aitrain_nb.run_folder.state import OVER, has_gone, parse_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LONGEST_LINE = 1 << 18
"""Bytes; no row of a history is longer."""
_SILENT_SECONDS = 600.0
"""So long without a sign of life on another machine, and the run counts as gone."""


@dataclass
class RunSummary:
    """A run in its folder. What couldn't be read is None or empty, and `notes` says why.

    Attributes:
        name: of the folder.
        task, data, model: of the config; data that are a file by the file's name.
        word: "running", "paused", "stopping", "done", "stopped", "failed", "gone" (its process ended without a word) or "unknown".
        step: optimizer steps taken; total_steps: of the whole run.
        best_epoch: epochs completed at the best evaluation.
        best_loss: its validation loss, nats.
        best_score: name and value of the score by which it is the best, or None where that is the loss.
        losses: the validation loss of each evaluation, nats.
        seconds: that its calls of `fit` took.
        size_bytes: of all files; checkpoint_bytes: of those of checkpoints/ alone.
        began: when it began, or went on for the last time: seconds since 1970.
        notes: what couldn't be read, a sentence each.
    """

    name: str
    task: str = ""
    data: str = ""
    model: str = ""
    word: str = "unknown"
    step: int | None = None
    total_steps: int | None = None
    best_epoch: float | None = None
    best_loss: float | None = None
    best_score: tuple[str, float] | None = None
    losses: list[float] = field(default_factory=list)
    seconds: float | None = None
    size_bytes: int = 0
    checkpoint_bytes: int = 0
    began: float | None = None
    notes: list[str] = field(default_factory=list)


def is_run(folder: Path) -> bool:
    """Whether a folder looks like that of a run, damaged ones among them."""
    with suppress(OSError):
        return any((folder / name).is_file() for name in (STATE, FACTS))
    return False


def read_summary(folder: Path) -> RunSummary:
    """The summary of a run; a folder that is damaged in any way has one too, with a note on each part."""
    found = RunSummary(folder.resolve().name)
    parts: tuple[Callable[[RunSummary, Path], None], ...] = (
        _read_sizes,
        _read_facts,
        _read_config,
        _read_state,
        _read_history,
        _read_seconds,
    )
    for read in parts:
        try:
            read(found, folder)
        except AitrainError as error:
            found.notes.append(_note(f"{error.what} {error.why}"))
        except Exception as error:  # noqa: BLE001  whatever somebody has put there: a list of runs must not end for one of them
            what = read.__name__.removeprefix("_read_")
            found.notes.append(_note(f"Can't read its {what}. {type(error).__name__}: {error}"))
    return found


def _note(text: str) -> str:
    return shortened(without_secrets(text).rstrip(" .:") + ".", 300)


def _read_sizes(found: RunSummary, folder: Path) -> None:
    for place, _, names in os.walk(folder):
        size = 0
        for name in names:
            with suppress(OSError):  # gone meanwhile
                size += (Path(place) / name).lstat().st_size
        found.size_bytes += size
        if CHECKPOINTS in Path(place).relative_to(folder).parts:
            found.checkpoint_bytes += size


def _read_facts(found: RunSummary, folder: Path) -> None:
    del found
    if (folder / FACTS).is_file():
        read_facts(folder)


def _read_config(found: RunSummary, folder: Path) -> None:
    config = TrainConfig.from_yaml(folder / CONFIG)
    found.task, found.model = config.task or "", config.model or ""
    found.data = PureWindowsPath(config.data).name if config.data else ""  # which knows both kinds of slashes
    found.best_score = None if config.best_metric == "loss" else (config.best_metric, math.nan)


def _read_state(found: RunSummary, folder: Path) -> None:
    try:
        text = (folder / STATE).read_bytes()
    except FileNotFoundError:
        raise DataError("How it went isn't known.", f"It has no {STATE}.", "Train again.") from None
    state = parse_state(text, found.name)
    found.step, found.total_steps, found.began, found.word = state.step, state.total_steps, state.began, state.word
    if not state.is_over:
        found.seconds = max(0.0, state.heartbeat - state.began)
        gone = has_gone(state) if state.is_here else time.time() > state.heartbeat + _SILENT_SECONDS
        found.word = "gone" if gone else state.word


def _read_history(found: RunSummary, folder: Path) -> None:
    """The evaluations, without the rows of the other steps; and the newest step, where a run was killed before it could say so."""
    score = f"eval_{found.best_score[0]}" if found.best_score is not None else ""
    best, line = -math.inf, b""
    for line in _lines(folder / HISTORY):
        if b'"eval_' not in line:
            continue
        row = json.loads(line)
        loss = float(row.get("eval_loss", math.nan))
        found.losses.append(loss)
        value = float(row.get(score, math.nan)) if score else -loss
        if value > best:
            best, found.best_loss, found.best_epoch = value, loss, float(row["epoch"])
            found.best_score = (score.removeprefix("eval_"), value) if score else None
    if found.best_loss is None:
        found.best_score = None
    if line and found.step is not None and found.word not in OVER:
        found.step = max(found.step, int(json.loads(line)["step"]))


def _lines(path: Path) -> Iterator[bytes]:
    """The whole lines of a history."""
    if not path.is_file():
        raise DataError("Its losses aren't known.", f"It has no {HISTORY}.", "Train again.")
    with path.open("rb") as file:
        while line := file.readline(_LONGEST_LINE):
            if not line.endswith(b"\n"):
                if len(line) == _LONGEST_LINE:
                    raise DataError(
                        f"Its {HISTORY} is damaged.", "A line of it is longer than any row.", "Train again."
                    )
                return  # its process is just writing it, or was killed
            yield line


def _read_seconds(found: RunSummary, folder: Path) -> None:
    calls = [call.get("seconds") for call in read_environment(folder)]
    took = [float(seconds) for seconds in calls if isinstance(seconds, (int, float)) and math.isfinite(seconds)]
    if took:
        found.seconds = sum(took) + (found.seconds or 0.0)
