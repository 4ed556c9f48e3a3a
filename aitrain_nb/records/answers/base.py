"""What all answers have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from aitrain_nb import html
from aitrain_nb.reading import as_text

if TYPE_CHECKING:
    import pandas as pd

    from aitrain_nb.figures import Picture


class Answer:
    """An answer: sentences, a table and a picture of the same numbers. Asking changed nothing."""

    title: ClassVar[str] = ""

    @property
    def note(self) -> str:
        """What was asked, in a few words."""
        return ""

    def text(self) -> str:
        """The answer in plain sentences, with its numbers."""
        raise AssertionError("each answer has its own words")

    def table(self) -> pd.DataFrame:
        """The answer's numbers."""
        raise AssertionError("each answer has its own table")

    def plot(self) -> Picture:
        """The answer as a picture."""
        raise AssertionError("each answer has its own picture")

    def _view(self) -> html.Markup:
        return self.plot().to_html()

    def __repr__(self) -> str:
        return as_text(self._repr_html_())

    def _repr_html_(self) -> str:
        return html.section(
            self.title, self.note, self._view(), html.element("p", self.text(), style="margin:6px 0;max-width:720px")
        )
