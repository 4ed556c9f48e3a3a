"""Which examples a method gets: so many of each class, the same for all methods, and the few among the many."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from aitrain_nb.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def checked_shots(shots: Any) -> int:
    """A number of examples a class; raises ConfigError where it is none."""
    if isinstance(shots, bool) or not isinstance(shots, (int, np.integer)) or shots < 1:
        raise ConfigError(
            f"shots={shots!r} is no number of examples.", "Each class needs at least one to be known by.", "shots=5"
        )
    return int(shots)


def _checked_seed(seed: Any) -> int:
    if isinstance(seed, bool) or not isinstance(seed, Integral) or seed < 0:
        raise ConfigError(f"seed={seed!r} can't be used.", "It is a whole number of at least 0.", "seed=0")
    return int(seed)


def most_shots(labels: NDArray[Any], names: Sequence[str]) -> int:
    """How many examples the rarest class has.

    Raises:
        DataError: a class has none.
    """
    counts = np.bincount(labels[labels >= 0], minlength=len(names))
    if not counts.min():
        missing = names[int(counts.argmin())]
        raise DataError(
            f"The class {missing!r} has no training example.", "It can't be learned.", "Add some, or drop the class."
        )
    return int(counts.min())


def draw(labels: NDArray[Any], names: Sequence[str], shots: int, seed: int) -> NDArray[Any]:
    """Places of `shots` examples of each class, in the order of the classes; those of fewer shots are among those of more.

    Args:
        labels: class numbers [n], below 0 where not counted.
        names: the classes.
        shots: examples a class.
        seed: decides which.

    Raises:
        ConfigError: `shots` is no number of examples, or `seed` no whole number of at least 0.
        DataError: a class has fewer.
    """
    shots, most = checked_shots(shots), most_shots(labels, names)
    if shots > most:
        counts = np.bincount(labels[labels >= 0], minlength=len(names))
        raise DataError(
            f"There are no {shots:,} training examples of each class.",
            f"The class {names[int(counts.argmin())]!r} has {most:,}.",
            f"shots={most}, or fewer.",
        )
    order = np.random.default_rng(_checked_seed(seed)).permutation(len(labels))
    return np.concatenate([order[labels[order] == number][:shots] for number in range(len(names))])
