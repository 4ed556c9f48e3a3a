"""The model in evaluation mode: scores on a split, predictions for a person's own examples. Nothing of the run changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from aitrain_nb.errors import DataError, ModelError
from aitrain_nb.records import Evaluation

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from torch import Tensor

    from aitrain_nb.data import Dataset
    from aitrain_nb.phases import Phases


class _Cut(Exception):  # noqa: N818  a signal
    """Somebody asked for a stop in the middle."""


@torch.no_grad()
def compute_logits(phases: Phases, dataset: Dataset, stop: Callable[[], bool] = lambda: False) -> tuple[Tensor, Tensor]:
    """Logits [n, C] and loss per target [n] (nats) of prepared examples, on the CPU.

    The mode of each module and the random numbers come back as they were.
    """
    task, model = phases.task, phases.model
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    logits, losses = [], []
    try:
        with phases._threads, phases.random.replayed(phases.random.state):
            for indices in torch.arange(len(dataset)).split(phases.config.evaluation_batch_size or 256):
                if stop():
                    raise _Cut
                inputs = {name: value.to(phases.device) for name, value in task.collate(dataset.take(indices)).items()}
                outputs = task.outputs(model, inputs)
                logits.append(outputs.cpu())
                losses.append(task.loss(outputs, inputs).cpu())
    finally:
        for module, training in modes:
            module.training = training
    return torch.cat(logits), torch.cat(losses)


def check_model(phases: Phases, dataset: Dataset) -> None:
    """Send two examples through the model, so that a misfit shows before the run; raises ModelError."""
    sample = dataset.subset(torch.arange(min(2, len(dataset))))
    try:
        logits, _ = compute_logits(phases, sample)
    except (RuntimeError, TypeError, ValueError, IndexError, AttributeError) as error:
        shapes = {name: list(value.shape) for name, value in phases.task.collate(sample.columns).items()}
        raise ModelError(
            "The model can't take these examples.", f"{error} (inputs: {shapes})", "Match its input to the data."
        ) from error
    expected = (len(sample), len(phases.data.label_names))
    if tuple(logits.shape) != expected:
        raise ModelError(
            f"The model gives {list(logits.shape)} for {expected[0]} examples.",
            f"The data has {expected[1]} classes, so {list(expected)} is needed.",
            f"Give its last layer {expected[1]} outputs.",
        )


def evaluate(phases: Phases, split: str, stop: Callable[[], bool] = lambda: False) -> Evaluation | None:
    """Loss and scores on "validation" or "train"; None where `stop` said so in the middle.

    Raises:
        DataError: there is no such split.
    """
    prepared = {"train": phases._train, "validation": phases._validation}.get(split)
    raw = {"train": phases.data.train, "validation": phases.data.validation}.get(split)
    if prepared is None or raw is None:
        have = "train" if phases.data.validation is None else "train, validation"
        raise DataError(f"There is no split {split!r} to evaluate.", f"The data has: {have}.", "Choose one of them.")
    try:
        logits, per_target = compute_logits(phases, prepared, stop)
    except _Cut:
        return None
    labels = torch.as_tensor(prepared.columns["labels"])
    metrics = phases.task.metrics(logits.argmax(-1), labels)
    epoch = phases.order.epochs_completed
    return Evaluation(phases._reference, phases.step, epoch, split, raw, logits, per_target, labels, metrics)


def predict(phases: Phases, examples: Any) -> pd.DataFrame:
    """Predicted class, its probability, and the probability of each class, one row an example."""
    import pandas as pd

    own = phases.task.own_examples(examples, None, phases.data)
    logits, _ = compute_logits(phases, phases.task.prepare(phases.data, own))
    probabilities, names = logits.float().softmax(-1), phases.data.label_names
    columns: dict[str, Any] = {
        "predicted": [names[i] for i in probabilities.argmax(-1).tolist()],
        "probability": probabilities.amax(-1).tolist(),
    }
    return pd.DataFrame(columns | {f"p({name})": probabilities[:, i].tolist() for i, name in enumerate(names)})
