"""The setup of a model that only a config of transformers describes: which task it is for, and what goes into it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from aitrain_nb.config import TrainConfig
from aitrain_nb.costs.setups import Setup, switched
from aitrain_nb.errors import ConfigError
from aitrain_nb.tasks import find_task

if TYPE_CHECKING:
    from torch import Tensor, nn

_LONGEST = 512
"""Tokens of a text where nothing says how long they are."""


def of_architecture(shape: Any, fields: dict[str, Any]) -> Setup:
    """The setup of a model that a config of transformers describes, such as `BertConfig()`.

    Args:
        shape: the config.
        fields: of a `TrainConfig`: task, batch_size, max_length, optimizer and so on.

    Raises:
        ConfigError: transformers has no model for it, or the model can't be made.
    """
    config = TrainConfig(**fields)
    name = config.task or _task_of(shape)
    task = find_task(name)
    auto = _auto_class(task.read_as)
    try:
        with torch.device("meta"):
            model: nn.Module = auto.from_config(shape, trust_remote_code=False)
    except (ValueError, KeyError, TypeError, RuntimeError, NotImplementedError) as error:
        raise ConfigError(
            f"No model can be made of this {type(shape).__name__}.", str(error).split("\n", maxsplit=1)[0],
            "Give another config of transformers, or task=... for another head.",
        ) from error  # fmt: skip
    config = switched(model, config, 1)
    inputs = _inputs_for(task.read_as, shape, config)
    return Setup(type(model).__name__, task, config, model, inputs, str(config.device))


def _task_of(shape: Any) -> str:
    """The task that an architecture is most likely for."""
    from transformers import (
        MODEL_FOR_CAUSAL_LM_MAPPING,
        MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING,
        MODEL_FOR_MASKED_LM_MAPPING,
        MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING,
    )  # fmt: skip

    kind = type(shape)
    if kind in MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING:
        return "image-classification"
    if kind in MODEL_FOR_CAUSAL_LM_MAPPING and kind not in MODEL_FOR_MASKED_LM_MAPPING:
        return "text-generation"
    if kind in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING:
        return "text-classification"
    raise ConfigError(
        f"There is no task for a {kind.__name__}.",
        "transformers has no model of it that classifies texts or images, or goes on with a text.",
        "Give the config of such a model, such as BertConfig(), GPT2Config() or ViTConfig().",
    )


def _auto_class(read_as: str) -> Any:
    import transformers

    return {
        "text-classification": transformers.AutoModelForSequenceClassification,
        "text-generation": transformers.AutoModelForCausalLM,
        "image-classification": transformers.AutoModelForImageClassification,
    }[read_as]


def _inputs_for(read_as: str, shape: Any, config: TrainConfig) -> dict[str, Tensor]:
    """Two examples as such a model takes them; their numbers mean nothing."""
    if read_as == "image-classification":
        size = config.image_size or shape.image_size
        height, width = (size, size) if isinstance(size, int) else size
        return {
            "pixel_values": torch.zeros(2, getattr(shape, "num_channels", 3), height, width),
            "labels": torch.zeros(2, dtype=torch.int64),
        }
    positions = getattr(shape, "max_position_embeddings", None) or _LONGEST
    length = config.max_length or min(_LONGEST, positions)
    if length > positions:
        raise ConfigError(
            f"max_length={length} is more than the model takes.", f"It has {positions} positions.",
            f"Set max_length={positions} or less.",
        )  # fmt: skip
    ids = torch.zeros(2, length, dtype=torch.int64)
    if read_as == "text-generation":
        return {"input_ids": ids, "labels": ids}
    return {"input_ids": ids, "attention_mask": ids, "labels": ids[:, 0]}
