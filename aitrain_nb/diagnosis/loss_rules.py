"""Rules that read the loss alone: it explodes, rises, jumps about; validation leaves it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aitrain_nb import overfitting
from aitrain_nb.diagnosis.finding import Evidence, Observation
from aitrain_nb.diagnosis.rules import rule
from aitrain_nb.numerals import epoch_loss

if TYPE_CHECKING:
    from aitrain_nb.diagnosis.curves import Curve
    from aitrain_nb.diagnosis.finding import Confidence
    from aitrain_nb.diagnosis.rules import Case

SOURCE_TEXT = "Common Training Patterns: warning signs of a loss curve"
_EXPLODED = 2.0
"""A loss that ends at this multiple of its start has exploded."""
_PEAK = 4.0
"""The same for its peak, if it ends hardly better than it began."""
_HARDLY_BETTER = 0.7
_MATERIAL = 0.05
_LOST = 0.08
"""A loss that has turned upwards rises if it loses so much of what it had gained until then."""
_FAR_ABOVE = 0.15
"""Above its lowest by this share, half of that will do."""
_MOST_VALUES = 1_000
"""Longer curves are judged by the medians of so many pieces."""
_JUMPY = 1.0
"""Jitter as a share of what the whole curve moves."""
_JUMPY_LEVEL = 0.15
"""Jitter as a share of the loss itself that counts at least."""


def smaller_rate(case: Case, by: float = 10.0) -> dict[str, Any]:
    """The fix for too large steps: the learning rate divided, or the task's own one where that is smaller still."""
    if case.config is None:
        return {}
    now = case.config.peak_learning_rate
    usual = case.config.replace(learning_rate=None).peak_learning_rate
    return {"learning_rate": float(f"{max(1e-8, min(now / by, usual)):.2g}")}


def has_exploded(curve: Curve) -> bool:
    """Whether a loss ends far above its start, or was far above it and never came back."""
    start = max(abs(curve.start), 1e-12)
    never_back = curve.peak > _PEAK * start and curve.end > _HARDLY_BETTER * start
    return curve.start > 0 and bool(curve.end > _EXPLODED * start or never_back)


def is_rising(curve: Curve) -> bool:
    """Whether a loss ends above its start, or turned upwards and lost a part of what it had gained.

    What has turned is judged as a validation loss is: its end against its smoothed minimum, and against its own noise.
    """
    above = curve.end - curve.start > _MATERIAL * abs(curve.start) + 5 * curve.end_noise + 2 * curve.noise
    if above or len(curve) < 6:
        return bool(above)
    verdict = overfitting.check([], curve.pieces(_MOST_VALUES).tolist())
    lost = _LOST / 2 if verdict.rise > _FAR_ABOVE * abs(curve.lowest) else _LOST
    return verdict.overfitting and verdict.rise > lost * (curve.start - curve.lowest)


def is_jumpy(curve: Curve) -> bool:
    """Whether a loss jumps from one value to the next by more than it has moved in all."""
    return bool(curve.noise > max(_JUMPY * abs(curve.start - curve.end), _JUMPY_LEVEL * curve.level, 1e-12))


def start_and_end(curve: Curve) -> tuple[Evidence, Evidence]:
    """Where a training loss began and ended."""
    return (
        Evidence("training loss at the start", curve.start, "what the others are compared with"),
        Evidence("training loss at the end", curve.end, "median of the last tenth; should be below the start"),
    )


@rule(
    "loss exploding",
    needs=("losses",),
    could_also_be=("a learning rate that is too high", "inputs that aren't scaled", "gradients that aren't zeroed",
                   "a bad batch, if it happens once and goes back"),
    refute="Train 50 steps with a tenth of the learning rate: if the loss explodes as well, the rate isn't the cause.",
    advice="Take a smaller learning rate, and clip gradients (max_grad_norm=1).",
    how_to_read="The curve leaves its level upwards and doesn't come back; on a logarithmic axis it looks like a wall.",
    source=f"{SOURCE_TEXT}: loss increasing or exploding. Goodfellow et al., Deep Learning (2016), 8.2.4 and 11.4.1",
    explains=("loss increasing", "noisy loss"),
)  # fmt: skip
def loss_exploding(case: Case) -> Observation | None:
    """A training loss that ends at more than twice its start, or was above four times and didn't come back."""
    curve = case.curves.main
    if not has_exploded(curve):
        return None
    highest = max(curve.peak, curve.end)
    peak = Evidence(
        "peak of the training loss", highest, f"above {_PEAK:g} times the start, and never far below it again"
    )
    times = highest / max(abs(curve.start), 1e-12)
    what = f"The training loss went from {epoch_loss(curve.start)} up to {epoch_loss(highest)}, {epoch_loss(times)} times as much."
    return Observation(what, (*start_and_end(curve), peak), "high", smaller_rate(case))


@rule(
    "loss increasing",
    needs=("losses",),
    could_also_be=("a learning rate that is too high, or that rises for too long", "data that change along the run",
                   "a regulariser that takes over"),
    refute="Go on from the lowest point with a tenth of the learning rate: if the loss rises all the same, the rate isn't the cause.",
    advice="Take a smaller learning rate, or one that decays (schedule='cosine').",
    how_to_read="Look at where the smoothed training loss is lowest: what comes after it should not lie higher.",
    source=f"{SOURCE_TEXT}: loss increasing or exploding",
)  # fmt: skip
def loss_increasing(case: Case) -> Observation | None:
    """A training loss that ends above its start, or well above its lowest."""
    curve = case.curves.main
    if not is_rising(curve):
        return None
    low = Evidence("lowest level of the training loss", curve.lowest, f"the end may give back {_LOST:.0%} of the fall")
    what = f"The training loss rises: {curve.start:.4g} at the start, {curve.lowest:.4g} at its lowest, {curve.end:.4g} at the end."
    return Observation(
        what, (*start_and_end(curve), low), "high" if curve.end > curve.start else "medium", smaller_rate(case)
    )


@rule(
    "overfitting",
    needs=("losses", "validation"),
    could_also_be=("training and validation examples that differ in kind", "labels that are wrong at random",
                   "probabilities that grow too sure while the accuracy still rises"),
    refute="Evaluate on other examples of the same kind: if their loss doesn't rise, the validation examples are odd.",
    advice="Keep the best weights, stop when validation stops improving, and use more data, augmentation, or more weight decay.",
    how_to_read="Two curves: training goes on falling, validation turns upwards. The distance after the turn is what was memorised.",
    source=f"{SOURCE_TEXT}: validation loss increasing while training decreases. Prechelt, Early Stopping - But When? (1998)",
)  # fmt: skip
def validation_rises(case: Case) -> Observation | None:
    """Validation rises while training falls, as `aitrain_nb.overfitting` judges it."""
    verdict = case.curves.verdict
    if not verdict.overfitting:
        return None
    evidence = (
        Evidence(
            "rise of the validation loss above its minimum", verdict.score, "above 1 in units of what is material"
        ),
        Evidence("best evaluation", float(verdict.best_epoch or 0), "the lowest validation loss"),
    )
    since = f" from evaluation {verdict.onset_epoch} on" if verdict.onset_epoch else ""
    fix = {"early_stopping": "patience", "keep": "best"} if case.config is not None else {}
    confidence: Confidence = "high" if verdict.confidence > 0.9 else "medium" if verdict.confidence > 0.6 else "low"
    return Observation(f"Validation diverges from training{since}. {verdict.reason}", evidence, confidence, fix)


@rule(
    "noisy loss",
    needs=("long",),
    could_also_be=("a learning rate that is too high", "a batch that is too small", "labels that are wrong at random"),
    refute="Train with a batch four times as large: if the curve jumps just as much, the batch isn't the cause.",
    advice="Take larger batches, or gradient accumulation, and a smaller learning rate.",
    how_to_read="Lay a ruler along the curve: if its jumps are larger than everything it has gained, no trend can be read from it.",
    source=f"{SOURCE_TEXT}: extremely noisy or unstable loss. McCandlish et al., An Empirical Model of Large-Batch Training (2018)",
)  # fmt: skip
def noisy_loss(case: Case) -> Observation | None:
    """Jitter that is larger than all that the smoothed curve moves."""
    curve = case.curves.main
    if not is_jumpy(curve):
        return None
    moved = abs(curve.start - curve.end)
    evidence = (
        Evidence(
            "jitter from one value to the next", curve.noise, f"above {_JUMPY:g} times the change from start to end"
        ),
        Evidence("change from start to end", moved, "what was learned"),
        Evidence("jitter as a share of the loss", curve.noise / max(curve.level, 1e-12), f"above {_JUMPY_LEVEL:g}"),
    )
    what = f"The training loss jumps by about {curve.noise:.3g} from {curve.unit} to {curve.unit}, and moved by {moved:.3g} in all."
    fix: dict[str, Any] = {}
    if case.config is not None:
        fix = {"gradient_accumulation_steps": min(10_000, 4 * case.config.gradient_accumulation_steps)} | smaller_rate(
            case, 3.0
        )
    return Observation(what, evidence, "medium", fix)
