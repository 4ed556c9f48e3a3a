"""What a language model expects next, at each temperature and at each age."""

from __future__ import annotations

import math

from aitrain_nb import html
from aitrain_nb.lessons.experiments.tiny_gpt import LOOKED_AT, read, watched_gpt
from aitrain_nb.widgets.explorable import Explorable, Pick, Range, Typed

_SHOWN = 8


class NextTokenBars(Explorable):
    """The most probable next letters after a text; the temperature bends the probabilities and changes no weight.

    Example:
        NextTokenBars().set(text="Where is my par", temperature=0.2)
    """

    def __init__(self) -> None:
        watched_gpt()
        super().__init__(
            _draw, "Which letter comes next?", text=Typed("I had enough poi", "Text so far", most=200),
            temperature=Range(1.0, "Temperature", min=0.1, max=3, step=0.1, help="Below 1 safer, above 1 wilder."),
            step=Pick(str(LOOKED_AT[-1]), "After step", tuple(map(str, LOOKED_AT))),
        )  # fmt: skip


def _draw(text: str, temperature: float, step: str) -> html.Markup:
    run = watched_gpt()
    logits = read(text, int(step)).logits[-1]
    chances = (logits / temperature).softmax(-1)
    best = chances.topk(_SHOWN)
    names = run.trainer.class_names
    rows = [
        (names[place], html.bar(chance, f"{chance:.1%}", width=260))
        for place, chance in zip(best.indices.tolist(), best.values.tolist(), strict=True)
    ]
    choices = math.exp(float(-(chances * chances.clamp_min(1e-12).log()).sum()))
    said = (
        f"After step {step} at temperature {temperature:g} the first has {float(best.values[0]):.1%}. "
        f"It is as unsure as among {choices:.1f} letters."
    )
    return html.join(
        [html.table(["next letter", "probability"], rows), html.element("div", said, style="margin-top:4px")]
    )
