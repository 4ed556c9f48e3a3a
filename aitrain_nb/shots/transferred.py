"""`Transfer`: what a trained network was worth on a new task, and what it forgot of the old, as a table and sentences."""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from aitrain_nb import html, numerals, plots
from aitrain_nb.shots.told import Told

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

    from aitrain_nb.figures import Picture


class Moved(NamedTuple):
    """One way to learn the new task.

    Attributes:
        method: "scratch", "head" or "fine-tune".
        seed: of the draw, first weights and order.
        score: on the new validation side: accuracy, or for texts without classes the loss (nats a token).
        old_after: of the changed network on the old validation side, in the same unit; NaN from scratch.
        seconds: of the steps.
        steps: optimizer steps.
        trained_weights: that could move.
        curve: (steps so far, score) each time it was asked, before the first step as well.
    """

    method: str
    seed: int
    score: float
    old_after: float
    seconds: float
    steps: int
    trained_weights: int
    curve: tuple[tuple[int, float], ...] = ()


class Transfer(Told):
    """What a trained network was worth on a new task.

    Attributes:
        moved: one entry a method and seed.
        planned: how many there were to be.
        old: name of the old data.
        new: name of the new data.
        shots: examples of each class; None for all.
        before: score on the old validation side before.
        score_name: "accuracy", or "loss" (nats a token).
    """

    def __init__(
        self,
        moved: Sequence[Moved],
        planned: int,
        *,
        old: str,
        new: str,
        shots: int | None,
        before: float,
        score_name: str,
    ) -> None:
        self.moved, self.planned, self.old, self.new = list(moved), planned, old, new
        self.shots, self.before, self.score_name = shots, before, score_name

    def frame(self) -> pd.DataFrame:
        """One row a method and seed: method, seed, score, old_before, old_after, forgotten, seconds, steps, trained_weights.

        `forgotten` is by how much the old score became worse: accuracy lost, or loss gained (nats a token).
        """
        import pandas as pd

        rows = [one._asdict() | {"old_before": self.before, "forgotten": self._forgotten(one)} for one in self.moved]
        names = [
            "method",
            "seed",
            "score",
            "old_before",
            "old_after",
            "forgotten",
            "seconds",
            "steps",
            "trained_weights",
        ]
        return pd.DataFrame(rows, columns=names)

    def summary(self) -> pd.DataFrame:
        """One row a method: medians over the seeds, and the lowest and highest score."""
        found = self.frame().groupby("method", sort=False)
        kept = found[["score", "old_before", "old_after", "forgotten", "seconds", "steps", "trained_weights"]].median()
        result: pd.DataFrame = kept.assign(lowest=found["score"].min(), highest=found["score"].max()).reset_index()
        return result

    def plot(self) -> Picture:
        """The new task over the steps, a line a method with its band over the seeds, and the old task before and after."""
        curves: dict[str, dict[int, list[float]]] = {}
        after: dict[str, list[float]] = {}
        for one in self.moved:
            for step, score in one.curve:
                curves.setdefault(one.method, {}).setdefault(step, []).append(score)
            after.setdefault(one.method, []).extend([one.old_after] if math.isfinite(one.old_after) else [])
        return plots.transfer(
            curves, after, self.before, old=self.old, new=self.new, what=self._what, description=" ".join(self._said())
        )

    def _forgotten(self, one: Moved) -> float:
        return self.before - one.old_after if self.score_name == "accuracy" else one.old_after - self.before

    @property
    def _written(self) -> Callable[[float], str]:
        return numerals.share if self.score_name == "accuracy" else numerals.epoch_loss

    def _page(self, first: html.Markup) -> html.Markup:
        many = "all examples" if self.shots is None else f"{numerals.several(self.shots, 'example')} a class"
        heads = [
            "median of the seeds",
            self._what,
            "lowest to highest",
            "old task before",
            "old task after",
            "learned in",
            "weights trained",
        ]
        return html.section(
            "Transfer",
            f"{self.old} to {self.new}, {many}",
            first,
            html.wide("Scores", html.table(heads, self._rows())),
        )

    @property
    def _what(self) -> str:
        return "accuracy" if self.score_name == "accuracy" else "loss (nats a token)"

    def _rows(self) -> list[list[str]]:
        written = self._written
        rows = []
        for row in self.summary().to_dict("records"):
            old = (
                [written(row["old_before"]), written(row["old_after"])] if math.isfinite(row["old_after"]) else ["", ""]
            )
            between = f"{written(row['lowest'])} to {written(row['highest'])}"
            cost = [numerals.duration(row["seconds"]), f"{int(row['trained_weights']):,}"]
            rows.append([row["method"], written(row["score"]), between, *old, *cost])
        return rows

    def _said(self) -> list[str]:
        """What the numbers say."""
        done = [f"{len(self.moved)} of {self.planned} runs."] if len(self.moved) < self.planned else []
        of = {
            method: [one for one in self.moved if one.method == method] for method in ("scratch", "head", "fine-tune")
        }
        scores = {method: median(one.score for one in runs) for method, runs in of.items() if runs}
        if not scores:
            return done
        best = (max if self.score_name == "accuracy" else min)(scores, key=lambda method: scores[method])
        listed = ", ".join(f"{method} {self._written(score)}" for method, score in scores.items())
        sentences = [*done, f"On {self.new} {best} is best by {self._what}: {listed}."]
        if of["fine-tune"]:
            after = median(one.old_after for one in of["fine-tune"])
            sentences.append(
                f"Fine-tuning changed the {self.score_name} on {self.old} from {self._written(self.before)} to {self._written(after)}."
            )
        return sentences
