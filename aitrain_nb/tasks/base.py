"""The interface of a task."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import torch

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor, nn

    from aitrain_nb.config import TrainConfig
    from aitrain_nb.data import Dataset, Splits


class Task(ABC):
    """What differs between tasks. Holds no state: one object serves every run.

    Letters in the shapes: B examples, C classes.
    """

    name: ClassVar[str]

    def check(self, splits: Splits) -> None:  # noqa: B027  a task with nothing to check leaves it
        """Raise DataError where these examples can't teach this task."""

    @abstractmethod
    def prepare(self, splits: Splits, dataset: Dataset) -> Dataset:
        """The examples as model inputs, once before training: a dataset whose columns `collate` understands."""

    @abstractmethod
    def collate(self, columns: dict[str, Any]) -> dict[str, Tensor]:
        """One batch of prepared columns as tensors, `labels` among them (-100 where not counted)."""

    @abstractmethod
    def own_examples(self, examples: Any, labels: Any, splits: Splits) -> Dataset:
        """A person's own examples as a raw dataset; labels may be None. Raises DataError where they don't fit."""

    @abstractmethod
    def load_model(self, config: TrainConfig, splits: Splits) -> nn.Module:
        """The model that the config names, for these data."""

    @abstractmethod
    def outputs(self, model: Any, inputs: dict[str, Tensor]) -> Tensor:
        """The model's logits for these inputs, without their labels."""

    @abstractmethod
    def loss(self, logits: Tensor, inputs: dict[str, Tensor], label_smoothing: float = 0.0) -> Tensor:
        """Loss per target, nats, never reduced; 0 where the target isn't counted."""

    @abstractmethod
    def metrics(self, predicted: Tensor, labels: Tensor) -> dict[str, float]:
        """Scores of an evaluation by name; accuracy is a share from 0 to 1."""

    @abstractmethod
    def baseline(self, dataset: Dataset) -> dict[str, float]:
        """What a model that knows nothing reaches: loss of a uniform guess (nats) and of the label shares, accuracy of the majority."""

    @abstractmethod
    def rows(self, columns: dict[str, Any], label_names: tuple[str, ...]) -> pd.DataFrame:
        """What a person should see of these raw examples, one row each."""

    def counted(self, inputs: dict[str, Tensor]) -> int:
        """How many targets the loss of these inputs averages over."""
        labels = inputs["labels"]
        return int((labels != -100).sum())

    def first_module_input(self, inputs: dict[str, Tensor]) -> Tensor:
        """The tensor that goes into the model."""
        return next(value for name, value in inputs.items() if name != "labels")

    def one_hot(self, logits: Tensor, inputs: dict[str, Tensor], label_smoothing: float = 0.0) -> Tensor:
        """The distribution the loss asks for: shape of `logits`, rows that sum to 1."""
        classes = logits.shape[-1]
        exact = torch.nn.functional.one_hot(inputs["labels"].clamp(min=0), classes).to(logits.dtype)
        return exact * (1 - label_smoothing) + label_smoothing / classes
