"""What is to be estimated: a model without numbers, two examples of its longest, and how long the run is."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from aitrain_nb.config import TrainConfig
from aitrain_nb.costs.tracing import Step, follow
from aitrain_nb.engine import device
from aitrain_nb.engine.attention import set_attention
from aitrain_nb.engine.checkpointing import Checkpointing
from aitrain_nb.engine.freezing import freeze
from aitrain_nb.engine.optim import build_optimizer
from aitrain_nb.engine.order import lengths_of
from aitrain_nb.engine.precision import Precision
from aitrain_nb.errors import ConfigError
from aitrain_nb.models.pretrained import by_method, quiet_transformers
from aitrain_nb.tasks import Task, find_task
from aitrain_nb.tasks.base.losses import PLAIN, LossOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from aitrain_nb.data import Dataset

_LONGEST = 512
"""Tokens of a text where nothing says how long they are."""
_MOST, _AMONG_LONGEST = 1000, 64
"""Texts that are cut into tokens to find out how long all are, and how many of them are those with the most letters."""


@dataclass(frozen=True, eq=False, repr=False)
class Setup:
    """What a run will do at each step.

    Attributes:
        name: of the model.
        task: says how outputs and loss are computed.
        config: of the run.
        model: with shapes and no numbers ("meta"), or the real one of a trainer; nothing changes it.
        inputs: two of the longest examples: name -> [2, ...].
        device: "cpu", "cuda" or "mps".
        steps: optimizer steps of the run; None where no data are known.
        length: how long an example of a batch is on average, padding included, as a share of the longest.
        evaluated: examples of all evaluations together.
        keeps_best: whether copies of the best weights are kept.
        options: what is minimised.
    """

    name: str
    task: Task
    config: TrainConfig
    model: nn.Module
    inputs: dict[str, Tensor]
    device: str
    steps: int | None = None
    length: float = 1.0
    evaluated: int = 0
    keeps_best: bool = False
    options: LossOptions = PLAIN

    @cached_property
    def step(self) -> Step:
        """One step of it, followed."""
        return self._follow(checkpointing=self.config.gradient_checkpointing)

    @cached_property
    def checkpointed(self) -> Step | None:
        """The same with gradient checkpointing; None where the model can't."""
        if self.config.gradient_checkpointing:
            return self.step
        try:
            return self._follow(checkpointing=True)
        except ConfigError:
            return None

    def _follow(self, *, checkpointing: bool) -> Step:
        precision = Precision(self.config.precision, self.device)

        @contextmanager
        def around(model: nn.Module) -> Iterator[None]:
            with precision.autocast(), Checkpointing(model) if checkpointing else nullcontext():
                yield

        def loss(logits: Tensor, inputs: dict[str, Tensor]) -> Tensor:
            return self.task.loss(logits, inputs, self.options)

        with quiet_transformers():
            return follow(self.model, self.inputs, self.task.outputs, loss, around, self.device)

    @cached_property
    def weights_bytes(self) -> int:
        """Of weights and buffers, shared ones once."""
        return sum(tensor.nbytes for tensor in (*self.model.parameters(), *self.model.buffers()))

    @cached_property
    def trained(self) -> list[nn.Parameter]:
        """The weights that get a gradient."""
        without = set(self.step.without_gradient)
        return [
            weight for name, weight in self.model.named_parameters() if weight.requires_grad and name not in without
        ]

    @cached_property
    def optimizer_bytes(self) -> int:
        """What the optimizer keeps, found by giving it one number of each kind of weight to move."""
        total = 0
        for dtype in {weight.dtype for weight in self.trained}:
            one = nn.Parameter(torch.zeros(1, dtype=dtype))
            one.grad = torch.zeros_like(one)
            optimizer = build_optimizer(_Holder(one), self.config.replace(layer_decay=1.0))
            optimizer.step()
            sizes = [weight.numel() for weight in self.trained if weight.dtype == dtype]
            for name, value in optimizer.state[one].items():
                if isinstance(value, torch.Tensor):
                    per_weight = name == "step"
                    total += value.nbytes * (len(sizes) if per_weight else sum(sizes))
        return total

    @property
    def gradients_bytes(self) -> int:
        """Of the gradients of all trained weights."""
        return sum(weight.nbytes for weight in self.trained)

    @property
    def kept_bytes(self) -> int:
        """Copies of the weights: the best so far, and one more while they change places."""
        return 2 * self.weights_bytes if self.keeps_best else 0

    @property
    def what(self) -> str:
        """The model and its input in words."""
        shape = next(value.shape[1:] for name, value in self.inputs.items() if name != "labels")
        sides = " x ".join(map(str, shape))
        unit = " tokens" if len(shape) == 1 else " numbers"
        return f"{self.name}, {sides}{unit}"

    def with_fields(self, fields: dict[str, Any]) -> Setup:
        """The same with these fields of its config changed."""
        return replace(self, config=self.config.replace(**fields)) if fields else self


class _Holder(nn.Module):
    """A module of one weight."""

    def __init__(self, weight: nn.Parameter) -> None:
        super().__init__()
        self.weight = weight


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
    config = _switched(model, config, 1, ragged=False)
    inputs = _inputs_for(task.read_as, shape, config)
    return Setup(type(model).__name__, task, config, model, inputs, str(config.device))


def _switched(model: nn.Module, config: TrainConfig, steps_per_epoch: int, *, ragged: bool) -> TrainConfig:
    """The config with every automatic value filled in; the model computes, and is frozen, as it says."""
    freeze(model, config)
    config = device.resolve(config, model, steps_per_epoch, ragged=ragged)
    if config.attention != "auto":
        set_attention(model, config.attention)
    return config


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


def of_run(config: TrainConfig, plan: Any, splits: Any, processor: Any) -> Setup:
    """The setup of a run that isn't there yet.

    Args:
        config: with task, data, model and method filled in.
        plan: its steps.
        splits: its data.
        processor: its tokenizer, or None.

    Raises:
        ConfigError: the model can't be made without its numbers.
    """
    task = find_task(str(config.task))
    try:
        with torch.device("meta"):
            model = by_method(task.load_model(config.replace(method="scratch"), splits, processor), config)
    except (NotImplementedError, RuntimeError) as error:
        raise ConfigError(
            f"The model {config.model!r} can't be made without its numbers.", str(error).split("\n", maxsplit=1)[0],
            "Make the trainer, and estimate that: ai.estimate(ai.prepare(config)).",
        ) from error  # fmt: skip
    sample = task.prepare(_sample(splits.train), splits, processor, config)
    config = _switched(model, config, plan.steps_per_epoch, ragged=lengths_of(sample) is not None)
    validation = 0 if splits.validation is None else len(splits.validation)
    most = config.evaluation_examples or task.default_evaluation_examples or validation
    validated = min(most, validation) * _evaluations(config, plan.total_steps, plan.steps_per_epoch)
    options = task.loss_options(config, sample.columns["labels"], len(task.class_names(splits, processor)))
    return _setup(str(config.model), task, config, model, sample, processor, plan.total_steps, validated, options)


def _sample(train: Dataset) -> Dataset:
    """Examples that say how long all are: the longest by their letters, and some spread evenly over the rest."""
    texts = train.columns.get("text")
    if texts is None or len(train) <= _MOST:
        return train
    by_letters = sorted(range(len(train)), key=lambda place: -len(texts[place]))
    return train.subset(
        torch.tensor(sorted({*by_letters[:_AMONG_LONGEST], *range(0, len(train), -(-len(train) // _MOST))}))
    )


def _setup(
    name: str, task: Task, config: TrainConfig, model: nn.Module, train: Dataset, processor: Any, steps: int, validated: int,
    options: Any,
) -> Setup:  # fmt: skip
    lengths = lengths_of(train)
    longest = torch.arange(len(train)) if lengths is None else torch.argsort(lengths, descending=True)
    inputs = task.collate(train.take(longest[:2].repeat(2)[:2]), processor)
    drawn = 1 if config.group_by_length == "on" else config.batch_size  # texts of like length leave little to pad
    share = 1.0 if lengths is None else padded_share(lengths, drawn)
    keeps = bool(validated) and config.keep == "best"
    return Setup(name, task, config, model, inputs, str(config.device), steps, share, validated, keeps, options)


def of_trainer(trainer: Any, fields: dict[str, Any]) -> Setup:
    """The setup of a trainer's run as it stands; nothing of the trainer changes."""
    prepared, config = trainer.prepared, trainer.config.replace(**fields)
    evaluations = _evaluations(config, trainer.total_steps, trainer.steps_per_epoch)
    validated = len(prepared["validation"]) * evaluations if "validation" in prepared else 0
    return _setup(
        type(trainer.model).__name__, trainer.task, config, trainer.model, prepared["train"], trainer.processor,
        trainer.total_steps, validated, trainer.loss_options,
    )  # fmt: skip


def _evaluations(config: TrainConfig, steps: int, steps_per_epoch: int) -> int:
    every = config.evaluate_every
    return 0 if every == 0 else max(1, -(-steps // (steps_per_epoch if every is None else every)))


def padded_share(lengths: Tensor, batch_size: int) -> float:
    """How long a batch is on average, as a share of the longest example: it is padded to the longest of those drawn for it.

    The mean of the largest of `batch_size` drawn, by the distribution of the largest: F(x) to the power of the batch size.

    >>> padded_share(torch.tensor([10, 10, 20, 20]), 1)
    0.75
    """
    ordered = lengths.sort().values.double()
    reached = torch.arange(len(ordered) + 1).double().div(len(ordered)).pow(batch_size)
    return float((ordered * reached.diff()).sum() / ordered[-1])
