"""A dropout with cheap masks, for processors: each random byte of torch's generator decides about one number.

torch asks its generator anew for every value; here 64 bits decide about 8 values, or 4, so that dropout costs a fifth. The share that
is left out is a whole number of 256ths (or 65,536ths), and what stays is scaled by exactly that share, so that the mean is kept.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch.nn.modules.batchnorm import _BatchNorm
from torch.overrides import TorchFunctionMode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor, nn

_NEAR = 0.02
"""How far the share of bytes may lie from the share that was asked for, as a part of it; else 16 bits are taken."""
_LOWEST = -(2**63)


class _Cut(NamedTuple):
    """Random numbers of `dtype` below `below` leave a value out: the share `dropped` of them."""

    dtype: torch.dtype
    below: int
    dropped: float


def cut_for(p: float) -> _Cut:
    """Which random numbers leave a value out, for 0 < p < 1.

    >>> cut_for(0.1)
    _Cut(dtype=torch.uint8, below=26, dropped=0.1015625)
    >>> cut_for(0.01)
    _Cut(dtype=torch.int16, below=-32113, dropped=0.0099945068359375)
    """
    bytes_below = round(p * 256)
    if 0 < bytes_below < 256 and abs(bytes_below / 256 - p) <= _NEAR * p:
        return _Cut(torch.uint8, bytes_below, bytes_below / 256)
    below = min(max(1, round(p * 65536)), 65535)
    return _Cut(torch.int16, below - 32768, below / 65536)


def mask_like(values: Tensor, p: float) -> Tensor:
    """What dropout multiplies with: 0 for the share that is left out, else 1 / the share that stays; shape and dtype of `values`.

    It draws from torch's global generator, so that whoever puts the generator back gets the same mask.
    """
    cut = cut_for(p)
    count, size = values.numel(), cut.dtype.itemsize
    drawn = torch.empty(-(-count * size // 8), dtype=torch.int64).random_(_LOWEST, None)  # all 64 bits
    kept = drawn.view(cut.dtype)[:count].view(values.shape).ge_(cut.below)
    return kept.to(values.dtype).mul_(1 / (1 - cut.dropped))


class FastDropout(TorchFunctionMode):
    """A `with` block in which `torch.nn.Dropout` and functional dropout, on a processor, take cheap masks.

    Dropout inside of torch's own scaled_dot_product_attention, recurrent layers and the like stays what it is, and so does the one that
    writes into its input.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        del types
        named = kwargs or {}
        if func is torch.nn.functional.dropout:
            return _dropout(func, *args, **named)
        return func(*args, **named)


def _dropout(
    func: Callable[..., Any], input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False  # noqa: A002
) -> Any:  # fmt: skip
    if not training or inplace or not 0 < p < 1 or input.device.type != "cpu" or not input.is_floating_point():
        return func(input, p=p, training=training, inplace=inplace)
    return input * mask_like(input, p)


class DropoutMasks(TorchFunctionMode):
    """A `with` block that keeps the masks of dropout, in the order in which they are drawn; then one example can have its own again.

    torch draws as many numbers for a mask as for the values themselves, so that what is kept is what would have been.
    """

    def __init__(self) -> None:
        super().__init__()
        self._masks: list[Tensor] = []
        self._example: int | None = None
        self._next = 0

    @contextmanager
    def of(self, example: int) -> Iterator[None]:
        """Inside, a batch of one gets this example's part of each mask, in their order."""
        self._example, self._next = example, 0
        with self:
            yield

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        del types
        named = kwargs or {}
        return self._drop(func, *args, **named) if func is torch.nn.functional.dropout else func(*args, **named)

    def _drop(
        self, func: Callable[..., Any], input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False  # noqa: A002
    ) -> Any:  # fmt: skip
        if not training or p == 0:
            return func(input, p=p, training=training, inplace=inplace)
        if self._example is None:
            self._masks.append(func(torch.ones_like(input), p=p, training=True))
            return input * self._masks[-1]
        mask = self._masks[self._next]
        self._next += 1
        return input * (mask if mask.shape == input.shape else mask[self._example : self._example + 1])


def can_stand_alone(model: nn.Module) -> bool:
    """Whether an example gets in a batch what it would get alone with the same masks: no module takes the mean of a batch."""
    return not any(isinstance(module, _BatchNorm) for module in model.modules())


def drops_out(model: nn.Module) -> bool:
    """Whether a module of this model leaves values out at random in training."""
    return any(isinstance(module, torch.nn.Dropout) and module.p > 0 for module in model.modules())
