"""`FreezeSwitch`: which weights a method trains, layer by layer, and how many they are."""

from __future__ import annotations

from functools import cache
from statistics import median
from typing import NamedTuple

from aitrain_nb import html, numerals
from aitrain_nb.lessons.experiments import new_scanner
from aitrain_nb.widgets.explorable import Explorable, Pick

READER, ENCODER = "digit reader", "MiniLM, a real encoder"
METHODS = {
    "fine-tune": "fine-tune: all",
    "head": "head: the rest is frozen",
    "lora": "LoRA: adapters beside",
}
"""Name of a method -> how the switch calls it."""
RANK = 8
"""Of the adapters."""
_CLASSES = 6
"""Of the tickets, which MiniLM sorts in lesson 11."""
_SHOTS = 10


class Part(NamedTuple):
    """A part of a network.

    Attributes:
        name: in words.
        weights: how many it has.
        adapters: how many LoRA puts beside it.
        is_head: whether it gives the scores.
    """

    name: str
    weights: int
    adapters: int = 0
    is_head: bool = False

    def trained(self, method: str) -> int:
        """Weights that a method may move in this part, its adapters among them."""
        if method == "fine-tune" or (self.is_head and method in {"head", "lora"}):
            return self.weights
        return self.adapters if method == "lora" else 0


class FreezeSwitch(Explorable):
    """Freeze a network's parts by choosing a method; MiniLM's shape alone is made, so it needs no download.

    Example:
        FreezeSwitch().set(method="LoRA: adapters beside", network="MiniLM, a real encoder")
    """

    def __init__(self) -> None:
        for network in (READER, ENCODER):
            parts(network)
        new_scanner.compared()
        super().__init__(
            _page, "What is trained?", method=Pick(METHODS["head"], "Method", tuple(METHODS.values())),
            network=Pick(READER, "Network", (READER, ENCODER)),
        )  # fmt: skip


@cache
def parts(network: str) -> tuple[Part, ...]:
    """The parts of a network, from the input up."""
    import torch

    if network == READER:
        model = new_scanner.reader().model
        hidden, output = model.get_submodule("hidden"), model.get_submodule("output")
        return (
            Part("hidden layer", _count(hidden), _adapters(hidden)),
            Part("head: a score for each digit", _count(output), is_head=True),
        )
    from transformers import BertConfig, BertModel

    shape = BertConfig(hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536)
    with torch.device("meta"):  # shapes without numbers
        encoder = BertModel(shape)
    layers = [
        Part(f"layer {place}", _count(layer), _adapters(layer)) for place, layer in enumerate(encoder.encoder.layer, 1)
    ]
    return (
        Part("embeddings", _count(encoder.embeddings)),
        *layers,
        Part("pooler (not used)", _count(encoder.pooler)),
        Part("head: a score for each class", (shape.hidden_size + 1) * _CLASSES, is_head=True),
    )


def _count(module: object) -> int:
    return sum(weight.numel() for weight in module.parameters())  # type: ignore[attr-defined]


def _adapters(module: object) -> int:
    """Weights of adapters beside all linear layers of a module: `RANK` rows in, `RANK` columns out."""
    from torch import nn

    linear = [one for one in module.modules() if isinstance(one, nn.Linear)]  # type: ignore[attr-defined]
    return sum(RANK * (one.in_features + one.out_features) for one in linear)


def _page(method: str, network: str) -> html.Markup:
    name = next(one for one, words in METHODS.items() if words == method)
    own = parts(network)
    trained, of = sum(part.trained(name) for part in own), sum(part.weights for part in own)
    rows = [[part.name, f"{part.weights:,}", _shown(part, name)] for part in own]
    said = f"Trained: {trained:,} weights ({numerals.share(trained / of)} of the {of:,} that the network has)."
    found = [one.accuracy for one in new_scanner.compared().measured if (one.method, one.shots) == (name, _SHOTS)]
    right = f" With {_SHOTS} of each digit it has {median(found):.0%} right." if network == READER and found else ""
    head = html.element("div", html.element("b", said), right, style="margin:4px 0")
    return html.join([head, html.table(["part", "weights", "of them trained"], rows)])


def _shown(part: Part, method: str) -> html.Markup:
    trained = part.trained(method)
    if not trained:
        return html.bar(0, "frozen", width=220)
    words = f"{trained:,} in adapters, the rest frozen" if method == "lora" and not part.is_head else f"all {trained:,}"
    return html.bar(min(1.0, trained / part.weights), words, html.ORANGE, width=220)
