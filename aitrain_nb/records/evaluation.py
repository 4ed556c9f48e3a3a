"""Evaluation: how the model does on examples its weights never saw."""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Any

from aitrain_nb import html, numerals, plots
from aitrain_nb.records.base import Check, Fact, Record, agree
from aitrain_nb.records.targets import Targets

if TYPE_CHECKING:
    import weakref
    from collections.abc import Iterator

    import pandas as pd
    from torch import Tensor

    from aitrain_nb.data import Dataset
    from aitrain_nb.figures import Picture


class Evaluation(Record):
    """Loss and scores on a split, in evaluation mode, without gradients. Letters: n examples, T positions, C classes.

    Attributes:
        split: "validation", "train" or "test".
        loss: nats, the sum over counted targets divided by their number, as in training.
        metrics: score by name; accuracy is a share from 0 to 1.
        training_loss: training loss since the last evaluation (nats), in training mode; NaN where no step was taken.
        predicted: class with the highest score [n] or [n, T] int64; labels: the true ones, -100 where not counted.
        per_target: loss of each target in the same shape, nats.
        logits: [n, C], or None where each example has many targets.
        kept: whether these are the best weights so far.
        overfitting: whether the run's curves up to here say so.
    """

    phase = "evaluate"
    title = "Evaluation"
    explain = "The model answers examples it has never trained on; nothing is learned from them."

    def __init__(
        self, trainer: weakref.ref[Any], step: int, epoch: float, split: str, dataset: Dataset, answers: Any,
        metrics: dict[str, float],
    ) -> None:  # fmt: skip
        super().__init__(trainer, step, epoch)
        self.split, self.metrics, self._dataset = split, metrics, dataset
        self.predicted, self.per_target, self.labels, self.logits = answers
        self.class_names = self.trainer.class_names
        self._targets = Targets(self.labels)
        self.counted = int(self._targets.counted.sum())
        self.loss = float(self.per_target.double().sum()) / max(1, self.counted)
        self.training_loss = math.nan
        self.kept = self.overfitting = False

    @property
    def accuracy(self) -> float:
        """Share of examples predicted right, 0 to 1."""
        return self.metrics["accuracy"]

    @property
    def per_example(self) -> Tensor:
        """Loss of each example [n], nats: the mean over its counted targets."""
        return self._targets.per_example(self.per_target)

    @cached_property
    def baseline(self) -> dict[str, float]:
        """What a model that knows nothing reaches on these examples."""
        found: dict[str, float] = self.trainer.task.baseline(self.labels, self.class_names)
        return found

    def score(self, metric: str) -> float:
        """How good it is by this metric, higher is better: the loss with its sign turned, or a score as it is."""
        return -self.loss if metric == "loss" else self.metrics[metric]

    def row(self) -> dict[str, float]:
        """The numbers for the history: eval_loss, eval_accuracy and so on."""
        return {"eval_loss": self.loss} | {f"eval_{name}": value for name, value in self.metrics.items()}

    def table(self) -> pd.DataFrame:
        """One row a class that occurs or is predicted.

        Columns: examples of the class; how often it was predicted; right, the share of its examples that were found
        (recall); precise, the share of its predictions that are true (precision); f1, their harmonic mean; mean loss (nats).
        """
        import pandas as pd
        import torch

        counted = self._targets.counted
        labels, losses = self.labels[counted], self.per_target[counted].double()
        predicted, size = self.predicted[counted], len(self.class_names)
        right = (predicted == labels).double()
        numbers, rights, sums = (torch.bincount(labels, weights, minlength=size) for weights in (None, right, losses))
        said = torch.bincount(predicted, minlength=size)
        present = (numbers + said).nonzero()[:, 0]
        true, guessed, both = numbers[present].double(), said[present].double(), rights[present]
        return pd.DataFrame(
            {
                "class": [self.class_names[i] for i in present.tolist()],
                "examples": numbers[present].tolist(),
                "predicted": said[present].tolist(),
                "right": (both / true).tolist(),
                "precise": (both / guessed).tolist(),
                "f1": (2 * both / (true + guessed)).tolist(),
                "loss": (sums[present] / true).tolist(),
            }
        )

    def confusion(self) -> pd.DataFrame:
        """How often each true class (row) was predicted as each class (column); of many classes, the 24 most frequent."""
        import pandas as pd
        import torch

        counted = self._targets.counted
        labels, predicted, size = self.labels[counted], self.predicted[counted], len(self.class_names)
        shown = torch.bincount(labels, minlength=size).topk(min(24, size)).indices.sort()[0]
        counts = [
            [int(((labels == true) & (predicted == guess)).sum()) for guess in shown.tolist()]
            for true in shown.tolist()
        ]
        names = [self.class_names[i] for i in shown.tolist()]
        return pd.DataFrame(counts, index=names, columns=names)

    def worst(self, k: int = 5) -> pd.DataFrame:
        """The k targets with the highest loss (nats): index of the example in the split, true and predicted class, its text."""
        import pandas as pd

        losses = self._targets.pick(self.per_target)
        top, rows = losses.topk(min(k, len(losses)))
        places = self._targets.places()[rows]
        true, predicted = self._targets.named(self.class_names), self._targets.pick(self.predicted).tolist()
        columns: dict[str, Any] = {"position": places[:, 1].tolist()} if self._targets.many else {}
        columns |= {
            "true": [true[row] for row in rows.tolist()],
            "predicted": [self.class_names[predicted[row]] for row in rows.tolist()],
            "loss": top.tolist(),
        }
        if not self._targets.many:
            texts = [name for name in ("text", "text_pair") if name in self._dataset.columns]
            columns |= {name: [self._dataset.columns[name][place] for place in places[:, 0].tolist()] for name in texts}
        return pd.DataFrame(columns, index=places[:, 0].tolist())

    def plot_worst(self, k: int = 8) -> Picture:
        """The k targets with the highest loss: as pictures, or as texts with a bar for the loss of each.

        Where an example has many targets, what stands before the target is shown.
        """
        rows, task = self.worst(k), self.trainer.task
        rows["p_true"] = [math.exp(-loss) for loss in rows["loss"]]
        examples = list(rows.index)
        places = list(zip(examples, rows["position"], strict=True)) if self._targets.many else [(i,) for i in examples]
        if self.logits is not None:
            sure = self.logits[examples].float().softmax(-1).amax(-1)
            rows["p_predicted"] = sure.tolist()
        images = self._dataset.columns.get("image")
        what = "targets" if self._targets.many else "examples"
        title = f"The {self.split} {what} with the highest loss"
        if images is not None and not self._targets.many and getattr(images, "ndim", 0) == 4:
            return plots.worst(rows, images[examples], title)
        rows = rows.drop(columns=[name for name in ("text", "text_pair") if name in rows])
        rows["text"] = [
            task.case(self._dataset.columns, self.labels, place, self.trainer.processor) for place in places
        ]
        return plots.worst(rows, title=title)

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
        table = self.confusion()
        return plots.confusion(table.to_numpy().tolist(), list(table.columns))

    def brief(self) -> str:
        """Loss and accuracy on this split."""
        return f"{self.split} loss {numerals.epoch_loss(self.loss)}, {numerals.share(self.accuracy)} right"

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
            instead = "evaluate('test') has" if self.trainer.data.test is not None else "test_fraction keeps"
            sentences.append(
                "Validation was used to choose the weights, so this number is a little too kind; "
                f"{instead} examples that chose nothing."
            )
        if self.split == "test":
            sentences.append("These examples taught nothing and chose nothing: look at them once, at the very end.")
        if self.training_loss > self.loss:
            dropout = any(type(module).__name__.startswith("Dropout") for module in self._model.modules())
            sentences.append(
                "The training loss is higher because it is a mean over the epoch, while the model still learned"
                + (", with dropout on." if dropout else ".")
            )
        return " ".join(sentences)

    def code(self) -> str:
        """The phase in plain PyTorch."""
        return "model.eval()\nwith torch.no_grad():\n    logits = model(inputs)"

    def _view(self) -> html.Markup:
        cells = [
            [row["class"], row["examples"], row["predicted"], html.bar(row["f1"], f"{row['f1']:.2f}", html.GREEN),
             "" if math.isnan(row["right"]) else numerals.share(row["right"]),
             "" if math.isnan(row["precise"]) else numerals.share(row["precise"])]
            for _, row in self.table().iterrows()
        ]  # fmt: skip
        headers = ["class", "examples", "predicted", "F1", "found of the class", "true of the predicted"]
        return html.folded_table(headers, cells, 30)

    def _checks(self) -> Iterator[Check]:
        import torch

        if self.logits is not None:
            mean = torch.nn.functional.cross_entropy(self.logits.double(), self.labels)
            yield agree("the loss = torch's mean cross-entropy", self.loss, float(mean), 1e-5)
        right = int((self.predicted == self.labels).sum())
        yield agree("accuracy = right / counted", self.accuracy, right / max(1, self.counted), 1e-9)
        data = self.trainer.data
        own = {"validation": data.validation_indices, "test": data.test_indices}.get(self.split)
        if own is not None and data.train_indices is not None:
            others = {"validation": [data.train_indices], "test": [data.train_indices, data.validation_indices]}
            used = {place for indices in others[self.split] for place in indices.tolist()}
            shared = used & set(own.tolist())
            yield Check("no example is on both sides", not shared, f"{len(shared)} shared")
