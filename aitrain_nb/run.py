"""From a description to a trainer that is ready to go."""

from __future__ import annotations

from typing import Any

from aitrain_nb.config import TrainConfig
from aitrain_nb.data import load_data
from aitrain_nb.errors import ConfigError
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
            "Each value needs its field's name, so that it is a name of something.",
            f"prepare(data={config!r}), or TrainConfig.from_yaml(...) for a file.",
        )
    config = (config or TrainConfig()).replace(**fields)
    task = find_task(config.task)
    data = load_data(config)
    processor = task.load_processor(config, data)
    return Trainer(task.load_model(config, data, processor), task, data, config, processor)
