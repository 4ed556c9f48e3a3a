"""An image file, a drawing or an image of the data: its pixels as the model sees them, and how probable each class is."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aitrain_nb import html
from aitrain_nb.trying.answers import Answer, classes_of, untrained

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from aitrain_nb.trainer import Trainer

_SIDE, _READABLE = 168, 16
"""Pixels of the page that a picture takes; sides up to which its numbers can be read."""


def try_image(trainer: Trainer, image: Any, code: str = "", truth: str | None = None) -> Answer:
    """What the model says about an image.

    Args:
        trainer: whose model is asked, in evaluation mode.
        image: a path, a Pillow image, or raw pixels as the data have them [channels, h, w] or [h, w].
        code: the same in code, where it isn't the image's path.
        truth: its class in the data, where it is from there.

    Raises:
        DataError: the file can't be read, or the pixels don't fit the model.
        ConfigError: the task gives something else than one class an example.
    """
    own = trainer.task.own_examples(image, None, trainer.data)
    pixels = own.columns["image"][0]
    low, high = pixel_range(trainer)
    picture = html.image(png(pixels, low, high), f"{pixels.shape[-2]} x {pixels.shape[-1]} pixels", width=_SIDE)
    seen = [html.element("div", "as the model sees it", style="opacity:0.8"), picture]
    if max(pixels.shape[-2:]) <= _READABLE and len(pixels) == 1:
        numbers = html.grid(pixels[0].round(decimals=1).tolist(), low, high)
        seen.append(html.details("its numbers", numbers))
    if not code:
        code = f"trainer.predict({str(image)!r})" if isinstance(image, (str, Path)) else "trainer.predict(image)"
    size = f"{pixels.shape[-2]} x {pixels.shape[-1]} pixels from {float(pixels.min()):.3g} to {float(pixels.max()):.3g}"
    return Answer(
        pixels, classes_of(trainer, pixels), "class", code, tuple(untrained(trainer)), truth, html.join(seen), size
    )  # fmt: skip


def pixel_range(trainer: Trainer) -> tuple[float, float]:
    """The lowest and the highest raw pixel of the training images."""
    images = trainer.data.train.columns["image"]
    return float(images.min()), float(images.max())


def png(pixels: Tensor, low: float, high: float) -> bytes:
    """Raw pixels [channels, h, w] as a PNG in which each can be seen."""
    import numpy as np
    from PIL import Image

    scaled = ((pixels.float() - low) / ((high - low) or 1.0)).clamp(0, 1).mul(255).round().numpy().astype(np.uint8)
    plain: np.ndarray = scaled[0] if len(scaled) == 1 else scaled.transpose(1, 2, 0)
    times = max(1, _SIDE // max(plain.shape[:2]))
    stream = io.BytesIO()
    grown = Image.fromarray(plain).resize((plain.shape[1] * times, plain.shape[0] * times), Image.Resampling.NEAREST)
    grown.save(stream, "PNG")
    return stream.getvalue()
