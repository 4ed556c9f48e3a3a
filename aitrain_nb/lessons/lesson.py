"""A lesson described: its sections, its exercises, what a facilitator needs. One file in `books/` makes one."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from aitrain_nb.lessons.exercises import Exercise


class Lab(SimpleNamespace):
    """What a section works with: made anew by `start`, so that anyone can begin there."""

    def __repr__(self) -> str:
        names = ", ".join(f"lab.{name}" for name in vars(self))
        return f"Ready: {names}." if names else "Ready."


@dataclass(frozen=True)
class Section:
    """A section of a lesson.

    Attributes:
        id: lesson and number, such as "06.2".
        title: as in the notebook's heading.
        begin: makes what the section works with, in under a second; None where it needs nothing.
    """

    id: str
    title: str
    begin: Callable[[], Lab] | None = None


@dataclass(frozen=True)
class Facilitator:
    """What somebody who teaches the lesson needs.

    Attributes:
        teach: minutes of talking at the front.
        do: minutes in which the learners work.
        talk: minutes of talking with each other.
        script: three lines to say.
        expect: wrong answers that come, each with what helps.
        cut: what to leave out when time is short.
    """

    teach: int
    do: int
    talk: int
    script: tuple[str, str, str]
    expect: tuple[tuple[str, str], ...]
    cut: str


@dataclass(frozen=True)
class Lesson:
    """A lesson.

    Attributes:
        number: two digits.
        name: of the notebook, without number and ending.
        title: in words.
        minutes: how long it takes.
        able: what one is able to do afterwards.
        kills: beliefs that it ends.
        sections: in their order.
        exercises: in their order.
        facilitator: for those who teach it.
        words: its terms, each with a sentence; they join the glossary.
    """

    number: str
    name: str
    title: str
    minutes: int
    able: tuple[str, ...]
    kills: tuple[str, ...]
    sections: tuple[Section, ...]
    exercises: tuple[Exercise, ...]
    facilitator: Facilitator
    words: dict[str, str] = field(default_factory=dict)

    @property
    def stem(self) -> str:
        """The notebook's name without its ending."""
        return f"{self.number}_{self.name}"


def lab(**things: Any) -> Lab:
    """What a section works with."""
    return Lab(**things)


def pace(steps_a_second: float) -> float:
    """How fast a run goes that is there to be watched; as fast as it can (0) where `AITRAIN_NB_FULL_SPEED` says so: in tests."""
    return 0.0 if os.environ.get("AITRAIN_NB_FULL_SPEED", "") not in {"", "0"} else steps_a_second
