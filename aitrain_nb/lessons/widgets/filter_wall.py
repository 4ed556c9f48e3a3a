"""What the parts of a CNN look for: its filters, what they make of a digit, and what they answer to most, random and trained."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from aitrain_nb import html
from aitrain_nb.lessons.experiments.digit_cnn import KINDS, cnn_weights, digits, flows
from aitrain_nb.lessons.widgets._pixels import ink, signed
from aitrain_nb.widgets.explorable import Explorable, Pick, Range

if TYPE_CHECKING:
    from torch import Tensor

SEES = {"conv1": 3, "conv2": 5, "hidden": 8}
"""Layer -> height and width of the part of a picture that one of its units sees."""
_AFTER = {"conv1": "relu1", "conv2": "relu2", "hidden": "relu3"}
_BEST = 6
"""Parts of pictures that are shown of each unit."""
_CARDS = 12
"""Units that are shown."""


class Liked(NamedTuple):
    """What each unit of a layer answers to most.

    Attributes:
        parts: [U, 6, h, w] of new digits, white beyond their edge; the strongest first, each of another digit.
        answers: [U, 6] how strongly.
        which: [U, 6] of which digits.
        alike: of the six, how many are of the same kind, on average over the units that answer to anything.
    """

    parts: Tensor
    answers: Tensor
    which: Tensor
    alike: float


@cache
def liked(kind: str, layer: str) -> Liked:
    """The parts of the new digits that each unit answers to most.

    Args:
        kind: "random" or "trained".
        layer: "conv1", "conv2" or "hidden".
    """
    import torch

    flow, labels = flows()
    given, side = flow[kind][_AFTER[layer]], SEES[layer]
    maps = given if given.ndim == 4 else given[:, :, None, None]
    strongest = maps.flatten(2).max(-1)
    answers, which = (one.T for one in strongest.values.topk(_BEST, dim=0))
    reach = side // 2 if given.ndim == 4 else 0
    wide = torch.nn.functional.pad(digits().pictures[:, 0], [reach] * 4)
    parts = []
    for unit, places in enumerate(which):
        rows, columns = (
            strongest.indices[places, unit] // maps.shape[3],
            strongest.indices[places, unit] % maps.shape[3],
        )
        parts.append(
            torch.stack([wide[n, i : i + side, j : j + side] for n, i, j in zip(places, rows, columns, strict=True)])
        )
    same = torch.tensor([int(labels[row].bincount().max()) for row in which], dtype=torch.float)
    return Liked(torch.stack(parts), answers, which, float(same[answers[:, 0] > 0].mean()))


class FilterWall(Explorable):
    """A CNN's first filters, random and trained; what a layer makes of a digit, and which parts of new digits its units answer to most.

    Example:
        FilterWall().set(digit=4, layer="hidden", weights="random")
    """

    def __init__(self) -> None:
        for kind in KINDS:
            for layer in SEES:
                liked(kind, layer)  # now, so that no dial has to wait
        super().__init__(
            _wall, "What the parts look for", digit=Range(0, "New digit", max=len(digits().labels) - 1, step=1),
            layer=Pick("conv1", "Layer", tuple(SEES)), weights=Pick(KINDS[1], "Weights", KINDS),
        )  # fmt: skip


def _wall(digit: int, layer: str, weights: str) -> html.Markup:
    flow, labels = flows()
    given, best = flow[weights][_AFTER[layer]][digit], liked(weights, layer)
    strength = given.flatten(1).amax(-1) if given.ndim == 3 else given
    units = strength.topk(_CARDS).indices.tolist()
    sure, guess = flow[weights]["output"][digit].softmax(-1).max(-1)
    facts = html.facts({"it is a": int(labels[digit]), "the network says": f"{int(guess)} ({float(sure):.0%})"})
    parts = [ink(digits().pictures[digit], 11, f"the digit, a {int(labels[digit])}"), _filters(weights)]
    above = html.element("div", *parts, style="display:flex;flex-wrap:wrap;gap:10px 22px;align-items:center")
    cards = [_card(unit, given[unit], float(strength[unit]), float(strength.max()), best.parts[unit]) for unit in units]
    wall = html.element(
        "div", *cards, style="display:grid;grid-template-columns:repeat(auto-fill,minmax(182px,1fr));gap:10px 12px"
    )
    return html.join(
        [facts, above, html.element("div", _heading(layer, len(strength)), style=_SPACED), wall, _said(layer, weights)]
    )


_SPACED = "margin:10px 0 4px"


def _heading(layer: str, count: int) -> html.Markup:
    what = "what it makes of this digit, and " if layer != "hidden" else "how strongly, and "
    side = SEES[layer]
    words = (
        f"the {_CARDS} of its {count} units that answer most to this digit. Of each: {what}the "
        f"{side} x {side} pixels of {_BEST} new digits that it answers to most."
    )
    return html.join([html.element("b", f"{layer}: "), words])


def _filters(weights: str) -> html.Markup:
    """The 16 filters of the first layer with both kinds of weights, one kind above the other."""
    top = max(float(kind["conv1.weight"].abs().max()) for kind in cnn_weights().values())
    rows = []
    for kind, values in cnn_weights().items():
        frame = f"outline:2px solid rgb({html.ORANGE});outline-offset:3px" if kind == weights else "opacity:0.75"
        name = html.element("div", f"conv1's 16 filters, {kind}", style="font-size:85%;margin-bottom:2px")
        picture = signed(values["conv1.weight"][:, 0], top, 9)
        rows.append(html.element("div", name, picture, style=f"margin:4px;{frame}"))
    return html.element("div", *rows, style="display:flex;flex-direction:column;gap:8px;min-width:0")


def _card(unit: int, given: Tensor, strength: float, top: float, parts: Tensor) -> html.Markup:
    """One unit: its number and answer, its map of the digit or a bar, and what it answers to most."""
    name = html.element("div", html.element("b", unit), f" gives {strength:.2f}", style="font-size:85%")
    side = {3: 9, 5: 7, 8: 5}[parts.shape[-1]]
    shown = signed(given[None], top, 8) if given.ndim == 2 else html.bar(strength / (top or 1.0), "", width=60)
    rows = [html.element("div", ink(one, side), style="line-height:0") for one in (parts[:3], parts[3:])]
    most = html.element("div", *rows, style="display:flex;flex-direction:column;gap:3px;flex:0 0 auto")
    row = html.element("div", shown, most, style="display:flex;gap:8px;align-items:center")
    return html.element("div", name, row)


def _said(layer: str, weights: str) -> html.Markup:
    alike = {kind: liked(kind, layer).alike for kind in KINDS}
    words = (
        f"Of the {_BEST} digits that a unit of {layer} answers to most, {alike[weights]:.1f} are of one kind, on average "
        f"(random {alike[KINDS[0]]:.1f}, trained {alike[KINDS[1]]:.1f}). "
        "Blue is above 0, orange below; the stronger, the larger."
    )
    return html.element("div", words, style=_SPACED)
