"""How good predictions are: accuracy and macro F1, and what a model that knows nothing reaches."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def accuracy(predicted: Tensor, labels: Tensor) -> float:
    """Share of the counted targets whose predicted class is the true one, 0 to 1; shapes are alike, -100 isn't counted."""
    counted = labels != -100
    return float(((predicted == labels) & counted).sum()) / max(1, int(counted.sum()))


def macro_f1(predicted: Tensor, labels: Tensor) -> float:
    """Mean over all classes that occur of 2 x right / (times true + times predicted), 0 to 1: each class counts the same.

    Args:
        predicted: [n] class numbers.
        labels: [n] the true ones, -100 where not counted.
    """
    counted = labels != -100
    size = int(torch.cat([predicted, labels]).max()) + 1
    true, said, both = (
        torch.bincount(values, minlength=size).double()
        for values in (labels[counted], predicted[counted], labels[(predicted == labels) & counted])
    )
    occurs = (true + said) > 0
    return float((2 * both / (true + said).clamp(min=1))[occurs].mean())


def of_knowing_nothing(labels: Tensor, classes: int) -> dict[str, float]:
    """What a model that knows nothing reaches on these targets of any shape, -100 where not counted.

    Returns:
        uniform_loss (ln C, nats), label_loss (the entropy of the label shares, nats), majority_accuracy (of always
        naming the most frequent class).
    """
    counts = torch.bincount(labels[labels != -100].reshape(-1), minlength=classes).double()
    shares = counts / counts.sum().clamp(min=1)
    entropy = -float((shares * shares.clamp(min=1e-300).log()).sum())
    return {"uniform_loss": math.log(classes), "label_loss": entropy, "majority_accuracy": float(shares.max())}
