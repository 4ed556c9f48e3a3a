"""Training examples that don't fit into memory: the buffer of the epoch that is reached takes the place of the one before."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from aitrain_nb.engine.order import lengths_of

if TYPE_CHECKING:
    from aitrain_nb.data import Dataset


class Buffered:
    """Which buffer a trainer holds.

    Args:
        trainer: whose training examples they are; it has the first buffer.
    """

    def __init__(self, trainer: Any) -> None:
        self._later, self._size = trainer.data.later, len(trainer.prepared["train"])
        self.number = 0

    def reach(self, trainer: Any) -> None:
        """Have the trainer hold the buffer that its next step takes examples of; raises DataError where it can't be read."""
        number = trainer.order.cursor.epoch
        if self._later is None or number == self.number:
            return
        raw, prepared = self._read(trainer, number)
        trainer.data = replace(trainer.data, train=raw)
        trainer.prepared["train"] = prepared
        trainer.order.hold(lengths_of(prepared))
        trainer._feed.hold(prepared)
        self.number = number

    def raw(self, trainer: Any, number: int) -> Dataset:
        """The raw examples of a buffer, also of one that has been passed."""
        raw: Dataset = trainer.data.train
        return raw if self._later is None or number == self.number else self._read(trainer, number)[0]

    def _read(self, trainer: Any, number: int) -> tuple[Dataset, Dataset]:
        prepared: list[Dataset] = []

        def is_enough(raw: Dataset) -> bool:
            if len(raw) == 0:
                return False
            prepared[:] = [trainer.task.prepare(raw, trainer.data, trainer.processor, trainer.config)]
            return len(prepared[0]) >= self._size

        raw = self._later.read(number, is_enough)
        if not prepared:  # the first one
            is_enough(raw)
        first = torch.arange(self._size)
        one_each = len(raw) == len(prepared[0])
        return raw.subset(first) if one_each and len(raw) > self._size else raw, prepared[0].subset(first)
