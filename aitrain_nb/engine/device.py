"""Where the numbers are computed: the device, the processor threads, and how much the evaluation takes at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from aitrain_nb.errors import ConfigError

if TYPE_CHECKING:
    from torch import nn

    from aitrain_nb.config import TrainConfig

SMALL_MODEL = 1_000_000
"""Weights below which one processor thread is quicker than several: the work of a layer is less than the hand-over."""


def count_weights(model: nn.Module, *, trained_only: bool = False) -> int:
    """Number of weights of a model, shared ones once."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad or not trained_only)


def find_device(name: str) -> torch.device:
    """The torch device for a config's `device`; raises ConfigError where it isn't there."""
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next(kind for kind in ("cuda", "mps", "cpu") if present[kind])
    if not present[name]:
        raise ConfigError(
            f"There is no {name} device here.",
            "torch finds: " + ", ".join(kind for kind, there in present.items() if there) + ".",
            "Leave device='auto'.",
        )
    return torch.device(name)


def resolve(config: TrainConfig, model: nn.Module, steps_per_epoch: int) -> TrainConfig:
    """The config with every automatic value filled in, by rules on device and size alone, never by a timing."""
    small = count_weights(model) < SMALL_MODEL
    automatic = {
        "learning_rate": config.peak_learning_rate,
        "device": find_device(config.device).type,
        "threads": config.threads or (1 if small else torch.get_num_threads()),
        "evaluation_batch_size": config.evaluation_batch_size or (256 if small else max(32, config.batch_size)),
        "log_every": config.log_every or max(1, -(-steps_per_epoch // 5)),
    }
    return config.replace(**automatic)


class Threads:
    """A `with` block in which torch uses this many processor threads; the user's number is put back. Free where it is the same."""

    __slots__ = ("_before", "_number")

    def __init__(self, number: int | None) -> None:
        self._number = number or torch.get_num_threads()
        self._before: list[int] = []

    def __enter__(self) -> None:
        before = torch.get_num_threads()
        self._before.append(before)
        if before != self._number:
            torch.set_num_threads(self._number)

    def __exit__(self, *_: object) -> None:
        before = self._before.pop()
        if before != self._number:
            torch.set_num_threads(before)
