"""How few bits a trained model bears: its weights are rounded, it is asked, and they are put back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from aitrain_nb import html, numerals, plots, reading
from aitrain_nb.engine import snapshots
from aitrain_nb.errors import ConfigError
from aitrain_nb.exporting.rounding import matrices, rounded

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from aitrain_nb.figures import Picture
    from aitrain_nb.trainer import Trainer

_FEWEST, _MOST = 2, 8
_HEADS = ["bits", "weights", "loss (nats)"]


class Rounding(NamedTuple):
    """A model whose weights have so many bits.

    Attributes:
        bits: of a weight; 32 as it was trained.
        size_bytes: that the weights would take.
        loss: on the split, nats.
        score: of the task, 0 to 1.
        flipped: answers that became others, a share from 0 to 1.
    """

    bits: int
    size_bytes: int
    loss: float
    score: float
    flipped: float


class Roundings:
    """What each number of bits does to a model.

    Attributes:
        before: as it was trained.
        rows: the roundings, the most bits first.
        split: the examples it was asked about.
        score_name: which score.
    """

    def __init__(self, before: Rounding, rows: Sequence[Rounding], split: str, score_name: str) -> None:
        self.before, self.rows, self.split, self.score_name = before, list(rows), split, score_name

    def frame(self) -> pd.DataFrame:
        """One row a number of bits: bits, size_bytes, loss (nats), the score (0 to 1), flipped (share of the answers); 32 first."""
        import pandas as pd

        frame = pd.DataFrame([self.before, *self.rows])
        return frame.rename(columns={"score": self.score_name})

    def plot(self) -> Picture:
        """Loss and score over the bits."""
        bits, losses, scores = ([getattr(row, name) for row in self.rows] for name in ("bits", "loss", "score"))
        before = (self.before.loss, self.before.score)
        return plots.rounding(bits, losses, scores, before, self.score_name)

    def sentence(self) -> str:
        """Where it breaks."""
        return self.plot().description

    def text(self) -> str:
        """The table for a terminal."""
        return reading.as_text(html.section("Rounded weights", self._note(), self._table()) + self.sentence())

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        said = html.element("p", self.sentence())
        return html.section("Rounded weights", self._note(), self.plot().to_html(), self._table(), said)

    def _note(self) -> str:
        return f"each matrix rounded to so many bits, one scale a row; asked about the {self.split} examples"

    def _table(self) -> html.Markup:
        heads = [*_HEADS, self.score_name.replace("_", " "), "answers that became others"]
        rows = [
            [row.bits, numerals.memory(row.size_bytes), numerals.epoch_loss(row.loss), *map(numerals.share, (row.score, row.flipped))]
            for row in (self.before, *self.rows)
        ]  # fmt: skip
        return html.table(heads, rows)


def simulate_quantization(trainer: Trainer, bits: int | Iterable[int] = range(8, 1, -1), split: str = "") -> Roundings:
    """What a trained model is worth with 8 to 2 bits a weight; afterwards its weights are what they were.

    Every matrix is rounded to whole numbers with one scale a row, symmetrically, as `export(format="int8")` does with 8 bits.
    Methods that look at data while they round (GPTQ, AWQ) lose less at 4 bits and below.

    Args:
        trainer: whose model it is.
        bits: which to try, 2 to 8 each; one or several.
        split: "validation" or "train"; by default the validation examples where there are any.

    Raises:
        ConfigError: a number of bits out of range, or it isn't a trainer.
        DataError: there is no such split.

    Example:
        simulate_quantization(trainer).plot()
    """
    if not hasattr(trainer, "phases"):
        raise ConfigError(
            f"Can't round the weights of {type(trainer).__name__}.",
            "A trainer is needed, whose examples the model answers.",
            "ai.simulate_quantization(trainer)",
        )
    asked = list(bits) if isinstance(bits, Iterable) else [bits]
    tried = sorted({number for number in asked if type(number) is int and _FEWEST <= number <= _MOST}, reverse=True)
    if not tried or len(tried) < len(asked):
        raise ConfigError(
            f"Can't round weights to {asked} bits.", f"It takes different whole numbers from {_FEWEST} to {_MOST}.", "bits=[8, 4, 2]"
        )  # fmt: skip
    split = split or ("validation" if "validation" in trainer.prepared else "train")
    kept = snapshots.copy_weights(trainer.model)
    before, answers = _asked(trainer, split, 32, None)
    rows = []
    try:
        for number in tried:
            with torch.no_grad():
                for name, weight in matrices(trainer.model):
                    weight.copy_(rounded(kept[name], number).weight.to(weight.device))
            rows.append(_asked(trainer, split, number, answers)[0])
    finally:
        snapshots.load_tensors(trainer.model, kept, {})
    return Roundings(before, rows, split, _score_of(trainer))


def _score_of(trainer: Trainer) -> str:
    metric = trainer.config.best_metric
    return metric if metric != "loss" else trainer.task.scores[0]


def _asked(trainer: Trainer, split: str, bits: int, before: Any) -> tuple[Rounding, Any]:
    evaluation = trainer.evaluate(split)
    predicted, labels = evaluation.predicted, evaluation.labels
    counted = labels != -100
    flipped = 0.0 if before is None else float(((predicted != before) & counted).sum()) / max(1, int(counted.sum()))
    size = sum(
        round(weight.numel() * bits / 8) + (4 * weight.shape[0] if bits < 32 else 0) for _, weight in matrices(trainer.model)
    )  # fmt: skip
    every = {id(weight): weight for weight in trainer.model.parameters()}
    rest = sum(weight.nbytes for weight in every.values()) - sum(weight.nbytes for _, weight in matrices(trainer.model))
    score = evaluation.metrics[_score_of(trainer)]
    return Rounding(bits, size + rest, evaluation.loss, score, flipped), predicted
