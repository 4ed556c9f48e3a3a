"""A drawing is brought into the form of the training images: their size, place, paper and ink."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

from aitrain_nb.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

_EVEN = 0.35
"""At least this share of the pixels is paper, or the images are no drawings."""
_NEAR = 0.1
"""What differs from the paper by less than this share of the range is paper too."""
_INK = 0.3
"""What differs by more is a stroke."""


class Paper(NamedTuple):
    """How the training images are drawn.

    Attributes:
        shape: channels, height and width of an image.
        paper: the raw pixel where nothing is drawn.
        ink: the raw pixel of a full stroke.
        box: usual height and greatest usual width of what is drawn, in pixels.
        centre: where its centre of mass lies on average, row and column.
        strength: how strong its strokes are on average, 0 to 1.
    """

    shape: tuple[int, int, int]
    paper: float
    ink: float
    box: tuple[int, int]
    centre: tuple[float, float]
    strength: float

    @classmethod
    def of(cls, images: Tensor) -> Paper | None:
        """Of training images [n, channels, h, w]; None where they have no even ground, as photographs have none."""
        images = images[:2000].float()
        low, high = float(images.min()), float(images.max())
        if high == low:
            return None
        scaled = (images.mean(1) - low) / (high - low)
        dark, bright = float((scaled < _NEAR).double().mean()), float((scaled > 1 - _NEAR).double().mean())
        if max(dark, bright) < _EVEN:
            return None
        paper, ink = (low, high) if dark >= bright else (high, low)
        strokes = scaled if dark >= bright else 1 - scaled
        drawn = strokes > _INK
        used = drawn.flatten(1).any(1)
        heights, widths = (_extents(drawn[used].any(axis)) for axis in (2, 1))
        box = int(heights.median()), int(widths.quantile(0.95).round())
        rows, columns = (torch.arange(size) + 0.5 for size in scaled.shape[1:])
        total = strokes.sum()
        centre = float((strokes.sum((0, 2)) * rows).sum() / total), float((strokes.sum((0, 1)) * columns).sum() / total)
        return cls(tuple(images.shape[1:]), paper, ink, box, centre, float(strokes[drawn].mean()))  # type: ignore[arg-type]

    def fit(self, drawing: np.ndarray) -> Tensor:
        """A drawing [h, w], 0 where nothing is and 1 for a stroke, as raw pixels [channels, h, w].

        Raises:
            DataError: nothing is drawn.
        """
        import numpy as np
        from PIL import Image

        drawn = drawing > _INK
        if not drawn.any():
            raise DataError("Nothing is drawn.", "The pad is empty.", "Draw on it with the mouse, a pen or a finger.")
        (top, bottom), (left, right) = (np.flatnonzero(drawn.any(axis))[[0, -1]] for axis in (1, 0))
        cropped = Image.fromarray((drawing[top : bottom + 1, left : right + 1] * 255).astype(np.uint8))
        factor = min(self.box[0] / cropped.height, self.box[1] / cropped.width)
        size = max(1, round(cropped.width * factor)), max(1, round(cropped.height * factor))
        strokes = torch.from_numpy(np.asarray(cropped.resize(size, Image.Resampling.BOX), dtype=np.float32) / 255)
        strong = strokes[strokes > _INK]
        if len(strong):
            strokes = (strokes * max(1.0, self.strength / float(strong.mean()))).clamp(max=1)
        page = torch.zeros(self.shape[1:])
        row, column = (self._place(strokes, axis) for axis in (0, 1))
        page[row : row + strokes.shape[0], column : column + strokes.shape[1]] = strokes
        return (self.paper + (self.ink - self.paper) * page).expand(self.shape).clone()

    def _place(self, strokes: Tensor, axis: int) -> int:
        """Where the strokes begin, so that their centre of mass lies where it does in the training images."""
        size, room = strokes.shape[axis], self.shape[1 + axis]
        mass = strokes.sum(1 - axis)
        middle = float((mass * (torch.arange(size) + 0.5)).sum() / mass.sum())
        return min(max(0, round(self.centre[axis] - middle)), room - size)


def _extents(drawn: Tensor) -> Tensor:
    """From the first to the last True of each row of [n, size]."""
    places = torch.arange(drawn.shape[1])
    first = torch.where(drawn, places, drawn.shape[1]).amin(1)
    last = torch.where(drawn, places, -1).amax(1)
    return (last - first + 1).float()
