"""Gradient checkpointing: the blocks of a model keep only their inputs for the way back, and are computed once more there.

Chen et al., Training Deep Nets with Sublinear Memory Cost (2016). Dropout draws the same numbers again, so the gradients are the same to
the last bit.
"""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

from torch import nn
from torch.utils.checkpoint import checkpoint

from aitrain_nb.errors import ConfigError
from aitrain_nb.models.parts import block_names

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


class Checkpointing:
    """A `with` block in which the forward of a model is computed so. Outside of it the model is as it was.

    The models of transformers have the switch themselves; of others the blocks are the longest list of like layers (`nn.ModuleList`).

    Args:
        model: any module.
        around: a `with` block in which the blocks are computed once more, where the forward is computed in such a one.

    Raises:
        ConfigError: it has no blocks, or counts in them what goes through, which would be counted twice.
    """

    def __init__(self, model: nn.Module, around: AbstractContextManager[Any] | None = None) -> None:
        self._switches: list[Any] = [module for module in model.modules() if hasattr(module, "gradient_checkpointing")]
        names = [] if self._switches else block_names(model)
        self._blocks: list[Any] = [model.get_submodule(name) for name in names]
        if not (self._switches or self._blocks):
            raise ConfigError(
                "gradient_checkpointing doesn't fit this model.", f"{type(model).__name__} has no list of blocks to compute once more.",
                "Set gradient_checkpointing=False; a smaller batch_size with gradient_accumulation_steps saves memory, too.",
            )  # fmt: skip
        counting = next((type(one).__name__ for block in self._blocks for one in block.modules() if _counts(one)), "")
        if counting:
            raise ConfigError(
                "gradient_checkpointing doesn't fit this model.",
                f"Its blocks hold {counting}, whose running mean would see each batch twice.",
                "Set gradient_checkpointing=False, or build the model with GroupNorm or LayerNorm.",
            )  # fmt: skip
        contexts = nullcontext(), around or nullcontext()
        self._once_more = partial(checkpoint, use_reentrant=False, context_fn=lambda: contexts)
        for module in self._switches:
            module._gradient_checkpointing_func = self._once_more
        configs = {id(module.config): module.config for module in self._switches if hasattr(module, "config")}
        self._caching = [config for config in configs.values() if getattr(config, "use_cache", False)]

    def __enter__(self) -> None:
        for config in self._caching:  # keys and values of tokens are kept to write a text, and would be kept twice
            config.use_cache = False
        for module in self._switches:
            module.gradient_checkpointing = True
        for block in self._blocks:
            block.forward = partial(self._once_more, block.forward)

    def __exit__(self, *_: object) -> None:
        for config in self._caching:
            config.use_cache = True
        for module in self._switches:
            module.gradient_checkpointing = False
        for block in self._blocks:
            del block.forward  # its class's own is seen again


def can_checkpoint(model: nn.Module) -> bool:
    """Whether a model has blocks that can be computed once more."""
    try:
        Checkpointing(model)
    except ConfigError:
        return False
    return True


def _counts(module: nn.Module) -> bool:
    """Whether a module keeps running numbers of what goes through."""
    return isinstance(module, nn.modules.batchnorm._NormBase) and module.track_running_stats
