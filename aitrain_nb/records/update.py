"""Update: what `update` returns. The weights have moved."""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from aitrain_nb import html, numerals, plots
from aitrain_nb.errors import ConfigError, PhaseError, unknown_name
from aitrain_nb.records.answers.one_weight import Around, OneWeight
from aitrain_nb.records.base import Check, Fact, Record
from aitrain_nb.records.weights import find_weights, place_in

if TYPE_CHECKING:
    import weakref
    from collections.abc import Iterator, Sequence

    import pandas as pd
    from torch import Tensor

    from aitrain_nb.figures import Picture
    from aitrain_nb.records.answers import Forgetting, RatesTried


_FEW_WEIGHTS = 120
"""Up to this many weights each one can be seen in a picture."""


class Update(Record):
    """One optimizer step.

    Attributes:
        lr: learning rate of this step.
        next_lr: learning rate of the next one.
        schedule_part: "warm-up", "peak" or "decay".
        before: weights before the step by name, or None where they weren't kept (in `fit`, but for every
            `inspect_every`-th step).
        trouble: why the update was left out, in words, where a loss or gradient wasn't finite (`nan_policy`); else empty.
        overflow: why it was left out, in words, where only the scaled loss was too large for 16 bits; else empty.
    """

    phase = "update"
    title = "Update"
    explain = "The optimizer moves each weight a little, against its gradient."

    def __init__(
        self, trainer: weakref.ref[Any], step: int, epoch: float, lr: float, before: dict[str, Tensor] | None, trouble: str = "",
        overflow: str = "",
    ) -> None:  # fmt: skip
        super().__init__(trainer, step, epoch)
        self.lr, self.before, self.trouble, self.overflow = lr, before, trouble, overflow
        self.weights_changed = lr != 0 and not (trouble or overflow)
        if before is not None:
            self._rows = self._measure(trainer(), before)

    @staticmethod
    def _measure(trainer: Any, before: dict[str, Tensor]) -> list[dict[str, Any]]:
        return [_row(name, before[name], weight) for name, weight in trainer.model.named_parameters()]

    _rows: list[dict[str, Any]]

    @property
    def next_lr(self) -> float:
        """Learning rate of the step that follows."""
        rate: float = self.trainer.learning_rate(self.step)
        return rate

    @property
    def lowest_lr(self) -> float:
        """Learning rate of the lowest layers in this step: smaller than `lr` where the config has a `layer_decay`."""
        return self.lr * min(group.get("rate_factor", 1.0) for group in self.trainer.optimizer.param_groups)

    @property
    def schedule_part(self) -> str:
        """Where the schedule stands: "head alone", "warm-up", "peak" or "decay"."""
        part: str = self.trainer.plan.part(self.step - 1)
        return part

    @property
    def optimizer(self) -> str:
        """Name of the optimizer: AdamW, Adam or SGD."""
        return type(self.trainer.optimizer).__name__

    def _measured(self) -> list[dict[str, Any]]:
        if self.before is None:
            raise PhaseError(
                f"The weights before step {self.step} were not kept.",
                "Measuring how far weights move needs a copy of them, so fit does it only when asked.",
                "Set inspect_every=1, or take the step by hand.",
            )
        return self._rows

    @cached_property
    def norm(self) -> float:
        """L2 norm of the change over all weights, units of the weights."""
        total: float = sum(row["update_norm"] ** 2 for row in self._measured()) ** 0.5
        return total

    @cached_property
    def ratio(self) -> float:
        """Norm of the change over the norm of the weights; about 1e-3 is a guide, not a law."""
        weights: float = sum(row["weight_norm_before"] ** 2 for row in self._measured()) ** 0.5
        return self.norm / weights if weights else float("nan")

    def table(self) -> pd.DataFrame:
        """One row a tensor: weight norm before, update norm, weight norm after, update per weight, cosine of update and -gradient."""
        import pandas as pd

        return pd.DataFrame(self._measured())

    def weight(self, name: str, *index: int) -> OneWeight:
        """One weight, a dict: before, gradient (after clipping), from_gradient, from_decay, delta, after; of Adam and AdamW also m and v.

        m and v are what the optimizer holds for it after the step: the running means of its gradient and of its square.

        Raises:
            ModelError: no such weight.
            PhaseError: the step is over, or its start wasn't kept.
        """
        records = self._records
        self._measured()
        parameter = find_weights(self._model, name)
        place = place_in(name, parameter, index)
        assert self.before is not None
        before, after = float(self.before[name][place]), float(parameter.detach()[place])
        gradient = float(parameter.grad[place]) if parameter.grad is not None else 0.0
        decay = self.trainer.inspector.decay_part(records, name, self.lr)
        from_decay = float(decay[place]) if decay is not None else 0.0
        state = self.trainer.optimizer.state.get(parameter, {})
        means = {
            short: float(state[name][place]) for short, name in (("m", "exp_avg"), ("v", "exp_avg_sq")) if name in state
        }
        around = Around.of("Weights around it, after the step", parameter, place)
        return OneWeight(
            f"{name}{list(place)}", self.optimizer, self.lr, around, before=before, gradient=gradient,
            from_gradient=after - before - from_decay, from_decay=from_decay, delta=after - before, after=after, **means,
        )  # fmt: skip

    def drop(self) -> dict[str, float]:
        """How far this step lowered the loss of its own batch, nats: predicted (-gradient x change, to first order), actual, before, after.

        The batch goes through the model again with the random numbers it had, with the weights before and after.

        Raises:
            PhaseError: the step is over, or its start wasn't kept.
        """
        self._measured()
        found: dict[str, float] = self.trainer.inspector.drop(self._records)
        return found

    def try_rates(self, rates: float | Sequence[float] = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3)) -> RatesTried:
        """The same gradient with other learning rates: what each would have made of this batch's loss. The weights stay what they are.

        Args:
            rates: the learning rates to try, each above 0.

        Raises:
            ConfigError: a rate is no number above 0.
            PhaseError: the step is over, or its start wasn't kept.
        """
        self._measured()
        rates = [rates] if isinstance(rates, (int, float)) else list(rates)
        wrong = [
            one for one in rates if isinstance(one, bool) or not isinstance(one, (int, float)) or not 0 < one < math.inf
        ]
        if wrong or not rates:
            raise ConfigError(
                f"rates={rates!r} can't be tried.", "Each is a number above 0.", "update.try_rates([0.001, 0.01])"
            )
        found: RatesTried = self.trainer.inspector.try_rates(self._records, self.lr, rates)
        return found

    def forgotten(self, examples: int = 200) -> Forgetting:
        """Which validation answers turned in this step: right before and wrong now, and the other way round. Always the same examples.

        Args:
            examples: how many of the validation side are asked, of as many classes as possible.

        Raises:
            DataError: there are no validation examples.
            PhaseError: the step is over, or its start wasn't kept.
        """
        if isinstance(examples, bool) or not isinstance(examples, int) or examples < 1:
            raise ConfigError(f"{examples!r} examples can't be asked.", "At least one is.", "update.forgotten(200)")
        self._measured()
        found: Forgetting = self.trainer.inspector.forgotten(self._records, examples)
        return found

    def undo(self) -> None:
        """Put everything back to before this step, exactly: weights, optimizer, random numbers, place in the data, history."""
        self._records  # noqa: B018  raises once the step is over
        self.trainer.undo()

    def facts(self) -> dict[str, Fact]:
        """Optimizer, learning rate now and next, schedule, and how far the weights moved where that was measured."""
        found = {
            "optimizer": Fact(self.optimizer),
            "lr": Fact(numerals.rate(self.lr)),
            "next lr": Fact(numerals.rate(self.next_lr)),
            "schedule": Fact(self.schedule_part),
        }
        if self.before is not None:
            found |= {"update_norm": Fact(self.norm, "weight units"), "update / weights": Fact(self.ratio)}
        return found

    def plot(self) -> Picture:
        """Every weight before and after where they are few, else how far each tensor moved relative to its size."""
        rows = self._measured()
        assert self.before is not None
        if sum(weight.numel() for weight in self.before.values()) <= _FEW_WEIGHTS and self.trainer.step == self.step:
            after = {name: weight.detach().cpu() for name, weight in self._model.named_parameters()}
            return plots.dials({name: weight.cpu() for name, weight in self.before.items()}, after)
        names, values = [row["name"] for row in rows], [row["update_per_weight"] for row in rows]
        return plots.bars(names, values, "Change relative to the weights", "norm of the change / norm of the weights")

    def histograms(self, of: Literal["weights", "change"] = "weights") -> Picture:
        """How the weights of each tensor are spread after this step, or how far each of them moved in it.

        Args:
            of: "weights" or "change".

        Raises:
            ConfigError: something else.
            PhaseError: the weights have moved on, or, for the change, those before the step weren't kept.
        """
        if of not in {"weights", "change"}:
            raise ConfigError(*unknown_name("picture of an update", of, ["weights", "change"]))
        self._check_still_there()
        after = {name: weight.detach() for name, weight in self._model.named_parameters()}
        if of == "weights":
            return plots.histograms(after, f"Weights after step {self.step}", "weight")
        self._measured()
        assert self.before is not None
        before = self.before
        moved = {name: weight - before[name].to(weight.device) for name, weight in after.items()}
        return plots.histograms(moved, f"Change of the weights in step {self.step}", "weight units")

    def _check_still_there(self) -> None:
        """Raise PhaseError where the model holds other weights than those after this step."""
        trainer = self.trainer
        if trainer.records is not None:
            self._records  # noqa: B018  raises where another step is under way
        held = trainer.ending.kept_step if trainer.ending is not None else trainer.step
        if held != self.step:
            raise PhaseError(
                f"The weights after step {self.step} are gone.", f"The model holds those of step {held}.",
                "Ask right after the update: in a step taken by hand, or in a watcher.",
            )  # fmt: skip

    def brief(self) -> str:
        """How far the weights moved, and at which rate."""
        if self.trouble or self.overflow:
            return f"left out: {self.trouble or self.overflow}"
        moved = "" if self.before is None else f"weights moved by {numerals.share(self.ratio)} of their size; "
        return f"{moved}{self.optimizer}, rate {numerals.rate(self.lr)}"

    def text(self) -> str:
        """The update in sentences."""
        if self.trouble:
            return (
                f"This update was left out, and the weights are what they were: {self.trouble}. "
                "The next step takes other examples; nan_policy says whether fit goes on to it."
            )
        if self.overflow:
            return (
                f"This update was left out, and the weights are what they were: {self.overflow}. "
                "The next step multiplies its loss by half as much; that is how fp16 finds its scale, and no trouble."
            )
        sentences = [
            f"{self.optimizer} moved the weights with learning rate {numerals.rate(self.lr)} ({self.schedule_part})."
        ]
        if self.lowest_lr < self.lr:
            sentences.append(f"That is the highest layer's; the lowest has {numerals.rate(self.lowest_lr)}.")
        if self.lr == 0:
            sentences.append("The warm-up starts at rate 0, so this step changed nothing.")
        if self.before is not None:
            sentences.append(
                f"All changes together have norm {self.norm:.3g}, {self.ratio:.1e} of the weights' norm "
                "(about 1e-3 is a guide, not a law)."
            )
            most = max(self._rows, key=lambda row: row["update_per_weight"])
            sentences.append(f"{most['name']} moved most for its size.")
        return " ".join(sentences)

    def code(self) -> str:
        """The phase in plain PyTorch."""
        factor = " * group['rate_factor']" if self.lowest_lr < self.lr else ""
        return f"for group in optimizer.param_groups:\n    group['lr'] = {self.lr!r}{factor}\noptimizer.step()"

    def _view(self) -> html.Markup:
        if self.before is None:
            return html.Markup("")
        top = max([row["update_per_weight"] for row in self._rows]) or 1.0
        cells = [
            [html.dotted(row["name"]), f"{row['weight_norm_before']:.4g}", f"{row['update_norm']:.3g}", f"{row['weight_norm_after']:.4g}",
             html.bar(row["update_per_weight"] / top, f"{row['update_per_weight']:.1e}", html.GREEN)
             if row["weight_norm_before"] else "from 0"]
            for row in self._rows
        ]  # fmt: skip
        dials = (
            sum(weight.numel() for weight in self.before.values()) <= _FEW_WEIGHTS and self.trainer.step == self.step
        )
        picture = self.plot().to_html(self.text(), always_white=True) if dials else html.Markup("")
        return picture + html.folded_table(
            ["weights", "norm before", "norm of the change", "norm after", "change / weights"], cells
        )

    def _checks(self) -> Iterator[Check]:
        if why := self.trouble or self.overflow:
            yield Check("the weights are what they were", not any(row["update_norm"] for row in self._measured()), why)
            return
        yield from self.trainer.inspector.update_checks(self._records, self)


def _row(name: str, before: Tensor, weight: Tensor) -> dict[str, Any]:
    after = weight.detach()
    delta = after - before
    update_norm, before_norm = float(delta.norm()), float(before.norm())
    cosine = float("nan")
    if weight.grad is not None and update_norm and float(weight.grad.norm()):
        cosine = float(-(delta * weight.grad).sum() / (delta.norm() * weight.grad.norm()))
    return {
        "name": name, "weight_norm_before": before_norm, "update_norm": update_norm, "weight_norm_after": float(after.norm()),
        "update_per_weight": update_norm / before_norm if before_norm else 0.0, "cosine": cosine,
    }  # fmt: skip
