"""What may not leave this machine: paths, names, addresses, tokens."""

from __future__ import annotations

import getpass
import re
import sys
import tempfile
from pathlib import Path


def without_secrets(text: str) -> str:
    """The text without absolute paths, addresses, the user's name and what looks like a token."""
    known = [str(place) for place in (Path.cwd(), sys.prefix, tempfile.gettempdir(), Path.home())]
    for place in sorted(known, key=len, reverse=True):  # longest first, they may lie in each other
        text = text.replace(place, "(path)") if len(place) > 1 else text
    text = re.sub(r"(['\"])[^'\"]*[/\\][^'\"]*\1", "(path)", text)
    text = re.sub(r"\b[A-Za-z][\w+.-]*://\S+", "(address)", text)
    text = re.sub(r"\b(hf|sk|ghp|glpat|pypi)[_-][\w-]{6,}|(?<=token=)\S+|\b[0-9a-fA-F]{32,}\b", "(token)", text)
    text = re.sub(r"(?<![\w.])(?:~|[A-Za-z]:)?(?:[/\\][\w.@+-]+)+[/\\]?", "(path)", text)
    return re.sub(rf"\b{re.escape(_user())}\b", "(user)", text) if _user() else text


def below_home(name: str) -> str:
    """A path below the user's home as `~/data/mine.csv`, which doesn't tell whose it is; other names as they are."""
    place = Path(name)
    if place.is_absolute() and place.is_relative_to(Path.home()):
        return (Path("~") / place.relative_to(Path.home())).as_posix()
    return name


def _user() -> str:
    """The user's name where it could be one: two letters are too likely to be another word."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""
    return name if len(name) > 2 else ""
