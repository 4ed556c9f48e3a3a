"""All lessons: each file of `books/` that ends in `LESSON = ...` is one. Nothing else has to be told."""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from aitrain_nb.errors import AitrainError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aitrain_nb.lessons.exercises import Exercise
    from aitrain_nb.lessons.lesson import Lesson, Section

Part = TypeVar("Part", "Exercise", "Section")
BOOKS = Path(__file__).parent / "books"


def numbers() -> list[str]:
    """The numbers of the lessons that there are."""
    return sorted(path.stem.removeprefix("lesson_") for path in BOOKS.glob("lesson_*.py"))


@cache
def lesson(number: str) -> Lesson:
    """The lesson with this number.

    Raises:
        AitrainError: there is none.
    """
    if number not in numbers():
        raise AitrainError(*unknown_name("lesson", number, numbers()))
    found: Lesson = importlib.import_module(f"aitrain_nb.lessons.books.lesson_{number}").LESSON
    return found


def lessons() -> list[Lesson]:
    """All of them, in their order."""
    return [lesson(number) for number in numbers()]


def exercise(identity: str) -> Exercise:
    """The exercise with this id, such as "06.1".

    Raises:
        AitrainError: there is none.
    """
    return _one_of("exercise", identity, lesson(_number(identity)).exercises)


def section(identity: str) -> Section:
    """The section with this id, such as "06.2".

    Raises:
        AitrainError: there is none.
    """
    return _one_of("section", identity, lesson(_number(identity)).sections)


def _one_of(kind: str, identity: str, parts: Sequence[Part]) -> Part:
    for part in parts:
        if part.id == identity:
            return part
    raise AitrainError(*unknown_name(kind, identity, [part.id for part in parts]))


def _number(identity: str) -> str:
    number, dot, _ = str(identity).partition(".")
    if not dot:
        raise AitrainError(
            f"There is nothing named {str(identity)!r} in the lessons.", "A name is a lesson and a number.", '"06.1"'
        )
    return number.zfill(2)
