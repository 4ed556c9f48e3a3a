"""What is written: a line of code, or a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from aitrain_nb.lessons.exercises.base import Exercise, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, kw_only=True)
class Fill(Exercise):
    """A line of code to be written; the answer is what it made: a value or a function.

    Attributes:
        test: what is wrong with the answer, None where it is right, "" where nothing was written yet; it may raise, which is then said.
        right: an answer that is right.
        wrong: answers that are to be expected, each with a part of what is said of it.
    """

    kind: ClassVar[str] = "fill"
    test: Callable[[Any], str | None]
    right: Any
    wrong: tuple[tuple[Any, str], ...]

    def read(self, answer: Any) -> Any:
        """As it is: code isn't kept."""
        return answer

    def judge(self, answer: Any) -> Verdict:
        """What the test says."""
        try:
            message = self.test(answer)
        except Exception as error:  # noqa: BLE001  code of a learner may raise anything
            message = f"Your code ended with {type(error).__name__}: {error}"
        if message == "":
            return self.unanswered()
        return self._right() if message is None else self._wrong(message)

    @property
    def right_answer(self) -> Any:
        """A value or a function."""
        return self.right

    @property
    def wrong_answers(self) -> list[tuple[Any, str]]:
        """As they were written down."""
        return list(self.wrong)


RATINGS = ("I had it", "in part", "not yet")


@dataclass(frozen=True, kw_only=True)
class Explain(Exercise):
    """A sentence in one's own words, judged by oneself against one that was written before.

    Attributes:
        model: a good answer.
        points: what a good answer says.
    """

    kind: ClassVar[str] = "explain"
    model: str
    points: tuple[str, ...]

    def read(self, answer: Any) -> str:
        """The words."""
        return str(answer).strip()

    def judge(self, answer: Any) -> Verdict:
        """The points to look for; nobody but the learner judges."""
        if len(self.read(answer).split()) < 3:
            return self._wrong("Say it in a whole sentence first; then you see ours.")
        points = " ".join(f"({place}) {point}" for place, point in enumerate(self.points, 1))
        return Verdict(self.id, None, f"One way to say it: {self.model}", next_step=f"Is this in yours? {points}")

    @property
    def right_answer(self) -> str:
        """The model answer."""
        return self.model

    @property
    def wrong_answers(self) -> list[tuple[Any, str]]:
        """Too short to be a sentence."""
        return [("yes", "Say it in a whole sentence first; then you see ours.")]
