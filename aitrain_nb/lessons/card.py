"""A question on the page: a gate that waits for a guess, or an exercise that is judged, with hints and a solution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import traitlets

from aitrain_nb import html
from aitrain_nb.errors import AitrainError
from aitrain_nb.lessons import views
from aitrain_nb.lessons.desk import is_ungated
from aitrain_nb.lessons.exercises import RATINGS, Choice, Exercise, Fill, Number, Sort, Verdict
from aitrain_nb.widgets.front_end import source
from aitrain_nb.widgets.placed import Placed

if TYPE_CHECKING:
    from aitrain_nb.lessons.desk import Desk

_HEADS = {
    "choice": "Choose", "number": "A number", "sort": "Put in order", "fill": "Write one line", "explain": "In your own words",
}  # fmt: skip


class Card(Placed):
    """A question. As a gate it takes a guess and judges nothing; as an exercise it judges, hints and solves.

    Args:
        exercise: what is asked.
        desk: where the answer is kept.
        is_gate: whether it is a guess before a run.

    Attributes:
        value: the answer in its plain form; None while there is none. It can be observed.
    """

    _esm = source("placed.js", "card.js")
    _css = source("card.css")
    facts = traitlets.Dict().tag(sync=True)
    state = traitlets.Dict().tag(sync=True)
    value: Any = traitlets.Any()

    def __init__(self, exercise: Exercise, desk: Desk, *, is_gate: bool) -> None:
        self.exercise, self.desk, self.is_gate = exercise, desk, is_gate
        self._wrong = ""
        self._extra: list[views.Note] = []
        super().__init__(facts=self._facts())
        self._tell()

    def answer(self, given: Any) -> None:
        """Answer in code what the page asks.

        Raises:
            AnswerError: it can't be read.
        """
        if self.is_gate:
            self.desk.guesses[self.exercise.id] = self.exercise.read(given)
            self.desk.keep()
        else:
            self._extra = [views.answered(judged(self.exercise, self.desk, given))]
        self._tell()
        self.refresh()

    def skip(self) -> None:
        """Open the gate without a guess."""
        if self.exercise.id not in self.desk.skipped:
            self.desk.skipped.append(self.exercise.id)
            self.desk.keep()
        self._tell()
        self.refresh()

    def hint(self) -> None:
        """Show one more hint."""
        self._extra = [one for one in self._extra if not one.head.startswith("Hint")] + [
            next_hint(self.exercise, self.desk)
        ]
        self._tell()

    def solve(self) -> None:
        """Show the solution."""
        self._extra = [views.solved(self.exercise)]
        self._tell()
        self.refresh()

    def take(self, message: dict[str, Any]) -> None:
        """A wish of the page: granted after the cell that may be running."""
        if message["type"] in {"answer", "skip", "hint", "solve", "rate"}:
            self.in_turn_or_now(lambda: self._grant(message))

    def _grant(self, message: dict[str, Any]) -> None:
        acts = {"skip": self.skip, "hint": self.hint, "solve": self.solve}
        self._wrong = ""
        try:
            if message["type"] == "answer":
                self.answer(message.get("answer"))
            elif message["type"] == "rate":
                rate(self.exercise, self.desk, str(message.get("rating")))
                self._tell()
            else:
                acts[message["type"]]()
        except AitrainError as error:
            self._wrong = f"{error.what} {error.why}"
            self._tell()

    def _facts(self) -> dict[str, Any]:
        one = self.exercise
        unit = one.unit if isinstance(one, Number) else ""
        facts: dict[str, Any] = {"id": one.id, "kind": one.kind, "ask": one.ask, "gate": self.is_gate, "unit": unit}
        facts["head"] = f"Predict {one.id}" if self.is_gate else f"Check {one.id} · {_HEADS[one.kind]}"
        if isinstance(one, Choice):
            facts["options"] = [
                {"letter": letter, "text": option.text, "curve": list(option.curve)} for letter, option in one.lettered
            ]
        if isinstance(one, Sort):
            facts["lines"] = list(one.lines)
        facts["how"] = f'guess("{one.id}", ...)' if self.is_gate else one.how()
        facts["ratings"] = list(RATINGS)
        return facts

    def _kept(self) -> Any:
        if self.is_gate:
            return self.desk.guess_of(self.exercise)
        return self.desk.answer_of(self.exercise)

    def _word(self) -> str:
        """What is to be done now, in a sentence."""
        kept = self._kept()
        if self.is_gate:
            if kept is not None:
                return f"Your guess: {self.exercise.said(kept)}. Now run the next cell (Shift + Enter)."
            if is_ungated():
                return "All gates are open here. Make your own guess before you read on."
            if self.desk.is_open(self.exercise.id):
                return "The gate is open. Run the next cell (Shift + Enter)."
            return "The next cell waits for your guess."
        return "not yet answered" if kept is None and not self._extra else ""

    def _tell(self) -> None:
        self.value = self._kept()
        left = len(self.exercise.hints) - self.desk.hints.get(self.exercise.id, 0)
        self.state = {
            "answer": self.value, "word": self._word(), "wrong": self._wrong, "left": max(0, left),
            "open": self.is_gate and self.desk.is_open(self.exercise.id),
            "notes": [str(one.to_html()) for one in self._extra],
            "said": " ".join(filter(None, [self._word(), *(one.text() for one in self._extra)])),
        }  # fmt: skip

    def twin(self) -> html.Markup:
        """The question, how to answer it in code, and what was answered."""
        how = html.join(["In code: ", html.element("code", self.facts["how"])])
        notes = [one.to_html() for one in self._extra]
        body = [*views.question(self.exercise), html.element("div", self._word(), style="margin-top:4px"), how, *notes]
        edges = f"border:1px solid rgba({html.GREY},0.4);border-left:4px solid rgb({html.BLUE})"
        style = f"{edges};padding:6px 12px;margin:4px 0;max-width:720px"
        return html.element("div", html.element("div", html.element("b", self.facts["head"])), *body, style=style)

    def text(self) -> str:
        """The same for a terminal."""
        parts = [self.facts["head"], views.question_text(self.exercise), self._word(), f"In code: {self.facts['how']}"]
        return "\n".join([*filter(None, parts), *(one.text() for one in self._extra)])


def judged(exercise: Exercise, desk: Desk, answer: Any) -> Verdict:
    """What is said of an answer; the desk notes it, where something was answered.

    Raises:
        AnswerError: it can't be read.
    """
    plain = exercise.read(answer)
    verdict = exercise.judge(plain)
    if verdict.message != exercise.unanswered().message:
        desk.note_answer(exercise.id, None if isinstance(exercise, Fill) else plain, ok=verdict.ok)
    return verdict


def next_hint(exercise: Exercise, desk: Desk) -> views.Note:
    """One more hint than was seen; after the last the last again."""
    seen = min(len(exercise.hints), desk.hints.get(exercise.id, 0) + 1)
    desk.hints[exercise.id] = seen
    desk.keep()
    more = f'The solution: solution("{exercise.id}")' if seen == len(exercise.hints) else ""
    return views.Note(f"Hint {seen} of {len(exercise.hints)}", (exercise.hints[seen - 1], more))


def rate(exercise: Exercise, desk: Desk, rating: str) -> None:
    """Keep how a learner judged the own sentence."""
    if rating in RATINGS and exercise.id in desk.answers:
        desk.answers[exercise.id] |= {"ok": rating == RATINGS[0], "rating": rating}
        desk.keep()
