"""The bundled digits split otherwise: half of the classes, and each digit twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aitrain_nb.data import Dataset, Splits


def five_digits(data: Splits, first: int, most: int | None = None) -> Splits:
    """The five digits from `first` on, as classes 0 to 4.

    Args:
        data: the digits, with a side for validation.
        first: digit.
        most: so many examples to learn from; all of them where it isn't given.
    """
    from aitrain_nb.data import Dataset, Splits

    def side(dataset: Dataset, most: int | None) -> Dataset:
        labels = dataset.columns["label"]
        rows = ((labels >= first) & (labels < first + 5)).nonzero()[:, 0][:most]
        names = [str(digit) for digit in range(first, first + 5)]
        return Dataset({"image": dataset.columns["image"][rows], "label": labels[rows] - first}, names)

    assert data.validation is not None
    name = f"digits {first} to {first + 4}"
    return Splits(side(data.train, most), side(data.validation, None), name, data.scale, data.note)


def twice() -> dict[str, Splits]:
    """300 digits of which each stands there twice, split in two ways: at random, or copies together."""
    import torch

    from aitrain_nb.data import Dataset, Splits
    from aitrain_nb.lessons.experiments.noisy_digits import noisy_digits

    data = noisy_digits(0.3, 300).train
    wide = torch.arange(300).repeat_interleave(2)
    doubled = Dataset({"image": data.columns["image"][wide], "label": data.columns["label"][wide]}, data.label_names)
    orders = {
        "at random": torch.randperm(600, generator=torch.Generator().manual_seed(0)),
        "copies together": torch.arange(600),
    }
    return {
        name: Splits(doubled.subset(places[:400]), doubled.subset(places[400:]), "digits, each twice", 1 / 16)
        for name, places in orders.items()
    }
