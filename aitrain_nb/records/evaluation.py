"""Evaluation: how the model does on examples its weights never saw."""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Any

from aitrain_nb import html, numerals, plots
from aitrain_nb.records.base import Check, Fact, Record, agree

if TYPE_CHECKING:
    import weakref
    from collections.abc import Iterator

    import pandas as pd
    from torch import Tensor

    from aitrain_nb.data import Dataset
    from aitrain_nb.figures import Picture


class Evaluation(Record):
    """Loss and scores on a split, in evaluation mode, without gradients. Letters: n examples, C classes.

    Attributes:
        split: "validation" or "train".
        loss: nats, the sum over counted targets divided by their number, as in training.
        metrics: score by name; accuracy is a share from 0 to 1.
        training_loss: training loss since the last evaluation (nats), in training mode; NaN where no step was taken.
        logits: [n, C]; labels: [n] int64.
        kept: whether these are the best weights so far.
        overfitting: whether the run's curves up to here say so.
    """

    phase = "evaluate"
    title = "Evaluation"
    explain = "The model answers examples it has never trained on; nothing is learned from them."

    def __init__(
        self, trainer: weakref.ref[Any], step: int, epoch: float, split: str, dataset: Dataset, logits: Tensor, per_target: Tensor,
        labels: Tensor, metrics: dict[str, float],
    ) -> None:  # fmt: skip
        super().__init__(trainer, step, epoch)
        self.split, self.logits, self.per_example, self.labels, self.metrics = (
            split,
            logits,
            per_target,
            labels,
            metrics,
        )
        self._label_names, self._dataset = dataset.label_names, dataset
        self.counted = int((labels != -100).sum())
        self.loss = float(per_target.double().sum()) / max(1, self.counted)
        self.training_loss = math.nan
        self.kept = self.overfitting = False

    @property
    def accuracy(self) -> float:
        """Share of examples predicted right, 0 to 1."""
        return self.metrics["accuracy"]

    @cached_property
    def predicted(self) -> Tensor:
        """The class with the highest score [n] int64."""
        return self.logits.argmax(-1)

    @cached_property
    def baseline(self) -> dict[str, float]:
        """What a model that knows nothing reaches on these examples."""
        found: dict[str, float] = self._trainer.task.baseline(self._dataset)
        return found

    def row(self) -> dict[str, float]:
        """The numbers for the history: eval_loss, eval_accuracy and so on."""
        return {"eval_loss": self.loss} | {f"eval_{name}": value for name, value in self.metrics.items()}

    def table(self) -> pd.DataFrame:
        """One row a class: examples, how many were predicted right (share), mean loss (nats)."""
        import pandas as pd

        rows = []
        for number, name in enumerate(self._label_names):
            mine = self.labels == number
            if int(mine.sum()):
                right = float((self.predicted[mine] == number).double().mean())
                rows.append(
                    {
                        "class": name,
                        "examples": int(mine.sum()),
                        "right": right,
                        "loss": float(self.per_example[mine].mean()),
                    }
                )
        return pd.DataFrame(rows)

    def confusion(self) -> pd.DataFrame:
        """How often each true class (row) was predicted as each class (column)."""
        import pandas as pd
        import torch

        size = len(self._label_names)
        counts = torch.bincount(self.labels * size + self.predicted, minlength=size * size).reshape(size, size)
        return pd.DataFrame(counts.tolist(), index=list(self._label_names), columns=list(self._label_names))

    def worst(self, k: int = 5) -> pd.DataFrame:
        """The k examples with the highest loss (nats): index in the split, true and predicted class."""
        import pandas as pd

        losses, places = self.per_example.topk(min(k, len(self.per_example)))
        names = self._label_names
        return pd.DataFrame(
            {
                "true": [names[self.labels[i]] for i in places.tolist()],
                "predicted": [names[self.predicted[i]] for i in places.tolist()],
                "loss": losses.tolist(),
            },
            index=places.tolist(),
        )

    def facts(self) -> dict[str, Fact]:
        """Loss, scores, and what knowing nothing would give."""
        found = {"loss": Fact(self.loss, "nats")}
        found |= {name: Fact(numerals.share(value)) for name, value in self.metrics.items()}
        found["examples"] = Fact(self.counted)
        found["knows nothing"] = Fact(f"{numerals.epoch_loss(self.baseline['uniform_loss'])} nats")
        found["always the majority"] = Fact(numerals.share(self.baseline["majority_accuracy"]))
        return found

    def plot(self) -> Picture:
        """The confusion matrix."""
        return plots.confusion(self.confusion().to_numpy().tolist(), self._label_names)

    def text(self) -> str:
        """The evaluation in sentences."""
        wrong = self.counted - round(self.accuracy * self.counted)
        right, majority = numerals.share(self.accuracy), numerals.share(self.baseline["majority_accuracy"])
        loss = numerals.epoch_loss(self.loss)
        sentences = [
            f"On {self.counted} {self.split} examples the loss is {loss} nats and {right} are right ({wrong} wrong).",
            f"Always naming the most frequent class would get {majority}.",
        ]
        if self.split == "validation":
            sentences.append(
                "Validation was used to choose the weights, so a fresh test set would be a little less kind."
            )
        if self.training_loss > self.loss:
            sentences.append(
                "The training loss is higher because it is a mean over the epoch while the model still learned, with dropout on."
            )
        return " ".join(sentences)

    def code(self) -> str:
        """The phase in plain PyTorch."""
        return "model.eval()\nwith torch.no_grad():\n    logits = model(inputs)"

    def _view(self) -> html.Markup:
        cells = [[row["class"], row["examples"], html.bar(row["right"], numerals.share(row["right"]), html.GREEN)]
                 for _, row in self.table().iterrows()]  # fmt: skip
        return html.table(["class", "examples", "right"], cells[:30])

    def _checks(self) -> Iterator[Check]:
        import torch

        mean = torch.nn.functional.cross_entropy(self.logits.double(), self.labels)
        yield agree("the loss = torch's mean cross-entropy", self.loss, float(mean), 1e-5)
        right = int((self.logits.argmax(-1) == self.labels).sum())
        yield agree("accuracy = right / counted", self.accuracy, right / max(1, self.counted), 1e-9)
        data = self._trainer.data
        if self.split == "validation" and data.train_indices is not None and data.validation_indices is not None:
            shared = set(data.train_indices.tolist()) & set(data.validation_indices.tolist())
            yield Check("no example is on both sides", not shared, f"{len(shared)} shared")
