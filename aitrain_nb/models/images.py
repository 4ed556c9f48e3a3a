"""Small image models, with first weights that depend on the seed alone."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn

from aitrain_nb.errors import ConfigError, unknown_name
from aitrain_nb.randomness import OwnRandom

if TYPE_CHECKING:
    from collections.abc import Callable

    from aitrain_nb.config import TrainConfig


class ImageShape(NamedTuple):
    """What an image model takes and gives."""

    channels: int
    height: int
    width: int
    classes: int


def load_model(config: TrainConfig, shape: ImageShape) -> nn.Module:
    """The model a config names, with random first weights.

    Raises:
        ConfigError: the name isn't known, or the images are too small for it.
    """
    if config.model not in MODELS:
        raise ConfigError(*unknown_name("model", config.model, MODELS))
    with OwnRandom(config.seed):
        return MODELS[str(config.model)](shape)


def mlp(shape: ImageShape) -> nn.Module:
    """Two layers of dials: every pixel to each of 64 units, every unit to each class. 4,810 weights on 8x8 digits."""
    pixels = shape.channels * shape.height * shape.width
    layers = [
        ("flatten", nn.Flatten()),
        ("hidden", nn.Linear(pixels, 64)),
        ("relu", nn.ReLU()),
        ("output", nn.Linear(64, shape.classes)),
    ]
    return nn.Sequential(OrderedDict(layers))


def small_cnn(shape: ImageShape) -> nn.Module:
    """Two convolutions and two dense layers: 51,880 weights on 8x8 digits.

    The weights lie in memory with channels last, which makes a step on CPU about a tenth quicker.
    """
    if min(shape.height, shape.width) < 4:
        raise ConfigError(
            "These images are too small for small-cnn.",
            f"They are {shape.height}x{shape.width} pixels.",
            "Use model='mlp'.",
        )
    pooled = 32 * (shape.height // 2) * (shape.width // 2)
    layers = [
        ("conv1", nn.Conv2d(shape.channels, 16, 3, padding=1)),
        ("relu1", nn.ReLU()),
        ("conv2", nn.Conv2d(16, 32, 3, padding=1)),
        ("relu2", nn.ReLU()),
        ("pool", nn.MaxPool2d(2)),
        ("flatten", nn.Flatten()),
        ("hidden", nn.Linear(pooled, 90)),
        ("relu3", nn.ReLU()),
        ("output", nn.Linear(90, shape.classes)),
    ]
    model: nn.Module = nn.Sequential(OrderedDict(layers)).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model


def small_vit(shape: ImageShape) -> nn.Module:
    """A vision transformer of transformers: patches of a quarter of the width, 4 layers, 4 heads, width 64."""
    from transformers import ViTConfig, ViTForImageClassification

    patch = max(1, shape.width // 4)
    if shape.height != shape.width or shape.width % patch:
        raise ConfigError(
            "small-vit needs square images whose side is a multiple of its patches.",
            f"These are {shape.height}x{shape.width} pixels with patches of {patch}.",
            "Use model='small-cnn'.",
        )
    settings = ViTConfig(
        image_size=shape.width, patch_size=patch, num_channels=shape.channels, id2label={i: str(i) for i in range(shape.classes)},
        hidden_size=64, intermediate_size=128, num_hidden_layers=4, num_attention_heads=4,
        hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    return ViTForImageClassification(settings)


MODELS: dict[str, Callable[[ImageShape], nn.Module]] = {"mlp": mlp, "small-cnn": small_cnn, "small-vit": small_vit}
"""Models without a download: name -> builder."""
