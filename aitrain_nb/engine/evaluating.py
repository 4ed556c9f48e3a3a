"""The model in evaluation mode: scores on a split, predictions for a person's own examples. Nothing of the run changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from aitrain_nb.errors import DataError, ModelError

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from torch import Tensor, nn

    from aitrain_nb.data import Dataset, Splits
    from aitrain_nb.engine.device import Threads
    from aitrain_nb.randomness import OwnRandom
    from aitrain_nb.tasks import Task


class Stopped(Exception):  # noqa: N818  a signal
    """Somebody asked for a stop in the middle."""


class Answers(NamedTuple):
    """What the model said about a split.

    Attributes:
        raw: the examples as they were.
        logits: [n, C] on the CPU.
        per_target: loss of each target [n], nats, on the CPU.
        labels: [n] int64.
        metrics: score by name.
    """

    raw: Dataset
    logits: Tensor
    per_target: Tensor
    labels: Tensor
    metrics: dict[str, float]


class Evaluator:
    """Asks a model in evaluation mode, without gradients.

    Modes of modules, random numbers and threads come back as they were.

    Args:
        model: the module.
        task: says how examples become tensors and what a loss is.
        data: the raw examples.
        prepared: split name -> prepared examples.
        device: where the model lies.
        random: the run's random state, which a forward in evaluation mode may not advance.
        threads: how many processor threads torch uses.
        batch_size: examples at once.
    """

    def __init__(
        self, model: nn.Module, task: Task, data: Splits, prepared: dict[str, Dataset], *, device: torch.device,
        random: OwnRandom, threads: Threads, batch_size: int,
    ) -> None:  # fmt: skip
        self._model, self._task, self._data, self._prepared = model, task, data, prepared
        self._device, self._random, self._threads, self._batch_size = device, random, threads, batch_size

    @property
    def can_validate(self) -> bool:
        """Whether there are validation examples."""
        return "validation" in self._prepared

    @torch.no_grad()
    def logits(self, dataset: Dataset, stop: Callable[[], bool] = lambda: False) -> tuple[Tensor, Tensor]:
        """Logits [n, C] and loss per target [n] (nats) of prepared examples, on the CPU; raises Stopped where `stop` says so."""
        task, model = self._task, self._model
        modes = [(module, module.training) for module in model.modules()]
        model.eval()
        logits, losses = [], []
        try:
            with self._threads, self._random.replayed(self._random.state):
                for indices in torch.arange(len(dataset)).split(self._batch_size):
                    if stop():
                        raise Stopped
                    columns = task.collate(dataset.take(indices))
                    inputs = {name: value.to(self._device) for name, value in columns.items()}
                    outputs = task.outputs(model, inputs)
                    logits.append(outputs.cpu())
                    losses.append(task.loss(outputs, inputs).cpu())
        finally:
            for module, training in modes:
                module.training = training
        return torch.cat(logits), torch.cat(losses)

    def check_model(self) -> None:
        """Send two training examples through the model, so that a misfit shows before the run; raises ModelError."""
        dataset = self._prepared["train"]
        sample = dataset.subset(torch.arange(min(2, len(dataset))))
        try:
            logits, _ = self.logits(sample)
        except (RuntimeError, TypeError, ValueError, IndexError, AttributeError) as error:
            shapes = {name: list(value.shape) for name, value in self._task.collate(sample.columns).items()}
            raise ModelError(
                "The model can't take these examples.", f"{error} (inputs: {shapes})", "Match its input to the data."
            ) from error
        expected = (len(sample), len(self._data.label_names))
        if tuple(logits.shape) != expected:
            raise ModelError(
                f"The model gives {list(logits.shape)} for {expected[0]} examples.",
                f"The data has {expected[1]} classes, so {list(expected)} is needed.",
                f"Give its last layer {expected[1]} outputs.",
            )

    def ask(self, split: str, stop: Callable[[], bool] = lambda: False) -> Answers:
        """The model's answers on "validation" or "train".

        Raises:
            DataError: there is no such split.
            Stopped: `stop` said so in the middle.
        """
        if split not in self._prepared:
            have = ", ".join(self._prepared)
            raise DataError(
                f"There is no split {split!r} to evaluate.", f"The data has: {have}.", "Choose one of them."
            )
        prepared, raw = self._prepared[split], getattr(self._data, split)
        logits, per_target = self.logits(prepared, stop)
        labels = torch.as_tensor(prepared.columns["labels"])
        return Answers(raw, logits, per_target, labels, self._task.metrics(logits.argmax(-1), labels))

    def predict(self, examples: Any) -> pd.DataFrame:
        """Predicted class, its probability, and the probability of each class, one row an example."""
        import pandas as pd

        own = self._task.own_examples(examples, None, self._data)
        logits, _ = self.logits(self._task.prepare(self._data, own))
        probabilities, names = logits.float().softmax(-1), self._data.label_names
        columns: dict[str, Any] = {
            "predicted": [names[i] for i in probabilities.argmax(-1).tolist()],
            "probability": probabilities.amax(-1).tolist(),
        }
        return pd.DataFrame(columns | {f"p({name})": probabilities[:, i].tolist() for i, name in enumerate(names)})
