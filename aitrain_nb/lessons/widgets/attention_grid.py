"""Which letters each position of the tiny GPT looks at, by layer and head, for a text that one types, before and after training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aitrain_nb import html
from aitrain_nb.lessons.experiments.tiny_gpt import CONTEXT, LOOKED_AT, read, watched_gpt
from aitrain_nb.lessons.widgets._pixels import signed
from aitrain_nb.widgets.explorable import Explorable, Pick, Range, Typed

if TYPE_CHECKING:
    from torch import Tensor

    from aitrain_nb.lessons.experiments.tiny_gpt import Read

LAYERS, HEADS = 2, 4
_SIDE = 15
"""Pixels of a square."""
_TOLD = 3
"""So many of the letters that are looked at most are named."""
_HIDDEN = f"repeating-linear-gradient(45deg,rgba({html.GREY},0.28) 0 1px,transparent 1px 6px)"


class AttentionGrid(Explorable):
    """Rows look, columns are looked at; what comes later is hidden. One row is read out, with the guess that follows from it.

    Example:
        AttentionGrid().set(text="I had enough", layer="2", head=4, letter=12)
    """

    def __init__(self) -> None:
        watched_gpt()  # trained now, so that no dial has to wait
        super().__init__(
            _draw, "Who looks at whom", text=Typed("Where is my parcel", "Text", help="It reads the last 32 letters.", most=200),
            letter=Range(15, "Letter that looks", min=1, max=CONTEXT, step=1), head=Range(2, "Head", min=1, max=HEADS, step=1),
            layer=Pick("1", "Layer", tuple(str(layer + 1) for layer in range(LAYERS))),
            step=Pick(str(LOOKED_AT[-1]), "After step", tuple(map(str, LOOKED_AT))),
        )  # fmt: skip


def _draw(text: str, letter: int, head: int, layer: str, step: str) -> html.Markup:
    found = read(text, int(step))
    row, looks = min(letter, len(found.names)) - 1, found.looks[int(layer) - 1, head - 1]
    grid = html.element("div", _grid(looks, found.names, row), style="overflow-x:auto;padding:2px")
    parts = [_line(looks[row].tolist(), found.names, row), _told(found, looks, row)]
    beside = html.element("div", *parts, _overview(found.looks, int(layer), head), style="flex:1 1 230px;min-width:0")
    return html.element("div", grid, beside, style="display:flex;flex-wrap:wrap;gap:10px 22px;align-items:flex-start")


def _grid(looks: Tensor, names: list[str], chosen: int) -> html.Markup:
    """The looks as squares, letters above and at the left; the part that is hidden by the mask is hatched."""
    count = len(names)
    head = [
        html.element("span"),
        *(html.element("span", name, style=_bold(place == chosen)) for place, name in enumerate(names)),
    ]
    rows = []
    for place, name in enumerate(names):
        squares = [_square(share) for share in looks[place, : place + 1].tolist()]
        later = html.element("span", style=f"grid-column:{place + 3}/-1;background:{_HIDDEN}")
        frame = f";outline:2px solid rgb({html.ORANGE});position:relative" if place == chosen else ""
        line = [
            html.element("span", name, style=_bold(place == chosen)),
            *squares,
            *([later] if place + 1 < count else []),
        ]
        rows.append(html.element("div", *line, style=f"{_columns(count)}{frame}"))
    return html.element(
        "div", html.element("div", *head, style=_columns(count)), *rows,
        style="text-align:center;font-size:12px;line-height:15px;display:inline-block",
    )  # fmt: skip


def _columns(count: int) -> str:
    return f"display:grid;grid-template-columns:repeat({count + 1},{_SIDE}px);grid-auto-rows:{_SIDE}px"


def _bold(is_chosen: bool) -> str:
    return "font-weight:bold" if is_chosen else ""


def _square(share: float) -> html.Markup:
    return (
        html.element("i", style=f"background:rgba(30,140,215,{share**0.6:.2f})") if share > 0.004 else html.element("i")
    )


def _line(shares: list[float], names: list[str], row: int) -> html.Markup:
    """The text; each letter that the chosen one sees on a ground as strong as its look, those to come faint."""
    letters = []
    for place, (name, share) in enumerate(zip(names, shares, strict=True)):
        style = (
            f"background:rgba(30,140,215,{share**0.6:.2f})" if place <= row else f"opacity:0.75;background:{_HIDDEN}"
        )
        style += f";outline:2px solid rgb({html.ORANGE})" if place == row else ""
        letters.append(html.element("span", name, style=f"{style};padding:1px 2px"))
    return html.element("div", *letters, style="font-size:16px;line-height:1.7;overflow-wrap:anywhere")


def _told(found: Read, looks: Tensor, row: int) -> html.Markup:
    """The letters that are looked at most, and the guess."""
    shares = looks[row, : row + 1]
    most = shares.topk(min(_TOLD, row + 1))
    seen = ", ".join(
        f"{found.names[place]} at {place + 1} ({share:.0%})"
        for share, place in zip(most.values.tolist(), most.indices.tolist(), strict=True)
    )
    sure, guess = found.logits[row].softmax(-1).max(-1)
    names = watched_gpt().trainer.class_names
    words = (
        f"Letter {row + 1}, {found.names[row]}, looks most at {seen}. It can see {row + 1} of {len(found.names)} letters. "
        f"All heads together guess that {names[int(guess)]} comes next ({float(sure):.0%})."
    )
    return html.element("div", words, style="margin:6px 0")


def _overview(looks: Tensor, layer: int, head: int) -> html.Markup:
    """All heads of both layers, small; the chosen one is framed."""
    rows = []
    for place in range(LAYERS):
        small = []
        for number in range(HEADS):
            is_chosen = (place + 1, number + 1) == (layer, head)
            frame = f"outline:2px solid rgb({html.ORANGE});outline-offset:1px" if is_chosen else ""
            picture = signed(looks[place, number : number + 1], 1.0, max(2, 60 // looks.shape[-1]))
            small.append(html.element("span", picture, style=f"line-height:0;{frame}"))
        name = html.element("div", f"layer {place + 1}, heads 1 to {HEADS}", style="font-size:85%")
        shown = html.element("div", *small, style="display:flex;flex-wrap:wrap;gap:7px;margin:3px 0 6px 2px")
        rows.append(html.element("div", name, shown))
    return html.element("div", *rows)
