"""A step's computation once more, on copies, with the weights and the random numbers it had. Nothing of the trainer changes."""

from __future__ import annotations

import math
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import torch

from aitrain_nb.engine import snapshots
from aitrain_nb.errors import DataError, PhaseError
from aitrain_nb.records.base import Check, fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from aitrain_nb.records import StepRecords


class Replay:
    """Repeats what the step under way computed.

    Args:
        trainer: whose step it is.
    """

    def __init__(self, trainer: Any) -> None:
        self._trainer = trainer

    def weights_before(self, records: StepRecords) -> dict[str, Tensor]:
        """The weights the step began with; raises PhaseError where they weren't kept and the step has changed them."""
        if records.before is not None:
            return records.before
        if records.update is not None:
            raise PhaseError(
                f"The weights before step {records.step} were not kept.",
                "Snapshots are larger than snapshot_memory_bytes.",
                "Raise snapshot_memory_bytes, or ask before update().",
            )
        return {name: weight.detach() for name, weight in self._trainer.model.named_parameters()}

    def replay(
        self, records: StepRecords, number: int, weights: dict[str, Tensor], *, inputs: dict[str, Tensor] | None = None,
        dtype: torch.dtype | None = None, training: bool = True,
    ) -> Tensor:  # fmt: skip
        """Logits of micro-batch `number` as the step computed them, from these weights: [B, C].

        Args:
            records: of the current step.
            number: 0-based micro-batch.
            weights: by name; tensors that require a gradient get one.
            inputs: other inputs than the micro-batch's own.
            dtype: compute in this precision instead.
            training: training or evaluation mode.
        """
        trainer = self._trainer
        model = trainer.model
        given = dict(records.batch.parts[number].inputs if inputs is None else inputs)
        state = dict(weights) | snapshots.copy_buffers(model)
        if dtype is not None:
            state = {name: value.to(dtype) if value.is_floating_point() else value for name, value in state.items()}
            given = {name: value.to(dtype) if value.is_floating_point() else value for name, value in given.items()}
        before = model.training
        model.train(training)
        try:
            autocast = trainer.precision.autocast() if dtype is None else nullcontext()
            with (
                trainer.random.replayed(self._random_before(records, number)),
                trainer.threads,
                autocast,
                trainer.dropout,
            ):
                return trainer.task.outputs(
                    lambda *args, **named: torch.func.functional_call(model, state, args, named), given
                )
        finally:
            model.train(before)

    def _random_before(self, records: StepRecords, number: int) -> Any:
        if number < len(records.forwards):
            return records.forwards[number].random_before
        return self._trainer.random.state

    def objective(
        self,
        records: StepRecords,
        weights: dict[str, Tensor],
        dtype: torch.dtype | None = None,
        *,
        done: int | None = None,
    ) -> Tensor:
        """The loss that the step differentiates (nats), from these weights, over its first `done` micro-batches (all by default)."""
        trainer, batch = self._trainer, records.batch
        total: Tensor | None = None
        for part in batch.parts[:done]:
            logits = self.replay(records, part.number, weights, dtype=dtype)
            contribution = trainer.task.loss(logits, part.inputs, trainer.loss_options).sum() / batch.counted
            total = contribution if total is None else total + contribution
        assert total is not None
        return total

    def fresh_norm(self, records: StepRecords) -> float:
        """L2 norm of the step's gradient, computed anew on a copy of the weights it began with, nats per weight unit."""
        return norm_of(self.fresh_gradients(records, len(records.batch.parts)))

    def fresh_gradients(self, records: StepRecords, done: int) -> dict[str, Tensor]:
        """The gradient of each trained weight over the step's first `done` micro-batches, computed anew on a copy of the weights."""
        weights = self.asking(records)
        names = [name for name, weight in weights.items() if weight.requires_grad]
        found = torch.autograd.grad(
            self.objective(records, weights, done=done), [weights[name] for name in names], allow_unused=True
        )
        return {name: gradient for name, gradient in zip(names, found, strict=True) if gradient is not None}

    def asking(self, records: StepRecords) -> dict[str, Tensor]:
        """Copies of the weights before the step; those that are trained ask for a gradient."""
        trained = {name for name, weight in self._trainer.model.named_parameters() if weight.requires_grad}
        return {
            name: weight.detach().clone().requires_grad_(name in trained)
            for name, weight in self.weights_before(records).items()
        }

    def _weights_untouched(self, records: StepRecords) -> Iterator[Check]:
        if records.before is None or records.update is not None:
            return
        before, now = fingerprint(records.before.items()), self._trainer.fingerprint()
        yield Check("no weight has changed", before == now, f"fingerprint {before} before, {now} now")


def norm_of(tensors: dict[str, Tensor]) -> float:
    """L2 norm over all of them."""
    return math.sqrt(sum(float((tensor.double() ** 2).sum()) for tensor in tensors.values()))


def place_of(inputs: dict[str, Tensor], example: int) -> int:
    """The place of an example of a micro-batch, counted from the start; raises DataError where there is none."""
    size = len(inputs["labels"])
    if not isinstance(example, int) or isinstance(example, bool) or not -size <= example < size:
        raise DataError(
            f"There is no example {example!r} in this micro-batch.", f"It has {size}.", f"Choose 0 to {size - 1}."
        )
    return example % size
