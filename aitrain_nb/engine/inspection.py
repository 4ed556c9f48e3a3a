"""Looking closer at a step taken by hand: the same computation once more, on copies, with the same random numbers.

Nothing here changes the trainer. Weights come from the step's snapshot, so that a question can be asked after the
update too.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import torch

from aitrain_nb.engine import formulas, snapshots
from aitrain_nb.engine.attention import attention_of
from aitrain_nb.engine.capture import capture, leaves
from aitrain_nb.engine.noise import noise_scale
from aitrain_nb.engine.optim import rate_of
from aitrain_nb.engine.replaying import Replay, norm_of
from aitrain_nb.errors import DataError, ModelError, PhaseError, unknown_name
from aitrain_nb.records.base import Check, agree, fingerprint, tolerance

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from aitrain_nb.records import Forward, Gradients, StepRecords, Update
    from aitrain_nb.records.noise import NoiseScale


class Inspector(Replay):
    """Answers the questions that the records ask about the step they belong to."""

    # forward

    @torch.no_grad()
    def layers(self, records: StepRecords, number: int) -> list[dict[str, Any]]:
        """One row a layer that has no layers inside, in the order of the model."""
        model = self._trainer.model
        with capture(model) as seen:
            self.replay(records, number, self.weights_before(records))
        modules = leaves(model)
        return [
            _layer_row(name, modules[name], seen.inputs.get(name), output) | {"seconds": seen.seconds[name]}
            for name, output in seen.activations.items()
        ]

    @torch.no_grad()
    def activation(self, records: StepRecords, number: int, name: str) -> Tensor:
        """Output of one module for this micro-batch."""
        names = [module for module, _ in self._trainer.model.named_modules() if module]
        if name not in names:
            raise ModelError(*unknown_name("layer", name, names))
        with capture(self._trainer.model, name) as seen:
            self.replay(records, number, self.weights_before(records))
        return seen.activations[name]

    @torch.no_grad()
    def attention(self, records: StepRecords, number: int, example: int, layer: int) -> tuple[Tensor, list[str]]:
        """Attention of one example of a micro-batch [heads, T, T] without padding, in evaluation mode, and its tokens [T].

        Raises:
            DataError: there is no such example.
            ModelError: the model has no attention, or no such layer.
        """
        inputs, size = records.batch.parts[number].inputs, len(records.batch.parts[number].inputs["labels"])
        if not -size <= example < size:
            raise DataError(
                f"There is no example {example} in this micro-batch.", f"It has {size}.", f"Choose 0 to {size - 1}."
            )
        trainer = self._trainer
        alone, tokens = trainer.task.example_alone(inputs, example % size, trainer.processor)
        with attention_of(trainer.model) as layers:
            self.replay(records, number, self.weights_before(records), inputs=alone, training=False)
        if not layers:
            raise ModelError(
                "This model gives no attention.", f"None of the layers of {type(trainer.model).__name__} gives attention weights.",
                "Use a transformer, such as model='small-encoder' for texts.",
            )  # fmt: skip
        if not -len(layers) <= layer < len(layers):
            raise ModelError(
                f"There is no attention layer {layer}.", f"The model has {len(layers)}, counted from 0.",
                f"Choose 0 to {len(layers) - 1}, or -1 for the last.",
            )  # fmt: skip
        found = layers[layer].detach()[0].float().cpu()
        found = found[None] if found.ndim == 2 else found
        return found, tokens if len(tokens) == found.shape[-1] else [str(place) for place in range(found.shape[-1])]

    def first_bad_layer(self, records: StepRecords, number: int) -> str:
        """Name of the first layer that gave a number that isn't finite, or "none"."""
        with torch.no_grad(), capture(self._trainer.model) as seen:
            self.replay(records, number, self.weights_before(records))
        bad = (name for name, output in seen.activations.items() if not bool(torch.isfinite(output).all()))
        return next(bad, "none")

    @torch.no_grad()
    def forward_checks(self, records: StepRecords, forward: Forward) -> Iterator[Check]:
        """Shapes, repeatability, independence of examples, untouched weights."""
        weights, number = self.weights_before(records), forward.number
        with (
            torch.enable_grad()
        ):  # some kernels differ in the last bit without, or where the weights ask for no gradient
            again = self.replay(records, number, self.asking(records)).detach()
        is_same = (
            torch.allclose if self._trainer.config.compile else torch.equal
        )  # compiled code rounds in another order
        yield Check(
            "the same forward again gives the same scores",
            is_same(again, forward.logits),
            _difference(again, forward.logits),
        )
        first, second = (self.replay(records, number, weights, training=False) for _ in range(2))
        yield Check("in evaluation mode twice the same", torch.equal(first, second), _difference(first, second))
        inputs = {name: value[:1] for name, value in records.batch.parts[number].inputs.items()}
        alone = self.replay(records, number, weights, inputs=inputs, training=False)
        yield agree(
            "an example alone gets the scores it gets in a batch", float((alone - first[:1]).abs().max()), 0.0, 1e-4
        )
        yield self._shapes_chain(records, forward)
        yield from self._weights_untouched(records)

    def _shapes_chain(self, records: StepRecords, forward: Forward) -> Check:
        """The batch goes into a layer and the logits come out of one; in a plain chain each takes what the one before gave."""
        rows, name = self.layers(records, forward.number), "shapes chain from the batch to the logits"
        if not rows:
            return Check(name, True, "no layer could be watched")
        given = self._trainer.task.first_module_input(records.batch.parts[forward.number].inputs)
        sizes = [math.prod(map(int, row["input"].split("x"))) for row in rows if row["input"]]
        ends = given.numel() in sizes and any(row["output"] == _words(forward.logits) for row in rows)
        broken = [] if not isinstance(self._trainer.model, torch.nn.Sequential) else [
            row["name"] for before, row in itertools.pairwise(rows) if row["input"] != before["output"]
        ]  # fmt: skip
        chain = f"{_words(given)} to {_words(forward.logits)} through {len(rows)} layers"
        return Check(name, ends and not broken, chain + (f"; broken at {broken}" if broken else ""))

    # gradients

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
        weights, task, batch = self.asking(records), self._trainer.task, records.batch
        losses = (
            task.loss(self.replay(records, part.number, weights), part.inputs, self._trainer.loss_options)
            for part in batch.parts
        )
        trained = [weight for weight in weights.values() if weight.requires_grad]
        return noise_scale(losses, trained, sum(len(part.inputs["labels"]) for part in batch.parts), batch.counted)

    def _weights_untouched(self, records: StepRecords) -> Iterator[Check]:
        if records.before is None or records.update is not None:
            return
        before, now = fingerprint(records.before.items()), self._trainer.fingerprint()
        yield Check("no weight has changed", before == now, f"fingerprint {before} before, {now} now")

    # update

    def decay_part(self, records: StepRecords, name: str, lr: float) -> Tensor | None:
        """What weight decay alone moved a tensor by (decoupled decay of AdamW), or None where it isn't separate."""
        group = self._group(name)
        if self._trainer.config.optimizer != "adamw" or group is None:
            return None
        return -rate_of(group, lr) * group["weight_decay"] * self.weights_before(records)[name]

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
        """Undo, take the fingerprint, and put everything back, gradients too."""
        trainer = self._trainer
        now = snapshots.take(trainer.step, trainer.order.cursor, trainer.model, trainer.optimizer, trainer.random)
        gradients = {name: weight.grad for name, weight in trainer.model.named_parameters()}
        try:
            snapshots.load(records.snapshot, trainer.model, trainer.optimizer, trainer.random)
            found: str = trainer.fingerprint()
        finally:
            snapshots.load(now, trainer.model, trainer.optimizer, trainer.random)
            for name, weight in trainer.model.named_parameters():
                weight.grad = gradients[name]
        return found


def _layer_row(name: str, module: Any, given: Tensor | None, output: Tensor) -> dict[str, Any]:
    values = output.detach().double()
    return {
        "name": name,
        "kind": type(module).__name__,
        "input": _words(given) if given is not None else "",
        "output": _words(output),
        "weights": sum(weight.numel() for weight in module.parameters()),
        "dtype": str(output.dtype).removeprefix("torch."),
        "mean": float(values.mean()),
        "std": float(values.std(correction=0)),
        "min": float(values.min()),
        "max": float(values.max()),
        "zeros": float((values == 0).double().mean()),
        "saturated": _saturated(module, values),
    }


def _saturated(module: Any, values: Tensor) -> float:
    """Share of values within 1 % of a bound that the layer can't cross; NaN for a layer without one."""
    bounds = _BOUNDS.get(type(module).__name__)
    if bounds is None:
        return math.nan
    low, high = bounds
    near = 0.01 * (high - low)
    return float(((values <= low + near) | (values >= high - near)).double().mean())


_BOUNDS = {"Tanh": (-1.0, 1.0), "Sigmoid": (0.0, 1.0), "Softmax": (0.0, 1.0), "Hardtanh": (-1.0, 1.0)}


def _words(tensor: Tensor) -> str:
    return "x".join(str(size) for size in tensor.shape)


def _difference(one: Tensor, other: Tensor) -> str:
    if one.shape != other.shape:
        return f"shapes {list(one.shape)} and {list(other.shape)}"
    return f"largest difference {float((one - other).abs().max()):.1e}"
