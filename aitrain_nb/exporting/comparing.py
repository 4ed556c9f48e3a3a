"""The original and its export side by side on the same examples: answers, scores, size, time."""

from __future__ import annotations

from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

import torch

from aitrain_nb.engine.modes import evaluation_mode
from aitrain_nb.errors import ModelError
from aitrain_nb.exporting.asking import ask_in_fresh_process
from aitrain_nb.exporting.manifest import sample

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from torch import Tensor, nn

    from aitrain_nb.data import Dataset
    from aitrain_nb.exporting.formats import Format
    from aitrain_nb.exporting.serving import ExportedModel
    from aitrain_nb.trainer import Trainer

_MOST_NUMBERS = 20_000_000
"""Logits that are compared at most: 80 MB."""
_BATCH, _RAW = 16, 8
_FEWEST, _MOST, _SECONDS = 3, 15, 3.0
"""Rounds of a measurement, and about how long it may take."""


class Compared(NamedTuple):
    """What is the same and what isn't.

    Attributes:
        examples: how many were compared, and of which split.
        targets: how many answers they have.
        flipped: answers that became others.
        furthest: the largest distance between two logits.
        raw_furthest: the largest distance between two probabilities of examples that each made numbers of itself; None where none were.
        before, after: scores by name; loss in nats.
        size_bytes: of the original's weights in memory, and of the export's files.
        milliseconds: for one example, of the original and of the export; medians, in turn in one process.
        batch_milliseconds: the same for a batch.
        batch: examples in it.
        load_seconds: to open the export in a fresh process.
    """

    examples: tuple[int, str]
    targets: int
    flipped: int
    furthest: float
    raw_furthest: float | None
    before: dict[str, float]
    after: dict[str, float]
    size_bytes: tuple[int, int]
    milliseconds: tuple[float, float]
    batch_milliseconds: tuple[float, float]
    batch: int
    load_seconds: float


def compare_answers(trainer: Trainer, original: nn.Module, opened: ExportedModel, folder: Path, most: int) -> Compared:
    """Ask both about the same validation examples, the export in a fresh process.

    Args:
        trainer: whose examples they are.
        original: its model, in evaluation mode, on the CPU.
        opened: the export, opened here.
        folder: of the export.
        most: examples at most.

    Raises:
        ModelError: the export can't be opened by another process.
    """
    split = "validation" if "validation" in trainer.prepared else "train"
    prepared = _some(trainer.prepared[split], most, len(trainer.class_names))
    batches = [
        trainer.task.collate(prepared.take(places), trainer.processor)
        for places in torch.arange(len(prepared)).split(_BATCH)
    ]
    inputs = [{name: value for name, value in batch.items() if name != "labels"} for batch in batches]
    labels = [batch["labels"] for batch in batches]
    raw = _raw(trainer, split)
    replies = ask_in_fresh_process(folder, inputs, raw, trainer.config.threads or torch.get_num_threads())
    with torch.no_grad(), evaluation_mode(original), trainer.threads:
        own = [trainer.task.outputs(original, batch) for batch in inputs]
    differing = [
        ((one.argmax(-1) != two.argmax(-1)) & (label != -100)).sum()
        for one, two, label in zip(own, replies.logits, labels, strict=True)
    ]
    return Compared(
        (len(prepared), split), sum(int((label != -100).sum()) for label in labels), int(sum(differing)),
        max(float((one - two).abs().max()) for one, two in zip(own, replies.logits, strict=True)),
        _probabilities_apart(trainer, raw, replies.probabilities), _scores(trainer, own, labels), _scores(trainer, replies.logits, labels),
        (_bytes_of(original), sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())),
        _in_turn(trainer, original, opened, sample(trainer, 1)), _in_turn(trainer, original, opened, sample(trainer, _BATCH)),
        _BATCH, replies.load_seconds,
    )  # fmt: skip


def check_same(found: Compared, kind: Format) -> None:
    """Raise ModelError where an export that should be the same model isn't."""
    if kind.tolerance is None:
        return
    apart = max(found.furthest, found.raw_furthest or 0.0)
    if not apart <= max(kind.tolerance, 1e-6):
        raise ModelError(
            f"The model exported as {kind.name} answers otherwise.",
            f"A logit lies {found.furthest:.2g} from the original's, where {kind.tolerance:g} is allowed; {found.flipped} of "
            f"{found.targets:,} answers became others.",
            "Export it in another format: safetensors is exact.",
        )


def _some(prepared: Dataset, most: int, classes: int) -> Dataset:
    """Examples spread evenly, no more than have logits that fit into memory."""
    targets = prepared.columns["labels"]
    each = classes * (targets.shape[1] if targets.ndim > 1 else 1)
    number = max(1, min(most, len(prepared), _MOST_NUMBERS // each))
    return prepared.subset(torch.linspace(0, len(prepared) - 1, number).round().to(torch.int64).unique())


def _raw(trainer: Trainer, split: str) -> Sequence[str] | Tensor | None:
    """A few raw examples as a person has them, with which the export must find its own way to numbers."""
    columns = getattr(trainer.data, split).columns
    if "image" in columns:
        images: Tensor = columns["image"][:_RAW]
        return images
    return [text[:200] for text in columns["text"][:_RAW]] if "text_pair" not in columns else None


def _probabilities_apart(trainer: Trainer, raw: Sequence[str] | Tensor | None, said: Tensor | None) -> float | None:
    if raw is None or said is None:
        return None
    with trainer.in_full_precision():
        own = trainer.predict(raw)
    shares = [name for name in own.columns if name.startswith("p(")] or ["probability"]
    return float((torch.tensor(own[shares].to_numpy()) - said).abs().max())


def _scores(trainer: Trainer, logits: Sequence[Tensor], labels: Sequence[Tensor]) -> dict[str, float]:
    """Mean loss of the targets in nats, and the task's scores."""
    predicted = torch.cat([one.argmax(-1) for one in logits])
    true = torch.cat(list(labels))
    losses = [trainer.task.loss(one, {"labels": label}) for one, label in zip(logits, labels, strict=True)]
    total = sum(float(one.double().sum()) for one in losses) / max(1, int((true != -100).sum()))
    return {"loss": total} | trainer.task.metrics(predicted, true)


def _bytes_of(model: nn.Module) -> int:
    return sum(tensor.nbytes for tensor in (*model.parameters(), *model.buffers()))


@torch.no_grad()
def _in_turn(
    trainer: Trainer, original: nn.Module, opened: ExportedModel, inputs: dict[str, Tensor]
) -> tuple[float, float]:
    """Milliseconds of each for the same inputs: the median of rounds in which each has its turn, after one to warm up."""
    took: tuple[list[float], list[float]] = ([], [])
    with trainer.threads, evaluation_mode(original):
        start = perf_counter()
        while len(took[0]) <= _FEWEST or (len(took[0]) <= _MOST and perf_counter() - start < _SECONDS):
            for model, times in zip((original, opened.model), took, strict=True):
                began = perf_counter()
                trainer.task.outputs(model, inputs)
                times.append((perf_counter() - began) * 1000)
    return median(took[0][1:]), median(took[1][1:])
