"""A trial: steps that are taken on a run and leave no trace of it."""

from __future__ import annotations

import random
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from aitrain_nb.control import Control
from aitrain_nb.engine import snapshots
from aitrain_nb.engine.interrupts import whole
from aitrain_nb.engine.keeping import Keeper
from aitrain_nb.engine.turn import Turn
from aitrain_nb.errors import PhaseError
from aitrain_nb.history import History

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def trial(trainer: Any) -> Iterator[None]:
    """Inside, the trainer may be trained, by its own phases, with a history of its own; afterwards it is what it was, bit for bit.

    It begins with the weights that going on would begin with. Weights, buffers, gradients, optimizer, mode of each module, place in the
    data, history, snapshots, schedule and four random generators (the run's own, torch's, numpy's and python's) are put back, also when
    it raises or is interrupted.

    Args:
        trainer: between two steps.

    Raises:
        PhaseError: a step is under way.
    """
    if trainer.is_in_step:
        raise PhaseError(
            "A trial begins between two steps.", f"Step {trainer.step + 1} is under way.",
            "Finish the step, or drop it: trainer.undo().",
        )  # fmt: skip
    put_back = _memory_of(trainer)
    try:
        trainer.history, trainer.control, trainer.records = (
            History(),
            Control(),
            None,
        )  # the ending stands in the history
        trainer.resume()
        trainer.snapshots = snapshots.Ring(0)
        trainer._turn, trainer._losses, trainer._keeps_records = Turn(trainer._reference), [], False
        trainer.keeper = Keeper(trainer.model, enabled=False)
        with torch.enable_grad():
            yield
    finally:
        with whole():
            put_back()


def _memory_of(trainer: Any) -> Callable[[], None]:
    """A function that makes the trainer what it is now."""
    model, optimizer, own_random, order = trainer.model, trainer.optimizer, trainer.random, trainer.order
    attributes, aside = dict(vars(trainer)), trainer.keeper.aside
    state = snapshots.take(trainer.step, order.cursor, model, optimizer, own_random)
    gradients = [(weight, weight.grad) for weight in model.parameters()]
    modes = [(module, module.training) for module in model.modules()]
    of_python, of_numpy, of_torch = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002  the global one
    of_devices = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []

    def put_back() -> None:
        for name in vars(trainer).keys() - attributes.keys():
            delattr(trainer, name)
        vars(trainer).update(attributes)
        trainer.keeper.aside = aside
        snapshots.load(state, model, optimizer, own_random)
        order.cursor = state.cursor
        for weight, gradient in gradients:
            weight.grad = gradient
        for module, mode in modes:
            module.training = mode
        random.setstate(of_python)
        np.random.set_state(of_numpy)  # noqa: NPY002
        torch.set_rng_state(of_torch)
        if of_devices:
            torch.cuda.set_rng_state_all(of_devices)

    return put_back
