"""Lines to be brought into an order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from aitrain_nb.lessons.exercises.base import AnswerError, Exercise, Verdict


@dataclass(frozen=True)
class Before:
    """A rule of an order: one line stands before another, and what is said where it doesn't."""

    first: int
    then: int
    says: str
    belief: str = ""


@dataclass(frozen=True, kw_only=True)
class Sort(Exercise):
    """Lines to be brought into an order; given as the numbers that they are shown with.

    Attributes:
        lines: as they are shown, so not in order.
        rules: what stands before what, by the numbers shown (from 1); any order that keeps them all is right.

    >>> one = Sort(id="01.9", ask="Order.", lines=("eat", "cook"), rules=(Before(2, 1, "Raw?"),),
    ...            hints=("Think.", "Fire first.", "2 1."), why="So it is.")
    >>> one.judge("1 2").message, one.judge([2, 1]).ok
    ('Raw?', True)
    """

    kind: ClassVar[str] = "sort"
    lines: tuple[str, ...]
    rules: tuple[Before, ...]

    def read(self, answer: Any) -> list[int]:
        """The numbers in the order given."""
        parts = answer.replace(",", " ").split() if isinstance(answer, str) else list(answer)
        try:
            numbers = [int(part) for part in parts]
        except (TypeError, ValueError):
            numbers = []
        if sorted(numbers) != list(range(1, len(self.lines) + 1)):
            raise AnswerError(
                f"{self.id}: {str(answer)[:60]!r} is no order of {len(self.lines)} lines.", "Each number stands in it once.",
                self.how(),
            )  # fmt: skip
        return numbers

    def judge(self, answer: Any) -> Verdict:
        """The first rule that is broken."""
        numbers = self.read(answer)
        for rule in self.rules:
            if numbers.index(rule.first) > numbers.index(rule.then):
                return self._wrong(rule.says, rule.belief)
        return self._right()

    def how(self) -> str:
        """In code."""
        return f'order("{self.id}", "{" ".join(str(place + 1) for place in range(len(self.lines)))}")'

    def said(self, answer: Any) -> str:
        """The lines, one after the other."""
        return ", ".join(self.lines[number - 1] for number in answer)

    @property
    def right_answer(self) -> str:
        """An order that keeps all the rules."""
        left, found = list(range(1, len(self.lines) + 1)), []
        while left:
            waits = {rule.then for rule in self.rules if rule.first in left}
            found.append(next(number for number in left if number not in waits))
            left.remove(found[-1])
        return " ".join(map(str, found))

    @property
    def wrong_answers(self) -> list[tuple[Any, str]]:
        """For each rule an order that breaks it alone, where there is one."""
        right = self.read(self.right_answer)
        found = []
        for rule in self.rules:
            moved = [number for number in right if number != rule.first]
            moved.insert(moved.index(rule.then) + 1, rule.first)
            if self.judge(moved).message == rule.says:
                found.append((moved, rule.says))
        return found
