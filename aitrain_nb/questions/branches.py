"""The branches of a run as a tree."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from aitrain_nb.trainer import Trainer


class Standing(NamedTuple):
    """How far a branch is.

    Attributes:
        name: of the branch.
        depth: how many branches it has left, one off the other: 0 for the first.
        origin: where it comes from and what it changed, in words; "" for the first.
        step: optimizer steps taken.
        total: of how many.
        loss: of its newest step, nats; NaN before the first.
        validation_loss: of its newest evaluation, nats; NaN before the first.
        is_here: whether it was asked of this one.
    """

    name: str
    depth: int
    origin: str
    step: int
    total: int
    loss: float
    validation_loss: float
    is_here: bool


def tree(trainer: Trainer) -> list[Standing]:
    """All branches that belong together, each under the one that it left."""
    branches = trainer.branches
    below: dict[str, list[str]] = {}
    for name, one in branches.items():
        parent = one.branch.parent if one.branch.parent in branches else ""
        below.setdefault(parent, []).append(name)
    found = []

    def add(parent: str, depth: int) -> None:
        for name in below.get(parent, []):
            found.append(_standing(branches[name], name, depth, is_here=branches[name] is trainer))
            add(name, depth + 1)

    add("", 0)
    return found


def _standing(one: Trainer, name: str, depth: int, *, is_here: bool) -> Standing:
    history = one.history
    evaluated = history.evaluations[-1].get("eval_loss", math.nan) if history.evaluations else math.nan
    loss = history.last["loss"] if one.step else math.nan
    origin = str(one.branch).removeprefix(f"{one.branch.name}: ") if one.branch.parent else ""
    return Standing(name, depth, origin, one.step, one.total_steps, loss, evaluated, is_here)
