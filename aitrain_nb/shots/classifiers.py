"""Classifiers of scikit-learn on frozen features: nothing of a network is trained."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from aitrain_nb.looking.scoring import one_thread, regression

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_NEIGHBOURS = 5


def _nearest_mean(_shots: int) -> Any:
    from sklearn.neighbors import NearestCentroid

    return NearestCentroid()


def _nearest_neighbours(shots: int) -> Any:
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(min(_NEIGHBOURS, shots), weights="distance")


CLASSIFIERS: dict[str, Callable[[int], Any]] = {
    "nearest mean": _nearest_mean,
    "nearest neighbours": _nearest_neighbours,
    "logistic regression": lambda _shots: regression(),
}
"""Name -> what gives a new classifier of scikit-learn, told the examples a class."""
SAID = {
    "nearest mean": "the class whose mean is nearest",
    "nearest neighbours": f"the class of the nearest examples, at most {_NEIGHBOURS}, the nearer the more they count",
    "logistic regression": "a logistic regression",
}


def fit(by: str, features: NDArray[Any], labels: NDArray[Any], shots: int) -> Any:
    """A classifier that has learned these features.

    Args:
        by: one of `CLASSIFIERS`.
        features: [n, D] of length 1, so that Euclidean distances order as cosines do.
        labels: class numbers [n].
        shots: examples a class.
    """
    with one_thread(), np.errstate(divide="ignore", invalid="ignore"), warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", UserWarning
        )  # one example a class has no variance, and the nearest mean needs none
        return CLASSIFIERS[by](shots).fit(features, labels)


def normalised(features: Any) -> NDArray[Any]:
    """Features [n, D] of length 1; those that are 0 stay 0."""
    from sklearn.preprocessing import normalize

    found: NDArray[Any] = normalize(np.asarray(features, dtype=np.float32))
    return found
