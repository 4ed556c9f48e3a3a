"""A language model that is small enough to be trained in seconds, and has learned to sort by examples in its prompt: a stand-in.

It reads puzzles such as "plum mip tiger rak fig mip wolf rak": words of two kinds, each kind with a made-up label, other ones in each
puzzle. What a label means stands in the puzzle alone, so the weights can't hold it: they learn to look it up.
"""

from __future__ import annotations

import random
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aitrain_nb.data import Splits
    from aitrain_nb.shots import PromptClassifier
    from aitrain_nb.trainer import Trainer

KINDS = {
    "fruit": ("plum", "fig", "apple", "pear", "cherry", "lemon", "grape", "melon"),
    "animal": ("tiger", "wolf", "horse", "camel", "otter", "goat", "zebra", "mole"),
    "tool": ("hammer", "drill", "spade", "rake", "file", "chisel", "pliers", "axe"),
}
"""The words that it knows, by kind."""
LABELS = ("mip", "tob", "rak", "sul")
"""Made-up words: each puzzle takes two."""
TEMPLATE = "{text} {label}"
PAIRS, STEPS, _BATCH = 9, 400, 32
"""Words with their labels in a puzzle; steps of training, each on so many new puzzles."""
RULES = {
    "fruit or animal": ("fruit", "animal"),
    "tool or fruit": ("tool", "fruit"),
    "first letter: a to h, or i to z": ("a to h", "i to z"),
}
"""What a prompt can ask for -> its two classes. The last was in no puzzle."""


def puzzles(count: int, seed: int = 0) -> list[str]:
    """So many puzzles.

    Args:
        count: of them.
        seed: decides which.
    """
    chance, found = random.Random(seed), []  # noqa: S311  a generator of its own: the same puzzles each time
    for _ in range(count):
        kinds, labels = chance.sample(list(KINDS), 2), chance.sample(LABELS, 2)
        pairs = (chance.randrange(2) for _ in range(PAIRS))
        found.append(" ".join(f"{chance.choice(KINDS[kinds[one]])} {labels[one]}" for one in pairs))
    return found


def puzzle_run(seed: int = 0) -> Trainer:
    """A GPT of 2 layers, width 64 and 4 heads, ready to be trained on puzzles, each of which it sees once.

    Args:
        seed: of the puzzles, the first weights and the order.
    """
    from aitrain_nb.data import Dataset, Splits
    from aitrain_nb.lessons.experiments.tiny_gpt import with_a_gpt
    from aitrain_nb.run import prepare

    train = Dataset({"text": puzzles(STEPS * _BATCH + 1, seed)})
    others = Dataset({"text": puzzles(101, seed + 1000)})
    made = prepare(
        data=Splits(train, others, "word puzzles"), task="text-generation", model="small-gpt", tokenizer="words",
        max_length=2 * PAIRS, batch_size=_BATCH, max_steps=STEPS, learning_rate=0.004, warmup_steps=40, evaluate_every=100,
        keep="last", seed=seed, threads=1,
    )  # fmt: skip
    return with_a_gpt(made, len(made.processor), 2 * PAIRS, initializer_range=0.05)


@cache
def stand_in(seed: int = 0) -> Trainer:
    """The same, trained: about three seconds.

    Args:
        seed: as in `puzzle_run`.
    """
    trainer = puzzle_run(seed)
    trainer.fit(display="none")
    return trainer


def sorted_words(rule: str, seed: int = 0) -> Splits:
    """Words with their class by one of `RULES`: half of each class can be shown in a prompt, the others are asked for.

    Args:
        rule: one of `RULES`.
        seed: decides which.
    """
    from aitrain_nb.data import Dataset, Splits

    classes = RULES[rule]
    words = [
        (word, classes.index(kind) if kind in classes else int(word[0] > "h"))
        for kind, some in KINDS.items()
        for word in some
        if kind in classes or "letter" in rule
    ]
    random.Random(seed).shuffle(words)  # noqa: S311
    shown = [
        pair
        for number in (0, 1)
        for pair in [one for one in words if one[1] == number][: sum(one[1] == number for one in words) // 2]
    ]
    asked = [pair for pair in words if pair not in shown]

    def side(pairs: list[tuple[str, int]]) -> Dataset:
        texts, labels = zip(*pairs, strict=True)
        return Dataset({"text": list(texts), "label": list(labels)}, classes)

    return Splits(side(shown), side(asked), rule)


def asking(
    rule: str = "fruit or animal", shots: int = 2, *, swapped: bool = False, seed: int = 0, model: Any = None
) -> PromptClassifier:
    """The stand-in, asked with a prompt.

    Args:
        rule: one of `RULES`.
        shots: examples of each class, 0 to 4.
        swapped: whether the two labels have changed places.
        seed: which words are examples, and their order.
        model: another trainer, or a folder or hub name of a causal model.
    """
    from aitrain_nb.shots import PromptClassifier

    labels = LABELS[1::-1] if swapped else LABELS[:2]
    words = dict(zip(RULES[rule], labels, strict=True))
    return PromptClassifier(
        model or stand_in(),
        sorted_words(rule, seed),
        shots=shots,
        template=TEMPLATE,
        words=words,
        calibrated=False,
        content_free=("nothing",),
        seed=seed,
    )


def words() -> set[str]:
    """All words that the stand-in has read, labels aside."""
    return {word for some in KINDS.values() for word in some}


def asked_for(rule: str) -> int:
    """How many words of a rule are never in a prompt."""
    validation = sorted_words(rule).validation
    return len(validation) if validation else 0
