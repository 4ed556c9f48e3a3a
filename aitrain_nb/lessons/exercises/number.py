"""A number."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from aitrain_nb import numerals
from aitrain_nb.lessons.exercises.base import AnswerError, Exercise, Verdict


@dataclass(frozen=True)
class Slip:
    """A number that many people answer, and why it isn't so."""

    value: float
    says: str
    belief: str = ""


@dataclass(frozen=True, kw_only=True)
class Number(Exercise):
    """A number, right within a tolerance.

    Attributes:
        right: the answer.
        within: how far off may still be right, as a part of it (0.1: a tenth); 0 for exactly.
        slips: wrong numbers with words of their own.
        low: what is said of any other number that is too small.
        high: and of one that is too large.
        unit: of the number.

    >>> one = Number(id="01.9", ask="2 + 2?", right=4, slips=(Slip(22, "Add, don't join."),), low="More.", high="Less.",
    ...              hints=("Count.", "Two and two.", "4."), why="Two and two are four.")
    >>> [one.judge(answer).message for answer in (22, 3, "4.0")]
    ["Add, don't join.", 'More.', 'Right. Two and two are four.']
    """

    kind: ClassVar[str] = "number"
    right: float
    within: float = 0.0
    slips: tuple[Slip, ...] = ()
    low: str
    high: str
    unit: str = ""

    def read(self, answer: Any) -> float:
        """A finite number; a comma or a percent sign may stand in it."""
        typed = answer.strip().replace(",", ".") if isinstance(answer, str) else answer
        try:
            part = typed.endswith("%") if isinstance(typed, str) else False
            number = float(typed[:-1]) if part else float(typed)
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number) or isinstance(answer, bool):
            raise AnswerError(
                f"{self.id}: {str(answer)[:60]!r} is not a number.",
                "This question asks for one.",
                f'check("{self.id}", 3)',
            )
        return number

    def judge(self, answer: Any) -> Verdict:
        """Right within the tolerance; else the nearest slip, or too small, or too large."""
        number = self.read(answer)
        if self._is(number, self.right, self.within):
            return self._right()
        for slip in self.slips:
            if self._is(number, slip.value, 0.01):
                return self._wrong(slip.says, slip.belief)
        return self._wrong(self.low if number < self.right else self.high)

    def _is(self, number: float, value: float, within: float) -> bool:
        return abs(number - value) <= within * abs(value) + 1e-9

    def said(self, answer: Any) -> str:
        """The number, to four digits, with its unit."""
        return f"{numerals.epoch_loss(answer)}{' ' if self.unit else ''}{self.unit}"

    @property
    def right_answer(self) -> float:
        """The number."""
        return self.right

    @property
    def wrong_answers(self) -> list[tuple[Any, str]]:
        """The slips, and one that is far too small and too large."""
        far = 1 + 10 * abs(self.right)
        return [*self.mistakes, (self.right - far, self.low), (self.right + far, self.high)]

    @property
    def mistakes(self) -> list[tuple[Any, str]]:
        """The slips."""
        return [(slip.value, slip.says) for slip in self.slips]
