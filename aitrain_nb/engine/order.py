"""Which examples go into which step: an order that is a function of seed, epoch and position, with a cursor that can be put back."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import torch

from aitrain_nb.errors import ConfigError
from aitrain_nb.randomness import generator
from aitrain_nb.records.batch import StepIndices

if TYPE_CHECKING:
    from aitrain_nb.config import TrainConfig


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
        seed: of the run; the order of an epoch depends on nothing else.
    """

    def __init__(self, examples: int, batch_size: int, accumulation: int, seed: int) -> None:
        self.examples, self.batch_size, self.accumulation, self.seed = examples, batch_size, accumulation, seed
        self.cursor = Cursor(0, 0)
        self._shuffled: tuple[int, torch.Tensor] | None = None
        self._pieces: tuple[int, tuple[torch.Tensor, ...]] | None = None

    @classmethod
    def of(cls, config: TrainConfig, examples: int) -> DataOrder:
        """The order that a config asks for; raises ConfigError where its batch is larger than the data."""
        if config.batch_size > examples:
            raise ConfigError(
                f"batch_size={config.batch_size} is larger than the data.",
                f"There are {examples:,} training examples.",
                f"Choose a batch_size of at most {examples:,}.",
            )
        return cls(examples, config.batch_size, config.gradient_accumulation_steps, config.seed)

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
            self._shuffled = epoch, torch.randperm(self.examples, generator=generator(self.seed, "order", epoch))
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
