"""The examples of each side as model inputs, checked; of validation as many as are asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from aitrain_nb.config import TrainConfig
    from aitrain_nb.data import Dataset, Splits
    from aitrain_nb.tasks import Task


def prepare_sides(
    task: Task, data: Splits, processor: Any, config: TrainConfig, ready: dict[str, Dataset] | None = None
) -> tuple[dict[str, Dataset], Splits]:
    """Name of each side that there is -> its examples as model inputs; and the raw examples that belong to them.

    Args:
        task: makes inputs of examples.
        data: the raw examples.
        processor: what the task needs besides, such as a tokenizer.
        config: of the run.
        ready: the inputs, where another trainer has made them of just these data.

    Raises:
        DataError: the examples can't be used.
    """
    if ready is not None:
        return ready, data
    raw = {"train": data.train, "validation": data.validation, "test": data.test}
    prepared = {
        name: task.prepare(dataset, data, processor, config) for name, dataset in raw.items() if dataset is not None
    }
    task.check(data)
    return prepared, _thinned(prepared, data, config.evaluation_examples or task.default_evaluation_examples)


def _thinned(prepared: dict[str, Dataset], data: Splits, limit: int | None) -> Splits:
    """Leave at most `limit` validation examples, spread evenly over what there is; the raw ones without those that were left out."""
    if limit is None or "validation" not in prepared or len(prepared["validation"]) <= limit:
        return data
    assert data.validation is not None
    total = len(prepared["validation"])
    places = torch.linspace(0, total - 1, limit).round().to(torch.int64)
    prepared["validation"] = prepared["validation"].subset(places)
    if len(data.validation) != total:
        return data
    indices = data.validation_indices
    kept = indices[places] if indices is not None else None
    return replace(data, validation=data.validation.subset(places), validation_indices=kept)
