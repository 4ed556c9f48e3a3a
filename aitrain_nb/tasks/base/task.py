"""The interface of a task."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from aitrain_nb.errors import ConfigError, ModelError
from aitrain_nb.tasks.base import losses, scores
from aitrain_nb.tasks.base.losses import PLAIN, LossOptions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd
    from torch import Tensor, nn

    from aitrain_nb.config import TrainConfig
    from aitrain_nb.data import Dataset, Splits
    from aitrain_nb.figures import Picture
    from aitrain_nb.html import Markup
    from aitrain_nb.records import Batch
    from aitrain_nb.records.base import Check, Fact


class Task(ABC):
    """What differs between tasks. Holds no state: one object serves every run.

    Attributes:
        name: what a config calls it, unlike that of any other task.
        read_as: rows of data are read as for this task, one of the three that `aitrain_nb.sources` knows: texts with
            classes, images with classes, or texts alone.
        scores: what `metrics` gives.
        models: names of models that can be suggested.
        augmentations: what `augment` knows besides "none".
        default_data, default_model, default_tokenizer, default_evaluation_examples: what an empty field of the config
            stands for.

    Letters in the shapes: B examples, T positions, C classes (or the vocabulary). Targets have shape [B], or [B, T]
    where each position has one; logits have one more dimension, C.
    """

    name: ClassVar[str]
    default_data: ClassVar[str]
    default_model: ClassVar[str]
    read_as: ClassVar[str]
    augmentations: ClassVar[tuple[str, ...]] = ()
    models: ClassVar[tuple[str, ...]] = ()
    scores: ClassVar[tuple[str, ...]] = ("accuracy", "macro_f1")
    default_tokenizer: ClassVar[str] = "auto"
    default_evaluation_examples: ClassVar[int | None] = None

    # data: raw -> prepared -> tensors

    def check(self, splits: Splits) -> None:  # noqa: B027  a task with nothing to check leaves it
        """Raise DataError where these examples can't teach this task."""

    def load_processor(self, config: TrainConfig, splits: Splits) -> Any:
        """What makes numbers of raw examples and isn't part of the model: a tokenizer, or None."""
        del config, splits
        return None

    def notes(self, raw: Dataset, prepared: Dataset, processor: Any, config: TrainConfig) -> list[str]:
        """What a person should know about how the training examples became model inputs, a sentence each."""
        del raw, prepared, processor, config
        return []

    @abstractmethod
    def prepare(self, dataset: Dataset, splits: Splits, processor: Any, config: TrainConfig) -> Dataset:
        """The examples as model inputs, once before training: a dataset whose columns `collate` understands."""

    def count_examples(self, train: Dataset, config: TrainConfig) -> int | None:
        """How many examples `prepare` makes of the training side, where that is known without doing it; else None."""
        del train, config
        return None

    def prepare_own(self, dataset: Dataset, splits: Splits, processor: Any, config: TrainConfig) -> Dataset:
        """A person's own examples as model inputs, one row an example."""
        return self.prepare(dataset, splits, processor, config)

    @abstractmethod
    def collate(self, columns: dict[str, Any], processor: Any) -> dict[str, Tensor]:
        """One batch of prepared columns as tensors, `labels` among them (-100 where not counted)."""

    def augment(self, inputs: dict[str, Tensor], config: TrainConfig) -> dict[str, Tensor]:
        """A training batch changed at random; called only where the config asks for one of `augmentations`."""
        raise NotImplementedError(f"{self.name} names augmentations and has no augment")

    def fillers(self, processor: Any) -> dict[str, int]:
        """What fills up the shorter rows of an input where batches are joined, by name; 0 for those not named."""
        del processor
        return {}

    @abstractmethod
    def own_examples(self, examples: Any, labels: Any, splits: Splits) -> Dataset:
        """A person's own examples as a raw dataset; labels may be None. Raises DataError where they don't fit."""

    @abstractmethod
    def class_names(self, splits: Splits, processor: Any) -> Sequence[str]:
        """What the model chooses between, in the order of the logits."""

    @abstractmethod
    def rows(self, columns: dict[str, Any], label_names: Sequence[str]) -> pd.DataFrame:
        """What a person should see of these raw examples, one row each."""

    def raw(self, batch: Batch) -> dict[str, Any]:
        """The training examples of a batch as they were before they became numbers, column by column."""
        taken: dict[str, Any] = batch.trainer.data.train.take(batch.indices)
        return taken

    # model and loss

    def is_from_scratch(self, model: str) -> bool:
        """Whether the model of this name has no pretrained weights."""
        del model
        return True

    @abstractmethod
    def load_model(self, config: TrainConfig, splits: Splits, processor: Any) -> nn.Module:
        """The model that the config names, for these data."""

    @abstractmethod
    def outputs(self, model: Any, inputs: dict[str, Tensor]) -> Tensor:
        """The model's logits [..., C] for these inputs, without their labels."""

    def loss(self, logits: Tensor, inputs: dict[str, Tensor], options: LossOptions = PLAIN) -> Tensor:
        """Cross-entropy per target in the shape of the labels, nats, never reduced; 0 where the target isn't counted.

        A target's weight multiplies its own loss; the step divides by the number of targets, not by the sum of their
        weights, so that accumulated micro-batches add up to the one big batch.
        """
        return losses.cross_entropy(logits, inputs["labels"], options)

    def check_outputs(self, logits: Tensor, labels: Tensor, class_names: Sequence[str]) -> None:
        """Raise ModelError where the logits don't have one score for each class at each target."""
        expected = [*labels.shape, len(class_names)]
        if list(logits.shape) != expected:
            raise ModelError(
                f"The model gives {list(logits.shape)} for {len(labels)} examples.",
                f"The data has {len(class_names)} classes, so {expected} is needed.",
                f"Give its last layer {len(class_names)} outputs.",
            )

    def counted(self, inputs: dict[str, Tensor]) -> int:
        """How many targets the loss of these inputs averages over."""
        return int((inputs["labels"] != -100).sum())

    def first_module_input(self, inputs: dict[str, Tensor]) -> Tensor:
        """The tensor that goes into the model."""
        return next(value for name, value in inputs.items() if name != "labels")

    def example_alone(
        self, inputs: dict[str, Tensor], place: int, processor: Any
    ) -> tuple[dict[str, Tensor], list[str]]:
        """One example of a batch without padding: its inputs [1, ...], and its tokens as a person can read them, if it has any."""
        del processor
        return {name: value[place : place + 1] for name, value in inputs.items()}, []

    def case(self, columns: dict[str, Any], labels: Tensor, place: tuple[int, ...], processor: Any) -> str:
        """What a person should see of one target of an evaluation; "" where there are no words for it.

        Args:
            columns: the raw examples.
            labels: the targets [n] or [n, T].
            place: the example, and the position where an example has many targets.
            processor: see `load_processor`.
        """
        del processor
        if labels.ndim > 1:
            return ""
        return " | ".join(str(columns[name][place[0]]) for name in ("text", "text_pair") if name in columns)

    def one_hot(self, logits: Tensor, inputs: dict[str, Tensor], options: LossOptions = PLAIN) -> Tensor:
        """What the loss asks for: shape of `logits`, rows that sum to 1, or to the weight of the target's class."""
        return losses.target_probabilities(logits, inputs["labels"], options)

    def check_config(self, config: TrainConfig) -> None:
        """Raise ConfigError where the config asks for what this task doesn't do."""
        if config.best_metric not in ("loss", *self.scores):
            raise ConfigError(
                f"best_metric={config.best_metric!r} doesn't fit {self.name}.",
                f"Its evaluations give: loss, {', '.join(self.scores)}.", "Use one of them.",
            )  # fmt: skip
        if config.augmentation != "none" and config.augmentation not in self.augmentations:
            raise ConfigError(
                f"augmentation={config.augmentation!r} doesn't fit {self.name}.", "It changes images.",
                "Use augmentation='none'.",
            )  # fmt: skip

    def loss_options(self, config: TrainConfig, labels: Tensor, classes: int) -> LossOptions:
        """What the config asks to minimise, for these training labels [n] or [n, T].

        Raises:
            ConfigError: class weights where an example has many targets.
        """
        if config.class_weights == "none":
            return LossOptions(config.label_smoothing)
        if labels.ndim != 1:
            raise ConfigError(
                f"class_weights={config.class_weights!r} doesn't fit {self.name}.", "An example has many targets there.",
                "Use class_weights='none'.",
            )  # fmt: skip
        return LossOptions(config.label_smoothing, losses.balanced_weights(labels, classes))

    # scores

    def metrics(self, predicted: Tensor, labels: Tensor) -> dict[str, float]:
        """Scores of an evaluation by name, 0 to 1: accuracy, and macro_f1 where an example has one target."""
        found = {"accuracy": scores.accuracy(predicted, labels)}
        return found | {"macro_f1": scores.macro_f1(predicted, labels)} if labels.ndim == 1 else found

    def baseline(self, labels: Tensor, class_names: Sequence[str]) -> dict[str, float]:
        """What a model that knows nothing reaches: uniform_loss and label_loss (nats), majority_accuracy."""
        return scores.of_knowing_nothing(labels, len(class_names))

    # what a person sees of a batch

    @abstractmethod
    def batch_facts(self, batch: Batch) -> dict[str, Fact]:
        """What goes into the model: shape, range, padding and the like, by name."""

    @abstractmethod
    def batch_picture(self, batch: Batch) -> Picture:
        """The batch drawn."""

    def batch_brief(self, batch: Batch) -> str:
        """What the batch is, in a few words: how many examples of which size."""
        return f"{batch.size} examples"

    @abstractmethod
    def batch_text(self, batch: Batch) -> str:
        """What the model really receives, in sentences."""

    @abstractmethod
    def batch_code(self, batch: Batch) -> str:
        """How raw examples became tensors, in plain PyTorch."""

    @abstractmethod
    def batch_view(self, batch: Batch) -> Markup:
        """The batch as HTML."""

    @abstractmethod
    def batch_checks(self, batch: Batch) -> Iterator[Check]:
        """Invariants between raw examples and tensors."""
