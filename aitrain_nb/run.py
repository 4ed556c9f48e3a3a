"""From a description to a trainer that is ready to go."""

from __future__ import annotations

from typing import Any

from aitrain_nb.bundled import BUNDLED, SERVES
from aitrain_nb.config import TrainConfig
from aitrain_nb.data import Splits, split
from aitrain_nb.errors import ConfigError, unknown_name
from aitrain_nb.tasks import find_task
from aitrain_nb.trainer import Trainer


def prepare(config: TrainConfig | None = None, /, **fields: Any) -> Trainer:
    """Load the data, build the model with its first weights, and return the trainer that joins them.

    Args:
        config: the run; `TrainConfig()` by default.
        fields: fields of the config to set or change.

    Raises:
        ConfigError: a name or value in the config isn't valid.
        DataError: the examples can't be used.
        ModelError: the model doesn't fit the data.

    Example:
        trainer = prepare(data="digits", model="small-cnn", epochs=5)
        trainer.fit()
    """
    if config is not None and not isinstance(config, TrainConfig):
        raise ConfigError(
            f"prepare takes a TrainConfig or fields, not {config!r}.",
            "A name alone doesn't say whether it is data, a model or a task.",
            f"prepare(data={config!r}), or TrainConfig.from_yaml(...) for a file.",
        )
    objects = {
        name: value
        for name, value in fields.items()
        if name in {"data", "model", "task"} and not isinstance(value, str)
    }
    if any(value is not None for value in objects.values()):
        name, value = next((name, value) for name, value in objects.items() if value is not None)
        raise ConfigError(
            f"prepare makes the {name} from its name, and got {type(value).__name__}.",
            "A config holds names, so that a run can be written down.",
            "Hand your own objects to Trainer(model, task, data, config).",
        )
    config = resolve((config or TrainConfig()).replace(**fields))
    task = find_task(str(config.task))
    data = load_data(config)
    processor = task.load_processor(config, data)
    return Trainer(task.load_model(config, data, processor), task, data, config, processor)


def resolve(config: TrainConfig) -> TrainConfig:
    """The config with task, data, model, method and tokenizer filled in where they were left empty."""
    name = config.task or SERVES.get(config.data or "", "image-classification")
    task = find_task(name)
    model = config.model or task.default_model
    automatic = {
        "task": name,
        "data": config.data or task.default_data,
        "model": model,
        "method": _method(config, from_scratch=task.is_from_scratch(model)),
        "tokenizer": task.default_tokenizer if config.tokenizer == "auto" else config.tokenizer,
    }
    return config.replace(**automatic)


def _method(config: TrainConfig, *, from_scratch: bool) -> str:
    if from_scratch and config.method in {"fine-tune", "head"}:
        raise ConfigError(
            f"method={config.method!r} needs a pretrained model.",
            f"{config.model!r} has random first weights.",
            "Use method='scratch', or a pretrained model such as model='minilm'.",
        )
    automatic = "scratch" if from_scratch else "fine-tune"
    return automatic if config.method == "auto" else config.method


def load_data(config: TrainConfig) -> Splits:
    """The examples a resolved config names, split into training and validation.

    Raises:
        ConfigError: the name isn't known, or its package isn't installed.
    """
    name = str(config.data)
    if name not in BUNDLED:
        raise ConfigError(*unknown_name("data set", name, BUNDLED))
    found = BUNDLED[name](config)
    return split(found.dataset, config.validation_fraction, config.seed, name=name, scale=found.scale, note=found.note)
