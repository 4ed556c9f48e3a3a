"""`TimeEstimator`: how long the usual kinds of training take, by the speed of the machine."""

from __future__ import annotations

import time
from functools import cache
from typing import NamedTuple

from aitrain_nb import html, numerals
from aitrain_nb.widgets.explorable import Explorable, Range


class Kind(NamedTuple):
    """A kind of training.

    Attributes:
        name: in words.
        weights: of a usual model.
        tokens: that it sees in all, over all epochs.
        said: how long it is often said to take.
    """

    name: str
    weights: float
    tokens: float
    said: str


KINDS = (
    Kind("text classification: BERT, 10,000 texts of 128 tokens, 3 epochs", 1.1e8, 3.84e6, "minutes to hours"),
    Kind("image classification: ViT, 1.28 million images, 30 epochs", 8.6e7, 1.28e6 * 197 * 30, "hours to days"),
    Kind("language model: GPT-2, 10 billion tokens", 1.24e8, 1e10, "days to weeks"),
    Kind("large model: 7 billion weights, 1 trillion tokens", 7e9, 1e12, "weeks to months"),
)
FLOPS_A_WEIGHT = 6
"""Operations for each weight and token: 2 forward, 4 backward. Kaplan et al., Scaling Laws for Neural Language Models (2020), 2.1."""


class TimeEstimator(Explorable):
    """The slider is the speed of a machine; it begins at what was measured on this one.

    Example:
        TimeEstimator().set(speed=100)
    """

    def __init__(self) -> None:
        slider = Range(round(max(0.01, measured_speed()), 3), "Speed", min=0.01, max=100_000, log=True, unit="trillion operations a second",
                       help="A laptop has 0.1 or so, a large graphics card 100, a thousand of them 100,000.")  # fmt: skip
        super().__init__(_table, "How long does training take?", speed=slider)


@cache
def measured_speed() -> float:
    """Trillion operations a second of a product of two matrices, here and now: the best of five."""
    import torch

    size = 512
    left, right = torch.randn(size, size), torch.randn(size, size)
    found = []
    for _ in range(5):
        began = time.perf_counter()
        left @ right
        found.append(2 * size**3 / (time.perf_counter() - began))
    return max(found) / 1e12


def seconds(kind: Kind, speed: float) -> float:
    """Of a whole run, where the machine does nothing but multiply at its full speed: the least that it takes."""
    return FLOPS_A_WEIGHT * kind.weights * kind.tokens / (speed * 1e12)


def _table(speed: float) -> html.Markup:
    rows = [(kind.name, _in_words(seconds(kind, speed)), kind.said) for kind in KINDS]
    head = f"At {speed:.3g} trillion operations a second, at the least:"
    return html.element("div", head) + html.table(["training", "takes", "often said"], rows)


def _in_words(value: float) -> str:
    for unit, length in (("years", 365.25 * 86400), ("days", 86400), ("hours", 3600)):
        if value > 2 * length:
            return f"{value / length:,.1f} {unit}"
    return numerals.duration(value)
