"""Labels that are likely wrong, by confident learning.

Northcutt, Jiang and Chuang, Confident Learning: Estimating Uncertainty in Dataset Labels (2021), section 3: a row whose
probability of another class reaches that class's usual self-confidence lies off the diagonal of the confident joint.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from aitrain_nb.errors import DataError
from aitrain_nb.looking.repeats import first_places
from aitrain_nb.looking.scoring import one_thread, regression, word_features

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from aitrain_nb.records import Evaluation

_FOLDS = 5


class Doubts:
    """What is needed to doubt labels: features, or texts to count words of.

    Args:
        features: [m, D] for the rows, or None to count words of `shown` in each fold anew.
        shown: what a person sees of each row [m], the text; also keeps equal ones in one fold.
        rows: place of each row in the data [m].
        labels: class number of each row [m].
        names: the classes.
        seed: decides the folds.
    """

    def __init__(
        self, features: NDArray[Any] | None, shown: Sequence[str], rows: NDArray[Any], labels: NDArray[Any],
        names: Sequence[str], seed: int,
    ) -> None:  # fmt: skip
        self.shown, self.rows, self.labels, self.names = shown, rows, labels, names
        self._features, self._seed = features, seed

    @cached_property
    def probabilities(self) -> NDArray[Any]:
        """Of each class for each row [m, C], from a logistic regression that hasn't seen the row nor its equal.

        Raises:
            DataError: there are too few examples for at least two folds.
        """
        from sklearn.model_selection import StratifiedGroupKFold

        folds = min(_FOLDS, int(np.bincount(self.labels)[np.unique(self.labels)].max()))
        groups = np.array(first_places(self.shown))
        if folds < 2 or len(np.unique(groups)) < 2 * folds:
            raise DataError(
                "Doubtful labels can't be looked for.", f"{len(self.labels)} examples are too few to learn from.",
                "Give at least ten different examples.",
            )  # fmt: skip
        splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=self._seed)
        found = np.zeros((len(self.labels), len(self.names)))
        for train, held_out in _quiet_folds(splitter, self.labels, groups):
            if len(np.unique(self.labels[train])) < 2:
                found[held_out, self.labels[train][0]] = 1.0
                continue
            known, asked = self._of(train, held_out)
            with one_thread():
                fitted = regression().fit(known, self.labels[train])
                found[np.ix_(held_out, fitted.classes_)] = fitted.predict_proba(asked)
        return found

    def _of(self, train: NDArray[Any], held_out: NDArray[Any]) -> tuple[Any, Any]:
        """Features of both sides of a fold; words are counted on the training side only."""
        if self._features is not None:
            return self._features[train], self._features[held_out]
        known, transform = word_features([self.shown[place] for place in train])
        return known, transform([self.shown[place] for place in held_out])

    def table(self, k: int) -> pd.DataFrame:
        """The k rows whose label is doubted most; see `Look.mislabelled`."""
        found = confident_table(self.probabilities, self.labels, self.names, k)
        found.insert(0, "text", [self.shown[place] for place in found["row"]])
        found["row"] = self.rows[found["row"].to_numpy(dtype=int)]
        return found


def _quiet_folds(splitter: Any, labels: NDArray[Any], groups: NDArray[Any]) -> list[Any]:
    """The folds, without the warning that a class has fewer rows than there are folds: that is provided for."""
    import warnings

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        return list(splitter.split(labels, labels, groups))


def confident_table(probabilities: NDArray[Any], labels: NDArray[Any], names: Sequence[str], k: int) -> pd.DataFrame:
    """The k rows off the diagonal of the confident joint with the lowest normalised margin.

    Args:
        probabilities: [m, C] of models that haven't seen the row.
        labels: class number that each row was given [m].
        names: the classes.
        k: rows at most; there may be fewer.

    Returns:
        row (0 to m - 1), given, suggested, p_given, p_suggested, margin: p_given minus the highest other probability.
    """
    import pandas as pd

    size = np.arange(len(labels))
    own = probabilities[size, labels]
    thresholds = np.array(
        [own[labels == number].mean() if (labels == number).any() else np.inf for number in range(len(names))]
    )
    confident = np.where(probabilities >= thresholds, probabilities, -1.0)
    suggested = confident.argmax(1)
    others = probabilities.copy()
    others[size, labels] = -1.0
    margin = own - others.max(1)
    off = np.flatnonzero((confident.max(1) >= 0) & (suggested != labels))
    top = off[np.argsort(margin[off], kind="stable")][:k]
    return pd.DataFrame(
        {
            "row": top,
            "given": [names[number] for number in labels[top]],
            "suggested": [names[number] for number in suggested[top]],
            "p_given": own[top],
            "p_suggested": probabilities[top, suggested[top]],
            "margin": margin[top],
        }
    )


def likely_mislabelled(evaluation: Evaluation, k: int = 20) -> pd.DataFrame:
    """The same for a trained model: rows of an evaluation whose label the model confidently doubts.

    Args:
        evaluation: of examples that the model has not trained on, such as `trainer.evaluate()`.
        k: rows at most.

    Returns:
        row (place in the split), given, suggested, p_given, p_suggested, margin; and the text where there is one.

    Raises:
        DataError: the evaluation has not one label an example.
    """
    if evaluation.logits is None:
        raise DataError(
            "Labels can't be doubted here.", "Each example has many targets.", "Use an evaluation of a classification."
        )
    counted = np.flatnonzero((evaluation.labels >= 0).numpy())
    probabilities = evaluation.logits.double().softmax(-1).numpy()[counted]
    found = confident_table(probabilities, evaluation.labels.numpy()[counted], evaluation.class_names, k)
    found["row"] = counted[found["row"].to_numpy(dtype=int)]
    columns = getattr(evaluation.trainer.data, evaluation.split).columns
    if "text" in columns:
        found.insert(0, "text", [columns["text"][row] for row in found["row"]])
    return found
