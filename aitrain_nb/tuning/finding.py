"""`RateFinding`: what a range test has seen, as numbers, a table, a picture, sentences and a config."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from aitrain_nb import html, numerals, plots
from aitrain_nb.errors import ConfigError, unknown_name
from aitrain_nb.tuning import rules

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from aitrain_nb.config import TrainConfig
    from aitrain_nb.figures import Picture

RECOMMENDED = "minimum/10"
"""The rule that comes nearest to the best rate of a grid, by measurement (`tests/benchmarks/rate_finder.py`)."""
_MEANS = {
    "valley": "half way down the longest valley",
    "slide": "just before the loss bends upwards",
    "minimum/10": "a tenth of the rate with the lowest loss",
    "steepest": "where the loss fell fastest",
}
_ENDS = {
    "": "It went to the end.",
    "exploded": "There the loss exploded, so it ended early.",
    "interrupted": "There it was interrupted.",
    "stopped": "There it was stopped.",
}


class RateFinding:
    """What a range test has seen.

    Attributes:
        learning_rates: of each step, rising.
        losses: of each step before its update, nats; the last may be infinite or NaN.
        steps: that were asked for; fewer were taken where it ended early.
        ended: "" (it went to the end), "exploded", "interrupted" or "stopped".
        step: optimizer steps that the trainer had taken before.
        config: of the trainer.
    """

    def __init__(
        self, learning_rates: Sequence[float], losses: Sequence[float], steps: int, highest: float, ended: str, step: int,
        config: TrainConfig,
    ) -> None:  # fmt: skip
        self.learning_rates, self.losses = list(learning_rates), list(losses)
        self.steps, self.ended, self.step, self.config = steps, ended, step, config
        self._highest = highest

    @cached_property
    def smoothed(self) -> list[float]:
        """Moving average of the losses, nats: what the rules look at."""
        smoothed: list[float] = rules.smooth(self.losses, rules.SMOOTHING).tolist()
        return smoothed

    @cached_property
    def suggestions(self) -> dict[str, float]:
        """Rule -> learning rate, with two digits; a rule to which the curve says nothing is left out."""
        return rules.suggestions(self.learning_rates, self.smoothed)

    @property
    def recommended(self) -> str | None:
        """The rule to follow: the one that was best in our measurement, or the next that says something; None without any."""
        return next((name for name in (RECOMMENDED, *self.suggestions) if name in self.suggestions), None)

    @property
    def learning_rate(self) -> float | None:
        """The rate that the recommended rule suggests; None where none does."""
        return None if self.recommended is None else self.suggestions[self.recommended]

    @property
    def fix(self) -> dict[str, Any]:
        """Fields of a config that follow the recommendation; empty where there is none."""
        return {} if self.learning_rate is None else {"learning_rate": self.learning_rate}

    def apply(self, config: TrainConfig | None = None, *, rule: str | None = None) -> TrainConfig:
        """A config with the suggested rate.

        Args:
            config: to change; the trainer's own by default.
            rule: whose suggestion; the recommended one by default.

        Raises:
            ConfigError: there is no such suggestion.
        """
        if not self.suggestions:
            raise ConfigError(
                "There is no rate to apply.", self._no_suggestion(), "Test other rates, or with more steps."
            )
        rule = rule or self.recommended
        if rule not in self.suggestions:
            raise ConfigError(*unknown_name("suggestion", rule, self.suggestions))
        return (config or self.config).replace(learning_rate=self.suggestions[rule])

    # how it is shown

    def table(self) -> pd.DataFrame:
        """One row a step: learning_rate, loss, smoothed (nats)."""
        import pandas as pd

        return pd.DataFrame({"learning_rate": self.learning_rates, "loss": self.losses, "smoothed": self.smoothed})

    def plot(self) -> Picture:
        """The losses over the rates, with each suggestion marked and named."""
        return plots.range_test(
            self.learning_rates, self.losses, self.smoothed, self.suggestions, self.recommended, description=self.text(),
        )  # fmt: skip

    def text(self) -> str:
        """What was seen, and what it suggests, in sentences."""
        first, last = self.learning_rates[0], self.learning_rates[-1]
        sentences = [
            f"{len(self.losses)} steps with learning rates from {numerals.rate(first)} to {numerals.rate(last)}. {_ENDS[self.ended]}"
        ]
        finite = np.isfinite(self.smoothed)
        if finite.any():
            place = int(np.argmin(np.where(finite, self.smoothed, np.inf)))
            sentences.append(
                f"The loss began at {numerals.step_loss(self.smoothed[0])} nats and, smoothed, was lowest at "
                f"{numerals.rate(self.learning_rates[place])}: {numerals.step_loss(self.smoothed[place])}."
            )
        if self.recommended is None:
            return " ".join([*sentences, self._no_suggestion()])
        others = [
            f"{name} {numerals.rate(rate)}" for name, rate in self.suggestions.items() if name != self.recommended
        ]
        sentences.append(
            f"Suggested: {numerals.rate(self.suggestions[self.recommended])}, {_MEANS[self.recommended]} ({self.recommended})."
        )
        if others:
            sentences.append(f"Other rules: {', '.join(others)}.")
        return " ".join(sentences)

    def _no_suggestion(self) -> str:
        if len(self.losses) < rules.FEWEST_STEPS:
            return f"{len(self.losses)} steps are too few to suggest a rate."
        return "At no rate did the loss fall, so none is suggested."

    def __repr__(self) -> str:
        return f"RateFinding: {self.text()}"

    def _repr_html_(self) -> str:
        rows = [
            [html.element("b", name) if name == self.recommended else name, numerals.rate(rate), _MEANS[name]]
            for name, rate in self.suggestions.items()
        ]
        suggested = html.table(["rule", "learning rate", ""], rows) if rows else html.Markup("")
        steps = [[numerals.rate(rate), numerals.step_loss(loss), numerals.step_loss(smooth)]
                 for rate, loss, smooth in zip(self.learning_rates, self.losses, self.smoothed, strict=True)]  # fmt: skip
        return html.section(
            "Learning rates tried", "the trainer is as it was", self.plot().to_html(self.text()), html.element("p", self.text()),
            suggested, html.details("each step as a table", html.folded_table(["learning rate", "loss", "smoothed"], steps)),
        )  # fmt: skip
