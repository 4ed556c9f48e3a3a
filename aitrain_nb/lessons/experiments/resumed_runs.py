"""A run that is stopped in the middle and goes on, with all of its state or only some of it."""

from __future__ import annotations

import itertools
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

    from aitrain_nb.engine.snapshots import State
    from aitrain_nb.trainer import Trainer

STOPPED, STEPS = 60, 120
"""The step at which it is stopped, and the last one."""


class Resumed(NamedTuple):
    """How it went on.

    Attributes:
        losses: of each step, those before the stop, too, nats.
        distances: at the stop and after each step from there on, from the weights of the run that was never stopped: the length of
            the difference.
    """

    losses: tuple[float, ...]
    distances: tuple[float, ...]


def run() -> Trainer:
    """A small network with dropout on the digits, before its first step."""
    import torch

    import aitrain_nb as ai

    layers = torch.nn
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = layers.Sequential(
            layers.Flatten(), layers.Linear(64, 64), layers.ReLU(), layers.Dropout(0.2), layers.Linear(64, 10)
        )
    config = ai.TrainConfig(
        data="digits", optimizer="adamw", learning_rate=0.01, max_steps=STEPS, keep="last", evaluate_every=0, seed=0, threads=1
    )  # fmt: skip
    return ai.Trainer(model, "image-classification", ai.prepare(data="digits", model="mlp").data, config)


@cache
def whole() -> tuple[State, tuple[float, ...], tuple[Tensor, ...]]:
    """The run without a stop: its state at the stop, its losses, and its weights after each step from there on, as one row."""
    trainer = run()
    _walk(trainer, STOPPED)
    state = trainer.snapshot()
    weights = _walk(trainer, STEPS)
    return state, tuple(row["loss"] for row in trainer.history), tuple(weights)


@cache
def resumed(optimizer: bool, place: bool, chance: bool) -> Resumed:
    """Another trainer goes on from the weights at the stop.

    Args:
        optimizer: with the optimizer's averages; else they begin at nothing.
        place: at its place in the data; else at the first batch.
        chance: with the state of its random numbers; else as at the beginning.
    """
    import torch

    from aitrain_nb.engine.order import Cursor

    state, losses, weights = whole()
    trainer = run()
    if not optimizer:
        state = replace(state, optimizer=trainer.optimizer.state_dict())
    if not place:
        state = replace(state, cursor=Cursor(0, 0))
    if not chance:
        state = replace(state, random=trainer.random.state)
    trainer.restore(state)
    found = _walk(trainer, STEPS)
    distances = [float(torch.dist(one, other)) for one, other in zip(found, weights, strict=True)]
    after = [row["loss"] for row in trainer.history][-len(found) :]
    return Resumed((*losses[:STOPPED], *after), (0.0, *distances))


def every() -> list[Resumed]:
    """All eight ways."""
    return [resumed(*parts) for parts in itertools.product((True, False), repeat=3)]


def _walk(trainer: Trainer, last: int) -> list[Tensor]:
    """Steps up to this one; the weights after each."""
    import torch

    found = []
    while trainer.step < last:
        trainer.update(trainer.backward(trainer.loss(trainer.forward(trainer.tokenize()))))
        found.append(torch.cat([weight.detach().flatten() for weight in trainer.model.parameters()]))
    return found
