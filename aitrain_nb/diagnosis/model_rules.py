"""Rules about the model and its step: what moves, what doesn't, what is in the wrong mode."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aitrain_nb.diagnosis.finding import Evidence, Observation
from aitrain_nb.diagnosis.loss_rules import smaller_rate
from aitrain_nb.diagnosis.rules import LOSS_SYMPTOMS, MODEL_SYMPTOMS, rule

if TYPE_CHECKING:
    from aitrain_nb.diagnosis.curves import Curves
    from aitrain_nb.diagnosis.rules import Case

_FROZEN = 0.05
_FEW_SKIPPED = 0.02
_ROSE = 1.5
_PILED = 1.5
_NOT_THE_SAME = 0.01
_DEAD = 0.5
_VANISHED = 1e-5
_EXPLODED = 100.0
_RATIO_HIGH, _RATIO_LOW = 0.1, 1e-6


@rule(
    "not a number",
    needs=("any",),
    could_also_be=("a learning rate that is too high", "a logarithm of 0 or a division by 0 in the model or its loss",
                   "16-bit numbers that overflow", "inputs that aren't finite"),
    refute="Train again from the last weights that were finite with a tenth of the rate: if it comes at the same batch, look at the batch.",
    advice="Where the loss had been rising: a smaller learning rate and clipped gradients. Where it had been quiet: look at its "
           "batch, and at the layer that history.first_trouble names.",
    how_to_read="The curve ends, or has a gap: a number that isn't finite can't be drawn. All weights after it are spoilt, if that update "
                "was taken.",
    source="Goodfellow et al., Deep Learning (2016), 4.1: overflow and underflow",
    explains=(*LOSS_SYMPTOMS, *MODEL_SYMPTOMS, "overfitting", "odd loss at the start", "validation in training mode",
              "gradients not zeroed", "labels look shuffled", "everything frozen"),
)  # fmt: skip
def not_a_number(case: Case) -> Observation | None:
    """A loss or gradient norm that isn't finite."""
    curves = case.curves
    place, count = _first_bad(curves)
    may_skip = case.config is not None and case.config.nan_policy == "skip"
    if not count or (may_skip and count <= curves.skipped <= _FEW_SKIPPED * len(curves.losses)):
        return None
    rise = _rise_before(curves)
    evidence = (
        Evidence(
            "losses that aren't finite",
            float(count),
            f"none, or {_FEW_SKIPPED:.0%} of the steps where their updates are left out",
        ),
        Evidence(
            "last losses before it, as a multiple of those before them", rise, f"above {_ROSE:g} it had been rising"
        ),
    )
    fix: dict[str, object] = {}
    if case.config is not None:
        is_quiet = rise <= _ROSE and not may_skip
        fix = {"nan_policy": "skip"} if is_quiet else smaller_rate(case) | {"max_grad_norm": 1.0}
    return Observation(f"The loss is not a number, for the first time {place}.", evidence, "high", fix)


def _rise_before(curves: Curves) -> float:
    """Median of the last three losses before the first bad one over that of the ten before them; infinite where it came at once."""
    losses = curves.losses if len(curves.losses) else curves.training
    bad = ~np.isfinite(losses)
    before = losses[: bad.argmax()] if bad.any() else losses
    if len(before) < 6:
        return float("inf")
    return float(np.median(before[-3:]) / max(1e-12, np.median(before[-13:-3])))


def _first_bad(curves: Curves) -> tuple[str, int]:
    """Where the first loss that isn't finite stands, and how many there are; a list with gaps is none of them, one that ends in NaN is."""
    bad = ~np.isfinite(curves.losses)
    if bad.any():
        return f"at step {curves.steps[bad.argmax()]:.0f}", int(bad.sum())
    bad = np.isinf(curves.training) | np.isinf(curves.validation)
    if len(bad) and np.isnan(curves.training[-1]) and np.isnan(curves.validation[-1]):
        bad |= np.isnan(curves.training) & np.isnan(curves.validation)
    return (f"at evaluation {bad.argmax() + 1}", int(bad.sum())) if bad.any() else ("", 0)


@rule(
    "everything frozen",
    needs=("trainer",),
    could_also_be=("a learning rate of almost 0", "an optimizer that was given other weights than the model's"),
    refute="Compare trainer.fingerprint() before and after a step: if it differs, something moves.",
    advice="Unfreeze the layers (requires_grad) before the trainer is made, or train all of the model.",
    how_to_read="The loss is a flat line: from evaluation to evaluation not a digit changes.",
    source="PyTorch, Autograd mechanics: locally disabling gradient computation",
    explains=(
        "plateau", "not learning", "underfitting", "learning rate too low", "vanishing gradients", "update/weight ratio", "noisy loss",
        "labels look shuffled", "odd loss at the start", "inputs don't matter", "one batch can't be learned",
    ),
)  # fmt: skip
def everything_frozen(case: Case) -> Observation | None:
    """A step that moves nothing, or random weights of which nearly none are trained."""
    step, share = case.probe.step, case.probe.trained_share
    moved = sum(row["update_norm"] > 0 for row in step.tensors)
    is_frozen = share < _FROZEN and case.probe.is_from_scratch
    if moved and not is_frozen:
        return None
    evidence = (
        Evidence("share of the weights that are trained", share, f"at least {_FROZEN:.0%} where they began at random"),
        Evidence("tensors that a step moves", float(moved), "at least one"),
    )
    fix = {"method": "scratch"} if case.config is not None and is_frozen and case.config.method == "head" else {}
    what = f"{share:.1%} of the weights are trained, and a step moves {moved} tensors."
    return Observation(what, evidence, "high", fix)


@rule(
    "gradients not zeroed",
    needs=("trainer",),
    could_also_be=("a hook that changes gradients", "gradients that are scaled and not scaled back"),
    refute="Take the same step twice by hand: gradients.norm should be the same number both times.",
    advice="Set the gradients to zero before each step: optimizer.zero_grad().",
    how_to_read="The gradient norm grows from step to step and hardly jumps, while the loss falls, turns and climbs in waves.",
    source="PyTorch, Zeroing out gradients: backward() adds to .grad",
    explains=(*LOSS_SYMPTOMS, *MODEL_SYMPTOMS, "overfitting"),
)  # fmt: skip
def gradients_not_zeroed(case: Case) -> Observation | None:
    """A step whose gradient norm is larger than that of fresh gradients on the same batch and weights."""
    step = case.probe.step
    if not step.norm > _PILED * step.fresh_norm > 0:
        return None
    evidence = (
        Evidence("gradient norm of a step", step.norm, f"at most {_PILED:g} times that of fresh gradients"),
        Evidence("norm of fresh gradients on the same batch", step.fresh_norm, "what it should be"),
    )
    what = f"The gradients of earlier steps are still there: a step has norm {step.norm:.4g}, fresh gradients have {step.fresh_norm:.4g}."
    return Observation(what, evidence, "high")


@rule(
    "validation in training mode",
    needs=("trainer",),
    could_also_be=("a layer that draws random numbers on purpose", "arithmetic whose order differs from call to call"),
    refute="Call trainer.evaluate() twice: if the loss is the same to the last digit, this is wrong.",
    advice="Call model.eval() before validating, and let model.train(False) reach every layer.",
    how_to_read="Validation is noisier and higher than it should be: dropout is on, or examples change each other's answers.",
    source="Ioffe and Szegedy, Batch Normalization (2015), 3.1; Srivastava et al., Dropout (2014)",
    explains=("overfitting",),
)  # fmt: skip
def validation_in_training_mode(case: Case) -> Observation | None:
    """A model in evaluation mode whose answer changes from call to call, or with the other examples of the batch."""
    answers = case.probe.answers
    if not answers.difference > _NOT_THE_SAME and not answers.still_training:
        return None
    evidence = (
        Evidence(
            "difference between two answers to the same example",
            answers.difference,
            f"at most {_NOT_THE_SAME:g} of their spread",
        ),
        Evidence("layers that stay in training mode", ", ".join(answers.still_training) or "none known", "none"),
    )
    what = f"In evaluation mode the same example gets answers that differ by {answers.difference:.1%} of their spread."
    return Observation(what, evidence, "high")


@rule(
    "outputs don't fit the loss",
    needs=("trainer",),
    could_also_be=("scores that happen to lie between 0 and 1",),
    refute="Look at forward.logits: scores may be negative, and their sum may be anything.",
    advice="Let the last layer give plain scores: cross-entropy takes the softmax itself. One output can't tell classes apart.",
    how_to_read="The loss stays above what it can reach: with probabilities as scores it can't fall below about ln(1 + (C - 1) / e).",
    source="PyTorch, CrossEntropyLoss: the input is expected to contain the unnormalized logits",
    explains=("plateau", "not learning", "underfitting", "learning rate too low", "vanishing gradients", "update/weight ratio"),
)  # fmt: skip
def outputs_do_not_fit(case: Case) -> Observation | None:
    """Outputs that are probabilities already, or a single one."""
    logits = case.probe.answers.logits
    if logits.shape[-1] == 1:
        evidence = Evidence("outputs of the model", 1.0, "one a class, at least two")
        return Observation("The model has one output: a softmax over it is 1 whatever it says.", (evidence,), "high")
    sums = logits.sum(-1)
    if bool((logits >= 0).all()) and bool(((sums - 1).abs() < 1e-3).all()):
        evidence = Evidence("sum of an example's outputs", float(sums.mean()), "anything but 1 for all of them")
        return Observation(
            "The model's outputs are probabilities already: the loss takes a second softmax of them.",
            (evidence,),
            "high",
        )
    return None


@rule(
    "exploding gradients",
    needs=("norms",),
    could_also_be=("a learning rate that is too high", "a deep or recurrent model without normalisation", "inputs that aren't scaled"),
    refute="Clip gradients at 1 and train 50 steps: if the loss still explodes, the gradients aren't the cause.",
    advice="Clip gradients, take a smaller learning rate, and normalise inside the model.",
    how_to_read="The gradient norm climbs by orders of magnitude; a logarithmic axis shows it as a slope.",
    source="Pascanu et al., On the Difficulty of Training Recurrent Neural Networks (2013)",
    explains=("loss exploding", "loss increasing", "noisy loss"),
)  # fmt: skip
def exploding_gradients(case: Case) -> Observation | None:
    """Gradient norms that end a hundred times above where they began, and above 100."""
    norms = case.curves.norms[np.isfinite(case.curves.norms)]
    early, late = (
        float(np.median(norms[: max(3, len(norms) // 20)])),
        float(np.median(norms[-max(3, len(norms) // 10) :])),
    )
    if not (late > _EXPLODED and late > _EXPLODED * early):
        return None
    evidence = (
        Evidence("gradient norm at the end", late, f"below {_EXPLODED:g} times the start"),
        Evidence("at the start", early, ""),
    )
    fix = {"max_grad_norm": 1.0} if case.config is not None else {}
    return Observation(f"The gradient norm went from {early:.3g} to {late:.3g}.", evidence, "medium", fix)


@rule(
    "vanishing gradients",
    needs=("trainer", "losses"),
    could_also_be=("a model that has learned all there is", "dead units", "saturated sigmoid or tanh layers"),
    refute="Look at gradients.table(): if the first layers' grad_per_weight is like the last's, nothing vanishes.",
    advice="Use ReLU and its kin, normalisation and skip connections, and first weights of the right size.",
    how_to_read="Bars of the gradient norm of each tensor, from input to output: the first ones are orders of magnitude shorter.",
    source="Glorot and Bengio, Understanding the Difficulty of Training Deep Feedforward Neural Networks (2010)",
    explains=("plateau", "not learning", "underfitting"),
)  # fmt: skip
def vanishing_gradients(case: Case) -> Observation | None:
    """A matrix whose gradient, beside its weights, is a hundred-thousandth of that of the strongest one, while the loss is still high."""
    sizes = {
        row["name"]: row["grad_norm"] / max(row["weight_norm"], 1e-12)
        for row in case.probe.step.tensors
        if row["dimensions"] >= 2
    }
    baseline = case.curves.baseline or case.curves.main.start
    if len(sizes) < 2 or case.curves.main.end < 0.3 * baseline:
        return None
    name, weakest = min(sizes.items(), key=lambda item: item[1])
    strongest = max(sizes.values())
    if not weakest < _VANISHED * strongest and strongest > 1e-9:
        return None
    evidence = (
        Evidence(f"gradient per weight of {name}", weakest, f"at least {_VANISHED:g} of the strongest"),
        Evidence("the strongest", strongest, "what it is compared with"),
    )
    return Observation(
        f"Hardly any gradient reaches {name}: {weakest:.2g} per weight, {strongest:.2g} at the strongest.",
        evidence,
        "medium",
    )


@rule(
    "dead units",
    needs=("trainer",),
    could_also_be=("a layer that is wider than the data need", "inputs that aren't scaled"),
    refute="Send other examples through: a unit that is above 0 for one of them isn't dead.",
    advice="Take a smaller learning rate, or a leaky ReLU.",
    how_to_read="A feature map or column of activations that is 0 for every example learns nothing: its gradient is 0 too.",
    source="Maas et al., Rectifier Nonlinearities Improve Neural Network Acoustic Models (2013)",
    explains=("plateau", "not learning", "underfitting", "vanishing gradients"),
)  # fmt: skip
def dead_units(case: Case) -> Observation | None:
    """A ReLU layer of which more than half the units are 0 for each of 128 examples."""
    dead = {name: share for name, share in case.probe.answers.dead.items() if share > _DEAD}
    if not dead:
        return None
    from aitrain_nb.diagnosis.loss_rules import smaller_rate

    name, share = max(dead.items(), key=lambda item: item[1])
    evidence = tuple(
        Evidence(f"share of dead units in {layer}", value, f"at most {_DEAD:.0%}") for layer, value in dead.items()
    )
    return Observation(
        f"{share:.0%} of the units of {name} are 0 for every example.", evidence, "high", smaller_rate(case)
    )


@rule(
    "update/weight ratio",
    needs=("trainer",),
    could_also_be=("weights that began very small or very large",),
    refute="Train 50 steps with the rate changed by ten: if the loss behaves the same, the ratio doesn't matter here.",
    explains=("inputs don't matter", "one batch can't be learned"),
    advice="Change the learning rate so that a step moves the weights by about a thousandth of their size.",
    how_to_read="update.ratio is the size of a step beside the size of the weights: about 0.001 is a guide, not a law.",
    source="Karpathy, CS231n: ratio of weights to updates",
)  # fmt: skip
def update_ratio(case: Case) -> Observation | None:
    """A step that moves the weights by more than a tenth, or less than a millionth, of their size."""
    ratio = case.probe.step.ratio
    if not ratio > _RATIO_HIGH and not ratio < _RATIO_LOW:
        return None
    evidence = Evidence("size of a step beside the weights", ratio, f"between {_RATIO_LOW:g} and {_RATIO_HIGH:g}")
    fix = {}
    if case.config is not None and ratio > 0:
        fix = {"learning_rate": float(f"{min(100.0, max(1e-8, case.config.peak_learning_rate * 3e-3 / ratio)):.1g}")}
    return Observation(f"A step moves the weights by {ratio:.2g} of their size.", (evidence,), "medium", fix)
