"""`PromptClassifier`: a language model sorts texts into classes by a prompt with a few examples; none of its weights moves."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from aitrain_nb import html, numerals, reading
from aitrain_nb.config import TrainConfig
from aitrain_nb.engine.device import Threads, find_device
from aitrain_nb.errors import ConfigError, DataError
from aitrain_nb.lettering import shortened
from aitrain_nb.looking.scoring import Score, score
from aitrain_nb.records.base import fingerprint
from aitrain_nb.run import describe, load_data, resolve
from aitrain_nb.shots.drawing import checked_shots, draw
from aitrain_nb.shots.plan import checked_count
from aitrain_nb.shots.prompting import CONTENT_FREE, TEMPLATE, Prompt, Speaker, checked_words
from aitrain_nb.tasks import find_task
from aitrain_nb.tasks.base import own_texts
from aitrain_nb.trainer import Trainer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

_TASK = "text-generation"
_EXAMPLE = 'ai.PromptClassifier("folder of a causal model", "tickets", shots=1)'


class PromptClassifier:
    """A causal language model that is asked which label's word goes on a prompt with examples best.

    The score of a label is the mean log probability of its word's tokens. Calibrated, the probabilities are divided by those that the
    same prompt gives for inputs that say nothing, which takes away what the order and the words alone suggest.

    Args:
        model: a trainer of text generation, or the folder or hub name of a causal model.
        data: texts with labels, as `prepare` takes them; the examples are drawn from the training side.
        shots: examples of each class in the prompt; 0: only the question.
        template: of an example and of the question, with {text} and, at its end, {label}.
        words: label -> its word in the prompt; the label itself by default.
        calibrated: whether the bias of the prompt is taken away.
        content_free: the inputs that say nothing; the mean of their probabilities is the bias.
        seed: decides which examples, and their order.
        fields: of `prepare`, such as `text_column`.

    Attributes:
        labels: the classes.
        words: of each label.
        bias: probability of each label for an input that says nothing [C].
        fingerprints: of the model's weights, before the first and after the last time it was asked.

    Raises:
        ConfigError: the model is none that goes on with texts, or template, words or shots can't be used.
        DataError: the data can't be used, or the prompt doesn't fit into the model's context; it says how many examples would.

    Source: Brown et al., Language Models are Few-Shot Learners (2020); Zhao et al., Calibrate Before Use (2021).

    Example:
        asked = ai.PromptClassifier(trainer, "tickets", shots=1)
        print(asked.prompt("Where is my parcel?"))
        asked.predict(["Where is my parcel?"])
    """

    def __init__(
        self, model: Trainer | str | Path, data: Any, *, shots: int = 1, template: str = TEMPLATE, words: Mapping[str, str] | None = None,
        calibrated: bool = True, content_free: Sequence[str] = CONTENT_FREE, seed: int = 0, **fields: Any,
    ) -> None:  # fmt: skip
        config, source = describe(TrainConfig(task="text-classification"), {"data": data, **fields})
        self.data = load_data(resolve(config, source), source)
        self.labels = self.data.label_names
        self._speaker, self.model_name = _speaker(model)
        before = fingerprint(self._speaker.model.named_parameters())
        self.shots = 0 if shots == 0 and not isinstance(shots, bool) else checked_shots(shots)
        self.words = checked_words(self.labels, words, self._speaker)
        self._prompt = Prompt(template, self._drawn(seed))
        self.calibrated = calibrated
        empty = own_texts([content_free] if isinstance(content_free, str) else list(content_free))
        self.bias: NDArray[Any] = np.mean([self._probabilities(text) for text in empty], axis=0)
        self.fingerprints = (before, before)
        self._score: Score | None = None
        self._check_weights()

    def _drawn(self, seed: int) -> tuple[tuple[str, str], ...]:
        """The examples in an order by chance: in that of the classes, the last would have too much weight."""
        if not self.shots:
            return ()
        labels = self.data.train.columns["label"].numpy()
        drawn = draw(labels, self.labels, self.shots, seed)
        places = np.random.default_rng(seed).permutation(drawn)
        texts = self.data.train.columns["text"]
        return tuple((str(texts[place]), self.words[labels[place]]) for place in places.tolist())

    def prompt(self, text: str) -> str:
        """What the model reads before it is asked for the word of a label."""
        return self._prompt.ending_with(text)

    def predict(self, texts: Any) -> pd.DataFrame:
        """Predicted class, its probability, and the probability of each class, one row a text.

        Raises:
            DataError: they are no texts, or one makes the prompt too long.
        """
        import pandas as pd

        probabilities = self._asked(own_texts(texts))
        best = probabilities.argmax(1)
        columns: dict[str, Any] = {"predicted": [self.labels[i] for i in best], "probability": probabilities.max(1)}
        return pd.DataFrame(columns | {f"p({name})": probabilities[:, i] for i, name in enumerate(self.labels)})

    def evaluate(self, examples: int = 100) -> Score:
        """Accuracy with its 95 % interval and macro-F1 on so many validation examples, spread evenly; each is a prompt of its own.

        Raises:
            ConfigError: `examples` is no whole number of at least 1.
            DataError: there are none, or one makes the prompt too long.
        """
        if self.data.validation is None:
            raise DataError(
                "There are no validation examples.", "Nothing would say how good it is.", "Give data with both sides."
            )
        columns = self.data.validation.columns
        places = np.unique(
            np.linspace(0, len(self.data.validation) - 1, checked_count("examples", examples)).round().astype(int)
        )
        began = perf_counter()
        predicted = self._asked([columns["text"][place] for place in places.tolist()]).argmax(1)
        name = f"prompt, {self.shots} a class{', calibrated' * self.calibrated}"
        self._score = score(name, columns["label"].numpy()[places], predicted, perf_counter() - began)
        self._majority = float(np.bincount(columns["label"].numpy()[places]).max() / len(places))
        self._asked_of = len(places)
        return self._score

    def _asked(self, texts: Sequence[str]) -> NDArray[Any]:
        """Probabilities [n, C] of these texts, calibrated where that is wanted; afterwards the fingerprint is taken again."""
        found = np.array([self._probabilities(text) for text in texts])
        self._check_weights()
        if not self.calibrated:
            return found
        scaled: NDArray[Any] = found / self.bias
        return scaled / scaled.sum(1, keepdims=True)

    def _probabilities(self, text: str) -> NDArray[Any]:
        """Probability of each label's word, among these words [C]."""
        found: NDArray[Any] = (
            self._speaker.log_probabilities(self._prompt, text, self.words).double().softmax(0).numpy()
        )
        return found

    def _check_weights(self) -> None:
        self.fingerprints = (self.fingerprints[0], fingerprint(self._speaker.model.named_parameters()))

    def text(self) -> str:
        """What it is, how good, and that no weight moved: for a terminal."""
        return reading.as_text(self._repr_html_())

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        before, after = self.fingerprints
        said = [self._how_good()]
        said.append(
            f"No weight moved: {before} = {after}."
            if before == after
            else f"The weights are others now: {before}, {after}."
        )
        shown = html.element("pre", self.prompt("..."), style="white-space:pre-wrap;max-height:20em;overflow:auto")
        heads = ["label", "word", "for an input that says nothing"]
        rows = [
            [shortened(label, 40), word, numerals.share(float(share))]
            for label, word, share in zip(self.labels, self.words, self.bias, strict=True)
        ]
        note = f"{self.model_name}, {numerals.several(self.shots, 'example')} of each of {len(self.labels)} classes"
        taken = "taken away: calibrated" if self.calibrated else "not taken away"
        return html.section(
            "Prompt", note, *(html.element("p", one, style="margin:4px 0") for one in said), html.details("The prompt", shown),
            html.table(heads, rows, f"The bias of the prompt, {taken}"),
        )  # fmt: skip

    def _how_good(self) -> str:
        if self._score is None:
            return "Not evaluated yet: call evaluate()."
        found = self._score
        interval = f"95 % interval {numerals.share(found.low)} to {numerals.share(found.high)}"
        return (
            f"{numerals.share(found.accuracy)} of {self._asked_of} validation examples are right ({interval}); always naming the most "
            f"frequent class: {numerals.share(self._majority)}."
        )


def _speaker(model: Any) -> tuple[Speaker, str]:
    """The language model, and how it is told."""
    task = find_task(_TASK)
    if isinstance(model, Trainer):
        if model.task.read_as != _TASK:
            raise ConfigError(
                f"A prompt needs a language model, and this trainer is for {model.task.name}.", "Only a causal model goes on with a text.",
                'Give a trainer of prepare(task="text-generation", ...), or use ai.FewShot.',
            )  # fmt: skip
        stand_in = ", a stand-in for a large language model" * task.is_from_scratch(str(model.config.model))
        name = f"{model.config.model} after {numerals.several(model.step, 'step')} on {model.data.name}{stand_in}"
        return Speaker(
            model.model, model.processor, model.device, _positions(model.model, model.processor), model.threads
        ), name
    if not isinstance(model, (str, Path)):
        raise ConfigError(
            f"{type(model).__name__} is no language model.", "It takes a trainer, a folder or a hub name.", _EXAMPLE
        )
    if task.is_from_scratch(str(model)):
        raise ConfigError(
            f"{model} has random first weights.", "It can't read a prompt before it was trained.",
            f'trainer = ai.prepare(task="{_TASK}", model="{model}"); trainer.fit(); ai.PromptClassifier(trainer, data)',
        )  # fmt: skip
    config = TrainConfig(task=_TASK, model=str(model), method="fine-tune")
    splits: Any = None  # a pretrained model and its tokenizer don't depend on data
    processor, device = task.load_processor(config, splits), find_device("auto")
    loaded = task.load_model(config, splits, processor).to(device)
    return Speaker(loaded, processor, device, _positions(loaded, processor), Threads(None)), str(model)


def _positions(model: Any, tokenizer: Any) -> int:
    """Most tokens that the model can take at once."""
    shape = getattr(model, "config", None)
    return int(min(getattr(shape, "max_position_embeddings", None) or 10**9, tokenizer.model_max_length or 10**9))
