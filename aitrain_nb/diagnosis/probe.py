"""`Probe`: looks at a trainer's model and data once, at a bounded cost, and leaves both as they were."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import nn

from aitrain_nb.engine.capture import capture, leaves
from aitrain_nb.engine.modes import evaluation_mode
from aitrain_nb.engine.trials import trial

if TYPE_CHECKING:
    from torch import Tensor

    from aitrain_nb.data import Dataset
    from aitrain_nb.trainer import Trainer

SAMPLE = 128
"""Training examples that are looked at, at most."""
NEIGHBOURS = 400
"""Training examples among which the nearest one is looked for."""
_ROWS = 20_000
"""Examples a side that are compared with those of the other."""
_IN_EVALUATION_MODE = (nn.modules.dropout._DropoutNd, nn.modules.batchnorm._BatchNorm)
_NORMALISATIONS = (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)


class Neighbours(NamedTuple):
    """How often the example that looks most alike has the same label.

    Attributes:
        agreement: share from 0 to 1.
        chance: the same share where labels have nothing to do with the inputs: the sum of the squared label shares.
        asked: examples whose nearest one was looked for.
    """

    agreement: float
    chance: float
    asked: int

    @property
    def deviations(self) -> float:
        """How far the agreement lies above chance, in standard deviations of a share of so many examples."""
        return (self.agreement - self.chance) / max(1e-9, (self.chance * (1 - self.chance) / max(1, self.asked)) ** 0.5)


@dataclass(frozen=True, eq=False)
class Answers:
    """What the model says about the sample in evaluation mode. n examples, C classes.

    Attributes:
        logits: [n, C] or [n, T, C].
        difference: largest difference of two forwards of the same examples, and of two examples alone and in their batch, as a share of
            the spread of the logits.
        still_training: modules that are in training mode all the same.
        dead: ReLU layer -> share of its units that are 0 for every example.
    """

    logits: Tensor
    difference: float
    still_training: tuple[str, ...]
    dead: dict[str, float]


@dataclass(frozen=True)
class Step:
    """A step that was tried by hand and taken back.

    Attributes:
        norm: gradient norm of the step as the trainer computed it.
        fresh_norm: the same from fresh gradients on a copy of the weights.
        ratio: norm of the update over the norm of the weights, at the peak of the schedule.
        tensors: one row a trained tensor: name, dimensions, grad_norm, weight_norm, update_norm.
    """

    norm: float
    fresh_norm: float
    ratio: float
    tensors: tuple[dict[str, Any], ...]


class Probe:
    """Looks at a trainer between two steps; each look is taken once, when it is asked for.

    Args:
        trainer: whose model and data it looks at.
    """

    def __init__(self, trainer: Trainer) -> None:
        self.trainer = trainer

    @cached_property
    def labels(self) -> Tensor:
        """Training labels [n], or all of the many targets, those that count."""
        labels: Tensor = self.trainer.prepared["train"].columns["labels"]
        return labels[labels != -100]

    @cached_property
    def shares(self) -> Tensor:
        """Share of each class among the training labels [C]."""
        counts = torch.bincount(self.labels.reshape(-1), minlength=len(self.trainer.class_names)).double()
        return counts / counts.sum().clamp(min=1)

    @cached_property
    def sample(self) -> Dataset:
        """At most 128 training examples, spread evenly."""
        return self._spread(min(SAMPLE, self.trainer.config.evaluation_batch_size or SAMPLE))

    def _spread(self, most: int) -> Dataset:
        dataset = self.trainer.prepared["train"]
        return dataset.subset(torch.linspace(0, len(dataset) - 1, min(most, len(dataset))).round().to(torch.int64))

    def collated(self, dataset: Dataset) -> dict[str, Tensor]:
        """Prepared examples as the model takes them, on its device."""
        trainer = self.trainer
        columns = trainer.task.collate(dataset.columns, trainer.processor)
        return {name: value.to(trainer.device) for name, value in columns.items()}

    @cached_property
    def inputs(self) -> dict[str, Tensor]:
        """The sample as the model takes it."""
        return self.collated(self.sample)

    @cached_property
    def answers(self) -> Answers:
        """What the model says about the sample."""
        trainer, model = self.trainer, self.trainer.model
        alone = {name: value[:2] for name, value in self.inputs.items()}
        with trial(trainer), torch.no_grad(), evaluation_mode(model), trainer.threads, trainer.random:
            with capture(model) as seen:
                first = trainer.task.outputs(model, self.inputs)
            again, pair = (trainer.task.outputs(model, inputs) for inputs in (self.inputs, alone))
            still = tuple(
                name for name, one in leaves(model).items() if one.training and isinstance(one, _IN_EVALUATION_MODE)
            )
        modules = leaves(model)
        dead = {
            name: _dead_units(output)
            for name, output in seen.activations.items()
            if isinstance(modules[name], (nn.ReLU, nn.ReLU6))
        }
        spread = float(first.float().std()) or 1.0
        apart = max(float((again - first).abs().max()), float((pair - first[:2]).abs().max()))
        return Answers(first.float().cpu(), apart / spread, still, dead)

    @cached_property
    def step(self) -> Step:
        """The second of two steps of the run, tried at its peak learning rate and taken back: the first could have left gradients."""
        trainer = self.trainer
        with trial(trainer):
            trainer.plan = trainer.plan._replace(schedule="constant", warmup_steps=0, head_steps=0)
            trainer._keeps_records = True
            for record in (*trainer.phases(), *trainer.phases()):
                last = record
            records = trainer.records
            assert records is not None
            fresh = trainer.inspector.fresh_norm(records)
            update: Any = last
            gradients = {row["name"]: row for row in records.gradients._rows} if records.gradients is not None else {}
            rows = tuple(
                {
                    "name": row["name"], "dimensions": update.before[row["name"]].ndim, "update_norm": row["update_norm"],
                    "weight_norm": row["weight_norm_before"], "grad_norm": gradients[row["name"]]["grad_norm"],
                }
                for row in update._measured() if gradients[row["name"]]["has_grad"]
            )  # fmt: skip
            norm = records.gradients.norm if records.gradients is not None else 0.0
            return Step(norm, fresh, update.ratio, rows)

    @cached_property
    def trained_share(self) -> float:
        """Share of the weights that are trained."""
        weights = list(self.trainer.model.parameters())
        return sum(w.numel() for w in weights if w.requires_grad) / max(1, sum(w.numel() for w in weights))

    @cached_property
    def is_from_scratch(self) -> bool:
        """Whether the model began with random weights, as far as the config tells."""
        config = self.trainer.config
        return config.method in {"auto", "scratch"} and (
            config.model is None or self.trainer.task.is_from_scratch(config.model)
        )

    @cached_property
    def input_size(self) -> float | None:
        """Root mean square of the numbers that go into the model; None where they are no numbers but tokens."""
        values = self.trainer.task.first_module_input(self.inputs)
        return float(values.float().square().mean().sqrt()) if values.is_floating_point() else None

    @cached_property
    def scales_inputs(self) -> bool:
        """Whether the first layer that does something to the inputs is a normalisation."""
        kinds = [
            type(one)
            for one in leaves(self.trainer.model).values()
            if not isinstance(one, (nn.Flatten, nn.Unflatten, nn.Identity))
        ]
        return bool(kinds) and issubclass(kinds[0], _NORMALISATIONS)

    @property
    def is_image(self) -> bool:
        """Whether the inputs are pictures [n, channels, height, width]."""
        return self.input_size is not None and self.trainer.task.first_module_input(self.inputs).ndim == 4

    @property
    def is_generating(self) -> bool:
        """Whether an example has many targets, as a text has that is generated."""
        return bool(self.trainer.prepared["train"].columns["labels"].ndim > 1)

    @cached_property
    def repeated(self) -> float | None:
        """Share of the validation examples that stand among the training examples, label aside; None without validation."""
        train, validation = (self.trainer.prepared.get(name) for name in ("train", "validation"))
        if train is None or validation is None:
            return None
        known = set(_keys(train))
        found = [key in known for key in _keys(validation)]
        return sum(found) / max(1, len(found))

    @cached_property
    def neighbours(self) -> Neighbours | None:
        """How often the example that looks most alike has the same label; None where an example has many."""
        inputs = self.collated(self._spread(NEIGHBOURS))
        labels = inputs["labels"].cpu()
        if labels.ndim != 1 or len(labels) < 40:
            return None
        looks = _as_vectors(self.trainer.task.first_module_input(inputs).cpu(), inputs.get("attention_mask"))
        near = looks @ looks.T
        near.fill_diagonal_(-2.0)
        shares = torch.bincount(labels.clamp(min=0)).double() / len(labels)
        return Neighbours(
            float((labels[near.argmax(1)] == labels).double().mean()), float((shares**2).sum()), len(labels)
        )


def _dead_units(output: Tensor) -> float:
    """Share of the units that are 0 for every example: channels of a picture, else the last dimension."""
    units = output.flatten(2).transpose(1, 2).flatten(0, 1) if output.ndim == 4 else output.flatten(0, -2)
    return float((units == 0).all(0).double().mean())


def _as_vectors(values: Tensor, mask: Tensor | None) -> Tensor:
    """Examples as vectors of length 1 [n, d]: numbers as they are, less their mean; tokens as how often each occurs, rare ones more."""
    if values.is_floating_point():
        flat = values.flatten(1).float()
        flat = flat - flat.mean(0)
    else:
        flat = torch.zeros(len(values), int(values.max()) + 1)
        weights = torch.ones_like(values) if mask is None else mask.cpu()
        flat.scatter_add_(1, values.flatten(1), weights.flatten(1).float())
        occurs = (flat > 0).sum(0)
        flat = flat.sqrt() * torch.log(len(values) / occurs.clamp(min=1))
    return torch.nn.functional.normalize(flat, dim=1)


def _keys(dataset: Dataset) -> list[bytes]:
    """What is equal for equal inputs, for each of at most 20,000 examples."""
    count = min(_ROWS, len(dataset))
    columns = [column[:count] for name, column in dataset.columns.items() if name not in {"labels", "label"}]
    keys = [
        [row.tobytes() for row in column.numpy()]
        if isinstance(column, torch.Tensor)
        else [str(value).encode() for value in column]
        for column in columns
    ]
    return [b"|".join(row) for row in zip(*keys, strict=True)]
