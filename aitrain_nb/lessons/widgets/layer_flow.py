"""A digit on its way through a network: what each layer makes of it, with random weights and with trained ones."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from aitrain_nb import html
from aitrain_nb.widgets.explorable import Explorable, Pick, Range

if TYPE_CHECKING:
    from torch import Tensor

    from aitrain_nb.trainer import Trainer

LAYERS = ("the picture", "relu1", "relu2", "pool", "relu3", "output")
"""What can be looked at: what goes in, and what these layers give."""
KINDS = ("random", "trained")
_SHOWN = 16
"""Channels that are drawn."""


def trained_digits(steps: int) -> Trainer:
    """A small-cnn that has taken so many steps on the digits.

    Args:
        steps: 0 leaves its random first weights.
    """
    import aitrain_nb as ai

    few = 2_000_000  # bytes of snapshots: nobody takes these steps back
    trainer = ai.prepare(
        data="digits", model="small-cnn", learning_rate=0.003, max_steps=400, evaluate_every=0, threads=1, snapshot_memory_bytes=few
    )  # fmt: skip
    while trainer.step < steps:
        list(trainer.phases())
    return trainer


@cache
def flows(side: str = "validation") -> tuple[dict[str, dict[str, Tensor]], Tensor]:
    """What each layer gives for the digits of a side, by kind of weights and layer [N, ...], and the right answers [N].

    Args:
        side: "train" or "validation".
    """
    return {kind: _given(trained_digits(135 * place), side) for place, kind in enumerate(KINDS)}, _labels(side)


def _labels(side: str) -> Tensor:
    found: Tensor = getattr(trained_digits(0).data, side).columns["label"]
    return found


def _given(trainer: Any, side: str) -> dict[str, Tensor]:
    import torch

    inputs = getattr(trainer.data, side).columns["image"] * trainer.data.scale
    found = {LAYERS[0]: inputs}
    with torch.no_grad():
        values = inputs
        for name, layer in trainer.model.eval().named_children():
            values = layer(values)
            if name in LAYERS:
                found[name] = values
    return found


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
    side = max(6, 88 // max(channel.shape))
    cells = [_cell(value / top) for row in channel.tolist() for value in row]
    columns = f"display:grid;grid-template-columns:repeat({channel.shape[1]},{side}px);grid-auto-rows:{side}px"
    return html.element("div", *cells, style=f"{columns};outline:1px solid rgba({html.GREY},0.5)")


def _cell(strength: float) -> html.Markup:
    hue = html.BLUE if strength > 0 else html.ORANGE
    return html.element("i", style=f"background:rgba({hue},{abs(strength):.2f})")
