"""Time travel: back to an earlier step, and branches that go on from it in other ways.

What lies between two kept states is computed again by the run's own phases, so an earlier step is reached exactly: weights, optimizer,
random numbers, place in the data, best weights and history are, to the last bit, what they were then.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from aitrain_nb.engine.interrupts import whole
from aitrain_nb.engine.precision import carry_scale
from aitrain_nb.errors import ConfigError, PhaseError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aitrain_nb.engine.snapshots import State
    from aitrain_nb.history import History
    from aitrain_nb.trainer import Trainer

FIRST = "main"
"""Name of the run that others branch off."""
_OF_THE_MODEL = (
    "task", "data", "model", "method", "tokenizer", "text_column", "pair_column", "label_column", "image_size",
    "vocabulary_size", "max_length", "normalization", "validation_fraction", "test_fraction", "buffer_size", "evaluation_examples",
    "lora_rank", "lora_alpha", "lora_dropout", "freeze", "frozen_layers",
)  # fmt: skip
"""Fields that decide what is trained, and on what; branches have them in common."""
_OF_THE_ORDER = ("batch_size", "gradient_accumulation_steps", "seed", "group_by_length")
"""Fields that decide which examples a step gets."""
_PORTIONS = ("micro_batch_size", "evaluation_batch_size")
"""Changes that a step taken again has to know of; all else comes again by itself, or stands in the rows."""


class Branch(NamedTuple):
    """Where a run comes from.

    Attributes:
        name: by which it is told apart from the others.
        parent: name of the run that it left; empty for the first.
        step: optimizer steps taken where it left.
        changes: the fields of the config that it has of its own.
    """

    name: str = FIRST
    parent: str = ""
    step: int = 0
    changes: Mapping[str, Any] = {}

    def __str__(self) -> str:
        if not self.parent:
            return self.name
        changes = ", ".join(f"{name}={value!r}" for name, value in self.changes.items()) or "nothing changed"
        return f"{self.name}: from {self.parent} at step {self.step:,}, {changes}"


def undo(trainer: Trainer, steps: int = 1) -> None:
    """Go back by so many steps, exactly, bit for bit; a step under way counts as one.

    Weights, buffers, optimizer, random numbers, place in the data and history are put back.

    Args:
        trainer: whose steps are taken back.
        steps: 1 or more; more than were taken go back to the first state that is kept.

    Raises:
        ConfigError: it is no number of steps.
        PhaseError: no state as early as that is kept.
    """
    if not isinstance(steps, int) or isinstance(steps, bool) or steps < 1:
        raise ConfigError(
            f"undo({steps!r}) isn't possible.", "It takes how many steps to go back.", "undo(3) takes back three."
        )
    if trainer.is_in_step:
        trainer._drop_unfinished_step()
        steps -= 1
    if steps and not trainer.step:
        raise PhaseError(
            "There is no step to take back.", "None has been taken yet.", "Take one: trainer.fit(), or the five phases."
        )
    if steps:
        rewind(trainer, max(0, trainer.step - steps))


def rewind(trainer: Trainer, step: int) -> None:
    """Go back to where the run stood after `step` optimizer steps, exactly, bit for bit; a step under way is dropped.

    Steps by hand keep their states, `fit` does so with `snapshot_every`; from the nearest earlier one the steps are taken again.

    Args:
        trainer: whose run goes back.
        step: 0 is before the first.

    Raises:
        PhaseError: the run has not come as far as that, or no state as early as that is kept.
    """
    _check_reached(trainer, step)
    trainer._drop_unfinished_step()
    if step == trainer.step:
        trainer.resume()
        return
    nearest = _nearest(trainer, step)
    was = trainer.history.upto(step)
    trainer.restore(nearest)
    _take_again(trainer, step, was)


def fork(trainer: Trainer, name: str = "", at: int | None = None, **changes: Any) -> Trainer:
    """A branch: another trainer that stands where this one stands, or stood, and goes on by itself, with other settings if you like.

    It has its own copy of the weights, and shares the data. Unchanged, it takes the very steps that this one takes. Other settings act
    from the next step on; another optimizer begins with empty averages. `trainer.branches` holds all of them by name, the first one too.

    Args:
        trainer: whose run is left.
        name: by which pictures and tables tell it apart; by default what was changed.
        at: optimizer steps taken where it branches off; None is now.
        changes: fields of the config. What is trained, and on what, can't change.

    Raises:
        ConfigError: no such field, a field that branches have in common, a value out of range, or a name that is taken.
        PhaseError: the run has not come as far as that, or no state as early as that is kept.

    Example:
        faster = trainer.fork("faster", at=100, learning_rate=0.01)
        faster.fit()
        ai.compare(trainer, faster)
    """
    _check_changes(trainer, changes)
    at = trainer.step if at is None else at
    _check_reached(trainer, at)
    name = _new_name(trainer, name, changes)
    was = trainer.history.upto(at)
    if at == trainer.step:
        branch = _copy(trainer, trainer.training_state(), was, changes)
    else:
        there = _copy(trainer, _nearest(trainer, at), was, {})
        _take_again(there, at, was)
        branch = _copy(there, there.training_state(), was, changes) if changes else there
    if branch.total_steps < at:
        raise ConfigError(
            f"A branch of {branch.total_steps:,} steps is shorter than what was already trained.", f"It begins at step {at:,}.",
            f"Set max_steps to more than {at:,}, or leave it out.",
        )  # fmt: skip
    branch.branch = Branch(name, trainer.branch.name, at, changes)
    branch.branches = trainer.branches
    trainer.branches[name] = branch
    return branch


# going back


def _check_reached(trainer: Trainer, step: Any) -> None:
    if not isinstance(step, int) or isinstance(step, bool) or step < 0:
        raise ConfigError(
            f"{step!r} is no step of a run.", "Steps are counted 0, 1, 2, ...", "Give how many steps had been taken."
        )
    if step > trainer.step:
        raise PhaseError(
            f"The run has not been at step {step:,}.",
            f"It has taken {trainer.step:,} steps.",
            "Train up to there first: trainer.fit().",
        )


def _nearest(trainer: Trainer, step: int) -> State:
    """The newest state that is kept and not later than `step`."""
    found = trainer.snapshots.nearest(step)
    if found is None and step < trainer.branch.step:
        raise PhaseError(
            f"This branch has no step {step:,}.", f"It left {trainer.branch.parent} at step {trainer.branch.step:,}.",
            f"Ask the run it left: trainer.branches[{trainer.branch.parent!r}].",
        )  # fmt: skip
    if found is None:
        raise PhaseError(
            f"There is no snapshot to go back to step {step:,} from.",
            "Steps by hand keep one while they fit into snapshot_memory_bytes; fit does so with snapshot_every, from its own steps on.",
            "Train with snapshot_every=10, or raise snapshot_memory_bytes.",
        )
    return found


def _take_again(trainer: Trainer, step: int, was: History) -> None:
    """Take the steps up to `step` again, at the rates and in the portions that they had, with the evaluations between them.

    Args:
        trainer: stands at an earlier state.
        step: where it shall stand.
        was: the rows of those steps, as they were the first time.
    """
    evaluated = [row["step"] for row in was.evaluations]
    trainer.history.changes = [change for change in was.changes if change.name in _PORTIONS]
    try:
        trainer._rates_again = {row["step"]: row["lr"] for row in was}
        while trainer.step < step:
            for _ in trainer.phases():
                pass
            if trainer.step in evaluated:
                trainer.evaluate_and_keep()
    finally:
        with whole():
            trainer._rates_again = {}
            found = [row["loss"] for row in trainer.history]
            trainer.records = None
            trainer.history.become(was.upto(trainer.step))
    expected = [row["loss"] for row in was][: len(found)]
    if repr(found) != repr(expected):
        first = next(
            place for place, pair in enumerate(zip(found, expected, strict=False), 1) if repr(pair[0]) != repr(pair[1])
        )
        trainer.notes.append(
            f"Step {first:,}, taken again, did not come out as it was: weights were changed by hand since, or this machine doesn't compute "
            "the same twice."
        )


# branching


def _check_changes(trainer: Trainer, changes: dict[str, Any]) -> None:
    fields = type(trainer.config).model_fields
    for name in changes:
        if name in _OF_THE_MODEL:
            raise ConfigError(
                f"A branch can't have another {name}.", "Branches train the same model on the same data.",
                "Begin a run of its own: ai.prepare(...).",
            )  # fmt: skip
        if name not in fields:
            raise ConfigError(
                *unknown_name("field of a branch", name, [one for one in fields if one not in _OF_THE_MODEL])
            )


def _new_name(trainer: Trainer, name: str, changes: dict[str, Any]) -> str:
    """The name of a new branch; raises ConfigError where it is taken."""
    if not isinstance(name, str):
        raise ConfigError(
            f"{name!r} is no name of a branch.",
            "It is written into pictures and tables.",
            'fork("faster", learning_rate=0.01)',
        )
    if name in trainer.branches:
        raise ConfigError(
            f"There is a branch {name!r} already.", f"The branches are: {', '.join(trainer.branches)}.",
            f"Choose another name, or forget that one: del trainer.branches[{name!r}].",
        )  # fmt: skip
    wanted = name or ", ".join(f"{field} {value}" for field, value in changes.items()) or "as it was"
    return free_name(trainer, wanted)


def free_name(trainer: Trainer, wanted: str) -> str:
    """The name itself, or with a number where a branch has it already."""
    names = (wanted, *(f"{wanted} ({number})" for number in range(2, len(trainer.branches) + 3)))
    return next(free for free in names if free not in trainer.branches)


def _copy(trainer: Trainer, state: State, was: History, changes: dict[str, Any]) -> Trainer:
    """Another trainer that stands at this state and goes on by this config."""
    config = trainer.config.replace(**changes)
    trainer.task.check_config(config)
    found = type(trainer)(
        copy.deepcopy(trainer.model), trainer.task, trainer.data, config, trainer.processor, prepared=trainer.prepared
    )
    notes = _fitted(found, trainer, state)
    about, found.history = found.history.about, was.upto(state.step)
    found.history.about = about
    if "learning_rate" in changes:  # a rate that was set while the run went on gives way
        found.history.changes = [change for change in found.history.changes if change.name != "learning_rate"]
    found.notes += notes
    return found


def _fitted(branch: Trainer, trainer: Trainer, state: State) -> list[str]:
    """Put the branch at this state of a trainer, as far as its own settings let it; gives a sentence on what they don't."""
    before, config, notes = trainer.config, branch.config, []
    optimizer, cursor = state.optimizer, state.cursor
    fresh = branch.optimizer.state_dict()
    if config.optimizer != before.optimizer:
        optimizer = fresh
        notes.append(
            f"{config.optimizer} begins with empty averages: what {before.optimizer} had gathered is of no use to it."
        )
    else:  # what it has gathered, with the options that the config asks for now
        carry_scale(optimizer["param_groups"][0], fresh["param_groups"][0])
        places = {name: place for place, name in enumerate(_order(branch))}
        gathered = {
            places[name]: optimizer["state"][place]
            for place, name in enumerate(_order(trainer))
            if place in optimizer["state"]
        }
        optimizer = {"state": gathered, "param_groups": fresh["param_groups"]}
    if fields := [name for name in _OF_THE_ORDER if getattr(config, name) != getattr(before, name)]:
        size = config.batch_size
        cursor = cursor._replace(position=cursor.position // size * size)
        notes.append(
            f"From here on its steps get other examples than those of the run it left: {', '.join(fields)} differ."
        )
    branch.restore(replace(state, cursor=cursor, optimizer=optimizer))
    return notes


def _order(trainer: Trainer) -> list[str]:
    """Names of the weights in the order in which their optimizer numbers them."""
    names = {id(weight): name for name, weight in trainer.model.named_parameters()}
    return [names[id(weight)] for group in trainer.optimizer.param_groups for weight in group["params"]]
