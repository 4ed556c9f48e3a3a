"""A digit on its way through a network: what each layer makes of it, with random weights and with trained ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aitrain_nb import html
from aitrain_nb.lessons.experiments.digit_cnn import KINDS, LAYERS, flows
from aitrain_nb.lessons.widgets._pixels import signed
from aitrain_nb.widgets.explorable import Explorable, Pick, Range

if TYPE_CHECKING:
    from torch import Tensor

_SHOWN = 16
"""Channels that are drawn."""


class LayerFlow(Explorable):
    """Choose a digit, a layer and a kind of weights, and see the numbers that come out of it as a picture.

    Example:
        LayerFlow().set(digit=7, layer="relu2", weights="random")
    """

    def __init__(self) -> None:
        self._flows, self._labels = flows()
        super().__init__(
            self._shown, "A digit on its way", digit=Range(0, "New digit", max=len(self._labels) - 1, step=1),
            layer=Pick(LAYERS[1], "Layer", LAYERS), weights=Pick(KINDS[1], "Weights", KINDS),
        )  # fmt: skip

    def _shown(self, digit: int, layer: str, weights: str) -> html.Markup:
        flow = self._flows[weights]
        values, scores = flow[layer][digit], flow["output"][digit]
        sure, guess = scores.softmax(-1).max(-1)
        shape = " x ".join(map(str, values.shape))
        facts = {
            "it is a": int(self._labels[digit]), "numbers here": f"{values.numel():,} ({shape})",
            "the network says": f"{int(guess)} ({float(sure):.0%})",
        }  # fmt: skip
        pictures = [_map(one, float(values.abs().max()) or 1.0) for one in _maps(values)[:_SHOWN]]
        row = html.element("div", *pictures, style="display:flex;flex-wrap:wrap;gap:8px;margin:4px 0")
        more = f"The first {_SHOWN} of {len(values)} channels. " if values.ndim == 3 and len(values) > _SHOWN else ""
        note = f"{more}Blue is above 0, orange below; the stronger, the larger."
        return html.join([html.facts(facts), row, html.element("div", note, style="font-size:85%;opacity:0.85")])


def _maps(values: Tensor) -> list[Tensor]:
    """The channels [H, W] of a layer; of a row of numbers one map with ten columns."""
    return list(values) if values.ndim == 3 else [values.reshape(-1, 10)]


def _map(channel: Tensor, top: float) -> html.Markup:
    return html.element("div", signed(channel[None], top, max(6, 88 // max(channel.shape))), style="line-height:0")
