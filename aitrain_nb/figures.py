"""A matplotlib figure that a notebook shows by itself, together with a sentence that says what is to be seen.

This module imports matplotlib, so it is imported only where something is drawn. Never pyplot: a figure belongs to who made it.
"""

from __future__ import annotations

import io

from matplotlib.figure import Figure

from aitrain_nb import html


class Picture(Figure):
    """A `matplotlib.figure.Figure` with a description.

    Attributes:
        description: one or two sentences with the numbers in them: the picture's caption, and its text for those
            who can't see it.
    """

    description: str = ""

    def png(self, dpi: int = 144) -> bytes:
        """The picture as PNG bytes on white, which reads on a light and on a dark page."""
        return png_of(self, dpi)

    def to_html(self, description: str = "") -> html.Markup:
        """The picture alone as HTML, with `description` (its own by default) as its text."""
        return html.image(self.png(), description or self.description, width=round(self.get_figwidth() * 96))

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
