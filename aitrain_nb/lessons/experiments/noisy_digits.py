"""Runs on digits of which some have a wrong label, looked at after each epoch: the pictures of lesson 08 read them from many sides.

A wrong label can be memorised and can't be learned, so these runs show what memorising does. Each is trained once in a kernel.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from aitrain_nb.data import Dataset, Splits
    from aitrain_nb.trainer import Trainer


class Recipe(NamedTuple):
    """Which digits are trained on, and how: the share of wrong labels, digits, epochs, and the rest as a config names it."""

    wrong: float
    examples: int
    config: dict[str, Any]


_MODEL = {"model": "small-cnn", "keep": "last"}
RECIPES = {
    "clean labels": Recipe(
        0.0, 200, _MODEL | {"learning_rate": 0.004, "batch_size": 16, "epochs": 14, "schedule": "cosine"}
    ),
    "3 of 10 labels wrong": Recipe(0.3, 500, _MODEL | {"learning_rate": 0.006, "epochs": 16}),
    "labels by chance": Recipe(
        0.9, 60, _MODEL | {"learning_rate": 0.003, "batch_size": 15, "epochs": 56, "evaluate_every": 16}
    ),
}
"""Name -> recipe. Of ten classes, labels of which nine in ten are another than the true one are labels by chance."""


class Watched(NamedTuple):
    """A run, example by example. Letters: E evaluations, n training examples, m validation examples.

    Attributes:
        epochs: completed at each evaluation [E].
        training: loss of each training example [E, n], in evaluation mode, nats.
        validation: the same of each validation example [E, m], nats.
        training_right: which training examples were answered as their label says [E, n] bool.
        validation_right: the same of validation [E, m] bool.
    """

    epochs: list[float]
    training: Tensor
    validation: Tensor
    training_right: Tensor
    validation_right: Tensor

    def curves(self, digits: slice | Tensor = slice(None)) -> tuple[list[float], list[float]]:
        """Mean loss at each evaluation: on the training examples, and on these validation examples."""
        return self.training.mean(1).tolist(), self.validation[:, digits].mean(1).tolist()


def noisy_digits(wrong: float, examples: int, seed: int = 0) -> Splits:
    """Digits of which a share has another label than the true one, in training and in validation.

    Args:
        wrong: share of the labels that are replaced by one of the nine others, 0 to 1.
        examples: digits to train on, at most 1,437; 360 more are for validation.
        seed: decides which ones.
    """
    import torch

    from aitrain_nb.data import Splits
    from aitrain_nb.run import prepare

    data = prepare(data="digits", model="mlp", seed=seed).data
    assert data.validation is not None
    chance = torch.Generator().manual_seed(seed)
    train = data.train.subset(torch.arange(examples))
    train, validation = (_relabelled(side, wrong, chance) for side in (train, data.validation))
    return Splits(train, validation, f"digits, {wrong:.0%} of the labels wrong", data.scale, data.note)


def _relabelled(dataset: Dataset, wrong: float, chance: Generator) -> Dataset:
    import torch

    from aitrain_nb.data import Dataset

    labels = dataset.columns["label"].clone()
    chosen = torch.randperm(len(labels), generator=chance)[: round(wrong * len(labels))]
    labels[chosen] = (labels[chosen] + torch.randint(1, 10, (len(chosen),), generator=chance)) % 10
    return Dataset(dataset.columns | {"label": labels}, dataset.label_names)


def noisy_run(name: str, seed: int = 0) -> Trainer:
    """A recipe as a trainer that is ready to go.

    Args:
        name: of `RECIPES`.
        seed: of the digits, their labels and the run.
    """
    from aitrain_nb.run import prepare

    recipe = RECIPES[name]
    return prepare(data=noisy_digits(recipe.wrong, recipe.examples, seed), seed=seed, **recipe.config)


@cache
def watched(name: str) -> Watched:
    """Train a recipe, and keep how each example fared at each evaluation.

    Args:
        name: of `RECIPES`.
    """
    import torch

    from aitrain_nb.records import Evaluation

    trainer = noisy_run(name)
    seen: list[tuple[Tensor, ...]] = []

    def look(record: object) -> None:
        if isinstance(record, Evaluation):
            train = trainer.evaluate("train")
            right = (one.predicted == one.labels for one in (train, record))
            seen.append((train.per_example, record.per_example, *right))

    trainer.watchers.append(look)
    trainer.fit(display="none")
    epochs = [row["epoch"] for row in trainer.history.evaluations]
    return Watched(epochs, *(torch.stack(column) for column in zip(*seen, strict=True)))
