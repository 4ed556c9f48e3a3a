"""How a transformer computes attention; and what its layers give as attention, kept while a block runs."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from aitrain_nb.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor, nn

_SHARES = ("attention_probs_dropout_prob", "attention_dropout", "attn_pdrop")
"""What the models of transformers call the share of attention weights that is left out."""


def attention_name(model: nn.Module) -> str | None:
    """How the transformer in a model computes attention, such as "sdpa"; None where there is none of transformers' own."""
    return next((str(config._attn_implementation) for config in _configs(model)), None)


def drops_attention(model: nn.Module) -> bool:
    """Whether a transformer in a model leaves attention weights out at random in training."""
    return any(float(getattr(config, name, None) or 0) > 0 for config in _configs(model) for name in _SHARES)


def set_attention(model: nn.Module, name: str) -> None:
    """Have the transformer in a model compute attention so.

    Args:
        model: any module.
        name: "eager", "sdpa" or "flash_attention_2".

    Raises:
        ConfigError: the model has no attention of transformers, can't do it so, or what it takes isn't installed.
    """
    if attention_name(model) is None:
        raise ConfigError(
            f"attention={name!r} doesn't fit this model.", f"{type(model).__name__} holds no transformer whose attention could be chosen.",
            "Leave attention='auto'.",
        )  # fmt: skip
    whole: list[Any] = []
    for module in model.modules():
        is_inside = any(module is one for outer in whole for one in outer.modules())
        if hasattr(module, "set_attn_implementation") and not is_inside:
            whole.append(module)
    for module in whole:
        try:
            if attention_name(module) != name:
                module.set_attn_implementation(name)
        except (ImportError, ValueError) as error:
            why = str(error).split(" due to the following error: ")[-1]
            raise ConfigError(
                f"attention={name!r} doesn't work here.", why[:1].upper() + why[1:].rstrip(".") + ".", "Leave attention='auto'."
            ) from error  # fmt: skip


@contextmanager
def attention_of(model: nn.Module) -> Iterator[list[Tensor]]:
    """Keep the attention weights that each layer gives while the block runs, in the order of the model.

    Attention is what stands second in what a module gives: [B, heads, T, T], or [B, T, T] as the mean over the heads. The modules
    of transformers give it only where attention is computed step by step ("eager"), so for the block they compute it that way; the
    scores are the same but for rounding.

    Args:
        model: any module.
    """
    kept: list[Tensor] = []

    def after(_module: nn.Module, _inputs: Any, output: Any) -> None:
        found = output[1] if isinstance(output, (tuple, list)) and len(output) > 1 else None
        if not isinstance(found, torch.Tensor) or found.ndim not in {3, 4} or found.shape[-1] != found.shape[-2]:
            return
        if not any(found is one for one in kept):  # a layer hands on what it got from inside
            kept.append(found)

    configs = _configs(model)
    before = [config._attn_implementation for config in configs]
    handles = [module.register_forward_hook(after) for module in model.modules()]
    try:
        for config in configs:
            config._attn_implementation = "eager"
        yield kept
    finally:
        for handle in handles:
            handle.remove()
        for config, name in zip(configs, before, strict=True):  # a config also sets those inside it, which follow
            config._attn_implementation = name


def _configs(model: nn.Module) -> list[Any]:
    """The settings of all models of transformers inside, each before those that lie in it."""
    waiting = [
        module.config for module in model.modules() if hasattr(getattr(module, "config", None), "_attn_implementation")
    ]
    found: list[Any] = []
    while waiting:
        config = waiting.pop(0)
        if not any(config is one for one in found):
            found.append(config)
        inside = [getattr(config, name, None) for name in getattr(config, "sub_configs", {})]
        waiting[:0] = [one for one in inside if one is not None and not any(one is known for known in found)]
    return found
