"""Tokens as HTML: a row of chips, input above target, and how surprising each was. Every value is also text; no script, no style sheet."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from aitrain_nb import numerals
from aitrain_nb.html import BLUE, GREEN, GREY, ORANGE, Markup, element, join
from aitrain_nb.lettering import shortened

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_LONGEST = 24
"""Letters of a token that are shown."""
_SHAPE = "display:inline-block;text-align:center;border-radius:4px;padding:1px 5px;margin:1px 2px;vertical-align:top"
_LOOKS = {
    "word": f"background-color:rgba({BLUE},0.26)",
    "special": f"background-color:rgba({GREY},0.24);text-decoration:underline",
    "unknown": f"background-color:rgba({ORANGE},0.30)",
    "padding": "border:1px dashed rgba(128,128,128,0.6);opacity:0.75",
}
_TIMES = "\N{MULTIPLICATION SIGN}"
_TARGET = f"background-color:rgba({GREEN},0.26)"
_ARROW = "display:block;line-height:1;opacity:0.8"
_COLUMN = "display:inline-block;text-align:center;vertical-align:top;margin-bottom:6px"
_SMALL = "font-size:75%;opacity:0.8"


class Token(NamedTuple):
    """One token as it is shown.

    Attributes:
        text: of the token.
        number: its place in the vocabulary.
        kind: "word", "special", "unknown" or "padding".
        span: from which to before which letter of the raw text it was cut; None where it wasn't cut from it.
    """

    text: str
    number: int
    kind: str = "word"
    span: tuple[int, int] | None = None


def row(tokens: Sequence[Token], caption: str = "") -> Markup:
    """Tokens as chips: text, number, and the letters they were cut from; special ones underlined, unknown ones orange.

    Padding at the end is one hatched chip that counts it.

    Args:
        tokens: in order.
        caption: what the row is.
    """
    real = len(tokens)
    while real and tokens[real - 1].kind == "padding":
        real -= 1
    shown = [_chip(token) for token in tokens[:real]]
    if real < len(tokens):
        shown.append(_padding(tokens[real], len(tokens) - real))
    return join([_caption(caption), element("div", *shown, style="line-height:1.25;margin:2px 0")])


def shifted(tokens: Sequence[Token], targets: Sequence[Token | None], caption: str = "") -> Markup:
    """The tokens that go in above those that should come out: each target is the next token, so the lower row is one ahead.

    Args:
        tokens: what goes in at each position.
        targets: what should come out there, None where nothing counts.
        caption: what the rows are.
    """
    columns = [_column(*one) for one in zip(range(len(tokens)), tokens, targets, strict=True)]
    return join([_caption(caption), element("div", *columns, style="line-height:1.25;margin:2px 0")])


def heat(tokens: Iterable[tuple[str, float]], top: float, caption: str = "") -> Markup:
    """Tokens with their loss below: the more of it, the stronger the ground and the line under the token.

    Args:
        tokens: text and loss (nats) of each.
        top: the loss of the strongest ground.
        caption: what the row is.
    """
    shown = []
    for text, loss in tokens:
        strength = min(1.0, max(0.0, loss / top)) if top else 0.0
        line = f"border-bottom:{1 + round(3 * strength)}px solid rgba({ORANGE},{0.25 + 0.75 * strength:.2f})"
        look = f"background-color:rgba({ORANGE},{0.5 * strength:.2f});{line};border-radius:4px 4px 0 0"
        shown.append(
            element("span", _shown(text), Markup("<br>"), element("span", numerals.step_loss(loss), style=_SMALL),
                    style=f"{_SHAPE};{look}")
        )  # fmt: skip
    return join([_caption(caption), element("div", *shown, style="line-height:1.25;margin:2px 0")])


def _caption(caption: str) -> Markup:
    return element("div", caption, style="opacity:0.85;margin-top:6px") if caption else Markup("")


def _chip(token: Token, look: str = "") -> Markup:
    below = [Markup("<br>"), element("span", token.number, style=_SMALL)]
    if token.span is not None:
        below += [Markup("<br>"), element("span", f"{token.span[0]}-{token.span[1]}", style=_SMALL)]
    return element("span", _shown(token.text), *below, style=f"{_SHAPE};{look or _LOOKS[token.kind]}")


def _column(place: int, token: Token, target: Token | None) -> Markup:
    """A position: what goes in, and below it what should come out."""
    below = _chip(target, _TARGET) if target else element("span", "not counted", style=_SMALL)
    parts = [
        element("span", place, style=f"display:block;{_SMALL}"),
        _chip(token),
        element("span", "↓", style=_ARROW),
        below,
    ]
    spaced = [piece for part in parts for piece in (part, " ")]
    return element("span", *spaced[:-1], style=_COLUMN)


def _padding(token: Token, count: int) -> Markup:
    hatch = element("span", "/" * min(24, max(3, count)), style="letter-spacing:1px;opacity:0.6")
    words = f"{_shown(token.text)} {_TIMES} {count:,}"
    number = element("span", token.number, style=_SMALL)
    return element("span", words, " ", hatch, Markup("<br>"), number, style=f"{_SHAPE};{_LOOKS['padding']}")


def _shown(text: str) -> str:
    return shortened(text, _LONGEST) if text.strip() else "·" * max(1, len(text))
