"""What a chart of a run says in words, and where: the live chart and the picture both draw these, so they never disagree."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, NamedTuple

from aitrain_nb import numerals

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aitrain_nb.control import Change
    from aitrain_nb.history import History


class Annotation(NamedTuple):
    """A sentence at a place of a chart of losses.

    Attributes:
        kind: what it is about.
        step: where it stands, or begins.
        end: where the region ends that it is about, or None for a single place.
        value: the loss it points to (nats), or None for the whole height.
        text: what it says.
        rank: who gets its words first where there isn't room for all; 0 is the most important.
        amount: what a lever was set to, or the seconds of a pause; None for the others.
    """

    kind: Literal["kept", "overfitting", "learning_rate", "pace", "paused", "trouble", "unfrozen"]
    step: float
    end: float | None
    value: float | None
    text: str
    rank: int = 0
    amount: float | None = None


_RANKS = {"overfitting": 0, "kept": 1, "trouble": 2, "unfrozen": 3, "learning_rate": 4, "paused": 5, "pace": 6}
_NEAR = 0.02
"""Share of the steps so far within which two changes of one lever are one movement of it."""
_SAME_PAUSE = 0.05
"""The same for two pauses."""


def annotate(history: History, kept_step: int | None = None) -> list[Annotation]:
    """What there is to say about a run so far.

    Args:
        history: of the run.
        kept_step: the step whose weights the model holds; None for those of the lowest validation loss so far, 0 where nobody
            knows yet.
    """
    found = [
        *_verdict(history), *_kept(history, kept_step), *_changes(history), *_pauses(history), *_trouble(history),
        *_unfrozen(history),
    ]  # fmt: skip
    return sorted((note._replace(rank=_RANKS[note.kind]) for note in found), key=lambda note: note.step)


def _verdict(history: History) -> Iterator[Annotation]:
    """The region where validation diverges, from its lowest loss on, named in words."""
    verdict = history.verdict
    if not verdict.overfitting or verdict.epoch is None or verdict.onset_epoch is None:
        return
    rows = history.evaluations
    best, onset = rows[verdict.epoch], rows[verdict.onset_epoch - 1]
    rise = f"+{verdict.rise:.2g} since epoch {numerals.epoch(best['epoch'])}"
    text = f"validation diverges from epoch {numerals.epoch(onset['epoch'])} ({rise})"
    yield Annotation("overfitting", best["step"], rows[-1]["step"], None, text)


def _kept(history: History, kept_step: int | None) -> Iterator[Annotation]:
    """The best evaluation: the weights that are kept."""
    rows = [row for row in history.evaluations if math.isfinite(row["eval_loss"])]
    if kept_step is None and rows:
        kept_step = min(rows, key=lambda row: row["eval_loss"])["step"]
    for row in rows:
        if row["step"] == kept_step:
            text = f"kept: epoch {numerals.epoch(row['epoch'])}, {row['eval_loss']:.3g}"
            yield Annotation("kept", row["step"], None, row["eval_loss"], text)


def _changes(history: History) -> Iterator[Annotation]:
    """Rate and pace where a person changed them while it ran."""
    near = max(2.0, _NEAR * history.last.get("step", 0))
    found: list[Annotation] = []
    following: dict[str, int] = {}
    for change in reversed(history.changes):
        if change.name not in {"learning_rate", "pace"}:
            continue
        next_step = following.get(change.name)
        following[change.name] = change.step
        if next_step is not None and next_step - change.step <= near:
            continue  # a slider on its way: what counts is where it was let go
        words = (
            f"learning rate {numerals.rate(change.value)}"
            if change.name == "learning_rate"
            else numerals.pace(change.value)
        )
        found.append(Annotation(change.name, change.step, None, None, words, amount=change.value))  # type: ignore[arg-type]
    yield from reversed(found)


def _pauses(history: History) -> Iterator[Annotation]:
    """Where it was paused; pauses close together are one note."""
    near = max(2.0, _SAME_PAUSE * history.last.get("step", 0))
    groups: list[list[Change]] = []
    for change in history.changes:
        if change.name != "paused":
            continue
        if groups and change.step - groups[-1][-1].step <= near:
            groups[-1].append(change)
        else:
            groups.append([change])
    for group in groups:
        first, last, seconds = group[0].step, group[-1].step, sum(change.value for change in group)
        words = f"paused {numerals.duration(seconds) if seconds >= 1 else f'{max(0.1, seconds):.1f} s'}"
        if len(group) > 1:
            words = f"paused {len(group)} times, " + (f"steps {first} to {last}" if last > first else f"step {first}")
        yield Annotation("paused", first, None, None, words, amount=seconds)


def _unfrozen(history: History) -> Iterator[Annotation]:
    """Where the epochs of the head alone end."""
    for change in history.changes:
        if change.name == "unfrozen":
            yield Annotation("unfrozen", change.step, None, None, f"from step {change.step} on all layers are trained")


def adjustment_words(change: Change) -> str:
    """What a run changed by itself, since memory ran out or 16 bits were too few, in words; empty where the change is another one."""
    examples = numerals.several(int(change.value), "example")
    if change.name == "micro_batch_size":
        return f"out of memory at step {change.step}: {examples} at once from here on, the batch stays"
    if change.name == "evaluation_batch_size":
        return f"out of memory in the evaluation after step {change.step}: {examples} at once from here on"
    if change.name == "loss_scale":
        return f"gradients too large for fp16 at step {change.step}, left out: loss scale {change.value:,.10g} from here on"
    return ""


def _trouble(history: History) -> Iterator[Annotation]:
    """The last word on memory and on the loss scale, and the first number that isn't finite."""
    last = {change.name: change for change in history.changes}
    for change in last.values():
        if words := adjustment_words(change):
            yield Annotation("trouble", change.step, None, None, words, amount=change.value)
    history.flush()
    skipped = history.skipped
    for trouble in history.troubles[:1]:
        words = ", its update left out" if trouble.step in skipped else ""
        more = f"; {len(skipped) - 1} more were left out" if len(skipped) > 1 else ""
        yield Annotation("trouble", trouble.step, None, None, f"{trouble}{words}{more}")
