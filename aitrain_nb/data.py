"""Examples: a `Dataset` of columns, and the `Splits` a run trains and validates on."""

from __future__ import annotations

import math
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aitrain_nb.errors import DataError
from aitrain_nb.sides import check_shares, choose_sides, cut_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

IN_MEMORY = " in memory"
"""How the name of data ends that no file holds."""


_SMALL_BYTES = 64 * 2**20
"""Data up to this size are shuffled as a whole at the start of each epoch."""


class Dataset:
    """Examples as columns of equal length.

    Args:
        columns: name -> tensor, array, series or list with one entry an example. The column "label" holds class numbers,
            or class names; "image" holds [n, channels, height, width] or [n, height, width].
        label_names: the classes, in the order of the label numbers; without them they are made from the labels.

    Raises:
        DataError: columns of different length, a column that can't be read, or no example at all.

    Example:
        >>> Dataset({"text": ["a", "b", "c"], "label": ["yes", "no", "yes"]}).label_names
        ('no', 'yes')
    """

    def __init__(self, columns: Mapping[str, Any], label_names: Sequence[Any] | None = None) -> None:
        if not hasattr(columns, "items"):
            raise DataError(
                f"A Dataset takes columns by name, not {type(columns).__name__}.",
                "Each column needs a name, so that a task knows what it is.",
                'Dataset({"image": images, "label": labels}).',
            )
        self.columns: dict[str, Any] = {str(name): _column(str(name), values) for name, values in columns.items()}
        self.label_names = (
            tuple(str(name) for name in label_names if name is not None) if label_names is not None else ()
        )
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
        if "label" in self.columns:
            self._number_the_labels()

    def _number_the_labels(self) -> None:
        """Class names become numbers; where the classes have no names, their numbers are their names."""
        import torch

        labels = self.columns["label"]
        missing = (
            [place for place, label in enumerate(labels) if _is_missing(label)] if isinstance(labels, list) else []
        )
        if missing:
            raise DataError(
                "Some labels are missing.", f"{len(missing)} of {len(labels)}: {', '.join(map(str, missing[:5]))}.",
                "Drop those examples, or give them a label.",
            )  # fmt: skip
        if isinstance(labels, list) and any(isinstance(label, str) for label in labels):
            names = self.label_names or tuple(sorted({str(label) for label in labels}))
            unknown = sorted({str(label) for label in labels} - set(names))
            if unknown:
                raise DataError(
                    f"Label {unknown[0]!r} is no class.", f"The classes are: {', '.join(names)}.", "Name all classes."
                )
            places = {name: number for number, name in enumerate(names)}
            self.columns["label"] = torch.tensor([places[str(label)] for label in labels])
            self.label_names = names
            return
        if isinstance(labels, list):
            try:
                self.columns["label"] = labels = torch.as_tensor(labels)
            except (TypeError, ValueError, RuntimeError) as error:
                raise DataError("The labels can't be read.", f"{error}", "Give one number or name each.") from error
        if not self.label_names and not labels.is_floating_point() and labels.ndim == 1 and len(labels):
            self.label_names = tuple(str(number) for number in range(int(labels.max()) + 1))

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
        """All examples in this order, cut into pieces at once, which is quicker: columns by name for each piece.

        None where a second copy of the data would be large, or a column isn't a tensor.

        Args:
            order: [n] int64 positions.
            size: examples a piece; the last one may be smaller.
        """
        if not self.bytes_of_pieces(len(order)):
            return None
        cut = [tensor.index_select(0, order).split(size) for tensor in self.columns.values()]
        return [dict(zip(self.columns, piece, strict=True)) for piece in zip(*cut, strict=True)]

    def bytes_of_pieces(self, examples: int) -> int:
        """What `pieces` takes for so many examples that are like these; 0 where it gives None."""
        import torch

        tensors = [column for column in self.columns.values() if isinstance(column, torch.Tensor)]
        if len(tensors) < len(self.columns):
            return 0
        size = sum(tensor[:1].nbytes for tensor in tensors) * examples
        return size if size <= _SMALL_BYTES else 0

    def subset(self, indices: Tensor) -> Dataset:
        """A dataset of these examples only."""
        return Dataset(self.take(indices), self.label_names)

    def split(
        self, fraction: float = 0.2, seed: int = 0, *, test_fraction: float = 0.0, name: str = "your data",
        scale: float | None = None, note: str = "",
    ) -> Splits:  # fmt: skip
        """Training, validation and perhaps test examples; see `split`."""
        return split(self, fraction, seed, test_fraction=test_fraction, name=name, scale=scale, note=note)

    def __repr__(self) -> str:
        shapes = ", ".join(f"{n} {tuple(c.shape[1:])}" if hasattr(c, "shape") else n for n, c in self.columns.items())
        return f"Dataset: {len(self):,} examples ({shapes}), {len(self.label_names)} classes"


def _column(name: str, values: Any) -> Any:
    """A column as a tensor where it holds numbers, else as a list."""
    import torch

    if hasattr(values, "to_numpy"):  # a pandas series
        values = values.to_numpy()
    if isinstance(values, (str, bytes)) or not hasattr(values, "__len__"):
        raise DataError(
            f"The column {name!r} can't be read.", f"It is {type(values).__name__}, not one entry an example.",
            "Give a list or an array.",
        )  # fmt: skip
    if type(values).__module__ == "numpy":
        numbers = values.dtype.kind in "biuf"
        values = torch.from_numpy(values.copy()) if numbers and values.dtype.kind != "b" else values.tolist()
    if name == "image" and isinstance(values, (list, tuple)) and len(values):
        try:
            values = torch.as_tensor(values, dtype=torch.float32)
        except (TypeError, ValueError, RuntimeError) as error:
            raise DataError("The images can't be read.", f"{error}", "Give one array of numbers.") from error
    if name == "image" and isinstance(values, torch.Tensor) and values.ndim == 3:
        return values[:, None]  # one channel
    if name == "image" and isinstance(values, torch.Tensor) and values.ndim == 4:
        _check_channels_first(values)
    return values if isinstance(values, torch.Tensor) else [_whole(value) for value in values]


def _whole(value: Any) -> Any:
    """The value; half a character in a text, which no file and no tokenizer takes, becomes U+FFFD."""
    if not isinstance(value, str) or value.isascii():
        return value
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _check_channels_first(images: Tensor) -> None:
    """Raise DataError where images [n, h, w, C] have their channels last."""
    if images.shape[-1] in {1, 3, 4} and images.shape[1] not in {1, 3, 4}:
        raise DataError(
            f"The images have shape {tuple(images.shape)}: their channels seem to come last.",
            "[examples, channels, height, width] is needed.", "Move them: images.transpose(0, 3, 1, 2) of NumPy, or permute of torch.",
        )  # fmt: skip


@dataclass(frozen=True)
class Splits:
    """What a run trains on and what it is judged by.

    Attributes:
        train: training examples.
        validation: examples the weights never see, by which a run chooses its best weights; None turns evaluation off.
        name: what the data is called.
        scale: what a raw value is multiplied by before the model sees it.
        note: where the data comes from and under which licence.
        train_indices: position of each training example in the original data, or None.
        validation_indices: the same for validation.
        test: examples that are used for nothing at all until you ask for `evaluate("test")`, or None.
        test_indices: the same for test.
        notes: what a person should know about the split, a sentence each.
        later: gives the training examples that follow, where they are read a buffer at a time; else None.
        guess: what was decided about columns, delimiters and the like when a person's own data were read, or None.
    """

    train: Dataset
    validation: Dataset | None
    name: str = "your data"
    scale: float = 1.0
    note: str = ""
    train_indices: Tensor | None = field(default=None, repr=False)
    validation_indices: Tensor | None = field(default=None, repr=False)
    guess: Any = field(default=None, repr=False)
    test: Dataset | None = None
    test_indices: Tensor | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()
    later: Any = field(default=None, repr=False)

    @property
    def label_names(self) -> tuple[str, ...]:
        """The classes, in the order of the label numbers."""
        return self.train.label_names


def split(
    dataset: Dataset, fraction: float, seed: int, *, test_fraction: float = 0.0, name: str = "your data",
    scale: float | None = None, note: str = "",
) -> Splits:  # fmt: skip
    """Training, validation and perhaps test examples: every class in the same share on each side, equal examples on the same.

    Args:
        dataset: with a column "label" of int64 class numbers, or without one; a column "group" of whole numbers keeps
            examples together (sentences of one speech, say) and is left out of the result.
        fraction: share of the examples kept for validation.
        seed: decides which ones; the user's generators are not used.
        test_fraction: share kept for a test at the very end; 0 for none.
        name: what the data is called.
        scale: what a raw value is multiplied by before the model sees it; None is 1, or 1/255 for images of whole bytes.
        note: source and licence.

    Raises:
        DataError: a class has too few different examples to be on each side.
    """
    check_shares(fraction, test_fraction)
    if len(dataset) == 1 and "text" in dataset.columns and "label" not in dataset.columns:
        parts = cut_text(str(dataset.columns["text"][0]), fraction, test_fraction)
        train, validation, test = (Dataset({"text": [part]}) for part in parts)
        return Splits(train, validation, name, 1.0, note, test=test if test_fraction else None)
    labelled = "label" in dataset.columns or bool(dataset.label_names)
    classes = _labels_to_split(dataset) if labelled else None
    sides = choose_sides(_groups(dataset), classes, dataset.label_names, fraction, test_fraction, seed)
    rare = ", ".join(dataset.label_names[kind] for kind in sides.rare)
    plain = Dataset({key: column for key, column in dataset.columns.items() if key != "group"}, dataset.label_names)
    return Splits(
        plain.subset(sides.train), plain.subset(sides.validation), name, _scale_of(dataset) if scale is None else scale, note,
        sides.train, sides.validation, test=None if sides.test is None else plain.subset(sides.test), test_indices=sides.test,
        notes=(f"Too few examples of {rare} to have some on each side: all are in training, so nothing tests them.",) if rare else (),
    )  # fmt: skip


def _scale_of(dataset: Dataset) -> float:
    """1, or 1/255 where images are whole bytes."""
    import torch

    images = dataset.columns.get("image")
    return 1 / 255 if isinstance(images, torch.Tensor) and images.dtype == torch.uint8 else 1.0


def _labels_to_split(dataset: Dataset) -> Tensor:
    labels = checked_labels(dataset)
    if (labels < 0).any():
        raise DataError("The data can't be split.", "Some examples have no label.", "Drop them, or give them one.")
    return labels


def _groups(dataset: Dataset) -> Tensor:
    """A number for each example [n] int64, the same for those that must stay together: equal ones, or those of one group."""
    import torch

    if "group" in dataset.columns:
        return torch.as_tensor(dataset.columns["group"])
    inputs = [column for name, column in dataset.columns.items() if name != "label"]
    if not inputs:
        return torch.arange(len(dataset))
    keys = [
        [row.tobytes() for row in column.numpy()] if isinstance(column, torch.Tensor) else list(map(plain_text, column))
        for column in inputs
    ]
    numbers: dict[Any, int] = {}
    return torch.tensor([numbers.setdefault(key, len(numbers)) for key in zip(*keys, strict=True)])


def _is_missing(label: object) -> bool:
    return label is None or (isinstance(label, float) and math.isnan(label))


def plain_text(text: object) -> str:
    """A text without what doesn't make it another one: case, blanks, ways to write the same letter."""
    return " ".join(unicodedata.normalize("NFKC", str(text)).casefold().split())


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
            "Number the classes from 0, and name each.",
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
