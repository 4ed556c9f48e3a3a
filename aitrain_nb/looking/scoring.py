"""What simple methods reach on the validation rows, each with its interval."""

from __future__ import annotations

import math
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd
    from numpy.typing import NDArray

_Z = 1.959963984540054
"""Standard deviations that hold 95 % of a normal distribution."""
_STRENGTH = 10.0
"""Inverse regularisation of every logistic regression here: fixed, never tuned on the validation rows."""
MAJORITY = "always the most frequent class"
WORDS = "TF-IDF words + logistic regression"
KIND_WORD = "The validation rows were used to compare, so the best score is a little too kind."


class Score(NamedTuple):
    """One method's result; shares from 0 to 1, NaN where it wasn't run.

    Attributes:
        method: what it is called.
        accuracy: share of validation rows that are right.
        low: lower end of the 95 % interval of the accuracy.
        high: its upper end.
        macro_f1: mean over the classes of the F1 score.
        seconds: to learn and to answer.
        note: what to know about it.
    """

    method: str
    accuracy: float = math.nan
    low: float = math.nan
    high: float = math.nan
    macro_f1: float = math.nan
    seconds: float = math.nan
    note: str = ""


class Rows(NamedTuple):
    """The rows that the scores use: places in the data, and class numbers of all data [n]."""

    train: NDArray[Any]
    validation: NDArray[Any]
    labels: NDArray[Any]


def wilson_interval(right: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share, from a binomial count; Wilson (1927).

    >>> [round(end, 3) for end in wilson_interval(80, 100)]
    [0.711, 0.867]
    """
    if not of:
        return 0.0, 1.0
    share, squared = right / of, _Z**2 / of
    middle = (share + squared / 2) / (1 + squared)
    half = _Z * math.sqrt(share * (1 - share) / of + squared / (4 * of)) / (1 + squared)
    return max(0.0, middle - half), min(1.0, middle + half)


def score(method: str, true: NDArray[Any], predicted: NDArray[Any], seconds: float, note: str = "") -> Score:
    """The scores of predicted class numbers [n] against the true ones [n]."""
    from sklearn.metrics import f1_score

    right = int((true == predicted).sum())
    low, high = wilson_interval(right, len(true))
    macro = float(f1_score(true, predicted, average="macro", zero_division=0))
    return Score(method, right / len(true), low, high, macro, seconds, note)


def choose_rows(is_validation: NDArray[Any], labels: NDArray[Any], most: int, seed: int) -> Rows:
    """All rows of both sides, or a seeded sample of about `most` with each class in the same share.

    Args:
        is_validation: [n] bool.
        labels: class numbers [n].
        most: rows of both sides together.
        seed: decides which.
    """
    train, validation = np.flatnonzero(~is_validation), np.flatnonzero(is_validation)
    if most < len(labels):
        share = most / len(labels)
        train, validation = (stratified(side, labels, share, seed) for side in (train, validation))
    return Rows(train, validation, labels)


def stratified(places: NDArray[Any], labels: NDArray[Any], share: float, seed: int) -> NDArray[Any]:
    """A share of these places, in order, of each class the same but at least one."""
    order = np.random.default_rng(seed).permutation(places)
    kept = [of_class[: max(1, round(share * len(of_class)))]
            for number in np.unique(labels[places]) for of_class in [order[labels[order] == number]]]  # fmt: skip
    return np.sort(np.concatenate(kept))


def one_thread() -> Any:
    """A `with` block in which BLAS uses one thread: small regressions are then up to 100 times quicker on busy cores."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # comes with scikit-learn

    return threadpool_limits(limits=1, user_api="blas")


def regression() -> Any:
    """The logistic regression of every method here."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=_STRENGTH, max_iter=1_000)


def word_features(texts: Sequence[str]) -> tuple[Any, Callable[[Sequence[str]], Any]]:
    """TF-IDF of words and pairs of words, sublinear: the matrix of these texts, and what gives it for others."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    patterns = (r"(?u)\b\w\w+\b", r"(?u)\S")  # words, or single letters where no text has a word of two letters
    for pattern in patterns:
        vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, max_features=50_000, token_pattern=pattern)
        try:
            return vectorizer.fit_transform(texts), vectorizer.transform
        except ValueError:  # an empty vocabulary
            continue
    raise AssertionError("every text has a letter: the task has checked it")


def majority_score(rows: Rows) -> Score:
    """The class that is most frequent in training, for every validation row."""
    began = perf_counter()
    most = int(np.bincount(rows.labels[rows.train]).argmax())
    true = rows.labels[rows.validation]
    return score(MAJORITY, true, np.full(len(true), most), perf_counter() - began, "Knows nothing of the inputs.")


def words_score(texts: Sequence[str], rows: Rows) -> Score:
    """TF-IDF of words and pairs of words, with a logistic regression."""
    began = perf_counter()
    train, transform = word_features([texts[place] for place in rows.train])
    validation = transform([texts[place] for place in rows.validation])
    with one_thread():
        predicted = regression().fit(train, rows.labels[rows.train]).predict(validation)
    return score(
        WORDS, rows.labels[rows.validation], predicted, perf_counter() - began, "Counts words; knows no meaning."
    )


def features_score(method: str, features: NDArray[Any], rows: Rows, seconds: float, note: str) -> Score:
    """A logistic regression on features that are there.

    Args:
        method: what it is called.
        features: [n, D], one row for each place in the data; only those of `rows` are used.
        rows: which rows.
        seconds: that the features took.
        note: what to know about it.
    """
    began = perf_counter()
    with one_thread():
        fitted = regression().fit(features[rows.train], rows.labels[rows.train])
        predicted = fitted.predict(features[rows.validation])
    return score(method, rows.labels[rows.validation], predicted, seconds + perf_counter() - began, note)


def as_frame(scores: Sequence[Score]) -> pd.DataFrame:
    """The scores as a table, one row a method."""
    import pandas as pd

    return pd.DataFrame(scores, columns=list(Score._fields))


def sentences(scores: Sequence[Score], rows: Rows) -> list[str]:
    """Which rows were used, and how far the numbers may be trusted."""
    used, of, validation = len(rows.train) + len(rows.validation), len(rows.labels), len(rows.validation)
    which = "all rows" if used == of else f"N = {used:,} of {of:,} rows, a seeded sample"
    ran = [entry for entry in scores if not math.isnan(entry.accuracy)]
    best = max(ran, key=lambda entry: entry.accuracy)
    half = 50 * (best.high - best.low)
    interval = f"the 95 % interval of the best accuracy is about ±{half:.1f} points (binomial, Wilson)"
    return [
        f"The scores use {which}: {len(rows.train):,} to learn from, {validation:,} to answer.",
        f"With {validation:,} validation rows {interval}, so a smaller difference means little.",
        KIND_WORD,
    ]
