"""One tensor of weights, and one weight in it, by name and place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aitrain_nb.errors import ModelError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


def why_none(weight: Tensor) -> str:
    """Why a weight has no gradient, in words."""
    return "frozen" if not weight.requires_grad else "not used in the loss of this batch"


def find_weights(model: Any, name: str) -> Tensor:
    """The tensor of weights with this name; raises ModelError where there is none."""
    parameters: dict[str, Tensor] = dict(model.named_parameters())
    if name not in parameters:
        raise ModelError(*unknown_name("weight tensor", name, parameters))
    return parameters[name]


def place_in(name: str, parameter: Tensor, index: tuple[int, ...]) -> tuple[int, ...]:
    """The place of one weight in its tensor, counted from the start; raises ModelError where there is none."""
    inside = len(index) == parameter.ndim and all(
        isinstance(i, int) and -size <= i < size for i, size in zip(index, parameter.shape, strict=True)
    )
    if not inside:
        raise ModelError(
            f"{name} has no weight at {list(index)}.",
            f"Its shape is {list(parameter.shape)}.",
            f"Give one number a dimension, such as ({name!r}, {', '.join('0' for _ in parameter.shape)}).",
        )
    return tuple(i % size for i, size in zip(index, parameter.shape, strict=True))


def strongest(weights: Mapping[str, Tensor]) -> tuple[str, tuple[int, ...]]:
    """Name and place of the single weight with the largest gradient; raises ModelError where none has one."""
    import torch

    found = [(float(weight.grad.abs().max()), name) for name, weight in weights.items() if weight.grad is not None]
    if not found:
        reasons = ", ".join(f"{name}: {why_none(weight)}" for name, weight in list(weights.items())[:3])
        raise ModelError("No weight has a gradient.", f"{reasons}.", "Call backward first, or choose a trained weight.")
    name = max(found, key=lambda entry: entry[0])[1]
    gradient = weights[name].grad
    assert gradient is not None
    return name, tuple(int(i) for i in torch.unravel_index(gradient.abs().argmax(), gradient.shape))
