"""One part of a trained CNN is switched off for a while: its scores, probabilities and accuracy answer, and no weight changes."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from aitrain_nb import html
from aitrain_nb.lessons.experiments.digit_cnn import cnn, digits
from aitrain_nb.lessons.widgets._pixels import ink
from aitrain_nb.widgets.explorable import Explorable, Range, Switch

if TYPE_CHECKING:
    from torch import Tensor

    from aitrain_nb.trainer import Trainer

PARTS = [(layer, unit) for layer, units in (("conv1", 16), ("conv2", 32), ("hidden", 90)) for unit in range(units)]
"""Layer and unit of each part that can be switched off."""
_HEIGHT = 76
"""Pixels of the bars."""


class Known(NamedTuple):
    """What the network knows of the new digits.

    Attributes:
        loss: mean, nats.
        accuracy: share that is right.
    """

    loss: float
    accuracy: float


@cache
def _network() -> tuple[Trainer, str]:
    """The network, and its fingerprint before anything was switched off."""
    trainer = cnn()
    trainer.model.eval()
    return trainer, trainer.fingerprint()


def scores(pictures: Tensor, layer: str = "", unit: int | None = None) -> Tensor:
    """What the network gives [N, 10], with a part giving zeros where a layer is named.

    Args:
        pictures: [N, 1, 8, 8].
        layer: "" for none, "conv1", "conv2" or "hidden".
        unit: of the layer; None is all of it.
    """
    import torch

    from aitrain_nb.engine.inspection.seeing import off

    model = _network()[0].model
    with torch.no_grad():
        if not layer:
            given: Tensor = model(pictures)
        else:
            with off(model.get_submodule(layer), layer, unit):
                given = model(pictures)
    return given


@cache
def known(layer: str = "", unit: int | None = None) -> Known:
    """Loss and accuracy on the new digits, with a part off where a layer is named.

    Args:
        layer: as in `scores`.
        unit: as in `scores`.
    """
    import torch

    given, labels = scores(digits().pictures, layer, unit), digits().labels
    loss = torch.nn.functional.cross_entropy(given, labels)
    return Known(float(loss), float((given.argmax(-1) == labels).float().mean()))


class AblateSwitch(Explorable):
    """Switch one of 138 filters and hidden units off, or its whole layer, and see what becomes of a digit and of all new digits.

    Example:
        AblateSwitch().set(part=5, off=True, digit=12)
    """

    def __init__(self) -> None:
        for layer, unit in PARTS:
            known(layer, unit)  # now, so that no dial has to wait
        super().__init__(
            _draw, "Switch a part off", part=Range(62, "Part", max=len(PARTS) - 1, step=1), off=Switch(True, "Off"),
            layer_too=Switch(False, "Its whole layer", "All parts of its layer go off with it."),
            digit=Range(203, "New digit", max=len(digits().labels) - 1, step=1),
        )  # fmt: skip


def _draw(part: int, off: bool, layer_too: bool, digit: int) -> html.Markup:
    layer, unit = PARTS[part]
    picture, label = digits().pictures[digit : digit + 1], int(digits().labels[digit])
    whole = scores(picture)[0]
    now = scores(picture, layer, None if layer_too else unit)[0] if off else whole
    network, before = _network()
    is_same = network.fingerprint() == before
    what = f"{'filter' if layer.startswith('conv') else 'unit'} {unit} of {layer}"
    what = f"all of {layer}" if layer_too else what
    facts = html.facts({
        "part": f"{what}, {'off' if off else 'on'}", "it is a": label,
        "the network says": f"{int(now.argmax())} ({float(now.softmax(-1).max()):.0%})",
        "fingerprint of the weights": f"{before[:8]}, {'the same as before' if is_same else 'CHANGED'}",
    })  # fmt: skip
    shown = html.element("div", ink(picture[0], 11, f"the digit, a {label}"), style="line-height:0")
    both = html.element(
        "div", shown, _table(whole, now, label), style="display:flex;flex-wrap:wrap;gap:8px 14px;align-items:center"
    )
    return html.join([facts, both, _strip(part, off, layer_too), _said(part, what, off, layer_too)])


def _table(whole: Tensor, now: Tensor, label: int) -> html.Markup:
    """Score and probability of each digit, with all parts and as it is now."""
    rows = []
    for name, old, new, old_score, new_score in zip(
        range(10), whole.softmax(-1).tolist(), now.softmax(-1).tolist(), whole.tolist(), now.tolist(), strict=True
    ):
        marked = html.element("b", f"{name} ✓") if name == label else name
        bars = (html.bar(old, f"{old:.1%}", html.GREY, 44), html.bar(new, f"{new:.1%}", html.BLUE, 44))
        rows.append((marked, f"{old_score:.1f}", bars[0], f"{new_score:.1f}", bars[1]))
    return html.table(["digit", "score, all on", "probability", "score now", "probability now"], rows)


def _strip(part: int, off: bool, layer_too: bool) -> html.Markup:
    """A bar a part: how much the loss rises without it; those that are off are orange."""
    rises = [known(layer, unit).loss - known().loss for layer, unit in PARTS]
    top, low = max(rises), min(*rises, 0.0)
    bars: list[html.Markup] = []
    groups: dict[str, int] = {}
    for number, ((layer, _unit), rise) in enumerate(zip(PARTS, rises, strict=True)):
        is_off = off and (PARTS[part][0] == layer if layer_too else number == part)
        bars.append(
            _bar((max(rise, 0) / (top - low), min(rise, 0) / (top - low)), top / (top - low), is_off, number == part)
        )
        groups[layer] = groups.get(layer, 0) + 1
    names = [
        html.element(
            "div",
            f"{layer} ({count})",
            style=f"flex:{count} 0 0;min-width:0;border-top:2px solid rgba({html.GREY},0.6)",
        )
        for layer, count in groups.items()
    ]
    style = "display:flex;min-width:420px;gap:1px"
    return html.join([
        html.element("div", "How much the loss on new digits rises if one part is off", style="margin:10px 0 2px"),
        html.element("div", *bars, style=f"{style};height:{_HEIGHT}px"),
        html.element("div", *names, style=f"{style};gap:3px;font-size:85%"),
    ])  # fmt: skip


def _bar(sides: tuple[float, float], zero: float, is_off: bool, is_chosen: bool) -> html.Markup:
    """One part's rise above the line, or its fall below it, as shares of the height."""
    up, down = sides
    high, start = (up or -down) * _HEIGHT, (zero - up) * _HEIGHT
    hue = html.ORANGE if is_off else html.BLUE
    block = html.element(
        "div",
        style=f"position:absolute;left:0;width:100%;top:{start:.1f}px;height:{max(high, 1):.1f}px;background-color:rgb({hue})",
    )
    ground = f"rgba({html.ORANGE if is_chosen else html.GREY},{0.35 if is_chosen else 0.08})"
    return html.element("div", block, style=f"position:relative;flex:1 0 0;min-width:0;background-color:{ground}")


def _said(part: int, what: str, off: bool, layer_too: bool) -> html.Markup:
    layer, unit = PARTS[part]
    whole, without = known(), known(layer, None if layer_too else unit)
    count = len(digits().labels)
    words = (
        f"Without {what} the loss on {count} new digits goes from {whole.loss:.3f} to {without.loss:.3f}, and "
        f"{without.accuracy:.1%} are right; with all parts {whole.accuracy:.1%}."
        if off
        else f"All parts are on: the loss on {count} new digits is {whole.loss:.3f}, and {whole.accuracy:.1%} are right."
    )
    return html.element("div", words, style="margin:8px 0 4px")
