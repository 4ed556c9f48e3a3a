"""Small trainings that are spoilt in a known way, and whole ones beside them: what a diagnosis is held against."""

from __future__ import annotations

import torch
from torch import nn

import aitrain_nb as ai

FEW = 400


def digits(seed, *, count=FEW, factor=1.0, shuffled=False, noisy=0.0, validation_fraction=0.3):
    """Some of the bundled digits, other ones for each seed, pixels 0 to 1 times `factor`."""
    images, labels = load_bundled_digits()
    chance = torch.Generator().manual_seed(seed)
    chosen = torch.randperm(len(images), generator=chance)[:count]
    images, labels = images[chosen] * factor, labels[chosen].clone()
    if shuffled:
        labels = labels[torch.randperm(len(labels), generator=chance)]
    wrong = torch.rand(len(labels), generator=chance) < noisy
    labels[wrong] = torch.randint(0, 10, (int(wrong.sum()),), generator=chance)
    data = ai.Dataset({"image": images, "label": labels}, [str(number) for number in range(10)])
    return data.split(validation_fraction, seed=seed, scale=1.0)


def load_bundled_digits():
    from sklearn.datasets import load_digits

    bundle = load_digits()
    return torch.tensor(bundle.images, dtype=torch.float32)[:, None] / 16, torch.tensor(bundle.target)


def network(seed, *layers, width=48):
    """A network of two layers with weights of this seed; `layers` come between them."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.ReLU(), *layers, nn.Linear(width, 10))


def trainer_of(seed, model=None, data=None, **fields):
    """A trainer of 12 epochs that keeps its last weights."""
    config = ai.TrainConfig(
        **({"epochs": 12, "batch_size": 32, "learning_rate": 0.003, "seed": seed, "threads": 1} | fields)
    )
    return ai.Trainer(model or network(seed), "image-classification", data or digits(seed), config)


def whole(seed, **changes):
    """Nothing is wrong."""
    return trainer_of(seed, **changes)


def rate_times_1000(seed, **changes):
    """A learning rate a thousand times too high."""
    return trainer_of(seed, **({"learning_rate": 3.0} | changes))


def no_zeroing(seed, **changes):
    """Each step adds its gradient to those of all steps before."""
    model = network(seed)
    for weight in model.parameters():
        weight.register_hook(_Adding())
    return trainer_of(seed, model, **({"max_grad_norm": 0.0, "optimizer": "sgd", "learning_rate": 0.1} | changes))


class _Adding:
    def __init__(self):
        self.sum = None

    def __call__(self, gradient):
        self.sum = gradient.clone() if self.sum is None else self.sum + gradient
        return self.sum


def shuffled_labels(seed, **changes):
    """Labels that have nothing to do with the pictures."""
    return trainer_of(seed, data=digits(seed, shuffled=True), **changes)


def unscaled_inputs(seed, **changes):
    """Pixels from 0 to 255."""
    return ai.prepare(
        ai.TrainConfig(
            **({"model": "mlp", "epochs": 12, "seed": seed, "learning_rate": 0.003, "threads": 1} | changes)
        ),
        data=digits(seed, factor=255.0),
    )


class _NeverEvaluates(nn.Sequential):
    def train(self, mode=True):
        del mode
        return super().train(True)


def validating_in_training_mode(seed, **changes):
    """A model that stays in training mode whatever it is told."""
    inner = network(seed, nn.BatchNorm1d(48), nn.Dropout(0.3))
    return trainer_of(seed, _NeverEvaluates(*inner), **changes)


def frozen(seed, **changes):
    """Everything but the last layer's bias is frozen at its random weights."""
    model = network(seed)
    for name, weight in model.named_parameters():
        weight.requires_grad_(name.endswith("3.bias"))
    return trainer_of(seed, model, **changes)


class _DividesByNothing(nn.Module):
    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, values):
        self.calls += self.training
        return values / (0.0 if self.training and self.calls == 40 else 1.0)


def not_a_number(seed, **changes):
    """A division by 0 in the 40th step."""
    return trainer_of(seed, network(seed, _DividesByNothing()), **changes)


def tiny_data_big_model(seed, **changes):
    """Sixty examples, some with a wrong label, for a network that learns them by heart."""
    data = digits(seed, count=160, noisy=0.3, validation_fraction=0.6)
    return trainer_of(seed, network(seed, width=512), data, **({"epochs": 60, "keep": "last"} | changes))


CASES = {
    "healthy": whole,
    "learning rate too high": rate_times_1000,
    "gradients not zeroed": no_zeroing,
    "labels look shuffled": shuffled_labels,
    "unscaled inputs": unscaled_inputs,
    "validation in training mode": validating_in_training_mode,
    "everything frozen": frozen,
    "not a number": not_a_number,
    "overfitting": tiny_data_big_model,
}
"""Name of the right finding -> what makes the trainer of a seed, with changed fields of its config."""


def diagnosed(name, seed):
    """The findings of a spoilt training of this seed, and its trainer."""
    trainer = CASES[name](seed)
    trainer.fit(display="none")
    return ai.diagnose(trainer), trainer
