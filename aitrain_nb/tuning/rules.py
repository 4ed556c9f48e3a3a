"""Which learning rate a range test suggests: the published rules, as functions of the rates and the smoothed losses.

A range test (Smith 2015, "Cyclical Learning Rates for Training Neural Networks") trains a few steps while the rate rises, and looks at
the loss. The four rules are those of fastai's `lr_find`. Each takes rates [n] in rising order and losses [n] and gives the place of a
rate, or None where the curve doesn't show it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Losses = NDArray[np.float64]

FEWEST_STEPS = 20
"""Without which there is no curve."""
SMOOTHING = 0.7
"""Weight of what came before in the moving average that the rules look at."""
_SLIDE_WIDTH, _SLIDE_BEND = 15, 0.005


def smooth(losses: Sequence[float], weight: float) -> Losses:
    """Exponential moving average, corrected for its start; one that isn't finite stays what it is.

    Args:
        losses: nats, any number of them.
        weight: of what came before, 0 to 1.

    >>> smooth([1.0, 1.0, 4.0], 0.5).round(3).tolist()
    [1.0, 1.0, 2.714]
    """
    found, mean, share = [], 0.0, 0.0
    for loss in losses:
        mean, share = weight * mean + (1 - weight) * loss, weight * share + (1 - weight)
        found.append(mean / share)
    return np.array(found)


def minimum(rates: Losses, losses: Losses) -> float | None:
    """A tenth of the rate at the lowest loss: as far as it still learned, with a margin."""
    place = int(losses.argmin())
    return float(rates[place]) / 10 if place else None


def steepest(rates: Losses, losses: Losses) -> float | None:
    """The rate at which the loss fell fastest over the logarithm of the rate, on its way to the lowest."""
    end = int(losses.argmin()) + 1
    rates, losses = rates[:end], losses[:end]
    if end < 3:
        return None
    slopes = np.diff(losses) / np.diff(np.log(rates))
    place = int(slopes.argmin())
    return float(rates[place]) if slopes[place] < 0 else None


def valley(rates: Losses, losses: Losses) -> float | None:
    """Half way down the longest valley: the longest falling subsequence of the losses."""
    length, end = np.ones(len(losses), dtype=int), 0
    for i in range(1, len(losses)):
        above = length[:i][losses[:i] > losses[i]]
        length[i] = above.max() + 1 if len(above) else 1
        if length[i] > length[end]:
            end = i
    third = length[end] / 3
    place = end - int(length[end]) + int(third) + int(third / 2)
    return float(rates[max(0, place)]) if length[end] > 2 else None


def slide(rates: Losses, losses: Losses) -> float | None:
    """Just before the loss begins to bend upwards, found by a window that slides down from the highest rate."""
    slopes = np.gradient(losses)
    right, left = len(losses) - 1, len(losses) - 1 - _SLIDE_WIDTH
    if left < 0:
        return None
    found = left
    while left >= 0 and abs(slopes[right] - slopes[left]) > _SLIDE_BEND:
        found, right, left = left, right - 1, left - 1
    return float(rates[found])


def suggestions(rates: Sequence[float], smoothed: Sequence[float]) -> dict[str, float]:
    """Rule -> learning rate with two digits; a rule to which the curve says nothing is left out.

    Args:
        rates: of each step, rising.
        smoothed: losses, nats. The first tenth, where the average has yet to settle, and the last two, where it
            explodes, are not looked at.
    """
    losses = np.array(smoothed)
    finite = np.isfinite(losses)
    tried, losses = np.array(rates)[finite], losses[finite]
    if len(losses) < FEWEST_STEPS:
        return {}
    first = max(1, len(losses) // 10)
    tried, losses = tried[first:-2], losses[first:-2]
    if losses.argmin() == 0:
        return {}
    found = {name: rule(tried, losses) for name, rule in RULES.items()}
    return {name: float(f"{rate:.2g}") for name, rate in found.items() if rate is not None}


RULES: dict[str, Callable[[Losses, Losses], float | None]] = {
    "valley": valley, "slide": slide, "minimum/10": minimum, "steepest": steepest,
}  # fmt: skip
"""Name -> rule."""
