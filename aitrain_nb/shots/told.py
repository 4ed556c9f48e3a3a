"""What a comparison of methods shows: a picture, sentences and tables in a notebook, the same without the picture in a terminal."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from aitrain_nb import html, reading

if TYPE_CHECKING:
    from aitrain_nb.figures import Picture


class Told(ABC):
    """What was found, in words and as a page."""

    @abstractmethod
    def plot(self) -> Picture:
        """What was found, as a picture."""

    @abstractmethod
    def _said(self) -> list[str]:
        """What was found, a sentence each."""

    @abstractmethod
    def _page(self, first: html.Markup) -> html.Markup:
        """The page that begins so, with its tables."""

    def text(self) -> str:
        """What was found, in sentences and a table, for a terminal."""
        return reading.as_text(self._page(self._paragraphs()))

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return self._page(html.join([self.plot().to_html(), self._paragraphs()]))

    def _paragraphs(self) -> html.Markup:
        return html.join(html.element("p", sentence, style="margin:4px 0") for sentence in self._said())
