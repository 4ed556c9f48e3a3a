"""The sentences under pictures, made from the numbers that are drawn."""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING, Any

from aitrain_nb import numerals
from aitrain_nb.spreads import with_a_choice

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from aitrain_nb.annotations import Annotation
    from aitrain_nb.plots.run_data import RunData
    from aitrain_nb.spreads import Spread


_EACH = 5
"""So many changes of one lever are told one by one; more are told together."""

_FALLEN = 0.02
"""A score that is lower by more than this has fallen."""


def of_run(data: RunData) -> str:
    """A whole run: its losses, what happened, learning rate and gradient norm."""
    sentences = [of_loss(data)]
    rates, norms = (values[_finite(values)] for values in (data.rate, data.norm))
    if len(rates):
        start, end = numerals.rate(rates[0]), numerals.rate(rates[-1])
        is_constant = rates.min() == rates.max()
        sentences.append(f"Learning rate {start}." if is_constant else f"Learning rate from {start} to {end}.")
    if len(norms) == 1:
        sentences.append(f"Gradient norm {norms[0]:.3g}.")
    elif len(norms):
        sentences.append(f"Gradient norm between {norms.min():.3g} and {norms.max():.3g}.")
    return " ".join(sentences)


def of_loss(data: RunData) -> str:
    """The losses of a run and what happened: numbers that are not finite are counted, many changes are told together."""
    finite = _finite(data.loss)
    steps, losses, lost = data.step[finite], data.loss[finite], data.step[~finite]
    sentences = ["No step with a finite loss yet."]
    if len(losses):
        start, end = numerals.step_loss(losses[0]), numerals.step_loss(losses[-1])
        sentences = [f"Training loss from {start} at step {steps[0]:,.0f} to {end} at step {steps[-1]:,.0f}."]
        if len(losses) == 1:
            sentences = [f"Training loss {start} at step {steps[0]:,.0f}, the only one."]
    if len(lost):
        where = "step it is" if len(lost) == 1 else "steps it is"
        sentences.append(f"At {len(lost):,} {where} not a finite number.")
    return " ".join([*sentences, *_of_validation(data), *of_notes(data.notes)])


def of_comparison(runs: Mapping[str, RunData]) -> str:
    """Several runs, the lowest validation loss first; those without one by the training loss they ended with."""
    validated, others = [], []
    for name, data in runs.items():
        finite = _finite(data.validation)
        losses, epochs = data.validation[finite], data.at_epoch[finite]
        if len(losses):
            best = int(losses.argmin())
            validated.append(
                (losses[best], f"{name} {numerals.epoch_loss(losses[best])} at epoch {numerals.epoch(epochs[best])}")
            )
        else:
            known = data.loss[_finite(data.loss)]
            told = (
                f"ends with a training loss of {numerals.step_loss(known[-1])}" if len(known) else "has 0 finite losses"
            )
            others.append(f"{name} was never validated and {told}.")
    ranked = "; ".join(words for _, words in sorted(validated))
    return " ".join([f"Lowest validation loss: {ranked}." if ranked else "", *others]).strip() or "0 runs to compare."


def _of_validation(data: RunData) -> list[str]:
    finite = _finite(data.validation)
    epochs, losses, lost = data.at_epoch[finite], data.validation[finite], data.evaluated[~finite]
    sentences = []
    if len(losses) == 1:
        sentences = [
            f"Validation loss {numerals.epoch_loss(losses[0])} at epoch {numerals.epoch(epochs[0])}, evaluated once."
        ]
    elif len(losses):
        best, end = losses.argmin(), numerals.epoch_loss(losses[-1])
        lowest = f"at epoch {numerals.epoch(epochs[best])} with {numerals.epoch_loss(losses[best])}"
        sentences = [f"Validation loss is lowest {lowest} and ends at {end}."]
    if len(lost):
        where = (
            f"evaluation, at step {lost[0]:,.0f},"
            if len(lost) == 1
            else f"evaluations, the first at step {lost[0]:,.0f},"
        )
        sentences.append(f"At {len(lost):,} {where} validation loss is not a finite number.")
    return sentences


def of_rounding(bits: Sequence[int], scores: Sequence[float], before: float, score_name: str) -> str:
    """With how few bits a model holds, and where it falls.

    Args:
        bits: of a weight, the most first.
        scores: 0 to 1, of each.
        before: of the model as it was trained.
        score_name: what the score is.
    """
    was = f"{score_name.replace('_', ' ').capitalize()} {numerals.share(before)} as it was trained"
    fallen = next((place for place, score in enumerate(scores) if score < before - _FALLEN), None)
    if fallen is None:
        return f"{was}, {numerals.share(scores[-1])} with {bits[-1]} bits a weight: it holds."
    held = f"it holds down to {bits[fallen - 1]} bits a weight, and " if fallen else ""
    return f"{was}; {held}with {bits[fallen]} it falls to {numerals.share(scores[fallen])}."


def of_notes(notes: Sequence[Annotation]) -> list[str]:
    """The annotations in words, in their order; of more than five changes of one lever one sentence."""
    sentences, kinds = [], [note.kind for note in notes]
    for place, note in enumerate(notes):
        alike = [one for one in notes if one.kind == note.kind]
        if len(alike) <= _EACH or note.amount is None:
            at = f" (step {note.step:,.0f})" if note.amount is not None and " times, " not in note.text else ""
            sentences.append(f"{note.text[0].upper()}{note.text[1:]}{at}.")
        elif kinds.index(note.kind) == place:
            sentences.append(_together(alike))
    return sentences


def _together(notes: Sequence[Annotation]) -> str:
    """Many changes of one lever."""
    amounts = [note.amount or 0.0 for note in notes]
    low, high, where = min(amounts), max(amounts), f"steps {notes[0].step:,.0f} to {notes[-1].step:,.0f}"
    if notes[0].kind == "paused":
        return f"{len(notes)} pauses, {numerals.duration(sum(amounts))} in all, {where}."
    if notes[0].kind == "learning_rate":
        return (
            f"{len(notes)} changes of the learning rate, from {numerals.rate(low)} to {numerals.rate(high)}, {where}."
        )
    slowest = min((amount for amount in amounts if amount), default=0.0)
    fastest = 0.0 if 0.0 in amounts else high
    return f"{len(notes)} changes of the pace, from {numerals.pace(slowest)} to {numerals.pace(fastest)}, {where}."


def _finite(values: np.ndarray) -> np.ndarray:
    """Where these are finite."""
    import numpy as np

    return np.isfinite(values)


def of_rates(data: RunData) -> str:
    """Learning rates and gradient norms of a run, as far as they are finite, and where the rate was moved by hand."""
    if not data.span:
        return "No step has been taken yet: 0 rows."
    rates, norms = (values[_finite(values)] for values in (data.rate, data.norm))
    sentences = ["No learning rate is a finite number."]
    if len(rates):
        start, end, peak = (numerals.rate(rate) for rate in (rates[0], rates[-1], rates.max()))
        is_one = start == end == peak and rates.min() == rates.max()
        sentences = [
            f"Learning rate {start} throughout." if is_one else f"Learning rate from {start} to {end}, at most {peak}."
        ]
    sentences += of_notes(data.notes)
    if len(norms):
        sentences.append(
            f"Gradient norm between {norms.min():.3g} and {norms.max():.3g}, median {median(norms.tolist()):.3g}."
        )
    lost = data.span - len(norms)
    if lost:
        sentences.append(f"At {lost:,} {'step the norm is' if lost == 1 else 'steps the norm is'} not a finite number.")
    return " ".join(sentences)


def of_dials(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """How many weights, their range, how many are lost (NaN), and the one that moved most.

    Args:
        old: name -> weights [n] as they were.
        new: as they are; the same object where nothing moved.
    """
    import numpy as np

    weights = np.concatenate(list(new.values()))
    finite = weights[_finite(weights)]
    span = f", from {finite.min():.3g} to {finite.max():.3g}" if len(finite) else ""
    sentences = [f"{numerals.several(len(weights), 'weight')} in {numerals.several(len(new), 'group')}{span}."]
    lost = len(weights) - len(finite)
    if lost:
        sentences.append(f"{lost} {'is' if lost == 1 else 'are'} not a finite number.")
    if new is not old:
        ways = {name: np.abs(new[name] - old[name]) for name in old}
        moved = {name: float(way[_finite(way)].max()) for name, way in ways.items() if _finite(way).any()}
        if moved:
            most = max(moved, key=lambda name: moved[name])
            sentences.append(f"The one that moved most is in {most}, by {moved[most]:.3g}.")
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


def schedule(steps: Sequence[int], rates: Sequence[float]) -> str:
    """The learning rates of a run to come, in a sentence.

    Args:
        steps: 1-based, the last of the run at the end.
        rates: the learning rate of each.
    """
    if not len(rates):
        return "0 steps: there is no schedule to draw."
    if min(rates) == max(rates):
        return f"{steps[-1]:,} steps: the learning rate is {numerals.rate(rates[0])} at each."
    peak = max(range(len(rates)), key=lambda place: rates[place])
    return (
        f"{steps[-1]:,} steps: the learning rate begins at {numerals.rate(rates[0])}, is highest at step {steps[peak]:,} with "
        f"{numerals.rate(rates[peak])} and ends at {numerals.rate(rates[-1])}."
    )
