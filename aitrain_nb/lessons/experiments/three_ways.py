"""The same table of products, computed number by number, row by row, and all at once: what a machine gains by doing much in one go."""

from __future__ import annotations

import timeit
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

ROWS, INNER, COLUMNS = 30, 200, 100
WAYS = ("number by number", "row by row", "all at once")


class Tables(NamedTuple):
    """What a layer multiplies.

    Attributes:
        inputs: [30, 200].
        weights: [200, 100].
    """

    inputs: Tensor
    weights: Tensor


def tables() -> Tables:
    """Two tables of random numbers, always the same."""
    import torch

    chance = torch.Generator().manual_seed(0)
    return Tables(torch.randn(ROWS, INNER, generator=chance), torch.randn(INNER, COLUMNS, generator=chance))


def seconds(work: Callable[[], Any]) -> float:
    """Seconds that this work takes on one core, the least of five times or of as many as fit in 0.2 s: the others waited."""
    from aitrain_nb.engine.device import Threads

    taken: list[float] = []
    with Threads(1):
        while len(taken) < 5 or sum(taken) < 0.2:
            taken += timeit.repeat(work, number=1, repeat=5)
    return min(taken)


@cache
def measured() -> dict[str, float]:
    """Way -> seconds that the whole table [30, 100] takes, here and now: about a second in all."""
    inputs, weights = tables()
    listed, turned = inputs.tolist(), weights.T.tolist()
    work = (
        lambda: [[sum(a * b for a, b in zip(row, column, strict=True)) for column in turned] for row in listed],
        lambda: [row @ weights for row in inputs],
        lambda: inputs @ weights,
    )
    return dict(zip(WAYS, map(seconds, work), strict=True))
