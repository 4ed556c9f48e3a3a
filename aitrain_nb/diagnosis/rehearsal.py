"""A rehearsal: a copy of the model trained for a moment on a few examples. The trainer and its model are not touched."""

from __future__ import annotations

import copy
from time import perf_counter
from typing import TYPE_CHECKING, Any

import torch

from aitrain_nb.errors import StopTraining
from aitrain_nb.trainer import Trainer

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from aitrain_nb.data import Dataset

_PLAIN: dict[str, Any] = {
    "evaluate_every": 0, "early_stopping": "none", "keep": "last", "best_metric": "loss", "label_smoothing": 0.0,
    "class_weights": "none", "augmentation": "none", "schedule": "constant", "warmup_steps": 0.0, "gradient_accumulation_steps": 1,
    "inspect_every": 0, "snapshot_every": 0, "weight_decay": 0.0, "evaluation_examples": None,
}  # fmt: skip
"""Fields of a run that only shows whether something can be learned."""


def rehearse(
    trainer: Trainer, examples: Dataset, steps: int, seconds: float, rate: float, *, blank: bool = False, until: float = 0.0,
) -> list[float]:  # fmt: skip
    """Losses (nats) of a copy of the model that is trained on these prepared examples, all of them in each step.

    Args:
        trainer: whose model is copied, as it is; the loop is the same.
        examples: prepared ones.
        steps: at most.
        seconds: about how long at most.
        rate: learning rate.
        blank: zero the inputs, so that only the labels are left to learn from.
        until: a loss below which there is nothing left to show, nats.
    """
    task = copy.copy(trainer.task)
    changed: dict[str, Callable[..., Any]] = {"prepare": lambda *_: examples, "notes": lambda *_: []}
    if blank:
        changed["collate"] = lambda columns, processor: _blanked(trainer.task.collate(columns, processor))
    vars(task).update(changed)
    config = trainer.config.replace(**_PLAIN, max_steps=steps, batch_size=len(examples), learning_rate=rate)
    student = Trainer(copy.deepcopy(trainer.model), task, trainer.data, config, trainer.processor)
    ends = perf_counter() + seconds

    def watch(_record: Any) -> None:
        if perf_counter() > ends:
            raise StopTraining("the time is over")
        if student.step and student.history.last["loss"] < until:
            raise StopTraining("it is learned")

    student.watchers.append(watch)
    return [row["loss"] for row in student.fit(display="none")]


def _blanked(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same inputs with nothing in them; labels and masks stay."""
    return {
        name: value if name == "labels" or "mask" in name else torch.zeros_like(value) for name, value in inputs.items()
    }
