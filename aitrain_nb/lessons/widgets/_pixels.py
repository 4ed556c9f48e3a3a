"""Small pictures of numbers, a square a number, as PNGs inside the page: a hundred of them answer at once."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

from aitrain_nb import html

if TYPE_CHECKING:
    from numpy import ndarray
    from torch import Tensor

_ABOVE, _BELOW = (30, 140, 215), (228, 108, 24)
"""Blue and orange that stand out on white and on black."""
_LIFTED = 0.7
"""Power of a strength: weak numbers are seen, too, and a larger one is always stronger."""
_GAP = 3
"""Clear pixels between two pictures in a row."""


def signed(maps: Tensor, top: float, side: int, alt: str = "") -> html.Markup:
    """Numbers as squares in a row of pictures, blue above 0, orange below, the stronger the larger; clear is 0.

    Args:
        maps: [K, h, w].
        top: the size that has the full colour.
        side: pixels of a square.
        alt: what they are; empty where the words beside them say it.
    """
    import numpy as np

    values = maps.detach().numpy()
    pixels = np.zeros((*values.shape, 4), dtype=np.uint8)
    for is_there, hue in ((values > 0, _ABOVE), (values < 0, _BELOW)):
        pixels[is_there, :3] = hue
    pixels[..., 3] = 255 * np.clip(np.abs(values) / (top or 1.0), 0, 1) ** _LIFTED
    return _image(pixels, side, alt)


def ink(pictures: Tensor, side: int, alt: str = "") -> html.Markup:
    """Dark ink on white in both themes, pictures in a row: what a person sees of them.

    Args:
        pictures: [K, h, w] from 0, white, to 1, black.
        side: pixels of a square.
        alt: what they are; empty where the words beside them say it.
    """
    import numpy as np

    grey = (255 * (1 - np.clip(pictures.detach().numpy(), 0, 1))).astype(np.uint8)
    return _image(np.stack([grey, grey, grey, np.full_like(grey, 255)], axis=-1), side, alt)


def bars(values: list[float], chosen: int, high: int, wide: int) -> html.Markup:
    """A row of bars from a middle line, blue upward above 0, orange downward below, the largest as high as half the picture.

    Args:
        values: one a bar.
        chosen: the place whose ground is marked.
        high: pixels of the picture.
        wide: pixels of a bar and the gap after it.
    """
    import numpy as np

    pixels = np.zeros((high, wide * len(values), 4), dtype=np.uint8)
    pixels[:, wide * chosen : wide * (chosen + 1)] = (*_BELOW, 90)
    half, top = high // 2, max(map(abs, values)) or 1.0
    for place, value in enumerate(values):
        long = max(1, round(half * abs(value) / top)) if value else 0
        rows = slice(half - long, half) if value > 0 else slice(half, half + long)
        pixels[rows, wide * place : wide * (place + 1) - 1] = (*(_ABOVE if value > 0 else _BELOW), 255)
    pixels[half] = (128, 128, 128, 255)
    return html.image(_png(pixels), "")


def _image(pixels: ndarray, side: int, alt: str) -> html.Markup:
    """[K, h, w, 4] side by side, each in a thin frame, with a clear gap between two."""
    import numpy as np

    large = pixels.repeat(side, axis=1).repeat(side, axis=2)
    frame = np.array([128, 128, 128, 150], dtype=np.uint8)
    large[:, [0, -1]], large[:, :, [0, -1]] = frame, frame
    gap = np.zeros((large.shape[1], _GAP, 4), dtype=np.uint8)
    parts = [part for one in large for part in (one, gap)][:-1]
    return html.image(_png(np.concatenate(parts, axis=1)), alt)


def _png(pixels: ndarray) -> bytes:
    """[h, w, 4] as a PNG."""
    high, wide, _ = pixels.shape
    rows = b"".join(b"\x00" + row.tobytes() for row in pixels)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", wide, high, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 6)) + chunk(b"IEND", b"")
