"""The story of a run: five plain sentences, each with its number, made from its history alone."""

from __future__ import annotations

import math
from statistics import fmean
from typing import TYPE_CHECKING, Any, NamedTuple

from aitrain_nb import html, numerals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aitrain_nb.history import History

_TAIL = 0.1
"""Share of the steps whose mean is the loss at the end."""
_KNOWS_NOTHING = 0.95
"""A loss above this share of ln C is hardly better than knowing nothing."""
_FAR_BELOW = 0.5
"""A training loss below this share of the best validation loss: it knows its examples far better than others."""
_WORSE = 1.05
"""Above this share it is worse than that."""
_FEW_LEFT_OUT = 0.02
"""Of its steps, whose updates a run may leave out and be whole."""
_STILL_FALLING = 0.02
"""Relative fall of the validation loss below the best one before above which it still learns."""


class About(NamedTuple):
    """What a history can't see: what was trained.

    Attributes:
        model: its name or class.
        weights: how many it has.
        data: what the data are called.
        task: what the model learns to do.
        classes: that it chooses between, C.
        examples: training examples.
    """

    model: str
    weights: int
    data: str
    task: str
    classes: int
    examples: int

    @classmethod
    def of(cls, trainer: Any) -> About:
        """What a trainer trains."""
        weights = sum(weight.numel() for weight in trainer.model.parameters())
        name = trainer.config.model or type(trainer.model).__name__
        return cls(
            name, weights, trainer.data.name, trainer.task.name, len(trainer.class_names), trainer.order.examples
        )


class Story(NamedTuple):
    """Five sentences about a run.

    Attributes:
        trained: what was trained, and how long.
        losses: where the training loss began and ended.
        kept: the best evaluation, and which weights the model holds.
        verdict: whether it overfits, underfits, broke, or is healthy.
        advice: what to try next.
    """

    trained: str
    losses: str
    kept: str
    verdict: str
    advice: str

    def __str__(self) -> str:
        return "\n".join(self)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        rows = html.join(html.element("li", sentence, style="margin:3px 0") for sentence in self)
        return html.section(
            "The story of this run", "", html.element("ol", rows, style="margin:4px 0;padding-left:24px")
        )


def tell(history: History) -> Story:
    """The story of a run as far as it has come: the same history tells the same story."""
    history.flush()  # which finds the troubles
    if not len(history):
        guess = _guess(history)
        return Story(
            f"{_named(history)}: 0 steps have been taken.", f"There are 0 losses so far{f'; {guess}' if guess else ''}.",
            "It was evaluated 0 times.", "0 steps show nothing yet.", "Take the first 5 epochs: trainer.fit(epochs=5).",
        )  # fmt: skip
    verdict, advice = _judged(history)
    return Story(_trained(history), _losses(history), _kept(history), verdict, advice)


# the sentences


def _named(history: History) -> str:
    about = history.about
    if about is None:
        return "A model"
    return f"{about.model} ({about.weights:,} weights) on {about.examples:,} examples of {about.data} ({about.task})"


def _trained(history: History) -> str:
    rows = list(history)
    last = rows[-1]
    seconds = sum(row["seconds"] for row in rows if math.isfinite(row["seconds"]))
    took = f", {numerals.duration(seconds)} of training" if seconds else ""
    length = f"{numerals.several(last['step'], 'step')}, {numerals.epochs(last['epoch'])}{took}{_left_out(history)}"
    ending = history.ending
    ended = ""
    if ending is not None and ending.state != "done":
        ended = f"; it {_ENDED.get(ending.state, ending.state)}" + (
            f" ({_first_sentence(ending.reason)})" if ending.reason else ""
        )
    return f"{_named(history)}: {length}{ended}."


def _left_out(history: History) -> str:
    """The updates that a run left out and went on without, in words."""
    odd = history.troubled_steps
    if not odd or not _has_recovered(history):
        return ""
    return f"; {numerals.several(len(odd), 'update')} left out ({history.first_trouble})"


def _first_sentence(words: str) -> str:
    return words.split(". ", maxsplit=1)[0]


_ENDED = {"stopped": "was stopped", "failed": "failed", "left": "went on without us"}


def _guess(history: History) -> str:
    """What knowing nothing costs, in words; empty where nobody knows."""
    about = history.about
    if about is None or about.classes < 2:
        return ""
    return f"knowing nothing costs ln {about.classes} = {numerals.step_loss(math.log(about.classes))}"


def _losses(history: History) -> str:
    losses, guess = _finite_losses(history), _guess(history)
    if not losses:
        return f"The training loss was never a finite number{f' ({guess})' if guess else ''}."
    began = f"The training loss began at {numerals.step_loss(losses[0])} nats" + (f" ({guess})" if guess else "")
    if len(history) == 1:
        return f"{began}; there was only 1 step."
    steps, end = _end(losses)
    over = f", the mean of the last {steps} steps" if steps > 1 else ""
    odd = len(history) - len(losses)
    without = f"; without the {numerals.several(odd, 'step')} whose loss isn't a finite number" if odd else ""
    return f"{began} and ended at {numerals.step_loss(end)}{over}{without}."


def _finite_losses(history: History) -> list[float]:
    return [row["loss"] for row in history if math.isfinite(row["loss"])]


def _end(losses: Sequence[float]) -> tuple[int, float]:
    """How many of the last steps are its end, and their mean loss; of no steps it is unknown."""
    steps = max(1, round(_TAIL * len(losses)))
    return steps, fmean(losses[-steps:]) if losses else math.nan


def _kept(history: History) -> str:
    rows = [row for row in history.evaluations if math.isfinite(row.get("eval_loss", math.nan))]
    ending = history.ending
    holds = f"the model holds {ending.kept.removeprefix('kept ')}" if ending is not None and ending.kept else ""
    if not rows:
        many = len(history.evaluations)
        found = (
            f"None of {numerals.several(many, 'evaluation')} gave a finite loss" if many else "It was evaluated 0 times"
        )
        return f"{found}; {holds}." if holds else f"{found}."
    best = min(rows, key=lambda row: row["eval_loss"])
    right = f", {numerals.share(best['eval_accuracy'])} right" if "eval_accuracy" in best else ""
    which = f"lowest of {len(rows):,} validation losses" if len(rows) > 1 else "only validation loss"
    at = f"{numerals.epoch_loss(best['eval_loss'])} at epoch {numerals.epoch(best['epoch'])}"
    found = f"The {which} was {at}{right}"
    return f"{found}; {holds}." if holds else f"{found}."


def _judged(history: History) -> tuple[str, str]:
    """What is to be said of the run, and what to try next: the first that holds."""
    for look in (_broken, _overfitting, _learned_nothing, _not_validated, _course):
        found = look(history)
        if found is not None:
            return found
    raise AssertionError("the last of them always says something")


def _broken(history: History) -> tuple[str, str] | None:
    odd, skipped, last = history.troubled_steps, history.skipped, history.last
    if not odd or _has_recovered(history):
        return None
    smaller = f"Try a tenth of the learning rate: {_rate(last['lr'] / 10)}"
    if not skipped.issuperset(odd):
        return (
            f"It broke: {history.first_trouble}; no number after it can be trusted.",
            f"{smaller}; had the loss been quiet until then, nan_policy='skip' instead.",
        )
    many = numerals.several(len(odd), "update")
    return (
        f"It broke: {history.first_trouble}; {many} {'was' if len(odd) == 1 else 'were'} left out, and the weights are whole.",
        f"{smaller}, or look at the {'batch' if len(odd) == 1 else 'batches'} of step {_some(odd)}"
        + ("; nan_policy='skip' goes on past a single one." if odd == [last["step"]] else "."),
    )


def _has_recovered(history: History) -> bool:
    """Whether the updates of all steps that weren't finite were left out, they were few, and it went on after them."""
    odd = history.troubled_steps
    is_few = len(odd) <= max(1, _FEW_LEFT_OUT * len(history))
    return is_few and history.skipped.issuperset(odd) and odd[-1] < history.last["step"]


def _some(steps: Sequence[int]) -> str:
    """The first three of these numbers."""
    return ", ".join(map(str, steps[:3])) + (" and others" if len(steps) > 3 else "")


def _overfitting(history: History) -> tuple[str, str] | None:
    verdict = history.verdict
    if verdict.degree == "none" or verdict.epoch is None or verdict.onset_epoch is None:
        return None
    rows = history.evaluations
    best, onset = rows[verdict.epoch], rows[verdict.onset_epoch - 1]
    end = next(row for row in reversed(rows) if math.isfinite(row["eval_loss"]))
    rise = (
        f"validation loss rose from {numerals.epoch_loss(best['eval_loss'])} (epoch {numerals.epoch(best['epoch'])}) "
        f"to {numerals.epoch_loss(end['eval_loss'])}"
    )
    _, trained = _end(_finite_losses(history))
    epochs = max(1, round(best["epoch"]))
    sooner = f"End after epoch {epochs} (epochs={epochs}), or get more data, or try weight_decay=0.1."
    if verdict.overfitting:
        sentence = f"It overfits from epoch {numerals.epoch(onset['epoch'])} on: {rise} while the training loss went on falling."
        return sentence, sooner
    if trained < _FAR_BELOW * best["eval_loss"]:
        sentence = (
            f"It may begin to overfit: {rise}, and the training loss is far below it, at {numerals.step_loss(trained)}."
        )
        return sentence, sooner
    sentence = f"The {rise}, and the training loss doesn't explain it: that is not plain overfitting."
    return sentence, f"Try a third of the learning rate: {_rate(history.last['lr'] / 3)}."


def _learned_nothing(history: History) -> tuple[str, str] | None:
    about = history.about
    if about is None or about.classes < 2:
        return None
    _, end = _end(_finite_losses(history))
    share = end / math.log(about.classes)
    if not share > _KNOWS_NOTHING:
        return None
    if len(history) < 10:
        return (
            f"After {numerals.several(len(history), 'step')} it is too early to judge.",
            "Go on to 5 epochs: trainer.fit(epochs=5).",
        )
    sentence = f"It underfits: its loss at the end is {share:.0%} of what knowing nothing costs."
    if share > _WORSE:
        sentence = (
            f"It has learned nothing: knowing nothing costs less than its loss at the end, {numerals.step_loss(end)}."
        )
    return (
        sentence,
        f"Let ai.find_learning_rate(trainer) look for another learning rate than {numerals.rate(history.last['lr'])}.",
    )


def _not_validated(history: History) -> tuple[str, str] | None:
    many = sum(math.isfinite(row.get("eval_loss", math.nan)) for row in history.evaluations)
    if many >= 2:
        return None
    sentence = f"With {numerals.several(many, 'evaluation')} nobody can say whether it overfits."
    every = max(1, len(history) // 5)
    return sentence, f"Validate five times: evaluate_every={every} with validation examples."


def _course(history: History) -> tuple[str, str]:
    rows = [row for row in history.evaluations if math.isfinite(row["eval_loss"])]
    last, before = rows[-1], min(row["eval_loss"] for row in rows[:-1])
    fall = (before - last["eval_loss"]) / max(abs(before), 1e-12)
    epochs = max(2, math.ceil(2 * last["epoch"]))
    now = (
        f"validation loss {numerals.epoch_loss(last['eval_loss'])}, {numerals.share(abs(fall))} {'less' if fall >= 0 else 'more'} "
        f"than the best before it ({numerals.epoch_loss(before)})"
    )
    if fall * _part_of_a_round(rows) > _STILL_FALLING:
        return f"It is healthy and still learning: {now}.", f"Go on: trainer.fit(epochs={epochs})."
    if fall < -_STILL_FALLING:
        sentence = f"It is healthy so far, though its last evaluation was not its best: {now}."
        return sentence, f"Try half the learning rate for a calmer end: {_rate(history.last['lr'] / 2)}."
    sentence = f"It is healthy and has levelled off: {now}."
    return (
        sentence,
        f"More steps alone will bring little: try a larger model, more data, or {_rate(history.last['lr'] / 3)} at the end.",
    )


def _part_of_a_round(rows: Sequence[dict[str, Any]]) -> float:
    """How many times as many steps lie between the evaluations before as before the last one, which a run's end may bring sooner."""
    steps = [0, *(row["step"] for row in rows)]
    return max(1.0, (steps[-2] - steps[-3]) / max(1, steps[-1] - steps[-2]))


def _rate(value: float) -> str:
    return f"learning_rate={numerals.rate(value, 2)}"
