"""The lessons: where they lie, how they are copied without losing anybody's work, how they run without a browser."""

from __future__ import annotations

import hashlib
import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from aitrain_nb.errors import AitrainError
from aitrain_nb.placing import is_there, replace_file, replace_text

PACKAGE = Path(__file__).parent.parent
FIRST = "00_start_here.ipynb"
JUPYTER_SETTINGS = Path(__file__).parent / "jupyter"


def folder() -> Path:
    """Where the lessons lie: in a checkout its `notebooks` folder, else inside the installed package.

    Raises:
        AitrainError: the installation holds no lessons.
    """
    for place in (PACKAGE.parent / "notebooks", PACKAGE / "notebooks"):
        if (place / FIRST).is_file():
            return place
    raise AitrainError(
        "The lessons are not here.",
        "This installation of aitrain_nb holds no notebooks.",
        "Install it again: pip install aitrain-nb.",
    )


def is_checkout() -> bool:
    """Whether the package runs from a checkout, where the lessons can be edited in place."""
    return folder() == PACKAGE.parent / "notebooks"


class Copied(NamedTuple):
    """What a copy did, file by file.

    Attributes:
        written: new, or replaced because nobody had changed them.
        kept: left alone because somebody had changed them.
    """

    written: list[str]
    kept: list[str]


_RECORD = ".aitrain-lessons.json"


def copy_lessons(to: Path, source: Path | None = None) -> Copied:
    """Copy the lessons into a folder of one's own; a file that was changed there is never overwritten.

    Args:
        to: the folder.
        source: where they are; the installation's own by default.

    A hidden file remembers what each lesson looked like when it was copied, so that untouched ones can be brought up to date.

    Raises:
        AitrainError: the folder can't be written.
    """
    record, shelf = to / _RECORD, source or folder()
    is_there(to)
    try:
        to.mkdir(parents=True, exist_ok=True)
        known: dict[str, str] = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else {}
        written, kept = [], []
        for original in sorted(path for path in shelf.rglob("*") if path.is_file() and not _hidden(path, shelf)):
            name = original.relative_to(shelf).as_posix()
            target = to / name
            if target.exists() and _digest(target) not in {known.get(name), _digest(original)}:
                kept.append(name)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            replace_file(target, partial(shutil.copyfile, original))
            known[name] = _digest(original)
            written.append(name)
        replace_text(record, json.dumps(known, indent=1))
    except (OSError, ValueError) as error:
        raise AitrainError(
            f"Can't write the lessons to {str(to)!r}.", str(error), "Choose another folder with --to."
        ) from error
    return Copied(written, kept)


def run_headless(path: Path, timeout_seconds: int = 300) -> float:
    """Execute a notebook from top to bottom without a browser; gives the seconds it took.

    Raises:
        AitrainError: a cell failed; the reason is the cell's own error.
    """
    import time

    import nbformat
    from nbclient.exceptions import CellExecutionError

    notebook = nbformat.read(path, as_version=4)
    began = time.perf_counter()
    try:
        execute(notebook, path.parent, timeout_seconds)
    except CellExecutionError as error:
        why = f"{error.ename}: {error.evalue}"
        raise AitrainError(
            f"A cell of {path.name} failed.", why, "Open it with `aitrain-nb lab` and run it there."
        ) from error
    except (RuntimeError, TimeoutError) as error:  # no kernel, a dead one, a cell without an end
        raise AitrainError(
            f"The kernel that ran {path.name} gave up.", str(error), "Try again; `aitrain-nb lab` shows what it does."
        ) from error
    return time.perf_counter() - began


def execute(notebook: Any, folder: Path, timeout_seconds: int = 300) -> None:
    """Run every cell of a notebook in a kernel that works in a folder; its outputs are then in it.

    Raises:
        CellExecutionError, RuntimeError, TimeoutError: of nbclient.
    """
    from nbclient import NotebookClient

    NotebookClient(
        notebook, timeout=timeout_seconds, kernel_name="python3", resources={"metadata": {"path": str(folder)}},
        extra_arguments=["--log-level=ERROR"],  # a warning that it listens on this machine's own ports means nothing to a reader
    ).execute()  # fmt: skip


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _hidden(path: Path, shelf: Path) -> bool:
    return any(part.startswith(".") or part == "__pycache__" for part in path.relative_to(shelf).parts)
