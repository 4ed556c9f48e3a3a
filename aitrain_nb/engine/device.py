"""Where the numbers are computed: the device, the processor threads, and how much the evaluation takes at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from aitrain_nb.engine.attention import attention_name, drops_attention
from aitrain_nb.engine.optim import has_fused
from aitrain_nb.engine.precision import has_bf16
from aitrain_nb.errors import ConfigError

if TYPE_CHECKING:
    from torch import nn

    from aitrain_nb.config import TrainConfig
    from aitrain_nb.engine.order import TextLengths

TINY_MODEL, SMALL_MODEL = 150_000, 1_000_000
"""Weights below which one processor thread is as quick as several, and above which all are worth while."""
PRETRAINED_SIZE = 10_000_000
"""Weights from which a model counts as large as pretrained ones: there fewer bits and less padding pay."""
MANY_WEIGHTS, MANY_TOKENS, SHORT_TEXT = 500_000, 1500, 192
"""Weights of a model and tokens of a batch from which fewer bits pay on a processor; tokens of a text that is short."""


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


def _threads(weights: int, batch_size: int) -> int:
    """How many processor threads are worth their overhead.

    Measured on two cores: a second thread saves no time on 8x8 digits in batches of 32, and a third of it on a small text model.
    """
    if weights < TINY_MODEL and batch_size <= 64:
        return 1
    return min(4, torch.get_num_threads()) if weights < SMALL_MODEL else torch.get_num_threads()


def _precision(weights: int, device: str, batch_size: int, texts: TextLengths | None) -> str:
    """16 bits where the device has units for them and the work is large: a pretrained model, or on a processor many tokens at once.

    A step of small-gpt with 32 x 64 tokens took 0.58 of its time in 32 bits (one thread, AMX); one of small-encoder with 32 x 25 tokens
    0.9, and one of small-vit 1.3 times as long.
    """
    if not has_bf16(device):
        return "fp32"
    is_much = texts is not None and weights >= MANY_WEIGHTS and batch_size * texts.mean >= MANY_TOKENS
    return "bf16" if weights >= PRETRAINED_SIZE or (device == "cpu" and is_much) else "fp32"


def _patches(model: nn.Module) -> int | None:
    """Patches of an image, with the one that stands for the whole, where the model cuts images into patches."""
    shape: Any = getattr(model, "config", None)
    size, patch = getattr(shape, "image_size", None), getattr(shape, "patch_size", None)
    return (size // patch) ** 2 + 1 if isinstance(size, int) and isinstance(patch, int) and patch > 0 else None


def _attention(found: str | None, device: str, precision: str, longest: int | None, *, is_dropping: bool) -> str:
    """Step by step ("eager") on a processor where that is quicker than torch's own way ("sdpa").

    Where attention weights drop out, sdpa goes step by step, too, and `fast_dropout` reaches only what isn't inside it: eager took 0.94 to
    1.01 of sdpa's time with small-encoder and MiniLM (one thread, about the noise); memory was equal. In bf16 sdpa's way back is slow for
    short texts: eager took 0.26 to 0.43 of its time with 64 tokens, 0.5 with 128, 0.9 with 192, 1.1 to 1.5 with 256, 2 to 5 from 512 on.
    So it is for few patches of an image: a step of small-vit took 0.34 of its time.

    Args:
        found: what the model computes attention with by itself.
        device: where.
        precision: kind of numbers.
        longest: tokens of the longest text, or patches of an image; None where it isn't known.
        is_dropping: whether attention weights drop out.
    """
    if found not in {"eager", "sdpa"}:
        return "auto"
    is_short = precision == "bf16" and longest is not None and longest <= SHORT_TEXT
    return "eager" if device == "cpu" and (is_dropping or is_short) else found


def resolve(
    config: TrainConfig,
    model: nn.Module,
    steps_per_epoch: int,
    *,
    ragged: bool = False,
    texts: TextLengths | None = None,
) -> TrainConfig:
    """The config with every automatic value filled in, by rules on device, data and size alone, never by a timing.

    Args:
        config: of the run.
        model: whose run it is.
        steps_per_epoch: optimizer steps in one pass over the data.
        ragged: whether the examples are of unequal lengths.
        texts: how long they are; None where they are no texts.
    """
    weights, device = count_weights(model), find_device(config.device).type
    is_small, is_large = weights < SMALL_MODEL, weights >= PRETRAINED_SIZE
    longest = texts.longest if texts is not None else _patches(model)
    is_whole = has_fused(weight for weight in model.parameters() if weight.requires_grad)
    precision = _precision(weights, device, config.batch_size, texts) if is_whole else "fp32"
    precision = precision if config.precision == "auto" else config.precision
    automatic = {
        "precision": precision,
        "attention": _attention(attention_name(model), device, precision, longest, is_dropping=drops_attention(model)),
        "group_by_length": "on" if is_large and ragged else "off",
        "fused_optimizer": "on" if is_whole else "off",
    }
    return config.replace(
        learning_rate=config.peak_learning_rate,
        device=device,
        threads=config.threads or _threads(weights, config.batch_size),
        evaluation_batch_size=config.evaluation_batch_size or (256 if is_small else max(32, config.batch_size)),
        log_every=config.log_every or max(1, -(-steps_per_epoch // 5)),
        **{name: value for name, value in automatic.items() if getattr(config, name) == "auto"},
    )


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
