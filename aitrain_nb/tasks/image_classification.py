"""Image classification: one picture in, one class out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import torch

from aitrain_nb.data import Dataset, checked_labels
from aitrain_nb.errors import DataError
from aitrain_nb.models import ImageShape, load_model
from aitrain_nb.tasks.base import Task

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor, nn

    from aitrain_nb.config import TrainConfig
    from aitrain_nb.data import Splits


class ImageClassification(Task):
    """One of C classes for a picture [Cin, h, w]; cross-entropy in nats."""

    name: ClassVar[str] = "image-classification"

    def check(self, splits: Splits) -> None:
        """Training examples of at least two classes; raises DataError."""
        labels = checked_labels(splits.train)
        present = [splits.label_names[i] for i in labels[labels >= 0].unique().tolist()]
        if len(present) < 2:
            raise DataError(
                "The training examples are all of one class.",
                f"Every label is {present[0] if present else 'missing'}, so there is nothing to tell apart.",
                "Add examples of a second class.",
            )

    def prepare(self, splits: Splits, dataset: Dataset) -> Dataset:
        """Raw images [n, Cin, h, w] times `splits.scale` as float32 `pixel_values`, and int64 `labels`.

        Raises:
            DataError: a pixel that isn't finite, a label outside the classes, an image of another shape than [n, Cin,
                h, w].
        """
        images, labels = _checked_images(dataset.columns.get("image")), checked_labels(dataset)
        pixel_values = images.to(torch.float32) * splits.scale
        return Dataset({"pixel_values": pixel_values, "labels": labels}, dataset.label_names)

    def collate(self, columns: dict[str, Any]) -> dict[str, Tensor]:
        """The columns as they are: they were made tensors once, in `prepare`."""
        return columns

    def own_examples(self, examples: Any, labels: Any, splits: Splits) -> Dataset:
        """Images in the raw range of the data: [n, Cin, h, w], [n, h, w] or one [h, w]; labels as numbers or names."""
        try:
            images = torch.as_tensor(examples, dtype=torch.float32)
        except (TypeError, ValueError, RuntimeError) as error:
            why = f"Got {type(examples).__name__}: {error}"
            raise DataError("These images can't be read.", why, "Give one array or tensor of numbers.") from error
        channels, height, width = torch.as_tensor(splits.train.columns["image"]).shape[1:]
        if images.ndim == 2:
            images = images[None]
        if images.ndim == 3:
            images = images[:, None] if channels == 1 else images[None]
        if images.shape[1:] != (channels, height, width):
            raise DataError(
                f"These images have shape {tuple(images.shape)}.",
                f"The model was made for [n, {channels}, {height}, {width}].",
                "Resize them first.",
            )
        if labels is None:
            numbers = torch.full((len(images),), -100)
        else:
            numbers = torch.tensor([_label_number(label, splits.label_names) for label in labels], dtype=torch.int64)
        return Dataset({"image": images, "label": numbers}, splits.label_names)

    def counted(self, inputs: dict[str, Tensor]) -> int:
        """One an example."""
        return inputs["labels"].shape[0]

    def load_model(self, config: TrainConfig, splits: Splits) -> nn.Module:
        """The image model of the config, for the shape of these images."""
        shape = torch.as_tensor(splits.train.columns["image"]).shape
        return load_model(config, ImageShape(shape[1], shape[2], shape[3], len(splits.label_names)))

    def outputs(self, model: Any, inputs: dict[str, Tensor]) -> Tensor:
        """Logits [B, C]; a model of transformers gives them as `.logits`, a plain module as its output."""
        given = model(inputs["pixel_values"])
        logits: Tensor = given.logits if hasattr(given, "logits") else given
        return logits

    def loss(self, logits: Tensor, inputs: dict[str, Tensor], label_smoothing: float = 0.0) -> Tensor:
        """Cross-entropy [B] in nats."""
        return torch.nn.functional.cross_entropy(
            logits, inputs["labels"], reduction="none", ignore_index=-100, label_smoothing=label_smoothing
        )

    def metrics(self, predicted: Tensor, labels: Tensor) -> dict[str, float]:
        """Accuracy: the share of examples whose predicted class is the true one."""
        return {"accuracy": float((predicted == labels).double().mean())}

    def baseline(self, dataset: Dataset) -> dict[str, float]:
        """Loss of a uniform guess (ln C), loss of guessing the label shares (their entropy), accuracy of the most frequent class."""
        labels = torch.as_tensor(dataset.columns["label"])
        shares = torch.bincount(labels, minlength=len(dataset.label_names)).double() / len(labels)
        entropy = -sum(share * math.log(share) for share in shares.tolist() if share > 0)
        return {
            "uniform_loss": math.log(len(dataset.label_names)),
            "label_loss": entropy,
            "majority_accuracy": float(shares.max()),
        }

    def rows(self, columns: dict[str, Any], label_names: tuple[str, ...]) -> pd.DataFrame:
        """Label, and lowest, highest and mean raw pixel of each image."""
        import pandas as pd

        flat = columns["image"].to(torch.float32).flatten(1)
        names = [label_names[label] if label >= 0 else "unknown" for label in columns["label"].tolist()]
        return pd.DataFrame(
            {
                "label": names,
                "pixels": flat.shape[1],
                "min": flat.amin(1),
                "max": flat.amax(1),
                "mean": flat.mean(1).round(decimals=2),
            }
        )


def _checked_images(images: Any) -> Tensor:
    if not isinstance(images, torch.Tensor):
        raise DataError(
            "The data has no images.", "There is no column 'image' that is a tensor.", "Name the column 'image'."
        )
    if images.ndim != 4:
        raise DataError(
            f"The images have shape {tuple(images.shape)}.",
            "[examples, channels, height, width] is needed.",
            "Add the missing axis.",
        )
    bad = (~torch.isfinite(images.to(torch.float32))).flatten(1).any(1).nonzero().flatten()
    if len(bad):
        where = ", ".join(str(i) for i in bad[:5].tolist())
        raise DataError(
            "Some pixels are not numbers.", f"{len(bad)} images hold NaN or infinity: {where}.", "Mend or drop them."
        )
    return images


def _label_number(label: Any, names: tuple[str, ...]) -> int:
    if isinstance(label, str):
        if label in names:
            return names.index(label)
    elif 0 <= int(label) < len(names):
        return int(label)
    raise DataError(f"Label {label!r} is no class.", f"The classes are: {', '.join(names)}.", "Use one of them.")


TASK = ImageClassification()
