"""Which fields of a config don't fit each other: one rule is one function that gives a sentence, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from aitrain_nb.config import TrainConfig


def misfit(config: TrainConfig) -> str:
    """Why two fields of a config don't fit each other; empty where all do."""
    return next(filter(None, (rule(config) for rule in _RULES)), "")


def _warmup_is_a_share_or_whole(config: TrainConfig) -> str:
    warmup = config.warmup_steps
    is_odd = warmup >= 1 and warmup != int(warmup)
    return f"warmup_steps={warmup} is neither a whole number of steps nor a share below 1" if is_odd else ""


def _warmup_fits_into_the_run(config: TrainConfig) -> str:
    if config.max_steps is None or not config.warmup_steps >= 1 or config.warmup_steps <= config.max_steps:
        return ""
    return f"warmup_steps={int(config.warmup_steps)} is longer than the run of max_steps={config.max_steps}"


def _something_is_left_to_train_on(config: TrainConfig) -> str:
    if config.validation_fraction + config.test_fraction <= 0.98:
        return ""
    return f"validation_fraction={config.validation_fraction} and test_fraction={config.test_fraction} leave nothing to train on"


def _a_stream_has_an_end(config: TrainConfig) -> str:
    if config.buffer_size is None or config.max_steps is not None:
        return ""
    return f"buffer_size={config.buffer_size} needs max_steps: how many examples there are isn't known before all were read"


_RULES: tuple[Callable[[TrainConfig], str], ...] = (
    _warmup_is_a_share_or_whole, _warmup_fits_into_the_run, _something_is_left_to_train_on, _a_stream_has_an_end,
)  # fmt: skip
