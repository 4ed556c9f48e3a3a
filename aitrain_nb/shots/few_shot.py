"""`FewShot`: a network sorts new classes by a few examples of each, and none of its weights moves."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from aitrain_nb import html, numerals, reading
from aitrain_nb.errors import ConfigError, DataError, unknown_name
from aitrain_nb.lettering import shortened
from aitrain_nb.looking.scoring import Score, score
from aitrain_nb.run import prepare
from aitrain_nb.shots import classifiers
from aitrain_nb.shots.drawing import checked_shots, draw
from aitrain_nb.trainer import Trainer

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

_LETTERS, _SHOWN_A_CLASS = 60, 3


class FewShot:
    """A classifier on a network's frozen features, from a few examples of each class.

    The features are what goes into the network's head (`trainer.features`), brought to length 1. The classifier is
    scikit-learn's: NearestCentroid, KNeighborsClassifier (at most 5 neighbours) or LogisticRegression (C=10).

    Args:
        trainer: whose network and data are used; or None, and `fields` as `prepare` takes them.
        by: "nearest mean", "nearest neighbours" or "logistic regression".
        shots: examples of each class, drawn from the training side; the same for each `by`, and those of fewer shots are among
            those of more.
        seed: decides which.
        fields: of `prepare`, where there is no trainer.

    Attributes:
        trainer: whose network it is.
        places: of the drawn examples on the training side [shots x classes].
        fingerprints: of the network's weights, before the first and after the last time it was asked.
        seconds: to compute the features of the drawn examples and to learn from them.

    Raises:
        ConfigError: there is no such classifier, `shots` is no number of examples, or the task has no classes.
        DataError: a class has fewer examples.
        ModelError: the network has no head whose inputs could be used.

    Source: of the nearest mean, Snell, Swersky and Zemel, Prototypical Networks for Few-shot Learning (2017), without their training.

    Example:
        few = ai.FewShot(data="tickets", model="minilm", shots=5)
        few.predict(["Where is my parcel?"])
    """

    def __init__(
        self, trainer: Trainer | None = None, /, *, by: str = "nearest mean", shots: int = 10, seed: int = 0, **fields: Any,
    ) -> None:  # fmt: skip
        if by not in classifiers.CLASSIFIERS:
            raise ConfigError(*unknown_name("classifier", by, classifiers.CLASSIFIERS))
        self.by, self.shots, self.seed = by, checked_shots(shots), seed
        self.trainer = classified(trainer, fields)
        before = self.trainer.fingerprint()
        labels = self.trainer.prepared["train"].columns["labels"].numpy()
        self.places = draw(labels, self.trainer.class_names, self.shots, seed)
        began = perf_counter()
        features = classifiers.normalised(features_at(self.trainer, self.places))
        self.classifier = classifiers.fit(by, features, labels[self.places], self.shots)
        self.seconds = perf_counter() - began
        self.fingerprints = (before, self.trainer.fingerprint())
        self._score: Score | None = None

    def predict(self, examples: Any) -> pd.DataFrame:
        """Predicted class and what speaks for each class, one row an example.

        Columns: predicted, then a column for each class: its share of the neighbours or its probability, `p(class)`; by the nearest
        mean its cosine with the class's mean, `cosine(class)`.

        Raises:
            DataError: the examples don't fit the network.
        """
        import pandas as pd

        features = self._asked(examples)
        names = self.trainer.class_names
        predicted = self.classifier.predict(features)
        columns = {"predicted": [names[number] for number in predicted]}
        word, speaks = ("p", None) if self.by != "nearest mean" else ("cosine", self.classifier.centroids_)
        values = (
            self.classifier.predict_proba(features) if speaks is None else features @ classifiers.normalised(speaks).T
        )
        return pd.DataFrame(columns | {f"{word}({name})": values[:, i].tolist() for i, name in enumerate(names)})

    def evaluate(self, split: str = "validation") -> Score:
        """Accuracy with its 95 % interval, macro-F1 and seconds on a split: "validation", or "test" where the data have one.

        Raises:
            DataError: there is no such split, or it is the training side, some of which was learned from.
        """
        if split == "train":
            raise DataError(
                "The training side can't be asked.", "Some of it was learned from.", 'Ask evaluate("validation").'
            )
        began = perf_counter()
        features = self._asked(split)
        true = self.trainer.prepared[split].columns["labels"].numpy()
        predicted = self.classifier.predict(features)
        counted = true >= 0
        return score(self.by, true[counted], predicted[counted], perf_counter() - began)

    def _asked(self, examples: Any) -> NDArray[Any]:
        """Features of these, of length 1 [n, D]; afterwards the fingerprint is taken again."""
        features = classifiers.normalised(self.trainer.features(examples))
        self.fingerprints = (self.fingerprints[0], self.trainer.fingerprint())
        return features

    @property
    def examples(self) -> pd.DataFrame:
        """The raw examples that were drawn, as the task shows them, with their class."""
        trainer = self.trainer
        return trainer.task.rows(trainer.data.train.take(self.places.tolist()), trainer.data.label_names)

    def text(self) -> str:
        """What was learned from, how good it is, and that no weight moved: for a terminal."""
        return reading.as_text(self._page())

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return self._page()

    def _page(self) -> html.Markup:
        several = numerals.several(self.shots, "example")
        note = f"{several} of each of {len(self.trainer.class_names)} classes, by {classifiers.SAID[self.by]}"
        return html.section(
            "Few-shot", note, *(html.element("p", one, style="margin:4px 0") for one in self._said()), self._drawn()
        )

    def _said(self) -> list[str]:
        self._score = self._score or self.evaluate()
        found, true = self._score, self.trainer.prepared["validation"].columns["labels"].numpy()
        share = np.bincount(true[true >= 0]).max() / len(true)
        before, after = self.fingerprints
        half = 50 * (found.high - found.low)
        moved = "" if before == after else f"The weights are others now: {before} before, {after} after."
        right = f"{numerals.share(found.accuracy)} of {numerals.several(len(true), 'validation example')} are right"
        return [
            f"{right} (95 % interval about ±{half:.1f} points); always naming the most frequent class: {numerals.share(float(share))}.",
            moved or f"No weight moved: {before} = {after}.",
            f"Features and classifier took {numerals.duration(self.seconds)}.",
        ]

    def _drawn(self) -> html.Markup:
        """The first examples of each class."""
        trainer, names = self.trainer, self.trainer.data.label_names
        taken = trainer.data.train.take(self.places.tolist())
        texts = [shortened(str(text), _LETTERS) for text in taken["text"]] if "text" in taken else self.places.tolist()
        rows = []
        for number, name in enumerate(names):
            own = texts[number * self.shots : number * self.shots + _SHOWN_A_CLASS]
            more = f" and {self.shots - len(own)} more" if self.shots > len(own) else ""
            shown = " | ".join(own) if "text" in taken else "training examples " + ", ".join(map(str, own))
            rows.append([shortened(name, _LETTERS), shown + more])
        return html.details(
            f"What it learned from: {len(self.places)} examples", html.table(["class", "examples"], rows)
        )


def classified(trainer: Any, fields: dict[str, Any]) -> Trainer:
    """The trainer that was given, or one of these fields; raises ConfigError where its task has no classes."""
    if trainer is not None and not isinstance(trainer, Trainer):
        raise ConfigError(
            f"A trainer is needed, not {type(trainer).__name__}.", "Its network gives the features.",
            'ai.FewShot(ai.prepare(data="tickets", model="minilm")), or ai.FewShot(data="tickets", model="minilm").',
        )  # fmt: skip
    if trainer is not None and fields:
        raise ConfigError(
            f"A trainer is given, and {', '.join(fields)} besides.",
            "What a trainer uses is settled.",
            "Give one or the other.",
        )
    trainer = prepare(**fields) if trainer is None else trainer
    if trainer.task.read_as == "text-generation":
        raise ConfigError(
            "Frozen features sort into classes, and text-generation has none.", "Its model says which token comes next.",
            "Use data with labels; or ai.PromptClassifier, which asks a language model.",
        )  # fmt: skip
    if trainer.data.validation is None:
        raise DataError(
            "There are no validation examples.", "Nothing would say how good it is.", "Give data with both sides."
        )
    return trainer


def features_at(trainer: Trainer, places: NDArray[Any]) -> Any:
    """Frozen features [m, D] of the training examples at these places."""
    import torch

    return trainer._evaluator.features(trainer.prepared["train"].subset(torch.from_numpy(places)))
