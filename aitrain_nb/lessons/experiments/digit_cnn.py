"""One small CNN that reads the handwritten digits: as chance made it, and after its run. Pictures of lesson 03 look into both."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

    from aitrain_nb.trainer import Trainer

STEPS = 270
"""Steps of its run in batches of 64: twelve epochs, about a second."""
KINDS = ("random", "trained")
LAYERS = ("the picture", "relu1", "relu2", "pool", "relu3", "output")
"""What can be looked at: what goes in, and what these layers give."""


def fresh_cnn(seed: int = 3, **fields: Any) -> Trainer:
    """A small-cnn with random weights on the digits, before its first step.

    Args:
        seed: of the first weights and of the run.
        fields: of the config, in place of `STEPS` batches of 64, a rate of 0.003 and weight decay of 1, so that unused weights fade.
    """
    import aitrain_nb as ai

    few = 2_000_000  # bytes of snapshots: nobody takes these steps back
    usual = {"batch_size": 64, "learning_rate": 0.003, "weight_decay": 1.0, "max_steps": STEPS, "evaluate_every": 0}
    return ai.prepare(
        data="digits", model="small-cnn", seed=seed, threads=1, snapshot_memory_bytes=few, **usual | fields
    )


@cache
def cnn_weights(seed: int = 3) -> dict[str, dict[str, Tensor]]:
    """The weights by kind and name: before the run, and after it.

    Args:
        seed: as in `fresh_cnn`.
    """
    trainer = fresh_cnn(seed)
    random = _copied(trainer)
    trainer.fit(display="none")
    return dict(zip(KINDS, (random, _copied(trainer)), strict=True))


def _copied(trainer: Trainer) -> dict[str, Tensor]:
    return {name: weight.detach().clone() for name, weight in trainer.model.state_dict().items()}


def cnn(kind: str = KINDS[1], **fields: Any) -> Trainer:
    """A trainer of its own whose network has these weights.

    Args:
        kind: "random" or "trained".
        fields: of the config, as in `fresh_cnn`.
    """
    trainer = fresh_cnn(**fields)
    trainer.model.load_state_dict(cnn_weights()[kind])
    return trainer


class Digits(NamedTuple):
    """A side of the bundled digits.

    Attributes:
        pictures: [N, 1, 8, 8] scaled as the network gets them, 0 to 1.
        labels: [N] what they are.
    """

    pictures: Tensor
    labels: Tensor


@cache
def digits(side: str = "validation") -> Digits:
    """The digits of a side of the split.

    Args:
        side: "train" or "validation".
    """
    data = fresh_cnn().data
    columns = getattr(data, side).columns
    return Digits(columns["image"] * data.scale, columns["label"])


@cache
def flows(side: str = "validation") -> tuple[dict[str, dict[str, Tensor]], Tensor]:
    """What each layer gives for the digits of a side, by kind of weights and layer [N, ...], and the right answers [N].

    Args:
        side: "train" or "validation".
    """
    return {kind: _given(cnn(kind), digits(side).pictures) for kind in KINDS}, digits(side).labels


def _given(trainer: Trainer, pictures: Tensor) -> dict[str, Tensor]:
    import torch

    found, values = {LAYERS[0]: pictures}, pictures
    with torch.no_grad():
        for name, layer in trainer.model.eval().named_children():
            values = layer(values)
            if name in LAYERS:
                found[name] = values
    return found
