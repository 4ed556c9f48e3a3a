"""LoRA: small adapters beside frozen layers are trained instead of the layers (peft), and merged into them in the end.

Hu et al., LoRA: Low-Rank Adaptation of Large Language Models (2021): a layer W gets W + (alpha / rank) B A, where A has `rank`
rows, B as many columns, and B begins at 0, so that the first answers are those of the pretrained model.
"""

from __future__ import annotations

import copy
import importlib.util
import warnings
from typing import TYPE_CHECKING, Any

from aitrain_nb.errors import ConfigError
from aitrain_nb.models.parts import block_names, body_of, parts_of
from aitrain_nb.randomness import OwnRandom

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torch import Tensor, nn

    from aitrain_nb.config import TrainConfig

_ADAPTED = ("Linear", "Conv1D")
"""Classes of layers that get an adapter: torch's, and what GPT-2 has instead."""


def check_installed() -> None:
    """Raise ConfigError where peft isn't installed."""
    if importlib.util.find_spec("peft") is None:
        raise ConfigError(
            "method='lora' needs peft, which isn't installed.",
            "It holds the adapters.",
            "pip install 'aitrain-nb[lora]'",
        )


def add_adapters(model: nn.Module, config: TrainConfig) -> nn.Module:
    """The model with an adapter beside each linear layer of its blocks; only these and the head are trained from now on.

    A model without a list of blocks gets them in all linear layers of its body. The class of the model stays, and the first weights
    of the adapters depend on the seed alone.

    Args:
        model: pretrained, changed in place.
        config: rank, alpha and dropout of the adapters, and the seed.

    Raises:
        ConfigError: peft isn't installed, or the model has no such layer.
    """
    check_installed()
    head = parts_of(model).head
    targets = _targets(model, head)
    if not targets:
        raise ConfigError(
            "method='lora' doesn't fit this model.", f"Its body, a {type(body_of(model)).__name__}, has no linear layers.",
            "Use method='fine-tune' or 'head'.",
        )  # fmt: skip
    with OwnRandom(config.seed):
        put_adapters(model, targets, rank=config.lora_rank, alpha=config.lora_alpha, dropout=config.lora_dropout)
    for name, weight in model.named_parameters():
        if name in head:
            weight.requires_grad_(True)
    return model


def put_adapters(model: nn.Module, layers: Sequence[str], *, rank: int, alpha: int, dropout: float = 0.0) -> None:
    """Put an adapter of peft beside each of these layers, by name; all but the adapters is frozen."""
    from peft import LoraConfig, inject_adapter_in_model

    adapters = LoraConfig(
        r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules=list(layers), fan_in_fan_out=has_conv1d(model, layers)
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "fan_in_fan_out is set")  # a model with both kinds: peft finds out by itself
        inject_adapter_in_model(adapters, model)


def has_conv1d(model: nn.Module, layers: Iterable[str]) -> bool:
    """Whether one of these layers is GPT-2's, whose weights lie the other way round."""
    return any(type(model.get_submodule(name)).__name__ == "Conv1D" for name in layers)


def adapter_weights(model: nn.Module) -> dict[str, Tensor]:
    """The weights of all adapters by name, such as `encoder.layer.0.attention.self.query.lora_A.default.weight`."""
    return {name: weight for name, weight in model.named_parameters() if ".lora_" in name}


def _targets(model: nn.Module, head: set[str]) -> list[str]:
    """The names of the layers that get an adapter."""
    blocks, inside = block_names(model), {id(module) for module in body_of(model).modules()}
    return [
        name for name, module in model.named_modules()
        if type(module).__name__ in _ADAPTED and id(module) in inside and f"{name}.weight" not in head
        and (not blocks or any(name.startswith(f"{block}.") for block in blocks))
    ]  # fmt: skip


def has_adapters(model: nn.Module) -> bool:
    """Whether layers of the model have an adapter of peft."""
    return any(hasattr(module, "get_base_layer") and hasattr(module, "merge") for module in model.modules())


def merged(model: nn.Module) -> nn.Module:
    """A copy of the model with its adapters added to the weights and peft's layers gone; of one without adapters, a plain copy."""
    found = copy.deepcopy(model)
    adapted = [name for name, module in found.named_modules() if hasattr(module, "get_base_layer")]
    for name in adapted:
        layer: Any = found.get_submodule(name)
        layer.merge()
        found.set_submodule(name, layer.get_base_layer())
    for module in found.modules():
        module.__dict__.pop("peft_config", None)
    return found
