"""Methods that move weights, on a few examples: each is a run of our own loop with the same number of steps."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from aitrain_nb.engine.heads import put_new_head
from aitrain_nb.errors import ConfigError
from aitrain_nb.models.adapters import add_adapters
from aitrain_nb.run import prepare
from aitrain_nb.trainer import Trainer

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from aitrain_nb.config import TrainConfig
    from aitrain_nb.data import Splits

SMALL = {"text-classification": "small-encoder", "image-classification": "small-cnn", "text-generation": "small-gpt"}
"""What a task is read as -> the model that is trained from scratch."""
_BATCH, _EVALUATIONS = 32, 5
_LARGE, _STEPS_OF_SMALL, _STEPS_OF_LARGE = 2_000_000, 300, 60


class Trained(NamedTuple):
    """What a run came to.

    Attributes:
        trainer: as the run left it.
        curve: (seconds of steps so far, score) at each evaluation.
        seconds: of all its steps, without evaluations.
    """

    trainer: Trainer
    curve: list[tuple[float, float]]
    seconds: float


def some_of(splits: Splits, places: NDArray[Any]) -> Splits:
    """The same data with only these training examples."""
    import torch

    return replace(splits, train=splits.train.subset(torch.from_numpy(places)), train_indices=None, notes=())


def from_scratch(base: Trainer, splits: Splits, steps: int | None, seed: int, rate: float | None = None) -> Trainer:
    """The small model of the task with random first weights; of a trainer that has such a small one, the same model."""
    config = base.config
    small = config.model if base.task.is_from_scratch(str(config.model)) else SMALL[base.task.read_as]
    fields = {"model": small, "method": "scratch", "learning_rate": rate, "max_length": config.max_length}
    return prepare(of_budget(config, steps or _STEPS_OF_SMALL, seed, len(splits.train)).replace(**fields), data=splits)


def fine_tuned(base: Trainer, splits: Splits, steps: int | None, seed: int, rate: float | None = None) -> Trainer:
    """A copy of the whole network with a new head, all of it trained."""
    return _going_on(base, splits, steps, seed, "fine-tune", rate)


def head_only(base: Trainer, splits: Splits, steps: int | None, seed: int, rate: float | None = None) -> Trainer:
    """A copy of the network with a new head, and nothing else trained."""
    return _going_on(base, splits, steps, seed, "head", rate)


def adapted(base: Trainer, splits: Splits, steps: int | None, seed: int, rate: float | None = None) -> Trainer:
    """A copy of the network with a new head and adapters beside its frozen layers; these and the head are trained."""
    return _going_on(base, splits, steps, seed, "lora", rate)


TRAINED: dict[str, Callable[[Trainer, Splits, int | None, int, float | None], Trainer]] = {
    "scratch": from_scratch,
    "head": head_only,
    "lora": adapted,
    "fine-tune": fine_tuned,
}
"""Name -> what gives a trainer from one whose network is to be used, the data, the steps, the seed and a learning rate or None."""


def with_new_head(base: Trainer, splits: Splits, config: TrainConfig, seed: int) -> Trainer:
    """A trainer on other data with a copy of the network, whose new head has random weights and as many outputs as there are classes.

    Args:
        base: whose network is copied.
        splits: the data.
        config: of the new run; with `method="head"` only the head is trained, with "lora" adapters besides.
        seed: of the new head's weights.
    """
    model, name = copy.deepcopy(base.model), base.head()
    put_new_head(model, name, len(splits.label_names), seed)
    for weight in model.parameters():
        weight.requires_grad_(config.method != "head")
    if config.method == "lora":
        add_adapters(model, config)
    model.get_submodule(name).requires_grad_(requires_grad=True)
    return Trainer(model, base.task, splits, config, base.processor)


def _going_on(base: Trainer, splits: Splits, steps: int | None, seed: int, method: str, rate: float | None) -> Trainer:
    config = of_budget(base.config, steps or usual_steps(base), seed, len(splits.train))
    if rate is None and method == "fine-tune":
        rate = config.learning_rate
    return with_new_head(base, splits, config.replace(method=method, learning_rate=rate), seed)


def usual_steps(base: Trainer) -> int:
    """Optimizer steps of a run where nothing else is said: 60 with a network of 2 million weights or more, else 300."""
    return _STEPS_OF_LARGE if sum(weight.numel() for weight in base.model.parameters()) >= _LARGE else _STEPS_OF_SMALL


def of_budget(
    config: TrainConfig, steps: int, seed: int, examples: int, evaluations: int = _EVALUATIONS
) -> TrainConfig:
    """The config of a run of so many steps, with nothing chosen by the validation side."""
    return config.replace(
        seed=seed, max_steps=steps, batch_size=min(_BATCH, examples), evaluate_every=max(1, -(-steps // evaluations)), keep="last",
        schedule="linear", warmup_steps=0.1, early_stopping="none", gradient_accumulation_steps=1,
    )  # fmt: skip


def train(trainer: Trainer) -> Trained:
    """Train to the end; raises KeyboardInterrupt where it was interrupted, ConfigError where it broke."""
    trainer.fit("none")
    ending = trainer.ending
    if ending is not None and ending.reason == "interrupted":
        raise KeyboardInterrupt
    if ending is not None and ending.state != "done":
        raise ConfigError("A run of the comparison broke.", ending.reason, "Try other settings for it.")
    total, curve = 0.0, []
    for row in trainer.history:
        total += row["seconds"]
        if "eval_accuracy" in row and row["eval_accuracy"] == row["eval_accuracy"]:
            curve.append((total, row["eval_accuracy"]))
    return Trained(trainer, curve, total)
