"""What a run will need of memory and time, without making its model: `estimate`; which batch to take: `find_batch_size`."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from aitrain_nb import numerals
from aitrain_nb.config import TrainConfig
from aitrain_nb.costs.architectures import of_architecture
from aitrain_nb.costs.batch_sizes import BatchSizes, timed
from aitrain_nb.costs.estimates import RULE_OF_THUMB, SIZES, Estimate
from aitrain_nb.costs.free_memory import ALMOST_ALL, free_memory
from aitrain_nb.costs.limits import limits_of
from aitrain_nb.costs.measured import Measured
from aitrain_nb.costs.setups import of_trainer
from aitrain_nb.errors import AitrainError, ConfigError
from aitrain_nb.previewing import Scout
from aitrain_nb.run import describe, prepare
from aitrain_nb.trainer import Trainer

if TYPE_CHECKING:
    from collections.abc import Sequence

_STILL_WORTH = 0.9
"""A batch that takes less than this share of the most examples a second so far is slower, and not by chance."""
_SLOWER_IN_TURN = 2
"""Trying ends after so many slower batches in turn: one alone may have met another program on the machine."""


def estimate(what: Any = None, /, *, memory_bytes: float | Sequence[float] = SIZES, **fields: Any) -> Estimate:
    """How much memory a run needs, part by part, how long it takes, and which batches fit. Nothing is allocated or trained for it.

    A step of the real model is followed tensor by tensor, with shapes and no numbers; so it is exact about what torch is asked for. What
    glibc keeps of what was given back is told beside it, and counts where it is asked what fits. Not counted is what the process holds
    already (libraries, data).

    Args:
        what: a `TrainConfig`; a trainer, whose run may be going on; or a config of transformers, such as `BertConfig()`.
        memory_bytes: of the devices that the batch should fit into, by default 8, 16 and 24 GiB.
        fields: fields of the config to set or change, such as batch_size=64, as `prepare` takes them.

    Raises:
        ConfigError: the config or an amount of memory isn't valid, or no model can be made of it.
        DataError: the data can't be used.

    Example:
        >>> estimate(data="digits", model="mlp").parts["weights"]
        19240
    """
    limits = limits_of(memory_bytes)
    if isinstance(what, Trainer):
        return Estimate(of_trainer(what, fields), limits, measured=Measured.of(what))
    if what is None or isinstance(what, TrainConfig):
        config, source = describe(what, fields)
        return Estimate(Scout(source).setup(config), limits)
    if type(what).__module__.startswith("transformers.") or hasattr(what, "model_type"):
        return Estimate(of_architecture(what, fields), limits, RULE_OF_THUMB.get(type(what).__name__, ""))
    raise ConfigError(
        f"estimate takes a config or a trainer, not {what!r}.",
        "It has to know the model and its data.",
        "estimate(data=..., model=...), estimate(trainer), or estimate(BertConfig()).",
    )


def find_batch_size(
    what: Any = None, /, *, memory_bytes: float | None = None, steps: int = 4, **fields: Any
) -> BatchSizes:
    """The largest batch that fits into memory, and the largest that still makes a run quicker: doubled from 1 and tried with real steps.

    What fits is known from the estimate before anything is tried, so the machine's memory isn't filled to find it. A batch is worth its
    size where it takes at least 5 % more examples a second than the one before.

    Args:
        what: a trainer, or a config as `prepare` takes it. Trials leave a trainer as it was.
        memory_bytes: how much there is; by default what is free now on the device.
        steps: that are timed with each size at least, the first one apart.
        fields: of the config, where it is one.

    Raises:
        ConfigError: not even one example fits, it is neither a trainer nor a config, or a number is none.
        PhaseError: a step is under way.
    """
    if type(steps) is not int or steps < 1:
        raise ConfigError(
            f"{steps!r} steps can't be timed.",
            "It is a whole number of at least 1.",
            "find_batch_size(trainer, steps=4)",
        )
    if not (what is None or isinstance(what, (Trainer, TrainConfig))):
        raise ConfigError(
            f"find_batch_size takes a trainer or a TrainConfig, not a {type(what).__name__}.", "It takes real steps on real data.",
            "find_batch_size(trainer), or find_batch_size(data=..., model=...).",
        )  # fmt: skip
    given = None if memory_bytes is None else limits_of(memory_bytes)[0]
    trainer = what if isinstance(what, Trainer) else prepare(what, **fields)
    estimated = estimate(trainer)
    room = int(ALMOST_ALL * free_memory(trainer.device.type)) if given is None else given
    held = estimated.setup.weights_bytes  # the trainer's weights are there already
    largest = estimated.largest_batch(room + held) or 0
    if not largest:
        raise ConfigError(
            f"Not even one example fits into {numerals.memory(room)}.",
            f"The step of one takes about {numerals.memory(estimated.peak_of(1) or 0)}.",
            "Take a smaller model, shorter texts (max_length), or gradient_checkpointing=True.",
        )
    most = min(largest, trainer.order.examples)
    sizes = [2**power for power in range(most.bit_length())]
    rates: dict[int, float] = {}
    slower, ran_out = 0, None
    for size in [*sizes, *([most] if most not in sizes else [])]:
        rate = timed(trainer, size, steps)
        if rate is None:
            largest, ran_out = max(rates, default=0), size
            break
        slower = slower + 1 if rate < _STILL_WORTH * max(rates.values(), default=0) else 0
        rates[size] = rate
        if slower == _SLOWER_IN_TURN:
            break
    return BatchSizes(rates, largest, room, ran_out)


def foresee(trainer: Trainer) -> None:
    """Keep an estimate of a run as `trainer.foreseen`, so that its measurements are shown beside it; none where it can't be made."""
    with suppress(AitrainError):
        found = estimate(trainer)
        found.work_out()
        trainer.foreseen = found
