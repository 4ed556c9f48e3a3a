"""How the numbers of a tensor are spread: what a histogram draws, worked out apart from the drawing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

BINS = 40


class Spread(NamedTuple):
    """The numbers of one tensor.

    Attributes:
        name: of the tensor.
        shape: its sizes; none for a single number.
        size: how many numbers it holds.
        zeros: how many of them are exactly 0.
        lost: how many are NaN or infinite.
        low, high, mean, deviation: of the finite ones; NaN where there is none.
        counts: how many finite ones lie in each bin; none where there is nothing to draw.
        edges: of the bins, one more than there are bins.
    """

    name: str
    shape: tuple[int, ...]
    size: int
    zeros: int
    lost: int
    low: float
    high: float
    mean: float
    deviation: float
    counts: Sequence[int]
    edges: Sequence[float]

    @property
    def is_constant(self) -> bool:
        """Whether all finite numbers are the same."""
        return self.low == self.high

    @property
    def in_one_bin(self) -> float:
        """Share of the finite numbers in the fullest bin, 0 to 1; 0 where there is but one bin, since no scale helps there."""
        return max(self.counts) / sum(self.counts) if len(self.counts) > 1 else 0.0


def spread(name: str, tensor: Any) -> Spread:
    """Measure one tensor.

    Args:
        name: what it is called.
        tensor: a torch tensor of any device and precision, an array, or numbers in lists; any shape, empty or without
            dimensions too. Of complex numbers the magnitude is taken.
    """
    import numpy as np

    values = as_array(tensor)
    shape = tuple(values.shape)
    flat = values.reshape(-1)
    finite = flat[np.isfinite(flat)]
    zeros, lost = int((flat == 0).sum()), len(flat) - len(finite)
    if not len(finite):
        return Spread(name, shape, len(flat), zeros, lost, math.nan, math.nan, math.nan, math.nan, (), ())
    low, high = float(finite.min()), float(finite.max())
    with np.errstate(over="ignore", invalid="ignore"):  # numbers near the largest there are: then nothing is drawn
        mean, deviation = float(finite.mean(dtype=float)), float(finite.std(dtype=float))
        edges = np.linspace(low, high, BINS + 1)
        if not np.isfinite(edges).all():
            return Spread(name, shape, len(flat), zeros, lost, low, high, mean, deviation, (), ())
    if not (np.diff(edges) > 0).all():  # constant, or too close together to tell apart
        half = 0.5 * (abs(low) or 1.0)
        around = (low - half / BINS, low + half / BINS)
        return Spread(name, shape, len(flat), zeros, lost, low, high, mean, deviation, (len(finite),), around)
    counts, _ = np.histogram(finite, edges)
    return Spread(
        name, shape, len(flat), zeros, lost, low, high, mean, deviation, tuple(counts.tolist()), tuple(edges.tolist())
    )


def as_array(tensor: Any) -> Any:
    """Numbers as an array of floats in the shape they had, on the CPU."""
    import numpy as np

    if hasattr(tensor, "detach"):
        import torch

        tensor = tensor.detach()
        tensor = tensor.to_dense() if tensor.layout != torch.strided else tensor
        tensor = tensor.abs() if tensor.is_complex() else tensor
        tensor = tensor.to("cpu", torch.float64 if tensor.dtype == torch.float64 else torch.float32).numpy()
    array = np.asarray(tensor)
    if array.dtype.kind == "c":
        array = np.abs(array)
    return array if array.dtype in {np.dtype(np.float32), np.dtype(np.float64)} else array.astype(float)


def with_a_choice(blocks: Any) -> Any:
    """Attention [heads, T, T] without the rows that have but one place to look at, as the first token of a causal model; NaN is 0."""
    import numpy as np

    return np.where(((blocks > 0).sum(-1) > 1)[..., None], np.nan_to_num(blocks), 0.0)


def most_telling(spreads: Sequence[Spread], limit: int) -> list[Spread]:
    """Those to draw where not all can be, in their order: first those with lost numbers, then the largest."""
    ranked = sorted(range(len(spreads)), key=lambda i: (-(spreads[i].lost > 0), -spreads[i].size, i))
    return [spreads[i] for i in sorted(ranked[:limit])]
