"""What is to be estimated: a model without numbers, two examples of its longest, and how long the run is."""

from __future__ import annotations

import itertools
import sys
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import nn

from aitrain_nb.costs.tracing import Step, follow
from aitrain_nb.engine import device
from aitrain_nb.engine.attention import set_attention
from aitrain_nb.engine.checkpointing import Checkpointing
from aitrain_nb.engine.freezing import freeze
from aitrain_nb.engine.optim import build_optimizer
from aitrain_nb.engine.order import TextLengths, lengths_of, shape_of, text_lengths_of
from aitrain_nb.engine.precision import Precision
from aitrain_nb.errors import ConfigError
from aitrain_nb.models.pretrained import by_method, quiet_transformers
from aitrain_nb.tasks import Task, find_task
from aitrain_nb.tasks.base.losses import PLAIN, LossOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from aitrain_nb.config import TrainConfig
    from aitrain_nb.data import Dataset

_MOST, _AMONG_LONGEST = 1000, 64
"""Texts that are cut into tokens to find out how long all are, and how many of them are those with the most letters."""
_LETTERS = 100_000
"""Of texts that are cut into blocks, where one block is as long as the other."""


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
        options: what is minimised.
        length_of_run: of the run; None where no data are known.
        lengths: [n] of the training examples, as far as they were looked at; None where all are alike.
        validation: examples of an evaluation.
        texts: how long they are in tokens, as far as they were looked at; None where they are no texts.
        laid_out_bytes: of an epoch's examples in their order, where they are laid out ahead.
        followed: steps that were followed before, by what they depend on besides model and inputs.
        kept: what the C library takes for such steps, bytes, as far as that was found out: by the same and the batch.
    """

    name: str
    task: Task
    config: TrainConfig
    model: nn.Module
    inputs: dict[str, Tensor]
    device: str
    options: LossOptions = PLAIN
    length_of_run: RunLength | None = None
    lengths: Tensor | None = None
    validation: int = 0
    texts: TextLengths | None = None
    laid_out_bytes: int = 0
    followed: dict[tuple[str, bool], Step] = field(default_factory=dict)
    kept: dict[tuple[str, bool, int], int] = field(default_factory=dict)

    @property
    def steps(self) -> int | None:
        """Optimizer steps of the run; None where no data are known."""
        return None if self.length_of_run is None else self.length_of_run.steps

    @property
    def evaluated(self) -> int:
        """Examples of all evaluations together."""
        if self.length_of_run is None or self.config.evaluate_every == 0:
            return 0
        steps, an_epoch = self.length_of_run
        every = self.config.evaluate_every or an_epoch
        return self.validation * max(1, -(-steps // every))

    @property
    def keeps_best(self) -> bool:
        """Whether copies of the best weights are kept."""
        return bool(self.evaluated) and self.config.keep == "best"

    @property
    def length(self) -> float:
        """How long an example of a batch is on average, padding included, as a share of the longest."""
        if self.lengths is None:
            return 1.0
        is_grouped = self.config.group_by_length == "on"  # texts of like length leave little to pad
        return padded_share(self.lengths, 1 if is_grouped else self.config.batch_size)

    @property
    def step(self) -> Step:
        """One step of it, followed."""
        return self._followed(checkpointing=self.config.gradient_checkpointing)

    @property
    def is_followed(self) -> bool:
        """Whether `step` is known already."""
        return (self.config.precision, self.config.gradient_checkpointing) in self.followed

    @cached_property
    def checkpointed(self) -> Step | None:
        """The same with gradient checkpointing; None where the model can't."""
        try:
            return self._followed(checkpointing=True)
        except ConfigError:
            return None

    def _followed(self, *, checkpointing: bool) -> Step:
        key = self.config.precision, checkpointing
        if key not in self.followed:
            self.followed[key] = self._follow(checkpointing=checkpointing)
        return self.followed[key]

    def _follow(self, *, checkpointing: bool) -> Step:
        precision = Precision(self.config.precision, self.device)

        @contextmanager
        def around(model: nn.Module) -> Iterator[None]:
            with precision.autocast(), Checkpointing(model) if checkpointing else nullcontext():
                yield

        def loss(logits: Tensor, inputs: dict[str, Tensor]) -> Tensor:
            return self.task.loss(logits, inputs, self.options)

        try:
            # a model that isn't of transformers needs no import of it, which takes a second
            with quiet_transformers() if "transformers" in sys.modules else nullcontext():
                return follow(self.model, self.inputs, self.task.outputs, loss, around, self.device)
        except (RuntimeError, TypeError, ValueError, AttributeError, LookupError) as error:
            raise ConfigError(
                f"A step of {self.name} can't be followed without its numbers.", str(error).split("\n", maxsplit=1)[0],
                "Train a few steps and look at trainer.memory.peak_bytes.",
            ) from error  # fmt: skip

    @property
    def threads(self) -> int:
        """Processor threads."""
        return self.config.threads or torch.get_num_threads()

    @cached_property
    def weights(self) -> tuple[int, int]:
        """How many numbers the model holds, and how many of them are trained."""
        return device.count_weights(self.model), device.count_weights(self.model, trained_only=True)

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
        """An epoch's examples in their order; copies of the weights: the best so far, and one more while they change places."""
        return self.laid_out_bytes + (2 * self.weights_bytes if self.keeps_best else 0)

    @property
    def what(self) -> str:
        """The model and its input in words."""
        shape = next(value.shape[1:] for name, value in self.inputs.items() if name != "labels")
        sides = " x ".join(map(str, shape))
        unit = " tokens" if len(shape) == 1 else " numbers"
        return f"{self.name}, {sides}{unit}"

    def for_run(self, config: TrainConfig, length_of_run: RunLength) -> Setup:
        """The same model and data in another run; what was followed is shared.

        Args:
            config: differs only in batch, length of run, precision, checkpointing, optimizer and the like.
            length_of_run: of it.
        """
        config = device.resolve(
            config, self.model, length_of_run.steps_per_epoch, ragged=self.lengths is not None, texts=self.texts
        )
        return replace(self, config=config, length_of_run=length_of_run)


class RunLength(NamedTuple):
    """How long a run is.

    Attributes:
        steps: optimizer steps in all.
        steps_per_epoch: in one pass over the data.
    """

    steps: int
    steps_per_epoch: int


class _Holder(nn.Module):
    """A module of one weight."""

    def __init__(self, weight: nn.Parameter) -> None:
        super().__init__()
        self.weight = weight


def switched(model: nn.Module, config: TrainConfig, steps_per_epoch: int, train: Dataset | None = None) -> TrainConfig:
    """The config with every automatic value filled in; the model computes, and is frozen, as it says."""
    freeze(model, config)
    config = device.resolve(config, model, steps_per_epoch, **({} if train is None else shape_of(train)))
    if config.attention != "auto":
        set_attention(model, config.attention)
    return config


def of_run(config: TrainConfig, plan: Any, splits: Any, processor: Any, examples: int) -> Setup:
    """The setup of a run that isn't there yet.

    Args:
        config: with task, data, model and method filled in.
        plan: its steps.
        splits: its data.
        processor: its tokenizer, or None.
        examples: that it trains on in an epoch: rows, or the blocks that texts are cut into.

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
    sample = task.prepare(_sample(splits.train, task), splits, processor, config)
    config = switched(model, config, plan.steps_per_epoch, sample)
    validation = 0 if splits.validation is None else len(splits.validation)
    most = config.evaluation_examples or task.default_evaluation_examples or validation
    options = task.loss_options(config, sample.columns["labels"], len(task.class_names(splits, processor)))
    run = RunLength(plan.total_steps, plan.steps_per_epoch)
    return _setup(
        str(config.model), task, config, model, sample, processor, options, run, min(most, validation), examples
    )


def _sample(train: Dataset, task: Task) -> Dataset:
    """Examples that say how long all are: the longest by their letters, and some spread evenly over the rest.

    What a model goes on with is cut into blocks of one length: the longest texts are enough of them.
    """
    texts = train.columns.get("text")
    if texts is None:
        return train
    by_letters = sorted(range(len(train)), key=lambda place: -len(texts[place]))
    if task.read_as == "text-generation":
        letters = itertools.accumulate(len(texts[place]) for place in by_letters)
        enough = 1 + sum(1 for so_far in letters if so_far < _LETTERS)
        return train.subset(torch.tensor(sorted(by_letters[:enough])))
    if len(train) <= _MOST:
        return train
    spread = range(0, len(train), -(-len(train) // _MOST))
    return train.subset(torch.tensor(sorted({*by_letters[:_AMONG_LONGEST], *spread})))


def _setup(
    name: str, task: Task, config: TrainConfig, model: nn.Module, train: Dataset, processor: Any, options: Any, run: RunLength,
    validation: int, examples: int,
) -> Setup:  # fmt: skip
    lengths = lengths_of(train)
    longest = torch.arange(len(train)) if lengths is None else torch.argsort(lengths, descending=True)
    inputs = task.collate(train.take(longest[:2].repeat(2)[:2]), processor)
    laid_out = train.bytes_of_pieces(examples)
    return Setup(
        name,
        task,
        config,
        model,
        inputs,
        str(config.device),
        options,
        run,
        lengths,
        validation,
        text_lengths_of(train),
        laid_out,
    )


def of_trainer(trainer: Any, fields: dict[str, Any]) -> Setup:
    """The setup of a trainer's run as it stands; nothing of the trainer changes."""
    prepared, config = trainer.prepared, trainer.config.replace(**fields)
    return _setup(
        config.model or type(trainer.model).__name__, trainer.task, config, trainer.model, prepared["train"], trainer.processor,
        trainer.loss_options,
        RunLength(trainer.total_steps, trainer.steps_per_epoch), len(prepared["validation"]) if "validation" in prepared else 0,
        len(prepared["train"]),
    )  # fmt: skip


def padded_share(lengths: Tensor, batch_size: int) -> float:
    """How long a batch is on average, as a share of the longest example: it is padded to the longest of those drawn for it.

    The mean of the largest of `batch_size` drawn, by the distribution of the largest: F(x) to the power of the batch size.

    >>> padded_share(torch.tensor([10, 10, 20, 20]), 1)
    0.75
    """
    ordered = lengths.sort().values.double()
    reached = torch.arange(len(ordered) + 1).double().div(len(ordered)).pow(batch_size)
    return float((ordered * reached.diff()).sum() / ordered[-1])
