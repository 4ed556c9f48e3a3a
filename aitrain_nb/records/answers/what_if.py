"""What if: the same forward with one thing changed, a unit switched off or another input."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from aitrain_nb import html, numerals, plots
from aitrain_nb.records.answers.base import Answer

if TYPE_CHECKING:
    import pandas as pd

    from aitrain_nb.figures import Picture

_FEW, _MOST = 8, 80
"""Answers that are seen at once, and that a page holds."""


class Told(NamedTuple):
    """What the model says about one target, before and after.

    Attributes:
        place: which example, in words.
        true: the right answer, or "" where there is none.
        before, after: what it answers.
        p_before, p_after: probability of the right answer; of the answer before, where there is none.
        loss_before, loss_after: nats; NaN where there is no right answer.
    """

    place: str
    true: str
    before: str
    after: str
    p_before: float
    p_after: float
    loss_before: float
    loss_after: float


class WhatIf(Answer):
    """The answers of one batch as they were, and with one thing changed.

    Attributes:
        what: what was changed, in words.
        rows: one a target.
    """

    title = "What if"

    def __init__(self, what: str, rows: list[Told]) -> None:
        self.what, self.rows = what, rows

    @property
    def note(self) -> str:
        """What was changed."""
        return f"{self.what}; the model is what it was"

    @property
    def turned(self) -> list[Told]:
        """The rows whose answer is another one now."""
        return [row for row in self.rows if row.before != row.after]

    @property
    def loss_change(self) -> float:
        """How much the mean loss rises, nats."""
        return sum(row.loss_after - row.loss_before for row in self.rows) / max(1, len(self.rows))

    def table(self) -> pd.DataFrame:
        """One row a target: place, true, before, after, p_before, p_after, loss_before, loss_after."""
        import pandas as pd

        return pd.DataFrame(self.rows, columns=list(Told._fields))

    def plot(self) -> Picture:
        """How the probability of the right answer changes, for the examples where it changes most."""
        most = sorted(self.rows, key=lambda row: -abs(row.p_after - row.p_before))[:_FEW]
        values = [row.p_after - row.p_before for row in most]
        return plots.bars(
            [row.place for row in most], values, f"What if: {self.what}", "change of the right answer's probability"
        )

    def text(self) -> str:
        """What changes."""
        said = f"{self.what[:1].upper()}{self.what[1:]}: "
        if len(self.rows) == 1:
            row = self.rows[0]
            turns = f"still {row.after}" if row.before == row.after else f"{row.after} instead of {row.before}"
            shares = [numerals.share(p) for p in (row.p_before, row.p_after)]
            return f"{said}the answer is {turns}; {row.true or row.before} gets {shares[1]} instead of {shares[0]}."
        rise = self.loss_change
        way = "rises" if rise > 0 else "falls"
        moved = f"the mean loss {way} by {abs(rise):.3g} nats" if rise else "the mean loss stays what it was"
        return said + f"{moved}, and {len(self.turned)} of {len(self.rows)} answers become others."

    def _view(self) -> html.Markup:
        most = sorted(self.rows, key=lambda row: (row.before == row.after, -abs(row.p_after - row.p_before)))
        cells = [
            [
                row.place,
                row.true,
                row.before,
                row.after,
                f"{numerals.share(row.p_before)} → {numerals.share(row.p_after)}",
            ]
            for row in most
        ]
        return html.folded_table(["example", "true", "before", "after", "right answer"], cells, _FEW, _MOST)
