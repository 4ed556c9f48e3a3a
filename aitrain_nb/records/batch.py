"""Batch: what `tokenize` returns. Everything has become numbers."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from aitrain_nb import html, numerals, plots
from aitrain_nb.records.base import Check, Fact, Record

if TYPE_CHECKING:
    import weakref
    from collections.abc import Iterator

    import pandas as pd
    import torch
    from torch import Tensor

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
    explain = "Everything becomes numbers: each picture is a grid of pixel values, each class a number."

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
        import torch

        if len(self.parts) == 1:
            return self.parts[0].inputs
        return {name: torch.cat([part.inputs[name] for part in self.parts]) for name in self.parts[0].inputs}

    @property
    def labels(self) -> Tensor:
        """The class numbers [B] int64."""
        return self.inputs["labels"]

    @property
    def targets(self) -> list[str]:
        """The answers in words, one an example."""
        names = self._trainer.data.label_names
        return [names[label] if label >= 0 else "unknown" for label in self.labels.tolist()]

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
        taken: dict[str, Any] = self._trainer.data.train.take(self.indices)
        return taken

    @property
    def is_own(self) -> bool:
        """Whether these are a person's own examples, not a part of the run."""
        return self._taken is None

    @property
    def size(self) -> int:
        """Examples in the batch."""
        return sum(len(part.inputs["labels"]) for part in self.parts)

    def facts(self) -> dict[str, Fact]:
        """Examples, shape, targets, place in the epoch, memory."""
        pixels = self._trainer.task.first_module_input(self.inputs)
        found = {
            "examples": Fact(self.size),
            "shape": Fact(f"{list(pixels.shape)} {str(pixels.dtype).removeprefix('torch.')}"),
            "range": Fact(f"{float(pixels.min()):.3g} to {float(pixels.max()):.3g}"),
            "counted targets": Fact(self.counted),
            "memory": Fact(numerals.memory(sum(t.nbytes for t in self.inputs.values()))),
        }
        if self._taken is not None:
            of = len(self._trainer.data.train)
            found["of this epoch"] = Fact(f"{self._taken.start + 1:,} to {self._taken.stop:,} of {of:,}")
        if len(self.parts) > 1:
            found["micro-batches"] = Fact(len(self.parts))
        return found

    def table(self) -> pd.DataFrame:
        """One row an example: its position in the training data, its label, what its raw values look like."""
        trainer = self._trainer
        rows: pd.DataFrame = trainer.task.rows(self.raw, trainer.data.label_names)
        if self.indices is not None:
            rows.insert(0, "index", self.indices.tolist())
        return rows

    def plot(self) -> Picture:
        """The first 24 pictures with their labels."""
        pictures = self._trainer.task.first_module_input(self.inputs)[:24]
        return plots.images(pictures.detach().cpu().numpy(), self.targets[:24])

    def text(self) -> str:
        """What the model really receives, in sentences."""
        pixels = self._trainer.task.first_module_input(self.inputs)
        answers = ", ".join(self.targets[:8]) + (" ..." if self.size > 8 else "")
        return (
            f"{self.size} examples became one block of {pixels.numel():,} numbers from {float(pixels.min()):.3g} to "
            f"{float(pixels.max()):.3g}. The raw pixels were multiplied by {self._trainer.data.scale:g}. "
            f"The right answers are {answers}. No weight has changed."
        )

    def code(self) -> str:
        """The phase in plain PyTorch."""
        return (
            "indices = order[start:stop]                      # this step's places in the shuffled data\n"
            f"inputs = images[indices].float() * {self._trainer.data.scale!r}\n"
            "labels = answers[indices]"
        )

    def _view(self) -> html.Markup:
        raw = self.raw.get("image")
        parts = [self.plot().to_html(self.text())]
        if raw is not None and max(raw.shape[-2:]) <= 16:
            caption = f"the first picture as the numbers it is made of: a {self.targets[0]}"
            parts.append(html.grid(raw[0, 0].tolist(), float(raw.min()), float(raw.max()), caption))
        return html.join(parts)

    def _checks(self) -> Iterator[Check]:
        trainer = self._trainer
        pixels, labels = trainer.task.first_module_input(self.inputs).cpu(), self.labels.cpu()
        classes = len(trainer.data.label_names)
        expected = self.raw["image"].float() * trainer.data.scale
        same_shape = pixels.shape == expected.shape
        error = float((pixels - expected).abs().max()) if same_shape else float("inf")
        yield Check("scaled = raw x scale", error == 0, f"largest difference {error:.1e}")
        answers = self.raw["label"]
        yield Check(
            "labels are those of the raw examples",
            bool((labels == answers).all()),
            f"{int((labels == answers).sum())} of {self.size} equal",
        )
        within = ((labels >= 0) & (labels < classes)) | (labels == -100)
        yield Check(
            "every label is a class or not counted",
            bool(within.all()),
            f"{int(within.sum())} of {self.size}, {classes} classes",
        )
        counted = int((labels != -100).sum())
        yield Check("counted targets add up", counted == self.counted, f"{counted} labels counted, {self.counted} said")
        if self._taken is not None and self.indices is not None:
            yield from self._order_checks()

    def _order_checks(self) -> Iterator[Check]:
        data, indices = self._trainer.data, self.indices
        assert indices is not None
        distinct = len(indices.unique())
        taken = self._taken
        assert taken is not None
        order = self._trainer.order.of_epoch(taken.epoch)
        whole = bool((order.sort()[0] == order.new_tensor(range(len(order)))).all()) and distinct == len(indices)
        yield Check(
            "no example twice in an epoch",
            whole,
            f"{distinct} different of {len(indices)}; the epoch's order holds each once",
        )
        if data.train_indices is not None and data.validation_indices is not None:
            used = set(data.train_indices[indices].tolist())
            shared = used & set(data.validation_indices.tolist())
            yield Check("no validation example in training", not shared, f"{len(shared)} shared")
