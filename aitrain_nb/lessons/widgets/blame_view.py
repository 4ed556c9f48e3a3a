"""Who is blamed for one misread digit, and the test of it: only the most blamed weights are nudged, beside as many at random, and all."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from aitrain_nb import html
from aitrain_nb.lessons.experiments.misread_digit import misread
from aitrain_nb.lessons.widgets._pixels import ink, signed
from aitrain_nb.widgets.explorable import Explorable, Range, Switch

if TYPE_CHECKING:
    from torch import Tensor

RATE = 0.001
"""Each nudged weight moves by this rate times its gradient."""
COUNTS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 51880)
_HALF = 34
"""Pixels of the largest bar of the other digits."""


class Nudged(NamedTuple):
    """What came of nudging some weights against their gradients.

    Attributes:
        promised: how far the misread digit's loss would fall if it were a straight slope, nats.
        losses: [32] of all digits of the batch afterwards.
        drop: how far the misread digit's loss fell in truth, nats.
        worse: how many other digits have a higher loss than before.
    """

    promised: float
    losses: Tensor
    drop: float
    worse: int


@cache
def ranked() -> dict[str, Tensor]:
    """Places of all weights [W]: the largest gradient times weight, without its sign, first; and in an order of chance."""
    import torch

    found = misread()
    blame = (found.gradients * found.weights).abs()
    chance = torch.randperm(len(blame), generator=torch.Generator().manual_seed(0))
    return {"blamed": blame.argsort(descending=True, stable=True), "random": chance}


@cache
def nudged(which: str, count: int) -> Nudged:
    """Nudge only so many weights, on a copy.

    Args:
        which: "blamed" or "random".
        count: of weights.
    """
    import torch

    found = misread()
    places = ranked()[which][:count]
    moved = found.weights.clone()
    moved[places] -= RATE * found.gradients[places]
    losses = found.losses_with(moved)
    others = torch.arange(len(losses)) != found.worst
    worse = int((losses > found.losses + 1e-4)[others].sum())
    promised = RATE * float((found.gradients[places] ** 2).sum())
    return Nudged(promised, losses, float(found.losses[found.worst] - losses[found.worst]), worse)


class BlameView(Explorable):
    """The most blamed weights of a misread digit, and what becomes of the loss if only these are nudged.

    Example:
        BlameView().set(count=100, nudge=True)
    """

    def __init__(self) -> None:
        for count in COUNTS:  # now, so that no dial has to wait
            nudged("blamed", count), nudged("random", count)
        super().__init__(
            _draw, "Blame, and the test of it", count=Range(20, "Most blamed", stops=COUNTS, unit="weights"),
            nudge=Switch(True, "Nudge only these", "Off: what the gradients promise. On: what came."),
        )  # fmt: skip


def _draw(count: int, nudge: bool) -> html.Markup:
    count = int(count)
    found = misread()
    label, loss = int(found.labels[found.worst]), float(found.losses[found.worst])
    digit = html.element(
        "div", ink(found.pictures[found.worst], 12, f"the misread digit, a {label}"), style="line-height:0"
    )
    parts = [digit, html.element("div", _where(count), _last_layer(count), style="flex:1 1 300px;min-width:0")]
    above = html.element("div", *parts, style="display:flex;flex-wrap:wrap;gap:8px 18px;align-items:center")
    facts = html.facts({"it is a": label, "its loss": f"{loss:.2f} nats", "weights in all": f"{len(found.weights):,}"})
    below = [_test(count, nudge)]
    if nudge:
        below += [_others(nudged("blamed", count))]
    return html.join([facts, above, *below, _said(count, nudge)])


def _where(count: int) -> html.Markup:
    """In which tensors the blamed weights lie."""
    found, chosen, rows, first = misread(), ranked()["blamed"][:count], [], 0
    for name, shape in found.tensors.items():
        size = 1
        for side in shape:
            size *= side
        inside = int(((chosen >= first) & (chosen < first + size)).sum())
        first += size
        if name.endswith("weight"):
            rows.append((name, f"{size:,}", html.bar(inside / count, f"{inside:,}", html.ORANGE, 80)))
    return html.table(["weights of", "there are", f"of the {count:,} most blamed"], rows)


def _last_layer(count: int) -> html.Markup:
    """The last layer's weights as a picture: a row a digit, the blamed ones orange, the others as blue as their blame."""
    import torch

    found = misread()
    rows, columns = found.tensors["output.weight"]
    blame = (found.gradients * found.weights).abs()
    strength = blame / blame.max()
    strength[ranked()["blamed"][:count]] = -1.0
    last = strength[-(rows * columns + rows) : -rows].view(1, rows, columns)
    name = html.element(
        "div",
        f"output.weight: {rows} rows, digits 0 to 9 from above; orange: among the most blamed",
        style="font-size:85%;margin:4px 0 2px",
    )
    return html.element("div", name, signed(torch.where(last < 0, last, last * 0.9), 1.0, 5))


def _test(count: int, nudge: bool) -> html.Markup:
    """Promised and measured drop of the misread digit's loss, for the blamed, for chance, for all."""
    loss = float(misread().losses[misread().worst])
    tried = {
        f"the {count:,} most blamed": nudged("blamed", count),
        f"{count:,} at random": nudged("random", count),
        f"all {COUNTS[-1]:,}": nudged("blamed", COUNTS[-1]),
    }
    rows = [
        (
            name, f"{one.promised:.4f}",
            html.bar(one.drop / loss, f"{one.drop:.4f}, to {loss - one.drop:.2f}", html.BLUE, 150) if nudge else "switch on",
        )
        for name, one in tried.items()
    ]  # fmt: skip
    return html.table(["nudged", "promised fall (nats)", f"the loss of {loss:.2f} really falls by"], rows)


def _others(one: Nudged) -> html.Markup:
    """The change of each other digit's loss, as bars: worse above the line, better below."""
    found = misread()
    changes = (one.losses - found.losses).tolist()
    top = max(abs(change) for place, change in enumerate(changes) if place != found.worst) or 1.0
    bars = []
    for place, change in enumerate(changes):
        if place == found.worst:
            continue
        high = _HALF * abs(change) / top
        hue, start = (html.ORANGE, _HALF - high) if change > 0 else (html.BLUE, _HALF)
        block = html.element(
            "div",
            style=f"position:absolute;left:0;right:0;top:{start:.1f}px;height:{max(high, 1):.1f}px;background:rgb({hue})",
        )
        space = html.element(
            "div", block, style=f"position:relative;height:{2 * _HALF}px;background:rgba({html.GREY},0.1)"
        )
        number = html.element("div", int(found.labels[place]), style="font-size:85%")
        bars.append(html.element("div", space, number, style="flex:1 1 0;min-width:0;max-width:22px;text-align:center"))
    title = f"The other {len(bars)} digits: the loss rises (orange, above) or falls; the highest bar is {top:.3f} nats"
    return html.join([
        html.element("div", title, style="margin:8px 0 2px"), html.element("div", *bars, style="display:flex;gap:2px")
    ])  # fmt: skip


def _said(count: int, nudge: bool) -> html.Markup:
    blamed, chance, everything = nudged("blamed", count), nudged("random", count), nudged("blamed", COUNTS[-1])
    share = f"{count / COUNTS[-1]:.2%} of the weights"
    if not nudge:
        promised = blamed.promised / everything.promised
        words = f"{count:,} weights, {share}: the gradients promise {promised:.0%} of what they promise for all."
    else:
        words = (
            f"Nudging {count:,} blamed weights, {share}, brings {blamed.drop / everything.drop:.0%} of the fall that all bring. "
            f"As many at random bring {chance.drop / everything.drop:.1%}. "
            f"Of the {len(blamed.losses) - 1} other digits {blamed.worse} got worse."
        )
    return html.element("div", f"{words} Each moves by {RATE:g} times its gradient.", style="margin-top:8px")
