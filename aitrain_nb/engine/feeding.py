"""The examples of a step on their way into the model: taken in order, collated, counted, moved to the device."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch

from aitrain_nb.records import MicroBatch

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from aitrain_nb.data import Dataset
    from aitrain_nb.engine.order import DataOrder
    from aitrain_nb.engine.processes import OneProcess
    from aitrain_nb.records.batch import StepIndices
    from aitrain_nb.tasks import Task


class Feed:
    """Makes micro-batches.

    Args:
        task: says how examples become tensors.
        dataset: the prepared training examples.
        order: which of them come next.
        processor: what the task needs besides, such as a tokenizer.
        device: where the tensors go.
        processes: that share each micro-batch.
        augment: changes the tensors of a training batch at random, or None.
    """

    def __init__(
        self, task: Task, dataset: Dataset, order: DataOrder, processor: Any, device: torch.device,
        processes: OneProcess, augment: Callable[[dict[str, Tensor]], dict[str, Tensor]] | None = None,
    ) -> None:  # fmt: skip
        self._task, self._order = task, order
        self._processor, self._device, self._processes, self._augment = processor, device, processes, augment
        self._pieces: tuple[int, list[dict[str, Any]] | None] | None
        self.hold(dataset)

    def in_order(self, order: DataOrder) -> Feed:
        """The same examples in another order, or in other batches."""
        other = copy.copy(self)
        other._order, other._pieces = order, None
        return other

    def hold(self, dataset: Dataset) -> None:
        """Take examples of these from now on."""
        labels = dataset.columns["labels"]
        self._all_count = bool((labels != -100).all()) if isinstance(labels, torch.Tensor) else False
        self._dataset, self._pieces = dataset, None

    def next_step(self, at_most: int | None = None) -> tuple[StepIndices, tuple[MicroBatch, ...]]:
        """The next step's examples; moves the cursor of the order.

        Args:
            at_most: examples in a micro-batch, where memory holds fewer than the config asks for.
        """
        taken = self._order.take()
        if self._processes.count > 1:
            return self._own_share(taken)
        if at_most is not None:
            taken = taken._replace(parts=tuple(piece for part in taken.parts for piece in part.split(at_most)))
        parts = tuple(
            [
                self.micro_batch(
                    self._columns(taken, number) if at_most is None else self._dataset.take(indices),
                    number,
                    all_count=self._all_count,
                    training=True,
                )
                for number, indices in enumerate(taken.parts)
            ]
        )
        return taken, parts

    def _own_share(self, taken: StepIndices) -> tuple[StepIndices, tuple[MicroBatch, ...]]:
        """This process's part of each micro-batch; where there is none, an example that doesn't count keeps the others company."""
        own, parts = [], []
        for number, whole in enumerate(taken.parts):
            places = self._processes.share(whole)
            part = self.micro_batch(self._dataset.take(places if len(places) else whole[:1]), number, training=True)
            if not len(places):
                part = part._replace(
                    inputs=part.inputs | {"labels": torch.full_like(part.inputs["labels"], -100)}, counted=0
                )
            own.append(places)
            parts.append(part)
        return taken._replace(parts=tuple(own)), tuple(parts)

    def micro_batch(
        self, columns: dict[str, Any], number: int, *, all_count: bool = False, training: bool = False
    ) -> MicroBatch:
        """Prepared examples as tensors on the device, with the targets counted before they go there.

        Args:
            columns: prepared examples.
            number: 0-based place in the batch.
            all_count: every target counts, which spares counting them (29 microseconds a step).
            training: augment them, where the run does.
        """
        inputs = self._task.collate(columns, self._processor)
        counted = inputs["labels"].numel() if all_count else self._task.counted(inputs)
        if self._device.type != "cpu":
            inputs = {name: value.to(self._device, non_blocking=True) for name, value in inputs.items()}
        if training and self._augment is not None:
            inputs = self._augment(inputs)
        return MicroBatch(inputs, counted, number)

    def _columns(self, taken: StepIndices, number: int) -> dict[str, Any]:
        if self._pieces is None or self._pieces[0] != taken.epoch:
            self._pieces = None  # before there are others
            self._pieces = taken.epoch, self._dataset.pieces(self._order.of_epoch(taken.epoch), self._order.batch_size)
        pieces = self._pieces[1]
        if pieces is None:
            return self._dataset.take(taken.parts[number])
        return pieces[taken.start // self._order.batch_size + number]
