"""A number in 32 and in 16 bits: which bits it becomes, what is kept of it, and whether a small update still moves it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from aitrain_nb import html
from aitrain_nb.widgets.explorable import Explorable, Range

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch


class Kind(NamedTuple):
    """A kind of floating-point number.

    Attributes:
        name: the field's word for it.
        dtype: torch's.
        exponent: bits that say where the point stands.
        fraction: bits that hold the digits; one more is for the sign.
        used: for what it is used in mixed precision.
    """

    name: str
    dtype: str
    exponent: int
    fraction: int
    used: str


KINDS = (
    Kind("fp32", "float32", 8, 23, "weights, optimizer, loss"),
    Kind("bf16", "bfloat16", 8, 7, "large products"),
    Kind("fp16", "float16", 5, 10, "products on older cards"),
)


_SMALL = "font-size:85%;opacity:0.85"


class DtypeTable(Explorable):
    """The sliders are a weight and an update.

    Example:
        DtypeTable().set(weight=70_000)
    """

    def __init__(self) -> None:
        super().__init__(
            _draw, "What a number becomes",
            weight=Range(1.0, "Weight", min=1e-8, max=1e6, log=True, help="Most weights lie between 0.001 and 10."),
            update=Range(0.001, "Update", min=1e-8, max=1.0, log=True, help="What one step adds to it."),
        )  # fmt: skip


def stored(number: float, kind: Kind) -> torch.Tensor:
    """The number as this kind holds it: one torch number."""
    import torch

    return torch.tensor(number, dtype=torch.float64).to(getattr(torch, kind.dtype))


def bits(number: float, kind: Kind) -> str:
    """Its bits, 0 and 1: the sign, the exponent, the fraction."""
    import torch

    whole = {32: torch.int32, 16: torch.int16}[1 + kind.exponent + kind.fraction]
    size = 1 + kind.exponent + kind.fraction
    return format(int(stored(number, kind).view(whole)) % 2**size, f"0{size}b")


def _draw(weight: float, update: float) -> html.Markup:
    rows, moved = [], []
    for kind in KINDS:
        held, step = stored(weight, kind), stored(update, kind)
        after = held + step
        is_moved = bool(after != held)
        moved += [kind.name] * is_moved
        name = html.join([html.element("b", kind.name), html.element("div", kind.used, style=_SMALL)])
        held_as = html.join([_written(float(held)), html.element("div", _off(weight, float(held)), style=_SMALL)])
        result = html.chip(_written(float(after)) if is_moved else "the same", html.GREEN if is_moved else html.ORANGE)
        rows.append((name, _chips(bits(weight, kind), kind), held_as, result))
    names = ["kind", "its bits", "it holds", f"plus {_written(update)}"]
    key = html.join(
        [html.chip("sign", html.GREY), " ", html.chip("where the point stands", html.GREEN), " ", html.chip("the digits", html.BLUE)]
    )  # fmt: skip
    note = html.element("div", key, style="margin-top:4px")
    return html.join(
        [
            html.wide("bits of the number", html.table(names, rows)),
            note,
            html.element("div", _said(weight, update, moved)),
        ]
    )


def _chips(pattern: str, kind: Kind) -> html.Markup:
    """The bits on three grounds; between them a thin gap."""
    pieces = (
        (pattern[:1], html.GREY),
        (pattern[1 : 1 + kind.exponent], html.GREEN),
        (pattern[1 + kind.exponent :], html.BLUE),
    )
    look = "font-family:monospace;padding:1px 2px;margin-right:2px;white-space:nowrap;background-color:rgba({},0.26)"
    return html.join(html.element("span", piece, style=look.format(colour)) for piece, colour in pieces)


def _written(number: float) -> str:
    return "infinite" if math.isinf(number) else f"{number:.7g}"


def _off(number: float, held: float) -> str:
    """The error in percent of the number."""
    if math.isinf(held):
        return "too large for it"
    if held == 0:
        return "too small for it"
    share = abs(held - number) / number
    return "exact" if share == 0 else "nearly exact" if share < 1e-6 else f"{100 * share:.1g} % off"


def _said(weight: float, update: float, moved: Sequence[str]) -> str:
    which = " and ".join(moved) if len(moved) < 3 else "all three"
    return f"A weight of {_written(weight)} and an update of {_written(update)}: " + (
        f"it moves in {which}." if moved else "it moves in none of them."
    )
