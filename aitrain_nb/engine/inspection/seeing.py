"""What if, and what a network sees: a unit off, another input, hidden states, feature maps, filters, the patches a unit looks for."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from aitrain_nb.engine.capture import capture, leaves
from aitrain_nb.engine.modes import evaluation_mode
from aitrain_nb.engine.replaying import Replay, place_of
from aitrain_nb.errors import DataError, ModelError, unknown_name
from aitrain_nb.models.parts import block_names
from aitrain_nb.records.answers.what_if import Told, WhatIf
from aitrain_nb.records.targets import Targets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from aitrain_nb.records import StepRecords


MOST_PATCHES = 64


class Seeing(Replay):
    """Answers what a forward pass would be with one thing changed, and what its layers hold."""

    # what if

    @torch.no_grad()
    def ablate(self, records: StepRecords, number: int, layer: str, unit: int | None) -> WhatIf:
        """The micro-batch once more with one unit of a layer, or all of it, giving zeros; see `Forward.ablate`.

        Raises:
            ModelError: there is no such layer or unit, or it gives no tensor.
        """
        module = self._layer(layer)
        weights, part = self.weights_before(records), records.batch.parts[number]
        before = self.replay(records, number, weights)
        with off(module, layer, unit):
            after = self.replay(records, number, weights)
        what = f"all of {layer} gives zeros" if unit is None else f"unit {unit} of {layer} gives zeros"
        return self._told(what, part.inputs, before, after)

    @torch.no_grad()
    def with_input(self, records: StepRecords, number: int, example: int, given: Any) -> WhatIf:
        """One example alone as it was, and another input in its place, both in evaluation mode; see `Forward.with_input`.

        Raises:
            DataError: there is no such example, or the input doesn't fit the model.
        """
        trainer, weights = self._trainer, self.weights_before(records)
        inputs = records.batch.parts[number].inputs
        place = place_of(inputs, example)
        alone, _ = trainer.task.example_alone(inputs, place, trainer.processor)
        own = trainer._evaluator.prepared_own([given] if isinstance(given, (str, tuple)) else _as_batch(given))
        other = {
            name: value.to(trainer.device)
            for name, value in trainer.task.collate(own.columns, trainer.processor).items()
        }
        before, after = (self.replay(records, number, weights, inputs=one, training=False) for one in (alone, other))
        if before.ndim > 2:  # a language model: what comes next
            before, after = before[:, -1], after[:, -1]
        label = inputs["labels"][place : place + 1]
        return self._told(f"another input instead of example {place}", {"labels": label}, before, after[:1])

    def _told(self, what: str, inputs: dict[str, Tensor], before: Tensor, after: Tensor) -> WhatIf:
        """The answers side by side, one row a target."""
        targets, names = (
            Targets(inputs["labels"] if before.ndim == inputs["labels"].ndim + 1 else inputs["labels"][:, -1]),
            self._trainer.class_names,
        )
        places, labels = targets.places().tolist(), targets.pick(targets.labels)
        old, new = (targets.pick(one).float().log_softmax(-1) for one in (before, after))
        rows = []
        for place, label, a, b in zip(places, labels.tolist(), old, new, strict=True):
            was, now = int(a.argmax()), int(b.argmax())
            told = label if label >= 0 else was
            losses = (-float(a[told]), -float(b[told])) if label >= 0 else (math.nan, math.nan)
            rows.append(Told(
                ", ".join(map(str, place)), names[label] if label >= 0 else "", names[was], names[now],
                float(a[told].exp()), float(b[told].exp()), *losses,
            ))  # fmt: skip
        return WhatIf(what, rows)

    # what a network sees

    @torch.no_grad()
    def activation(self, records: StepRecords, number: int, name: str) -> Tensor:
        """Output of one module for this micro-batch."""
        self._layer(name)
        with capture(self._trainer.model, name) as seen:
            self.replay(records, number, self.weights_before(records))
        return seen.activations[name]

    @torch.no_grad()
    def hidden_states(self, records: StepRecords, number: int, example: int) -> dict[str, Tensor]:
        """What each block gives for one example alone, in evaluation mode: name -> [T, D] or [D, ...]; see `Forward.hidden_states`.

        Raises:
            ModelError: the model has no list of blocks.
        """
        trainer = self._trainer
        names = block_names(trainer.model)
        if not names:
            raise ModelError(
                "This model has no list of blocks.", f"{type(trainer.model).__name__} is no stack of equal parts.",
                "forward.layer(name) gives what one layer gives.",
            )  # fmt: skip
        inputs = records.batch.parts[number].inputs
        alone, _ = trainer.task.example_alone(inputs, place_of(inputs, example), trainer.processor)
        with capture(trainer.model, *names) as seen:
            self.replay(records, number, self.weights_before(records), inputs=alone, training=False)
        return {name: seen.activations[name][0].float().cpu() for name in names if name in seen.activations}

    @torch.no_grad()
    def feature_maps(self, records: StepRecords, number: int, layer: str, example: int) -> Tensor:
        """What a convolution gives for one example [C, h, w]; raises ModelError where the layer gives no maps."""
        self._layer(layer)
        place = place_of(records.batch.parts[number].inputs, example)
        found = self.activation(records, number, layer)
        if found.ndim != 4:
            raise ModelError(
                f"{layer} gives no feature maps.", f"Its output is {_words(found)}; maps are example x channel x height x width.",
                f"Choose one of: {', '.join(self._of_kind(4, records, number))}.",
            )  # fmt: skip
        return found[place].float().cpu()

    def filters(self, layer: str, weights: dict[str, Tensor]) -> Tensor:
        """The filters of a convolution [out, in, h, w]; raises ModelError for another layer."""
        module = self._layer(layer)
        weight = weights.get(f"{layer}.weight")
        if weight is None or weight.ndim != 4:
            convolutions = [
                name for name, one in leaves(self._trainer.model).items() if isinstance(one, torch.nn.Conv2d)
            ]
            raise ModelError(
                f"{layer} has no filters.", f"It is a {type(module).__name__}.",
                f"Choose one of: {', '.join(convolutions)}." if convolutions else "Use a convolutional model, such as model='small-cnn'.",
            )  # fmt: skip
        return weight.detach().float().cpu()

    @torch.no_grad()
    def patches(self, layer: str, unit: int, most: int, examples: int = 256) -> tuple[Tensor, list[float], list[int]]:
        """Parts of validation pictures that a unit answers to most [k, C, h, w], how strongly, and of which pictures.

        The size of a part is found by moving single pixels back through the layers: what the unit can see (its gradient).

        Raises:
            ModelError: the layer gives no feature maps, or has no such unit.
            DataError: the model takes no pictures.
        """
        if isinstance(most, bool) or not isinstance(most, int) or not 1 <= most <= MOST_PATCHES:
            raise DataError(f"{most!r} patches can't be shown.", f"It is a number from 1 to {MOST_PATCHES}.", "most=8")
        trainer, module = self._trainer, self._layer(layer)
        data = trainer.prepared.get("validation", trainer.prepared["train"])
        if "pixel_values" not in data.columns:
            raise DataError(
                "There are no patches to show.",
                "The model takes no pictures.",
                "Use data with images, such as data='digits'.",
            )
        taken = data.subset(torch.arange(min(examples, len(data))))
        inputs = {
            name: value.to(trainer.device)
            for name, value in trainer.task.collate(taken.columns, trainer.processor).items()
        }
        with torch.enable_grad(), evaluation_mode(trainer.model), capture_graph(module) as seen:
            pixels = inputs["pixel_values"].clone().requires_grad_()
            trainer.task.outputs(trainer.model, inputs | {"pixel_values": pixels})
            maps = seen[0]
            if maps.ndim != 4 or not -maps.shape[1] <= unit < maps.shape[1]:
                has = f"It has {maps.shape[1]}." if maps.ndim == 4 else f"Its output is {_words(maps)}."
                raise ModelError(f"{layer} has no feature map {unit}.", has, "Choose another layer or unit.")
            strongest = maps[:, unit].flatten(1).max(1)
            order = strongest.values.topk(min(most, len(taken))).indices.tolist()
            total = torch.stack([maps[i, unit].flatten()[strongest.indices[i]] for i in order]).sum()
            (reach,) = torch.autograd.grad(total, pixels)
        boxes = [_box(reach[i].abs().sum(0)) for i in order]
        high, wide = (max(box[side + 1] - box[side] for box in boxes) for side in (0, 2))
        cut = torch.stack(
            [_cut(inputs["pixel_values"][i].detach(), box, high, wide) for i, box in zip(order, boxes, strict=True)]
        )
        return cut.float().cpu(), [float(strongest.values[i]) for i in order], order

    def _layer(self, name: str) -> torch.nn.Module:
        modules = {module: one for module, one in self._trainer.model.named_modules() if module}
        if name not in modules:
            raise ModelError(*unknown_name("layer", name, list(modules)))
        return modules[name]

    def _of_kind(self, dimensions: int, records: StepRecords, number: int) -> list[str]:
        """Names of the layers whose output has so many dimensions."""
        with capture(self._trainer.model) as seen:
            self.replay(records, number, self.weights_before(records))
        return [name for name, output in seen.activations.items() if output.ndim == dimensions] or ["none"]


@contextmanager
def off(module: torch.nn.Module, name: str, unit: int | None) -> Iterator[None]:
    """Inside, one unit of what a module gives is zero, or all of it: a channel of [B, C, h, w], else the last dimension."""

    def after(_module: Any, _inputs: Any, output: Any) -> Any:
        found = output[0] if isinstance(output, tuple) else output
        if not isinstance(found, torch.Tensor):
            raise ModelError(f"{name} can't be switched off.", "It gives no tensor.", "Choose a layer inside it.")
        dimension = 1 if found.ndim == 4 else found.ndim - 1
        size = found.shape[dimension]
        if unit is not None and not (isinstance(unit, int) and -size <= unit < size):
            raise ModelError(f"{name} has no unit {unit!r}.", f"It has {size}.", f"Choose 0 to {size - 1}.")
        changed = found.clone()
        changed.narrow(dimension, 0 if unit is None else unit % size, size if unit is None else 1).zero_()
        return (changed, *output[1:]) if isinstance(output, tuple) else changed

    handle = module.register_forward_hook(after)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def capture_graph(module: torch.nn.Module) -> Iterator[list[Tensor]]:
    """Inside the block, the list takes what the module gives, with its graph."""
    seen: list[Tensor] = []
    handle = module.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    try:
        yield seen
    finally:
        handle.remove()


def _as_batch(given: Any) -> Any:
    """A batch of one picture; raises DataError where it is none."""
    try:
        return torch.as_tensor(given)[None]
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(
            f"{type(given).__name__} is no example.", str(error), "Give a text or a picture, as trainer.predict takes it."
        ) from error  # fmt: skip


def _box(reach: Tensor) -> tuple[int, int, int, int]:
    """Rows from, to and columns from, to that are not zero in [h, w]; all of it where nothing is."""
    rows, columns = (reach.sum(side).nonzero().flatten() for side in (1, 0))
    if not len(rows):
        return 0, reach.shape[0], 0, reach.shape[1]
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def _cut(picture: Tensor, box: tuple[int, int, int, int], high: int, wide: int) -> Tensor:
    """A part of a picture [C, h, w], filled up with its darkest value to `high` x `wide` where the picture ended."""
    top, bottom, left, right = box
    part = picture[:, top:bottom, left:right]
    return torch.nn.functional.pad(part, (0, wide - part.shape[2], 0, high - part.shape[1]), value=float(picture.min()))


def _words(tensor: Tensor) -> str:
    return "x".join(str(size) for size in tensor.shape)
