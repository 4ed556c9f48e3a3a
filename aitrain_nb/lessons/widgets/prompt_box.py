"""`PromptBox`: a small language model is shown examples in its prompt, and sorts a word by them; no weight moves."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from aitrain_nb import html
from aitrain_nb.lessons.experiments import word_puzzles
from aitrain_nb.widgets.explorable import Explorable, Pick, Range, Switch, Typed

if TYPE_CHECKING:
    from aitrain_nb.shots import PromptClassifier

_RULES = tuple(word_puzzles.RULES)


class PromptBox(Explorable):
    """The prompt, what the stand-in expects behind it, and its fingerprint before and after.

    Example:
        PromptBox().set(word="wolf", examples=1, swapped=True)
    """

    def __init__(self) -> None:
        word_puzzles.stand_in()
        super().__init__(
            _page, "A prompt with examples", word=Typed("tiger", "Word to sort", most=24),
            rule=Pick(_RULES[0], "Sort by", _RULES),
            examples=Range(2, "Examples a class", min=0, max=4, step=1),
            swapped=Switch(False, "Swap the labels", "In the prompt only."),
        )  # fmt: skip


@cache
def _asked(rule: str, shots: int, *, swapped: bool) -> tuple[PromptClassifier, float]:
    """The stand-in with this prompt, and the share of the held back words that it sorts right."""
    asked = word_puzzles.asking(rule, shots, swapped=swapped)
    return asked, asked.evaluate().accuracy


def _page(word: str, rule: str, examples: int, swapped: bool) -> html.Markup:
    asked, right = _asked(rule, examples, swapped=swapped)
    typed = " ".join(word.lower().split()[:1]) or "tiger"
    known = typed in word_puzzles.words()
    row = asked.predict([typed]).iloc[0]
    bars = [
        (label, name, html.bar(row[f"p({name})"], f"{row[f'p({name})']:.1%}", width=220))
        for name, label in zip(asked.labels, asked.words, strict=True)
    ]
    before, after = asked.fingerprints
    moved = f"No weight moved: {before} = {after}." if before == after else f"Weights moved: {before}, {after}."
    unknown = "" if known else f" It has never read {typed!r}: it can only guess."
    lines = " / ".join(" → ".join(line.split()) for line in asked.prompt(typed).split("\n\n"))
    shown = asked.prompt(typed).split()[:-1:2]
    own = f"{typed!r} stands among the examples: it need only be copied. " if typed in shown else ""
    said = (
        f"{own}Of {word_puzzles.asked_for(rule)} words that are not in the prompt it sorts {right:.0%} right.{unknown}"
        if examples
        else "0 examples: nothing says which label means what, so any answer is chance."
    )
    return html.join(
        [
            html.element("div", html.element("b", "Prompt: "), lines, " → ?", style="margin:4px 0"),
            html.table(["next word", "that is", "probability"], bars),
            html.element("div", said, style="margin-top:4px"),
            html.element("div", moved, style="opacity:0.85"),
        ]
    )
