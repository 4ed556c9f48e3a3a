"""`PixelLens`: a picture as the grid of numbers that it is; one pixel by row and column, raw and scaled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aitrain_nb import html
from aitrain_nb.lessons.experiments.numbered_words import digits
from aitrain_nb.widgets.explorable import Explorable, Range, Switch

if TYPE_CHECKING:
    from torch import Tensor

_SIDE = 22
"""Pixels of the page for a pixel of the picture."""


class PixelLens(Explorable):
    """Choose a digit and a pixel: the picture, its grid of numbers, and where the number stands in the row that the network gets.

    Example:
        PixelLens().set(digit=3, row=2, column=4, scaled=True)
    """

    def __init__(self) -> None:
        splits = digits()
        self.pictures: Tensor = splits.train.columns["image"]
        self._labels, self._scale = splits.train.columns["label"], splits.scale
        height, width = self.pictures.shape[-2:]
        super().__init__(
            self._grids, "A picture is a grid of numbers", digit=Range(0, "Picture", max=40, step=1),
            row=Range(3, "Row", max=height - 1, step=1), column=Range(4, "Column", max=width - 1, step=1),
            scaled=Switch(False, "Scaled", "The raw numbers, or the same from 0 to 1."),
        )  # fmt: skip

    def _grids(self, digit: int, row: int, column: int, scaled: bool) -> html.Markup:
        picture = self.pictures[digit, 0]
        raw, width = float(picture[row, column]), picture.shape[1]
        shown = (picture * self._scale if scaled else picture).tolist()
        top = 1.0 if scaled else 1 / self._scale
        numbers = [[round(value, 2) for value in line] for line in shown]
        facts = {
            "it is a": int(self._labels[digit]), "row": row, "column": column, "raw": f"{raw:g}",
            "scaled": f"{raw:g} / {1 / self._scale:g} = {raw * self._scale:.3g}",
            "place in the row": f"{width} x {row} + {column} = {width * row + column}",
        }  # fmt: skip
        parts = [
            _titled("What we see", _picture(picture / picture.max(), (row, column))),
            _titled(
                f"What it is: {picture.shape[0]} rows, {width} columns",
                html.grid(numbers, 0, top, framed=(row, column)),
            ),
        ]
        both = html.element("div", *parts, style="display:flex;flex-wrap:wrap;gap:24px;align-items:flex-start")
        note = html.element("div", "Rows, columns and places are counted from 0.", style="font-size:85%;opacity:0.85")
        strip = _titled(
            f"What the network gets: {picture.numel()} numbers in a row", _strip(picture, width * row + column)
        )
        return html.join([html.facts(facts), both, strip, note])


def _titled(title: str, content: html.Markup) -> html.Markup:
    return html.element("div", html.element("div", title, style="font-size:85%;margin:4px 0"), content)


def _frame(is_framed: bool) -> str:
    return f";outline:3px solid rgb({html.ORANGE});outline-offset:-2px" if is_framed else ""


def _picture(picture: Tensor, framed: tuple[int, int]) -> html.Markup:
    """Dark ink on white, in both themes: this is what a person sees of it."""
    cells = [
        html.element("i", style=f"background:rgb({_grey(value)}){_frame((i, j) == framed)}")
        for i, line in enumerate(picture.tolist())
        for j, value in enumerate(line)
    ]
    columns = f"display:grid;grid-template-columns:repeat({picture.shape[1]},{_SIDE}px);grid-auto-rows:{_SIDE}px"
    return html.element("div", *cells, style=f"{columns};outline:1px solid rgba({html.GREY},0.6)")


def _grey(ink: float) -> str:
    return ",".join([str(round(255 * (1 - ink)))] * 3)


def _strip(picture: Tensor, place: int) -> html.Markup:
    top = float(picture.max())
    cells = [
        html.element("i", style=f"background:rgba({html.BLUE},{0.9 * value / top:.2f}){_frame(number == place)}")
        for number, value in enumerate(picture.flatten().tolist())
    ]
    columns = f"display:grid;grid-template-columns:repeat({picture.numel()},minmax(4px,10px));grid-auto-rows:20px"
    return html.element("div", *cells, style=f"{columns};max-width:640px;outline:1px solid rgba({html.GREY},0.6)")
