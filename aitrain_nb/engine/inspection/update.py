"""What is asked of an update: is it the optimizer's formula, what would another rate have done, what was forgotten."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from aitrain_nb.engine import formulas, snapshots
from aitrain_nb.engine.interrupts import whole
from aitrain_nb.engine.optim import decays_apart, rate_of
from aitrain_nb.engine.replaying import Replay, norm_of
from aitrain_nb.errors import PhaseError
from aitrain_nb.records.answers import Forgetting, RatesTried
from aitrain_nb.records.answers.rates import Tried
from aitrain_nb.records.base import Check, agree, fingerprint
from aitrain_nb.records.targets import Targets

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from aitrain_nb.engine.evaluating import Answers
    from aitrain_nb.records import StepRecords, Update


class OfUpdate(Replay):
    """Answers the questions that an `Update` asks."""

    def decay_part(self, records: StepRecords, name: str, lr: float) -> Tensor | None:
        """What weight decay alone moved a tensor by, or None where it is mixed into the gradient: in Adam, and in SGD with momentum."""
        group = self._group(name)
        if group is None or not decays_apart(self._trainer.config.optimizer, group):
            return None
        return -rate_of(group, lr) * group["weight_decay"] * self.weights_before(records)[name]

    def decays_apart(self, group: dict[str, Any]) -> bool:
        """Whether weight decay adds its own part to the change of the weights in this group of the optimizer."""
        return decays_apart(self._trainer.config.optimizer, group)

    def _group(self, name: str) -> dict[str, Any] | None:
        parameter = dict(self._trainer.model.named_parameters())[name]
        groups = self._trainer.optimizer.param_groups
        return next((group for group in groups if any(weight is parameter for weight in group["params"])), None)

    @torch.no_grad()
    def update_checks(self, records: StepRecords, update: Update) -> Iterator[Check]:
        """The optimizer's formula, frozen weights, undo."""
        trainer = self._trainer
        before = self.weights_before(records)
        worst, moved_frozen, frozen = 0.0, 0, 0
        for name, weight in trainer.model.named_parameters():
            if weight.grad is None or not weight.requires_grad:
                frozen += 1
                moved_frozen += int(not torch.equal(weight, before[name]))
                continue
            old, group = self._old_state(records, weight), self._group(name)
            assert group is not None
            lr = rate_of(group, update.lr)
            expected = formulas.expected_change(trainer.config.optimizer, group, before[name], weight.grad, old, lr)
            change = weight.double() - before[name].double()
            bits = 8 * torch.finfo(weight.dtype).eps
            rounding = bits * torch.maximum(weight.abs(), before[name].abs()).double()
            allowed = rounding + max(1e-4, bits) * expected.abs() + 1e-6 * lr
            worst = max(worst, float(((change - expected).abs() / allowed.clamp(min=1e-30)).max()))
        yield Check(
            f"after - before = {update.optimizer}'s formula",
            worst <= 1,
            f"largest difference {worst:.2g} of what rounding explains",
        )
        yield self._times_ten()
        yield Check("weights without a gradient stay", moved_frozen == 0, f"{moved_frozen} of {frozen} moved")
        if records.snapshot is not None:
            undone = self._fingerprint_after_undo(records)
            expected_print = fingerprint(before.items())
            yield Check(
                "undo brings the old weights back",
                undone == expected_print,
                f"fingerprint {undone} undone, {expected_print} before",
            )

    def _times_ten(self) -> Check:
        """From the start, a loss ten times as large moves SGD's weights ten times as far and leaves Adam's step as it is."""
        optimizer = self._trainer.optimizer
        near, far = formulas.first_step_norm(optimizer, 1.0), formulas.first_step_norm(optimizer, 10.0)
        ratio = far / near if near else float("nan")
        expected = 10.0 if self._trainer.config.optimizer == "sgd" else 1.0
        return agree("the loss times ten, from the start: the first step's size", ratio, expected, 0.05)

    def _old_state(self, records: StepRecords, parameter: Tensor) -> dict[str, Tensor]:
        if records.optimizer_before is None:
            raise PhaseError(
                "The optimizer's state before this step was not kept.",
                "The snapshot was too large.",
                "Raise snapshot_memory_bytes.",
            )
        places = [weight for group in self._trainer.optimizer.param_groups for weight in group["params"]]
        number = next(i for i, weight in enumerate(places) if weight is parameter)
        found: dict[str, Tensor] = records.optimizer_before["state"].get(number, {})
        return found

    def _fingerprint_after_undo(self, records: StepRecords) -> str:
        with self._as_before(records):
            found: str = self._trainer.fingerprint()
        return found

    @contextmanager
    def _as_before(self, records: StepRecords) -> Iterator[None]:
        """Inside, the trainer stands where the step began; afterwards it is what it was, gradients too."""
        trainer = self._trainer
        now = snapshots.take(trainer.step, trainer.order.cursor, trainer.model, trainer.optimizer, trainer.random)
        gradients = [(weight, weight.grad) for weight in trainer.model.parameters()]
        rates = [group["lr"] for group in trainer.optimizer.param_groups]
        try:
            snapshots.load(records.snapshot, trainer.model, trainer.optimizer, trainer.random)
            yield
        finally:
            with whole():
                snapshots.load(now, trainer.model, trainer.optimizer, trainer.random)
                for weight, gradient in gradients:
                    weight.grad = gradient
                for group, rate in zip(trainer.optimizer.param_groups, rates, strict=True):
                    group["lr"] = rate

    # what if

    @torch.no_grad()
    def drop(self, records: StepRecords) -> dict[str, float]:
        """How far the step lowered its batch's loss; see `Update.drop`."""
        before, now = self.weights_before(records), snapshots.own_weights(self._trainer.model)
        losses = [float(self.objective(records, weights)) for weights in (before, now)]
        return {
            "predicted": self._predicted(records, now), "actual": losses[0] - losses[1], "before": losses[0], "after": losses[1]
        }  # fmt: skip

    def _predicted(self, records: StepRecords, now: dict[str, Tensor]) -> float:
        """-gradient x change over all weights, nats: how far the loss should fall to first order."""
        before = self.weights_before(records)
        found = records.gradients
        assert found is not None
        back = 1.0 / (found.coefficient or 1.0)  # clipped gradients are the direction, not the slope
        pairs = [
            (weight.grad, name) for name, weight in self._trainer.model.named_parameters() if weight.grad is not None
        ]
        return -back * sum(float((grad.double() * (now[name] - before[name]).double()).sum()) for grad, name in pairs)

    def try_rates(self, records: StepRecords, used: float, rates: Sequence[float]) -> RatesTried:
        """The step once more at each rate; see `Update.try_rates`.

        Raises:
            PhaseError: the state before the step wasn't kept.
        """
        if records.snapshot is None:
            raise PhaseError(
                "The state before this step was not kept.", "The snapshot was too large.", "Raise snapshot_memory_bytes."
            )  # fmt: skip
        trainer, rows = self._trainer, []
        gradients = [(weight, weight.grad) for weight in trainer.model.parameters()]
        before = self.weights_before(records)
        size = norm_of(before) or 1.0
        with torch.no_grad():
            loss = float(self.objective(records, before))
        for rate in rates:
            with self._as_before(records), trainer.threads:
                for weight, gradient in gradients:
                    weight.grad = gradient
                for group in trainer.optimizer.param_groups:
                    group["lr"] = rate_of(group, rate)
                trainer.optimizer.step()
                now = snapshots.copy_weights(trainer.model)
                predicted = self._predicted(records, now)
            with torch.no_grad():
                after = float(self.objective(records, now))
            moved = norm_of({name: now[name] - before[name] for name in now})
            rows.append(Tried(rate, after, predicted, moved, moved / size))
        return RatesTried(loss, used, rows)

    def forgotten(self, records: StepRecords, examples: int) -> Forgetting:
        """Answers that turned in the step; see `Update.forgotten`."""
        trainer = self._trainer
        places = trainer._evaluator.few(examples)
        after = trainer._evaluator.about(places)
        now = snapshots.copy_weights(trainer.model)
        try:
            snapshots.load_tensors(trainer.model, self.weights_before(records), {})
            before = trainer._evaluator.about(places)
        finally:
            with whole():
                snapshots.load_tensors(trainer.model, now, {})
        return turned(before, after, places, trainer.class_names)


def turned(before: Answers, after: Answers, places: Sequence[int], names: Sequence[str]) -> Forgetting:
    """What of the same answers turned.

    Args:
        before: answers before the step.
        after: on the same examples after it.
        places: of the examples in their side.
        names: of the classes.
    """
    import pandas as pd

    targets = Targets(before.labels)
    columns = targets.columns() or {"example": list(range(len(places)))}
    columns["example"] = [places[row] for row in columns["example"]]
    was, now, true = (targets.pick(one) for one in (before.predicted, after.predicted, before.labels))
    counted = targets.pick(targets.counted)
    pairs = zip((was == true).tolist(), (now == true).tolist(), strict=True)
    changes = ["forgotten" if a else "gained" if b else "other mistake" for a, b in pairs]
    answers = [[names[one] for one in some.tolist()] for some in (was, now)]
    frame = pd.DataFrame(
        columns | {"true": targets.named(names), "before": answers[0], "after": answers[1], "change": changes}
    )
    right = [int(((one == true) & counted).sum()) for one in (was, now)]
    loss = [float(targets.pick(one.per_target)[counted].double().mean()) for one in (before, after)]
    rows = frame[((was != now) & counted).tolist()].reset_index(drop=True)
    return Forgetting(rows, int(counted.sum()), (right[0], right[1]), (loss[0], loss[1]))
