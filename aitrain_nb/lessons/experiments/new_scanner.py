"""A network that reads digits gets a new scanner: negatives with grain. What is its knowledge worth there, with how few examples?

Each digit was scanned twice, with other grain, so that a class has 278 examples and more. Runs are taken once a kernel.
"""

from __future__ import annotations

import copy
import importlib.util
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Generator, Tensor

    from aitrain_nb.config import TrainConfig
    from aitrain_nb.data import Dataset, Splits
    from aitrain_nb.figures import Picture
    from aitrain_nb.shots import MethodsCompared, Transfer
    from aitrain_nb.trainer import Trainer

SHOTS = (1, 2, 5, 10, 50, 200)
"""Examples of each class: the axis of the lesson."""
STEPS, SEEDS = 90, 3
RATES = {"scratch": 0.03, "fine-tune": 0.01, "lora": 0.01}
"""Of four rates from 0.001 to 0.03 none is better over the whole axis by more than a hundredth; that of a head, 0.01, is the usual one."""
_GRAIN = 3.0
"""Standard deviation of the grain; white paper is 0, black ink 16."""
_STAMP = 7
"""Column of the corner pixel that a stamp blackens."""


@cache
def reader(seed: int = 0) -> Trainer:
    """A network of 4,810 weights that has learned to read clean digits: half a second. Its rate is the usual one, as in all that follows.

    Args:
        seed: of its first weights and of the order.
    """
    import aitrain_nb as ai

    trainer = ai.prepare(data="digits", model="mlp", epochs=30, seed=seed, threads=1, keep="last")
    trainer.fit(display="none")
    return trainer


def scans(seed: int = 0) -> Splits:
    """The same digits from the new scanner, classes 0 to 9: negatives with grain; the training side twice.

    Args:
        seed: of the grain.
    """
    return _changed(lambda images, labels, chance: (_grained(16 - images, chance), labels), "negatives", seed, copies=2)


def stamped(seed: int = 0) -> Splits:
    """Clean digits, half of them with a black pixel in two corners: the classes are "plain" and "stamped".

    Args:
        seed: decides which have the stamp.
    """
    import torch

    def stamp(images: Tensor, labels: Tensor, chance: Generator) -> tuple[Tensor, Tensor]:
        has_one = torch.randint(0, 2, (len(labels),), generator=chance)
        for column in (0, _STAMP):
            images[:, 0, 0, column] = torch.where(has_one == 1, 16.0, images[:, 0, 0, column])
        return images, has_one

    return _changed(stamp, "stamps", seed, names=("plain", "stamped"))


def on(data: Splits, config: TrainConfig | None = None) -> Trainer:
    """The reader with other data: a copy of its network, old head included, before any step on them.

    Args:
        data: of ten classes.
        config: of the run; the reader's own where there is none.
    """
    from aitrain_nb.trainer import Trainer

    old = reader()
    return Trainer(copy.deepcopy(old.model), old.task, data, config or old.config, old.processor)


def methods() -> list[str]:
    """The methods that are compared: LoRA only where peft is installed."""
    adapters = ["lora"] if importlib.util.find_spec("peft") else []
    return ["scratch", "head", *adapters, "fine-tune", "nearest mean", "nearest neighbours"]


def compared(seeds: int = SEEDS) -> MethodsCompared:
    """All methods on the new scanner's digits: about two seconds a seed.

    Args:
        seeds: draws of the examples, and first weights.
    """
    return _compared(seeds)  # once, whether their number is named or not


@cache
def _compared(seeds: int) -> MethodsCompared:
    import aitrain_nb as ai

    return ai.compare_methods(
        scans(), SHOTS, seeds, methods(), reader(), steps=STEPS, rates=RATES, progress=lambda _: None
    )


@cache
def at_the_usual_rate(seeds: int = SEEDS) -> MethodsCompared:
    """From scratch alone, with the rate of 0.001 that stands in the config where nobody chose one: about a second.

    Args:
        seeds: as in `compared`.
    """
    import aitrain_nb as ai

    return ai.compare_methods(scans(), SHOTS, seeds, ["scratch"], reader(), steps=STEPS, progress=lambda _: None)


def both_rates(seeds: int = SEEDS) -> MethodsCompared:
    """Fine-tuned, and from scratch with two rates: its own, and the usual one.

    Args:
        seeds: as in `compared`.
    """
    own, usual = compared(seeds).only("fine-tune", "scratch"), at_the_usual_rate(seeds)
    own.measured = [
        *(
            one._replace(method=f"scratch, {RATES['scratch']}") if one.method == "scratch" else one
            for one in own.measured
        ),
        *(one._replace(method="scratch, 0.001") for one in usual.measured),
    ]
    own.planned = len(own.measured)
    return own


@cache
def compared_on_stamps(seeds: int = 2) -> MethodsCompared:
    """From scratch, fine-tuned, and by the nearest examples on frozen features, on digits with and without a stamp, each at its own rate.

    Args:
        seeds: as in `compared`.
    """
    import aitrain_nb as ai

    some = ["scratch", "fine-tune", "nearest mean", "nearest neighbours"]
    rates = {method: RATES[method] for method in ("scratch", "fine-tune")}
    return ai.compare_methods(
        stamped(), SHOTS, seeds, some, reader(), steps=STEPS, rates=rates, progress=lambda _: None
    )


@cache
def moved(shots: int = 50, seeds: int = SEEDS) -> Transfer:
    """The reader taken to the new scanner, and what is left of the old one.

    Args:
        shots: examples of each class.
        seeds: as in `compared`.
    """
    import aitrain_nb as ai

    return ai.transfer(
        reader(),
        scans(),
        shots=shots,
        seeds=seeds,
        steps=STEPS,
        learning_rate=RATES["fine-tune"],
        progress=lambda _: None,
    )


def pictures(data: Splits, count: int, *, are_changed: bool = True) -> Picture:
    """The first validation digits: as they were above and as they are below, or as they are with their class.

    Args:
        data: changed digits.
        count: of them.
        are_changed: whether the clean ones are shown, too.
    """
    import torch

    from aitrain_nb import plots

    clean = reader().data.validation
    assert clean is not None
    assert data.validation is not None
    shown = data.validation.columns["image"][:count]
    if not are_changed:
        names = [data.label_names[label] for label in data.validation.columns["label"][:count].tolist()]
        return plots.images(shown, names, count)
    both = torch.cat([clean.columns["image"][:count], shown])
    return plots.images(both, ["clean"] * count + ["scanned"] * count, count)


def _grained(images: Tensor, chance: Generator) -> Tensor:
    import torch

    return (images + _GRAIN * torch.randn(images.shape, generator=chance)).clamp(0, 16)


def _changed(
    change: Callable[[Tensor, Tensor, Generator], tuple[Tensor, Tensor]], name: str, seed: int, copies: int = 1, names: Any = None
) -> Splits:  # fmt: skip
    import torch

    from aitrain_nb.data import Dataset, Splits

    data = reader().data
    assert data.validation is not None

    def side(dataset: Dataset, copies: int, own: int) -> Dataset:
        chance = torch.Generator().manual_seed(2 * seed + own)
        images = dataset.columns["image"].repeat(copies, 1, 1, 1)
        images, labels = change(images, dataset.columns["label"].repeat(copies), chance)
        return Dataset({"image": images, "label": labels}, names or dataset.label_names)

    return Splits(side(data.train, copies, 0), side(data.validation, 1, 1), name, data.scale, data.note)
