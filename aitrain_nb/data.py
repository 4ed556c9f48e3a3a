"""Examples: a `Dataset` of columns, and the `Splits` a run trains and validates on."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aitrain_nb.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor


_SMALL_BYTES = 64 * 2**20
"""Data up to this size are shuffled as a whole at the start of each epoch."""


class Dataset:
    """Examples as columns of equal length.

    Args:
        columns: name -> tensor with one row an example, or list with one entry an example.
        label_names: the classes, in the order of the label numbers.

    Raises:
        DataError: columns of different length, or no example at all.
    """

    def __init__(self, columns: Mapping[str, Tensor | Sequence[Any]], label_names: Sequence[str] = ()) -> None:
        self.columns = dict(columns)
        self.label_names = tuple(str(name) for name in label_names)
        lengths = {name: len(column) for name, column in self.columns.items()}
        if len(set(lengths.values())) > 1:
            listed = ", ".join(f"{name}: {length:,}" for name, length in lengths.items())
            raise DataError(
                "The columns have different lengths.", listed + ".", "Give every example a value in every column."
            )
        if not lengths or not next(iter(lengths.values())):
            raise DataError(
                "There are no examples.", "The data has columns " + str(list(lengths)) + ".", "Give at least two."
            )

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def take(self, indices: Tensor | Sequence[int]) -> dict[str, Any]:
        """These examples, column by column: tensors stay tensors, lists stay lists.

        Args:
            indices: [B] int64 positions, or the same as a list.
        """
        import torch

        if not isinstance(indices, torch.Tensor):
            indices = torch.tensor(list(indices), dtype=torch.int64)
        return {
            name: column.index_select(0, indices)
            if isinstance(column, torch.Tensor)
            else [column[i] for i in indices.tolist()]
            for name, column in self.columns.items()
        }

    def pieces(self, order: Tensor, size: int) -> list[dict[str, Any]] | None:
        """All examples in this order, cut into pieces of `size`, at once: quicker than taking each piece by itself.

        Args:
            order: [n] int64 positions.
            size: examples a piece; the last one may be smaller.

        Returns:
            Columns by name for each piece, or None where a second copy of the data would be large or a column isn't a
            tensor.
        """
        import torch

        tensors = [column for column in self.columns.values() if isinstance(column, torch.Tensor)]
        if len(tensors) < len(self.columns) or sum(tensor.nbytes for tensor in tensors) > _SMALL_BYTES:
            return None
        cut = [tensor.index_select(0, order).split(size) for tensor in tensors]
        return [dict(zip(self.columns, piece, strict=True)) for piece in zip(*cut, strict=True)]

    def subset(self, indices: Tensor) -> Dataset:
        """A dataset of these examples only."""
        return Dataset(self.take(indices), self.label_names)

    def split(
        self, fraction: float = 0.2, seed: int = 0, *, name: str = "your data", scale: float = 1.0, note: str = ""
    ) -> Splits:
        """Training and validation examples; see `split`."""
        return split(self, fraction, seed, name=name, scale=scale, note=note)

    def __repr__(self) -> str:
        shapes = ", ".join(f"{n} {tuple(c.shape[1:])}" if hasattr(c, "shape") else n for n, c in self.columns.items())
        return f"Dataset: {len(self):,} examples ({shapes}), {len(self.label_names)} classes"


@dataclass(frozen=True)
class Splits:
    """What a run trains on and what it is tested on.

    Attributes:
        train: training examples.
        validation: examples the weights never see; None turns evaluation off.
        name: what the data is called.
        scale: what a raw value is multiplied by before the model sees it.
        note: where the data comes from and under which licence.
        train_indices: position of each training example in the original data, or None.
        validation_indices: the same for validation.
    """

    train: Dataset
    validation: Dataset | None
    name: str = "your data"
    scale: float = 1.0
    note: str = ""
    train_indices: Tensor | None = field(default=None, repr=False)
    validation_indices: Tensor | None = field(default=None, repr=False)

    @property
    def label_names(self) -> tuple[str, ...]:
        """The classes, in the order of the label numbers."""
        return self.train.label_names


def split(
    dataset: Dataset, fraction: float, seed: int, *, name: str = "your data", scale: float = 1.0, note: str = ""
) -> Splits:
    """Training and validation examples, every class in the same share on both sides, equal examples on the same side.

    Args:
        dataset: with a column "label" of int64 class numbers, or without one; a column "group" of whole numbers keeps
            examples together (sentences of one speech, say) and is left out of the result.
        fraction: share of the examples kept for validation.
        seed: decides which ones; the user's generators are not used.
        name: what the data is called.
        scale: what a raw value is multiplied by before the model sees it.
        note: source and licence.

    Raises:
        DataError: a class has too few examples to be on both sides.
    """
    import torch
    from sklearn.model_selection import train_test_split

    labels = _labels_to_split(dataset, fraction) if "label" in dataset.columns or dataset.label_names else None
    groups = _groups(dataset)
    kept, first = groups.unique(return_inverse=True)
    representative = torch.full((len(kept),), len(dataset)).scatter_reduce(0, first, torch.arange(len(dataset)), "amin")
    try:
        train, validation = train_test_split(
            representative.numpy(), test_size=fraction, random_state=seed,
            stratify=labels[representative].numpy() if labels is not None and len(kept) == len(dataset) else None,
        )  # fmt: skip
    except ValueError as error:
        raise DataError(
            "The data can't be split.", f"{error}", "Give more different examples, or change validation_fraction."
        ) from error
    sides = [torch.from_numpy(side) for side in (train, validation)]
    if len(kept) < len(dataset):  # all members of a group go where its first one went
        sides = [torch.isin(first, first[side]).nonzero()[:, 0] for side in sides]
    plain = Dataset({key: column for key, column in dataset.columns.items() if key != "group"}, dataset.label_names)
    return Splits(plain.subset(sides[0]), plain.subset(sides[1]), name, scale, note, sides[0], sides[1])


def _labels_to_split(dataset: Dataset, fraction: float) -> Tensor:
    import torch

    labels = checked_labels(dataset)
    if (labels < 0).any():
        raise DataError("The data can't be split.", "Some examples have no label.", "Drop them, or give them one.")
    counts = torch.bincount(labels, minlength=len(dataset.label_names))
    rare = [dataset.label_names[i] for i, count in enumerate(counts.tolist()) if count < 2]
    classes, kept = len(counts), math.ceil(len(dataset) * fraction)
    if rare or kept < classes or len(dataset) - kept < classes:
        why = (
            f"Too few examples of {', '.join(rare)}." if rare
            else f"{len(dataset)} examples at validation_fraction={fraction} leave {kept} for validation, for {classes} classes."
        )  # fmt: skip
        raise DataError(
            "The data can't be split.", why, "Give every class at least two examples, or change validation_fraction."
        )
    return labels


def _groups(dataset: Dataset) -> Tensor:
    """A number for each example [n] int64, the same for those that must stay together: equal ones, or those of one group."""
    import torch

    if "group" in dataset.columns:
        return torch.as_tensor(dataset.columns["group"])
    inputs = [column for name, column in dataset.columns.items() if name != "label"]
    keys = [
        [row.numpy().tobytes() for row in column] if isinstance(column, torch.Tensor) else list(map(str, column))
        for column in inputs
    ]
    numbers: dict[Any, int] = {}
    return torch.tensor([numbers.setdefault(key, len(numbers)) for key in zip(*keys, strict=True)])


def checked_labels(dataset: Dataset) -> Tensor:
    """The column "label" as class numbers [n] int64, -100 where not counted; raises DataError where it isn't that."""
    import torch

    labels = dataset.columns.get("label")
    if labels is None:
        raise DataError("The data has no labels.", "There is no column 'label'.", "Name the column 'label'.")
    labels = torch.as_tensor(labels)
    if labels.is_floating_point() or labels.ndim != 1:
        raise DataError(
            "The labels are not class numbers.",
            f"They are {labels.dtype} of shape {tuple(labels.shape)}.",
            "Give one int64 each.",
        )
    labels = labels.to(torch.int64)
    outside = ((labels != -100) & ((labels < 0) | (labels >= len(dataset.label_names)))).nonzero().flatten()
    if len(outside):
        first = int(outside[0])
        raise DataError(
            f"Label {int(labels[first])} of example {first} is no class.",
            f"There are {len(dataset.label_names)} classes: 0 to {len(dataset.label_names) - 1}.",
            "Number the classes from 0.",
        )
    return labels


def check_two_classes(train: Dataset) -> None:
    """Raise DataError where the training examples are all of one class."""
    labels = checked_labels(train)
    present = [train.label_names[i] for i in labels[labels >= 0].unique().tolist()]
    if len(present) < 2:
        raise DataError(
            "The training examples are all of one class.",
            f"Every label is {present[0] if present else 'missing'}, so there is nothing to tell apart.",
            "Add examples of a second class.",
        )
