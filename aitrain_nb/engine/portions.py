"""Training examples that don't fit into memory: the feed gets those of the epoch that is reached; the run's own data stay the first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from aitrain_nb.engine.order import lengths_of

if TYPE_CHECKING:
    from aitrain_nb.config import TrainConfig
    from aitrain_nb.data import Dataset, Splits
    from aitrain_nb.engine.feeding import Feed
    from aitrain_nb.engine.order import DataOrder
    from aitrain_nb.records.batch import StepIndices
    from aitrain_nb.tasks import Task


class Portions:
    """Which of them the feed holds.

    Args:
        data: the raw examples; `later` gives those that follow, or is None.
        prepared: the first training examples as model inputs.
        task: makes inputs of examples.
        processor: what the task needs besides, such as a tokenizer.
        config: of the run.

    Attributes:
        number: 0-based: the epoch whose examples they are.
    """

    def __init__(self, data: Splits, prepared: Dataset, task: Task, processor: Any, config: TrainConfig) -> None:
        self._data, self._first, self._task, self._processor, self._config = data, prepared, task, processor, config
        self._reader = None if data.later is None else data.later.reader()
        self._raw: Dataset | None = None
        self.number = 0

    def reach(self, order: DataOrder, feed: Feed) -> None:
        """Hand the examples that the next step takes its own of to both; raises DataError where they can't be read."""
        number = order.cursor.epoch
        if self._reader is None or number == self.number:
            return
        self._raw, prepared = (None, self._first) if number == 0 else self._read(number)
        order.hold(lengths_of(prepared))
        feed.hold(prepared)
        self.number = number

    def _read(self, number: int) -> tuple[Dataset | None, Dataset]:
        prepared = self._first

        def is_enough(raw: Dataset) -> bool:
            nonlocal prepared
            prepared = self._task.prepare(raw, self._data, self._processor, self._config)
            return len(prepared) >= len(self._first)

        assert self._reader is not None
        raw = self._reader.read(number, is_enough)
        one_each = len(raw) == len(prepared)
        return raw if one_each else None, prepared.subset(torch.arange(len(self._first)))

    def raw(self, taken: StepIndices) -> dict[str, Any] | None:
        """The raw examples of a step; None where they are those of the run's own data, or a row isn't one example."""
        return None if self._raw is None else self._raw.take(torch.cat(taken.parts))
