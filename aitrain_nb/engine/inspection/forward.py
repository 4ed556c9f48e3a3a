"""What is asked of a forward pass: its layers, attention, and whether it can be trusted."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import torch

from aitrain_nb.engine.attention import attention_of
from aitrain_nb.engine.capture import capture, leaves
from aitrain_nb.engine.inspection.seeing import Seeing
from aitrain_nb.engine.replaying import place_of
from aitrain_nb.errors import ModelError
from aitrain_nb.records.base import Check, agree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from aitrain_nb.records import Forward, StepRecords


class OfForward(Seeing):
    """Answers the questions that a `Forward` asks."""

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
    def attention(self, records: StepRecords, number: int, example: int, layer: int) -> tuple[Tensor, list[str]]:
        """Attention of one example of a micro-batch [heads, T, T] without padding, in evaluation mode, and its tokens [T].

        Raises:
            DataError: there is no such example.
            ModelError: the model has no attention, or no such layer.
        """
        trainer, inputs = self._trainer, records.batch.parts[number].inputs
        alone, tokens = trainer.task.example_alone(inputs, place_of(inputs, example), trainer.processor)
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
