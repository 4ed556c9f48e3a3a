"""What is minimised: cross-entropy, smoothed and weighted where a config asks for it."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class LossOptions(NamedTuple):
    """What is minimised where it isn't plain cross-entropy.

    Attributes:
        label_smoothing: share of the target probability spread evenly over all classes.
        class_weights: [C] how much a target of each class counts, 1 on average over the training targets, or None.
    """

    label_smoothing: float = 0.0
    class_weights: Tensor | None = None

    @property
    def is_plain(self) -> bool:
        """Whether it is plain cross-entropy."""
        return not self.label_smoothing and self.class_weights is None


PLAIN = LossOptions()


def cross_entropy(logits: Tensor, labels: Tensor, options: LossOptions = PLAIN) -> Tensor:
    """Cross-entropy of each target, nats, in the shape of the labels; 0 where the label is -100.

    Args:
        logits: [..., C]; 16-bit numbers are summed with 32 bits.
        labels: [...] class numbers.
        options: smoothing, and weights of the classes: a target's weight multiplies its own loss.
    """
    if logits.dtype.itemsize < 4:
        logits = logits.float()  # 16 bits are enough for a layer, not for a sum of logarithms
    weights = None if options.class_weights is None else options.class_weights.to(logits.dtype)
    is_flat = labels.ndim == 1
    flat = torch.nn.functional.cross_entropy(
        logits if is_flat else logits.flatten(0, -2), labels if is_flat else labels.flatten(), weights,
        reduction="none", ignore_index=-100, label_smoothing=options.label_smoothing,
    )  # fmt: skip
    return flat if is_flat else flat.view(labels.shape)


def target_probabilities(logits: Tensor, labels: Tensor, options: LossOptions = PLAIN) -> Tensor:
    """What the loss asks for, [..., C]: rows that sum to 1, or to the weight of the target's class."""
    classes, smoothing = logits.shape[-1], options.label_smoothing
    exact = torch.nn.functional.one_hot(labels.clamp(min=0), classes).to(logits.dtype)
    asked = exact * (1 - smoothing) + smoothing / classes
    return asked if options.class_weights is None else asked * options.class_weights


def balanced_weights(labels: Tensor, classes: int) -> Tensor:
    """Weights [C] with which a rare class counts as much in all as a frequent one; 1 where a class has no target.

    n / (classes that occur x examples of the class), as in King and Zeng, Logistic Regression in Rare Events Data (2001).

    Args:
        labels: [n] class numbers, below 0 where not counted.
        classes: C.
    """
    counts = torch.bincount(labels[labels >= 0], minlength=classes).float()
    weights = counts.sum() / ((counts > 0).sum() * counts.clamp(min=1))
    return torch.where(counts > 0, weights, 1.0)
