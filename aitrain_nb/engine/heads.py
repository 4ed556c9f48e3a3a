"""The head of a model: the linear layer whose outputs are the class scores. What goes into it are the features."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from aitrain_nb.errors import ModelError
from aitrain_nb.randomness import OwnRandom

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor


def find_head(model: nn.Module, scores: Callable[[], Tensor]) -> str:
    """The name of the linear layer whose output is the scores [B, C]; the last, where there are several.

    Args:
        model: any module.
        scores: sends a few examples through it and gives their scores.

    Raises:
        ModelError: no linear layer gives them.
    """
    outputs: dict[str, Tensor] = {}

    def keep(name: str) -> Callable[[nn.Module, Any, Tensor], None]:
        return lambda _module, _inputs, output: outputs.update({name: output.detach()})

    linear = [(name, module) for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    handles = [module.register_forward_hook(keep(name)) for name, module in linear]
    try:
        given = scores().detach()
    finally:
        for handle in handles:
            handle.remove()
    found = [name for name, output in outputs.items() if output.shape == given.shape and torch.equal(output, given)]
    if not found:
        raise ModelError(
            "This model has no head that could be told apart.",
            "None of its linear layers gives the class scores, so there are no features that go into one.",
            "Use a model whose last layer is nn.Linear.",
        )
    return found[-1]


@contextmanager
def inputs_of(module: nn.Module) -> Iterator[list[Tensor]]:
    """Inside the block, the list takes what goes into the module: one tensor a forward, detached."""
    seen: list[Tensor] = []
    handle = module.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0].detach()))
    try:
        yield seen
    finally:
        handle.remove()


def put_new_head(model: nn.Module, name: str, classes: int, seed: int) -> nn.Linear:
    """Put a head with new random weights for so many classes in the place of the one with this name; gives the old one."""
    old = model.get_submodule(name)
    assert isinstance(old, nn.Linear)
    with OwnRandom(seed):
        new = nn.Linear(old.in_features, classes, bias=old.bias is not None)
    model.set_submodule(name, new.to(old.weight))
    return old
