"""`MethodsCompared`: what ways to learn from a few examples came to, as a table, a picture and sentences."""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from aitrain_nb import html, numerals, plots
from aitrain_nb.errors import ConfigError, unknown_name
from aitrain_nb.shots.told import Told

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from aitrain_nb.figures import Picture

_OF_BEST = 0.9
"""The target, where none is named: this share of the best score."""


class Measured(NamedTuple):
    """One method on one draw of examples.

    Attributes:
        method: its name.
        shots: examples of each class.
        seed: of the draw and of first weights.
        accuracy: share of the validation examples that are right, with the last weights.
        seconds: to learn: of a run its steps, of a classifier the features of its examples and its fit.
        steps: optimizer steps; 0 for a classifier on frozen features.
        trained_weights: of the network that a run could move; 0 for a classifier on frozen features.
        weights: of the network in all.
        curve: (seconds so far, accuracy, step) each time it was asked.
    """

    method: str
    shots: int
    seed: int
    accuracy: float
    seconds: float
    steps: int
    trained_weights: int
    weights: int
    curve: tuple[tuple[float, float, int], ...] = ()

    def seconds_to(self, target: float) -> float:
        """Seconds of learning until the accuracy was first at least the target, infinite where it never was."""
        return next((seconds for seconds, accuracy, _ in self.curve if accuracy >= target), math.inf)

    def steps_to(self, target: float) -> float:
        """Steps until then; infinite where it never was."""
        return next((step for _, accuracy, step in self.curve if accuracy >= target), math.inf)


class MethodsCompared(Told):
    """Ways to learn from a few examples, side by side.

    Attributes:
        measured: one entry a method, number of examples and seed, in the order in which they were computed.
        planned: how many there were to be.
        name: of the data.
        model: whose weights were used.
        majority: accuracy of always naming the most frequent class.
        validation: examples that every method answered.
    """

    def __init__(
        self, measured: Sequence[Measured], planned: int, *, name: str, model: str, majority: float, validation: int,
        reduced: tuple[int, int] | None = None,
    ) -> None:  # fmt: skip
        self.measured, self.planned = list(measured), planned
        self.name, self.model, self.majority, self.validation = name, model, majority, validation
        self._reduced = reduced

    @property
    def methods(self) -> list[str]:
        """The methods of which something was measured."""
        return list(dict.fromkeys(one.method for one in self.measured))

    def only(self, *methods: str) -> MethodsCompared:
        """What these methods came to, in the order in which they are named.

        Raises:
            ConfigError: nothing was measured of one of them.
        """
        for method in methods:
            if method not in self.methods:
                raise ConfigError(*unknown_name("method", method, self.methods))
        some = [one for method in methods for one in self.measured if one.method == method]
        return MethodsCompared(
            some, len(some), name=self.name, model=self.model, majority=self.majority, validation=self.validation,
            reduced=self._reduced,
        )  # fmt: skip

    @property
    def target(self) -> float:
        """The accuracy to which seconds are counted where nothing else is asked: 0.9 of the best median."""
        return _OF_BEST * max(
            (median(scores) for runs in self._scores().values() for scores in runs.values()), default=0.0
        )

    def frame(self, target: float | None = None) -> pd.DataFrame:
        """One row a method, number of examples and seed.

        Columns: method, shots, seed, accuracy (0 to 1), seconds, seconds_to_target and steps_to_target (infinite where it wasn't
        reached), steps, trained_weights, weights.

        Args:
            target: an accuracy; 0.9 of the best median by default.

        Raises:
            ConfigError: the target is no accuracy.
        """
        import pandas as pd

        aim = _checked_target(self.target if target is None else target)
        rows = [
            one._asdict() | {"seconds_to_target": one.seconds_to(aim), "steps_to_target": one.steps_to(aim)}
            for one in self.measured
        ]
        columns = [
            "method",
            "shots",
            "seed",
            "accuracy",
            "seconds",
            "seconds_to_target",
            "steps_to_target",
            "steps",
            "trained_weights",
            "weights",
        ]
        return pd.DataFrame(rows, columns=columns)

    def summary(self, target: float | None = None) -> pd.DataFrame:
        """One row a method and number of examples: medians over the seeds, and the lowest and highest accuracy; `target` as in `frame`."""
        kinds = {
            "seconds": "median",
            "seconds_to_target": "median",
            "steps_to_target": "median",
            "steps": "first",
            "trained_weights": "first",
            "weights": "first",
        }
        groups = self.frame(target).groupby(["method", "shots"], sort=False)
        accuracy = groups["accuracy"].agg(["median", "min", "max", "count"])
        accuracy.columns = ["accuracy", "lowest", "highest", "seeds"]
        found: pd.DataFrame = accuracy.join(groups.agg(kinds)).reset_index()
        return found

    def plot(self) -> Picture:
        """Accuracy against examples a class: a line a method through the medians, its band from the lowest to the highest seed."""
        return plots.methods(self._scores(), self.majority, description=" ".join(self._said()))

    def _scores(self) -> dict[str, dict[int, list[float]]]:
        """Method -> examples a class -> accuracy of each seed."""
        found: dict[str, dict[int, list[float]]] = {}
        for one in self.measured:
            found.setdefault(one.method, {}).setdefault(one.shots, []).append(one.accuracy)
        return found

    def _page(self, first: html.Markup) -> html.Markup:
        note = f"{self.name}, weights of {self.model}"
        table = html.wide("Accuracies and costs", self._accuracies(), self._costs())
        return html.section("Methods compared", note, first, table)

    def _said(self) -> list[str]:
        """What the numbers say, and what they don't."""
        scores = self._scores()
        done = f"{len(self.measured)} of {self.planned} results." if len(self.measured) < self.planned else ""
        if not scores:
            return [done]
        sentences = [done] if done else []
        sentences += [self._best(shots, scores) for shots in self._ends()]
        sentences.append(
            f"Always naming the most frequent class: {numerals.share(self.majority)}. All answered the same {self.validation:,} validation "
            "examples after learning from the same draws; nothing was chosen by them."
        )
        if self._reduced is not None:
            asked, most = self._reduced
            sentences.append(f"The rarest class has {most:,} training examples, so {asked:,} of each became {most:,}.")
        return sentences

    def _ends(self) -> list[int]:
        """The fewest and the most examples a class."""
        numbers = {one.shots for one in self.measured}
        return sorted({min(numbers), max(numbers)})

    @staticmethod
    def _best(shots: int, scores: dict[str, dict[int, list[float]]]) -> str:
        found = {method: runs[shots] for method, runs in scores.items() if shots in runs}
        best = max(found, key=lambda method: median(found[method]))
        low, high = min(found[best]), max(found[best])
        width = (
            f" ({numerals.share(low)} to {numerals.share(high)} over {len(found[best])} seeds)"
            if len(found[best]) > 1
            else ""
        )
        return f"With {numerals.several(shots, 'example')} a class {best} is best: {numerals.share(median(found[best]))}{width}."

    def _accuracies(self) -> html.Markup:
        """Median accuracy: a row a method, a column a number of examples."""
        if not self.measured:
            return html.Markup("")
        scores = self._scores()
        numbers = sorted({one.shots for one in self.measured})
        rows = [
            [method, *(numerals.share(median(runs[number])) if number in runs else "" for number in numbers)]
            for method, runs in scores.items()
        ]
        return html.table(["median accuracy with", *(f"{number:,} a class" for number in numbers)], rows)

    def _costs(self) -> html.Markup:
        """With the most examples: how long it took, how long to the target, how many weights moved."""
        if not self.measured:
            return html.Markup("")
        summary = self.summary()
        most = summary[summary["shots"] == summary["shots"].max()]
        rows = [
            [row.method, numerals.duration(row.seconds), numerals.duration(row.seconds_to_target) if math.isfinite(row.seconds_to_target)
             else "not reached", f"{row.steps:,}", f"{row.trained_weights:,} of {row.weights:,}"] for row in most.itertuples()
        ]  # fmt: skip
        number = int(summary["shots"].max())
        return html.table(
            [f"with {number:,} a class", "learned in", f"to {numerals.share(self.target)}", "steps", "weights trained"],
            rows,
        )


def _checked_target(target: float) -> float:
    if isinstance(target, bool) or not isinstance(target, (int, float)) or not 0 <= target <= 1:
        raise ConfigError(f"target={target!r} is no accuracy.", "It is a share from 0 to 1.", "target=0.7")
    return float(target)
