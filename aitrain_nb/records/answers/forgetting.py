"""What a step cost elsewhere: examples that were right before it and are no longer, and the other way round."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aitrain_nb import html, numerals, plots
from aitrain_nb.lettering import shortened
from aitrain_nb.records.answers.base import Answer

if TYPE_CHECKING:
    import pandas as pd

    from aitrain_nb.figures import Picture

_MOST, _LONGEST = 80, 90
"""Answers that a page holds, and letters of a text in them."""


class Forgetting(Answer):
    """The answers on the same examples before and after a step.

    Attributes:
        rows: one an example whose answer turned: example (its place in the validation side), text or other columns of it, true, before,
            after, change ("forgotten", "gained" or "other mistake").
        asked: how many targets were asked.
        right_before, right_after: how many of them were right.
        loss_before, loss_after: their mean loss, nats.
    """

    title = "What the step forgot"

    def __init__(self, rows: pd.DataFrame, asked: int, right: tuple[int, int], loss: tuple[float, float]) -> None:
        self.rows, self.asked = rows, asked
        self.right_before, self.right_after = right
        self.loss_before, self.loss_after = loss

    @property
    def forgotten(self) -> int:
        """How many were right before the step and are wrong after it."""
        return int((self.rows["change"] == "forgotten").sum())

    @property
    def gained(self) -> int:
        """How many were wrong before the step and are right after it."""
        return int((self.rows["change"] == "gained").sum())

    @property
    def note(self) -> str:
        """How many were asked."""
        return f"the same {self.asked:,} validation answers before and after"

    def table(self) -> pd.DataFrame:
        """One row a target whose answer turned: example, true, before, after, change."""
        return self.rows

    def plot(self) -> Picture:
        """How many were forgotten and gained."""
        return plots.bars(
            ["forgotten", "gained"],
            [self.forgotten, self.gained],
            "Answers that turned in this step",
            f"of {self.asked:,} validation answers",
        )

    def text(self) -> str:
        """How many turned, and what it is worth."""
        net = self.right_after - self.right_before
        balance = "as many as before" if not net else f"{abs(net)} {'more' if net > 0 else 'fewer'} than before"
        losses = [numerals.step_loss(loss) for loss in (self.loss_before, self.loss_after)]
        return (
            f"Of {self.asked:,} validation answers this step lost {self.forgotten} that were right and won {self.gained}: "
            f"{self.right_after:,} are right now, {balance}. Their loss went from {losses[0]} to {losses[1]} nats. Every step forgets a "
            "little; learning is that it wins more."
        )

    def _view(self) -> html.Markup:
        picture = self.plot().to_html()
        if not len(self.rows):
            return picture
        heads = [str(name) for name in self.rows.columns]
        rows = [
            [shortened(cell, _LONGEST) if isinstance(cell, str) else cell for cell in row]
            for row in self.rows.itertuples(index=False)
        ]
        return picture + html.folded_table(heads, rows, 6, _MOST)
