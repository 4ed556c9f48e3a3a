"""`compare_methods`: ways to learn from a few examples, side by side on the same draws and the same validation side."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterable
from functools import cached_property
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from aitrain_nb.errors import ConfigError, unknown_name
from aitrain_nb.run import describe, load_data, prepare
from aitrain_nb.shots import classifiers
from aitrain_nb.shots.drawing import checked_shots, draw, most_shots
from aitrain_nb.shots.few_shot import classified, features_at
from aitrain_nb.shots.methods_compared import Measured, MethodsCompared
from aitrain_nb.shots.plan import carry_out, check_budget
from aitrain_nb.shots.training import TRAINED, some_of, train, with_new_head
from aitrain_nb.trainer import Trainer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

METHODS = (*TRAINED, *classifiers.CLASSIFIERS)
"""What there is, in the order in which it is shown."""
_USUAL = {"text-classification": "minilm", "image-classification": "small-cnn"}


def compare_methods(
    data: Any,
    shots: Sequence[int] = (1, 2, 5, 10, 50, 200),
    seeds: int = 3,
    methods: Sequence[str] | None = None,
    model: str | Trainer | None = None,
    steps: int | None = None,
    seconds: float | None = None,
    rates: Mapping[str, float] | None = None,
    progress: Callable[[str], None] | None = None,
    **fields: Any,
) -> MethodsCompared:
    """Learn the classes of some data from a few examples of each, in several ways, with several draws.

    Every method gets the same examples at the same number and seed, those of fewer among those of more, and answers the same
    validation side, by which nothing is chosen. Those that train have batches of 32 at most and a rate that rises for a tenth of
    their steps and falls to 0; the scores are those of the last weights. An interrupt, or the end of `seconds`, keeps what was computed.

    Args:
        data: as `prepare` takes it.
        shots: examples of each class; a number above what the rarest class has becomes what it has.
        seeds: draws of the examples, and first weights.
        methods: some of "scratch" (a small model from random weights), "head" (a new last layer on a frozen network), "lora" (adapters
            besides), "fine-tune", "nearest mean", "nearest neighbours", "logistic regression" (on frozen features); all by default, but
            no fine-tune of random weights, since that is from scratch, and lora only of pretrained models where peft is installed.
        model: whose weights are used: a name as in `prepare`, or a trainer of the same kind of data, whose network was trained on
            something else; minilm for texts. Without one for images it is a small-cnn with random weights, as which it is told.
        steps: optimizer steps of each run; by default 60 with a network of 2 million weights or more, else 300.
        seconds: no method begins after so many; no limit by default.
        rates: learning rate of some of the methods that train, by their names; the usual one of each where it isn't named.
        progress: told a line for each that is done; a bar by default.
        fields: of `prepare`, such as `max_length`.

    Returns:
        Table, picture and sentences.

    Raises:
        ConfigError: a name or number isn't valid.
        DataError: the data can't be used, or a class has no training example.

    Example:
        found = ai.compare_methods("tickets", shots=[1, 5, 20], seeds=2)
        found.plot()
    """
    check_budget(seeds, steps, seconds)
    given = _checked(methods)
    numbers = sorted({checked_shots(number) for number in _listed(shots)})
    comparison = _Comparison(_base(data, model, fields), steps, _checked_rates(rates))
    most = most_shots(comparison.labels, comparison.base.class_names)
    plan = [
        (method, number, seed)
        for number in sorted({min(number, most) for number in numbers})
        for seed in range(seeds)
        for method in given or _fitting(comparison.base, model)
    ]
    found = carry_out(plan, comparison.measure, _told, "compare_methods", progress, seconds)
    return MethodsCompared(
        found, len(plan), name=comparison.base.data.name, model=_called(comparison.base, model), majority=comparison.majority,
        validation=len(comparison.true), reduced=(max(numbers), most) if max(numbers) > most else None,
    )  # fmt: skip


def _told(one: Measured) -> str:
    return f"{one.method}, {one.shots} a class, seed {one.seed}: accuracy {one.accuracy:.3f}"


def _listed(shots: Any) -> list[Any]:
    found = list(shots) if isinstance(shots, Iterable) else [shots]
    if not found:
        raise ConfigError("There is nothing to compare.", "shots is empty.", "shots=[1, 5, 20]")
    return found


def _checked(methods: Sequence[str] | None) -> list[str]:
    """The methods in the order in which they are shown; none where they are left open."""
    if methods is None:
        return []
    given = list(methods) if isinstance(methods, Iterable) and not isinstance(methods, str) else [methods]
    for name in given:
        if name not in METHODS:
            raise ConfigError(*unknown_name("method", name, METHODS))
    if not given:
        raise ConfigError("There is nothing to compare.", "methods is empty.", f"Some of: {', '.join(METHODS)}.")
    return [name for name in METHODS if name in given]


def _checked_rates(rates: Any) -> dict[str, float]:
    """The rates by method; raises ConfigError where a name is none of a method that trains, or a rate is no number above 0."""
    found: dict[str, Any] = dict(rates or {})
    for name, rate in found.items():
        if name not in TRAINED:
            raise ConfigError(*unknown_name("method that trains", name, tuple(TRAINED)))
        if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 < rate < math.inf:
            raise ConfigError(
                f"rates[{name!r}]={rate!r} is no learning rate.", "It is a number above 0.", "rates={'scratch': 0.01}"
            )
    return found


def _fitting(base: Trainer, model: str | Trainer | None) -> list[str]:
    """All methods that make sense here: to fine-tune random weights is to train from scratch, and adapters need peft."""
    is_random = not isinstance(model, Trainer) and base.task.is_from_scratch(str(base.config.model))
    is_pretrained = not base.task.is_from_scratch(str(base.config.model))
    fits = {"fine-tune": not is_random, "lora": is_pretrained and importlib.util.find_spec("peft") is not None}
    return [name for name in METHODS if fits.get(name, True)]


def _base(data: Any, model: str | Trainer | None, fields: dict[str, Any]) -> Trainer:
    """A trainer on these data whose network the methods use."""
    if isinstance(model, Trainer):
        classified(model, {})
        config, source = describe(model.config, {"data": data, **fields})
        return classified(with_new_head(model, load_data(config, source), config, config.seed), {})
    if model is not None:
        return classified(None, {"data": data, "model": model, **fields})
    start = prepare(data=data, **fields)
    usual = _USUAL.get(start.task.read_as)
    return classified(start if usual in {None, start.config.model} else prepare(data=data, model=usual, **fields), {})


def _called(base: Trainer, model: str | Trainer | None) -> str:
    """How the network is told: by its name, and what its weights are from."""
    name = str(base.config.model)
    if isinstance(model, Trainer):
        return f"{name} trained on {model.data.name}"
    return f"{name} with random weights" if base.task.is_from_scratch(name) else name


class _Comparison:
    """What every method is given: the network, its features, the draws."""

    def __init__(self, base: Trainer, steps: int | None, rates: Mapping[str, float]) -> None:
        self.base, self._steps, self._rates = base, steps, rates
        self.labels: NDArray[Any] = base.prepared["train"].columns["labels"].numpy()
        self.true: NDArray[Any] = base.prepared["validation"].columns["labels"].numpy()
        self.majority = float(np.bincount(self.true[self.true >= 0]).max() / len(self.true))
        self._features: dict[int, NDArray[Any]] = {}
        self._seconds_each = 0.0

    def measure(self, method: str, shots: int, seed: int) -> Measured:
        """One method on one draw."""
        places = draw(self.labels, self.base.class_names, shots, seed)
        return (
            self._trained(method, places, shots, seed)
            if method in TRAINED
            else self._sorted(method, places, shots, seed)
        )

    def _trained(self, method: str, places: NDArray[Any], shots: int, seed: int) -> Measured:
        trainer = TRAINED[method](
            self.base, some_of(self.base.data, places), self._steps, seed, self._rates.get(method)
        )
        result = train(trainer)
        weights = [(weight.numel(), weight.requires_grad) for weight in trainer.model.parameters()]
        trained, of = sum(number for number, moves in weights if moves), sum(number for number, _ in weights)
        return Measured(
            method, shots, seed, result.curve[-1][1], result.seconds, trainer.step, trained, of, tuple(result.curve)
        )

    def _sorted(self, method: str, places: NDArray[Any], shots: int, seed: int) -> Measured:
        """A classifier on frozen features: its time is that of the features of its own examples, and to learn from them."""
        features = self._of_training(places)
        began = perf_counter()
        classifier = classifiers.fit(method, features, self.labels[places], shots)
        seconds = perf_counter() - began + self._seconds_each * len(places)
        accuracy = float((classifier.predict(self._of_validation) == self.true).mean())
        of = sum(weight.numel() for weight in self.base.model.parameters())
        return Measured(method, shots, seed, accuracy, seconds, 0, 0, of, ((seconds, accuracy),))

    @cached_property
    def _of_validation(self) -> NDArray[Any]:
        return classifiers.normalised(self.base.features("validation"))

    def _of_training(self, places: NDArray[Any]) -> NDArray[Any]:
        """Features of these training examples; each example goes through the network once in all."""
        new = np.array([place for place in places if place not in self._features], dtype=np.int64)
        if len(new):
            began = perf_counter()
            found = classifiers.normalised(features_at(self.base, new))
            if len(new) >= len(self._features):  # of the largest lot, in which starting up counts least
                self._seconds_each = (perf_counter() - began) / len(new)
            self._features.update(zip(new.tolist(), found, strict=True))
        return np.stack([self._features[place] for place in places.tolist()])
