"""Image models: small ones with first weights that depend on the seed alone, and pretrained ones with a head for classes."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn

from aitrain_nb.errors import ConfigError
from aitrain_nb.models.pretrained import find_pretrained, label_names, load_pretrained, quiet_transformers
from aitrain_nb.pixels import Pretrained, Standardize
from aitrain_nb.randomness import OwnRandom

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aitrain_nb.config import TrainConfig


class ImageShape(NamedTuple):
    """What an image model takes and gives."""

    channels: int
    height: int
    width: int
    classes: int


def is_small(name: str) -> bool:
    """Whether the model is made from a description, hence has no pretrained weights."""
    return name in MODELS


def classifier(config: TrainConfig, class_names: Sequence[str]) -> nn.Module:
    """A pretrained image model with a new head for these classes; `method="head"` freezes all but the head.

    Raises:
        ConfigError: the model can't be loaded.
    """
    from transformers import AutoModelForImageClassification

    labels = label_names(class_names) | {"num_labels": len(class_names)}
    return load_pretrained(AutoModelForImageClassification, config, MODELS, **labels)


def load_image_processor(name: str, *, normalize: bool = True, as_data: Standardize | None = None) -> Pretrained:
    """What the pretrained model of this name wants done to its images.

    Args:
        name: a folder or a name on the hub.
        normalize: whether their numbers are moved and scaled as the model was trained.
        as_data: mean and standard deviation of the data instead of those that the model was trained with.

    Raises:
        ConfigError: it can't be loaded.
    """
    from transformers import AutoImageProcessor

    place = find_pretrained(name, MODELS)
    try:
        with quiet_transformers():
            processor = AutoImageProcessor.from_pretrained(place, trust_remote_code=False)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise ConfigError(
            f"Can't load how {name!r} wants its images.",
            "It has no preprocessor_config.json that can be read, so it may be no model of images.",
            f"Use a model of images with its processor, or one of {', '.join(MODELS)}, or bring the file.",
        ) from error  # fmt: skip
    processor.do_normalize = normalize
    if as_data is not None:
        for part, numbers in (("image_mean", as_data.mean), ("image_std", as_data.std)):
            setattr(processor, part, numbers.expand(3).tolist())
    return Pretrained(processor)


def load_model(config: TrainConfig, shape: ImageShape) -> nn.Module:
    """The small model a config names, with random first weights.

    Raises:
        ConfigError: the images are too small for it.
    """
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
