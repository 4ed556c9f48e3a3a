"""Files: whether one is there, and how one takes another's place, so that a reader never sees half of it."""

from __future__ import annotations

import errno
import os
import re
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aitrain_nb.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable

_TRIES = 20
_DRAFT = ".draft"
_SHOWN = 60
"""So many letters of a name are shown."""
_FIXES = {
    errno.ENOSPC: "Free some space",
    errno.EDQUOT: "Free some space of what you may use there",
    errno.EROFS: "Nothing can be written to that disk: mount it for writing",
    errno.EACCES: "Give yourself the right to write there",
    errno.EPERM: "Give yourself the right to write there",
}
"""Number of an error -> what mends it."""


def is_there(path: Path) -> bool:
    """Whether there is a file or folder of this name.

    Raises:
        DataError: that can't be found out: the name is too long or no name, links go in a circle, a folder may not be entered.
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError) as error:
        name = path.name if len(path.name) <= _SHOWN else f"{path.name[:_SHOWN]}..."
        why = getattr(error, "strerror", None) or str(error)
        raise DataError(f"Can't look for {name!r}.", f"{why}.", "Check the path and its permissions.") from error
    return True


def named_folder(folder: Any, example: str) -> Path:
    """The folder that a person names; "." by its own name.

    Args:
        folder: a text or a path.
        example: a call that names one, as code.

    Raises:
        DataError: it is something else, or a name of blanks alone.
    """
    if not isinstance(folder, (str, os.PathLike)) or not isinstance(os.fspath(folder), str):
        raise DataError(
            f"{folder!r:.60} names no folder.",
            f"It is of the kind {type(folder).__name__}; a text or a Path is needed.",
            example,
        )
    if not os.fspath(folder).strip():
        raise DataError(f"{folder!r} names no folder.", "It is empty, or blanks alone.", example)
    named = Path(folder)
    with suppress(RuntimeError):  # "~somebody" may be a folder's own name
        named = named.expanduser()
    return named if named.name else named.resolve()


def check_place(file: Path) -> None:
    """Raise DataError before the work is done where a file could not be written after it."""
    folder = file.resolve().parent
    if (is_there(file) and file.is_dir()) or not folder.is_dir() or not os.access(folder, os.W_OK):
        why = "It is a folder" if file.is_dir() else f"There is no folder {folder.name!r} that can be written to"
        raise DataError(f"Can't write {str(file)!r}.", f"{why}.", "Name a file, in a folder that is there.")


def why_not_written(error: OSError | ValueError) -> str:
    """What the system says about a file that could not be written, without the path, which may be anybody's."""
    said = getattr(error, "strerror", None) or str(error)
    name = Path(error.filename).name if isinstance(error, OSError) and isinstance(error.filename, str) else ""
    return f"{said}: {name}" if name else said


def fix_of(error: OSError | ValueError, instead: str) -> str:
    """What mends it where a file can't be written: what fits the number of the error, or something else.

    Args:
        error: of the system.
        instead: what helps in any case, in words that may follow an "or".
    """
    fix = _FIXES.get(getattr(error, "errno", None) or 0)
    return f"{fix}, or {instead}." if fix else f"{instead[0].upper()}{instead[1:]}."


def write_whole(file: Path, text: str) -> None:
    """Put a text into a person's own file in one piece; raises DataError where that fails."""
    try:
        replace_text(file, text)
    except (OSError, ValueError) as error:
        raise DataError(
            f"Can't write {file.name!r}.", f"{why_not_written(error)}.", fix_of(error, "name another file")
        ) from error


def replace_file(path: Path, write: Callable[[Path], Any], *, synced: bool = True) -> None:
    """Write a file under another name and put it in place, so that a reader sees the old one or the new one, whole.

    What lay under the other name goes first, a link above all: nothing is written through it to another folder.

    Args:
        path: the file.
        write: writes the path it is given.
        synced: wait until it is on the disk; without it a loss of power may take it, the end of the process may not.

    Raises:
        OSError: it can't be written.
    """
    draft = path.with_name(f".{path.name}{_DRAFT}")
    draft.unlink(missing_ok=True)
    try:
        write(draft)
        if synced:
            with draft.open("rb+") as file:
                os.fsync(file.fileno())
        _rename(draft, path)
    except BaseException as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        if isinstance(error, OSError) and (error.filename is None or error.filename == str(draft)):
            error.filename = str(path)  # a disk that is full names none
        raise
    if synced:
        _sync_name(path.parent)


def _rename(draft: Path, path: Path) -> None:
    """Put a draft in its place; raises OSError where that fails."""
    for left in reversed(range(_TRIES)):
        try:
            draft.replace(path)
        except PermissionError:  # Windows, while a follower reads the old one: a fraction of a millisecond
            if not left:
                raise
            time.sleep(0.01)
        else:
            return


def replace_tensors(path: Path, write: Callable[[Path], Any]) -> None:
    """`replace_file` with what safetensors writes, as readable as the folder it lies in.

    Raises:
        OSError: the disk fails, for which safetensors has an error of its own.
    """
    from safetensors import SafetensorError

    def write_readable(draft: Path) -> None:
        write(draft)
        draft.chmod(0o666 & draft.parent.stat().st_mode)  # some versions make a file that nobody else may read

    try:
        replace_file(path, write_readable)
    except SafetensorError as error:
        number = re.search(r"\(os error (\d+)\)", str(error))
        if number is None:
            raise OSError(str(error)) from error
        raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from error


def drop_drafts(folder: Path) -> None:
    """Remove from a folder what a process left there that was killed in mid-write."""
    for draft in folder.glob(f".*{_DRAFT}"):
        draft.unlink(missing_ok=True)


def _sync_name(folder: Path) -> None:
    """Wait until a renaming is on the disk, where the system can be asked for that."""
    with suppress(OSError):  # Windows opens no folder; some file systems sync none
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def replace_text(path: Path, text: str, *, synced: bool = True) -> None:
    """`replace_file` with a text: UTF-8, line ends as they are."""
    replace_file(path, lambda draft: draft.write_bytes(text.encode()), synced=synced)
