"""Image classification: one picture in, one class out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch

from aitrain_nb import html, plots
from aitrain_nb.data import Dataset, check_two_classes, checked_labels
from aitrain_nb.errors import DataError
from aitrain_nb.models import images as image_models
from aitrain_nb.pixels import AUGMENTATIONS, Pretrained, Standardize
from aitrain_nb.records.base import Check, Fact
from aitrain_nb.sources.pictures import Source, read_image
from aitrain_nb.tasks.base import Task, label_numbers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd
    from torch import Tensor, nn

    from aitrain_nb.config import TrainConfig
    from aitrain_nb.data import Splits
    from aitrain_nb.figures import Picture
    from aitrain_nb.records import Batch

_MOST_BYTES = 56_000
"""Of the pictures in the view of a batch: a third more as text in the page."""


class ImageClassification(Task):
    """One of C classes for a picture [Cin, h, w]; cross-entropy in nats."""

    name: ClassVar[str] = "image-classification"
    read_as: ClassVar[str] = name
    default_data: ClassVar[str] = "digits"
    default_model: ClassVar[str] = "small-cnn"
    augmentations: ClassVar[tuple[str, ...]] = tuple(AUGMENTATIONS)
    models: ClassVar[tuple[str, ...]] = tuple(image_models.MODELS)

    def check(self, splits: Splits) -> None:
        """Training examples of at least two classes; raises DataError."""
        check_two_classes(splits.train)

    def prepare(self, dataset: Dataset, splits: Splits, processor: Any, config: TrainConfig) -> Dataset:
        """Raw images [n, Cin, h, w] times `splits.scale` as float32 `pixel_values`, and int64 `labels`.

        For a pretrained model `images` stay small and raw until `collate`, since it takes them larger.

        Raises:
            DataError: a pixel that isn't finite, a label outside the classes, an image of another shape than [n, Cin,
                h, w].
        """
        del config
        images, labels = _checked_images(dataset.columns.get("image")), checked_labels(dataset)
        pixel_values = images.to(torch.float32) * splits.scale
        if isinstance(processor, Standardize):
            pixel_values = processor(pixel_values)
        name = "scaled" if isinstance(processor, Pretrained) else "pixel_values"
        return Dataset({name: pixel_values, "labels": labels}, dataset.label_names)

    def count_examples(self, train: Dataset, config: TrainConfig) -> int | None:
        """One for each image."""
        del config
        return len(train)

    def load_processor(self, config: TrainConfig, splits: Splits) -> Standardize | Pretrained | None:
        """What is done to the scaled images: what a pretrained model asks for, or mean 0 and standard deviation 1, or nothing."""
        of_data = None
        if config.normalization == "data":
            of_data = Standardize.of(
                _checked_images(splits.train.columns.get("image")).to(torch.float32) * splits.scale
            )
        if image_models.is_small(str(config.model)):
            return of_data
        return image_models.load_image_processor(
            str(config.model), normalize=config.normalization != "none", as_data=of_data
        )

    def collate(self, columns: dict[str, Any], processor: Any) -> dict[str, Tensor]:
        """`pixel_values` [B, Cin, h, w] and `labels` [B]; most were made once, in `prepare`."""
        if "scaled" in columns:
            return {"pixel_values": processor(columns["scaled"]), "labels": columns["labels"]}
        return columns

    def augment(self, inputs: dict[str, Tensor], config: TrainConfig) -> dict[str, Tensor]:
        """The images shifted, turned, zoomed or mirrored at random."""
        return inputs | {"pixel_values": AUGMENTATIONS[config.augmentation](inputs["pixel_values"])}

    def is_from_scratch(self, model: str) -> bool:
        """Whether it is one of the small models."""
        return image_models.is_small(model)

    def own_examples(self, examples: Any, labels: Any, splits: Splits) -> Dataset:
        """Images in the raw range of the data: [n, Cin, h, w], [n, h, w] or one [h, w]; labels as numbers or names.

        Or paths and Pillow images, one or a list: they are read, resized and scaled as in training.
        """
        if _is_file(examples) or (isinstance(examples, (list, tuple)) and examples and all(map(_is_file, examples))):
            channels, height, width = torch.as_tensor(splits.train.columns["image"]).shape[1:]
            given = [examples] if _is_file(examples) else examples
            read = torch.stack([read_image(image, (channels, height, width)) for image in given])
            examples = read / 255 / splits.scale
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
        """A small image model for the shape of these images, or a pretrained one with a new head."""
        del processor
        if not image_models.is_small(str(config.model)):
            return image_models.classifier(config, splits.label_names)
        shape = torch.as_tensor(splits.train.columns["image"]).shape
        return image_models.load_model(
            config, image_models.ImageShape(shape[1], shape[2], shape[3], len(splits.label_names))
        )

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

    def batch_brief(self, batch: Batch) -> str:
        """How many pictures of how many numbers."""
        shape = self.first_module_input(batch.inputs).shape[1:]
        return f"{batch.size} pictures, {' x '.join(map(str, shape))} numbers each"

    def batch_text(self, batch: Batch) -> str:
        """How many numbers, their range, and how they were scaled."""
        pixels, processor = self.first_module_input(batch.inputs), batch.trainer.processor
        then = f", then {processor!r}" if processor is not None else ""
        said = (
            f"{batch.size} examples became one block of {pixels.numel():,} numbers from {float(pixels.min()):.3g} to "
            f"{float(pixels.max()):.3g}. The raw pixels were multiplied by {batch.trainer.data.scale:g}{then}."
        )
        if _is_augmented(batch):
            said += f" Each picture was changed a little at random ({batch.trainer.config.augmentation}), so no two epochs see the same."
        return said

    def batch_code(self, batch: Batch) -> str:
        """Take, scale, and take the labels."""
        processor = batch.trainer.processor
        more = {
            Standardize: "inputs = (inputs - mean) / std\n",
            Pretrained: "inputs = image_processor(inputs)                # resized and normalised\n",
        }
        moved = f"inputs = {batch.trainer.config.augmentation.replace('+', '_')}(inputs)           # at random\n"
        return (
            "indices = order[start:stop]                      # this step's places in the shuffled data\n"
            f"inputs = images[indices].float() * {batch.trainer.data.scale!r}\n"
            f"{more.get(type(processor), '')}{moved if _is_augmented(batch) else ''}labels = answers[indices]"
        )

    def batch_view(self, batch: Batch) -> html.Markup:
        """The pictures, and the first one as numbers where it is small."""
        raw = batch.raw.get("image")
        most = _MOST_BYTES // (2 if _is_augmented(batch) else 1)
        parts = [self.batch_picture(batch).to_html(batch.text(), most_bytes=most)]
        if raw is not None and _is_augmented(batch):
            before = plots.images(raw[:24].float().numpy(), batch.targets[:24])
            shown = before.to_html("The same pictures before they were changed.", most_bytes=most)
            parts.append(html.details("the same pictures before they were changed at random", shown))
        if raw is not None and max(raw.shape[-2:]) <= 16:
            caption = f"the first picture as the numbers it is made of: a {batch.targets[0]}"
            parts.append(html.grid(raw[0, 0].tolist(), float(raw.min()), float(raw.max()), caption))
        return html.join(parts)

    def batch_checks(self, batch: Batch) -> Iterator[Check]:
        """Pixels = raw x scale and what the model asks for; labels are those of the raw examples."""
        pixels, labels = self.first_module_input(batch.inputs).cpu(), batch.labels.cpu()
        expected = batch.raw["image"].float() * batch.trainer.data.scale
        if batch.trainer.processor is not None:
            expected = batch.trainer.processor(expected)
        if _is_augmented(batch):
            slack = 1e-5 * max(1.0, float(expected.abs().max()))
            low, high = (float(bound(expected)) for bound in (torch.min, torch.max))
            inside = pixels.shape == expected.shape and bool(((pixels >= low - slack) & (pixels <= high + slack)).all())
            yield Check("changed at random, but within the range of the pictures", inside, f"{low:.3g} to {high:.3g}")
        else:
            same_shape = pixels.shape == expected.shape
            error = float((pixels - expected).abs().max()) if same_shape else float("inf")
            how = "raw x scale" if batch.trainer.processor is None else "raw x scale, normalised"
            yield Check(f"scaled = {how}", error == 0, f"largest difference {error:.1e}")
        same = labels == batch.raw["label"]
        yield Check(
            "labels are those of the raw examples", bool(same.all()), f"{int(same.sum())} of {batch.size} equal"
        )


def _is_file(example: Any) -> bool:
    """Whether it is the path of an image, an image of Pillow, or what a page has sent of one."""
    return isinstance(example, (str, Path, Source)) or hasattr(example, "getbands")


def _is_augmented(batch: Batch) -> bool:
    return batch.trainer.config.augmentation != "none" and not batch.is_own


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
