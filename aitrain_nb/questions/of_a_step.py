"""What can be asked of the step that is under way, or was taken last. Asking leaves no trace in the run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aitrain_nb import numerals
from aitrain_nb.engine.capture import leaves
from aitrain_nb.lettering import shortened
from aitrain_nb.questions.base import VARIABLES, Call, Field, FollowUp, Question, call
from aitrain_nb.records.answers.blame import WAYS
from aitrain_nb.records.weights import find_weights, strongest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aitrain_nb.trainer import Trainer

_MOST = 40
"""Examples, the worst of a batch first, that a page offers."""
_USUAL = "grad*weight"
_USUAL_WEIGHTS = 20
_FACTORS = (0.1, 0.3, 1, 3, 10, 30)


# fields


def _example(trainer: Trainer) -> Field:
    """The examples of the newest micro-batch, that with the highest loss first."""
    loss: Any = _record(trainer, "loss")
    losses = loss.per_example
    rows = loss.table()
    known = {} if "position" in rows else dict(enumerate(zip(rows["true"], rows["predicted"], strict=True)))
    order = losses.argsort(descending=True).tolist()[:_MOST]
    choices = []
    for place in order:
        true, guess = known.get(place, ("", ""))
        said = (
            f": {shortened(true, 24)}" + (f", taken for {shortened(guess, 24)}" if guess != true else "")
            if true
            else ""
        )
        choices.append((place, f"{place}{said}, loss {numerals.step_loss(float(losses[place]))}"))
    return Field("example", "Example, the worst first", "whole", order[0], tuple(choices))


def _by(_trainer: Trainer) -> Field:
    words = {
        "grad*weight": "gradient times weight",
        "grad": "gradient alone",
        "ablation": "taking each tensor away (slower)",
    }
    return Field("by", "Found by", "text", _USUAL, tuple((way, words[way]) for way in WAYS))


def _weights(_trainer: Trainer) -> Field:
    return Field("weights", "How many weights", "whole", _USUAL_WEIGHTS)


def _tensor(trainer: Trainer) -> Field:
    weights = dict(trainer.model.named_parameters())
    trained = {name: weight for name, weight in weights.items() if weight.grad is not None}
    planes = {
        name: weight for name, weight in trained.items() if weight.ndim > 1
    }  # with others above and beside it to see
    first = strongest(planes or trained)[0] if trained else next(iter(weights))
    choices = tuple((name, f"{name} ({' x '.join(map(str, weight.shape))})") for name, weight in weights.items())
    return Field("tensor", "Tensor of weights", "text", first, choices)


def _place(_trainer: Trainer) -> Field:
    return Field("place", "Place in it", "place", None, empty="the strongest gradient")


def _layer(trainer: Trainer) -> Field:
    names = [name for name, module in leaves(trainer.model).items() if any(True for _ in module.parameters())]
    inner = names[-2] if len(names) > 1 else names[-1]
    return Field("layer", "Layer", "text", inner, tuple((name, name) for name in names))


# calls


def _record(trainer: Trainer, phase: str) -> Any:
    assert trainer.records is not None
    return trainer.records.newest[phase]


def _of(trainer: Trainer, phase: str, method: str, *arguments: Any, **named: Any) -> Call:
    return call(VARIABLES[phase], _record(trainer, phase), method, *arguments, **named)


def _one_weight(trainer: Trainer, phase: str, method: str, tensor: str, place: tuple[int, ...] | None) -> Call:
    """A call about a single weight; of a tensor alone it is the one with the strongest gradient."""
    index = strongest({tensor: find_weights(trainer.model, tensor)})[1] if place is None else place
    return _of(trainer, phase, method, tensor, *index)


def _blame(trainer: Trainer, example: int, by: str) -> Call:
    return _of(trainer, "backward", "blame", example, **_unless_usual(by))


def _nudge_these(trainer: Trainer, example: int, by: str, weights: int) -> Call:
    return _of(trainer, "backward", "test_blame", example, rows=weights, **_unless_usual(by))


def _unless_usual(by: str) -> dict[str, str]:
    return {} if by == _USUAL else {"by": by}


def _to_nudge(values: Mapping[str, Any], answer: Any) -> list[FollowUp]:
    """The blamed weights can be moved; none where tensors were taken away whole, since then no single weight is blamed."""
    return (
        [FollowUp("Nudge only these", "nudge_these", {**values, "weights": _USUAL_WEIGHTS})] if answer.weights else []
    )


OF_A_STEP = (
    Question(
        "unit_off", "What if this unit were off?", "The same batch once more, with one unit of a layer giving zeros.", "forward",
        lambda trainer: [_layer(trainer), Field("unit", "Unit", "whole", 0, empty="the whole layer")],
        lambda trainer, layer, unit: _of(trainer, "forward", "ablate", layer, *(() if unit is None else (unit,))),
    ),
    Question(
        "gradient", "Is this gradient right?", "One weight is nudged up and down, and the loss is measured again.", "backward",
        lambda trainer: [_tensor(trainer), _place(trainer)],
        lambda trainer, tensor, place: _one_weight(trainer, "backward", "nudge", tensor, place),
        "Nudge it",
    ),
    Question(
        "blame", "Which weights caused this mistake?", "The loss of one example, split among the weights.", "backward",
        lambda trainer: [_example(trainer), _by(trainer)], _blame, follow_ups=_to_nudge,
    ),
    Question(
        "nudge_these", "What if only these were nudged?", "The blamed weights alone move, on copies: who gets better, and who worse?",
        "backward", lambda trainer: [_example(trainer), _by(trainer), _weights(trainer)], _nudge_these,
        "Nudge only these",
    ),
    Question(
        "agreement", "Do the examples agree?", "The gradient of each example: does it pull the way the step goes?", "backward",
        lambda _trainer: [], lambda trainer: _of(trainer, "backward", "per_example"),
    ),
    Question(
        "weight", "One weight under the microscope", "What the optimizer did with it, and why.", "update",
        lambda trainer: [_tensor(trainer), _place(trainer)],
        lambda trainer, tensor, place: _one_weight(trainer, "update", "weight", tensor, place),
        "Look",
    ),
    Question(
        "forgotten", "What did this step forget?", "The same validation examples, asked before and after the step.", "update",
        lambda _trainer: [Field("examples", "Validation examples", "whole", 200)],
        lambda trainer, examples: _of(trainer, "update", "forgotten", examples),
        "Measure",
    ),
    Question(
        "rates", "What if the rate had been another?", "The same gradient with other learning rates, on copies.", "update",
        lambda trainer: [Field("rates", "Learning rates", "numbers", _rates(trainer))],
        lambda trainer, rates: _of(trainer, "update", "try_rates", rates),
        "Try them",
    ),
)  # fmt: skip
"""The questions about a step, in the order of its phases."""


def _rates(trainer: Trainer) -> list[float]:
    """Around the rate that the step had."""
    lr = _record(trainer, "update").lr or trainer.plan.peak
    return [float(f"{lr * factor:.2g}") for factor in _FACTORS]
