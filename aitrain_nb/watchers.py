"""Live reactions to a run: a watcher is any callable that takes a record. It ends training by raising `StopTraining("reason")`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from aitrain_nb import numerals, plots
from aitrain_nb.errors import ConfigError, DataError, StopTraining
from aitrain_nb.records import Evaluation, Update
from aitrain_nb.records.targets import Targets

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

    from aitrain_nb.config import TrainConfig
    from aitrain_nb.figures import Picture
    from aitrain_nb.history import History


_SKIPPED_IN_A_ROW = 10
"""So many updates in a row that had to be left out end a run that leaves them out."""


def early_stopping(history: History, patience: int, metric: str = "loss") -> Callable[[Any], None]:
    """A watcher that ends training after `patience` evaluations in a row without a new best.

    It holds no state of its own: what it knows it reads from the history, so that going on and undo need no care.

    Args:
        history: of the run.
        patience: evaluations to wait.
        metric: "loss" (lower is better), or a score of the evaluations (higher is better).
    """
    sign = 1 if metric == "loss" else -1

    def watch(record: Any) -> None:
        if not isinstance(record, Evaluation):
            return
        values = [sign * row[f"eval_{metric}"] for row in history.evaluations]
        finite = [i for i, value in enumerate(values) if value == value]  # noqa: PLR0124  NaN is not equal to itself
        best = min(finite, key=lambda i: values[i], default=-1)
        waited = len(values) - 1 - best
        if waited >= patience:
            named, way = metric.replace("_", " "), "below" if sign == 1 else "above"
            reached = numerals.significant(sign * values[best]) if finite else "infinity"
            raise StopTraining(f"early stopping: no validation {named} {way} {reached} in {waited} evaluations")

    return watch


def stop_at_overfitting(history: History) -> Callable[[Any], None]:
    """A watcher that ends training at the first evaluation after which `history.verdict` says that the run overfits.

    It holds no state of its own, as `early_stopping`.

    Args:
        history: of the run.
    """

    def watch(record: Any) -> None:
        verdict = history.verdict if isinstance(record, Evaluation) else None
        if verdict is not None and verdict.overfitting:
            raise StopTraining(f"early stopping: the model overfits. {verdict.reason}")

    return watch


def stop_at_skipped_steps(most: int) -> Callable[[Any], None]:
    """A watcher that ends training when so many updates in a row were left out, since their numbers weren't finite.

    Args:
        most: 1 ends it at the first.
    """
    in_a_row = 0

    def watch(record: Any) -> None:
        nonlocal in_a_row
        if isinstance(record, Update):
            in_a_row = in_a_row + 1 if record.trouble else 0
            if in_a_row >= most:
                raise StopTraining(record.trouble + ("" if most == 1 else f"; so it was {most} steps in a row"))

    return watch


def stoppers(config: TrainConfig, history: History) -> list[Callable[[Any], None]]:
    """The watchers that end this run early, where its config asks for that."""
    found = [stop_at_skipped_steps(1 if config.nan_policy == "stop" else _SKIPPED_IN_A_ROW)]
    if config.early_stopping == "patience":
        found.append(early_stopping(history, config.early_stopping_patience, config.best_metric))
    elif config.early_stopping == "detector":
        found.append(stop_at_overfitting(history))
    return found


def sample(
    trainer: Any, prompt: str | None = None, every: int | None = None, *, examples: int | Sequence[int] = 6, tokens: int = 60,
    temperature: float = 0.8, seed: int = 0,
) -> Samples:  # fmt: skip
    """A watcher that asks the model every few steps, and changes nothing in the run.

    A language model goes on with the prompt. Any other model is asked for the right answers of a few validation examples, always
    the same ones. It is asked for the first time at once, where no step has been taken.

    Args:
        trainer: of the run; put the result into `trainer.watchers`.
        prompt: what a language model goes on from; by default the first words of the validation texts.
        every: steps between two samples; by default a tenth of the run.
        examples: how many validation examples, or their places in the validation split.
        tokens: how many a language model adds.
        temperature: see `Trainer.generate`.
        seed: of the choices in the text; the same for every sample.

    Raises:
        ConfigError: a prompt for a model that doesn't write, or `every` below 1.
        DataError: no validation examples, or no such example.

    Example:
        trainer.watchers.append(samples := watchers.sample(trainer, "Where is", every=50))
        trainer.fit()
        samples.plot()
    """
    every = max(1, trainer.total_steps // 10) if every is None else every
    if every < 1:
        raise ConfigError(
            f"Samples can't be taken every {every} steps.", "A step is the shortest time.", "Set every=1 or more."
        )
    if trainer.task.name == "text-generation":
        ask: Any = _Writing(_first_words(trainer) if prompt is None else prompt, tokens, temperature, seed)
    elif prompt is not None:
        raise ConfigError(
            f"A model for {trainer.task.name} doesn't go on from a prompt.",
            "It gives classes.",
            "Leave the prompt out.",
        )
    else:
        ask = _Answering(_places(trainer, examples))
    samples = Samples(ask, every)
    if not trainer.step:
        samples.take(trainer, math.nan)
    return samples


class Samples:
    """What a model said at some steps of its run.

    A step that is taken again, after an undo, replaces what was said at it and later.

    Args:
        ask: trainer -> rows of what the model says now.
        every: steps between two samples.
    """

    def __init__(self, ask: Callable[[Any], list[dict[str, Any]]], every: int) -> None:
        self._ask, self._every = ask, every
        self._rows: list[dict[str, Any]] = []

    def __call__(self, record: Any) -> None:
        """Take a sample after each step whose turn it is."""
        if isinstance(record, Update) and record.step % self._every == 0:
            trainer = record.trainer
            self.take(trainer, trainer.history.last["loss"])

    def take(self, trainer: Any, loss: float) -> None:
        """Ask the model as it is; `loss` is that of its last step, nats."""
        kept = [row for row in self._rows if row["step"] < trainer.step]
        self._rows = kept + [{"step": trainer.step, "loss": loss} | row for row in self._ask(trainer)]

    def frame(self) -> pd.DataFrame:
        """One row a sample: step, loss (of that step, nats; NaN before the first), text.

        Or one row a sample and example: step, loss, example (place in the validation split), true, predicted, probability (of the
        right answer, 0 to 1).
        """
        import pandas as pd

        return pd.DataFrame(self._rows)

    def plot(self) -> Picture:
        """The texts, or the probabilities over the steps."""
        return plots.samples(self.frame())


class _Writing:
    """A language model goes on with a prompt."""

    def __init__(self, prompt: str, tokens: int, temperature: float, seed: int) -> None:
        self._prompt, self._tokens, self._temperature, self._seed = prompt, tokens, temperature, seed

    def __call__(self, trainer: Any) -> list[dict[str, Any]]:
        return [{"text": trainer.generate(self._prompt, self._tokens, self._temperature, seed=self._seed)}]


class _Answering:
    """A model is asked for the right answers of some validation examples."""

    def __init__(self, places: Sequence[int]) -> None:
        self._places = places

    def __call__(self, trainer: Any) -> list[dict[str, Any]]:
        answers, names = trainer._evaluator.about(self._places), trainer.class_names
        targets = Targets(answers.labels)
        right = (-targets.per_example(answers.per_target)).exp().tolist()
        rows = []
        for i, place in enumerate(self._places):
            words = [
                " ".join(names[label] for label in row[targets.counted[i]].reshape(-1).tolist())
                for row in (answers.labels[i], answers.predicted[i])
            ]
            rows.append({"example": place, "true": words[0], "predicted": words[1], "probability": right[i]})
        return rows


def _first_words(trainer: Any) -> str:
    """About 20 letters that a validation text begins with."""
    texts = (trainer.data.validation or trainer.data.train).columns["text"]
    words = str(texts[0]).split()
    prompt = ""
    for word in words:
        prompt = f"{prompt} {word}".strip()
        if len(prompt) >= 12:
            break
    return prompt[:40]


def _places(trainer: Any, examples: int | Sequence[int]) -> list[int]:
    """Which validation examples are asked about."""
    if isinstance(examples, int):
        return list(trainer._evaluator.few(examples))
    validation = trainer.data.validation
    size = len(validation) if validation is not None else 0
    wrong = [place for place in examples if not 0 <= place < size]
    if wrong or not size:
        raise DataError(
            f"There is no validation example {wrong[:1] or ''}.", f"There are {size:,}.", "Choose smaller numbers."
        )
    return [int(place) for place in examples]
