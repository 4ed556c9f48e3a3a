"""Finding a source, and the text in a file: every way this can fail has its sentence."""

from __future__ import annotations

import difflib
import itertools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aitrain_nb import numerals
from aitrain_nb.errors import DataError, nearest
from aitrain_nb.lettering import with_article
from aitrain_nb.placing import is_there
from aitrain_nb.sources.values import shown

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_BYTES = 2 * 2**30
"""A larger file isn't read: it would need several times as much memory."""

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?", re.ASCII)
_NETWORK = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/|\\\\|//")
_HOW_ELSE = {
    ".zip": "Unpack it and give the file or folder inside.",
    ".gz": "Unpack it and give the file inside.",
    ".tar": "Unpack it and give the file or folder inside.",
    ".bz2": "Unpack it and give the file inside.",
    ".xz": "Unpack it and give the file inside.",
    ".zst": "Unpack it and give the file inside.",
    ".xlsx": "Save it as CSV in your spreadsheet program, or give pandas.read_excel(...).",
    ".xls": "Save it as CSV in your spreadsheet program, or give pandas.read_excel(...).",
    ".ods": "Save it as CSV in your spreadsheet program, or give pandas.read_excel(...).",
    ".pkl": "Save the data as CSV or Parquet: a pickle can run any program when it is read.",
    ".pickle": "Save the data as CSV or Parquet: a pickle can run any program when it is read.",
}


@dataclass(frozen=True)
class HubName:
    """The name of a data set on the hub; `near` is the local name most like it, or ""."""

    name: str
    near: str = ""


def locate(source: object, suffixes: Iterable[str]) -> object:
    """A path that exists, a `HubName`, or the object itself where it is neither text nor path.

    Args:
        source: as given to `read`.
        suffixes: endings of files; a text that ends so is never taken for a hub name.

    Raises:
        DataError: there is nothing of that name, or it lies on another machine.
    """
    if isinstance(source, str) and source.startswith("hub:"):
        return HubName(_hub_name(source.removeprefix("hub:").strip()))
    if not isinstance(source, (str, Path)):
        return source
    path = _local(str(source))
    if is_there(path):
        return path
    known = {*suffixes, *_HOW_ELSE}
    if (
        isinstance(source, str)
        and _HUB_NAME.fullmatch(str(source))
        and path.suffix.lower() not in known
        and not (len(path.parts) > 1 and path.parent.is_dir())
    ):
        return HubName(source, next(iter(likely(path)), ""))
    raise DataError(*_missing(path))


def _local(written: str) -> Path:
    """The path that a text names on this machine, whether or not it exists."""
    if not written.strip() or any(letter in written for letter in "\n\r\0"):
        raise DataError(
            "The source is no name of a file.",
            "It is an empty text." if not written.strip() else "It is a text of several lines, or holds a NUL.",
            "Give the name of a file, or a pandas DataFrame of your examples.",
        )
    if _NETWORK.match(written):
        raise DataError(
            "The source lies on another machine.",
            "Addresses are not followed; only names of data sets on the hub are.",
            "Download the file and give its name here.",
        )
    try:
        return Path(written).expanduser()
    except RuntimeError as error:  # ~somebody
        raise DataError(
            f"Can't find the home of {shown(Path(written).parts[0])}.", f"{error}.", "Write the whole path."
        ) from error


def _hub_name(name: str) -> str:
    if not _HUB_NAME.fullmatch(name):
        raise DataError(
            f"{shown(name)} is no name on the hub.",
            "A name has the form 'user/name' or 'name', of letters, digits, '-', '_' and '.'.",
            "Copy the name from the data set's page.",
        )
    return name


def likely(path: Path) -> list[str]:
    """Names in the path's folder that are like its name, the likeliest first."""
    try:
        names = [found.name for found in itertools.islice(path.parent.iterdir(), 10_000)]
    except OSError:
        return []
    visible = [name for name in names if not name.startswith(".")]
    return [
        name
        for name in nearest(path.name, visible)[:5]
        if max(_likeness(path.name, name), _likeness(path.name, Path(name).stem)) > 0.6
    ]


def _likeness(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one.lower(), other.lower()).ratio()


def _missing(path: Path) -> tuple[str, str, str]:
    if not path.parent.is_dir():
        return (
            f"There is no file {shown(path.name)}.",
            f"There is no folder {shown(path.parent.name)} either.",
            "Check the path; a name without a folder is looked for where the notebook runs.",
        )
    like = likely(path)
    what = f"There is no file or folder {shown(path.name)}."
    if like:
        return what, f"Names like it there: {', '.join(map(shown, like))}.", f"Did you mean {shown(like[0])}?"
    return (
        what,
        "Nothing in its folder has a name like it.",
        "Check the spelling, or give the path with its folder.",
    )


def not_taken(source: object, suffixes: Iterable[str]) -> tuple[str, str, str]:
    """`what, why, fix` for a source that no kind takes."""
    listed = ", ".join(suffixes)
    if isinstance(source, Path) and source.is_file():
        ending = source.suffix.lower()
        return (
            f"Can't read {shown(source.name)}.",
            f"Its ending {shown(ending)} is none of these: {listed}." if ending
            else f"Its name has no ending; these can be read: {listed}.",
            _HOW_ELSE.get(ending, "Rename the file to what it is, or save it as CSV."),
        )  # fmt: skip
    if isinstance(source, Path):
        return f"Can't read {shown(source.name)}.", "It is a device or a pipe, not a file.", "Give a file or a folder."
    return (
        f"Can't read examples from {with_article(type(source).__name__)}.",
        f"What can be read: a file ({listed}), a folder of images, a pandas DataFrame, a datasets.Dataset, a hub name.",
        "Make a pandas DataFrame of it: pandas.DataFrame(...).",
    )


def read_bytes(path: Path) -> bytes:
    """The file's bytes, at least one.

    Raises:
        DataError: it can't be opened, is empty, or is larger than `MOST_BYTES`.
    """
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise DataError(
                f"{shown(path.name)} is too large.",
                f"It has {numerals.memory(size)}; at most {numerals.memory(MOST_BYTES)} are read into memory.",
                "Give a part of it. Rows of text can be read while a run trains: buffer_size=10_000, and max_steps.",
            )
        data = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"Can't open {shown(path.name)}.", f"{error.strerror or error}.", "Check the file's permissions."
        ) from error
    if not data:
        raise DataError(f"{shown(path.name)} is empty.", "It has 0 bytes.", "Give a file with at least two examples.")
    return data


def read_text(path: Path, encoding: str | None) -> tuple[str, list[str]]:
    """The file's text, and what was decided about its encoding.

    Args:
        path: the file.
        encoding: its name, or None for UTF-8 with or without a byte order mark.

    Raises:
        DataError: the bytes are no text in this encoding (says which byte in which line), or hold a NUL.
    """
    data = read_bytes(path)
    name = shown(path.name)
    notes = [f"Encoding: {encoding}, as you asked."] if encoding else []
    if not encoding and data.startswith(b"\xef\xbb\xbf"):
        notes = ["Encoding: UTF-8 with a byte order mark, which is left out."]
    utf8 = not encoding or str(encoding).lower().replace("_", "-") in {"utf-8", "utf8"}
    try:
        text = data.decode("utf-8-sig" if utf8 else str(encoding))
    except UnicodeDecodeError as error:
        raise DataError(*_no_text(name, data, encoding, error)) from error
    except (LookupError, ValueError) as error:
        raise DataError(
            f"There is no encoding {shown(encoding)}.", f"Python says: {error}.", "Pass encoding='cp1252' or 'utf-16'."
        ) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DataError(
            f"{name} holds a NUL byte.",
            f"The first one is in line {line:,}; a text has none.",
            "If it is UTF-16, pass encoding='utf-16-le'; otherwise save it again as a UTF-8 text file.",
        )
    if not text.strip():
        raise DataError(f"{name} is empty.", "It has only blanks and line ends.", "Give a file with examples.")
    return text, notes


def _no_text(name: str, data: bytes, encoding: str | None, error: UnicodeDecodeError) -> tuple[str, str, str]:
    line = data.count(b"\n", 0, error.start) + 1
    byte = f"byte {error.start + 1:,} (0x{data[error.start]:02x}, in line {line:,})"
    what = f"{name} is no {encoding or 'UTF-8'} text."
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return what, f"It begins with the mark of UTF-16; {byte} fits no letter.", "Pass encoding='utf-16'."
    fix = "Save it again as UTF-8, or pass its encoding: encoding='cp1252' is what Windows programs write."
    return what, f"The {byte} fits no letter: {error.reason}.", fix
