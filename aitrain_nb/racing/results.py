"""What a race showed: `Race`, with its table and its picture."""

from __future__ import annotations

import math
from collections import Counter
from statistics import fmean, median, quantiles
from typing import TYPE_CHECKING, NamedTuple

from aitrain_nb import html, numerals, plots, reading
from aitrain_nb.racing.rivals import named

if TYPE_CHECKING:
    from typing import Any

    import pandas as pd

    from aitrain_nb.figures import Picture

_HEADS = ("switch", "time", "from, to", "memory", "examples a second", "loss", "gradient", "loss at the end")
_RAN = ("switch", "attention", "optimizer", "numbers")
_ALIKE = 1e-6


class Lap(NamedTuple):
    """A step of a run and one of its rival, taken one after the other.

    Attributes:
        seconds: of the rival's step.
        base_seconds: of the run's step.
        examples: in the rival's step.
        base_examples: in the run's step.
    """

    seconds: float
    base_seconds: float
    examples: int
    base_examples: int

    @property
    def ratio(self) -> float:
        """Seconds an example, as a multiple of the run's."""
        return (self.seconds / self.examples) / (self.base_seconds / self.base_examples)


class Raced(NamedTuple):
    """A rival in a race.

    Attributes:
        fields: its settings that differ from the run's.
        laps: its steps beside those of the run; empty where it could not run.
        peak_bytes: weights, the optimizer's state, and the most that a step has besides at one moment.
        base_peak_bytes: the same of the run.
        loss_difference: its loss in the first step less that of the run, nats; None where the step has other examples.
        cosine: of the angle between the gradients of that step, 1 for the same direction; None as before.
        end_loss: mean training loss of the second half of its steps, nats.
        base_end_loss: the same of the run.
        attention: how attention was computed; empty where there is none.
        optimizer: "fused", "for each" or "one by one".
        dtypes: module name -> the kind of number that it gave.
        trouble: why it could not run; empty where it did.
    """

    fields: dict[str, Any]
    laps: tuple[Lap, ...] = ()
    peak_bytes: int = 0
    base_peak_bytes: int = 0
    loss_difference: float | None = None
    cosine: float | None = None
    end_loss: float = math.nan
    base_end_loss: float = math.nan
    attention: str = ""
    optimizer: str = ""
    dtypes: dict[str, str] | None = None
    trouble: str = ""

    @property
    def name(self) -> str:
        """Its settings in words."""
        return named(self.fields)

    @property
    def time(self) -> float:
        """Seconds an example as a multiple of the run's: the median of the pairs; of unlike batches, the ratio of the means."""
        if all(lap.examples == lap.base_examples for lap in self.laps) and self.loss_difference is not None:
            return median(lap.ratio for lap in self.laps)
        mine = sum(lap.seconds for lap in self.laps) / sum(lap.examples for lap in self.laps)
        its = sum(lap.base_seconds for lap in self.laps) / sum(lap.base_examples for lap in self.laps)
        return mine / its

    @property
    def spread(self) -> tuple[float, float]:
        """Between which ratios the middle half of the pairs lies."""
        ratios = [lap.ratio for lap in self.laps]
        if len(ratios) < 2:
            return ratios[0], ratios[0]
        low, _, high = quantiles(ratios, n=4, method="inclusive")
        return min(low, self.time), max(high, self.time)

    @property
    def memory(self) -> float:
        """Peak memory as a multiple of the run's."""
        return self.peak_bytes / self.base_peak_bytes

    @property
    def examples_per_second(self) -> float:
        """Over all its steps."""
        return sum(lap.examples for lap in self.laps) / sum(lap.seconds for lap in self.laps)

    @property
    def numbers(self) -> str:
        """The kinds of numbers that its layers gave, the most frequent first: "float32", or "bfloat16 in 74 of 99, float32"."""
        counts = Counter((self.dtypes or {}).values()).most_common()
        if len(counts) < 2:
            return counts[0][0] if counts else ""
        (first, often), *others = counts
        return f"{first} in {often} of {sum(number for _, number in counts)}, {', '.join(name for name, _ in others)}"


class Race:
    """Rivals of a run, each measured beside it on this machine.

    Attributes:
        raced: the rivals, in the order they were given; the first is the run itself against a copy of it, which shows the noise.
        what: the run, in words.
        steps: pairs of steps for each.
    """

    def __init__(self, raced: list[Raced], what: str, steps: int) -> None:
        self.raced, self.what, self.steps = raced, what, steps

    @property
    def ran(self) -> list[Raced]:
        """Those that could run."""
        return [one for one in self.raced if one.laps]

    @property
    def fastest(self) -> Raced:
        """The one with the least time an example."""
        return min(self.ran, key=lambda one: one.time)

    def table(self) -> pd.DataFrame:
        """One row a rival: time and memory as multiples of the run's, what came out, what ran."""
        import pandas as pd

        rows = [
            {
                "switch": one.name, "time": one.time if one.laps else math.nan, "from": one.spread[0] if one.laps else math.nan,
                "to": one.spread[1] if one.laps else math.nan, "memory": one.memory if one.laps else math.nan,
                "peak_bytes": one.peak_bytes, "examples_per_second": one.examples_per_second if one.laps else math.nan,
                "loss_difference": one.loss_difference, "gradient_cosine": one.cosine,
                "end_loss": one.end_loss, "attention": one.attention, "optimizer": one.optimizer, "numbers": one.numbers,
                "trouble": one.trouble,
            }
            for one in self.raced
        ]  # fmt: skip
        return pd.DataFrame(rows)

    def dtypes(self) -> pd.DataFrame:
        """The kind of number that each layer gave: one row a module, one column a rival."""
        import pandas as pd

        return pd.DataFrame({one.name: one.dtypes for one in self.raced if one.dtypes})

    def plot(self) -> Picture:
        """Time and memory of each as multiples of the run's."""
        return plots.race(
            [one.name for one in self.ran], [(one.spread[0], one.time, one.spread[1]) for one in self.ran],
            [one.memory for one in self.ran], description=" ".join(self._sentences()),
        )  # fmt: skip

    def text(self) -> str:
        """What the race says, and its table, for a terminal."""
        return reading.as_text(self._page())

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return self._page(*([self.plot().to_html()] if self.ran else []))

    def _page(self, *pictures: html.Markup) -> html.Markup:
        table = html.table(_HEADS, [self._row(one) for one in self.raced])
        ran = html.table(_RAN, [[one.name, one.attention, one.optimizer, one.numbers] for one in self.ran])
        said = [html.element("p", sentence, style="margin:4px 0") for sentence in self._sentences()]
        note = f"{self.what}; {self.steps} pairs of steps each, in turn, on this machine"
        wide = html.wide("Times and memory", table)
        return html.section("A race of settings", note, *pictures, *said, wide, html.details("What ran", ran))

    @staticmethod
    def _row(one: Raced) -> list[str]:
        if not one.laps:
            return [one.name, "could not run", "", "", "", "", "", ""]
        low, high = one.spread
        difference = "other examples" if one.loss_difference is None else f"{one.loss_difference:+.1e}"
        return [
            one.name, f"{one.time:.2f} x", f"{low:.2f}, {high:.2f}", numerals.memory(one.peak_bytes),
            numerals.significant(one.examples_per_second), "the same" if one.loss_difference == 0 else difference,
            "" if one.cosine is None else _cosine(one.cosine), numerals.step_loss(one.end_loss),
        ]  # fmt: skip

    def _sentences(self) -> list[str]:
        """What is worth knowing of it."""
        base, others = self.raced[0], self.ran[1:]
        stuck = [f"{one.name} could not run: {one.trouble}" for one in self.raced if not one.laps]
        if not base.laps:
            return stuck
        low, high = base.spread
        found = [f"The run against a copy of itself took {low:.2f} to {high:.2f} times its own time: as much is noise."]
        quicker = [one for one in others if one.spread[1] < min(1.0, low)]
        smaller = [one for one in others if one.memory < 0.98]
        for words, chosen, value in (
            ("quicker", quicker, lambda one: one.time),
            ("smaller", smaller, lambda one: one.memory),
        ):
            best = min(chosen, key=value, default=None)
            if best is not None:
                what = "of the time" if words == "quicker" else "of the memory"
                found.append(f"{best.name} takes {value(best):.2f} {what}.")
        if not quicker:
            found.append("None is quicker for certain.")
        turned = [one.name for one in others if one.cosine is not None and one.cosine < 0.999]
        if turned:
            found.append(
                f"The gradient points elsewhere with {', '.join(turned)}: judge the trained model, not a step."
            )
        return found + stuck


def _cosine(value: float) -> str:
    return "same direction" if value > 1 - _ALIKE else f"cosine {value:.4f}"


def end_loss(losses: list[float]) -> float:
    """Mean of the second half."""
    return fmean(losses[len(losses) // 2 :])
