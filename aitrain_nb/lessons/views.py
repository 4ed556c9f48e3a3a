"""What is said to a learner, as HTML for the page and as words for a terminal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aitrain_nb import html, lettering
from aitrain_nb.lessons.exercises import Choice, Exercise, Number, Option, Sort, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

_HUES = {True: html.GREEN, False: html.ORANGE, None: html.BLUE}
_MARKS = {True: "✓", False: "✗", None: "·"}
_LINE = 320
"""Pixels of the line on which a guess and what came out are marked."""


@dataclass(frozen=True)
class Note:
    """Some paragraphs with a coloured edge.

    Attributes:
        head: what it is.
        paragraphs: text or HTML.
        ok: green, orange, or blue for neither.
        words: what a terminal shows instead of the paragraphs, where those are HTML.
    """

    head: str
    paragraphs: Sequence[object]
    ok: bool | None = None
    words: str = ""

    def to_html(self) -> html.Markup:
        """A block of the page."""
        head = html.element("div", html.element("b", f"{_MARKS[self.ok]} {self.head}"))
        rows = [html.element("div", _with_code(part), style="margin-top:3px") for part in self.paragraphs if part]
        hue = _HUES[self.ok]
        style = f"border-left:4px solid rgb({hue});background-color:rgba({hue},0.08);padding:6px 12px;margin:4px 0;max-width:720px"
        return html.element("div", head, *rows, style=style)

    def text(self) -> str:
        """In a terminal; what is HTML stands on the page only."""
        if self.words:
            return f"{self.head}\n{self.words}"
        parts = [lettering.visible(str(part)) for part in self.paragraphs if part and not isinstance(part, html.Markup)]
        return "\n".join([f"{_MARKS[self.ok]} {self.head}", *parts])

    def _repr_html_(self) -> str:
        return self.to_html()

    def __repr__(self) -> str:
        return self.text()


def _with_code(part: object) -> html.Markup:
    """What stands between backticks is code, as in the text of a lesson."""
    if isinstance(part, html.Markup):
        return part
    pieces = str(part).split("`")
    return html.join(html.element("code", piece) if place % 2 else piece for place, piece in enumerate(pieces))


@dataclass(frozen=True, repr=False)
class Answered(Note):
    """What is said of an answer; it is true where the answer is right.

    Attributes:
        verdict: the judgement: `ok`, `message`, `misconception`, `next_step`.
    """

    verdict: Verdict | None = None

    @property
    def message(self) -> str:
        """What is said of it."""
        return self.verdict.message if self.verdict else ""

    def __bool__(self) -> bool:
        return bool(self.verdict)


def answered(verdict: Verdict) -> Answered:
    """A verdict as a note."""
    said = (verdict.message, _belief(verdict), verdict.next_step)
    return Answered(f"Check {verdict.exercise}", said, verdict.ok, verdict=verdict)


def _belief(verdict: Verdict) -> str:
    return f"Behind it may be the belief: {verdict.misconception}" if verdict.misconception else ""


def outcome(exercise: Exercise, guess: Any, measured: Any) -> Answered:
    """A guess beside what came out; where there was no guess, what came out and why.

    Args:
        exercise: what was asked.
        guess: in its plain form, or None.
        measured: what the run gave, in the exercise's own units; None: the right answer as it was written down.
    """
    truth = exercise.right_answer if measured is None else measured
    came = exercise.said(exercise.read(truth))
    if guess is None:
        return Answered(f"It was: {came}", (exercise.why,))
    verdict = exercise.judge(guess)
    said = f"You guessed: {exercise.said(guess)}"
    line = _number_line(float(guess), float(truth)) if isinstance(exercise, Number) else ""
    return Answered(f"{said} — it was: {came}", (line, verdict.message, _belief(verdict)), verdict.ok, verdict=verdict)


def _number_line(guess: float, truth: float) -> html.Markup:
    """Two marks on a line from 0 to beyond both."""
    low, high = min(0.0, guess, truth), max(0.0, guess, truth)
    wide = (high - low) or 1.0

    def mark(value: float, sign: str, hue: str, name: str) -> html.Markup:
        left = 4 + (_LINE - 60) * (value - low) / wide
        style = f"position:absolute;left:{left:.0f}px;top:0;white-space:nowrap;color:rgb({hue})"
        return html.element("span", html.element("b", sign, title=f"{name} {value:g}"), f" {value:.3g}", style=style)

    marks = [mark(guess, "△", html.ORANGE, "guess"), mark(truth, "●", html.GREEN, "outcome")]
    rows = [
        html.element("div", one, style=f"position:relative;height:1.3em;width:{_LINE}px;border-bottom:1px solid rgba({html.GREY},0.5)")
        for one in marks
    ]  # fmt: skip
    return html.join(rows)


def question(exercise: Exercise) -> list[html.Markup]:
    """The question with its answers, as it stands in a file that nobody runs."""
    parts = [html.element("div", exercise.ask, style="font-weight:600;margin:2px 0 4px;white-space:pre-line")]
    if isinstance(exercise, Choice):
        parts += [_option(letter, option) for letter, option in exercise.lettered]
    if isinstance(exercise, Sort):
        parts += [
            html.element("div", html.element("b", f"{place} "), html.element("code", line))
            for place, line in enumerate(exercise.lines, 1)
        ]
    return parts


def _option(letter: str, option: Option) -> html.Markup:
    curve = html.spark(option.curve, html.BLUE) if option.curve else ""
    return html.element("div", html.element("b", f"{letter}) "), option.text, html.Markup("&nbsp; "), curve)


def question_text(exercise: Exercise) -> str:
    """The same in words."""
    lines = [exercise.ask]
    if isinstance(exercise, Choice):
        lines += [f"  {letter}) {option.text}" for letter, option in exercise.lettered]
    if isinstance(exercise, Sort):
        lines += [f"  {place} {line}" for place, line in enumerate(exercise.lines, 1)]
    return "\n".join(lines)


def solved(exercise: Exercise) -> Note:
    """The answer, why it is right, and why the others aren't."""
    others = [
        html.join([html.element("b", _short(exercise, answer)), ": ", _with_code(says)])
        for answer, says in exercise.mistakes
    ]
    right = exercise.right_answer
    shown = exercise.said(exercise.read(right)) if exercise.kind != "fill" else ""
    return Note(f"Solution {exercise.id}{': ' if shown else ''}{shown}", (exercise.why, *others), True)


def _short(exercise: Exercise, answer: Any) -> str:
    if exercise.kind == "fill":
        return "If not"
    return exercise.said(exercise.read(answer))
