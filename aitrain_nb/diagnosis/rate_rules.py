"""Rules about how fast it learns: a rate too high or too low, nothing learned, too little learned."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from aitrain_nb.diagnosis.finding import Evidence, Observation
from aitrain_nb.diagnosis.loss_rules import has_exploded, is_jumpy, is_rising, smaller_rate, start_and_end
from aitrain_nb.diagnosis.rules import LOSS_SYMPTOMS, rule
from aitrain_nb.numerals import epoch_loss

if TYPE_CHECKING:
    from aitrain_nb.diagnosis.curves import Curve
    from aitrain_nb.diagnosis.rules import Case

_LARGE_STEP, _SMALL_STEP = 0.05, 1e-5
_SLOW_DROP, _STRAIGHT = 0.15, 0.5
_NOTHING = 0.02
_LITTLE = 0.25
_FLAT = 0.02
_UNDERFIT = 0.5


@rule(
    "learning rate too high",
    needs=("losses", "rates"),
    could_also_be=("inputs that aren't scaled", "a batch that is too small", "gradients that aren't zeroed"),
    refute="Train 50 steps with a tenth of the rate: if the loss explodes or jumps as well, the rate isn't the cause.",
    advice="Take a smaller learning rate (ai.find_learning_rate tries them), with a warm-up.",
    how_to_read="The loss leaps up within the first steps, or goes to and fro at a level it never leaves.",
    source="Goodfellow et al., Deep Learning (2016), 11.4.1; Smith, Cyclical Learning Rates (2017)",
    explains=(*LOSS_SYMPTOMS, "exploding gradients", "vanishing gradients", "dead units", "update/weight ratio", "overfitting"),
)  # fmt: skip
def rate_too_high(case: Case) -> Observation | None:
    """A training loss that explodes; or one that rises, jumps or learns nothing while a step moves the weights by more than 5 %."""
    curve, rates = case.curves.main, case.curves.rates[np.isfinite(case.curves.rates)]
    exploded = has_exploded(curve)
    ratio = case.probe.step.ratio if case.probe is not None else float("nan")
    unstable = is_rising(curve) or is_jumpy(curve) or curve.drop < _NOTHING
    if not exploded and not (ratio > _LARGE_STEP and unstable):
        return None
    evidence = [*start_and_end(curve), Evidence("peak of the training loss", curve.peak, "not far above the start")]
    evidence.append(Evidence("highest learning rate", float(rates.max()), "what is to be lowered"))
    if math.isfinite(ratio):
        evidence.append(
            Evidence("size of a step beside the weights", ratio, f"at most {_LARGE_STEP:g}; 0.001 is a guide")
        )
    how = "makes the loss explode" if exploded else "keeps the loss from settling"
    levels = f"{epoch_loss(curve.start)} at the start, {epoch_loss(curve.peak)} at the peak, {epoch_loss(curve.end)} at the end"
    what = f"A learning rate of {rates.max():.3g} {how}: {levels}."
    return Observation(what, tuple(evidence), "high" if ratio > _LARGE_STEP else "medium", smaller_rate(case))


@rule(
    "learning rate too low",
    needs=("long",),
    could_also_be=("too few steps", "a warm-up that never ends", "a hard task"),
    refute="Train the same number of steps with ten times the rate: if the loss ends no lower, the rate isn't the cause.",
    advice="Take a larger learning rate (ai.find_learning_rate tries them).",
    how_to_read="The loss goes down in a straight line and hasn't bent by the end: it is still on its way.",
    source="Smith, Cyclical Learning Rates for Training Neural Networks (2017)",
    explains=("plateau", "not learning", "underfitting", "update/weight ratio", "noisy loss"),
)  # fmt: skip
def rate_too_low(case: Case) -> Observation | None:
    """A loss that has fallen little, in a straight line that doesn't bend; or a step too small to see."""
    curve = case.curves.main
    early, late = curve.slope(0.0, 0.4), curve.slope(0.6, 1.0)
    seen = curve.start - curve.end > 3 * curve.end_noise and curve.drop > 0
    straight = seen and early < 0 and late < _STRAIGHT * early and curve.drop < _SLOW_DROP
    ratio = case.probe.step.ratio if case.probe is not None else float("nan")
    tiny = ratio < _SMALL_STEP and curve.drop < _SLOW_DROP
    if not straight and not tiny:
        return None
    evidence = [
        *start_and_end(curve),
        Evidence("slope of the first 40 %, share of the start a whole run", early, "what the end is compared with"),
        Evidence("slope of the last 40 %", late, f"less than {_STRAIGHT:g} of it where a curve bends"),
    ]
    if math.isfinite(ratio):
        evidence.append(
            Evidence("size of a step beside the weights", ratio, f"at least {_SMALL_STEP:g}; 0.001 is a guide")
        )
    fix = {}
    if case.config is not None:
        usual = case.config.replace(learning_rate=None).peak_learning_rate
        fix = {"learning_rate": float(f"{min(100.0, max(10 * case.config.peak_learning_rate, usual)):.2g}")}
    what = f"The loss has fallen by {curve.drop:.1%} only, and as fast at the end as at the beginning."
    return Observation(what, tuple(evidence), "high" if tiny and straight else "medium", fix)


@rule(
    "not learning",
    needs=("some",),
    could_also_be=("a learning rate far too low or too high", "frozen weights", "labels that have nothing to do with the inputs",
                   "inputs that are always the same"),
    refute="Train on one batch alone: if its loss goes to 0, the model can learn, and the data or the rate are the cause.",
    advice="Run ai.check_before_training(trainer), which overfits one batch and zeroes the inputs.",
    how_to_read="The loss lies on the dotted line of what knowing nothing costs: the model names the frequent classes whatever it sees.",
    source="Karpathy, A Recipe for Training Neural Networks (2019): input-independent baseline",
    explains=("plateau", "underfitting", "noisy loss"),
)  # fmt: skip
def not_learning(case: Case) -> Observation | None:
    """A loss that ends where it began, or at what knowing only the label shares costs."""
    curve, baseline = case.curves.main, case.curves.baseline
    if baseline is None:
        hidden = max(_NOTHING, min(2.5 * _NOTHING, 3 * curve.noise / max(abs(curve.start), 1e-12)))
        is_flat = abs(curve.drop) < hidden and abs(curve.slope(0.0, 1.0)) < hidden
    else:
        is_flat = abs(curve.end / baseline - 1) < 2 * _NOTHING and curve.slope(0.5, 1.0) > -2 * _NOTHING
    accuracies = case.curves.accuracies[np.isfinite(case.curves.accuracies)]
    is_above = bool(
        len(accuracies) and case.curves.majority is not None and accuracies.max() > case.curves.majority + 0.1
    )
    if not is_flat or is_above:
        return None
    evidence = [*start_and_end(curve)]
    if baseline is not None:
        evidence.append(
            Evidence("what knowing only the label shares costs", baseline, "the loss should end well below it")
        )
    if len(accuracies) and case.curves.majority is not None:
        evidence.append(
            Evidence(
                "best accuracy", float(accuracies.max()), f"always naming one class gives {case.curves.majority:.3g}"
            )
        )
    compared = f"; knowing nothing costs {baseline:.4g}" if baseline is not None else ""
    what = f"The training loss ends where it began: {curve.start:.4g}, then {curve.end:.4g}{compared}."
    return Observation(what, tuple(evidence), "high" if baseline is not None else "medium")


@rule(
    "plateau",
    needs=("long",),
    could_also_be=("a task that can't be learned any better", "a learning rate that is too low or too high", "a saddle that takes long"),
    refute="Go on with a third of the rate, and with three times the rate: if neither moves it, it is the task's own floor.",
    advice="Change the learning rate, or give the model more room.",
    how_to_read="The curve lies flat for half the run and has hardly left its start.",
    source="Dauphin et al., Identifying and Attacking the Saddle Point Problem (2014)",
)  # fmt: skip
def plateau(case: Case) -> Observation | None:
    """A loss that has been flat for half the run, and has gained less than a quarter of its start."""
    curve = case.curves.main
    late = curve.slope(0.5, 1.0)
    if not (_NOTHING < curve.drop < _LITTLE and abs(late) < _FLAT) or is_jumpy(curve):
        return None
    evidence = (
        *start_and_end(curve), Evidence("slope of the second half, share of the start a whole run", late, f"steeper than {_FLAT:g}"),
    )  # fmt: skip
    return Observation(
        f"The loss has been flat for half the run at {curve.end:.4g}, {curve.drop:.0%} below its start.",
        evidence,
        "low",
    )


@rule(
    "underfitting",
    needs=("long", "classes", "validation"),
    could_also_be=("a task that can't be learned any better", "too few epochs", "regularisation that is too strong"),
    refute="Train a model of twice the width: if its training loss ends no lower, the model isn't too small.",
    advice="Take a larger model, train longer, or regularise less.",
    how_to_read="Training and validation lie close together, and both far above what the task allows.",
    source="Goodfellow et al., Deep Learning (2016), 5.2: capacity, overfitting and underfitting",
    explains=("plateau",),
)  # fmt: skip
def underfitting(case: Case) -> Observation | None:
    """A training loss that has levelled off at more than half of what knowing nothing costs, with validation close by."""
    curve, checked, baseline = case.curves.main, case.curves.checked, case.curves.baseline
    assert baseline is not None
    level = _has_levelled(curve)
    if not level or curve.end < _UNDERFIT * baseline or abs(checked.end / max(curve.end, 1e-12) - 1) > 0.1:
        return None
    evidence = (
        *start_and_end(curve), Evidence("validation loss at the end", checked.end, "close to training where a model is too small"),
        Evidence("what knowing nothing costs", baseline, f"training should end below {_UNDERFIT:.0%} of it"),
    )  # fmt: skip
    what = f"Training has levelled off at {curve.end:.4g}, and validation at {checked.end:.4g}; knowing nothing costs {baseline:.4g}."
    return Observation(
        what,
        evidence,
        "low",
        {"weight_decay": 0.0} if case.config is not None and case.config.weight_decay > 0.1 else {},
    )


def _has_levelled(curve: Curve) -> bool:
    return abs(curve.slope(0.6, 1.0)) < 2 * _FLAT
