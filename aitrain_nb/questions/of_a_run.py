"""What can be done with a run as a whole: go back to a step, branch off, compare the branches, see where its time goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aitrain_nb import html, numerals
from aitrain_nb.comparing import compare
from aitrain_nb.profiling import profile
from aitrain_nb.questions.base import Call, Field, Question, call

if TYPE_CHECKING:
    from aitrain_nb.trainer import Trainer

_FASTER = 3
"""A branch is offered with so many times the learning rate."""


def _fork_fields(trainer: Trainer) -> list[Field]:
    config = trainer.config
    rate = trainer.history.changed("learning_rate", trainer.step + 1) if trainer.history.changes else None
    rate = rate or trainer.plan.peak
    optimizers = (
        ("", f"as it is ({config.optimizer})"),
        *((name, name) for name in ("adamw", "adam", "sgd") if name != config.optimizer),
    )
    return [
        Field("name", "Name", "text", None, empty="what is changed"),
        Field("at", "At step", "whole", trainer.step),
        Field("learning_rate", "Learning rate", "number", float(f"{_FASTER * rate:.3g}"), empty="as it is"),
        Field("optimizer", "Optimizer", "text", None, optimizers, empty="as it is"),
    ]


def _fork(trainer: Trainer, name: str | None, at: int, learning_rate: float | None, optimizer: str | None) -> Call:
    changes = {"learning_rate": learning_rate, "optimizer": optimizer}
    given = {field: value for field, value in changes.items() if value is not None}
    return call("trainer", trainer, "fork", *([name] if name else []), at=at, **given)


def _show_fork(branch: Any) -> html.Markup:
    notes = [html.element("p", note, style="margin:4px 0") for note in branch.notes]
    said = f"{branch.branch}. It stands at step {branch.step:,} and goes on by itself."
    return html.section("A branch", "", html.element("p", said, style="margin:4px 0"), *notes)


def _rewind(trainer: Trainer, step: int) -> Call:
    found = call("trainer", trainer, "rewind", step)

    def make() -> Trainer:
        found.make()
        return trainer

    return Call(found.code, make)


def _show_place(trainer: Any) -> html.Markup:
    loss = f"; the loss there was {numerals.step_loss(trainer.history.last['loss'])} nats" if trainer.step else ""
    return html.section(
        "Gone to a step", "", html.element("p", f"{trainer.branch.name} stands after step {trainer.step:,}{loss}.")
    )


def _compare(trainer: Trainer) -> Call:
    return Call("ai.compare(*trainer.branches.values())", lambda: compare(*trainer.branches.values()))


def _profile_fields(_trainer: Trainer) -> list[Field]:
    return [Field("steps", "Steps", "whole", 5)]


def _profile(trainer: Trainer, steps: int) -> Call:
    return Call(f"ai.profile(trainer, steps={steps})", lambda: profile(trainer, steps=steps))


def _is_in_step(trainer: Trainer) -> str:
    return "between two steps" if trainer.is_in_step else ""


def _none(_trainer: Trainer) -> list[Field]:
    return []


def _earlier(trainer: Trainer) -> list[Field]:
    return [Field("step", "Step", "whole", max(0, trainer.step - 1))]


def _lacks_a_step(trainer: Trainer) -> str:
    return "" if trainer.step else "after a step"


def _lacks_a_branch(trainer: Trainer) -> str:
    return "" if len(trainer.branches) > 1 else "after branching off"


OF_A_RUN = (
    Question(
        "fork", "Branch off", "A copy of the run goes on from a step with other settings; both futures can be compared.", "", _fork_fields,
        _fork, "Branch off", _show_fork,
    ),
    Question(
        "rewind", "Go to a step", "Back to where it stood, exactly; what came after it is dropped.", "", _earlier, _rewind, "Go there",
        _show_place, lacks=_lacks_a_step,
    ),
    Question(
        "compare", "Compare the branches", "All of them on one axis, and the step where they part.", "", _none, _compare, "Compare",
        lacks=_lacks_a_branch,
    ),
    Question(
        "profile", "Where does the time go?", "A copy of the run takes a few steps: how long each phase takes, and what is computed in it.",
        "", _profile_fields, _profile, "Look", lacks=_is_in_step,
    ),
)  # fmt: skip
"""What can be done with a run and its branches."""
