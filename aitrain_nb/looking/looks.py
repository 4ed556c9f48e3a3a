"""`Look`: what a quick look has found, as numbers, sentences, tables and code."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from aitrain_nb import numerals
from aitrain_nb.errors import DataError
from aitrain_nb.looking import showing
from aitrain_nb.records.base import Fact
from aitrain_nb.run import prepare

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from aitrain_nb.config import TrainConfig
    from aitrain_nb.figures import Picture
    from aitrain_nb.looking.mislabelled import Doubts
    from aitrain_nb.sources import Guess
    from aitrain_nb.trainer import Trainer


def class_table(labels: NDArray[Any], names: Sequence[str]) -> pd.DataFrame:
    """Examples of each class and their share: columns class, examples, share; the most frequent first."""
    counts = np.bincount(labels, minlength=len(names))
    frame = pd.DataFrame({"class": list(names), "examples": counts, "share": counts / counts.sum()})
    return frame.sort_values("examples", ascending=False, kind="stable", ignore_index=True)


@dataclass(frozen=True, repr=False, eq=False)
class Look:
    """What a quick look has found; a table is empty where it makes no sense for the data.

    Attributes:
        task: what the data are for.
        name: what they are called.
        note: where they come from.
        guess: what was decided when they were read; None for bundled data.
        rows: examples that there are.
        rows_scored: examples that the scores use, N; letters for plain text.
        seed: of the split and the samples.
        seconds: that the look took.
        scores: one row a method, see `Score`; shares from 0 to 1. For plain text: method, nats_per_letter, note.
        classes: class, examples, share.
        lengths: quantiles of letters and tokens; for plain text how the vocabulary grows.
        duplicates: rows that repeat an earlier one exactly; for plain text the lines that occur more than once.
        contradictions: equal inputs with different labels.
        near_duplicates: pairs of different texts that are nearly the same, with their cosine.
        suspicious: rows worth reading, with the reason.
        sentences: what else was found.
        config: a run that is ready to go: `prepare(look.config).fit()`.
        fine_tune_seconds: that it would take on this machine, from real steps; None where it wasn't measured.
        source: the data that were given in memory, else None.
        doubts: what doubtful labels are looked for with, or None.
    """

    task: str
    name: str
    note: str
    guess: Guess | None
    rows: int
    rows_scored: int
    seed: int
    seconds: float
    scores: pd.DataFrame
    classes: pd.DataFrame
    lengths: pd.DataFrame
    duplicates: pd.DataFrame
    contradictions: pd.DataFrame
    near_duplicates: pd.DataFrame
    suspicious: pd.DataFrame
    sentences: tuple[str, ...]
    config: TrainConfig
    fine_tune_seconds: float | None
    source: Any = field(default=None)
    doubts: Doubts | None = field(default=None)

    def mislabelled(self, k: int = 20) -> pd.DataFrame:
        """The rows whose label is most likely wrong, by confident learning (Northcutt et al. 2021); to be read, not believed.

        Models that haven't seen a row doubt its label: regressions on the frozen features of the other rows, or on their
        words. Computed at the first call.

        Args:
            k: rows at most; fewer where fewer are doubted.

        Returns:
            text, row (place in the data), given, suggested, p_given, p_suggested, margin (p_given minus the highest other).

        Raises:
            DataError: the data have no labels, too few examples, or k isn't a number of rows.
        """
        if self.doubts is None:
            raise DataError(
                "There are no labels to doubt.",
                "The data are plain text.",
                "Look at data with a class for each example.",
            )
        if isinstance(k, bool) or not isinstance(k, int) or k < 1:
            raise DataError(f"{k!r} rows can't be shown.", "It is a whole number of at least 1.", "Pass k=20.")
        found = self.doubts.table(k)
        return found if self.task == "text-classification" else found.drop(columns="text")

    def prepare(self, **changes: Any) -> Trainer:
        """The trainer of the suggested run, on the same data; `changes` are fields of its config."""
        data = {} if self.source is None else {"data": self.source}
        return prepare(self.config, **(data | changes))

    def facts(self) -> dict[str, Fact]:
        """Name -> value with its unit."""
        found = {"task": Fact(self.task), "examples": Fact(self.rows), "used for the scores": Fact(self.rows_scored)}
        if len(self.classes):
            found["classes"] = Fact(len(self.classes))
        counted = {
            "exact duplicates": self.duplicates, "contradictions": self.contradictions,
            "near-duplicate pairs": self.near_duplicates, "suspicious rows": self.suspicious,
        }  # fmt: skip
        found |= {name: Fact(len(frame)) for name, frame in counted.items() if len(frame.columns)}
        if self.fine_tune_seconds is not None:
            found["suggested run"] = Fact(f"about {numerals.duration(self.fine_tune_seconds)}")
        return found | {"took": Fact(numerals.duration(self.seconds))}

    def text(self) -> str:
        """All of it in sentences, one a line."""
        return "\n".join(showing.lines(self))

    def code(self) -> str:
        """The suggested run as code."""
        named = self.source is None
        fields = "".join(
            f"    {name}={value!r},\n" for name, value in self.config.changed().items() if name != "data" or named
        )
        given = "" if named else ", data=data)  # data: what you gave to quick_look"
        return (
            "import aitrain_nb as ai\n\n"
            f"config = ai.TrainConfig(\n{fields})\n"
            f"trainer = ai.prepare(config{given or ')'}\n"
            "trainer.fit()"
        )

    def plot(self) -> Picture:
        """The scores as bars with their 95 % intervals, and the classes."""
        return showing.picture(self)

    def __repr__(self) -> str:
        return f"Look at {self.name}\n{self.text()}"

    def _repr_html_(self) -> str:
        return showing.page(self)
