"""Rules about the data: their labels, their scale, what stands on both sides of the split."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aitrain_nb.diagnosis.finding import Evidence, Observation
from aitrain_nb.diagnosis.rules import LOSS_SYMPTOMS, MODEL_SYMPTOMS, rule

if TYPE_CHECKING:
    from aitrain_nb.diagnosis.rules import Case

_RARE = 0.01
_LARGE, _SMALL = 8.0, 0.02
"""Root mean square of the inputs from which they count as too large or too small; scaled ones have about 1."""
_REPEATED = 0.05
_ALIKE = 2.0
"""Standard deviations above chance that nearest neighbours agree at least where labels have to do with the inputs."""
_BETTER = 0.10
"""Share of what knowing nothing costs that validation gains at least where something was learned."""
_RECIPE = "Karpathy, A Recipe for Training Neural Networks (2019)"


@rule(
    "constant labels",
    needs=("trainer",),
    could_also_be=("a split that put one class on one side", "a label column that was read wrongly"),
    refute="Count the labels: trainer.data.train.columns['label'].unique(return_counts=True).",
    advice="Look at how the labels are read (label_column), and bring examples of every class.",
    how_to_read="The loss falls to 0 at once and the accuracy is 1: there is nothing to tell apart.",
    source=f"{_RECIPE}: become one with the data",
    explains=(*LOSS_SYMPTOMS, *MODEL_SYMPTOMS, "overfitting", "odd loss at the start", "labels look shuffled", "leak suspected"),
)  # fmt: skip
def constant_labels(case: Case) -> Observation | None:
    """One class among all training labels."""
    most = float(case.probe.shares.max())
    if most < 1:
        return None
    name = case.probe.trainer.class_names[int(case.probe.shares.argmax())]
    evidence = Evidence("share of the most frequent class", most, "below 1")
    return Observation(f"Every training label is {name!r}.", (evidence,), "high")


@rule(
    "labels imbalanced",
    needs=("trainer",),
    could_also_be=("classes that really are that rare",),
    refute="Compare the shares with what you know of the classes; look at the recall of the rare ones in the evaluation.",
    advice="Weigh the classes, or bring more examples of the rare ones, and choose the weights by macro F1.",
    how_to_read="Accuracy says little there: always naming the frequent class reaches its share.",
    source="King and Zeng, Logistic Regression in Rare Events Data (2001)",
)  # fmt: skip
def imbalanced_labels(case: Case) -> Observation | None:
    """A class that occurs, but in less than 1 % of the labels, where classes are few; not for texts that are generated."""
    shares = case.probe.shares
    occurring = shares[shares > 0]
    if case.probe.is_generating or len(occurring) < 2 or float(occurring.min()) >= _RARE / max(1.0, len(shares) / 10):
        return None
    rare = case.probe.trainer.class_names[int(shares.where(shares > 0, 2.0).argmin())]
    evidence = (
        Evidence(
            "share of the rarest class", float(occurring.min()), f"above {_RARE:.0%}, or a tenth of an even share"
        ),
        Evidence("share of the most frequent class", float(shares.max()), "what always naming it reaches"),
    )
    fix = {} if case.config is None else {"class_weights": "balanced"}
    what = f"The class {rare!r} has {float(occurring.min()):.2%} of the training labels, the most frequent one {float(shares.max()):.0%}."
    return Observation(what, evidence, "high", fix)


@rule(
    "unscaled inputs",
    needs=("trainer",),
    could_also_be=("a first layer that scales by itself", "numbers that carry little, such as row numbers"),
    refute="Scale the inputs to mean 0 and standard deviation 1 and train 50 steps: if the loss behaves the same, scale isn't the cause.",
    advice="Bring the inputs to about mean 0 and standard deviation 1.",
    how_to_read="The first loss is far above ln C, and the first layer's gradients are far larger than those of the others.",
    source="LeCun et al., Efficient BackProp (1998), 4.3",
    explains=(*LOSS_SYMPTOMS, *MODEL_SYMPTOMS, "odd loss at the start", "overfitting"),
)  # fmt: skip
def unscaled_inputs(case: Case) -> Observation | None:
    """Numbers that go in with a root mean square far from 1, and no first layer that scales them."""
    size = case.probe.input_size
    if size is None or case.probe.scales_inputs or _SMALL <= size <= _LARGE:
        return None
    evidence = Evidence(
        "root mean square of the inputs", size, f"between {_SMALL:g} and {_LARGE:g}; scaled inputs have about 1"
    )
    way = "large" if size > _LARGE else "small"
    fix = {"normalization": "data"} if case.config is not None and case.probe.is_image else {}
    return Observation(f"The inputs are {way}: their root mean square is {size:.4g}.", (evidence,), "high", fix)


@rule(
    "labels look shuffled",
    needs=("trainer", "classes", "validation"),
    could_also_be=("inputs that say nothing about the label", "a bug in how rows and labels are joined", "labels that are wrong at random"),
    refute="Read 20 training examples beside their labels: trainer.data.train.take(range(20)). If they fit, this is wrong.",
    advice="Join inputs and labels anew, and check that both are shuffled by the same order.",
    how_to_read="Training may fall, since a model can learn by heart; validation never gets below what knowing nothing costs.",
    source="Zhang et al., Understanding Deep Learning Requires Rethinking Generalization (2017)",
    explains=("plateau", "not learning", "underfitting", "overfitting", "noisy loss", "learning rate too low", "loss increasing"),
)  # fmt: skip
def shuffled_labels(case: Case) -> Observation | None:
    """Validation that never gained on knowing nothing, and neighbours that agree no more than by chance."""
    near, baseline = case.probe.neighbours, case.curves.baseline
    assert baseline is not None
    gained = 1 - float(case.curves.checked.values.min()) / baseline
    if near is None or near.deviations >= _ALIKE or gained >= _BETTER:
        return None
    evidence = (
        Evidence(
            "how often the most similar example has the same label",
            near.agreement,
            f"chance alone gives {near.chance:.3g}",
        ),
        Evidence("gain of validation on knowing nothing", gained, f"below {_BETTER:.0%}"),
    )
    what = (
        f"Labels have nothing to do with the inputs: the most similar example has the same label in {near.agreement:.1%} of the cases "
        f"({near.chance:.1%} by chance), and the validation loss never fell below {float(case.curves.checked.values.min()):.4g} "
        f"(knowing nothing costs {baseline:.4g})."
    )
    return Observation(what, evidence, "medium")


@rule(
    "leak suspected",
    needs=("trainer",),
    could_also_be=("data in which equal examples really occur, such as short texts",),
    refute="Take the repeated examples out of validation and evaluate again: if the loss stays, they don't matter.",
    advice="Drop repeated examples before the split (ai.quick_look lists them).",
    how_to_read="Validation is as low as training, or lower, and new examples are far worse than both.",
    source="Kapoor and Narayanan, Leakage and the Reproducibility Crisis in Machine-Learning-Based Science (2023)",
)  # fmt: skip
def leak(case: Case) -> Observation | None:
    """Validation examples that stand among the training examples as well."""
    repeated = case.probe.repeated
    if repeated is None or repeated <= _REPEATED:
        return None
    evidence = Evidence("share of validation inputs that are training inputs too", repeated, f"at most {_REPEATED:.0%}")
    return Observation(f"{repeated:.1%} of the validation examples are training examples too.", (evidence,), "high")


@rule(
    "odd loss at the start",
    needs=("losses", "classes"),
    could_also_be=("weights that were trained before", "first weights that are too large", "a loss that is summed instead of averaged",
                   "class weights"),
    refute="Evaluate the untrained model: its loss should be ln C, and its probabilities about 1 / C each.",
    advice="Begin with small weights in the last layer and its bias at 0; check that the loss is a mean.",
    how_to_read="A model that knows nothing gives each class 1 / C: its loss is ln C, 2.303 for ten classes.",
    source=f"{_RECIPE}: verify loss at init",
)  # fmt: skip
def odd_start(case: Case) -> Observation | None:
    """A first loss far from ln C, in a run that began with random weights at its first step."""
    curves = case.curves
    uniform = float(np.log(curves.classes)) if curves.classes and curves.classes > 1 else None
    began = len(curves.steps) > 0 and curves.steps[0] == 1 and np.isfinite(curves.losses[0])
    if uniform is None or not began or (case.probe is not None and not case.probe.is_from_scratch):
        return None
    first = float(curves.losses[0])
    if 0.5 * uniform <= first <= 1.5 * uniform + 0.5:
        return None
    evidence = Evidence(
        "first training loss", first, f"about ln C = {uniform:.4g}: {0.5 * uniform:.3g} to {1.5 * uniform + 0.5:.3g}"
    )
    return Observation(
        f"The first loss is {first:.4g}; a model that knows nothing has {uniform:.4g}.", (evidence,), "medium"
    )
