"""Image files as one tensor: turned as their camera says, on white, of one size, one channel only if all are grey."""

from __future__ import annotations

import hashlib
import io
import warnings
from collections import Counter
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from aitrain_nb import numerals
from aitrain_nb.data import Dataset
from aitrain_nb.errors import DataError
from aitrain_nb.sources.base import Options, Raw
from aitrain_nb.sources.guess import Guess
from aitrain_nb.sources.values import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from PIL import Image
    from torch import Tensor

MOST_BYTES = 4 * 2**30
"""Images that would need more memory aren't read."""

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")
"""Endings of files that are taken for images."""
_UNREADABLE = "image that can't be read"
_GREY = {"1", "L", "LA", "La", "I", "F"}
_ORIENTATION = 0x0112
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP")
"""What is opened, whatever a file's name: to read others, such as EPS, Pillow starts other programs."""

_PREVIEW = 5


class Source(NamedTuple):
    """Where an image comes from: its name for people, and a path, a Pillow image or {"bytes": ...}."""

    name: str
    cell: Any


@dataclass(frozen=True)
class Labelled:
    """Images with their classes, before any is opened.

    Attributes:
        sources: the images.
        numbers: a class number an image, -100 where there is none.
        names: the classes.
        name: what the data are called.
        note: where they come from.
        notes: what was decided so far.
        dropped: reason -> what was left out so far.
        columns: role -> column.
        reasons: role -> why this column.
    """

    sources: Sequence[Source]
    numbers: Sequence[int]
    names: Sequence[str]
    name: str
    note: str
    notes: Sequence[str]
    dropped: Mapping[str, int]
    columns: Mapping[str, str]
    reasons: Mapping[str, str]


class _Seen(NamedTuple):
    """What an image's first bytes say: its place, height and width in pixels once turned, and whether it is grey."""

    place: int
    size: tuple[int, int]
    grey: bool


def as_raw(labelled: Labelled, options: Options) -> Raw:
    """The images as "image" [n, channels, height, width] float32 from 0 to 255, with their labels.

    Raises:
        DataError: one can't be read and `skip_unreadable` is off, or all together need more than 4 GiB.
    """
    import torch

    dropped = Counter(labelled.dropped)
    seen = _look(labelled.sources, options, dropped)
    size = options.height_and_width or _most_frequent(seen)
    channels = 1 if all(one.grey for one in seen) else 3
    needed = len(seen) * channels * size[0] * size[1] * 4
    if needed > MOST_BYTES:
        raise DataError(
            f"The images of {shown(labelled.name)} don't fit in memory.",
            f"{len(seen):,} images of {size[0]} x {size[1]} pixels need {numerals.memory(needed)}.",
            "Pass a smaller image_size, such as image_size=64.",
        )
    images, kept = _decoded(labelled.sources, seen, (channels, *size), options, dropped)
    numbers = [labelled.numbers[one.place] for one in kept]
    dataset = Dataset({"image": images, "label": torch.tensor(numbers, dtype=torch.int64)}, labelled.names)
    notes = [*labelled.notes, *_notes(kept, size, channels, options)]
    return Raw(dataset, _guess(labelled, dataset, kept, notes, dropped), labelled.name, labelled.note)


def _look(sources: Sequence[Source], options: Options, dropped: Counter[str]) -> list[_Seen]:
    """Size and kind of each image, without decoding its pixels."""
    seen = []
    for place, source in enumerate(sources):
        try:
            with _opened(source) as image, _sentences(source.name):
                turned = image.getexif().get(_ORIENTATION, 1) in {5, 6, 7, 8}
                size = (image.width, image.height) if turned else (image.height, image.width)
                seen.append(_Seen(place, size, image.mode in _GREY or image.mode.startswith("I;16")))
        except DataError:
            if not options.skip_unreadable:
                raise
            dropped[_UNREADABLE] += 1
    _require(seen, sources)
    return seen


def _require(readable: Sequence[_Seen], sources: Sequence[Source]) -> None:
    if not readable:
        why = f"All {len(sources):,} are damaged, or no images in truth."
        raise DataError("There is no image that can be read.", why, "Look at one of the files in another program.")


def _most_frequent(seen: Sequence[_Seen]) -> tuple[int, int]:
    """The size that most images have; of two as frequent, the smaller."""
    counts = Counter(one.size for one in seen)
    return min(counts, key=lambda size: (-counts[size], size))


def _decoded(
    sources: Sequence[Source],
    seen: Sequence[_Seen],
    shape: tuple[int, int, int],
    options: Options,
    dropped: Counter[str],
) -> tuple[Tensor, list[_Seen]]:
    """All pixels [n, channels, height, width], and the images that could be read."""
    import torch

    images = torch.empty((len(seen), *shape), dtype=torch.float32)
    kept: list[_Seen] = []
    for one in seen:
        try:
            pixels = _pixels(sources[one.place], shape)
        except DataError:
            if not options.skip_unreadable:
                raise
            dropped[_UNREADABLE] += 1
            continue
        images[len(kept)] = torch.from_numpy(pixels)
        kept.append(one)
    _require(kept, sources)
    return images[: len(kept)], kept


def _opened(source: Source) -> Image.Image:
    """The image, its pixels not yet read; the first frame of several.

    Raises:
        DataError: it isn't an image, it is too large, or it can't be opened.
    """
    from PIL import Image

    cell = source.cell
    if isinstance(cell, Mapping):
        data = cell.get("bytes")
        cell = io.BytesIO(data) if isinstance(data, bytes) and data else None
    if cell is None:
        raise DataError(
            f"The image of {source.name} isn't in the data.",
            "Only the name of a file elsewhere is, and such names are not followed.",
            "Pass skip_unreadable=True to leave it out, or give a folder of images.",
        )
    if not isinstance(cell, (Path, io.BytesIO)):
        copied: Image.Image = cell.copy()
        return copied
    with _sentences(source.name), warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        return Image.open(cell, formats=_FORMATS)


@contextmanager
def _sentences(name: str) -> Iterator[None]:
    """Turn what Pillow raises for the image of this name into a DataError."""
    from PIL import Image

    try:
        yield
    except DataError:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise _bomb(name) from error
    except Exception as error:  # Pillow's readers raise nearly anything on damaged bytes
        raise _unreadable(name, error) from error


def _bomb(name: str) -> DataError:
    from PIL import Image

    return DataError(
        f"The image {shown(name)} is too large.",
        f"It has more than {Image.MAX_IMAGE_PIXELS or 0:,} pixels; such a file may be made to fill the memory.",
        "Make it smaller, or pass skip_unreadable=True to leave it out.",
    )


def _unreadable(name: str, error: Exception) -> DataError:
    why = str(error) if "cannot identify image" not in str(error) else "Its bytes are no image that Pillow knows"
    return DataError(
        f"The image {shown(name)} can't be read.",
        f"{why.split(': ')[0].rstrip('.') or type(error).__name__}.",
        "Replace the file, or pass skip_unreadable=True to leave such images out.",
    )


def _pixels(source: Source, shape: tuple[int, int, int]) -> np.ndarray:
    """The pixels [channels, height, width] float32 from 0 to 255."""
    import numpy as np
    from PIL import Image, ImageOps

    channels, height, width = shape
    with _opened(source) as image, _sentences(source.name):
        image.load()
        plain = _flat(ImageOps.exif_transpose(image), channels)
        if plain.size != (width, height):
            plain = plain.resize((width, height), Image.Resampling.BILINEAR)
        pixels = np.asarray(plain, dtype=np.float32)
    return pixels[None] if channels == 1 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def read_image(given: Any, shape: tuple[int, int, int]) -> Tensor:
    """One image as training would have read it.

    Args:
        given: a path, a Pillow image, or a `Source`.
        shape: channels, height and width to bring it to.

    Returns:
        [channels, height, width] float32 from 0 to 255.

    Raises:
        DataError: it can't be found or read.
    """
    import torch

    source = given if isinstance(given, Source) else Source("the image", given)
    if isinstance(given, (str, Path)):
        source = Source(Path(given).name, Path(given))
        if source.cell.is_dir():
            raise DataError(
                f"{shown(source.name)} is a folder.",
                "It stands where one image is asked for.",
                "Name an image file in it.",
            )
        if not source.cell.is_file():
            raise DataError(f"There is no file {shown(source.name)}.", "It was not found.", "Check the path.")
    try:
        return torch.from_numpy(_pixels(source, shape))
    except DataError as error:
        raise DataError(error.what, error.why, "Choose another file.") from error


def _flat(image: Image.Image, channels: int) -> Image.Image:
    """The image without transparency, on white, in grey or in colour."""
    import numpy as np
    from PIL import Image

    if image.mode in {"I", "F"} or image.mode.startswith("I;16"):
        values = np.asarray(image, dtype=np.float32)
        depth = 65535 / 255 if values.size and values.max() > 255 else 1.0  # 16 bits a pixel
        image = Image.fromarray(np.clip(values / depth, 0, 255).round().astype(np.uint8))
    elif image.mode in {"RGBA", "LA", "La", "PA", "RGBa"} or "transparency" in image.info:
        clear = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear).convert("RGB")
    return image.convert("L" if channels == 1 else "RGB")


def _notes(kept: Sequence[_Seen], size: tuple[int, int], channels: int, options: Options) -> list[str]:
    sizes = Counter(one.size for one in kept)
    other = len(kept) - sizes[size]
    notes = [
        f"Images: {size[0]} x {size[1]} pixels (height x width), {'grey' if channels == 1 else 'red, green, blue'}."
    ]
    if other:
        why = "as you asked" if options.height_and_width else "to the most frequent size"
        bent = sum(count for (high, wide), count in sizes.items() if high * size[1] != wide * size[0])
        shapes = f"; {bent:,} of them had another shape and are stretched" if bent else ""
        notes.append(f"{other:,} of {len(kept):,} images were resized {why}; {len(sizes):,} sizes occur{shapes}.")
    grey = sum(one.grey for one in kept)
    if channels == 3 and grey:
        notes.append(f"{grey:,} grey images became colour images, as the others are.")
    return notes


def _guess(
    labelled: Labelled, dataset: Dataset, kept: Sequence[_Seen], notes: Sequence[str], dropped: Mapping[str, int]
) -> Guess:
    import pandas as pd

    numbers = [labelled.numbers[one.place] for one in kept]
    names = [labelled.names[number] if number >= 0 else "(no label)" for number in numbers]
    examples = [
        (labelled.sources[one.place].name, f"{one.size[0]} x {one.size[1]}", name)
        for one, name in zip(kept[:_PREVIEW], names, strict=False)
    ]
    counts = Counter(numbers)
    digests = [hashlib.sha256(image.numpy().tobytes()).digest() for image in dataset.columns["image"]]
    classes: dict[bytes, set[int]] = {}
    for digest, number in zip(digests, numbers, strict=True):
        classes.setdefault(digest, set()).add(number)
    return Guess(
        columns=labelled.columns,
        reasons=labelled.reasons,
        rows=len(kept),
        preview=pd.DataFrame(examples, columns=["image", "size as stored", "label"]),
        notes=tuple(notes),
        class_counts={name: counts[number] for number, name in enumerate(labelled.names)},
        dropped=dict(dropped),
        duplicates=len(digests) - len(set(zip(digests, numbers, strict=True))),
        contradictions=sum(len(different) > 1 for different in classes.values()),
    )
