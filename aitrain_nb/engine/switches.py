"""What makes a run quicker or smaller and trains the same, set as its config says: precision, attention, dropout, ..."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

from aitrain_nb.engine.attention import set_attention
from aitrain_nb.engine.checkpointing import Checkpointing
from aitrain_nb.engine.compiling import compiled
from aitrain_nb.engine.dropout import FastDropout
from aitrain_nb.engine.precision import Precision

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from torch import nn

    from aitrain_nb.config import TrainConfig


class Switches(NamedTuple):
    """How a model computes in training.

    Attributes:
        precision: how many bits the layers compute with.
        dropout: a `with` block in which dropout draws its masks as the config says.
        checkpointing: a `with` block for the forward of a step.
        quick: what is called in training: the model, or its compiled code.
    """

    precision: Precision
    dropout: AbstractContextManager[Any]
    checkpointing: AbstractContextManager[None]
    quick: Any


def switched(model: nn.Module, config: TrainConfig, device: str) -> Switches:
    """Set how a model computes.

    Args:
        model: its attention is set in place.
        config: with automatic values filled in.
        device: "cpu", "cuda" or "mps".

    Raises:
        ConfigError: the model, or this machine, can't do what is asked.
    """
    if config.attention != "auto":
        set_attention(model, config.attention)
    dropout = FastDropout() if config.fast_dropout and device == "cpu" else nullcontext()
    return Switches(
        Precision(config.precision, device),
        dropout,
        Checkpointing(model, dropout) if config.gradient_checkpointing else nullcontext(),
        compiled(model, device) if config.compile else model,
    )
