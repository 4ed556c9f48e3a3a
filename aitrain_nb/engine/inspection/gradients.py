"""What is asked of the gradients: are they right, do the examples agree, which weights are to blame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from aitrain_nb.engine.blaming import Answered
from aitrain_nb.engine.dropout import DropoutMasks, can_stand_alone
from aitrain_nb.engine.noise import agreement, gradients_of_examples, noise_scale
from aitrain_nb.engine.replaying import Replay, norm_of
from aitrain_nb.records.answers import Blame
from aitrain_nb.records.answers.agreement import EXACT
from aitrain_nb.records.base import Check, agree, tolerance
from aitrain_nb.records.targets import Targets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from aitrain_nb.records import Gradients, StepRecords
    from aitrain_nb.records.answers import Agreement
    from aitrain_nb.records.noise import NoiseScale


class OfGradients(Replay):
    """Answers the questions that `Gradients` ask."""

    def slope(self, records: StepRecords, name: str, place: tuple[int, ...], eps: float) -> float:
        """(loss at weight + eps - loss at weight - eps) / 2 eps, in double precision, nats per weight unit."""
        weights = {key: weight.double() for key, weight in self.weights_before(records).items()}
        losses = []
        for sign in (1, -1):
            moved = weights[name].clone()
            moved[place] += sign * eps
            with torch.no_grad():
                losses.append(float(self.objective(records, weights | {name: moved}, torch.float64)))
        return (losses[0] - losses[1]) / (2 * eps)

    def logit_gradient(self, records: StepRecords, number: int) -> Tensor:
        """D loss / d logits of a micro-batch [B, C], by autograd."""
        trainer, part = self._trainer, records.batch.parts[number]
        with torch.no_grad():
            logits = self.replay(records, number, self.weights_before(records))
        logits.requires_grad_()
        objective = trainer.task.loss(logits, part.inputs, trainer.loss_options).sum() / records.batch.counted
        return torch.autograd.grad(objective, logits)[0]

    def gradient_checks(self, records: StepRecords, gradients: Gradients) -> Iterator[Check]:
        """The gradient at the logits, accumulation, untouched weights."""
        trainer = self._trainer
        part = records.batch.parts[gradients.number]
        forward = records.forwards[gradients.number]
        target = trainer.task.one_hot(forward.logits, part.inputs, trainer.loss_options)
        counted = (part.inputs["labels"] != -100)[..., None]
        expected = (
            (forward.logits.softmax(-1) * target.sum(-1, keepdim=True) - target)
            * counted
            / max(1, records.batch.counted)
        )
        error = float((gradients.dloss_dlogits - expected).abs().max())
        yield Check(
            "d loss / d logits = (probability - truth) / counted",
            error <= tolerance(forward.logits, 1e-6),
            f"largest difference {error:.1e}",
        )
        fresh = self.fresh_gradients(records, gradients.number + 1)
        scale = gradients.coefficient if gradients.final else 1.0
        total = norm_of(fresh)
        worst = 0.0
        for name, weight in trainer.model.named_parameters():
            if weight.grad is not None and name in fresh:
                difference = float((weight.grad - fresh[name] * scale).norm())
                worst = max(worst, difference / max(total * scale, 1e-12))
        yield Check(
            "every micro-batch was added exactly once",
            worst <= tolerance(forward.logits, 1e-4),
            f"largest difference to fresh gradients {worst:.1e} of their norm",
        )
        if gradients.final:
            yield agree("grad_norm = norm of fresh gradients", gradients.norm, total, tolerance(forward.logits, 1e-4))
        yield from self._weights_untouched(records)

    def noise_scale(self, records: StepRecords) -> NoiseScale:
        """The simple noise scale of the step's batch; see `Gradients.noise_scale`."""
        weights = self.asking(records)
        return noise_scale(self._losses(records, weights), _trained(weights), _examples(records), records.batch.counted)

    def agreement(self, records: StepRecords) -> Agreement:
        """The gradients of the step's examples, one by one; see `Gradients.per_example`.

        Each example goes through the model alone, with its share of the dropout. Where their mean isn't the batch's gradient then, since
        the examples of a batch change each other, the whole batch goes back once an example.
        """
        weights, counted, examples = self.asking(records), records.batch.counted, _examples(records)
        names = [name for name, weight in weights.items() if weight.requires_grad]
        fresh = self.fresh_gradients(records, len(records.batch.parts))
        batch = [fresh.get(name) for name in names]
        with torch.no_grad():
            targets = [Targets(part.inputs["labels"]) for part in records.batch.parts]
            pairs = zip(targets, self._losses(records, weights), strict=True)
            losses = torch.cat([one.per_example(per_target) for one, per_target in pairs]).cpu()
        if can_stand_alone(self._trainer.model):
            alone = self._alone(records, weights, examples / max(1, counted))
            found = agreement(alone, losses, _trained(weights), batch)
            if found.error <= EXACT:
                return found
        together = gradients_of_examples(self._losses(records, weights), _trained(weights), examples, counted)
        return agreement(together, losses, _trained(weights), batch)

    def _alone(
        self, records: StepRecords, weights: dict[str, Tensor], share: float
    ) -> Iterator[tuple[Tensor | None, ...]]:
        """The gradient of each example in turn, by itself in the model."""
        trainer, trained = self._trainer, _trained(weights)
        for part in records.batch.parts:
            masks = DropoutMasks()
            with torch.no_grad(), masks:
                self.replay(records, part.number, weights)
            for place in range(len(part.inputs["labels"])):
                inputs = {name: value[place : place + 1] for name, value in part.inputs.items()}
                with masks.of(place):
                    logits = self.replay(records, part.number, weights, inputs=inputs)
                loss = trainer.task.loss(logits, inputs, trainer.loss_options).sum() * share
                yield torch.autograd.grad(loss, trained, allow_unused=True)

    def _losses(self, records: StepRecords, weights: dict[str, Tensor]) -> Iterator[Tensor]:
        """Loss of each target, as it is minimised, one micro-batch after the other."""
        trainer = self._trainer
        for part in records.batch.parts:
            yield trainer.task.loss(self.replay(records, part.number, weights), part.inputs, trainer.loss_options)

    # blame

    def blame(self, records: StepRecords, number: int, example: int, by: str) -> Blame:
        """How the loss of one example of a micro-batch falls upon the weights; see `Gradients.blame`.

        Raises:
            DataError: there is no such example, or it has no right answer.
        """
        found = Answered.of(self, records, number, example)
        single = []
        if by == "ablation":
            rows = [
                {"name": name, "weights": found.weights[name].numel(), "blame": found.loss - loss}
                for name, loss in found.without_each(self, records, number).items()
            ]
        else:
            blames = {name: found.gradients[name] * (weight if by == "grad*weight" else found.gradients[name])
                      for name, weight in found.weights.items() if name in found.gradients}  # fmt: skip
            rows = [
                {"name": name, "weights": one.numel(), "blame": float(one.double().sum())}
                for name, one in blames.items()
            ]
            single = found.most(blames)
        return Blame(found.place, by, found.loss, found.p_true, found.true, rows, single, found.test)


def _trained(weights: dict[str, Tensor]) -> list[Tensor]:
    return [weight for weight in weights.values() if weight.requires_grad]


def _examples(records: StepRecords) -> int:
    return sum(len(part.inputs["labels"]) for part in records.batch.parts)
