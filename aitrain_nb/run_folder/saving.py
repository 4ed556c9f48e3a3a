"""A run is written to disk. Only YAML, JSON lines and safetensors; never pickle."""

from __future__ import annotations

import hashlib
import json
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from aitrain_nb.errors import DataError
from aitrain_nb.placing import fix_of, is_there, named_folder, replace_tensors, replace_text, why_not_written
from aitrain_nb.privacy import below_home
from aitrain_nb.records import Ending
from aitrain_nb.run_folder import files
from aitrain_nb.run_folder.card import write_card
from aitrain_nb.run_folder.checkpoints import drop_after, write_checkpoint
from aitrain_nb.run_folder.environment import write_environment
from aitrain_nb.run_folder.files import (
    CHANGES,
    CHECKPOINTS,
    CONFIG,
    FACTS,
    HISTORY,
    LOCK,
    STATE,
    WEIGHTS,
    plain,
)
from aitrain_nb.run_folder.state import RunState, has_gone, read_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from filelock import FileLock

    from aitrain_nb.trainer import Trainer


_LOOKED_AT_SECONDS = 0.2
"""A lock that is only looked at, by somebody who waits for a run to begin, is free again before."""


def save_run(trainer: Trainer, folder: str | Path, *, overwrite: bool = False) -> Path:
    """Write the run into a folder.

    config.yaml, history.jsonl, changes.jsonl (where anything was changed while it ran), model.safetensors (the weights the model
    holds), checkpoints/ (what training goes on from, unless save_every=0), run.json and state.json, environment.json (versions and
    machine) and README.md (the model card, with curve.png). Each file is written under
    another name, synced and renamed, so that a reader never sees half of one. `fit(output_dir=...)` writes the same while it trains.

    Args:
        trainer: whose run it is.
        folder: where to; what this run wrote there before is replaced.
        overwrite: another run that lies there may be lost.

    Raises:
        DataError: the folder can't be written, somebody writes there just now, or it holds another run or something else.
    """
    folder = named_folder(folder, 'save_run(trainer, "runs/mine")')
    check_folder(folder, overwrite=overwrite, run=trainer.run_id)
    with said(folder):
        folder.mkdir(parents=True, exist_ok=True)
    lock = locked(folder)
    try:
        _save(trainer, folder)
    finally:
        if lock is not None:
            lock.release()
    return folder


def _save(trainer: Trainer, folder: Path) -> None:
    ending = trainer.ending or Ending("stopped", "", trainer.step, trainer.order.epochs_completed, trainer.step, None)
    with said(folder):
        write_history(trainer, folder)
        if trainer.step and trainer.config.save_every != 0 and not trainer.is_loaded:
            write_checkpoint(folder, trainer.training_state(), trainer.config.keep_checkpoints, anew=True)
        else:
            drop_after(folder, -1)
        data = data_fingerprint(trainer)
        write_result(trainer, folder, data)
        RunState.of(trainer, ending.state, time.time(), ending).write(folder)
        write_environment(trainer, folder, data)
        write_card(trainer, folder, data)


def write_history(trainer: Trainer, folder: Path) -> None:
    """Put all rows and changes so far in place of those in the folder; raises OSError where that fails."""
    history = trainer.history
    changes = files.change_lines(history.changes)
    if changes:
        replace_text(folder / CHANGES, changes)
    else:
        (folder / CHANGES).unlink(missing_ok=True)
    replace_text(folder / HISTORY, files.row_lines(history.tail(0), history))


def write_result(trainer: Trainer, folder: Path, data: str) -> None:
    """Put the config, the weights that the model holds, and what they are, into the folder; raises OSError where that fails.

    Args:
        trainer: whose run it is.
        folder: of the run.
        data: their fingerprint.
    """
    from safetensors.torch import save_model

    ending = trainer.ending
    replace_tensors(folder / WEIGHTS, lambda path: save_model(trainer.model, str(path)))
    result = {
        "step": trainer.step, "kept": ending.kept if ending else "the last weights", "ending": plain(ending._asdict()) if ending else None,
        "fingerprint": trainer.fingerprint(),
    }  # fmt: skip
    write_beginning(trainer, folder, data, result)


def write_beginning(trainer: Trainer, folder: Path, data: str, result: dict[str, Any] | None = None) -> None:
    """Put the config, and what a later reader must find again, into the folder; raises OSError where that fails."""
    config = trainer.config
    config = config.replace(
        **{name: below_home(value) for name in ("data", "model") if (value := getattr(config, name))}
    )
    replace_text(folder / CONFIG, config.to_yaml())
    facts = {
        "format": files.FORMAT, "labels": list(trainer.data.label_names), "data": data, "config": config.model_dump(),
    }  # fmt: skip
    replace_text(folder / FACTS, json.dumps(facts | (result or {}), indent=1) + "\n")


@contextmanager
def said(folder: Path) -> Iterator[None]:
    """Inside, a disk that fails is said in a sentence: DataError."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"Can't write the run to {str(folder)!r}.", f"{why_not_written(error)}.", _fix(error)
        ) from error


def write_each(folder: Path, parts: Iterable[Callable[[], object]]) -> None:
    """Write all parts of a run that can be written: one that fails doesn't take the others with it.

    Args:
        folder: of the run, for the sentence.
        parts: each writes one.

    Raises:
        DataError: some could not be written; the first one says why and what mends it.
    """
    failed: list[OSError] = []
    for write in parts:
        try:
            write()
        except OSError as error:
            failed.append(error)
    if failed:
        why = "; ".join(dict.fromkeys(map(why_not_written, failed)))
        raise DataError(
            f"Not all of the run could be written to {str(folder)!r}.", f"{why}. All else is there.", _fix(failed[0])
        ) from failed[0]


def _fix(error: OSError) -> str:
    return fix_of(error, "name another folder: save_run(trainer, folder)")


def check_folder(folder: Path, *, overwrite: bool, run: str = "") -> None:
    """Raise DataError where a run can't be written into this folder, or would take the place of another.

    Args:
        folder: where to.
        overwrite: another run that lies there may be lost.
        run: which run is to be written, where it may be there already.
    """
    if is_there(folder) and folder.is_dir() and any(found.name != LOCK for found in folder.iterdir()):
        if not any((folder / name).is_file() for name in (FACTS, STATE)):
            raise DataError(
                f"The folder {folder.name!r} holds other things.",
                "A run's folder has a run.json or a state.json.",
                "Name an empty folder.",
            )
        _check_other_run(folder, overwrite=overwrite, run=run)
        within = folder / CHECKPOINTS
        if within.is_symlink() or (within.exists() and not within.is_dir()):
            raise DataError(
                f"The checkpoints can't be written to {folder.name!r}.",
                f"{CHECKPOINTS!r} in it is no folder, or leads out of the folder of the run.",
                f"Remove {CHECKPOINTS!r}, or name another folder.",
            )  # fmt: skip
    parent = next(parent for parent in (folder, *folder.resolve().parents) if parent.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise DataError(
            f"Can't write the run to {str(folder)!r}.", f"{parent.name!r} can't be written to.", "Name another folder."
        )


def locked(folder: Path) -> FileLock | None:
    """A lock on a run's folder that the system takes back when the process ends, however it ends.

    Returns:
        The lock, or None where this file system has none.

    Raises:
        DataError: somebody else writes there.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / LOCK, timeout=_LOOKED_AT_SECONDS)
    try:
        lock.acquire()
    except Timeout:
        raise DataError(
            f"A run is being written to {folder.name!r} just now.", "Two writers would spoil each other's files.",
            "Name another folder, or wait for the end of that fit.",
        ) from None  # fmt: skip
    except (OSError, NotImplementedError):
        return None
    return lock


def _check_other_run(folder: Path, *, overwrite: bool, run: str) -> None:
    state = read_state(folder)
    is_elsewhere = state is not None and not state.is_over and state.process != os.getpid() and state.is_here
    if state is not None and is_elsewhere and not has_gone(state):
        raise DataError(
            f"Another process writes its run to {folder.name!r}.", f"It is at step {state.step:,} of {state.total_steps:,}.",
            "Name another folder, or wait for its end.",
        )  # fmt: skip
    if state is None and not overwrite and (folder / STATE).is_file():
        raise DataError(
            f"The folder {folder.name!r} holds a run that can't be told from this one.", f"Its {STATE} can't be read.",
            "Name another folder, or say overwrite=True (--overwrite): this run takes the place of what lies there.",
        )  # fmt: skip
    if not overwrite and (state is None or state.run != run):
        raise DataError(
            f"The folder {folder.name!r} holds another run.",
            "It would be lost.",
            "Name another folder, or say overwrite=True (--overwrite).",
        )


def free_folder(wanted: Path) -> Path:
    """This folder, or the same name with the next number where a run lies there already."""
    numbered = (wanted, *(wanted.with_name(f"{wanted.name}-{number}") for number in range(2, 100_000)))
    return next(folder for folder in numbered if not folder.exists())


def data_fingerprint(trainer: Trainer) -> str:
    """A hash of the raw examples of each side, in their order: 16 hexadecimal digits."""
    import torch

    digest = hashlib.blake2b(digest_size=8)
    if trainer.data.later is not None:  # of which only the beginning is here
        digest.update(trainer.data.later.stamp.encode())
    for side in (trainer.data.train, trainer.data.validation, trainer.data.test):
        for name, column in sorted(side.columns.items()) if side is not None else []:
            digest.update(name.encode())
            numbers = isinstance(column, torch.Tensor)
            digest.update(
                column.contiguous().numpy().tobytes() if numbers else json.dumps(list(map(str, column))).encode()
            )
        digest.update(b"side")
    return digest.hexdigest()
