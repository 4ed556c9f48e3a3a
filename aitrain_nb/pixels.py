"""Pixels on their way into a model: resized and normalised as a pretrained one asks for, and moved a little while it trains."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


@dataclass(frozen=True)
class Standardize:
    """Subtracts the mean of each channel and divides by its standard deviation, both over the training images.

    Attributes:
        mean: [C] after scaling.
        std: [C], 1 where a channel has one value only.
    """

    mean: Tensor
    std: Tensor

    @classmethod
    def of(cls, images: Tensor) -> Standardize:
        """For these scaled images [n, C, h, w]."""
        mean, std = images.mean((0, 2, 3)), images.std((0, 2, 3), unbiased=False)
        return cls(mean, torch.where(std > 0, std, 1.0))

    def __call__(self, images: Tensor) -> Tensor:
        """Scaled images [n, C, h, w], standardised."""
        return (images - self.mean[:, None, None]) / self.std[:, None, None]

    def __repr__(self) -> str:
        numbers = [", ".join(f"{value:.3g}" for value in part.tolist()) for part in (self.mean, self.std)]
        return f"standardised with mean {numbers[0]} and standard deviation {numbers[1]}"


@dataclass(frozen=True)
class Pretrained:
    """What a pretrained model wants done to its images: size, colours, mean and standard deviation.

    Attributes:
        processor: an image processor of transformers.
    """

    processor: Any

    def __call__(self, images: Tensor) -> Tensor:
        """Scaled images [n, C, h, w], 0 to 1, as the model takes them [n, 3, H, W]."""
        coloured = images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images
        numbers = (coloured * 255).round().clamp(0, 255).to(torch.uint8)
        made = self.processor(list(numbers.numpy()), return_tensors="pt", input_data_format="channels_first")
        pixels: Tensor = made["pixel_values"].to(torch.float32)
        return pixels

    def __repr__(self) -> str:
        size = getattr(self.processor, "crop_size", None) or getattr(self.processor, "size", None) or {}
        to = "x".join(str(size[side]) for side in ("height", "width") if side in size) or "the model's size"
        return f"resized to {to} and normalised as the model was trained"


# augmentation

SHIFT, TURN, ZOOM = 1 / 8, 15.0, 0.15
"""At most: shift as a share of the side, turn in degrees, zoom as a share of the size."""


def shifted(images: Tensor) -> Tensor:
    """Each image [B, C, h, w] moved by whole pixels, up to an eighth of its side each way; its edge is repeated."""
    height, width = images.shape[-2:]
    steps = [max(1, round(side * SHIFT)) for side in (height, width)]
    moves = [torch.randint(-step, step + 1, (len(images),), device=images.device) for step in steps]
    rows, columns = (
        (torch.arange(side, device=images.device) - move[:, None]).clamp(0, side - 1)
        for side, move in zip((height, width), moves, strict=True)
    )
    one = torch.arange(len(images), device=images.device)[:, None, None]
    return images.permute(0, 2, 3, 1)[one, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2).contiguous()


def turned(images: Tensor) -> Tensor:
    """Each image [B, C, h, w] shifted by up to an eighth, turned by up to 15 degrees, zoomed by up to 15 %.

    Affine distortions as in Simard, Steinkraus and Platt, Best Practices for Convolutional Neural Networks (2003).
    """
    chance = torch.rand(4, len(images), device=images.device, dtype=images.dtype) * 2 - 1
    angle, zoom = chance[0] * math.radians(TURN), 1 + chance[1] * ZOOM
    cos, sin = angle.cos() / zoom, angle.sin() / zoom
    aspect = images.shape[-2] / images.shape[-1]  # a turn is a turn in pixels, not in shares of unequal sides
    matrix = torch.stack(
        [
            torch.stack([cos, -sin * aspect, 2 * SHIFT * chance[2]], 1),
            torch.stack([sin / aspect, cos, 2 * SHIFT * chance[3]], 1),
        ],
        1,
    )
    grid = torch.nn.functional.affine_grid(matrix, list(images.shape), align_corners=False)
    return torch.nn.functional.grid_sample(images, grid, padding_mode="border", align_corners=False)


def mirrored(images: Tensor) -> Tensor:
    """Each image [B, C, h, w] left to right, or as it is, with equal chance."""
    swap = torch.rand(len(images), 1, 1, 1, device=images.device) < 0.5
    return torch.where(swap, images.flip(-1), images)


AUGMENTATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "shift": shifted,
    "affine": turned,
    "flip": mirrored,
    "affine+flip": lambda images: mirrored(turned(images)),
}
"""Name -> what is done to the images of a training batch; never to those of an evaluation."""
