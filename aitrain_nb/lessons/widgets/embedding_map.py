"""`EmbeddingMap`: each word is a point of two numbers, and training moves the points."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from aitrain_nb import html
from aitrain_nb.lessons.experiments.numbered_words import bag_run, common_words, messages, rows_of, words_of
from aitrain_nb.widgets.explorable import Explorable, Pick, Range

if TYPE_CHECKING:
    from torch import Tensor

STEPS = 400
_EVERY = 25
_WIDE, _HIGH = 400, 340
"""Pixels for which names are given their room; on a wider page there is only more of it."""
_WIDEST = 620
_DOTS = 350
"""The most common words are drawn; numbers follow how common a word is."""
_FEWEST, _SHARE = 6, 0.6
"""Messages that a word stands in, and the share of them that is of one kind, where the word is typical of that kind."""


class Journey(NamedTuple):
    """Where the words were in the course of a run.

    Attributes:
        points: step -> [V, 2].
        typical: kind -> words that stand mostly in messages of that kind, the most common first.
        numbers: word -> its place in the vocabulary.
    """

    points: dict[int, Tensor]
    typical: dict[str, list[str]]
    numbers: dict[str, int]

    def in_company(self, step: int) -> float:
        """The share of typical words whose nearest typical word, by direction, is of the same kind."""
        import torch

        kinds = [kind for kind, words in self.typical.items() for _ in words]
        places = [self.numbers[word] for words in self.typical.values() for word in words]
        rows = torch.nn.functional.normalize(self.points[step][places], dim=1)
        nearest = (rows @ rows.T).fill_diagonal_(-2).argmax(1).tolist()
        return sum(kinds[place] == kinds[other] for place, other in enumerate(nearest)) / len(kinds)


def typical_words() -> dict[str, list[str]]:
    """Kind of message -> common words that stand mostly in messages of that kind, the most common first."""
    train = messages().train
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for text, label in zip(train.columns["text"], train.columns["label"].tolist(), strict=True):
        for word in set(words_of(text)):
            seen[word][train.label_names[label]] += 1
    found: dict[str, list[tuple[int, str]]] = {kind: [] for kind in train.label_names}
    for word, kinds in seen.items():
        kind, count = kinds.most_common(1)[0]
        if kinds.total() >= _FEWEST and count >= _SHARE * kinds.total() and word.isalpha() and len(word) > 2:
            found[kind].append((-kinds.total(), word))
    return {kind: [word for _, word in sorted(words)] for kind, words in found.items()}


@cache
def journey(seed: int = 0) -> Journey:
    """Train a network with two numbers a word, 400 steps, and keep the words' places: half a second.

    Args:
        seed: of the first weights and of the run.
    """
    trainer = bag_run(width=2, steps=STEPS, seed=seed)
    points = {}
    for step in range(0, STEPS + 1, _EVERY):
        while trainer.step < step:
            list(trainer.phases())
        points[step] = rows_of(trainer).clone()
    typical = typical_words()
    tokenizer = common_words()
    numbers = {word: tokenizer.convert_tokens_to_ids(word) for words in typical.values() for word in words}
    return Journey(points, typical, numbers)


class EmbeddingMap(Explorable):
    """The most common words as points, at each moment of a run. Choose a kind of message: the words that are typical of it are named.

    Example:
        EmbeddingMap().set(step=400, kind="delivery")
    """

    def __init__(self) -> None:
        self.journey = journey()
        kinds = tuple(self.journey.typical)
        self._reach = float(self.journey.points[STEPS].abs().max())
        super().__init__(
            self._map, "Words on a map", step=Range(0, "After step", max=STEPS, step=_EVERY),
            kind=Pick("delivery", "Kind of message", kinds),
        )  # fmt: skip

    def _map(self, step: int, kind: str) -> html.Markup:
        found = self.journey
        points = found.points[step]
        reach = max(float(points.abs().max()), 0.25 * self._reach)
        named = [(word, found.numbers[word]) for word in found.typical[kind]]
        chosen = {number for _, number in named}
        others = [_dot(points[number], reach, html.GREY, 4) for number in range(4, _DOTS) if number not in chosen]
        board = [*_axes(), *others, *_named(named, points, reach)]
        style = (
            f"position:relative;max-width:{_WIDEST}px;height:{_HIGH}px;overflow:hidden;"
            f"border:1px solid rgba({html.GREY},0.5);border-radius:4px"
        )
        facts = {
            "step": step, "one point": "one word, two numbers",
            "nearest word is of the same kind": f"{found.in_company(step):.0%}", "both numbers within": f"±{reach:.1f}",
        }  # fmt: skip
        note = (
            f"Blue: words that stand mostly in messages about {kind}; named where there is room. Grey: all others. "
            "The lines cross where both numbers are 0."
        )
        return html.join([
            html.facts(facts), html.element("div", *board, style=style), html.element("div", note, style="font-size:85%;opacity:0.85"),
        ])  # fmt: skip


def _axes() -> list[html.Markup]:
    """Both axes through zero, with what runs along them."""
    line, small = (
        f"position:absolute;background:rgba({html.GREY},0.45)",
        "position:absolute;font-size:11px;opacity:0.85",
    )
    return [
        html.element("i", style=f"{line};left:0;width:100%;top:50%;height:1px"),
        html.element("i", style=f"{line};top:0;height:100%;left:50%;width:1px"),
        html.element("span", "first number \N{RIGHTWARDS ARROW}", style=f"{small};right:4px;bottom:calc(50% + 1px)"),
        html.element("span", "\N{UPWARDS ARROW} second number", style=f"{small};left:calc(50% + 4px);top:1px"),
    ]


def _place(point: Tensor, reach: float) -> tuple[float, float]:
    """Shares of the width from the left and of the height from above."""
    x, y = (float(value) / reach for value in point)
    return (1 + 0.94 * x) / 2, (1 - 0.94 * y) / 2


def _dot(point: Tensor, reach: float, hue: str, size: int) -> html.Markup:
    left, top = _place(point, reach)
    at = f"left:{left:.1%};top:{top:.1%};width:{size}px;height:{size}px;margin:-{size // 2}px"
    return html.element(
        "i", style=f"position:absolute;{at};background:rgba({hue},{0.65 if hue == html.GREY else 0.95})"
    )


def _named(words: list[tuple[str, int]], points: Tensor, reach: float) -> list[html.Markup]:
    """A point for each word, and its name to the right or to the left where there is room for it."""
    parts = [_dot(points[number], reach, html.BLUE, 8) for _, number in words]
    places = [_place(points[number], reach) for _, number in words]
    taken = [(left * _WIDE - 4, top * _HIGH - 9, 8.0) for left, top in places]
    for (word, _), (left, above) in zip(words, places, strict=True):
        wide, x = 7.5 * len(word) + 4, left * _WIDE
        top = min(max(above * _HIGH - 9, 0), _HIGH - 18)
        sides = {f"left:calc({left:.1%} + 7px)": x + 7, f"right:calc({1 - left:.1%} + 7px)": x - 7 - wide}
        side = next((side for side, begin in sides.items() if _is_free(begin, top, wide, taken)), None)
        if side is not None:
            taken.append((sides[side], top, wide))
            style = f"position:absolute;{side};top:{top:.0f}px;font-size:13px;line-height:18px;white-space:nowrap"
            parts.append(html.element("b", word, style=style))
    return parts


def _is_free(left: float, top: float, wide: float, taken: list[tuple[float, float, float]]) -> bool:
    """Whether a name fits into the picture there, and covers no other name and no blue point but its own."""
    return 0 <= left < _WIDE - wide and all(
        left > other + width or left + wide < other or abs(top - above) > 14 for other, above, width in taken
    )
