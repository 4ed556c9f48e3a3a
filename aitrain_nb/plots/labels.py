"""Words in a picture that never lie on each other, nor on the end of a curve: placed one by one, the most important first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from aitrain_nb.lettering import plain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

POINT_SIZE = 9.0
"""Of words, in points: 12 pixels."""
PIXELS_PER_INCH = 96
"""Pixels of a page, whatever the screen."""


class Box(NamedTuple):
    """A rectangle in pixels of the page, from the lower left of the picture."""

    left: float
    bottom: float
    right: float
    top: float

    def overlaps(self, other: Box) -> bool:
        """Whether they share more than an edge."""
        return (
            self.left < other.right and other.left < self.right and self.bottom < other.top and other.bottom < self.top
        )

    def inside(self, other: Box) -> bool:
        """Whether it lies within the other."""
        return (
            self.left >= other.left
            and self.right <= other.right
            and self.bottom >= other.bottom
            and self.top <= other.top
        )


class Labels:
    """What has its place in one pair of axes, whose limits are set, and whose picture has 96 dots an inch.

    Attributes:
        room: the area within the axes.
    """

    def __init__(self, figure: Figure, axis: Axes) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        self.axis, self.figure = axis, figure
        self._renderer = FigureCanvasAgg(figure).get_renderer()
        self.room = Box(*axis.get_window_extent().extents)
        self._taken: list[Box] = []
        self._curves = np.empty((0, 2))

    def pixels(self, x: Any, y: Any) -> np.ndarray:
        """Where these values are drawn: [n, 2]."""
        return np.asarray(self.axis.transData.transform(np.column_stack([np.atleast_1d(x), np.atleast_1d(y)])))

    def pixel(self, x: float, y: float | None = None) -> tuple[float, float]:
        """Where this point is drawn; without a height on the lowest one."""
        return tuple(self.pixels(x, self.axis.get_ylim()[0] if y is None else y)[0].tolist())

    def measure(self, text: str, size: float = POINT_SIZE) -> tuple[float, float]:
        """Width and height of one line of words in pixels."""
        from matplotlib.font_manager import FontProperties

        wide, high, _ = self._renderer.get_text_width_height_descent(
            plain(text), FontProperties(size=size), ismath=False
        )
        return wide, max(high, size * 1.35)

    def block(self, x: float, y: float, around: float = 6) -> None:
        """Keep words away from this pixel."""
        self._taken.append(Box(x - around, y - around, x + around, y + around))

    def curve(self, x: np.ndarray, y: np.ndarray) -> None:
        """A line that words rather don't cover; they never cover its two ends."""
        if not len(x):
            return
        points = self.pixels(x, y)
        across = np.arange(points[0, 0], points[-1, 0] + 1, 2.0)
        self._curves = np.concatenate(
            [self._curves, np.column_stack([across, np.interp(across, points[:, 0], points[:, 1])])]
        )
        for end in (points[0], points[-1]):
            self.block(*end)

    def line_at(self, x: float) -> None:
        """An upright line that words rather don't cross, at this pixel."""
        down = np.arange(self.room.bottom, self.room.top, 4.0)
        self._curves = np.concatenate([self._curves, np.column_stack([np.full(len(down), x), down])])

    def find(self, boxes: Iterable[Box], most: int = 1 << 30) -> Box | None:
        """The one that covers least of the curves, the first of equal ones; None where all lie on something or outside.

        Args:
            boxes: to choose from.
            most: points of the curves, two pixels apart, that may be covered.
        """
        best, least = None, most + 1
        for box in boxes:
            if not box.inside(self.room) or any(box.overlaps(one) for one in self._taken):
                continue
            x, y = self._curves.T
            covered = int(((x > box.left) & (x < box.right) & (y > box.bottom) & (y < box.top)).sum())
            if covered < least:
                best, least = box, covered
            if not covered:
                break
        return best

    def write(self, text: str, box: Box, *, upright: bool = False, **looks: Any) -> None:
        """Put words into a box that `find` gave, on a light ground so that a line behind them doesn't cross them out."""
        from matplotlib import patheffects

        self._taken.append(box)
        wide, high = self.figure.get_size_inches() * PIXELS_PER_INCH
        middle = ((box.left + box.right) / 2 / wide, (box.bottom + box.top) / 2 / high)
        halo = [patheffects.withStroke(linewidth=3, foreground="white", alpha=0.85)]
        looks = {"fontsize": POINT_SIZE, "rotation": 90 if upright else 0, "path_effects": halo} | looks
        self.axis.text(*middle, plain(text), ha="center", va="center", transform=self.figure.transFigure, **looks)

    def beside(self, text: str, x: float, most: int = 1 << 30) -> Box | None:
        """Room for upright words beside an upright line at this pixel; `most` as `find` takes it."""
        tall, wide = self.measure(text)
        highest = self.room.top - tall - 2
        boxes = (
            Box(left, bottom, left + wide, bottom + tall)
            for bottom in np.arange(highest, self.room.bottom, -14.0)
            for left in (x - wide - 2, x + 3)
        )
        return self.find(boxes, most)

    def around(self, text: str, x: float, y: float, size: float = POINT_SIZE) -> Box | None:
        """Room for words near this pixel."""
        wide, high = self.measure(text, size)
        return self.find(
            Box(x + shift, y + rise, x + shift + wide, y + rise + high)
            for distance in (14, 26, 40, 56, 76)
            for rise in (distance, -distance - high)
            for shift in (-wide / 2, -wide + 8, -8, -wide - 14, 14)
        )

    def along(self, text: str, y: float, size: float = POINT_SIZE) -> Box | None:
        """Room for words on a level line at this pixel, rather at its right end."""
        wide, high = self.measure(text, size)
        return self.find(
            Box(right - wide, bottom, right, bottom + high)
            for bottom in (y + 2, y - high - 2)
            for right in np.arange(self.room.right - 2, self.room.left + wide, -12.0)
        )
