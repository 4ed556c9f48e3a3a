"""The run's own random numbers, kept apart from the user's.

Layers such as dropout draw from torch's global generator. For the time of a phase the run's state is put into it, and
afterwards the user's state is put back, so the user's sequence is the same with and without a run (1.4 microseconds a swap
on CPU).
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

_WITHOUT_CHANCE = (
    nn.Sequential, nn.ModuleList, nn.ModuleDict, nn.Identity, nn.Flatten, nn.Unflatten, nn.Linear, nn.Bilinear, nn.Embedding,
    nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.MaxPool1d, nn.MaxPool2d, nn.AvgPool1d, nn.AvgPool2d,
    nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d, nn.BatchNorm1d, nn.BatchNorm2d, nn.LayerNorm, nn.GroupNorm,
    nn.RMSNorm, nn.ReLU, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Tanh, nn.Sigmoid, nn.Softmax, nn.LogSoftmax,
)  # fmt: skip
"""Modules of torch that never draw a random number."""


def draws_random_numbers(model: nn.Module) -> bool:
    """Whether a forward of this model may draw random numbers: unless every module in it is one that is known not to."""
    return not all(type(module) in _WITHOUT_CHANCE for module in model.modules())


def derived_seed(seed: int, *names: object) -> int:
    """A seed for one purpose: the same for the same names, unrelated for others."""
    text = "/".join(str(name) for name in (seed, *names))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def generator(seed: int, *names: object) -> torch.Generator:
    """A new CPU generator for one purpose."""
    return torch.Generator().manual_seed(derived_seed(seed, *names))


class OwnRandom:
    """A random state that is swapped into torch's global generators inside a `with` block.

    Args:
        seed: of the run.
        device: the device whose generator is swapped too, when it isn't the CPU.
    """

    def __init__(self, seed: int, device: torch.device | None = None) -> None:
        self._cpu = torch.default_generator
        self._accelerator = device.type if device is not None and device.type in {"cuda", "mps"} else None
        self._seed = seed
        self.state: tuple[Tensor, ...] = self._begin()
        self._users: list[tuple[Tensor, ...]] = []  # a stack, since a replay may run inside a phase

    def __enter__(self) -> None:
        self._users.append(self._read())
        self._write(self.state)

    def __exit__(self, *_: object) -> None:
        self.state = self._read()
        self._write(self._users.pop())

    def renew(self, *names: object) -> None:
        """Begin anew with a state that depends on the seed and these names alone."""
        self.state = self._begin(*names)

    @contextmanager
    def replayed(self, state: tuple[Tensor, ...]) -> Iterator[None]:
        """Inside, the numbers drawn are those that followed `state`; the run's own state stays where it is."""
        kept = self.state
        self.state = state
        try:
            with self:
                yield
        finally:
            self.state = kept

    def _read(self) -> tuple[Tensor, ...]:
        cpu = self._cpu.get_state()
        if self._accelerator is None:
            return (cpu,)
        return cpu, getattr(torch, self._accelerator).get_rng_state()

    def _write(self, state: tuple[Tensor, ...]) -> None:
        self._cpu.set_state(state[0])
        if self._accelerator is not None:
            getattr(torch, self._accelerator).set_rng_state(state[1])

    def _begin(self, *names: object) -> tuple[Tensor, ...]:
        first = generator(self._seed, "model", *names).get_state()
        if self._accelerator is None:
            return (first,)
        other = torch.Generator(self._accelerator).manual_seed(derived_seed(self._seed, "model", *names))
        return first, other.get_state()
