"""Gradients: what `backward` returns. For each weight: which way, and how strongly, the loss would change."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from aitrain_nb import html, numerals, plots
from aitrain_nb.errors import ConfigError, ModelError, PhaseError
from aitrain_nb.records.answers.blame import checked_way
from aitrain_nb.records.answers.one_weight import Around, NudgeTest
from aitrain_nb.records.base import Check, Fact, Record, agree, tolerance
from aitrain_nb.records.weights import find_weights, place_in, strongest, why_none

if TYPE_CHECKING:
    import weakref
    from collections.abc import Iterator, Sequence

    import pandas as pd
    from torch import Tensor

    from aitrain_nb.figures import Picture
    from aitrain_nb.records.answers import Agreement, Blame, BlameTest
    from aitrain_nb.records.noise import NoiseScale


_FAR = 0.01
"""A weight that is moved further than this measures the curve, no longer its slope."""


class Gradients(Record):
    """The gradient of the step's loss with respect to every weight.

    The gradients themselves stay on the weights (`parameter.grad`) until the next step's first backward.

    Attributes:
        number: 0-based place of the micro-batch whose backward this was.
        final: whether it was the last of the step; only then are the gradients complete and clipped.
        norm_tensor: L2 norm over all gradients before clipping, a tensor without dimensions (nats per weight unit),
            None before the last.
        clip_at: the norm above which gradients are scaled down; 0 turns clipping off.
    """

    phase = "backward"
    title = "Gradients"
    explain = "Working backwards from the loss: for each weight, how the loss would change if the weight were nudged."

    def __init__(
        self,
        trainer: weakref.ref[Any],
        step: int,
        epoch: float,
        number: int,
        norm_tensor: Tensor | None,
        clip_at: float,
    ) -> None:
        super().__init__(trainer, step, epoch)
        self.number, self.norm_tensor, self.clip_at = number, norm_tensor, clip_at

    @property
    def final(self) -> bool:
        """Whether this was the step's last backward."""
        return self.norm_tensor is not None

    @cached_property
    def norm(self) -> float:
        """L2 norm over all gradients before clipping, nats per weight unit."""
        if self.norm_tensor is None:
            raise PhaseError(
                "The gradients of this step aren't complete.",
                "More micro-batches follow.",
                "Go on with the next part of batch.parts.",
            )
        return float(self.norm_tensor)

    @property
    def clipped(self) -> bool:
        """Whether the gradients were scaled down."""
        return bool(self.clip_at) and self.norm > self.clip_at

    @property
    def coefficient(self) -> float:
        """What clipping multiplied every gradient by, as torch computes it: clip_at / (norm + 1e-6), at most 1."""
        if not self.clip_at:
            return 1.0
        return min(1.0, self.clip_at / (self.norm + 1e-6)) if self.norm == self.norm else self.norm

    @property
    def norm_clipped(self) -> float:
        """L2 norm over all gradients after clipping, nats per weight unit."""
        return self.norm * self.coefficient

    @cached_property
    def _rows(self) -> list[dict[str, Any]]:
        back = 1.0 / self.coefficient if self.final and self.coefficient else 1.0
        before = self._records.before or {}
        return [_row(name, weight, before.get(name, weight), back) for name, weight in self._model.named_parameters()]

    def table(self) -> pd.DataFrame:
        """One row a tensor of weights, gradients as before clipping.

        Columns: name, shape, grad_norm, mean_abs, max_abs (nats per weight unit), weight_norm, grad_per_weight, zeros
        (share), has_grad, why_none.
        """
        import pandas as pd

        return pd.DataFrame(self._rows)

    def weight(self, name: str, *index: int) -> str:
        """What the gradient of one weight says, in a sentence; raises ModelError for a name or place that isn't there."""
        records = self._records
        parameter = find_weights(self._model, name)
        place = place_in(name, parameter, index)
        if parameter.grad is None:
            return f"{name}{list(place)} has no gradient: {why_none(parameter)}."
        slope = float(parameter.grad[place]) / (self.coefficient if self.final else 1.0)
        value = float((records.before or {}).get(name, parameter)[place])
        way = "raise" if slope > 0 else "lower"
        advice = "down" if slope > 0 else "up"
        if slope == 0:
            return (
                f"{name}{list(place)} = {value:.4g} has gradient 0: nudging it would not change the loss of this batch."
            )
        return (
            f"{name}{list(place)} = {value:.4g} has gradient {slope:.3g} nats per unit: a nudge of +0.01 would {way} the loss by about "
            f"{abs(slope) * 0.01:.2g} nats, so descent moves it {advice}."
        )

    def nudge(self, name: str, *index: int, eps: float = 1e-6) -> NudgeTest:
        """Test one gradient by moving its weight and measuring the loss again.

        The same batch goes through a copy in double precision with the weight at +eps and -eps; nothing of the
        trainer changes.

        Returns:
            A dict of measured (slope from the two losses), gradient (from backward), error (difference relative to the
            larger of the two), which a notebook shows with its sentence and the gradients around it.
        """
        if isinstance(eps, bool) or not isinstance(eps, (int, float)) or not 0 < eps <= _FAR:
            raise ConfigError(
                f"eps={eps!r} is no nudge.", f"It is a number above 0, at most {_FAR}.", "Leave it out: 1e-6."
            )
        records = self._records
        parameter = find_weights(self._model, name)
        place = place_in(name, parameter, index)
        if parameter.grad is None:
            raise ModelError(f"{name} has no gradient to test.", why_none(parameter) + ".", "Choose a trained weight.")
        coefficient = self.coefficient if self.final else 1.0
        gradient = float(parameter.grad[place]) / coefficient
        measured = self.trainer.inspector.slope(records, name, place, eps)
        error = abs(measured - gradient) / max(abs(measured), abs(gradient), 1e-12)
        around = Around.of("Gradients around it", parameter.grad / coefficient, place)
        return NudgeTest(
            f"{name}{list(place)}", self.weight(name, *place), tolerance(records.forwards[-1].logits, 1e-3), around,
            measured=measured, gradient=gradient, error=error,
        )  # fmt: skip

    def predict_drop(self, lr: float) -> float:
        """How far the loss would fall if every weight moved by -lr x gradient: lr x norm², nats, for small lr."""
        return lr * self.norm**2

    def noise_scale(self) -> NoiseScale:
        """The simple noise scale of this step's batch, and what it says of the batch size; the gradient of each example is computed.

        Raises:
            PhaseError: the step is over, more micro-batches follow, or the batch has one example.

        Source: McCandlish et al. 2018, "An Empirical Model of Large-Batch Training", appendix A.1, with batches of 1 and B.
        """
        if not self.final:
            self.norm  # noqa: B018  raises
        found: NoiseScale = self.trainer.inspector.noise_scale(self._records)
        return found

    def per_example(self) -> Agreement:
        """The gradient of each example: how long it is, and whether it pulls the way the step goes; one backward an example.

        Raises:
            PhaseError: the step is over, more micro-batches follow, or the batch has one example.
        """
        if not self.final:
            self.norm  # noqa: B018  raises
        found: Agreement = self.trainer.inspector.agreement(self._records)
        return found

    def blame(self, i: int, by: str = "grad*weight") -> Blame:
        """Which weights pushed the answer on one example to where it is; no weight moves.

        Args:
            i: the example's place in this micro-batch.
            by: "grad*weight", "grad", or "ablation", which takes each tensor away and measures; see `Blame`.

        Raises:
            DataError: there is no such example, or it has no right answer.
            ConfigError: no such way.
            PhaseError: the step is over.
        """
        found: Blame = self.trainer.inspector.blame(self._records, self.number, i, checked_way(by))
        return found

    def test_blame(
        self, i: int, rows: int | Sequence[Any] = 20, lr: float | None = None, by: str = "grad*weight"
    ) -> BlameTest:
        """Move only the weights that are blamed for one example, on copies, and say who got better and who worse; see `Blame.test`."""
        return self.blame(i, by).test(rows, lr)

    @property
    def dloss_dlogits(self) -> Tensor:
        """Gradient of the step's loss with respect to this micro-batch's logits [B, C], nats per logit."""
        gradient: Tensor = self.trainer.inspector.logit_gradient(self._records, self.number)
        return gradient

    def facts(self) -> dict[str, Fact]:
        """Norm before and after clipping, how many tensors have a gradient."""
        weights = list(self._model.parameters())
        found = {"tensors with a gradient": Fact(f"{sum(w.grad is not None for w in weights)} of {len(weights)}")}
        if not self.final:
            return found | {"complete": Fact(value=False)}
        return found | {
            "grad_norm": Fact(self.norm, "nats per weight unit"),
            "clipped at": Fact(self.clip_at if self.clip_at else "off"),
            "after clipping": Fact(self.norm_clipped),
        }

    def plot(self) -> Picture:
        """Gradient norm of each tensor, from the input to the output."""
        rows = [row for row in self._rows if row["has_grad"]]
        names, values = [row["name"] for row in rows], [row["grad_norm"] for row in rows]
        return plots.bars(names, values, "Gradient norm of each tensor", "nats per weight unit")

    def histograms(self) -> Picture:
        """How the gradients of each tensor are spread, as before clipping; raises PhaseError once the step is over."""
        self._records  # noqa: B018  raises once the step is over
        back = 1.0 / self.coefficient if self.final and self.coefficient else 1.0
        weights = dict(self._model.named_parameters())
        found = {name: weight.grad for name, weight in weights.items() if weight.grad is not None}
        if back != 1.0:
            found = {name: gradient * back for name, gradient in found.items()}
        picture = plots.histograms(found, f"Gradients of step {self.step}", "nats per weight unit")
        missing = len(weights) - len(found)
        if missing:
            picture.description += f" {missing} {'tensor has' if missing == 1 else 'tensors have'} no gradient."
        return picture

    def brief(self) -> str:
        """The norm, and the tensor whose gradient is strongest."""
        most = self._strongest()
        if most is None:
            return "no weight has a gradient"
        norm = f"norm {numerals.significant(self.norm)}; " if self.final else "not complete yet; "
        return f"{norm}strongest: {most['name']} {numerals.significant(most['grad_norm'])}"

    def _strongest(self) -> dict[str, Any] | None:
        """The row of the tensor with the largest gradient norm."""
        return max((row for row in self._rows if row["has_grad"]), key=lambda row: row["grad_norm"], default=None)

    def text(self) -> str:
        """The gradients in sentences."""
        most = self._strongest()
        if most is None:
            return "No weight has a gradient."
        count = sum(row["has_grad"] for row in self._rows)
        sentences = [
            f"{count} tensors have a gradient; the strongest is {most['name']} with norm {most['grad_norm']:.3g}."
        ]
        if self.final:
            what = f"scaled down to {self.norm_clipped:.3g}" if self.clipped else "not clipped"
            sentences.insert(
                0, f"The gradient's norm over all weights is {self.norm:.3g} nats per weight unit, {what}."
            )
        sentences.append(
            "A gradient is local sensitivity, not intention: test it with nudge() and test_blame(). No weight has changed."
        )
        return " ".join(sentences)

    def code(self) -> str:
        """The phase in plain PyTorch."""
        clip = self.clip_at if self.clip_at else "float('inf')"
        lines = ["optimizer.zero_grad()"] if self.number == 0 else []
        lines.append(
            "loss.backward()" if self.number == 0 else "loss.backward()                    # added to what is there"
        )
        if self.final:
            lines.append(f"grad_norm = torch.nn.utils.clip_grad_norm_(model.parameters(), {clip})")
        return "\n".join(lines)

    def _view(self) -> html.Markup:
        if not self._current:
            return html.Markup("")
        top = max([row["grad_norm"] for row in self._rows if row["has_grad"]] or [1.0]) or 1.0
        cells = [
            [html.dotted(row["name"]), row["shape"],
             html.bar(row["grad_norm"] / top, f"{row['grad_norm']:.3g}") if row["has_grad"] else row["why_none"],
             numerals.share(row["zeros"]) if row["has_grad"] else ""]
            for row in self._rows
        ]  # fmt: skip
        return html.folded_table(["weights", "shape", "gradient norm (nats per unit)", "exactly 0"], cells)

    def _checks(self) -> Iterator[Check]:
        trainer, records = self.trainer, self._records
        yield from trainer.inspector.gradient_checks(records, self)
        if not self.final:
            return
        grads = [w.grad.double() for w in self._model.parameters() if w.grad is not None]
        total = sum(float((grad**2).sum()) for grad in grads) ** 0.5
        in_bits = self._records.forwards[-1].logits
        yield agree("norm = root of the sum of squares", total, self.norm_clipped, tolerance(in_bits, 1e-5))
        yield self._nudge_check()

    def _nudge_check(self) -> Check:
        title = "nudging a weight measures its gradient"
        name, place = self._strongest_weight()
        try:
            result = self.nudge(name, *place)
        except RuntimeError as error:  # a module that fixes its own precision can't be computed in double
            return Check(title, True, f"not tested: the model can't compute in double precision ({error})")
        numbers = f"{result.weight}: measured {result['measured']:.6g}, gradient {result['gradient']:.6g}, error {result['error']:.1e}"
        return Check(title, result.is_right, numbers)

    def _strongest_weight(self) -> tuple[str, tuple[int, ...]]:
        """The weight with the largest gradient of all."""
        return strongest(dict(self._model.named_parameters()))


def _row(name: str, weight: Tensor, before: Tensor, back: float) -> dict[str, Any]:
    row: dict[str, Any] = {"name": name, "shape": "x".join(str(n) for n in weight.shape)}
    weight_norm = float(before.detach().norm())
    if weight.grad is None:
        none = dict.fromkeys(("grad_norm", "mean_abs", "max_abs"), float("nan"))
        return row | none | {"weight_norm": weight_norm, "grad_per_weight": float("nan"), "zeros": float("nan"),
                             "has_grad": False, "why_none": why_none(weight)}  # fmt: skip
    grad = weight.grad
    norm = float(grad.norm()) * back
    return row | {
        "grad_norm": norm, "mean_abs": float(grad.abs().mean()) * back, "max_abs": float(grad.abs().max()) * back,
        "weight_norm": weight_norm, "grad_per_weight": norm / weight_norm if weight_norm else float("nan"),
        "zeros": float((grad == 0).double().mean()), "has_grad": True, "why_none": "",
    }  # fmt: skip
