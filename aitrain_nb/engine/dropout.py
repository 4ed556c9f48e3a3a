"""A dropout with cheap masks, for processors: 16 random bits of torch's generator decide about one number.

torch asks its generator anew for every value; here 64 bits decide about 4 values, so that dropout costs a fifth (1.8 ns a value, not 8.2).
The share that is left out is a whole number of 65,536ths, and what stays is scaled by exactly that share, so that the mean is kept.
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

_LOWEST, _SIGN = -(2**63), 2**15


class _Cut(NamedTuple):
    """Random numbers of 16 bits below `below` leave a value out: the share `dropped` of them."""

    below: int
    dropped: float


def cut_for(p: float) -> _Cut:
    """Which random numbers leave a value out, for 0 < p < 1.

    >>> cut_for(0.1)
    _Cut(below=-26214, dropped=0.100006103515625)
    """
    below = min(max(1, round(p * 2 * _SIGN)), 2 * _SIGN - 1)
    return _Cut(below - _SIGN, below / (2 * _SIGN))


def mask_like(values: Tensor, p: float) -> Tensor:
    """What dropout multiplies with: 0 for the share that is left out, else 1 / the share that stays; shape and dtype of `values`.

    It draws from torch's global generator, so that whoever puts the generator back gets the same mask.
    """
    cut, count = cut_for(p), values.numel()
    drawn = torch.empty(-(-count // 4), dtype=torch.int64).random_(_LOWEST, None)  # all 64 bits
    kept = drawn.view(torch.int16)[:count].view(values.shape).ge_(cut.below)
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
