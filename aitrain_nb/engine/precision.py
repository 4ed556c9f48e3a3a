"""How many bits the layers compute with: 32, or 16 by autocast; with fp16 the loss is scaled, so that small gradients don't get lost."""

from __future__ import annotations

import math
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import torch

from aitrain_nb.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from torch import Tensor

_TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
_AS_THEY_ARE = nullcontext()
_SCALE, _AGE = "loss_scale", "loss_scale_steps"
"""What the first group of the optimizer keeps: the scale, and the steps taken since it changed. So it goes wherever that state goes."""
_FIRST_SCALE, _RAISE_AFTER = 65536.0, 2000
"""As torch.amp.GradScaler begins, and after how many steps it doubles the scale."""


def has_bf16(device: str) -> bool:
    """Whether a device ("cpu", "cuda" or "mps") computes with bf16 by itself; else it is emulated, and slow."""
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    able = _capabilities() if device == "cpu" else {}
    return bool(able.get("avx512_bf16") or able.get("amx_bf16") or able.get("bf16"))


def _capabilities() -> Mapping[str, Any]:
    """What the processor can do; nothing is known where torch is too old to say it."""
    known = getattr(torch.cpu, "get_capabilities", None)
    return known() if known is not None else {}


def emulated(name: str, device: str) -> str:
    """A sentence where a processor has no units for this precision, so that it computes slower with it, not faster; else empty."""
    if (
        device != "cpu"
        or name == "fp32"
        or (has_bf16(device) if name == "bf16" else bool(_capabilities().get("avx512_fp16")))
    ):
        return ""
    return f"This processor has no units for {name} and imitates them: steps are slower than with precision='fp32', some layers many times."


class Precision:
    """How the layers compute; weights, loss and optimizer keep their 32 bits.

    The scale of the loss is chosen as in Micikevicius et al., Mixed Precision Training (2018), section 3.2, with the numbers of torch's
    GradScaler. The weights' gradients are always the true ones, also between micro-batches: scales are powers of 2, so that nothing is
    rounded when they are multiplied by it and divided again.

    Args:
        name: "fp32", "bf16" or "fp16".
        device: "cpu", "cuda" or "mps".

    Raises:
        ConfigError: the device can't do it at all.
    """

    def __init__(self, name: str, device: str) -> None:
        self._type, self._device = _TYPES.get(name), device
        self.scales = name == "fp16"
        if name == "bf16" and device == "mps" and not torch.backends.mps.is_macos_or_newer(14, 0):
            raise ConfigError("precision='bf16' doesn't work here.", "MPS knows bf16 since macOS 14.", "Use 'fp16'.")

    def begin(self, optimizer: torch.optim.Optimizer) -> None:
        """Put the first scale into a new optimizer, where there is one."""
        if self.scales:
            optimizer.param_groups[0].update({_SCALE: _FIRST_SCALE, _AGE: 0})

    def autocast(self) -> AbstractContextManager[Any]:
        """A `with` block in which the layers compute in this precision."""
        return _AS_THEY_ARE if self._type is None else torch.autocast(self._device, self._type)

    def backward(self, objective: Tensor, weights: Sequence[Tensor], optimizer: torch.optim.Optimizer) -> None:
        """Add the gradient of `objective` to that of each weight."""
        if not self.scales:
            objective.backward()
            return
        scale = loss_scale(optimizer)
        _multiply(weights, scale)  # what micro-batches before this one have left
        (objective * scale).backward()
        _multiply(weights, 1 / scale)

    def overflowed(self, losses: Iterable[Tensor], norm: Tensor, optimizer: torch.optim.Optimizer) -> bool:
        """Whether the gradients are not finite only because the scaled loss was too large for 16 bits; the device has to finish first."""
        if not self.scales or loss_scale(optimizer) <= 1 or math.isfinite(norm.item()):
            return False
        return all(math.isfinite(loss.item()) for loss in losses)

    def count(self, optimizer: torch.optim.Optimizer, *, overflowed: bool) -> None:
        """After a step: half of the scale where the gradients overflowed, twice of it after many steps in which they didn't."""
        if not self.scales:
            return
        group, scale = optimizer.param_groups[0], loss_scale(optimizer)
        age = 0 if overflowed else group[_AGE] + 1
        grows = age == _RAISE_AFTER
        group[_SCALE], group[_AGE] = scale * (0.5 if overflowed else 2.0 if grows else 1.0), 0 if grows else age


def carry_scale(before: dict[str, Any], group: dict[str, Any]) -> None:
    """Take the scale over from the first group of another optimizer, where both have one."""
    group.update({name: before[name] for name in (_SCALE, _AGE) if name in before and name in group})


def loss_scale(optimizer: torch.optim.Optimizer) -> float:
    """What the loss is multiplied by where precision is "fp16"."""
    return float(optimizer.param_groups[0][_SCALE])


@torch.no_grad()
def _multiply(weights: Sequence[Tensor], factor: float) -> None:
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    if gradients:
        torch._foreach_mul_(gradients, factor)
