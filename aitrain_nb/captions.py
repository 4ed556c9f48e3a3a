"""The sentences under pictures, made from the numbers that are drawn."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from aitrain_nb import numerals
from aitrain_nb.spreads import with_a_choice

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from aitrain_nb.spreads import Spread


def of_rates(history: pd.DataFrame, norms: pd.Series[float]) -> str:
    """Learning rates of a history, and those of its gradient norms that are finite."""
    if not len(history):
        return "No step has been taken yet: 0 rows."
    rates = history["lr"].astype(float)
    rates = rates[rates.abs() < math.inf]
    sentences = ["No learning rate is a finite number."]
    if len(rates):
        start, end, peak = (numerals.rate(rate) for rate in (rates.iloc[0], rates.iloc[-1], rates.max()))
        sentences = [f"Learning rate from {start} to {end}, at most {peak}."]
    if len(norms):
        sentences.append(f"Gradient norm between {norms.min():.3g} and {norms.max():.3g}, median {norms.median():.3g}.")
    lost = len(history) - len(norms)
    if lost:
        sentences.append(f"At {lost} {'step the norm is' if lost == 1 else 'steps the norm is'} not a finite number.")
    return " ".join(sentences)


def of_spreads(title: str, label: str, found: Sequence[Spread], drawn: Sequence[Spread]) -> str:
    """What all tensors hold, the extremes among them, and what isn't drawn."""
    finite = [one for one in found if math.isfinite(one.deviation)]
    sentences = [f"{title} ({label}): {_sum_up(found)}."]
    if len(finite) > 1:
        widest, narrowest = (pick(finite, key=lambda one: one.deviation) for pick in (max, min))
        sentences.append(
            f"Widest spread: {widest.name}, standard deviation {widest.deviation:.3g}; narrowest: {narrowest.name}, "
            f"{narrowest.deviation:.3g}."
        )
    emptiest = max(found, key=lambda one: one.zeros / max(1, one.size), default=None)
    if emptiest is not None and emptiest.zeros:
        sentences.append(f"Most zeros: {emptiest.name}, {numerals.share(emptiest.zeros / emptiest.size)}.")
    broken = [one.name for one in found if one.lost]
    if broken:
        sentences.append(f"Numbers that are not finite are in {_some(broken)}.")
    names = {one.name for one in drawn}
    rest = [one for one in found if one.name not in names]
    if rest:
        sentences.append(f"Not drawn: {_sum_up(rest)} ({_some([one.name for one in rest])}).")
    return " ".join(sentences)


def _sum_up(found: Sequence[Spread]) -> str:
    """How many tensors and numbers, their range, and the shares of zeros and of lost numbers."""
    size, finite = sum(one.size for one in found), [one for one in found if one.size > one.lost]
    parts = [f"{len(found)} {'tensor' if len(found) == 1 else 'tensors'} with {numerals.count(size)} numbers"]
    if finite:
        parts[0] += f" from {min(one.low for one in finite):.3g} to {max(one.high for one in finite):.3g}"
    for count, what in ((sum(one.zeros for one in found), "exactly 0"), (sum(one.lost for one in found), "not finite")):
        if count:
            parts.append(f"{numerals.share(count / size)} {what}")
    return ", ".join(parts)


def _some(names: Sequence[str], most: int = 4) -> str:
    """The first names, and how many more."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def of_attention(blocks: Any, tokens: Sequence[str], title: str, drawn: int) -> str:
    """The strongest link of the heads with the strongest ones; a token that can only look at one other is left out.

    Args:
        blocks: [heads, T, T].
        tokens: [T].
        title: of the picture.
        drawn: how many heads it shows.
    """
    import numpy as np

    heads, size = len(blocks), len(tokens)
    sentences = [f"{title}: {heads} {'head' if heads == 1 else 'heads'}, {size} tokens."]
    free = with_a_choice(blocks)
    found = []
    for head, block in enumerate(free):
        if block.size and block.max() > 0:
            looks, at = np.unravel_index(int(block.argmax()), block.shape)
            found.append((float(block[looks, at]), head, int(looks), int(at)))
    links = [
        f"{tokens[looks]!r} ({looks + 1}) looks at {'itself' if looks == at else f'{tokens[at]!r} ({at + 1})'} with "
        f"{numerals.share(value)}{f' in head {head + 1}' if heads > 1 else ''}"
        for value, head, looks, at in sorted(found, reverse=True)[:3]
    ]
    if links:
        sentences.append(f"The strongest {'links' if len(links) > 1 else 'link'}: {'; '.join(links)}.")
    if heads > drawn:
        sentences.append(f"The first {drawn} heads are drawn.")
    return " ".join(sentences)


def place_of(row: dict[str, Any]) -> str:
    """Where an example, or a target inside it, stands."""
    return f"example {row['number']}" + (f", position {row['position']}" if "position" in row else "")


def of_worst(rows: Sequence[dict[str, Any]], title: str) -> str:
    """How many, their losses, and the worst of them in full."""
    if not rows:
        return f"{title}: 0 examples."
    first, losses = rows[0], [row["loss"] for row in rows]
    wrong = sum(row["true"] != row["predicted"] for row in rows)
    sure = f" with {numerals.share(first['p_predicted'])}" if "p_predicted" in first else ""
    verdict = f"{first['predicted']} was predicted{sure}"
    text = f", {quoted(first['text'])}" if first.get("text") else ""
    return (
        f"{title}: {len(rows)}, with losses from {numerals.step_loss(losses[0])} to {numerals.step_loss(losses[-1])} nats; "
        f"{wrong} of them predicted wrong. The worst, {place_of(first)}{text}, is {first['true']}; {verdict}."
    )


def quoted(text: object, width: int = 80) -> str:
    """A text in quotation marks, shortened."""
    words = " ".join(str(text).split())
    return f"“{words if len(words) <= width else words[: width - 1].rstrip() + '…'}”"
