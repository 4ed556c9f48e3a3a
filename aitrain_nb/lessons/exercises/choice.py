"""One of several answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from aitrain_nb.lessons.exercises.base import AnswerError, Exercise, Verdict

LETTERS = "abcdefgh"


@dataclass(frozen=True)
class Option:
    """One answer to choose.

    Attributes:
        text: the answer.
        says: what is said of it; of a wrong one, why it isn't so.
        right: whether it is right.
        curve: numbers drawn as a small curve beside it.
        belief: the misconception behind it.
    """

    text: str
    says: str
    right: bool = False
    curve: tuple[float, ...] = ()
    belief: str = ""


@dataclass(frozen=True, kw_only=True)
class Choice(Exercise):
    """One of several answers; given as a letter or as its text.

    >>> one = Choice(id="00.9", ask="Is it?", options=(Option("yes", "It is.", right=True), Option("no", "Look again.")),
    ...              hints=("Look.", "It shines.", "Yes."), why="It is.")
    >>> one.judge("b").message
    'Look again.'
    """

    kind: ClassVar[str] = "choice"
    options: tuple[Option, ...]

    @property
    def lettered(self) -> list[tuple[str, Option]]:
        """Each option with its letter."""
        return list(zip(LETTERS, self.options, strict=False))

    def read(self, answer: Any) -> str:
        """The letter of an option."""
        typed = f"{answer:g}" if isinstance(answer, (int, float)) else str(answer).strip()
        for letter, option in self.lettered:
            if typed.lower() in {letter, option.text.lower()}:
                return letter
        letters = ", ".join(f'"{letter}"' for letter, _ in self.lettered)
        raise AnswerError(
            f"{self.id}: there is no answer {typed[:60]!r}.", f"The answers are {letters}.", f'check("{self.id}", "a")'
        )

    def judge(self, answer: Any) -> Verdict:
        """The words of the option."""
        option = self.option(answer)
        return (
            Verdict(self.id, True, f"Right. {option.says}") if option.right else self._wrong(option.says, option.belief)
        )

    def option(self, answer: Any) -> Option:
        """The option that is meant."""
        return self.options[LETTERS.index(self.read(answer))]

    def said(self, answer: Any) -> str:
        """The text of the option."""
        return self.option(answer).text

    @property
    def right_answer(self) -> str:
        """Its letter."""
        return next(letter for letter, option in self.lettered if option.right)

    @property
    def wrong_answers(self) -> list[tuple[Any, str]]:
        """Every other letter."""
        return [(letter, option.says) for letter, option in self.lettered if not option.right]
