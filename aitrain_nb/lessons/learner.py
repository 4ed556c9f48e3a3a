"""What a learner calls in a lesson. Each takes an id: lesson and number, such as "06.1"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aitrain_nb import html
from aitrain_nb.errors import AitrainError, unknown_name
from aitrain_nb.lessons import book, gates, views
from aitrain_nb.lessons.card import Card, judged, next_hint, rate
from aitrain_nb.lessons.desk import desk
from aitrain_nb.lessons.exercises import RATINGS, AnswerError, Explain, Fill, Sort
from aitrain_nb.lessons.lesson import Lab

if TYPE_CHECKING:
    from aitrain_nb.lessons.lesson import Lesson

gates.install()


def start(section: str) -> Lab:
    """Make what a section works with, from nothing and in under a second: begin anywhere, or begin again.

    Args:
        section: such as "06.2".

    Raises:
        AitrainError: there is no such section.
    """
    found = book.section(section)
    if section not in desk().sections:
        desk().sections.append(section)
        desk().keep()
    return found.begin() if found.begin is not None else Lab()


def guess(exercise: str, answer: Any = None) -> Card:
    """The gate before a run: guess, then the cell below opens. Guesses are never scored.

    Args:
        exercise: such as "06.1".
        answer: the guess; without one the page asks for it.

    Raises:
        AnswerError: it can't be read.
    """
    card = Card(book.exercise(exercise), desk(), is_gate=True)
    if answer is not None:
        card.answer(answer)
    return card


def outcome(exercise: str, measured: Any = None) -> views.Answered:
    """What came out, beside what was guessed.

    Args:
        exercise: such as "06.1".
        measured: what the run gave: a number, or the letter of an answer.
    """
    found = book.exercise(exercise)
    return views.outcome(found, desk().guess_of(found), measured)


def check(exercise: str, answer: Any = None, *, rated: str | None = None) -> Card | views.Answered:
    """Answer a question, or let the page ask it.

    Args:
        exercise: such as "06.2".
        answer: yours: a letter, a number, a sentence, or what your line of code made; without one the page asks.
        rated: of a sentence of your own: how it compares with ours.

    Raises:
        AnswerError: it can't be read as an answer.
    """
    found = book.exercise(exercise)
    if answer is None or answer is Ellipsis:
        return views.answered(found.unanswered()) if isinstance(found, Fill) else Card(found, desk(), is_gate=False)
    verdict = judged(found, desk(), answer)
    if rated is not None:
        if rated not in RATINGS or not isinstance(found, Explain):
            raise AnswerError(*unknown_name("rating", rated, RATINGS))
        rate(found, desk(), rated)
    return views.answered(verdict)


def order(exercise: str, answer: Any = None) -> Card | views.Answered:
    """Put lines in order, or let the page ask for it.

    Args:
        exercise: such as "01.1".
        answer: the numbers of the lines, such as "3 1 2 4".

    Raises:
        AnswerError: it isn't an order of these lines, or this exercise has none.
    """
    found = book.exercise(exercise)
    if not isinstance(found, Sort):
        raise AnswerError(
            f"{exercise} has no lines to order.", "It is a question of another kind.", f'check("{exercise}")'
        )
    return check(exercise, answer)


def hint(exercise: str) -> views.Note:
    """One more hint; there are three, each saying more."""
    return next_hint(book.exercise(exercise), desk())


def solution(exercise: str) -> views.Note:
    """The answer, why it is right, and why the others aren't."""
    return views.solved(book.exercise(exercise))


def progress(lesson: str | None = None) -> views.Note:
    """What you have done: of one lesson, or of all."""
    chosen = [book.lesson(lesson)] if lesson else book.lessons()
    rows = []
    for one in chosen:
        ids = [exercise.id for exercise in one.exercises]
        answered = [desk().answers[name] for name in ids if name in desk().answers]
        right = sum(bool(answer["ok"]) for answer in answered)
        guessed = sum(name in desk().guesses for name in ids)
        begun = f"{_begun(one)} of {len(one.sections)}"
        rows.append((f"{one.number} {one.title}", begun, guessed, f"{right} of {len(answered)}"))
    words = [
        f"{name}: {begun} sections begun, {guessed} guesses, {right} answers right"
        for name, begun, guessed, right in rows
    ]
    table = html.table(["lesson", "sections begun", "guesses", "answers right"], rows)
    return views.Note("What you have done", (table,), words="\n".join(words))


def reset(what: str = "") -> views.Note:
    """Forget guesses and answers: of one exercise ("06.1"), of one lesson ("06"), or all of them."""
    count = desk().forget(what)
    about = f"of {what}" if what else "of all lessons"
    return views.Note("Reset", (f"{count} notes {about} are forgotten. The gates are closed again.",))


_FIRST = (
    "amber", "blue", "coral", "gold", "green", "grey", "lilac", "olive", "orange", "pink", "plum", "red", "ruby", "sand", "silver", "teal",
)  # fmt: skip
_SECOND = (
    "bear", "crane", "deer", "dove", "eagle", "finch", "fox", "hare", "heron", "lark", "lynx", "otter", "owl", "seal", "swan", "wolf",
)  # fmt: skip


def status(lesson: str) -> views.Note:
    """A code of two words for what you have done in a lesson: call it out, and whoever teaches knows where you are.

    The first word is how many sections you have begun, the second how many questions you have answered right.
    """
    one = book.lesson(lesson)
    begun = _begun(one)
    right = sum(bool(desk().answers.get(exercise.id, {}).get("ok")) for exercise in one.exercises)
    code = f"{_FIRST[min(begun, 15)]} {_SECOND[min(right, 15)]}"
    done = f"{begun} of {len(one.sections)} sections begun, {right} of {len(one.exercises)} questions right."
    return views.Note(f"Status {lesson}: {code}", (done,))


def _begun(lesson: Lesson) -> int:
    return sum(section.id in desk().sections for section in lesson.sections)


def glossary(word: str | None = None) -> views.Note:
    """What a word means, in one sentence; without a word, all of them."""
    from aitrain_nb.lessons.words import find, words

    if word is None:
        rows = [f"{name}: {says}" for name, says in sorted(words().items())]
        return views.Note("Glossary", rows)
    found = find(word)
    if found is None:
        raise AitrainError(*unknown_name("word", word, sorted(words())))
    return views.Note(found, (words()[found],))
