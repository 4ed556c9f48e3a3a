"""What goes in, what comes out, how wrong it is measured, and which models fit: a map of the tasks."""

from __future__ import annotations

from functools import cache

from aitrain_nb import html
from aitrain_nb.widgets.explorable import Explorable, Pick

_ROWS = {
    "pictures": (
        "image-classification",
        "digits",
        ("mlp", "small-cnn"),
        "a class",
        "cross-entropy of the class",
        "03, 08",
    ),
    "texts": ("text-classification", "tickets", ("small-encoder",), "a class", "cross-entropy of the class", "02, 11"),
    "the beginning of a text": (
        "text-generation",
        "",
        ("small-gpt",),
        "the next token",
        "cross-entropy of the next token",
        "04, 10",
    ),
}


class ModelMap(Explorable):
    """For each kind of input: task, loss, models with their number of weights, and the lesson that trains one.

    Example:
        ModelMap().set(input="texts")
    """

    def __init__(self) -> None:
        for name in _ROWS:
            _weights(name)
        super().__init__(_draw, "Which model?", input=Pick("pictures", "What goes in?", tuple(_ROWS)))


@cache
def _weights(name: str) -> dict[str, int]:
    """Weights of each small model of this kind, counted on models that were built just now."""
    from aitrain_nb.engine.device import count_weights
    from aitrain_nb.run import prepare

    task, data, models, *_ = _ROWS[name]
    if not data:
        from aitrain_nb.lessons.experiments.tiny_gpt import messages

        return {
            model: count_weights(prepare(data=messages(), task=task, model=model, max_length=32).model)
            for model in models
        }
    return {model: count_weights(prepare(data=data, task=task, model=model).model) for model in models}


def _draw(**chosen: str) -> html.Markup:
    task, _, _, out, loss, lessons = _ROWS[chosen["input"]]
    rows = [(model, f"{weights:,}") for model, weights in _weights(chosen["input"]).items()]
    facts = html.facts({"task": task, "comes out": out, "loss": loss, "lessons": lessons})
    return html.join([facts, html.table(["small model", "weights, counted now"], rows)])
