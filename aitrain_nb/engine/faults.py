"""A step whose numbers aren't finite: whether it is one, and where the first of them came up."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from aitrain_nb.engine import snapshots
from aitrain_nb.engine.capture import capture

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from torch import Tensor, nn

    from aitrain_nb.records import Batch


IN_SHARDS = "where in the model isn't looked for while its weights are in shards"
NOT_FOUND = "on a second look all layers and gradients were finite"


class Fault(NamedTuple):
    """A step whose numbers aren't finite.

    Attributes:
        what: which of them, in words.
        step: the step, 1-based.
        where: where in the model the first of them came up, in words.
    """

    what: str
    step: int
    where: str

    def __str__(self) -> str:
        return f"{self.what} at step {self.step}: {self.where}"


def is_finite(losses: Iterable[Tensor], norm: Tensor) -> bool:
    """Whether the losses of a step and the norm of its gradient are numbers; reads them from the device, which has to finish first."""
    return all(math.isfinite(number.item()) for number in (*losses, norm))


def first_bad(trainer: Any, batch: Batch, random: Any, buffers: dict[str, Tensor]) -> str:
    """Where the first number that isn't finite came up, in words; looks at weights, inputs, layers, loss, gradients.

    The layers are computed once more, on copies of the buffers and with the random numbers that the step began with. What a module of
    your own counts by itself counts this too.

    Args:
        trainer: whose step it is.
        batch: of the step.
        random: state of the run's random numbers when the step began.
        buffers: the model's buffers then.
    """
    if trainer.processes.holds_shards:
        return IN_SHARDS
    model = trainer.model
    found = next(_bad(model.named_parameters()), None)
    if found is not None:
        return f"the weights {found!r} were not finite before the step"
    for part in batch.parts:
        found = next(_bad(part.inputs.items()), None)
        if found is not None:
            return f"the batch itself is not finite: {found!r} of its inputs"
    return _second_look(trainer, batch, random, buffers) or NOT_FOUND


def _bad(tensors: Iterable[tuple[str, Tensor]]) -> Iterator[str]:
    """The names of tensors that hold a number that isn't finite."""
    for name, tensor in tensors:
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            yield name


@torch.enable_grad()
def _second_look(trainer: Any, batch: Batch, random: Any, buffers: dict[str, Tensor]) -> str:
    """The layer or gradient that isn't finite when the step is computed once more; empty where none is.

    Clipping has spread what isn't finite over the step's own gradients, so they are computed anew.
    """
    model = trainer.model
    weights = {
        name: weight.detach().clone().requires_grad_(weight.requires_grad) for name, weight in model.named_parameters()
    }
    state = weights | snapshots.copy_buffers(model) | {name: value.clone() for name, value in buffers.items()}
    trained = {name: weight for name, weight in weights.items() if weight.requires_grad}

    def run(*args: Any, **named: Any) -> Any:
        return torch.func.functional_call(model, state, args, named)

    with trainer.random.replayed(random), trainer.threads, trainer.dropout:
        for part in batch.parts:
            with capture(model) as seen, trainer.precision.autocast():
                outputs = trainer.task.outputs(run, part.inputs)
            found = next(_bad(seen.activations.items()), None)
            if found is not None:
                return f"the first layer that gave such a number is {_named(model, found)}"
            loss = trainer.task.loss(outputs, part.inputs, trainer.loss_options)
            if not bool(torch.isfinite(loss).all()):
                return "all layers gave finite numbers, and the loss of them is not finite"
            gradients = torch.autograd.grad(
                loss.sum() / max(1, batch.counted), list(trained.values()), allow_unused=True
            )
            # they go from the loss towards the input: the last weight in the model's order is the first to get its gradient
            names = list(
                _bad((name, value) for name, value in zip(trained, gradients, strict=True) if value is not None)
            )
            if names:
                return f"all layers gave finite numbers; on the way back the gradient of {names[-1]!r} is the first that is not"
    return ""


def _named(model: nn.Module, name: str) -> str:
    return f"{name!r} ({type(model.get_submodule(name)).__name__})" if name else type(model).__name__
