"""Eight small runs of digits: one is well, seven were spoilt, each in its own known way. Lesson 09 examines them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn

    from aitrain_nb.data import Splits
    from aitrain_nb.diagnosis import Findings
    from aitrain_nb.trainer import Trainer

EXAMPLES, WIDTH = 400, 48
SECRETS = {
    "A": "nothing is wrong",
    "B": "the learning rate is a thousand times too high",
    "C": "gradients are never set back to zero",
    "D": "the labels were shuffled",
    "E": "the pixels go from 0 to 255, not from 0 to 1",
    "F": "validation runs in training mode",
    "G": "all but one small part is frozen",
    "H": "a division by 0 in the 40th step",
}
"""Patient -> what was done to it."""
_FIELDS: dict[str, dict[str, Any]] = {
    "B": {"learning_rate": 3.0},
    "C": {"optimizer": "sgd", "learning_rate": 0.1, "max_grad_norm": 0.0},
}


def digits(
    seed: int,
    *,
    shuffled: bool = False,
    factor: float = 1.0,
    wrong: float = 0.0,
    aside: float = 0.3,
    count: int = EXAMPLES,
) -> Splits:
    """Some of the digits, other ones for each seed; pixels from 0 to 1 times `factor`."""
    import torch

    import aitrain_nb as ai

    everything = ai.prepare(data="digits", model="mlp").data
    chance = torch.Generator().manual_seed(seed)
    chosen = torch.randperm(len(everything.train), generator=chance)[:count]
    images = everything.train.columns["image"][chosen] * everything.scale * factor
    labels = everything.train.columns["label"][chosen].clone()
    if shuffled:
        labels = labels[torch.randperm(len(labels), generator=chance)]
    others = torch.rand(len(labels), generator=chance) < wrong
    labels[others] = torch.randint(0, 10, (int(others.sum()),), generator=chance)
    data = ai.Dataset({"image": images, "label": labels}, everything.train.label_names)
    return data.split(aside, seed=seed, scale=1.0)


def network(seed: int, *between: nn.Module, width: int = WIDTH) -> nn.Sequential:
    """Two layers with first weights of this seed."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = torch.nn
        return layers.Sequential(
            layers.Flatten(), layers.Linear(64, width), layers.ReLU(), *between, layers.Linear(width, 10)
        )


def admit(letter: str, seed: int = 0, **changes: Any) -> Trainer:
    """A patient, not yet trained.

    Args:
        letter: A to H.
        seed: of digits, weights and order.
        changes: fields of the config: a treatment.
    """
    import aitrain_nb as ai

    fields = (
        {"epochs": 12, "learning_rate": 0.003, "seed": seed, "threads": 1, "keep": "last"}
        | _FIELDS.get(letter, {})
        | changes
    )
    data = digits(seed, shuffled=letter == "D", factor=255.0 if letter == "E" else 1.0)
    if letter == "E":
        return ai.prepare(data=data, model="mlp", **fields)
    return ai.Trainer(_model(letter, seed), "image-classification", data, ai.TrainConfig(**fields))


@cache
def treated(letter: str) -> Trainer:
    """The patient after its run, as it came."""
    trainer = admit(letter)
    trainer.fit(display="none")
    return trainer


@cache
def examined(letter: str) -> Findings:
    """What the diagnosis finds in the patient as it came."""
    import aitrain_nb as ai

    return ai.diagnose(treated(letter))


@cache
def after_advice(letter: str) -> tuple[Trainer, Findings] | None:
    """The patient run anew with the fields that the diagnosis would change, and examined again.

    Args:
        letter: A to H.

    Returns:
        The run, and what is found in it; None where the diagnosis would change no field.
    """
    import aitrain_nb as ai

    fix = examined(letter).fix
    if not fix:
        return None
    trainer = admit(letter, **fix)
    trainer.fit(display="none")
    return trainer, ai.diagnose(trainer)


def _model(letter: str, seed: int) -> nn.Module:
    if letter == "F":
        return _never_evaluating(seed)
    model = network(seed, _dividing_by_nothing()) if letter == "H" else network(seed)
    for name, weight in model.named_parameters():
        if letter == "C":
            weight.register_hook(_adding())
        if letter == "G":
            weight.requires_grad_(name == "3.bias")
    return model


def _adding() -> Any:
    """A hook by which each step gets the gradients of all steps before, too."""
    kept: list[Tensor] = []

    def add(gradient: Tensor) -> Tensor:
        kept.append(gradient.clone() if not kept else kept.pop() + gradient)
        return kept[0]

    return add


def _never_evaluating(seed: int) -> nn.Module:
    """A network with dropout that stays in training mode whatever it is told."""
    from torch import nn

    class NeverEvaluates(nn.Sequential):
        def train(self, mode: bool = True) -> NeverEvaluates:
            del mode
            super().train(True)
            return self

    return NeverEvaluates(*network(seed, nn.BatchNorm1d(WIDTH), nn.Dropout(0.3)))


def _dividing_by_nothing() -> nn.Module:
    from torch import nn

    class DividesByNothing(nn.Module):
        calls = 0

        def forward(self, values: Tensor) -> Tensor:
            self.calls += self.training
            return values / (0.0 if self.training and self.calls == 40 else 1.0)

    return DividesByNothing()


def memorising(seed: int = 0) -> Trainer:
    """Sixty digits, some with a wrong label, and a network that is large enough to learn them by heart."""
    import aitrain_nb as ai

    config = ai.TrainConfig(epochs=60, learning_rate=0.003, seed=seed, threads=1, keep="last")
    data = digits(seed, count=160, wrong=0.3, aside=0.6)
    return ai.Trainer(network(seed, width=512), "image-classification", data, config)


def unsteady(seed: int = 0) -> Trainer:
    """Batches of two, and a rate that is too high for them."""
    return admit("A", seed, batch_size=2, learning_rate=0.02, epochs=4)
