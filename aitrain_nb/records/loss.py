"""Loss: what `loss` returns. How wrong was each prediction?"""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Any

from aitrain_nb import chips, html, numerals, plots
from aitrain_nb.errors import PhaseError
from aitrain_nb.lettering import shortened
from aitrain_nb.records.base import Check, Fact, Record, agree, tolerance
from aitrain_nb.records.targets import Targets

if TYPE_CHECKING:
    import weakref
    from collections.abc import Iterator

    import pandas as pd
    from torch import Tensor

    from aitrain_nb.figures import Picture


_MOST_ROWS = 32
"""Targets that a view lists."""
_MOST_CHIPS = 64
"""Targets of one example that it shows with their loss."""


class Loss(Record):
    """How wrong the predictions of one micro-batch are. Letters: B examples, T positions where each has a target.

    Attributes:
        number: 0-based place of the micro-batch in the step.
        counted: targets counted in this micro-batch.
        objective: what is differentiated: the sum over this micro-batch divided by the targets of the whole step
            (nats), with label smoothing and class weights. It carries the graph until `backward`.
        per_target: loss of each target [B] or [B, T], nats, without smoothing and weights; 0 where not counted.
    """

    phase = "loss"
    title = "Loss"
    explain = "One number says how wrong the predictions are: how surprised the model was by the right answers."

    def __init__(
        self,
        trainer: weakref.ref[Any],
        step: int,
        epoch: float,
        number: int,
        objective: Tensor,
        per_target: Tensor,
        counted: int,
    ) -> None:
        super().__init__(trainer, step, epoch)
        self.number, self.objective, self.counted = number, objective, counted
        self._per_target = per_target

    @property
    def per_target(self) -> Tensor:
        """Loss of each target [B] or [B, T], nats."""
        return self._per_target.detach()

    @property
    def per_example(self) -> Tensor:
        """Loss of each example [B], nats: the mean over its counted targets."""
        return self.per_target if self.per_target.ndim == 1 else self._targets.per_example(self.per_target)

    @cached_property
    def value(self) -> float:
        """Mean loss over the counted targets of this micro-batch, nats."""
        return float(self.per_target.sum()) / max(1, self.counted)

    @property
    def bits(self) -> float:
        """The same in bits: nats / ln 2."""
        return self.value / math.log(2)

    @property
    def perplexity(self) -> float:
        """e^nats: the model is as surprised as by a die with this many sides."""
        return math.exp(min(self.value, 700.0))

    @property
    def baseline(self) -> float:
        """Loss of a uniform guess over the classes, ln C, nats."""
        return math.log(len(self.trainer.class_names))

    @property
    def p_true(self) -> Tensor:
        """Probability given to the right answer, 0 to 1, in the shape of the targets."""
        return (-self.per_target).exp()

    @property
    def correct(self) -> Tensor:
        """Whether each prediction is right: bool in the shape of the targets."""
        return self._forward.predicted == self._targets.labels

    @property
    def accuracy(self) -> float:
        """Share of the counted targets that are predicted right, 0 to 1."""
        return float(self.correct.sum()) / max(1, self.counted)

    @property
    def _forward(self) -> Any:
        return self._records.forwards[self.number]

    @property
    def _targets(self) -> Targets:
        return Targets(self._records.batch.parts[self.number].inputs["labels"])

    def table(self) -> pd.DataFrame:
        """One row a target, in the batch's order: true, predicted, their probabilities, rank of the true class, loss (nats), share."""
        import pandas as pd

        forward, names, targets = self._forward, self.trainer.class_names, self._targets
        losses = targets.pick(self.per_target)
        return pd.DataFrame(
            targets.columns() | {
                "true": targets.named(names),
                "p_true": targets.pick(self.p_true).tolist(),
                "predicted": [names[i] for i in targets.pick(forward.predicted).tolist()],
                "p_predicted": targets.pick(forward.confidence).tolist(),
                "rank_true": targets.pick(self.rank_true).tolist(),
                "loss": losses.tolist(),
                "share": (losses / losses.sum().clamp(min=1e-30)).tolist(),
            }
        )  # fmt: skip

    @property
    def rank_true(self) -> Tensor:
        """Place of the right answer among the model's guesses, 1 = first: int64 in the shape of the targets."""
        logits = self._forward.logits
        own = logits.gather(-1, self._targets.labels.clamp(min=0)[..., None])
        return (logits > own).sum(-1) + 1

    def worst(self, k: int = 5) -> pd.DataFrame:
        """The k targets with the highest loss, the worst first; the index is the row in `table()`."""
        return self.table().sort_values("loss", ascending=False).head(k)

    def confidently_wrong(self, threshold: float = 0.9) -> pd.DataFrame:
        """Targets predicted wrong with a probability above `threshold`, the worst first."""
        rows = self.table()
        wrong = rows[(rows["true"] != rows["predicted"]) & (rows["p_predicted"] > threshold)]
        return wrong.sort_values("loss", ascending=False)

    def example(self, i: int) -> str:
        """Row i of `table()` in a sentence."""
        row = self.table().iloc[i]
        true, guess = (f"{name!r}" if "position" in row else name for name in (row["true"], row["predicted"]))
        who = f"Example {i}" if "position" not in row else f"Position {row['position']} of example {row['example']}"
        return (
            f"{who} is {true}. The model gave that {numerals.share(row['p_true'])}, so its loss is "
            f"-ln {row['p_true']:.3g} = {numerals.step_loss(row['loss'])} nats. Its own guess was {guess} "
            f"with {numerals.share(row['p_predicted'])}."
        )

    def token(self, i: int, t: int) -> str:
        """The target at position t of example i in a sentence; raises PhaseError where it isn't counted."""
        places = self._targets.places().tolist()
        if [i, t] not in places:
            raise PhaseError(
                f"There is no counted target at position {t} of example {i}.",
                f"{len(places)} targets count.",
                "Look at loss.table() for those that do.",
            )
        return self.example(places.index([i, t]))

    @staticmethod
    def what_if(p: float) -> float:
        """The loss (nats) of an example whose right answer gets probability `p` (above 0, at most 1)."""
        if not 0 < p <= 1:
            raise ValueError(f"a probability lies above 0 and is at most 1, not {p}")
        return -math.log(p)

    def facts(self) -> dict[str, Fact]:
        """Loss in nats, bits and perplexity, accuracy, the loss of knowing nothing."""
        found = {
            "loss": Fact(self.value, "nats"),
            "bits": Fact(self.bits, "bits"),
            "perplexity": Fact(self.perplexity, "sides of a die"),
            "knows nothing": Fact(self.baseline, "nats"),
            "counted targets": Fact(self.counted),
        }
        if self._current:
            found["right"] = Fact(f"{int(self.correct.sum())} of {self.counted}")
        return found

    def plot(self) -> Picture:
        """The curve -ln p with this batch's examples on it."""
        targets = self._targets
        return plots.surprise(targets.pick(self.p_true).tolist(), targets.pick(self.per_target).tolist())

    def brief(self) -> str:
        """The loss, and how many predictions are right."""
        right = f"; {int(self.correct.sum()):,} of {self.counted:,} right" if self._current else ""
        return f"loss {numerals.step_loss(self.value)} = mean of -ln p(true){right}"

    def text(self) -> str:
        """The loss in sentences."""
        sentences = [
            f"The mean loss is {numerals.step_loss(self.value)} nats, the surprise of a fair die with {self.perplexity:.3g} sides.",
            f"A model that knows nothing has ln {len(self.trainer.class_names)} = {numerals.step_loss(self.baseline)}.",
        ]
        if self.trainer.loss_options.class_weights is not None:
            sentences.append(
                "What is minimised weighs rare classes more, so that each class counts the same: "
                f"{numerals.step_loss(float(self.objective.detach()))} nats for this batch."
            )
        if self._current:
            sentences.append(f"{int(self.correct.sum())} of {self.counted} predictions are right.")
            sentences.append(self.example(int(self._targets.pick(self.per_target).argmax())))
        return " ".join(sentences)

    def code(self) -> str:
        """The phase in plain PyTorch."""
        smoothing, weights = self.trainer.loss_options
        extra = ("" if weights is None else ", weight=class_weights") + (
            f", label_smoothing={smoothing!r}" if smoothing else ""
        )
        flat = ".flatten(0, 1)" if self.per_target.ndim > 1 else ""
        lines = [
            f"per_target = torch.nn.functional.cross_entropy(logits{flat}, labels{flat}, reduction='none'{extra})",
            "counted = (labels != -100).sum()",
            "loss = per_target.sum() / counted",
        ]
        whole = self._records.batch.counted if self._current else self.counted
        if whole != self.counted:  # one of several micro-batches: all of them together are the step's mean
            lines[1:] = [f"counted = {whole}                                    # targets of the whole step", lines[2]]
        return "\n".join(lines)

    def _view(self) -> html.Markup:
        if not self._current:
            return html.Markup("")
        rows = self.worst(_MOST_ROWS)
        if not len(rows):
            return html.Markup("")
        heat = self._heat_view(int(rows["example"].iloc[0])) if self._targets.many else html.Markup("")
        return heat + self._ledger_view(rows) + self.plot().to_html(always_white=True)

    def _ledger_view(self, rows: pd.DataFrame) -> html.Markup:
        """Who is how much to blame for the loss, the most surprising first."""
        top = max(1e-12, float(rows["loss"].iloc[0]))
        cells = [
            [i if "position" not in row else f"{row['example']}, {row['position']}", shortened(row["true"], 40),
             f"{shortened(row['predicted'], 40)} ({numerals.share(row['p_predicted'])})", numerals.share(row["p_true"]),
             html.bar(row["loss"] / top, f"{numerals.step_loss(row['loss'])} nats", html.ORANGE), numerals.share(row["share"])]
            for i, row in rows.iterrows()
        ]  # fmt: skip
        where = "example" if "position" not in rows else "example, position"
        which = (
            "targets" if len(rows) == self.counted else f"targets, the {len(rows)} most surprising of {self.counted:,}"
        )
        heading = html.element("div", f"{which}, sorted by loss".capitalize(), style="opacity:0.85;margin-top:6px")
        return heading + html.folded_table(
            [where, "true", "predicted", "given to the truth", "loss", "share of all"], cells, 6
        )

    def _heat_view(self, example: int) -> html.Markup:
        """Each target of one example with its loss."""
        names, labels, losses = self.trainer.class_names, self._targets.labels[example], self.per_target
        counted = labels != -100
        found = zip(labels[counted].tolist(), losses[example][counted].tolist(), strict=True)
        pieces = [(names[label], loss) for label, loss in found][:_MOST_CHIPS]
        caption = f"The right answers of example {example} with their loss (nats): the more of it, the thicker the line below."
        return chips.heat(pieces, float(losses.max()), caption)

    def _checks(self) -> Iterator[Check]:
        import torch

        forward, labels = self._forward, self._targets.labels
        yield agree(
            "mean of the examples = the loss",
            float(self.per_target.double().sum()) / max(1, self.counted),
            self.value,
            1e-6,
        )
        own = forward.probabilities.double().gather(-1, labels.clamp(min=0)[..., None])[..., 0]
        own = torch.where(labels >= 0, own, torch.ones_like(own))
        error = float((self.p_true.double() - own).abs().max())
        yield Check(
            "exp(-loss) = probability of the truth",
            error <= tolerance(forward.logits, 1e-5),
            f"largest difference {error:.1e}",
        )
        yield from self._second_opinion(torch, forward, labels)
        finite = bool(torch.isfinite(self.per_target).all())
        where = "" if finite else f"; first layer: {self.trainer.inspector.first_bad_layer(self._records, self.number)}"
        yield Check(
            "every loss is a finite number",
            finite,
            f"{int(torch.isfinite(self.per_target).sum())} of {labels.numel()}{where}",
        )

    def _second_opinion(self, torch: Any, forward: Any, labels: Tensor) -> Iterator[Check]:
        """The objective against torch's own summed cross-entropy over this micro-batch."""
        smoothing, weights = self.trainer.loss_options
        total = torch.nn.functional.cross_entropy(
            forward.logits.double().flatten(0, -2), labels.flatten(), None if weights is None else weights.double(),
            reduction="sum", label_smoothing=smoothing,
        )  # fmt: skip
        expected = float(total) / max(1, self._records.batch.counted)
        yield agree(
            "the objective = torch's cross-entropy, by its share of the step",
            float(self.objective.detach()),
            expected,
            tolerance(forward.logits, 1e-5),
        )
