"""What an examination is given, and what it finds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

AGAIN = "pip install --upgrade aitrain-nb"
"""The fix where the installation itself is broken."""


State = Literal["good", "warn", "bad"]


class Finding(NamedTuple):
    """What one examination saw.

    Attributes:
        name: what was looked at.
        state: "good", "warn" (the lessons run all the same) or "bad" (they don't, or not as they should).
        what: what was seen, in one line.
        fix: one thing to do; empty where nothing is needed.
    """

    name: str
    state: State
    what: str
    fix: str = ""


class Room(NamedTuple):
    """What is examined.

    Attributes:
        folder: where the lessons are or will be.
        seconds: how long to train.
    """

    folder: Path
    seconds: float
