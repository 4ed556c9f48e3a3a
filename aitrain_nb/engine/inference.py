"""Inference: a model is asked as it is, in evaluation mode, and stays as it was."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

from aitrain_nb.engine.capture import capture
from aitrain_nb.engine.generating import pieces
from aitrain_nb.engine.phases import Phases
from aitrain_nb.records import Evaluation

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    import pandas as pd
    from torch import Tensor

    from aitrain_nb.engine.capture import Seen


class Inference(Phases):
    """What a model answers: scores of a split, predictions, a text that goes on, the activations on the way."""

    def evaluate(self, split: str = "validation") -> Evaluation:
        """Loss and scores of the model as it is, in evaluation mode, without gradients; changes nothing.

        Args:
            split: "validation", "train", or "test" where the data have one (`test_fraction`).

        Raises:
            DataError: there is no such split.
        """
        return self._evaluate(split)

    def predict(self, examples: Any) -> pd.DataFrame:
        """Predictions for your own raw examples: predicted class, its probability, and the probability of each class.

        Raises:
            DataError: the examples don't fit the model.
        """
        return self._evaluator.predict(examples, self.class_names)

    def in_full_precision(self) -> AbstractContextManager[None]:
        """A `with` block in which answers are computed with 32 bits where the run trains with 16, as an export computes them."""
        return self._evaluator.in_full_precision()

    def head(self) -> str:
        """The name of the model's head: the linear layer that gives the class scores; raises ModelError where none does."""
        return self._evaluator.head()

    def features(self, examples: Any = "train") -> Tensor:
        """What goes into the model's head, in evaluation mode, [n, D] float32: frozen features, for no weight moves.

        Args:
            examples: "train", "validation" or "test", or your own raw examples.

        Raises:
            DataError: there is no such split, or the examples don't fit the model.
            ModelError: the model has no linear layer that gives the class scores.
        """
        if isinstance(examples, str) and examples in {"train", "validation", "test"}:
            return self._evaluator.features(self._evaluator.split(examples))
        return self._evaluator.features(self._evaluator.prepared_own(examples))

    def generate(
        self, prompt: str, tokens: int = 200, temperature: float = 0.8, top_k: int | None = None, seed: int = 0
    ) -> str:
        """The prompt and what a language model goes on with.

        Args:
            prompt: what to go on from.
            tokens: how many to add.
            temperature: below 1 safer, above 1 wilder, 0 always the most probable token.
            top_k: choose among this many most probable tokens only.
            seed: the same seed gives the same text.

        Raises:
            ConfigError: the task doesn't generate, or a number is out of range.
            DataError: the prompt is empty.
        """
        return prompt + "".join(piece.text for piece in pieces(self, prompt, tokens, temperature, top_k, seed))

    def capture(self, *patterns: str) -> AbstractContextManager[Seen]:
        """`with trainer.capture("conv*") as seen:` keeps what matching modules take and give while the block runs.

        Raises:
            ModelError: a pattern matches no module.
        """
        return capture(self.model, *patterns)

    def _evaluate(self, split: str, stop: Callable[[], bool] = lambda: False, *, shared: bool = False) -> Evaluation:
        began = perf_counter()
        raw, answers = self._evaluator.ask(split, stop, shared=shared)
        metrics = self.task.metrics(answers.predicted, answers.labels)
        shown = self.keeper.shown
        step, epoch = (shown.step, shown.epoch) if shown else (self.step, self.order.epochs_completed)
        evaluation = Evaluation(self._reference, step, epoch, split, raw, answers, metrics)
        evaluation.seconds = perf_counter() - began
        return evaluation
