"""Which examples go into which step: an order that is a function of seed, epoch and position, with a cursor that can be put back."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from aitrain_nb.errors import ConfigError
from aitrain_nb.randomness import generator
from aitrain_nb.records.batch import StepIndices

if TYPE_CHECKING:
    from aitrain_nb.config import TrainConfig
    from aitrain_nb.data import Dataset

_MOST_POOLED = 50
"""Batches whose examples are sorted together."""


class Cursor(NamedTuple):
    """Where the run stands in its data: epochs completed, examples of the next epoch already used."""

    epoch: int
    position: int


class DataOrder:
    """Walks the training examples, in a new random order each epoch.

    Args:
        examples: number of training examples.
        batch_size: examples in a micro-batch.
        accumulation: micro-batches in an optimizer step; the last step of an epoch may have fewer, the last
            micro-batch may be smaller.
        seed: of the run; the order of an epoch depends on nothing else but the lengths.
        lengths: of the examples [examples] int64, where those of like length shall share a batch; see `grouped`.
    """

    def __init__(
        self, examples: int, batch_size: int, accumulation: int, seed: int, lengths: torch.Tensor | None = None
    ) -> None:
        self.examples, self.batch_size, self.accumulation, self.seed = examples, batch_size, accumulation, seed
        self._lengths = lengths
        self.cursor = Cursor(0, 0)
        self._shuffled: tuple[int, torch.Tensor] | None = None
        self._pieces: tuple[int, tuple[torch.Tensor, ...]] | None = None

    @classmethod
    def of(cls, config: TrainConfig, examples: int, lengths: torch.Tensor | None = None) -> DataOrder:
        """The order that a config asks for.

        Args:
            config: of the run, with automatic values filled in.
            examples: number of training examples.
            lengths: of each of them, where they differ; None where there is nothing to group.

        Raises:
            ConfigError: its batch is larger than the data, or it groups what has no length.
        """
        if config.batch_size > examples:
            raise ConfigError(
                f"batch_size={config.batch_size} is larger than the data.",
                f"There are {examples:,} training examples.",
                f"Choose a batch_size of at most {examples:,}.",
            )
        is_grouped = config.group_by_length == "on"
        if is_grouped and lengths is None:
            raise ConfigError(
                "group_by_length='on' doesn't fit these data.", "All examples have the same length, so no batch holds padding.",
                "Leave group_by_length='auto'.",
            )  # fmt: skip
        accumulation, seed = config.gradient_accumulation_steps, config.seed
        return cls(examples, config.batch_size, accumulation, seed, lengths if is_grouped else None)

    def hold(self, lengths: torch.Tensor | None) -> None:
        """Take other examples, as many, from the cursor's epoch on; `lengths` of them, where they are grouped by it."""
        self._lengths = lengths if self._lengths is not None else None
        self._shuffled = self._pieces = None

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps in one pass over the data; the last one may be smaller."""
        return math.ceil(self.examples / (self.batch_size * self.accumulation))

    @property
    def epochs_completed(self) -> float:
        """Epochs completed, as a float."""
        return self.cursor.epoch + self.cursor.position / self.examples

    def of_epoch(self, epoch: int) -> torch.Tensor:
        """All positions in the order of this 0-based epoch: [examples] int64."""
        if self._shuffled is None or self._shuffled[0] != epoch:
            random = generator(self.seed, "order", epoch)
            order = torch.randperm(self.examples, generator=random)
            if self._lengths is not None:
                order = grouped(order, self._lengths, self.batch_size, random)
            self._shuffled = epoch, order
        return self._shuffled[1]

    def take(self) -> StepIndices:
        """The examples of the next step; moves the cursor."""
        epoch, start = self.cursor
        if self._pieces is None or self._pieces[0] != epoch:
            self._pieces = epoch, self.of_epoch(epoch).split(self.batch_size)
        first = start // self.batch_size
        stop = min(start + self.batch_size * self.accumulation, self.examples)
        parts = self._pieces[1][first : first + self.accumulation]
        self.cursor = Cursor(epoch + 1, 0) if stop == self.examples else Cursor(epoch, stop)
        return StepIndices(parts, epoch, start, stop)


def lengths_of(dataset: Dataset) -> torch.Tensor | None:
    """How long each prepared example is [n] int64, in tokens; None where all are equal, since their columns are tensors."""
    ragged = next((column for column in dataset.columns.values() if isinstance(column, list)), None)
    return None if ragged is None else torch.tensor([len(row) for row in ragged])


class TextLengths(NamedTuple):
    """How long texts are, in tokens.

    Attributes:
        mean: of all.
        longest: of them.
    """

    mean: float
    longest: int


def text_lengths_of(dataset: Dataset) -> TextLengths | None:
    """How long the prepared texts are; None where the examples are no texts."""
    rows = dataset.columns.get("input_ids")
    if rows is None or not len(rows):
        return None
    lengths = [rows.shape[1]] if isinstance(rows, torch.Tensor) else list(map(len, rows))
    return TextLengths(sum(lengths) / len(lengths), max(lengths))


def shape_of(dataset: Dataset) -> dict[str, Any]:
    """What the automatic values of a run depend on besides device and model: `ragged` and `texts`, as `device.resolve` takes them."""
    return {"ragged": lengths_of(dataset) is not None, "texts": text_lengths_of(dataset)}


def grouped(order: torch.Tensor, lengths: torch.Tensor, batch_size: int, random: torch.Generator) -> torch.Tensor:
    """A random order in which examples of like length share a batch; batches come in random order, the short one last.

    As in the sampler of transformers' Trainer, pools of up to 50 batches are drawn at random and sorted inside. An example may move by
    half a batch there, so that who shares a batch with whom differs from epoch to epoch also where all fit into one pool.

    Args:
        order: [n] int64 positions, at random.
        lengths: [n] int64, by position.
        batch_size: examples in a batch.
        random: draws who moves how far, and the order of the batches.
    """
    sorted_pools = []
    for pool in order.split(batch_size * _MOST_POOLED):
        place = lengths[pool].argsort(descending=True, stable=True).argsort()
        sorted_pools.append(pool[(place + torch.rand(len(pool), generator=random) * batch_size / 2).argsort()])
    batches = torch.cat(sorted_pools).split(batch_size)
    whole = [batch for batch in batches if len(batch) == batch_size]
    shuffled = [whole[place] for place in torch.randperm(len(whole), generator=random).tolist()]
    return torch.cat([*shuffled, *batches[len(whole) :]])
