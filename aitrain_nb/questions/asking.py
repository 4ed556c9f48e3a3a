"""Asking: by name and with values, from code or from what a person typed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from aitrain_nb.errors import ConfigError, PhaseError, unknown_name
from aitrain_nb.questions.of_a_run import OF_A_RUN
from aitrain_nb.questions.of_a_step import OF_A_STEP

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aitrain_nb.questions.base import Field, Question
    from aitrain_nb.records import StepRecords
    from aitrain_nb.trainer import Trainer

_QUESTIONS = {question.name: question for question in (*OF_A_STEP, *OF_A_RUN)}


class Asked(NamedTuple):
    """A question that was asked.

    Attributes:
        question: the question.
        values: of its fields.
        code: the call that answered.
        answer: what it gave.
        branch, step: of which run, and after how many steps.
        records: of the step that it was asked of, or None.
    """

    question: Question
    values: dict[str, Any]
    code: str
    answer: Any
    branch: str
    step: int
    records: StepRecords | None


def find(name: str) -> Question:
    """The question of this name; raises ConfigError where there is none."""
    if name not in _QUESTIONS:
        raise ConfigError(*unknown_name("question", name, _QUESTIONS))
    return _QUESTIONS[name]


def standing(trainer: Trainer, questions: tuple[Question, ...]) -> list[tuple[Question, str, list[Field]]]:
    """Each question with why it can't be asked now ("" where it can), and with its fields where it can."""
    found = []
    for question in questions:
        why = question.why_not(trainer)
        found.append((question, why, [] if why else question.fields(trainer)))
    return found


def read(trainer: Trainer, question: Question, values: Mapping[str, Any]) -> dict[str, Any]:
    """A value for each field: what was given, or what stands in it.

    Raises:
        ConfigError: no such field, or a value that it doesn't take.
        PhaseError: it can't be asked yet.
    """
    if why := question.why_not(trainer):
        raise PhaseError(
            f"{question.label!r} can't be answered yet.", f"It is asked {why}.",
            "The run is at its end: with snapshot_every=1 trainer.undo() goes back a step, which then is walked again."
            if trainer.is_finished and not trainer.is_in_step
            else "Do that first, by hand: records are kept of steps that are walked.",
        )  # fmt: skip
    fields = {field.name: field for field in question.fields(trainer)}
    for name in values:
        if name not in fields:
            raise ConfigError(*unknown_name(f"field of the question {question.name!r}", name, fields))
    return {name: field.read(values.get(name, field.value)) for name, field in fields.items()}


def ask(trainer: Trainer, name: str, values: Mapping[str, Any]) -> Asked:
    """Ask, and give the answer with its code.

    Raises:
        AitrainError: there is no such question, a value doesn't fit, it can't be asked yet, or it has no answer.
    """
    question = find(name)
    known = read(trainer, question, values)
    made = question.call(trainer, **known)
    records = trainer.records
    answer = made.make()
    return Asked(question, known, made.code, answer, trainer.branch.name, trainer.step + trainer.is_in_step, records)
