"""The gradient noise scale: how much the gradients of single examples disagree, and what that says of the batch size."""

from __future__ import annotations

import math
from typing import NamedTuple

from aitrain_nb import html, numerals
from aitrain_nb.records.base import Fact


class NoiseScale(NamedTuple):
    """What the gradients of the examples of one batch say, after McCandlish et al. 2018.

    Attributes:
        batch_size: examples that were measured, B.
        gradient_squared: unbiased estimate of the squared length of the true gradient, (nats per weight unit)²; by chance below 0.
        variance: unbiased estimate of the variance of one example's gradient, summed over all weights, (nats per weight unit)².
    """

    batch_size: int
    gradient_squared: float
    variance: float

    @classmethod
    def of(cls, batch_size: int, mean_square: float, square_of_mean: float) -> NoiseScale:
        """From two batch sizes, 1 and B.

        Args:
            batch_size: B, at least 2.
            mean_square: mean over the examples of the squared norm of their gradients.
            square_of_mean: squared norm of the mean of their gradients.

        >>> NoiseScale.of(4, 5.0, 2.0).value
        4.0
        """
        gradient_squared = (batch_size * square_of_mean - mean_square) / (batch_size - 1)
        variance = (mean_square - square_of_mean) / (1 - 1 / batch_size)
        return cls(batch_size, gradient_squared, variance)

    @property
    def value(self) -> float:
        """The simple noise scale, examples: variance / gradient²; infinite where no gradient stands out of the noise."""
        return self.variance / self.gradient_squared if self.gradient_squared > 0 else math.inf

    @property
    def efficiency(self) -> float:
        """How far a step with this batch gets, as a share of a step with all data, 0 to 1: 1 / (1 + noise scale / B)."""
        return 1 / (1 + self.value / self.batch_size)

    def facts(self) -> dict[str, Fact]:
        """Name -> value with its unit."""
        return {
            "noise scale": Fact(self.value, "examples"), "batch size": Fact(self.batch_size, "examples"),
            "a step's progress": Fact(numerals.share(self.efficiency), "of a step with all data"),
        }  # fmt: skip

    def text(self) -> str:
        """What it says about the batch size, in sentences."""
        if math.isinf(self.value):
            return (
                f"In this batch of {self.batch_size} the gradients of the examples disagree so much that no common direction stands out. "
                "A larger batch would make each step surer; one batch is a rough estimate."
            )
        found = f"The gradient noise scale is {numerals.significant(self.value)} examples, from one batch of {self.batch_size}"
        share = numerals.share(self.efficiency)
        if self.value > 3 * self.batch_size:
            advice = f"a step gets {share} as far as with all data, so a batch twice as large gets nearly twice as far"
        elif self.value < self.batch_size / 3:
            advice = f"a step gets {share} as far as with all data, so a smaller batch would learn nearly as much for less computing"
        else:
            advice = f"a step gets {share} as far as with all data: the batch size is about where speed and computing balance"
        return f"{found}: {advice}. It is a rough estimate, and it rises while a model learns."

    def __repr__(self) -> str:
        return f"NoiseScale: {self.text()}"

    def _repr_html_(self) -> str:
        return html.section(
            "Gradient noise scale", "McCandlish et al. 2018", html.element("p", self.text()), html.facts(self.facts())
        )
