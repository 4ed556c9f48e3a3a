"""A matplotlib figure that a notebook shows by itself, together with a sentence that says what is to be seen.

This module imports matplotlib, so it is imported only where something is drawn. Never pyplot: a figure belongs to who made it.
"""

from __future__ import annotations

import io
import warnings
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.text import Text

from aitrain_nb import html
from aitrain_nb.lettering import visible

if TYPE_CHECKING:
    from collections.abc import Iterator

_MORE_FONTS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans", "Hiragino Sans", "Hiragino Sans GB", "Yu Gothic", "Microsoft YaHei",
    "Malgun Gothic", "Apple SD Gothic Neo", "WenQuanYi Zen Hei", "SimHei", "Arial Unicode MS", "Nirmala UI", "Noto Sans Devanagari",
    "Noto Emoji", "Segoe UI Emoji", "Segoe UI Symbol", "Symbola",
)  # fmt: skip
"""Fonts for letters that matplotlib's own font hasn't; those that are installed are asked in turn."""
_COARSER = (96, 72, 54)
"""Dots an inch of a picture that would be too large."""
_DESCRIBED_AS = {"png": "Description", "svg": "Description", "pdf": "Subject"}
"""What a file of this kind calls the sentence about its picture."""


class Picture(Figure):
    """A `matplotlib.figure.Figure` with a description.

    Attributes:
        description: one or two sentences with the numbers in them: the picture's caption, and its text for those
            who can't see it.
        is_drawing: lines and words only: 64 colours are enough, a quarter of the bytes, and on a dark page it may be light on dark.
    """

    description: str = ""
    is_drawing: bool = False
    _has_all_letters: bool = False

    def png(self, dpi: int = 144) -> bytes:
        """The picture as PNG bytes on white, which reads on a light and on a dark page."""
        return _small_png_of(self, dpi) if self.is_drawing else png_of(self, dpi)

    def savefig(self, fname: Any, **options: Any) -> None:
        """As `Figure.savefig`; a PNG, SVG or PDF also carries the description, for those who can't see it.

        Args:
            fname: a path, or a binary file object.
            options: see matplotlib.
        """
        suffix = Path(fname).suffix.removeprefix(".") if isinstance(fname, (str, Path)) else ""
        kind = str(options.get("format") or suffix or mpl.rcParams["savefig.format"]).lower()
        if self.description and kind in _DESCRIBED_AS:
            said = {_DESCRIBED_AS[kind]: visible(self.description)}
            options["metadata"] = said | (options.get("metadata") or {})
        with _all_letters(self):
            super().savefig(fname, **options)

    def draw(self, renderer: Any) -> None:
        """Draw everything; a letter that no installed font has becomes a box."""
        with _all_letters(self):
            super().draw(renderer)

    def to_html(
        self, description: str = "", *, always_white: bool = False, most_bytes: int | None = None
    ) -> html.Markup:
        """The picture alone as HTML.

        Args:
            description: its text; its own by default.
            always_white: a drawing stays dark on white where the page is dark, and needs no style sheet.
            most_bytes: of the file; a larger one is drawn coarser, as far as it stays readable.
        """
        wide = round(self.get_figwidth() * 96)
        is_drawing = self.is_drawing and not always_white
        png = self.png()
        for dpi in _COARSER:
            if most_bytes is not None and len(png) > most_bytes:
                png = self.png(dpi)
        return html.image(png, description or self.description, wide, is_drawing=is_drawing)

    def _repr_html_(self) -> str:
        caption = html.element("figcaption", self.description, style="opacity:0.8;margin-top:2px")
        return html.element("figure", self.to_html(), caption, style="margin:4px 0;max-width:900px")

    def __repr__(self) -> str:
        return f"Picture: {self.description}"


def png_of(figure: Figure, dpi: int = 144) -> bytes:
    """Any figure as PNG bytes on white."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=dpi, facecolor="white")
    return stream.getvalue()


def _small_png_of(figure: Figure, dpi: int) -> bytes:
    """The same with 64 colours."""
    from PIL import Image

    stream, small = io.BytesIO(), io.BytesIO()
    with mpl.rc_context(
        {"savefig.bbox": None}
    ):  # raw points don't say their size: the whole page, whatever a person has set
        figure.savefig(stream, format="rgba", dpi=dpi, facecolor="white")
    wide, high = (int(inches * dpi) for inches in figure.get_size_inches())
    drawn = Image.frombytes("RGBA", (wide, high), stream.getvalue()).convert("RGB")
    drawn.quantize(64, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(small, "PNG")
    return small.getvalue()


@contextmanager
def _all_letters(figure: Picture) -> Iterator[None]:
    """Letters outside ASCII may come from other fonts; where none has them, the box in the picture says so, not a warning."""
    if figure._has_all_letters:  # to save is to draw
        yield
        return
    more = _installed()
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        if more and not text.get_text().isascii() and more[-1] not in (families := text.get_fontfamily()):
            text.set_fontfamily([*families, *more])
    figure._has_all_letters = True
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"(?s)Glyph .* missing from", UserWarning)
            yield
    finally:
        figure._has_all_letters = False


@cache
def _installed() -> list[str]:
    """Those of the fonts that this machine has."""
    names = {font.name for font in fontManager.ttflist}
    return [name for name in _MORE_FONTS if name in names]
