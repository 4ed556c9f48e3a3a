"""What a Trainer may be handed: a module, split data, a checked config."""

from __future__ import annotations

from typing import Any

from torch import nn

from aitrain_nb.config import TrainConfig
from aitrain_nb.data import Dataset, Splits
from aitrain_nb.errors import ConfigError, DataError, ModelError


def checked_arguments(model: Any, data: Any, config: Any) -> TrainConfig:
    """The config; raises where a Trainer is handed something else than it takes."""
    if not isinstance(model, nn.Module):
        raise ModelError(
            f"The model is {type(model).__name__}, not a torch module.",
            "A Trainer takes the model itself.",
            "For a model by name, call prepare(model=...).",
        )
    if any(isinstance(weight, nn.parameter.UninitializedParameter) for weight in model.parameters()):
        raise ModelError(
            "The model has weights without a size.", "A lazy layer learns its size from its first input.",
            "Send one batch through the model first: model(images[:2]).",
        )  # fmt: skip
    if not isinstance(data, Splits):
        split = "Call .split() on it." if isinstance(data, Dataset) else "aitrain_nb.Dataset({...}).split() makes them."
        raise DataError(
            f"The data is {type(data).__name__}, not Splits.",
            "A Trainer needs training and validation examples.",
            split,
        )
    if config is not None and not isinstance(config, TrainConfig):
        raise ConfigError(
            f"The config is {type(config).__name__}, not TrainConfig.", "A Trainer takes a checked config.",
            "TrainConfig(epochs=3, learning_rate=0.001), or TrainConfig(**fields).",
        )  # fmt: skip
    return config or TrainConfig()
