"""A text above, the same text one place on below it: each column is one guess, with the probability of the letter that really came."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from aitrain_nb import html
from aitrain_nb.lessons.experiments.tiny_gpt import LOOKED_AT, read, watched_gpt
from aitrain_nb.widgets.explorable import Explorable, Pick, Range

if TYPE_CHECKING:
    from torch import Tensor

COLUMNS = 20
_FIRST = 400
"""Places of the text at which it can begin."""
_HIGH = 70
"""Pixels of a bar."""
_TINTS = (html.BLUE, html.ORANGE, html.GREEN)


class ShiftView(Explorable):
    """Twenty guesses at a stretch of the training text: what goes in, what should come out, and how probable that was.

    Example:
        ShiftView().set(place=40, step="450")
    """

    def __init__(self) -> None:
        watched_gpt()  # trained now, so that no dial has to wait
        super().__init__(
            _draw, "The label is the next letter", place=Range(17, "Place in the text", max=_FIRST, step=1),
            step=Pick(str(LOOKED_AT[0]), "After step", tuple(map(str, LOOKED_AT))),
        )  # fmt: skip


def right_ones(place: int, step: int) -> Tensor:
    """The probability of the letter that really came, at each of the columns [20].

    Args:
        place: of the first letter in the training text.
        step: one of `LOOKED_AT`.
    """
    stretch = _stretch(place)
    found, target = read(stretch[:-1], step), read(stretch[1:], step).ids
    chances: Tensor = found.logits.softmax(-1).gather(1, target[:, None])[:, 0]
    return chances


def _stretch(place: int) -> str:
    """The letters of the columns, and the one after them."""
    return watched_gpt().source[place : place + COLUMNS + 1]


def _draw(place: int, step: str) -> html.Markup:
    stretch = _stretch(place)
    given, wanted = read(stretch[:-1], int(step)), read(stretch[1:], int(step))
    chances, names = right_ones(place, int(step)).tolist(), watched_gpt().trainer.class_names
    guesses = [names[guess] for guess in given.logits.argmax(-1).tolist()]
    rows = [
        ("goes in", [_letter(name, number) for number, name in enumerate(given.names)]),
        ("", [html.element("span", "↓", style="opacity:0.75") for _ in given.names]),
        ("should come out", [_letter(name, number + 1) for number, name in enumerate(wanted.names)]),
        ("how probable it was", [_bar(chance) for chance in chances]),
        ("in percent", [html.element("span", f"{100 * chance:.0f}", style="font-size:85%") for chance in chances]),
        (
            "its own guess",
            [_guess(guess, guess == name) for guess, name in zip(guesses, wanted.names, strict=True)],
        ),
    ]
    cells = [
        cell
        for name, row in rows
        for cell in (html.element("span", name, style="text-align:right;padding-right:8px"), *row)
    ]
    style = (
        f"display:grid;grid-template-columns:minmax(64px,max-content) repeat({COLUMNS},minmax(13px,30px));"
        "gap:2px 1px;text-align:center;align-items:end"
    )
    return html.join([html.element("div", *cells, style=style), _said(chances, guesses, wanted.names, step)])


def _letter(name: str, number: int) -> html.Markup:
    """A letter on the ground of its place in the text, so that the eye finds it in the other row."""
    ground = f"background:rgba({_TINTS[number % 3]},0.28)"
    return html.element("span", name, style=f"{ground};border-radius:3px;font-size:15px;line-height:22px")


def _bar(chance: float) -> html.Markup:
    block = html.element("span", style=f"display:block;height:{_HIGH * chance:.1f}px;background:rgb({html.BLUE})")
    ground = f"height:{_HIGH}px;background:rgba({html.GREY},0.15)"
    return html.element("span", block, style=f"display:flex;flex-direction:column;justify-content:flex-end;{ground}")


def _guess(guess: str, is_right: bool) -> html.Markup:
    style = f"font-weight:bold;background:rgba({html.GREEN},0.28);border-radius:3px" if is_right else "opacity:0.75"
    return html.element("span", guess if len(guess) == 1 else "▯", style=style)


def _said(chances: list[float], guesses: list[str], wanted: list[str], step: str) -> html.Markup:
    loss = -sum(math.log(chance) for chance in chances) / len(chances)
    right = sum(guess == name for guess, name in zip(guesses, wanted, strict=True))
    words = (
        f"After step {step}: {len(chances)} guesses in one pass, {right} right. The letters that really came had "
        f"{sum(chances) / len(chances):.1%} on average, the least {min(chances):.1%}. The mean of -ln is {loss:.2f}: that is the loss."
    )
    return html.element("div", words, style="margin-top:8px")
