"""A sweep: the same run with other values of one or two fields of its config, one after the other on this machine."""

from __future__ import annotations

import copy
import itertools
import math
import random
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from aitrain_nb.config import TrainConfig
from aitrain_nb.displays import progress
from aitrain_nb.errors import AitrainError, ConfigError, unknown_name
from aitrain_nb.run import prepare
from aitrain_nb.trainer import Trainer
from aitrain_nb.tuning.swept import Sweep, Tried

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_OF_THE_MODEL = (
    "task", "data", "model", "method", "text_column", "pair_column", "label_column", "max_length", "tokenizer", "vocabulary_size",
    "image_size", "validation_fraction", "test_fraction", "buffer_size",
)  # fmt: skip
"""Fields that decide over data and model, which a trainer already has."""


def sweep(
    run: TrainConfig | Trainer | None = None,
    /,
    *,
    data: Any = None,
    trials: int | None = None,
    trials_seed: int = 0,
    **fields: Sequence[Any],
) -> Sweep:
    """Train the same run with every combination of these values, or with some of them by chance, one after the other.

    An interrupt stops the run that is under way and ends the sweep: what is done is given back, the stopped run is left out. A run that
    fails is kept in the table with its error, and the sweep goes on.

    Args:
        run: a config; or a trainer, of whose model, as it stands, each run trains a copy. `TrainConfig()` by default.
        data: as `prepare` takes it, where they are in memory.
        trials: so many combinations, drawn without repetition; all by default.
        trials_seed: of the drawing.
        fields: one or two fields of the config, each with its values: `learning_rate=[0.001, 0.01]`.

    Returns:
        The runs, best first, with a table and a picture.

    Raises:
        ConfigError: a field or value isn't valid, or a trainer's copies can't differ in it.

    Source: of the random search, Bergstra and Bengio 2012, "Random Search for Hyper-Parameter Optimization".

    Example:
        found = ai.sweep(ai.TrainConfig(data="digits", model="mlp"), learning_rate=[0.001, 0.01], batch_size=[16, 64])
        trainer = ai.prepare(found.best_config)
    """
    config, make = _maker(run, data, fields)
    points = _points(config, fields, trials, trials_seed)
    tried: list[Tried] = []
    with progress(len(points), "run", "sweep") as bar, suppress(KeyboardInterrupt):
        for point in points:
            changes = dict(zip(fields, point, strict=True))
            one = _tried(config.replace(**changes), changes, make)
            if one is None:
                break
            tried.append(one)
            bar.update(1)
    return Sweep(config, fields, tried, len(points))


def _tried(config: TrainConfig, changes: dict[str, Any], make: Callable[[TrainConfig], Trainer]) -> Tried | None:
    """Train one run to its end; None where it was interrupted."""
    try:
        trainer = make(config)
        history = trainer.fit("none")
    except AitrainError as error:
        return Tried(changes, math.nan, math.nan, 0, 0.0, f"{error.what} {error.why}".strip())
    except (RuntimeError, ValueError) as error:  # out of memory, a shape that doesn't fit
        return Tried(changes, math.nan, math.nan, 0, 0.0, f"{type(error).__name__}: {error}")
    if trainer.ending is not None and trainer.ending.reason == "interrupted":
        return None
    rows = [row for row in history.evaluations if math.isfinite(row["eval_loss"])]
    best = min((row["eval_loss"] for row in rows), default=math.nan)
    seconds = sum(row["seconds"] for row in history)
    trouble = f"{history.troubles[0]}" if history.troubles else ""
    every = max(1, len(history) // 10)
    return Tried(changes, best, history.mean_loss(after_step=trainer.step - every), trainer.step, seconds, trouble)


def _maker(
    run: TrainConfig | Trainer | None, data: Any, fields: dict[str, Any]
) -> tuple[TrainConfig, Callable[[TrainConfig], Trainer]]:
    """The config to change, and what makes a trainer of a changed one."""
    if isinstance(run, Trainer):
        run.check_can_train()
        name = next((name for name in fields if name in _OF_THE_MODEL), None)
        if name is not None:
            raise ConfigError(
                f"Copies of one trainer can't differ in {name}.", "They share its data and the shape of its model.",
                f"Sweep over its config: ai.sweep(trainer.config, {name}=[...]).",
            )  # fmt: skip
        model = copy.deepcopy(run.model)
        return run.config, lambda changed: Trainer(copy.deepcopy(model), run.task, run.data, changed, run.processor)
    if run is not None and not isinstance(run, TrainConfig):
        raise ConfigError(
            f"A sweep takes a TrainConfig or a Trainer, not {type(run).__name__}.", "It trains that run with other values.",
            'ai.sweep(ai.TrainConfig(data="digits"), learning_rate=[0.001, 0.01])',
        )  # fmt: skip
    given = {} if data is None else {"data": data}
    return run or TrainConfig(), lambda changed: prepare(changed, **given)


def _points(
    config: TrainConfig, fields: dict[str, Sequence[Any]], trials: int | None, seed: int
) -> list[tuple[Any, ...]]:
    """The combinations to try, each checked."""
    if not 1 <= len(fields) <= 2:
        raise ConfigError(
            f"A sweep goes over one or two fields, not {len(fields)}.", "More can't be seen in one picture.",
            "ai.sweep(config, learning_rate=[0.001, 0.01], batch_size=[16, 64])",
        )  # fmt: skip
    for name, values in fields.items():
        if name not in type(config).model_fields:
            raise ConfigError(*unknown_name("field", name, type(config).model_fields))
        if isinstance(values, str) or not hasattr(values, "__len__") or not len(values):
            raise ConfigError(
                f"{name}={values!r} gives a sweep nothing to try.", "It takes a list of values.", f"{name}=[...]"
            )
        for value in values:
            config.replace(**{name: value})
    points = list(dict.fromkeys(itertools.product(*fields.values())))
    if trials is None:
        return points
    if isinstance(trials, bool) or not isinstance(trials, int) or trials < 1:
        raise ConfigError(f"{trials!r} trials can't be made.", "It is a whole number of at least 1.", "trials=8")
    return points if trials >= len(points) else random.Random(seed).sample(points, trials)  # noqa: S311  it only picks what to try
