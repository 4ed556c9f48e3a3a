"""What a run will be, before it is: its steps, its learning rates, its data, the number of its weights. Nothing is trained for it."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aitrain_nb import captions, html, numerals
from aitrain_nb.data import Splits
from aitrain_nb.data_facts import DataFacts
from aitrain_nb.errors import ConfigError
from aitrain_nb.run import READ_BY, SPLIT_BY, Examples, describe, read_examples, resolve, split_examples
from aitrain_nb.tasks import find_task

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from aitrain_nb.config import TrainConfig
    from aitrain_nb.costs.estimates import Estimate
    from aitrain_nb.costs.setups import Setup
    from aitrain_nb.engine.plan import Plan
    from aitrain_nb.figures import Picture

HOW_IT_TRAINS = frozenset(
    {"Optimizer", "Loss", "Length and evaluation", "Records", "Speed and memory", "Layers", "LoRA"}
)
"""Groups of fields that change neither the examples nor the model."""
_BASIC_HOW = frozenset({"epochs", "batch_size", "learning_rate", "schedule", "warmup_steps"})
_AROUND_STEP = frozenset({"Optimizer", "Length and evaluation", "Records"})
"""Groups of fields that change nothing of what a step computes up to its gradients."""
_IN_STEP = frozenset(
    {"precision", "gradient_checkpointing", "group_by_length", "fused_optimizer", "compile", "threads"}
)
"""Fields that change how a step is computed, and not its model."""


def preview(config: TrainConfig | None = None, /, **fields: Any) -> Preview:
    """What the run of `prepare(config, **fields)` will be, without making its model or training anything.

    Args:
        config: the run; `TrainConfig()` by default.
        fields: as `prepare` takes them.

    Returns:
        A record: steps, learning rates, examples, the number of weights, memory and time; in a notebook it shows itself.

    Raises:
        ConfigError, DataError: what `prepare` would raise of them.

    Example:
        >>> preview(data="digits", model="mlp", epochs=2).plan.total_steps
        90
    """
    config, source = describe(config, fields)
    return Scout(source).preview(config, foresee=True)


class Scout:
    """Finds out what configs mean for their data, and remembers it: the same file isn't read twice, the same model not counted twice.

    Args:
        source: the data, where they are in memory.
    """

    def __init__(self, source: Any = None) -> None:
        self.source = source
        self._read, self._splits, self._processors = _Remembered(2), _Remembered(4), _Remembered(2)
        self._facts, self._examples, self._weights = _Remembered(8), _Remembered(64), _Remembered(64)
        self._setups, self._unforeseen = _Remembered(4), _Remembered(64)

    def preview(self, config: TrainConfig, *, with_weights: bool = True, foresee: bool = False) -> Preview:
        """What the run of this config will be.

        Args:
            config: as a person wrote it.
            with_weights: also count the weights, for which a tokenizer may have to be trained; else those that are known.
            foresee: also find out what it needs of memory and time, when that is asked for; else what is known of it.

        Raises:
            ConfigError: fields that don't fit each other or the data.
            DataError: the data can't be used.
        """
        from aitrain_nb.engine.device import find_device
        from aitrain_nb.engine.order import DataOrder
        from aitrain_nb.engine.plan import Plan

        config = resolve(config, self.source)
        find_task(str(config.task)).check_config(config)
        find_device(config.device)
        examples = self._number_of_examples(config)
        plan = Plan.of(config, DataOrder.of(config, examples).steps_per_epoch)
        weights = self._weights.get(_shape(config), (lambda: self._count_weights(config)) if with_weights else None)
        facts = self._facts.get(
            _key(config, *READ_BY, *SPLIT_BY), lambda: DataFacts(self._split(config), str(config.task))
        )
        return Preview(config, plan, examples, facts, weights, lambda: self._foreseen(config, plan, foresee=foresee))

    def setup(self, config: TrainConfig) -> Setup:
        """What each step of the run of this config will do, its model without numbers; raises as `preview` does."""
        found = self.preview(config)
        return self._setup(found.config, found.plan)

    def foresee(self, config: TrainConfig) -> None:
        """Find out what the run of this config needs, in a second or two: its previews say it from then on."""
        found = self.preview(config)
        self._foreseen(found.config, found.plan, foresee=True)

    def can_foresee(self, config: TrainConfig) -> bool:
        """Whether what the run of this config needs may be found out: not where that failed before."""
        return _needs(resolve(config, self.source)) not in self._unforeseen

    def _foreseen(self, config: TrainConfig, plan: Plan, *, foresee: bool) -> Estimate | None:
        """What a run needs, found out or as far as it is known; None where it isn't, or the model can't be made without its numbers."""
        from aitrain_nb.costs.estimates import Estimate

        if _needs(config) in self._unforeseen or not (foresee or _model_of(config) in self._setups):
            return None
        try:
            estimate = Estimate(self._setup(config, plan))
            if foresee:
                estimate.work_out()
        except ConfigError:
            self._unforeseen.get(_needs(config), lambda: True)
            return None
        return estimate if estimate.is_arithmetic else None

    def _setup(self, config: TrainConfig, plan: Plan) -> Setup:
        from aitrain_nb.costs.setups import RunLength, of_run

        found: Setup = self._setups.get(
            _model_of(config),
            lambda: of_run(
                config, plan, self._split(config), self._processor(config), self._number_of_examples(config)
            ),
        )
        return found.for_run(config, RunLength(plan.total_steps, plan.steps_per_epoch))

    def _number_of_examples(self, config: TrainConfig) -> int:
        """Of an epoch: rows, or the blocks that texts are cut into."""
        found: int = self._examples.get(_shape(config), lambda: self._count_examples(config))
        return found

    def knows(self, config: TrainConfig) -> bool:
        """Whether its preview needs no data to be read: then it is arithmetic, and any thread may ask for it."""
        config = resolve(config, self.source)
        return _shape(config) in self._examples and _key(config, *READ_BY, *SPLIT_BY) in self._facts

    def knows_weights(self, config: TrainConfig) -> bool:
        """Whether the weights have been counted."""
        return _shape(resolve(config, self.source)) in self._weights

    def _split(self, config: TrainConfig) -> Splits:
        def make() -> Splits:
            if isinstance(self.source, Splits):
                splits = self.source
            else:
                found: Examples = self._read.get(_key(config, *READ_BY), lambda: read_examples(config, self.source))
                splits = split_examples(found, config)
            find_task(str(config.task)).check(splits)
            return splits

        return self._splits.get(_key(config, *READ_BY, *SPLIT_BY), make)

    def _processor(self, config: TrainConfig) -> Any:
        task = find_task(str(config.task))
        return self._processors.get(_shape(config), lambda: task.load_processor(config, self._split(config)))

    def _count_examples(self, config: TrainConfig) -> int:
        task, splits = find_task(str(config.task)), self._split(config)
        known = task.count_examples(splits.train, config)
        if known is not None:
            return known
        return len(task.prepare(splits.train, splits, self._processor(config), config))

    def _count_weights(self, config: TrainConfig) -> int | None:
        """Of the real model, made where tensors have a shape and no numbers; None where a model can't be made there."""
        import torch

        from aitrain_nb.engine.device import count_weights

        task, splits, processor = find_task(str(config.task)), self._split(config), self._processor(config)
        try:
            with torch.device("meta"):
                model = task.load_model(config.replace(method="scratch"), splits, processor)
        except (NotImplementedError, RuntimeError):
            return None
        return count_weights(model)


class _Remembered:
    """The newest results, by what they were made from."""

    def __init__(self, most: int) -> None:
        self._most, self._kept = most, OrderedDict[Any, Any]()

    def __contains__(self, key: Hashable) -> bool:
        return key in self._kept

    def get(self, key: Hashable, make: Callable[[], Any] | None) -> Any:
        """The result for this key, made where it isn't there; without `make`, None."""
        if key not in self._kept:
            if make is None:
                return None
            self._kept[key] = make()
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return self._kept[key]


def _key(config: TrainConfig, *names: str) -> Hashable:
    """The values of these fields, and how a file they name looks now."""
    return *(getattr(config, name) for name in names), _stamp(str(config.data))


def _shape(config: TrainConfig) -> Hashable:
    """What the examples and the model depend on."""
    names = [
        name for name, knob in config.knobs().items() if name not in _BASIC_HOW and knob.group not in HOW_IT_TRAINS
    ]
    return _key(config, *names)


def _model_of(config: TrainConfig) -> Hashable:
    """What the model and its loss depend on, its numbers apart."""
    knobs = config.knobs()
    return _key(
        config,
        *(name for name, knob in knobs.items() if name not in _IN_STEP | _BASIC_HOW and knob.group not in _AROUND_STEP),
    )


def _needs(config: TrainConfig) -> Hashable:
    """What a step is followed by."""
    return _model_of(config), config.precision, config.gradient_checkpointing


def _stamp(name: str) -> Hashable:
    """When a file was changed and how large it is; of a folder, when it and the folders in it were changed."""
    path = Path(name)
    try:
        inside = [one for one in path.iterdir() if one.is_dir()] if path.is_dir() else []
        return tuple((found.st_mtime_ns, found.st_size) for found in (one.stat() for one in (path, *inside)))
    except (OSError, ValueError):
        return ()


@dataclass(frozen=True, eq=False, repr=False)
class Preview:
    """What a run will be. Its numbers are those of the run: the same functions work them out.

    Attributes:
        config: the run, with task, data, model and method filled in.
        plan: its steps, and the learning rate of each.
        examples: what an epoch goes through: training examples, or blocks of text.
        data: what is in the data.
        weights: how many numbers the model holds, or None where that isn't known before it is made.
        foresee: finds out what it needs.
    """

    config: TrainConfig
    plan: Plan
    examples: int
    data: DataFacts
    weights: int | None
    foresee: Callable[[], Estimate | None] = lambda: None

    @cached_property
    def estimate(self) -> Estimate | None:
        """Its memory and its time; None where they aren't known, or the model can't be made without its numbers."""
        return self.foresee()

    @property
    def effective_batch(self) -> int:
        """Examples whose gradients make one step."""
        return self.config.batch_size * self.config.gradient_accumulation_steps

    def facts(self) -> dict[str, str]:
        """Name -> value, as a person reads it."""
        plan, count, estimate = self.plan, numerals.count, self.estimate
        weights = "not known yet" if self.weights is None else count(self.weights)
        return {
            "task": str(self.config.task),
            "model": str(self.config.model),
            "weights": weights if estimate is None else estimate.weights_in_words,
            "training examples": count(self.examples),
            "effective batch": count(self.effective_batch),
            "steps an epoch": count(plan.steps_per_epoch),
            "steps in all": count(plan.total_steps),
            "learning rate": self.rates_in_words,
            "memory": "not known yet" if estimate is None else estimate.memory_in_words,
            "memory by part": "not known yet" if estimate is None else estimate.parts_in_words,
            "time": "not known yet" if estimate is None else estimate.time_in_words,
        }

    @property
    def rates_in_words(self) -> str:
        """The schedule as a phrase."""
        plan = self.plan
        peak = numerals.rate(plan.peak)
        warm = f"{numerals.count(plan.warmup_steps)} steps of warm-up to {peak}" if plan.warmup_steps else peak
        then = {"constant": "then constant", "linear": "then straight down to 0", "cosine": "then a cosine down to 0"}
        first = f"{numerals.rate(plan.head_rate)} for the head alone, then " if plan.head_steps else ""
        is_plain = not plan.warmup_steps and plan.schedule == "constant"
        return f"{first}{peak}, constant" if is_plain else f"{first}{warm}, {then[plan.schedule]}"

    @property
    def words(self) -> str:
        """The learning rate over the steps, in a sentence."""
        return captions.schedule(*zip(*self.plan.curve(), strict=True))

    def plot(self) -> Picture:
        """The learning rate over the steps."""
        from aitrain_nb import plots

        steps, rates = zip(*self.plan.curve(), strict=True)
        return plots.schedule(rates, "Learning rate", steps)

    def text(self) -> str:
        """All of it in lines."""
        return "\n".join([*(f"{name}: {value}" for name, value in self.facts().items()), self.data.text()])

    def page(self) -> html.Markup:
        """Facts, schedule and data, without any script."""
        picture = self.plot()
        return html.join([html.facts(self.facts()), picture.to_html(), html.details("Data", self.data.page)])

    def _repr_html_(self) -> str:
        return html.section("What this run will be", "nothing was trained for it", self.page())

    def __repr__(self) -> str:
        return f"Preview\n{self.text()}"
