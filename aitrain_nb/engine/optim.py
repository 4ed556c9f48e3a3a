"""The optimizer, made from the config: no weight decay on norms and biases, smaller rates below, fused where torch has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from aitrain_nb.errors import ConfigError, ModelError
from aitrain_nb.models.parts import parts_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torch import nn

    from aitrain_nb.config import TrainConfig

_FACTOR = "rate_factor"
"""What a group of weights keeps of its rate: a share of that of the highest."""


def build_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """An optimizer over the model's trainable weights.

    Weights with fewer than two dimensions (biases, norms) get no decay. Torch's fused kernels are used where `fused_optimizer` is on, by
    itself for weights of 32 bits and more: on CPU a fused AdamW step takes about half the time of the default one. Not for 16 bits:
    there torch 2.13's fused SGD on CPU moves nothing at all at a learning rate of 0.001 (found by the update's check). With
    `layer_decay` each level of the model has groups of its own, as in Howard and Ruder, Universal Language Model Fine-tuning (2018),
    section 3.2.

    Raises:
        ModelError: no weight of the model is trainable.
        ConfigError: fused kernels are asked for and don't fit.
    """
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    if not trained:
        raise ModelError(
            "The model has nothing to train.", "None of its weights requires a gradient.", "Unfreeze a layer."
        )
    if config.layer_decay == 1:
        groups = _groups(trained, config.weight_decay)
    else:
        weights = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
        factors = {name: factor for name, factor in rate_factors(model, config).items() if name in weights}
        groups = [
            group | {_FACTOR: factor}
            for factor in sorted(set(factors.values()))
            for group in _groups([weights[name] for name in factors if factors[name] == factor], config.weight_decay)
        ]
    fused = has_fused(trained) if config.fused_optimizer == "auto" else config.fused_optimizer == "on"
    if fused and not has_fused(trained):
        raise ConfigError(
            "fused_optimizer='on' doesn't fit this model.",
            "Some of its weights have 16 bits, which torch's fused kernels don't move right.",
            "Leave fused_optimizer='auto'.",
        )  # fmt: skip
    shared: dict[str, Any] = {"lr": config.peak_learning_rate, "fused": fused}
    if config.optimizer == "sgd":
        return torch.optim.SGD(groups, momentum=config.momentum, **shared)
    kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
    return kind(groups, betas=(config.beta1, config.beta2), eps=config.epsilon, **shared)


def has_fused(weights: Iterable[torch.Tensor]) -> bool:
    """Whether torch's fused kernels take all of these weights as they should."""
    return all(weight.is_floating_point() and weight.dtype.itemsize >= 4 for weight in weights)


def _groups(weights: list[nn.Parameter], decay: float) -> list[dict[str, Any]]:
    """Groups of these weights for the optimizer: those that get weight decay, and the others."""
    if not decay:
        return [{"params": weights, "weight_decay": 0.0}]
    decayed = [weight for weight in weights if weight.ndim >= 2]
    others = [weight for weight in weights if weight.ndim < 2]
    groups = [{"params": decayed, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]


def rate_factors(model: nn.Module, config: TrainConfig) -> dict[str, float]:
    """Weight -> what the learning rate is multiplied by: 1 above the blocks, times `layer_decay` for each level below."""
    levels = reversed(parts_of(model).levels)
    return {name: config.layer_decay**depth for depth, level in enumerate(levels) for name in level}


def rate_of(group: dict[str, Any], lr: float) -> float:
    """The learning rate of a group of the optimizer, where the highest has `lr`."""
    rate: float = lr * group.get(_FACTOR, 1.0)
    return rate


@torch.no_grad()
def clip_gradients(weights: Sequence[torch.Tensor], max_norm: float) -> torch.Tensor:
    """Scale all gradients down together where their L2 norm is above `max_norm`; give the norm before, unread.

    The same operations as `torch.nn.utils.clip_grad_norm_`, hence bit-equal to it, in half its time: that one sorts the gradients by
    device and kind at each call, and multiplies by 1 those that are small enough, of which a processor can tell without waiting. Where
    they lie on several devices, in several precisions or in shards, torch's own is called.

    Args:
        weights: tensors whose `.grad` is set or None.
        max_norm: L2 norm, nats per weight unit; 0 leaves the gradients as they are.
    """
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    if not gradients:
        return torch.tensor(0.0)
    first = gradients[0]
    is_shard = hasattr(first, "full_tensor")  # of a gradient that several processes share
    if is_shard or any(
        g.device != first.device or g.dtype != first.dtype or g.layout != torch.strided for g in gradients
    ):
        norm: Any = (
            torch.nn.utils.clip_grad_norm_(weights, max_norm) if max_norm else torch.nn.utils.get_total_norm(gradients)
        )
        return norm.full_tensor() if is_shard else norm
    norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
    can_tell = first.device.type == "cpu" and first.dtype == torch.float32
    is_small = can_tell and norm.item() + 1e-6 <= max_norm
    if max_norm and not is_small:
        torch._foreach_mul_(gradients, torch.clamp(max_norm / (norm + 1e-6), max=1.0))
    return norm


def decays_apart(kind: str, group: dict[str, Any]) -> bool:
    """Whether weight decay adds its own part to the change of a weight: in AdamW, and in SGD without momentum."""
    return kind == "adamw" or (kind == "sgd" and not group.get("momentum"))
