"""What a lesson asks, and how an answer is judged: each wrong answer that is to be expected has words of its own.

An exercise is data; it knows nothing of notebooks. Right is a relation or a range, never a digit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from aitrain_nb.errors import AitrainError

if TYPE_CHECKING:
    from collections.abc import Callable

LETTERS = "abcdefgh"


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

    def read(self, answer: Any) -> str:
        """The letter of an option."""
        typed = f"{answer:g}" if isinstance(answer, (int, float)) else str(answer).strip()
        for letter, option in zip(LETTERS, self.options, strict=False):
            if typed.lower() in {letter, option.text.lower()}:
                return letter
        letters = ", ".join(f'"{letter}"' for letter, _ in zip(LETTERS, self.options, strict=False))
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
        return next(letter for letter, option in zip(LETTERS, self.options, strict=False) if option.right)

    @property
    def wrong_answers(self) -> list[tuple[Any, str]]:
        """Every other letter."""
        return [
            (letter, option.says) for letter, option in zip(LETTERS, self.options, strict=False) if not option.right
        ]


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
        """The number with its unit."""
        return f"{answer:g}{' ' if self.unit else ''}{self.unit}"

    @property
    def right_answer(self) -> float:
        """The number."""
        return self.right

    @property
    def wrong_answers(self) -> list[tuple[Any, str]]:
        """The slips, and one that is far too small and too large."""
        far = 1 + 10 * abs(self.right)
        return [
            *((slip.value, slip.says) for slip in self.slips),
            (self.right - far, self.low),
            (self.right + far, self.high),
        ]


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
