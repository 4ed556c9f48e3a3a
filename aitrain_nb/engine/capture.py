"""Look inside a model while it computes: hooks that are always removed."""

from __future__ import annotations

from contextlib import contextmanager
from fnmatch import fnmatch
from time import perf_counter
from typing import TYPE_CHECKING, Any

import torch

from aitrain_nb.errors import ModelError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor, nn


class Seen:
    """What was captured.

    Attributes:
        inputs: module name -> first input tensor, detached.
        activations: module name -> output tensor, detached.
        gradients: module name -> gradient of the loss with respect to that output, once backward ran.
        seconds: module name -> wall time of its forward.
    """

    def __init__(self) -> None:
        self.inputs: dict[str, Tensor] = {}
        self.activations: dict[str, Tensor] = {}
        self.gradients: dict[str, Tensor] = {}
        self.seconds: dict[str, float] = {}

    def __repr__(self) -> str:
        lines = [f"  {name}: {tuple(value.shape)}" for name, value in self.activations.items()]
        return "\n".join([f"Seen: {len(lines)} activations", *lines])


def leaves(model: nn.Module) -> dict[str, nn.Module]:
    """The modules that have no submodules, in the model's order, by name."""
    return {name: module for name, module in model.named_modules() if not any(True for _ in module.children())}


@contextmanager
def capture(model: nn.Module, *patterns: str) -> Iterator[Seen]:
    """Capture what the matching modules take and give while the block runs.

    Args:
        model: any module.
        patterns: shell patterns on module names such as "conv*" or "*.attention"; none means every module without
            submodules.

    Raises:
        ModelError: a pattern matches no module.
    """
    modules = dict(model.named_modules())
    chosen = dict(leaves(model)) if not patterns else {}
    for pattern in patterns:
        matching = {name: module for name, module in modules.items() if name and fnmatch(name, pattern)}
        if not matching:
            raise _no_match(pattern, nearest(pattern, [name for name in modules if name]))
        chosen.update(matching)
    seen = Seen()
    handles = []
    for name, module in chosen.items():
        before, after = _watch(seen, name)
        handles += [module.register_forward_pre_hook(before), module.register_forward_hook(after)]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def _no_match(pattern: str, names: list[str]) -> ModelError:
    if not names:
        return ModelError(
            f"No module matches {pattern!r}.", "This model has no modules inside.", "Leave the pattern out."
        )
    return ModelError(f"No module matches {pattern!r}.", f"The modules are: {', '.join(names)}.", f"Try {names[0]!r}.")


def _watch(seen: Seen, name: str) -> tuple[Callable[..., None], Callable[..., None]]:
    """What to call before and after the module's forward."""
    began = 0.0

    def before(_module: nn.Module, _inputs: tuple[Any, ...]) -> None:
        nonlocal began
        began = perf_counter()

    def after(_module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        seen.seconds[name] = perf_counter() - began
        first = output[0] if isinstance(output, tuple) else output
        if inputs and isinstance(inputs[0], torch.Tensor):
            seen.inputs[name] = inputs[0].detach()  # for shapes; the module itself may have written over it
        if isinstance(first, torch.Tensor):
            seen.activations[name] = first.detach().clone()  # the next layer may write over it
            if first.requires_grad:
                first.register_hook(lambda gradient: seen.gradients.__setitem__(name, gradient.detach()))

    return before, after
