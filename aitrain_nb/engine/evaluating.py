"""The model in evaluation mode: scores on a split, predictions for a person's own examples. Nothing of the run changes."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from aitrain_nb.engine.heads import find_head, inputs_of
from aitrain_nb.engine.memory import in_portions
from aitrain_nb.engine.modes import evaluation_mode
from aitrain_nb.engine.order import lengths_of
from aitrain_nb.engine.precision import Precision
from aitrain_nb.errors import DataError, ModelError
from aitrain_nb.records.targets import join

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pandas as pd
    from torch import Tensor, nn

    from aitrain_nb.config import TrainConfig
    from aitrain_nb.data import Dataset, Splits
    from aitrain_nb.engine.device import Threads
    from aitrain_nb.engine.processes import OneProcess
    from aitrain_nb.randomness import OwnRandom
    from aitrain_nb.tasks import Task


_FEATURES_AT_ONCE = 32
"""Texts at once for features: more would need more padding, which costs more than it saves."""


class Stopped(Exception):  # noqa: N818  a signal
    """Somebody asked for a stop in the middle."""


class Answers(NamedTuple):
    """What the model said about examples, on the CPU. Letters: n examples, T positions, C classes.

    Attributes:
        predicted: the class with the highest score at each target [n] or [n, T] int64.
        per_target: loss of each target in the same shape, nats; 0 where it isn't counted.
        labels: the true classes in the same shape, -100 where not counted.
        logits: [n, C]; None where each example has many targets, since they would be too many numbers to keep.
    """

    predicted: Tensor
    per_target: Tensor
    labels: Tensor
    logits: Tensor | None

    def first(self, count: int) -> Answers:
        """Those on the first examples."""
        logits = self.logits if self.logits is None else self.logits[:count]
        return Answers(self.predicted[:count], self.per_target[:count], self.labels[:count], logits)


class Evaluator:
    """Asks a model in evaluation mode, without gradients.

    Modes of modules, random numbers and threads come back as they were.

    Args:
        model: the module.
        task: says how examples become tensors and what a loss is.
        data: the raw examples.
        prepared: split name -> prepared examples.
        processor: what the task needs besides, such as a tokenizer.
        config: with every automatic value filled in.
        device: where the model lies.
        random: the run's random state, which a forward in evaluation mode may not advance.
        threads: how many processor threads torch uses.
        precision: how many bits the layers compute with; 32 by default.
        processes: that share the examples of a split.

    Attributes:
        batch_size: examples at once; the config's, or fewer where memory ran out.
    """

    def __init__(
        self, model: nn.Module, task: Task, data: Splits, prepared: dict[str, Dataset], processor: Any, config: TrainConfig, *,
        device: torch.device, random: OwnRandom, threads: Threads, processes: OneProcess, precision: Precision | None = None,
    ) -> None:  # fmt: skip
        self._model, self._task, self._data, self._prepared, self._processor = model, task, data, prepared, processor
        self._config, self._device, self._random, self._threads = config, device, random, threads
        self._processes, self._precision = processes, precision or Precision("fp32", device.type)
        self.batch_size = config.evaluation_batch_size or 256

    @contextmanager
    def in_full_precision(self) -> Iterator[None]:
        """A `with` block in which the layers compute with 32 bits, whatever the run trains with."""
        usual, self._precision = self._precision, Precision("fp32", self._device.type)
        try:
            yield
        finally:
            self._precision = usual

    @property
    def can_validate(self) -> bool:
        """Whether there are validation examples."""
        return "validation" in self._prepared

    @torch.no_grad()
    def _outputs(self, dataset: Dataset, size: int = 256) -> Iterator[tuple[Tensor, dict[str, Tensor]]]:
        """Logits and inputs, batch by batch, on the model's device."""
        task, model = self._task, self._model
        with evaluation_mode(model), self._threads, self._random.replayed(self._random.state):
            for indices in torch.arange(len(dataset)).split(size):
                columns = task.collate(dataset.take(indices), self._processor)
                inputs = {name: value.to(self._device) for name, value in columns.items()}
                with self._precision.autocast():
                    outputs = task.outputs(model, inputs)
                yield outputs.float() if outputs.dtype.itemsize < 4 else outputs, inputs

    def answers(self, dataset: Dataset, stop: Callable[[], bool] = lambda: False) -> Answers:
        """What the model says about prepared examples; raises Stopped where `stop` says so.

        Texts of like length share a batch, so that little is padding. Where memory runs out it begins again with half the examples at
        once, and stays at that.
        """
        found: list[Answers] = []
        first = min(self.batch_size, max(1, len(dataset)))
        places = _by_length(dataset) if first < len(dataset) else None
        asked = dataset if places is None else dataset.subset(places)
        if self._processes.holds_shards:  # then all processes take the same batches, to the last one
            found.append(self._answers(asked, lambda: False, first))
        else:
            size = in_portions(lambda size: found.append(self._answers(asked, stop, size)), first, "in an evaluation")
            self.batch_size = size if size < first else self.batch_size
        if places is None:
            return found[0]
        back = places.argsort()
        predicted, losses, labels, logits = found[0]
        return Answers(predicted[back], losses[back], labels[back], None if logits is None else logits[back])

    def _answers(self, dataset: Dataset, stop: Callable[[], bool], size: int) -> Answers:
        predicted, losses, labels, logits = [], [], [], []
        for outputs, inputs in self._outputs(dataset, size):
            if stop():
                raise Stopped
            predicted.append(outputs.argmax(-1).cpu())
            losses.append(self._task.loss(outputs, inputs).cpu())
            labels.append(inputs["labels"].cpu())
            if outputs.ndim == 2:
                logits.append(outputs.cpu())
        return Answers(join(predicted, 0), join(losses, 0), join(labels, -100), torch.cat(logits) if logits else None)

    def check_model(self, class_names: Sequence[str]) -> None:
        """Send two training examples through the model, so that a misfit shows before the run; raises ModelError."""
        dataset = self._prepared["train"]
        sample = dataset.subset(torch.arange(min(2, len(dataset))))
        inputs: dict[str, Tensor] = {}
        try:
            ((outputs, inputs),) = self._outputs(sample)
        except (RuntimeError, TypeError, ValueError, IndexError, AttributeError) as error:
            shapes = {
                name: list(value.shape) for name, value in self._task.collate(sample.columns, self._processor).items()
            }
            raise ModelError(
                "The model can't take these examples.", f"{error} (inputs: {shapes})", "Match its input to the data."
            ) from error
        self._task.check_outputs(outputs, inputs["labels"], class_names)

    def ask(
        self, split: str, stop: Callable[[], bool] = lambda: False, *, shared: bool = False
    ) -> tuple[Dataset, Answers]:
        """The raw examples of "validation", "train" or "test" and the model's answers on them.

        Args:
            split: which.
            stop: asked now and then whether to leave it.
            shared: every process that trains with this one asks too, and each takes its share.

        Raises:
            DataError: there is no such split.
            Stopped: `stop` said so in the middle.
        """
        prepared = self.split(split)
        if not shared:
            self._processes.check_whole()
        return getattr(self._data, split), (self._answers_of_all if shared else self.answers)(prepared, stop)

    def _answers_of_all(self, dataset: Dataset, stop: Callable[[], bool]) -> Answers:
        """The answers on all examples, each process having asked about its share; where one of them stops, all do."""
        if self._processes.count == 1:
            return self.answers(dataset, stop)
        whole = torch.arange(len(dataset))
        own = self._processes.share(whole)
        more = math.ceil(len(whole) / self._processes.count) - len(own)  # so that each takes as many batches
        try:
            with self._processes.together():
                padded = self.answers(dataset.subset(torch.cat([own, whole[:more]])), stop)
            mine: Answers | str = padded.first(len(own))
        except Stopped:
            mine = "stopped"
        every = self._processes.gathered(mine)
        if "stopped" in every:
            raise Stopped
        predicted, losses, labels, logits = zip(*every, strict=True)
        return Answers(
            join(predicted, 0),
            join(losses, 0),
            join(labels, -100),
            torch.cat(logits) if logits[0] is not None else None,
        )

    def split(self, split: str) -> Dataset:
        """The prepared examples of "train", "validation" or "test"; raises DataError where there are none."""
        if split not in self._prepared:
            have = ", ".join(self._prepared)
            fix = "Set test_fraction=0.1, which keeps some." if split == "test" else "Choose one of them."
            raise DataError(f"There is no split {split!r} to evaluate.", f"The data has: {have}.", fix)
        return self._prepared[split]

    def head(self) -> str:
        """The name of the layer that gives the class scores; raises ModelError where none does."""
        dataset = self._prepared["train"]
        sample = dataset.subset(torch.arange(min(2, len(dataset))))
        return find_head(self._model, lambda: next(self._outputs(sample))[0])

    def features(self, dataset: Dataset) -> Tensor:
        """What goes into the head for these prepared examples, [n, D] float32 on the CPU.

        Texts of like length share a batch, so that little is padding.

        Raises:
            ModelError: the model has no head that could be told apart.
        """
        places = _by_length(dataset)
        asked = dataset if places is None else dataset.subset(places)
        found: list[Tensor] = []

        def ask(size: int) -> None:
            with inputs_of(head) as seen:
                for _ in self._outputs(asked, size):
                    pass
            found.append(torch.cat(seen).float().cpu())

        head = self._model.get_submodule(self.head())
        in_portions(
            ask,
            min(self.batch_size if places is None else _FEATURES_AT_ONCE, len(dataset)),
            "while features were computed",
        )
        return found[0] if places is None else found[0][places.argsort()]

    def few(self, number: int, split: str = "validation") -> list[int]:
        """Places of a few examples of a split, of as many classes as possible; always the same ones.

        Raises:
            DataError: there is no such split.
        """
        labels = self.split(split).columns["labels"]
        if labels.ndim > 1:
            return [
                int(place) for place in torch.linspace(0, len(labels) - 1, min(number, len(labels))).unique().round()
            ]
        turn: dict[int, int] = {}
        order = []
        for place, label in enumerate(labels.tolist()):
            if label >= 0:
                turn[label] = turn.get(label, -1) + 1
                order.append((turn[label], label, place))
        return sorted(place for _, _, place in sorted(order)[:number])

    def about(self, places: Sequence[int], split: str = "validation") -> Answers:
        """What the model says about the examples at these places of a split."""
        return self.answers(self.split(split).subset(torch.tensor(list(places))))

    def predict(self, examples: Any, class_names: Sequence[str]) -> pd.DataFrame:
        """Predicted class, its probability, and the probability of each class, one row an example.

        A language model predicts the token that comes next after each text; the five most probable get a column each.
        """
        import pandas as pd

        own = self._own(examples)
        answers = self.answers(self._prepare_own(own))
        if answers.logits is not None:
            probabilities = answers.logits.float().softmax(-1)
            shown: dict[str, Any] = {f"p({name})": probabilities[:, i].tolist() for i, name in enumerate(class_names)}
        else:
            probabilities = self._next_token(own)
            values, places = probabilities.topk(min(5, probabilities.shape[-1]))
            texts = [
                [f"{class_names[place]} {value:.1%}" for place, value in zip(*row, strict=True)]
                for row in zip(places.tolist(), values.tolist(), strict=True)
            ]
            shown = {f"{rank + 1}. choice": list(column) for rank, column in enumerate(zip(*texts, strict=True))}
        sure, best = probabilities.max(-1)
        columns: dict[str, Any] = {
            "predicted": [class_names[i] for i in best.tolist()],
            "probability": sure.tolist(),
        }
        return pd.DataFrame(columns | shown)

    def prepared_own(self, examples: Any) -> Dataset:
        """A person's own raw examples as model inputs; raises DataError where they don't fit the model."""
        return self._prepare_own(self._own(examples))

    def _own(self, examples: Any) -> Dataset:
        return self._task.own_examples(examples, None, self._data)

    def _prepare_own(self, own: Dataset) -> Dataset:
        return self._task.prepare_own(own, self._data, self._processor, self._config)

    def _next_token(self, own: Dataset) -> Tensor:
        """Probability of each token to come next after each text [n, V]; one text at a time, so that none is padded."""
        found = []
        for i in range(len(own)):
            alone = self._prepare_own(own.subset(torch.tensor([i])))
            ((outputs, _),) = self._outputs(alone)
            found.append(outputs[0, -1].float().softmax(-1).cpu())
        return torch.stack(found)


def _by_length(dataset: Dataset) -> Tensor | None:
    """The positions of the examples [n], the shortest first; None where all have the same length."""
    lengths = lengths_of(dataset)
    return None if lengths is None else lengths.argsort(stable=True)
