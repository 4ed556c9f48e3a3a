"""What can be asked, what was answered, and the branches of a run, as a page shows them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from aitrain_nb import html, numerals
from aitrain_nb.questions import OF_A_RUN, OF_A_STEP, Asked, Field, Question, Standing, standing, tree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aitrain_nb.trainer import Trainer

_INDENT = 18
"""Pixels a branch is moved to the right of the one that it left."""


class QuestionViews:
    """Makes the forms and the answers; what was once drawn of an answer is kept."""

    def __init__(self) -> None:
        self._drawn: dict[int, tuple[Asked, html.Markup]] = {}

    def page(self, trainer: Trainer, asked: Sequence[Asked]) -> dict[str, Any]:
        """What the page is told: questions (of the step), moves (of the run), answers (the newest first), and branches.

        Args:
            trainer: the branch that is walked on.
            asked: the questions that were asked, the newest last.
        """
        return {
            "questions": [_form(*one) for one in standing(trainer, OF_A_STEP)],
            "moves": [_form(*one) for one in standing(trainer, OF_A_RUN)],
            "answers": [self._answer(trainer, one, view) for one, view in self._draw(asked)],
            "branches": [_branch(one) for one in tree(trainer)],
        }

    def twins(self, trainer: Trainer, asked: Sequence[Asked]) -> list[html.Markup]:
        """The answers and the branches without any script."""
        found = []
        for one, view in self._draw(asked):
            code = html.element("div", html.element("code", one.code), style="margin-top:8px")
            found.append(html.element("div", html.element("b", _about(one)), code, view, style="margin-top:8px"))
        branches = tree(trainer)
        return [*found, _tree_twin(branches)] if len(branches) > 1 else found

    def _draw(self, asked: Sequence[Asked]) -> list[tuple[Asked, html.Markup]]:
        """Draw what is new, forget what is gone: the newest first."""
        known, self._drawn = self._drawn, {}
        for one in reversed(asked):
            self._drawn[id(one)] = known.get(id(one)) or (one, one.question.show(one.answer))
        return list(self._drawn.values())

    @staticmethod
    def _answer(trainer: Trainer, one: Asked, view: html.Markup) -> dict[str, Any]:
        is_current = one.records is not None and trainer.records is one.records
        follow_ups = one.question.follow_ups(one.values, one.answer) if is_current else []
        return {
            "key": id(one), "question": one.question.name, "about": _about(one), "code": one.code, "html": str(view),
            "followUps": [
                {"label": more.label, "question": more.question, "values": {name: str(value) for name, value in more.values.items()}}
                for more in follow_ups
            ],
        }  # fmt: skip


def _about(one: Asked) -> str:
    """The question, and of which step it was asked."""
    return f"{one.question.label} · {one.branch}, step {one.step:,}"


def _form(question: Question, why_not: str, fields: Sequence[Field]) -> dict[str, Any]:
    return {
        "name": question.name, "label": question.label, "help": question.help, "after": question.after, "whyNot": why_not,
        "button": question.button, "fields": [_field(field) for field in fields],
    }  # fmt: skip


def _field(field: Field) -> dict[str, Any]:
    choices = [{"value": str(value), "label": words} for value, words in field.choices]
    return {
        "name": field.name, "label": field.label, "kind": field.kind, "value": field.written, "choices": choices, "empty": field.empty
    }  # fmt: skip


def _loss(value: float) -> str:
    return "" if math.isnan(value) else numerals.step_loss(value)


def _branch(one: Standing) -> dict[str, Any]:
    return {
        "name": one.name, "depth": one.depth, "origin": one.origin, "step": f"{one.step:,} of {one.total:,}", "loss": _loss(one.loss),
        "validationLoss": _loss(one.validation_loss), "isHere": one.is_here, "isAtEnd": one.step >= one.total,
    }  # fmt: skip


def _tree_twin(branches: Sequence[Standing]) -> html.Markup:
    rows = []
    for one in branches:
        name = f"{'└ ' if one.depth else ''}{one.name}{' (here)' if one.is_here else ''}"
        indented = html.element("span", name, style=f"padding-left:{one.depth * _INDENT}px")
        told = _branch(one)
        rows.append([indented, one.origin, told["step"], told["loss"], told["validationLoss"]])
    heads = ["branch", "from", "step", "loss (nats)", "validation loss"]
    return html.wide("Branches", html.table(heads, rows, "The branches of this run"))
