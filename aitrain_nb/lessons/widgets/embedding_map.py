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
_WIDE, _HIGH = 620, 340
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
        board = [*others, *_named(named, points, reach)]
        style = (
            f"position:relative;width:{_WIDE}px;max-width:100%;height:{_HIGH}px;overflow:hidden;"
            f"border:1px solid rgba({html.GREY},0.5);border-radius:4px"
        )
        facts = {
            "step": step, "one point": "one word, two numbers",
            "nearest word is of the same kind": f"{found.in_company(step):.0%}", "both numbers within": f"±{reach:.1f}",
        }  # fmt: skip
        note = f"Blue: words that stand mostly in messages about {kind}. Grey: all others."
        return html.join([
            html.facts(facts), html.element("div", *board, style=style), html.element("div", note, style="font-size:85%;opacity:0.85"),
        ])  # fmt: skip


def _place(point: Tensor, reach: float) -> tuple[float, float]:
    """Pixels from the left and from above."""
    x, y = (float(value) / reach for value in point)
    return _WIDE / 2 * (1 + 0.94 * x), _HIGH / 2 * (1 - 0.94 * y)


def _dot(point: Tensor, reach: float, hue: str, size: int) -> html.Markup:
    left, top = _place(point, reach)
    at = f"left:{left - size / 2:.0f}px;top:{top - size / 2:.0f}px;width:{size}px;height:{size}px"
    return html.element(
        "i", style=f"position:absolute;{at};background:rgba({hue},{0.65 if hue == html.GREY else 0.95})"
    )


def _named(words: list[tuple[str, int]], points: Tensor, reach: float) -> list[html.Markup]:
    """A point for each word, and its name where there is room for it."""
    parts = [_dot(points[number], reach, html.BLUE, 8) for _, number in words]
    places = [_place(points[number], reach) for _, number in words]
    taken = [(left - 4, top - 9, 8.0) for left, top in places]
    for (word, _), (x, y) in zip(words, places, strict=True):
        wide = 7.5 * len(word) + 4
        top = min(max(y - 9, 0), _HIGH - 18)
        left = next((one for one in (x + 7, x - 7 - wide) if _is_free(one, top, wide, taken)), None)
        if left is not None:
            taken.append((left, top, wide))
            style = f"position:absolute;left:{left:.0f}px;top:{top:.0f}px;font-size:13px;line-height:18px;white-space:nowrap"
            parts.append(html.element("b", word, style=style))
    return parts


def _is_free(left: float, top: float, wide: float, taken: list[tuple[float, float, float]]) -> bool:
    """Whether a name fits into the picture there, and covers no other name and no blue point but its own."""
    return 0 <= left < _WIDE - wide and all(
        left > other + width or left + wide < other or abs(top - above) > 14 for other, above, width in taken
    )
