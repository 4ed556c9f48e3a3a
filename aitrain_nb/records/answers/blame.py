"""Which weights caused a mistake, and the test of it: what becomes better, and what worse, when only these are moved."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from aitrain_nb import html, numerals, plots
from aitrain_nb.errors import ConfigError
from aitrain_nb.records.answers.base import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

    from aitrain_nb.figures import Picture

WAYS = {
    "grad*weight": "gradient times weight: what the loss would lose, to first order, if the weight were shrunk to nothing",
    "grad": "the squared gradient: what a small step would gain through the weight, per unit of learning rate",
    "ablation": "the loss less that with the tensor's weights at zero, measured; what tensors do together belongs to none of them",
}
"""How blame is found -> what the number of a weight or tensor is."""
CAUTION = "A gradient is local sensitivity, not intention: press test."
_FEW = 12


class Weight(NamedTuple):
    """One weight: the name of its tensor, its place in it, its value, and the gradient of the example's loss."""

    name: str
    at: tuple[int, ...]
    value: float
    gradient: float

    def __str__(self) -> str:
        return f"{self.name}[{', '.join(map(str, self.at))}]"


class Blame(Answer):
    """How the loss of one example falls upon the weights.

    Attributes:
        example: its place in the micro-batch.
        by: one of `WAYS`.
        loss: of the example, nats.
        p_true: probability that it gave the right answer.
        true: the right answer in words.
        rows: one a tensor: name, weights (how many), blame (signed; see `by`), share (of all blame, without sign).
        weights: the single weights with the most blame, the first most; none where tensors were taken away whole.
        total: what is split: the sum of all blame.
    """

    title = "Blame"

    def __init__(
        self, example: int, by: str, loss: float, p_true: float, true: str, rows: list[dict[str, Any]], weights: list[Weight],
        test: Callable[..., BlameTest],
    ) -> None:  # fmt: skip
        self.example, self.by, self.loss, self.p_true, self.true = example, by, loss, p_true, true
        self.weights, self._test = weights, test
        self.total = math.fsum(row["blame"] for row in rows)
        whole = math.fsum(abs(row["blame"]) for row in rows)
        self.rows = [row | {"share": abs(row["blame"]) / whole if whole else 0.0} for row in rows]

    def test(self, rows: int | Sequence[Any] = 20, lr: float | None = None) -> BlameTest:
        """Move only these weights a little against the gradient of this example's loss, on copies, and measure who gains and who loses.

        Args:
            rows: how many of the single weights with the most blame; or names of tensors, or (name, index, ...) of single weights.
            lr: how far: each moves by -lr x gradient. None: so far that the example's loss would fall by a fifth to first order,
                and less where that is too far to be true.

        Raises:
            ConfigError: no such weights, or none that would move.
            PhaseError: the step is over.
        """
        return self._test(self, rows, lr)

    def table(self) -> pd.DataFrame:
        """One row a tensor, the most to blame first: name, weights, blame, share."""
        import pandas as pd

        return pd.DataFrame(self.rows).sort_values("share", ascending=False, ignore_index=True)

    def weights_table(self) -> pd.DataFrame:
        """One row a single weight, the most to blame first: weight, value, gradient, blame."""
        import pandas as pd

        rows = [[str(one), one.value, one.gradient, self._of(one)] for one in self.weights]
        return pd.DataFrame(rows, columns=["weight", "value", "gradient", "blame"])

    def _of(self, weight: Weight) -> float:
        return weight.gradient * (weight.value if self.by == "grad*weight" else weight.gradient)

    def plot(self) -> Picture:
        """The share of the most blamed tensors as bars."""
        found = self.table().head(_FEW)
        title = f"Share of the blame for example {self.example}"
        return plots.bars(found["name"].tolist(), found["share"].tolist(), title, "share of all blame")

    @property
    def note(self) -> str:
        """The example, and how blame is found."""
        return f"example {self.example}, by {self.by}"

    def text(self) -> str:
        """Which tensor, and which single weight, has the most blame."""
        most = self.table().iloc[0]
        said = [
            f"Example {self.example} is {self.true}, which got {numerals.share(self.p_true)}: loss {numerals.step_loss(self.loss)} nats.",
            f"{most['name']} has {numerals.share(most['share'])} of the blame.",
        ]
        if self.weights:
            first = self.weights[0]
            said.append(
                f"The single weight with the most is {first} = {first.value:.3g}, gradient {first.gradient:.3g} nats per unit."
            )
        return " ".join([*said, f"Blame is {WAYS[self.by]}.", CAUTION])

    def _view(self) -> html.Markup:
        found = self.table()
        cells = [
            [html.dotted(row["name"]), f"{row['weights']:,}", f"{row['blame']:.3g}", html.bar(row["share"], numerals.share(row["share"]))]
            for _, row in found.iterrows()
        ]  # fmt: skip
        single = [
            [str(one), f"{one.value:.4g}", f"{one.gradient:.3g}", f"{self._of(one):.3g}"] for one in self.weights[:_FEW]
        ]
        parts = html.folded_table(["weights", "how many", "blame", "share"], cells, 8)
        if not single:
            return parts
        return parts + html.table(
            ["single weight", "value", "gradient", "blame"], single, "The single weights with the most"
        )


class Moved(NamedTuple):
    """What came of moving some weights.

    Attributes:
        what: which weights, in words.
        weights: how many moved.
        loss, p_true: of the example afterwards.
        worse, better: other examples of the batch whose loss rose, fell.
        lost, gained: other examples that were right and no longer are, and the other way round.
    """

    what: str
    weights: int
    loss: float
    p_true: float
    worse: int
    better: int
    lost: int
    gained: int


class BlameTest(Answer):
    """What happens when only the blamed weights are moved, beside as many others at random, and all.

    Attributes:
        blame: what is tested.
        lr: each weight moved by -lr x gradient of the example's loss.
        predicted: how far the example's loss should fall, nats, to first order.
        others: how many other examples the batch has.
        rows: the blamed ones, as many at random, all.
    """

    title = "Blame, tested"

    def __init__(self, blame: Blame, lr: float, predicted: float, others: int, rows: list[Moved]) -> None:
        self.blame, self.lr, self.predicted, self.others, self.rows = blame, lr, predicted, others, rows

    @property
    def drop(self) -> float:
        """How far the example's loss really fell, nats."""
        return self.blame.loss - self.rows[0].loss

    @property
    def note(self) -> str:
        """The example, and how far the weights moved."""
        return (
            f"example {self.blame.example}, learning rate {numerals.rate(self.lr)}; the run's weights were not touched"
        )

    def table(self) -> pd.DataFrame:
        """One row a set of weights: moved, weights, loss_before, loss_after, p_before, p_after, worse, better, lost, gained."""
        import pandas as pd

        return pd.DataFrame([
            {"moved": row.what, "weights": row.weights, "loss_before": self.blame.loss, "loss_after": row.loss,
             "p_before": self.blame.p_true, "p_after": row.p_true, "worse": row.worse, "better": row.better, "lost": row.lost,
             "gained": row.gained}
            for row in self.rows
        ])  # fmt: skip

    def plot(self) -> Picture:
        """Probability of the right answer before, and after each move."""
        names = ["before", *(row.what for row in self.rows)]
        values = [self.blame.p_true, *(row.p_true for row in self.rows)]
        return plots.bars(names, values, f"Example {self.blame.example}", "probability of the right answer")

    def text(self) -> str:
        """What the example gained, and what the others paid."""
        blamed, random, _ = self.rows
        shares = [numerals.share(p) for p in (self.blame.p_true, blamed.p_true)]
        moving = f"Moving {numerals.several(blamed.weights, 'weight')} took example {self.blame.example} from {shares[0]} to {shares[1]}"
        lost = f"; {blamed.lost} that were right no longer are." if blamed.lost else "."
        said = [
            f"{moving}: its loss fell by {self.drop:.3g} nats, {self.predicted:.3g} were foreseen.",
            f"Of {self.others} others in the batch {blamed.worse} got worse and {blamed.better} better{lost}",
        ]
        if random.weights:
            said.append(f"As many other weights at random took it to {numerals.share(random.p_true)}.")
        return " ".join(said)

    def _view(self) -> html.Markup:
        cells = [
            [row.what, f"{row.weights:,}", f"{numerals.share(self.blame.p_true)} → {numerals.share(row.p_true)}",
             f"{numerals.step_loss(self.blame.loss)} → {numerals.step_loss(row.loss)}", row.worse, row.better, row.lost, row.gained]
            for row in self.rows
        ]  # fmt: skip
        heads = [
            "moved",
            "weights",
            "right answer",
            "loss (nats)",
            "others worse",
            "better",
            "no longer right",
            "now right",
        ]
        return html.table(heads, cells)


def checked_way(by: object) -> str:
    """A way to find blame; raises ConfigError for others."""
    from aitrain_nb.errors import unknown_name

    if by not in WAYS:
        raise ConfigError(*unknown_name("way to find blame", str(by), list(WAYS)))
    return str(by)
