"""A look at plain text to generate from."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from time import perf_counter
from typing import TYPE_CHECKING

import pandas as pd

from aitrain_nb.config import TrainConfig
from aitrain_nb.errors import DataError
from aitrain_nb.looking.looks import Look

if TYPE_CHECKING:
    from collections.abc import Callable

    from aitrain_nb.looking.opening import Opened

_MOST_LETTERS = 1_000_000
_SHARES = (0.1, 0.25, 0.5, 1.0)


def look_at_plain_text(
    opened: Opened, seconds: float, rows: int | None, say: Callable[[str], None], began: float
) -> Look:
    """All that is computed for plain text; the arguments are those of `quick_look`."""
    del seconds, rows
    splits, found = opened.splits, opened.config
    assert splits.validation is not None
    train, validation = ("\n".join(map(str, side.columns["text"])) for side in (splits.train, splits.validation))
    if not train.strip() or not validation.strip():
        raise DataError(
            "There is too little text.", f"{len(train) + len(validation)} letters in all.", "Give more text."
        )
    say("Counting letters, words and lines.")
    whole = f"{train}\n{validation}"
    words, lines = whole.lower().split(), [line for line in whole.split("\n") if line.strip()]
    say("Counting which letter follows which.")
    used, asked = train[:_MOST_LETTERS], validation[: _MOST_LETTERS // 4]
    scores = [
        (f"{name} of letters", nats_per_letter(used, asked, order), note)
        for order, (name, note) in enumerate((
            ("uniform", "Every letter of the training text alike."), ("frequency", "How often each letter occurs."),
            ("2-gram model", "Sees one letter back."), ("3-gram model", "Sees two letters back.")))
    ]  # fmt: skip
    growth = {f"{round(100 * share)} %": len(set(words[: int(share * len(words))])) for share in _SHARES}
    part = "" if len(used) == len(train) else f" (the first {len(used):,} letters learned from, {len(asked):,} asked)"
    size = (
        f"{len(whole):,} letters ({len(set(whole)):,} different), {len(words):,} words ({len(set(words)):,} different)"
    )
    asks = f"Validation: nats a letter on {len(asked):,} letters that weren't learned from{part}"
    said = [
        f"{size}, {len(lines):,} lines.",
        f"{asks}; a model that is worth training gets below {scores[-1][1]:.3f}.",
    ]
    return Look(
        task=opened.task, name=splits.name, note=splits.note, guess=splits.guess, seed=found.seed, rows=len(opened.dataset),
        rows_scored=len(used) + len(asked), seconds=perf_counter() - began,
        scores=pd.DataFrame(scores, columns=["method", "nats_per_letter", "note"]),
        classes=pd.DataFrame(), lengths=pd.DataFrame({"different words": growth}), duplicates=_repeated(lines),
        contradictions=pd.DataFrame(), near_duplicates=pd.DataFrame(), suspicious=pd.DataFrame(),
        sentences=(*said, "Classes, labels and frozen features make sense for labelled texts only."),
        config=TrainConfig(task=found.task, data=found.data, model=found.model, method=found.method, seed=found.seed,
                           text_column=found.text_column, validation_fraction=found.validation_fraction,
                           batch_size=opened.batch_size()),
        source=opened.source, fine_tune_seconds=None, doubts=None,
    )  # fmt: skip


def _repeated(lines: list[str]) -> pd.DataFrame:
    """Lines that occur more than once: how often, and the line."""
    found = [(count, line) for line, count in Counter(lines).most_common(1_000) if count > 1]
    return pd.DataFrame(found, columns=["times", "text"])


def nats_per_letter(train: str, asked: str, order: int) -> float:
    """Mean of -ln p over the letters of `asked`, for a model of letters that sees `order` - 1 letters back.

    Each order is mixed with the one below by the number of different letters that were seen to follow; Witten and Bell,
    The zero-frequency problem (1991), method C. Order 0 is the same for every letter of `train`, and one share for all
    others.

    >>> round(nats_per_letter("abab", "ab", 0), 4) == round(math.log(3), 4)
    True
    """
    tables: list[dict[str, Counter[str]]] = []
    for back in range(order):
        table: dict[str, Counter[str]] = defaultdict(Counter)
        for place in range(back, len(train)):
            table[train[place - back : place]][train[place]] += 1
        tables.append(table)
    totals = [{context: counts.total() for context, counts in table.items()} for table in tables]
    base, known, total = 1 / (len(set(train)) + 1), {}, 0.0
    for place, letter in enumerate(asked):
        window = asked[max(0, place - order + 1) : place + 1] if order else ""
        if window not in known:
            share = base
            for back in range(min(order, len(window))):
                context = window[len(window) - 1 - back : -1]
                counts = tables[back].get(context)
                if counts is None:
                    break
                share = (counts[letter] + len(counts) * share) / (totals[back][context] + len(counts))
            known[window] = -math.log(share)
        total += known[window]
    return total / len(asked)
