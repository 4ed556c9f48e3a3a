"""What a person should see of the data before a run: sides, classes, the first examples."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from aitrain_nb import html, numerals
from aitrain_nb.tasks import find_task

if TYPE_CHECKING:
    import pandas as pd

    from aitrain_nb.data import Splits

_SHOWN_ROWS, _SHOWN_CLASSES, _SHOWN_LETTERS, _SHOWN_PICTURES = 5, 12, 120, 16


@dataclass(frozen=True, eq=False, repr=False)
class DataFacts:
    """What a person should see of the data before a run.

    Attributes:
        splits: the raw examples, split as the run will.
        task: what they are for.
    """

    splits: Splits = field(repr=False)
    task: str

    @cached_property
    def rows(self) -> dict[str, int]:
        """Examples on each side."""
        sides = {"training": self.splits.train, "validation": self.splits.validation, "test": self.splits.test}
        return {name: len(side) for name, side in sides.items() if side is not None}

    @cached_property
    def classes(self) -> dict[str, int]:
        """Class -> training examples, in the order of the classes; empty where there are no labels."""
        labels = self.splits.train.columns.get("label")
        if labels is None:
            return {}
        import torch

        counts = torch.bincount(labels[labels >= 0], minlength=len(self.splits.label_names)).tolist()
        return dict(zip(self.splits.label_names, counts, strict=True))

    @cached_property
    def first(self) -> pd.DataFrame:
        """The first training examples as a person should see them."""
        shown = self.splits.train.take(range(min(_SHOWN_ROWS, len(self.splits.train))))
        return find_task(self.task).rows(shown, self.splits.label_names)

    def text(self) -> str:
        """All of it in lines."""
        sides = ", ".join(f"{numerals.count(count)} {name}" for name, count in self.rows.items())
        lines = [f"Data {self.splits.name}: {sides} examples."]
        if self.classes:
            listed = [f"{name} {numerals.count(count)}" for name, count in list(self.classes.items())[:_SHOWN_CLASSES]]
            more = f" and {len(self.classes) - _SHOWN_CLASSES} more" if len(self.classes) > _SHOWN_CLASSES else ""
            lines.append(f"{len(self.classes)} classes: {', '.join(listed)}{more}.")
        return "\n".join([*lines, *self.splits.notes])

    @cached_property
    def page(self) -> html.Markup:
        """Sides, classes and the first examples."""
        sides = html.facts({name: numerals.count(count) for name, count in self.rows.items()})
        notes = html.join(html.element("div", note) for note in (self.splits.note, *self.splits.notes) if note)
        return html.join([sides, self._classes(), self._examples(), notes])

    def _classes(self) -> html.Markup:
        if not self.classes:
            return html.Markup("")
        most = max(1, *self.classes.values())
        shown = list(self.classes.items())[:_SHOWN_CLASSES]
        rows = [[_short(name, 40), html.bar(count / most, numerals.count(count))] for name, count in shown]
        title = f"{len(self.classes)} classes" + (f", the first {len(shown)}" if len(self.classes) > len(shown) else "")
        return html.table(["class", "training examples"], rows, title)

    def _examples(self) -> html.Markup:
        images = self.splits.train.columns.get("image")
        if images is not None:
            labels = self.splits.train.columns["label"][:_SHOWN_PICTURES].tolist()
            names = ", ".join(_short(self.splits.label_names[label], 20) if label >= 0 else "?" for label in labels)
            return html.image(_strip(images[:_SHOWN_PICTURES]), f"The first {len(labels)} training images: {names}")
        cells = [[_short(value, _SHOWN_LETTERS) for value in row] for row in self.first.itertuples(index=False)]
        return html.table(list(self.first.columns), cells, "The first training examples")


def _short(value: object, letters: int) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= letters else f"{text[: letters - 1].rstrip()}…"


def _strip(images: Any) -> bytes:
    """Small pictures [n, channels, height, width] in one row, as PNG: each at least 32 pixels wide, from its darkest to its brightest."""
    import numpy as np
    from PIL import Image

    pixels = images.float().numpy()
    low, high = pixels.min(), pixels.max()
    grey = (255 * (pixels - low) / ((high - low) or 1.0)).astype(np.uint8)
    times = max(1, -(-32 // grey.shape[-1]))
    tiles = grey.repeat(times, axis=2).repeat(times, axis=3)
    tiles = np.pad(tiles, ((0, 0), (0, 0), (0, 0), (0, 4)), constant_values=255)
    row = np.concatenate(list(tiles), axis=-1)
    row = row.transpose(1, 2, 0) if len(row) == 3 else row[0]
    stream = io.BytesIO()
    Image.fromarray(row).save(stream, "PNG")
    return stream.getvalue()
