"""Image classification: one picture in, one class out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import torch

from aitrain_nb import html, plots
from aitrain_nb.data import Dataset, check_two_classes, checked_labels
from aitrain_nb.errors import DataError
from aitrain_nb.models.images import ImageShape, load_model
from aitrain_nb.records.base import Check, Fact
from aitrain_nb.tasks.base import Task, label_numbers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd
    from torch import Tensor, nn

    from aitrain_nb.config import TrainConfig
    from aitrain_nb.data import Splits
    from aitrain_nb.figures import Picture
    from aitrain_nb.records import Batch


class ImageClassification(Task):
    """One of C classes for a picture [Cin, h, w]; cross-entropy in nats."""

    name: ClassVar[str] = "image-classification"
    read_as: ClassVar[str] = name
    default_data: ClassVar[str] = "digits"
    default_model: ClassVar[str] = "small-cnn"

    def check(self, splits: Splits) -> None:
        """Training examples of at least two classes; raises DataError."""
        check_two_classes(splits.train)

    def prepare(self, dataset: Dataset, splits: Splits, processor: Any, config: TrainConfig) -> Dataset:
        """Raw images [n, Cin, h, w] times `splits.scale` as float32 `pixel_values`, and int64 `labels`.

        Raises:
            DataError: a pixel that isn't finite, a label outside the classes, an image of another shape than [n, Cin,
                h, w].
        """
        del processor, config
        images, labels = _checked_images(dataset.columns.get("image")), checked_labels(dataset)
        pixel_values = images.to(torch.float32) * splits.scale
        return Dataset({"pixel_values": pixel_values, "labels": labels}, dataset.label_names)

    def collate(self, columns: dict[str, Any], processor: Any) -> dict[str, Tensor]:
        """The columns as they are: they were made tensors once, in `prepare`."""
        del processor
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
        numbers = label_numbers(labels, len(images), splits.label_names)
        return Dataset({"image": images, "label": numbers}, splits.label_names)

    def class_names(self, splits: Splits, processor: Any) -> Sequence[str]:
        """The classes of the data."""
        del processor
        return splits.label_names

    def rows(self, columns: dict[str, Any], label_names: Sequence[str]) -> pd.DataFrame:
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

    def load_model(self, config: TrainConfig, splits: Splits, processor: Any) -> nn.Module:
        """The image model of the config, for the shape of these images."""
        del processor
        shape = torch.as_tensor(splits.train.columns["image"]).shape
        return load_model(config, ImageShape(shape[1], shape[2], shape[3], len(splits.label_names)))

    def outputs(self, model: Any, inputs: dict[str, Tensor]) -> Tensor:
        """Logits [B, C]; a model of transformers gives them as `.logits`, a plain module as its output."""
        given = model(inputs["pixel_values"])
        logits: Tensor = given.logits if hasattr(given, "logits") else given
        return logits

    # what a person sees of a batch

    def batch_facts(self, batch: Batch) -> dict[str, Fact]:
        """Shape and range of the pixels."""
        pixels = self.first_module_input(batch.inputs)
        return {
            "shape": Fact(f"{list(pixels.shape)} {str(pixels.dtype).removeprefix('torch.')}"),
            "range": Fact(f"{float(pixels.min()):.3g} to {float(pixels.max()):.3g}"),
        }

    def batch_picture(self, batch: Batch) -> Picture:
        """The first 24 pictures with their labels."""
        return plots.images(self.first_module_input(batch.inputs)[:24].detach().cpu().numpy(), batch.targets[:24])

    def batch_text(self, batch: Batch) -> str:
        """How many numbers, their range, and how they were scaled."""
        pixels = self.first_module_input(batch.inputs)
        return (
            f"{batch.size} examples became one block of {pixels.numel():,} numbers from {float(pixels.min()):.3g} to "
            f"{float(pixels.max()):.3g}. The raw pixels were multiplied by {batch.trainer.data.scale:g}."
        )

    def batch_code(self, batch: Batch) -> str:
        """Take, scale, and take the labels."""
        return (
            "indices = order[start:stop]                      # this step's places in the shuffled data\n"
            f"inputs = images[indices].float() * {batch.trainer.data.scale!r}\n"
            "labels = answers[indices]"
        )

    def batch_view(self, batch: Batch) -> html.Markup:
        """The pictures, and the first one as numbers where it is small."""
        raw = batch.raw.get("image")
        parts = [self.batch_picture(batch).to_html(batch.text())]
        if raw is not None and max(raw.shape[-2:]) <= 16:
            caption = f"the first picture as the numbers it is made of: a {batch.targets[0]}"
            parts.append(html.grid(raw[0, 0].tolist(), float(raw.min()), float(raw.max()), caption))
        return html.join(parts)

    def batch_checks(self, batch: Batch) -> Iterator[Check]:
        """Scaled = raw x scale; labels are those of the raw examples."""
        pixels, labels = self.first_module_input(batch.inputs).cpu(), batch.labels.cpu()
        expected = batch.raw["image"].float() * batch.trainer.data.scale
        same_shape = pixels.shape == expected.shape
        error = float((pixels - expected).abs().max()) if same_shape else float("inf")
        yield Check("scaled = raw x scale", error == 0, f"largest difference {error:.1e}")
        same = labels == batch.raw["label"]
        yield Check(
            "labels are those of the raw examples", bool(same.all()), f"{int(same.sum())} of {batch.size} equal"
        )


def _checked_images(images: Any) -> Tensor:
    if not isinstance(images, torch.Tensor):
        raise DataError("The data has no images.", "There is no column 'image' of numbers.", "Name the column 'image'.")
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


TASK = ImageClassification()
