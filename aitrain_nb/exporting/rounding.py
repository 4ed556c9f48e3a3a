"""Weights rounded to a few bits: what post-training quantization does to them.

Symmetric and one scale a row (output channel), as in Jacob et al., Quantization and Training of Neural Networks (2018), section 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Iterator


class Rounded(NamedTuple):
    """A weight as whole numbers.

    Attributes:
        codes: int8, in the shape of the weight.
        scales: float32 [rows, 1, ...], what a code is multiplied by.
    """

    codes: Tensor
    scales: Tensor

    @property
    def weight(self) -> Tensor:
        """The weight that the codes stand for, float32."""
        return self.codes.float() * self.scales


def rounded(weight: Tensor, bits: int = 8) -> Rounded:
    """A weight [rows, ...] as whole numbers of this many bits, 2 to 8: from -(2^(bits-1) - 1) to 2^(bits-1) - 1, one scale a row."""
    most = 2 ** (bits - 1) - 1
    flat = weight.detach().float().flatten(1)
    scales = flat.abs().amax(1).clamp(min=torch.finfo(torch.float32).tiny) / most
    scales = scales.view(-1, *[1] * (weight.ndim - 1))
    codes = (weight.detach().float() / scales).round().clamp(-most, most).to(torch.int8)
    return Rounded(codes, scales)


def matrices(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """The weights worth rounding, with their names, each once: of dense layers, convolutions and embeddings, not of norms."""
    for name, weight in model.named_parameters():
        if weight.ndim >= 2 and weight.is_floating_point() and name.rsplit(".", maxsplit=1)[-1] == "weight":
            yield name, weight


class _Int8:
    """A module whose `weight` is kept as codes, and made of them each time it is used: a quarter of the memory."""

    codes: Tensor
    scales: Tensor

    @property
    def weight(self) -> Tensor:
        """Float32."""
        return self.codes.float() * self.scales


class _Int8Embedding(_Int8):
    def forward(self, ids: Tensor) -> Tensor:
        """Vectors [..., D] of token numbers [...]: only the rows that are asked for."""
        return self.codes[ids].float() * self.scales[ids]


def _int8_kind(kind: type[nn.Module]) -> type:
    return type(f"Int8{kind.__name__}", (_Int8Embedding if issubclass(kind, nn.Embedding) else _Int8, kind), {})


def keep_as_codes(model: nn.Module, kept: dict[str, Rounded]) -> None:
    """Put codes in the place of weights, also where a weight is used by several modules.

    Args:
        model: is changed.
        kept: name of a weight, as `matrices` gives it -> its codes.
    """
    weights = {id(weight): name for name, weight in model.named_parameters()}
    for module in list(model.modules()):
        weight = module._parameters.get("weight")
        name = weights.get(id(weight))
        if name in kept:
            del module._parameters["weight"]
            module.register_buffer("codes", kept[name].codes)
            module.register_buffer("scales", kept[name].scales)
            module.__class__ = _int8_kind(type(module))
