"""The whole state of a run at one step, and a ring of such states bounded in bytes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

    from aitrain_nb.engine.order import Cursor
    from aitrain_nb.randomness import OwnRandom


@dataclass(frozen=True)
class State:
    """Everything that decides how a run goes on.

    Attributes:
        step: optimizer steps taken.
        cursor: place in the data.
        weights: parameter name -> copy.
        buffers: buffer name -> copy (running means and the like).
        optimizer: copy of the optimizer's `state_dict()`.
        random: the run's random state.
        kept: what else the trainer wants back: its best weights so far. Shared, not copied.
    """

    step: int
    cursor: Cursor
    weights: dict[str, Tensor]
    buffers: dict[str, Tensor]
    optimizer: dict[str, Any]
    random: tuple[Tensor, ...]
    kept: Any = None

    @cached_property
    def size_bytes(self) -> int:
        """Memory the copies take."""
        held = [*self.weights.values(), *self.buffers.values(), *_tensors(self.optimizer)]
        return sum(tensor.nbytes for tensor in held)


def own_weights(model: nn.Module) -> dict[str, Tensor]:
    """Every parameter, by name, not copied."""
    return {name: weight.detach() for name, weight in model.named_parameters()}


def own_buffers(model: nn.Module) -> dict[str, Tensor]:
    """Every buffer, by name, not copied."""
    return {name: buffer.detach() for name, buffer in model.named_buffers()}


def copy_weights(model: nn.Module) -> dict[str, Tensor]:
    """A copy of every parameter, by name."""
    return {name: weight.clone() for name, weight in own_weights(model).items()}


def copy_buffers(model: nn.Module) -> dict[str, Tensor]:
    """A copy of every buffer, by name."""
    return {name: buffer.clone() for name, buffer in own_buffers(model).items()}


@torch.no_grad()
def load_tensors(model: nn.Module, weights: dict[str, Tensor], buffers: dict[str, Tensor]) -> None:
    """Write copies back into the model's own tensors, which stay the same objects."""
    own = dict(model.named_parameters()) | dict(model.named_buffers())
    for name, value in (weights | buffers).items():
        own[name].copy_(value)


def take(
    step: int, cursor: Cursor, model: nn.Module, optimizer: torch.optim.Optimizer, random: OwnRandom, kept: Any = None
) -> State:
    """Copy the whole state."""
    return State(
        step, cursor, copy_weights(model), copy_buffers(model), _copied(optimizer.state_dict()), random.state, kept
    )


def load(state: State, model: nn.Module, optimizer: torch.optim.Optimizer, random: OwnRandom) -> None:
    """Put weights, buffers, optimizer and random numbers back, bit for bit; gradients are dropped."""
    load_tensors(model, state.weights, state.buffers)
    optimizer.load_state_dict(_copied(state.optimizer))
    lay_out(optimizer)
    optimizer.zero_grad(set_to_none=True)
    random.state = state.random


def lay_out(optimizer: torch.optim.Optimizer) -> None:
    """Lay the optimizer's tensors out in memory as their weights are: a fused step walks both in the order in which they lie there."""
    for weight, values in optimizer.state.items():
        for name, value in values.items():
            if isinstance(value, torch.Tensor) and value.shape == weight.shape and value.stride() != weight.stride():
                values[name] = torch.empty_like(weight, dtype=value.dtype, device=value.device).copy_(value)


def mapped(value: Any, change: Callable[[Tensor], Any]) -> Any:
    """The same dicts and lists with each tensor changed."""
    if isinstance(value, torch.Tensor):
        return change(value)
    if isinstance(value, dict):
        return {key: mapped(entry, change) for key, entry in value.items()}
    if isinstance(value, list):
        return [mapped(entry, change) for entry in value]
    return value


def _copied(value: Any) -> Any:
    return mapped(value, lambda tensor: tensor.detach().clone())


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, torch.Tensor):
        return [value]
    entries = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [tensor for entry in entries for tensor in _tensors(entry)]


class Ring:
    """States in order. Where they take more than `limit_bytes`, those go first that are missed least.

    The oldest stays, so that every later step can be computed again from it; of the others more are kept the nearer they are.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self._states: list[State] = []

    def add(self, state: State) -> None:
        """Keep a state; one that is larger than the limit alone is not kept."""
        self.drop_after(state.step - 1)
        self._states.append(state)
        while self._states and self.size_bytes > self.limit_bytes:
            self._states.pop(self._least_missed())

    def _least_missed(self) -> int:
        """Place of the state between two others whose loss makes the way back longest least often: the old lie further apart."""
        newest = len(self._states) - 1
        if newest < 2:
            return 0
        steps = [state.step for state in self._states]
        return min(
            range(1, newest), key=lambda place: (steps[place + 1] - steps[place - 1]) / (steps[-1] - steps[place])
        )

    def at(self, step: int) -> State | None:
        """The state after `step` optimizer steps, or None."""
        found = self.nearest(step)
        return found if found is not None and found.step == step else None

    def nearest(self, step: int) -> State | None:
        """The newest state after at most `step` optimizer steps, or None."""
        return next((state for state in reversed(self._states) if state.step <= step), None)

    def drop_after(self, step: int) -> None:
        """Forget the states of later steps."""
        while self._states and self._states[-1].step > step:
            self._states.pop()

    @property
    def size_bytes(self) -> int:
        """Memory that all states take, with the best weights that they hold on to."""
        kept = {id(state.kept): state.kept for state in self._states if state.kept is not None}
        best = [tensor for one in kept.values() for tensor in (*one.weights.values(), *one.buffers.values())]
        return sum(state.size_bytes for state in self._states) + sum(tensor.nbytes for tensor in best)

    def __len__(self) -> int:
        return len(self._states)
