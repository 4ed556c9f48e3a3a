"""Batch: what `tokenize` returns. Everything has become numbers."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from aitrain_nb import numerals
from aitrain_nb.records.base import Check, Fact, Record
from aitrain_nb.records.targets import Targets, join

if TYPE_CHECKING:
    import weakref
    from collections.abc import Iterator

    import pandas as pd
    import torch
    from torch import Tensor

    from aitrain_nb import html
    from aitrain_nb.figures import Picture


class StepIndices(NamedTuple):
    """The examples of one optimizer step.

    Attributes:
        parts: one int64 tensor of dataset positions for each micro-batch.
        epoch: 0-based epoch the examples belong to.
        start: examples of that epoch used before this step.
        stop: examples of that epoch used after it.
    """

    parts: tuple[Tensor, ...]
    epoch: int
    start: int
    stop: int


class MicroBatch(NamedTuple):
    """The examples that go through the model at once.

    Attributes:
        inputs: name -> tensor [B, ...], `labels` [B] int64 among them.
        counted: targets that the loss counts in this micro-batch.
        number: 0-based place in the batch.
    """

    inputs: dict[str, Tensor]
    counted: int
    number: int


class Batch(Record):
    """The examples of one optimizer step as numbers.

    Attributes:
        parts: the micro-batches: one, unless gradients are accumulated.
        indices: [B] int64 positions in the training data, or None for a person's own examples.
        counted: targets of the whole step that the loss averages over.
        start, stop: examples of this epoch used before and after the step.
    """

    phase = "tokenize"
    title = "Batch"
    explain = "Everything becomes numbers: the examples, and the right answers too."

    def __init__(
        self, trainer: weakref.ref[Any], step: int, epoch: float, parts: tuple[MicroBatch, ...],
        taken: StepIndices | None, raw: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(trainer, step, epoch)
        self.parts, self._taken, self._raw = parts, taken, raw
        self.counted = parts[0].counted if len(parts) == 1 else sum(part.counted for part in parts)

    @property
    def inputs(self) -> dict[str, Tensor]:
        """The model's inputs of all micro-batches together: name -> [B, ...]."""
        if len(self.parts) == 1:
            return self.parts[0].inputs
        fillers = {"labels": -100} | self.trainer.task.fillers(self.trainer.processor)
        return {
            name: join([part.inputs[name] for part in self.parts], fillers.get(name, 0))
            for name in self.parts[0].inputs
        }

    @property
    def labels(self) -> Tensor:
        """The class numbers [B] or [B, T] int64, -100 where not counted."""
        return self.inputs["labels"]

    @property
    def targets(self) -> list[str]:
        """The answers in words, one a target that counts or one an example."""
        return Targets(self.labels).named(self.trainer.class_names)

    @cached_property
    def indices(self) -> torch.Tensor | None:
        """Positions in the training data [B] int64."""
        import torch

        return torch.cat(list(self._taken.parts)) if self._taken is not None else None

    @cached_property
    def raw(self) -> dict[str, Any]:
        """The examples as they were before this phase, column by column."""
        if self._raw is not None:
            return self._raw
        raw: dict[str, Any] = self.trainer.task.raw(self)
        return raw

    @property
    def is_own(self) -> bool:
        """Whether these are a person's own examples, not a part of the run."""
        return self._taken is None

    @property
    def size(self) -> int:
        """Examples in the batch."""
        return sum(len(part.inputs["labels"]) for part in self.parts)

    def facts(self) -> dict[str, Fact]:
        """Examples, what the task says of them, targets, place in the epoch, memory."""
        found = {"examples": Fact(self.size)} | self.trainer.task.batch_facts(self)
        found["counted targets"] = Fact(self.counted)
        found["memory"] = Fact(numerals.memory(sum(t.nbytes for t in self.inputs.values())))
        if self._taken is not None:
            of = self.trainer.order.examples
            found["of this epoch"] = Fact(f"{self._taken.start + 1:,} to {self._taken.stop:,} of {of:,}")
        if len(self.parts) > 1:
            found["micro-batches"] = Fact(len(self.parts))
        return found

    def table(self) -> pd.DataFrame:
        """One row an example: its position in the training data, its label, what its raw values look like."""
        trainer = self.trainer
        rows: pd.DataFrame = trainer.task.rows(self.raw, trainer.data.label_names)
        if self.indices is not None:
            rows.insert(0, "index", self.indices.tolist())
        return rows

    def plot(self) -> Picture:
        """The batch drawn."""
        picture: Picture = self.trainer.task.batch_picture(self)
        return picture

    def brief(self) -> str:
        """How many examples of which size."""
        said: str = self.trainer.task.batch_brief(self)
        return said

    def text(self) -> str:
        """What the model really receives, in sentences."""
        answers = ", ".join(self.targets[:8]) + (" and so on" if len(self.targets) > 8 else "")
        said: str = self.trainer.task.batch_text(self)
        return f"{said} The right answers are {answers}. No weight has changed."

    def code(self) -> str:
        """The phase in plain PyTorch."""
        lines: str = self.trainer.task.batch_code(self)
        return lines

    def _view(self) -> html.Markup:
        view: html.Markup = self.trainer.task.batch_view(self)
        return view

    def _checks(self) -> Iterator[Check]:
        trainer = self.trainer
        yield from trainer.task.batch_checks(self)
        labels, classes = self.labels.cpu(), len(trainer.class_names)
        within = ((labels >= 0) & (labels < classes)) | (labels == -100)
        yield Check(
            "every label is a class or not counted",
            bool(within.all()),
            f"{int(within.sum())} of {labels.numel()}, {classes} classes",
        )
        counted = int((labels != -100).sum())
        yield Check("counted targets add up", counted == self.counted, f"{counted} labels counted, {self.counted} said")
        if self._taken is not None and self.indices is not None:
            yield from self._order_checks()

    def _order_checks(self) -> Iterator[Check]:
        data, indices, taken = self.trainer.data, self.indices, self._taken
        assert indices is not None
        assert taken is not None
        distinct = len(indices.unique())
        order = self.trainer.order.of_epoch(taken.epoch)
        whole = bool((order.sort()[0] == order.new_tensor(range(len(order)))).all()) and distinct == len(indices)
        yield Check(
            "no example twice in an epoch",
            whole,
            f"{distinct} different of {len(indices)}; the epoch's order holds each once",
        )
        if data.train_indices is not None and data.validation_indices is not None and len(order) == len(data.train):
            used = set(data.train_indices[indices].tolist())
            shared = used & set(data.validation_indices.tolist())
            yield Check("no validation example in training", not shared, f"{len(shared)} shared")
