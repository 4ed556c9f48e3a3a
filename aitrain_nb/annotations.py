"""What a chart of a run says in words, and where: the live chart and the picture both draw these, so they never disagree."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, NamedTuple

from aitrain_nb import numerals, overfitting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aitrain_nb.history import History


class Annotation(NamedTuple):
    """A sentence at a place of a chart of losses.

    Attributes:
        kind: what it is about.
        step: where it stands, or begins.
        end: where the region ends that it is about, or None for a single place.
        value: the loss it points to (nats), or None for the whole height.
        text: what it says.
    """

    kind: Literal["kept", "overfitting", "learning_rate", "pace", "paused", "trouble"]
    step: float
    end: float | None
    value: float | None
    text: str


_NEAR = 0.02
"""Share of the steps so far within which two changes of one lever are one movement of it."""


def annotate(history: History, kept_step: int | None = None) -> list[Annotation]:
    """What there is to say about a run so far.

    Args:
        history: of the run.
        kept_step: the step whose weights the model holds; None for those of the lowest validation loss so far, 0 where nobody
            knows yet.
    """
    found = [*_verdict(history), *_kept(history, kept_step), *_changes(history), *_trouble(history)]
    return sorted(found, key=lambda note: note.step)


def _verdict(history: History) -> Iterator[Annotation]:
    """The region where validation diverges, named in words."""
    rows = history.evaluations
    verdict = overfitting.check_rows(rows)
    if not verdict.overfitting or verdict.epoch is None or verdict.onset_epoch is None:
        return
    best, onset, end = rows[verdict.epoch], rows[verdict.onset_epoch - 1], rows[-1]
    rise = end["eval_loss"] - best["eval_loss"]
    text = f"validation diverges from epoch {onset['epoch']:.3g} (+{rise:.2g} since epoch {best['epoch']:.3g})"
    yield Annotation("overfitting", best["step"], end["step"], None, text)


def _kept(history: History, kept_step: int | None) -> Iterator[Annotation]:
    """The best evaluation: the weights that are kept."""
    rows = [row for row in history.evaluations if math.isfinite(row["eval_loss"])]
    if kept_step is None and rows:
        kept_step = min(rows, key=lambda row: row["eval_loss"])["step"]
    for row in rows:
        if row["step"] == kept_step:
            text = f"kept: epoch {row['epoch']:.3g}, {row['eval_loss']:.3g}"
            yield Annotation("kept", row["step"], None, row["eval_loss"], text)


def _changes(history: History) -> Iterator[Annotation]:
    """What a person changed while it ran."""
    said = {
        "learning_rate": lambda value: f"learning rate {numerals.rate(value)}",
        "pace": lambda value: f"{value:.3g} steps a second" if value else "full speed",
        "paused": lambda value: f"paused {numerals.duration(value) if value >= 1 else f'{max(0.1, value):.1f} s'}",
    }
    near = max(2.0, _NEAR * history.last.get("step", 0))
    found: list[Annotation] = []
    following: dict[str, int] = {}
    for change in reversed(history.changes):
        next_step = following.get(change.name)
        following[change.name] = change.step
        if next_step is not None and next_step - change.step <= near and change.name != "paused":
            continue  # a slider on its way: what counts is where it was let go
        words = said[change.name](change.value)
        found.append(Annotation(change.name, change.step, None, None, words))  # type: ignore[arg-type]
    yield from reversed(found)


def _trouble(history: History) -> Iterator[Annotation]:
    """The first number that isn't finite."""
    history.flush()
    for trouble in history.troubles[:1]:
        yield Annotation("trouble", trouble.step, None, None, str(trouble))
