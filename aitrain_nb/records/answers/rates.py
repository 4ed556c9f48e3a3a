"""The same gradient with other learning rates: where each would have led."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from aitrain_nb import html, numerals, plots
from aitrain_nb.records.answers.base import Answer

if TYPE_CHECKING:
    import pandas as pd

    from aitrain_nb.figures import Picture


class Tried(NamedTuple):
    """A step with one rate.

    Attributes:
        lr: learning rate.
        loss: of the same batch afterwards, nats.
        predicted: how far the loss should fall: -gradient x change, nats, to first order.
        update_norm: L2 norm of the change.
        ratio: of that to the norm of the weights.
    """

    lr: float
    loss: float
    predicted: float
    update_norm: float
    ratio: float


class RatesTried(Answer):
    """One step, tried with several rates on the same batch.

    Attributes:
        loss: of the batch before the step, nats.
        used: the rate that the step really had.
        rows: in rising order of the rates.
    """

    title = "The same step at other rates"

    def __init__(self, loss: float, used: float, rows: list[Tried]) -> None:
        self.loss, self.used, self.rows = loss, used, sorted(rows)

    @property
    def best(self) -> Tried:
        """The rate with the lowest loss of this batch afterwards."""
        return min(self.rows, key=lambda row: row.loss if math.isfinite(row.loss) else math.inf)

    @property
    def note(self) -> str:
        """How many rates."""
        return f"{numerals.several(len(self.rows), 'rate')}; the weights are what they were"

    def table(self) -> pd.DataFrame:
        """One row a rate: lr, loss (nats, of the same batch after the step), drop, predicted, update_norm, ratio."""
        import pandas as pd

        columns = ["lr", "loss", "drop", "predicted", "update_norm", "ratio"]
        return pd.DataFrame(
            [[row.lr, row.loss, self.loss - row.loss, row.predicted, row.update_norm, row.ratio] for row in self.rows],
            columns=columns,
        )

    def plot(self) -> Picture:
        """Loss after the step against the rate."""
        return plots.rates_tried([row.lr for row in self.rows], [row.loss for row in self.rows], self.loss, self.used)

    def text(self) -> str:
        """Which rate would have lowered this batch's loss most, and where it would have risen."""
        best, before = self.best, numerals.step_loss(self.loss)
        said = [f"Before the step this batch's loss was {before} nats; the step had rate {numerals.rate(self.used)}."]
        if best.loss < self.loss:
            said.append(f"Rate {numerals.rate(best.lr)} would lower it most, to {numerals.step_loss(best.loss)}.")
        else:
            said.append("None of these rates would lower it.")
        if worse := [row.lr for row in self.rows if row.lr > best.lr and not row.loss <= self.loss]:
            said.append(f"From {numerals.rate(min(worse))} on it rises: the step leaps over the valley.")
        said.append("The best rate for one batch is too high for all: the next batch pulls elsewhere.")
        return " ".join(said)

    def _view(self) -> html.Markup:
        cells = [
            [numerals.rate(row.lr), numerals.step_loss(row.loss), f"{self.loss - row.loss:.3g}", f"{row.predicted:.3g}", f"{row.ratio:.1e}"]
            for row in self.rows
        ]  # fmt: skip
        heads = ["learning rate", "loss after (nats)", "fell by", "foreseen", "change / weights"]
        return self.plot().to_html() + html.table(heads, cells)
