"""Sums of two numbers, modulo 53, for a network that first learns its examples by heart and later finds the rule.

Power et al. (2022), "Grokking: Generalization beyond overfitting on small algorithmic datasets"; the network with squares is that of
Gromov (2023), "Grokking modular arithmetic". Each run is trained once in a kernel.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn

from aitrain_nb.config import TrainConfig
from aitrain_nb.data import Dataset, Splits
from aitrain_nb.records import Evaluation
from aitrain_nb.trainer import Trainer

if TYPE_CHECKING:
    from torch import Tensor

MODULUS = 53
_SHARE = 0.4
"""Of all pairs, those that are trained on."""


class SquaredSums(nn.Module):
    """Two layers without biases; between them each number is squared. 20,352 weights.

    Args:
        width: units between the layers.
    """

    def __init__(self, width: int = 128) -> None:
        super().__init__()
        self.hidden = nn.Linear(2 * MODULUS, width, bias=False)
        self.output = nn.Linear(width, MODULUS, bias=False)

    def forward(self, pixel_values: Tensor, **_: object) -> Tensor:
        """Scores of the 53 answers.

        Args:
            pixel_values: [B, 1, 2, 53]: each row has a single 1, where its number is.

        Returns:
            Logits [B, 53].
        """
        return self.output(self.hidden(pixel_values.flatten(1)).square())


def sums(seed: int = 0) -> Splits:
    """All 2,809 pairs a, b with their label (a + b) mod 53, as pictures of two lines with one lit point in each; 40 % to train on.

    Args:
        seed: decides which ones.
    """
    one = torch.eye(MODULUS)
    a, b = torch.meshgrid(torch.arange(MODULUS), torch.arange(MODULUS), indexing="ij")
    a, b = a.flatten(), b.flatten()
    pairs = Dataset({"image": torch.stack([one[a], one[b]], 1)[:, None], "label": (a + b) % MODULUS})
    order = torch.randperm(len(pairs), generator=torch.Generator().manual_seed(seed))
    cut = int(_SHARE * len(pairs))
    sides = (order[:cut], order[cut:])
    return Splits(pairs.subset(sides[0]), pairs.subset(sides[1]), "sums modulo 53", 1.0, "", *sides)


def sums_run(weight_decay: float = 1.0, seed: int = 0, steps: int = 300) -> Trainer:
    """A run on such sums, all in one batch, that is ready to go.

    Args:
        weight_decay: how strongly weights are pulled towards 0.
        seed: of the pairs and of the first weights.
        steps: to take.
    """
    data = sums(seed)
    config = TrainConfig(
        task="image-classification", data="sums modulo 53", learning_rate=0.03, weight_decay=weight_decay, beta2=0.98, max_grad_norm=0,
        batch_size=len(data.train), max_steps=steps, evaluate_every=10, keep="last", seed=seed,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = SquaredSums()
    return Trainer(model, "image-classification", data, config)


class WatchedSums(NamedTuple):
    """A run. Letters: E evaluations.

    Attributes:
        steps: taken before each evaluation [E].
        training: share of the trained pairs that are right [E], 0 to 1.
        validation: the same of the others [E].
        loss: validation loss [E], nats.
        right: which of all pairs are right [E, 53, 53] bool.
        trained: which of all pairs are trained on [53, 53] bool.
    """

    steps: list[int]
    training: list[float]
    validation: list[float]
    loss: list[float]
    right: Tensor
    trained: Tensor


@cache
def watched_sums(weight_decay: float = 1.0) -> WatchedSums:
    """Train on sums, and keep which pairs are right at each evaluation.

    Args:
        weight_decay: how strongly weights are pulled towards 0.
    """
    trainer = sums_run(weight_decay)
    data, boards, shares = trainer.data, [], []

    def look(record: object) -> None:
        if isinstance(record, Evaluation):
            train = trainer.evaluate("train")
            board = torch.zeros(MODULUS * MODULUS, dtype=torch.bool)
            for side, places in ((train, data.train_indices), (record, data.validation_indices)):
                board[places] = side.predicted == side.labels
            boards.append(board.view(MODULUS, MODULUS))
            shares.append((record.step, train.accuracy, record.accuracy, record.loss))

    trainer.watchers.append(look)
    trainer.fit(display="none")
    trained = torch.zeros(MODULUS * MODULUS, dtype=torch.bool)
    trained[data.train_indices] = True
    steps, training, validation, loss = (list(column) for column in zip(*shares, strict=True))
    return WatchedSums(steps, training, validation, loss, torch.stack(boards), trained.view(MODULUS, MODULUS))
