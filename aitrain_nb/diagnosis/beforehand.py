"""`check_before_training`: what can be seen in seconds before a run that takes hours."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from aitrain_nb.diagnosis.finding import Evidence, Observation
from aitrain_nb.diagnosis.findings import Findings, Tick
from aitrain_nb.diagnosis.probe import Probe
from aitrain_nb.diagnosis.reading import of_trainer
from aitrain_nb.diagnosis.rehearsal import rehearse
from aitrain_nb.diagnosis.rules import RULES, Case, Rule, judge, rule
from aitrain_nb.errors import PhaseError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aitrain_nb.diagnosis.finding import Finding
    from aitrain_nb.trainer import Trainer

BEFORE: list[Rule] = []
"""The rules that need a rehearsal; more stand in RULES."""
_RECIPE = "Karpathy, A Recipe for Training Neural Networks (2019)"
_BATCH, _FEW = 16, 64
_STEPS = 150
_LEARNED, _STUCK = 0.3, 0.7
"""Share of its first loss at which one batch counts as learned, and above which as not learned at all."""
_MATTERS = 0.97
_ALSO = (
    "constant labels", "labels imbalanced", "unscaled inputs", "leak suspected", "everything frozen", "gradients not zeroed",
    "validation in training mode", "outputs don't fit the loss", "dead units", "update/weight ratio",
)  # fmt: skip
"""Rules of RULES that say something before the first step."""
_TICKS = {
    "loss at the start": ("odd loss at the start",),
    "one batch can be learned by heart": ("one batch can't be learned",),
    "the inputs matter": ("inputs don't matter",),
    "labels": ("constant labels", "labels imbalanced", "labels look shuffled"),
    "scale of the inputs": ("unscaled inputs",),
    "split": ("leak suspected",),
    "model and loss": ("everything frozen", "gradients not zeroed", "validation in training mode", "outputs don't fit the loss",
                       "dead units", "update/weight ratio"),
}  # fmt: skip
"""What is ticked -> the rules that speak against it."""


class Rehearsals(Probe):
    """A probe that also trains copies of the model for a moment.

    Args:
        trainer: whose model and data it looks at.
        seconds: about how long all rehearsals together may take.
    """

    def __init__(self, trainer: Trainer, seconds: float) -> None:
        super().__init__(trainer)
        self.seconds = seconds

    @cached_property
    def first_loss(self) -> float:
        """Loss of the sample in evaluation mode, nats: sum over counted targets / their number."""
        per_target = self.trainer.task.loss(self.answers.logits, {"labels": self.inputs["labels"].cpu()})
        return float(per_target.sum()) / max(1, self.trainer.task.counted(self.inputs))

    @cached_property
    def one_batch(self) -> tuple[list[float], float]:
        """Losses of one batch that is learned by heart, and the rate at which it went best: the run's own, three and ten times it."""
        batch, tried = self._spread(min(_BATCH, self.trainer.config.batch_size)), []
        for times in (1.0, 3.0, 10.0):
            rate = min(100.0, times * self.trainer.config.peak_learning_rate)
            losses = rehearse(self.trainer, batch, _STEPS, self.seconds / 5, rate, until=0.1 * self.first_loss)
            tried.append((losses, rate))
            if losses[-1] < _LEARNED * losses[0]:
                break
        return min(tried, key=lambda one: (not np.isfinite(one[0][-1]), one[0][-1]))

    @cached_property
    def with_and_without(self) -> tuple[float, float] | None:
        """Loss after some steps on a few examples, with their inputs and with nothing in their place; None where it takes too long."""
        few, rate = self._spread(min(_FEW, 4 * self.trainer.config.batch_size)), self.one_batch[1]
        seen, blank = (
            rehearse(self.trainer, few, _STEPS // 2, self.seconds / 5, rate, blank=blank) for blank in (False, True)
        )
        is_done = min(len(seen), len(blank)) == _STEPS // 2 or seen[-1] < _MATTERS * min(blank)
        return (seen[-1], min(blank)) if is_done and np.isfinite(seen[-1]) and seen[-1] < 1.2 * seen[0] else None


def check_before_training(trainer: Trainer, *, seconds: float = 10.0) -> Findings:
    """What can be known before a run: is the first loss ln C, can one batch be learned, do the inputs matter, are labels and scales right?

    It looks at the trainer and trains copies of its model; the trainer itself stays what it was, bit for bit.

    Args:
        trainer: between two steps, best before the first.
        seconds: about how long the trials together may take.

    Returns:
        Findings with a tick for each check.

    Raises:
        PhaseError: a step is under way.

    Example:
        ai.check_before_training(ai.prepare("digits"))
    """
    if trainer.is_in_step:
        raise PhaseError(
            "A check begins between two steps.",
            f"Step {trainer.step + 1} is under way.",
            "Finish the step, or drop it: trainer.undo().",
        )
    probe = Rehearsals(trainer, seconds)
    case = Case(of_trainer(trainer).curves, trainer.config, probe)
    found, missing = judge(case, [*(one for one in RULES if one.name in _ALSO), *BEFORE])
    looked = [f"{len(probe.sample):,} training examples", "one step", f"{len(probe.one_batch[0])} steps on one batch"]
    about = f"{trainer.data.name}, before training"
    return Findings(about, found, _ticks(probe, found), looked, missing, trainer.config)


def _ticks(probe: Rehearsals, found: Iterable[Finding]) -> list[Tick]:
    said = {name: finding.what for finding in found for name in (finding.name, *finding.explains)}
    losses, rate = probe.one_batch
    compared, size = probe.with_and_without, probe.input_size
    words = {
        "loss at the start": f"{probe.first_loss:.4g}; ln C is {np.log(max(1, probe.answers.logits.shape[-1])):.4g}",
        "one batch can be learned by heart": f"{losses[0]:.4g} to {losses[-1]:.4g} in {len(losses)} steps at a rate of {rate:.2g}",
        "the inputs matter": "too slow to tell here, or the loss isn't finite; pass seconds=60"
        if compared is None
        else f"{compared[0]:.4g} with them, {compared[1]:.4g} with nothing in their place",
        "labels": f"{int((probe.shares > 0).sum()):,} classes, the most frequent one {float(probe.shares.max()):.1%}",
        "scale of the inputs": "tokens have none" if size is None else f"root mean square {size:.3g}",
        "split": "no validation"
        if probe.repeated is None
        else f"{probe.repeated:.1%} of the validation inputs are in training too",
        "model and loss": f"{probe.trained_share:.0%} of the weights are trained, a step moves them by {probe.step.ratio:.2g}",
    }
    unsure = {"one batch can be learned by heart"} if not losses[-1] < _LEARNED * losses[0] else set()
    unsure |= {"the inputs matter"} if compared is None else set()
    ticks = []
    for name, against in _TICKS.items():
        spoken = [said[one] for one in against if one in said]
        holds = False if spoken else None if name in unsure else True
        ticks.append(Tick(name, holds, spoken[0] if spoken else words[name]))
    return ticks


@rule(
    "odd loss at the start",
    needs=("trainer",),
    among=BEFORE,
    could_also_be=(
        "weights that were trained before",
        "first weights that are too large",
        "a loss that is summed instead of averaged",
    ),
    refute="Look at the model's first probabilities: they should be about 1 / C each.",
    advice="Begin with small weights in the last layer and its bias at 0; check that the loss is a mean.",
    how_to_read="A model that knows nothing gives each class 1 / C: its loss is ln C, 2.303 for ten classes.",
    source=f"{_RECIPE}: verify loss at init",
)
def first_loss(case: Case) -> Observation | None:
    """A first loss far from ln C, and from the entropy of the label shares, of a model with random weights."""
    probe, uniform = case.probe, float(np.log(max(2, case.probe.answers.logits.shape[-1])))
    if not probe.is_from_scratch or probe.trainer.step or 0.5 * uniform <= probe.first_loss <= 1.5 * uniform + 0.5:
        return None
    evidence = Evidence(
        "loss before the first step", probe.first_loss, f"{0.5 * uniform:.3g} to {1.5 * uniform + 0.5:.3g}"
    )
    return Observation(
        f"The loss before the first step is {probe.first_loss:.4g}; ln C is {uniform:.4g}.", (evidence,), "high"
    )


@rule(
    "one batch can't be learned",
    needs=("trainer",),
    among=BEFORE,
    could_also_be=(
        "too few steps",
        "a learning rate far off",
        "two equal inputs with different labels",
        "strong dropout",
    ),
    refute="Train on one batch for longer, with other rates: if its loss goes to 0, this is wrong.",
    advice="Look for what keeps gradients from the weights: detached tensors, frozen layers, the wrong loss.",
    how_to_read="A handful of examples can be learned by heart by any model that works: its loss goes to about 0.",
    source=f"{_RECIPE}: overfit one batch",
)
def one_batch(case: Case) -> Observation | None:
    """A batch whose loss has hardly fallen, whatever the rate."""
    losses, rate = case.probe.one_batch
    if losses[-1] <= _STUCK * losses[0] or len(losses) < 20:
        return None
    evidence: tuple[Any, ...] = (
        Evidence("loss of one batch at first", losses[0], ""),
        Evidence(f"after {len(losses)} steps", losses[-1], f"below {_LEARNED:.0%} of it where it is learned"),
    )
    what = f"One batch can't be learned by heart: {losses[0]:.4g} to {losses[-1]:.4g} at a rate of {rate:.2g}, the best tried."
    return Observation(what, evidence, "medium")


@rule(
    "inputs don't matter",
    needs=("trainer",),
    among=BEFORE,
    could_also_be=("too few steps", "inputs that say nothing about the label"),
    refute="Train a model on zeroed inputs as long as the real one: if it ends as low, the inputs really don't matter.",
    advice="Look at a batch: trainer.tokenize(). Are the inputs all alike, zeroed, or cut off?",
    how_to_read="Two curves, one with the inputs and one with zeros: the first should soon lie below.",
    source=f"{_RECIPE}: input-independent baseline",
    explains=("one batch can't be learned",),
)
def inputs_matter(case: Case) -> Observation | None:
    """A few examples that are learned no better than with nothing in the place of their inputs."""
    if case.probe.with_and_without is None:
        return None
    seen, blank = case.probe.with_and_without
    if seen < _MATTERS * blank:
        return None
    evidence = (
        Evidence("loss with the inputs", seen, f"below {_MATTERS:.0%} of that without them"),
        Evidence("loss with nothing in their place", blank, "what only the label shares give"),
    )
    return Observation(
        f"With their inputs examples are learned no better ({seen:.4g}) than without ({blank:.4g}).", evidence, "medium"
    )


@rule(
    "labels look shuffled",
    needs=("trainer",),
    among=BEFORE,
    could_also_be=("a task in which examples that look alike differ in their label", "too few examples to tell"),
    refute="Read 20 training examples beside their labels: trainer.data.train.take(range(20)). If they fit, this is wrong.",
    advice="Join inputs and labels anew, and check that both are shuffled by the same order.",
    how_to_read="The example that looks most alike should have the same label more often than chance would have it.",
    source="Cover and Hart, Nearest Neighbor Pattern Classification (1967)",
)
def shuffled_hint(case: Case) -> Observation | None:
    """Nearest neighbours that agree in their label no more than by chance."""
    near = case.probe.neighbours
    if near is None or near.deviations >= 2.0 or near.chance > 0.9:
        return None
    evidence = Evidence(
        "how often the most similar example has the same label", near.agreement, f"chance alone gives {near.chance:.3g}"
    )
    return Observation(
        f"The most similar of {near.asked} examples has the same label in {near.agreement:.1%} of cases, by chance in {near.chance:.1%}.",
        (evidence,), "low",
    )  # fmt: skip
