"""An exercise, and what is said of an answer to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from aitrain_nb.errors import AitrainError


class AnswerError(AitrainError):
    """An answer that can't be read as one: a word where a number belongs, an order that names a line twice."""


@dataclass(frozen=True)
class Verdict:
    """What is said of an answer.

    Attributes:
        exercise: its id.
        ok: whether it is right; None where nothing was answered yet, or where a person judges it.
        message: what is said.
        misconception: the belief behind a wrong answer, where it is known.
        next_step: what to do now.
    """

    exercise: str
    ok: bool | None
    message: str
    misconception: str = ""
    next_step: str = ""

    def __bool__(self) -> bool:
        return self.ok is True


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """One question of a lesson. Its kinds are below.

    Attributes:
        id: lesson and number, such as "06.1".
        ask: the question.
        hints: three, each saying more than the one before.
        why: why the right answer is right.
    """

    kind: ClassVar[str]
    id: str
    ask: str
    hints: tuple[str, str, str]
    why: str

    def read(self, answer: Any) -> Any:
        """The answer in its plain form, which can be kept as JSON.

        Raises:
            AnswerError: it can't be read.
        """
        raise NotImplementedError

    def judge(self, answer: Any) -> Verdict:
        """What is said of an answer.

        Raises:
            AnswerError: it can't be read.
        """
        raise NotImplementedError

    def said(self, answer: Any) -> str:
        """A plain answer in words."""
        return str(answer)

    @property
    def right_answer(self) -> Any:
        """One that is right, as a learner would give it."""
        raise NotImplementedError

    @property
    def wrong_answers(self) -> list[tuple[Any, str]]:
        """Wrong answers that are to be expected, each with the words that are said of it."""
        return []

    @property
    def mistakes(self) -> list[tuple[Any, str]]:
        """Those of them that a solution explains."""
        return self.wrong_answers

    def _right(self) -> Verdict:
        return Verdict(self.id, True, f"Right. {self.why}")

    def _wrong(self, message: str, misconception: str = "") -> Verdict:
        return Verdict(self.id, False, message, misconception, f'A hint: hint("{self.id}")')

    def unanswered(self) -> Verdict:
        """What is said where nothing was answered."""
        return Verdict(self.id, None, "not yet answered", next_step=self.how())

    def how(self) -> str:
        """How to answer in code."""
        return f'check("{self.id}", ...)'
