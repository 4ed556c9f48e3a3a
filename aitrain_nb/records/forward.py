"""Forward: what `forward` returns. Numbers have become predictions."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from aitrain_nb import html, numerals, plots
from aitrain_nb.lettering import shortened
from aitrain_nb.records.base import Check, Fact, Record, agree
from aitrain_nb.records.targets import Targets

if TYPE_CHECKING:
    import weakref
    from collections.abc import Iterator

    import pandas as pd
    from torch import Tensor

    from aitrain_nb.figures import Picture
    from aitrain_nb.records.answers import WhatIf


_FEW = 8
"""Answers that a view shows."""


class Forward(Record):
    """Predictions for one micro-batch. Letters: B examples, C classes; where each position has a target, [B, T, C] for [B, C].

    Attributes:
        number: 0-based place of the micro-batch in the step.
        outputs: logits [B, C] that still carry the graph; use `logits` to look.
        random_before: the random state the phase began with, so that it can be repeated exactly.
    """

    phase = "forward"
    title = "Forward"
    explain = "The numbers flow through the layers; at the end stands one score for each class."

    def __init__(
        self, trainer: weakref.ref[Any], step: int, epoch: float, number: int, outputs: Tensor, random_before: Any
    ) -> None:
        super().__init__(trainer, step, epoch)
        self.number, self.outputs, self.random_before = number, outputs, random_before

    @property
    def logits(self) -> Tensor:
        """Scores [B, C], without a unit: only differences matter."""
        return self.outputs.detach()

    @cached_property
    def probabilities(self) -> Tensor:
        """Softmax of the logits [B, C], 0 to 1; each row sums to 1."""
        return self.logits.float().softmax(-1)

    @cached_property
    def predicted(self) -> Tensor:
        """The class with the highest score [B] int64."""
        return self.logits.argmax(-1)

    @cached_property
    def confidence(self) -> Tensor:
        """Probability of the predicted class [B], 0 to 1."""
        return self.probabilities.amax(-1)

    @cached_property
    def entropy(self) -> Tensor:
        """How undecided each prediction is [B], nats: 0 is certain, ln C knows nothing."""
        logs = self.logits.float().log_softmax(-1)
        return -(logs.exp() * logs).sum(-1)

    def top(self, k: int = 3, position: int = -1) -> pd.DataFrame:
        """The k most probable classes of each example, one row each: class and probability by rank.

        Args:
            k: how many.
            position: which position of each example, where each has a prediction of its own; the last by default.
        """
        import pandas as pd

        names = self.trainer.class_names
        probabilities = self.probabilities[:, position] if self.probabilities.ndim == 3 else self.probabilities
        values, places = probabilities.topk(min(k, probabilities.shape[-1]))
        columns: dict[str, list[Any]] = {}
        for rank in range(values.shape[-1]):
            columns[f"class {rank + 1}"] = [names[place] for place in places[:, rank].tolist()]
            columns[f"probability {rank + 1}"] = [round(value, 4) for value in values[:, rank].tolist()]
        return pd.DataFrame(columns)

    @cached_property
    def layers(self) -> pd.DataFrame:
        """One row a layer: kind, shapes in words, weights, dtype, and of what it gives mean, std, min, max and shares.

        `zeros` is the share of exact zeros, `saturated` the share within 1 % of a bound (NaN for a layer without one).

        The same forward is repeated with hooks on, with the weights and random numbers it had; nothing changes.
        """
        import pandas as pd

        return pd.DataFrame(self.trainer.inspector.layers(self._records, self.number))

    def layer(self, name: str) -> Tensor:
        """What the layer of this name gives [B, ...]; raises ModelError where there is none."""
        output: Tensor = self.trainer.inspector.activation(self._records, self.number, name)
        return output

    def attention_weights(self, example: int = 0, layer: int = -1) -> Tensor:
        """How much each token of an example takes from each other in one layer [heads, T, T]: row looks at column, rows sum to 1.

        That one example goes through the model once more, without its padding, in evaluation mode and with the weights it had;
        nothing changes.

        Args:
            example: its place in the micro-batch.
            layer: which attention layer, from 0; -1 is the last.

        Raises:
            DataError: there is no such example.
            ModelError: the model has no attention, or no such layer.
            PhaseError: the step is over.
        """
        weights: Tensor = self.trainer.inspector.attention(self._records, self.number, example, layer)[0]
        return weights

    def attention(self, example: int = 0, layer: int = -1) -> Picture:
        """The same as a picture, a heat map for each head with the tokens on both sides; see `attention_weights`."""
        weights, tokens = self.trainer.inspector.attention(self._records, self.number, example, layer)
        which = "the last layer" if layer == -1 else f"layer {layer}"
        return plots.attention(weights, tokens, f"Attention in {which}, example {example}")

    def hidden_states(self, example: int = 0) -> dict[str, Tensor]:
        """What each block of a transformer gives for one example: name of the block -> [T, D], in evaluation mode.

        Raises:
            DataError: there is no such example.
            ModelError: the model is no stack of blocks.
            PhaseError: the step is over.
        """
        found: dict[str, Tensor] = self.trainer.inspector.hidden_states(self._records, self.number, example)
        return found

    def ablate(self, layer: str, unit: int | None = None) -> WhatIf:
        """What if one unit of a layer gave zeros, or the whole layer: the same micro-batch once more; the model stays what it is.

        Args:
            layer: its name, as in `layers`.
            unit: a channel of a convolution, else a place of the last dimension; None switches off all of it.

        Raises:
            ModelError: there is no such layer or unit.
            PhaseError: the step is over.
        """
        found: WhatIf = self.trainer.inspector.ablate(self._records, self.number, layer, unit)
        return found

    def with_input(self, given: Any, example: int = 0) -> WhatIf:
        """What if an example were another one: your input in its place, both alone and in evaluation mode, with the weights of this step.

        Args:
            given: a raw example as `trainer.predict` takes it: a text, or a picture.
            example: the one to compare with; its right answer is asked of both.

        Raises:
            DataError: there is no such example, or the input doesn't fit the model.
            PhaseError: the step is over.
        """
        found: WhatIf = self.trainer.inspector.with_input(self._records, self.number, example, given)
        return found

    def feature_maps(self, layer: str, example: int = 0) -> Picture:
        """What each channel of a convolution makes of one example, as pictures.

        Raises:
            DataError, ModelError: there is no such example or layer, or it gives no maps.
            PhaseError: the step is over.
        """
        found = self.trainer.inspector.feature_maps(self._records, self.number, layer, example)
        return plots.images(found[:, None], [f"channel {place}" for place in range(len(found))][:64])

    def filters(self, layer: str) -> Picture:
        """The filters of a convolution as pictures, as they were in this step: a first layer's are what it looks for.

        Raises:
            ModelError: there is no such layer, or it is no convolution.
            PhaseError: the step is over.
        """
        inspector = self.trainer.inspector
        found = inspector.filters(layer, inspector.weights_before(self._records))
        shown = found if found.shape[1] in {1, 3} else found.mean(1, keepdim=True)
        return plots.images(shown, [f"filter {place}" for place in range(len(found))][:64])

    def patches(self, layer: str, unit: int, most: int = 8) -> Picture:
        """The parts of validation pictures that one channel answers to most, with how strongly: what it looks for.

        Raises:
            ModelError: there is no such layer or channel, or it gives no maps.
            DataError: the model takes no pictures.
        """
        found, strengths, places = self.trainer.inspector.patches(layer, unit, most)
        return plots.images(
            found, [f"picture {place}: {value:.2g}" for place, value in zip(places, strengths, strict=True)]
        )

    def facts(self) -> dict[str, Fact]:
        """Shape, mean confidence, mean entropy."""
        return {
            "logits": Fact(str(list(self.outputs.shape))),
            "mean confidence": Fact(float(self.confidence.mean())),
            "mean entropy": Fact(float(self.entropy.mean()), "nats"),
            "most often predicted": Fact(self._favourite()),
            "precision": Fact(str(self.outputs.dtype).removeprefix("torch.")),
        }

    def _favourite(self) -> str:
        counts = self.predicted.flatten().bincount(minlength=self.outputs.shape[-1])
        name = self.trainer.class_names[int(counts.argmax())]
        return f"{name} ({int(counts.max())} of {self.predicted.numel()})"

    def table(self) -> pd.DataFrame:
        """One row a target: the true class where the step is current, the prediction, its probability, the entropy (nats)."""
        import pandas as pd

        names, targets = self.trainer.class_names, self._targets
        return pd.DataFrame(
            targets.columns() | {
                "true": targets.named(names),
                "predicted": [names[i] for i in targets.pick(self.predicted).tolist()],
                "confidence": targets.pick(self.confidence).tolist(),
                "entropy": targets.pick(self.entropy).tolist(),
            }
        )  # fmt: skip

    @property
    def _targets(self) -> Targets:
        return Targets(self._records.batch.parts[self.number].inputs["labels"])

    def plot(self) -> Picture:
        """Probability of each class for the first 16 targets; of many classes those that are most probable there."""
        names, targets = self.trainer.class_names, self._targets
        probabilities = targets.pick(self.probabilities)[:16]
        shown = probabilities.mean(0).topk(min(24, len(names))).indices.sort()[0]
        rows = [f"{i}: is {name}" for i, name in enumerate(targets.named(names)[:16])]
        return plots.probabilities(probabilities[:, shown].tolist(), [names[i] for i in shown.tolist()], rows)

    def brief(self) -> str:
        """How sure the model is, beside a uniform guess."""
        classes = self.outputs.shape[-1]
        sure, guess = numerals.share(float(self.confidence.mean())), numerals.share(1 / classes)
        return f"{numerals.count(classes)} scores each; its favourite gets {sure}, a guess {guess}"

    def text(self) -> str:
        """The predictions in sentences."""
        classes, where = self.outputs.shape[-1], "examples" if self.outputs.ndim == 2 else "positions"
        return (
            f"The model gave {classes} scores to each of {self.predicted.numel()} {where}. "
            f"On average its favourite class gets {numerals.share(float(self.confidence.mean()))}; a uniform guess would give "
            f"{numerals.share(1 / classes)}. The class it names most often is {self._favourite()}. No weight has changed."
        )

    def code(self) -> str:
        """The phase in plain PyTorch."""
        return (
            "model.train()\nlogits = model(inputs)\nprobabilities = logits.softmax(-1)                # only to look at"
        )

    def _view(self) -> html.Markup:
        if not self._current:
            return html.Markup("")
        return self._answers_view() + self._layers_view()

    def _answers_view(self) -> html.Markup:
        """The first answers: the most probable class with a bar, and those that come next."""
        names, rows = self.trainer.class_names, []
        for (i, row), values, places in zip(self.table().head(_FEW).iterrows(), *self._first_guesses(), strict=True):
            mark = "" if row["true"] == "unknown" else ("✓" if row["true"] == row["predicted"] else "✗")
            guesses = [
                f"{shortened(names[place], 40)} {numerals.share(value)}"
                for value, place in zip(values, places, strict=True)
            ]
            where = i if "position" not in row else f"{row['example']}, {row['position']}"
            rows.append([where, shortened(row["true"], 40), f"{shortened(names[places[0]], 40)} {mark}",
                         html.bar(values[0], numerals.share(values[0])), ", ".join(guesses[1:])])  # fmt: skip
        first = "example" if self.outputs.ndim == 2 else "example, position"
        return html.table([first, "true", "predicted", "its probability", "then"], rows, "What the model says")

    def _first_guesses(self) -> tuple[list[list[float]], list[list[int]]]:
        """Probabilities and classes of the three best guesses for each of the first targets."""
        places = self._targets.places()[:_FEW]
        probabilities = self.probabilities[tuple(places.T)]
        values, classes = probabilities.topk(min(3, probabilities.shape[-1]))
        return values.tolist(), classes.tolist()

    def _layers_view(self) -> html.Markup:
        """What each layer gave."""
        cells = [
            [html.dotted(row["name"]), row["kind"], row["output"], f"{row['weights']:,}", f"{row['mean']:.2g} ± {row['std']:.2g}",
             html.bar(row["zeros"], numerals.share(row["zeros"]), html.GREY, 60)]
            for _, row in self.layers.iterrows()
        ]  # fmt: skip
        if not cells:
            return html.Markup("")
        heading = html.element("div", "What each layer gives, from the input to the output", style="margin-top:6px")
        return heading + html.folded_table(
            ["layer", "kind", "shape", "weights", "mean ± deviation", "exactly 0"], cells, 8
        )

    def _checks(self) -> Iterator[Check]:
        trainer, records = self.trainer, self._records
        sums = self.probabilities.double().sum(-1)
        yield agree("probabilities sum to 1", float(sums.flatten()[(sums - 1).abs().argmax()]), 1.0, 1e-5)
        same = bool((self.probabilities.argmax(-1) == self.predicted).all())
        yield Check("the most probable class is the predicted one", same, f"{self.predicted.numel()} predictions")
        yield from trainer.inspector.forward_checks(records, self)
