"""What of a run's config may change between its stop and its going on, and what may not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aitrain_nb.config_text import written
from aitrain_nb.errors import ConfigError
from aitrain_nb.lettering import shortened
from aitrain_nb.privacy import without_secrets
from aitrain_nb.run_folder.files import CONFIG

if TYPE_CHECKING:
    from aitrain_nb.config import TrainConfig

_LONGEST = 60
MAY_CHANGE = frozenset({
    "epochs", "max_steps",  # how long the run is
    "data", "text_column", "pair_column", "label_column", "image_size",  # the examples are compared themselves
    "evaluate_every", "evaluation_batch_size", "early_stopping", "early_stopping_patience", "nan_policy",
    "save_every", "keep_checkpoints", "log_every", "inspect_every", "snapshot_every", "snapshot_memory_bytes",
    "device", "threads", "attention", "gradient_checkpointing", "fused_optimizer", "compile",  # another machine: equal up to rounding
})  # fmt: skip
"""Fields with which a run goes on as it would have: none of them decides what a step does, or which of two evaluations is better."""


def check_continuing(where: str, before: dict[str, Any] | None, config: TrainConfig) -> list[str]:
    """Compare the config of a run with what its config.yaml says now.

    Args:
        where: name of the run's folder.
        before: the fields that the run was trained with; None: it was written by a version that didn't keep them.
        config: as it is now, resolved.

    Returns:
        A sentence on the fields that differ and may; empty where none does.

    Raises:
        ConfigError: fields differ with which the run can't go on as it was.
    """
    now = config.model_dump()
    changed = {name: value for name, value in (before or {}).items() if name in now and now[name] != value}
    fixed = {name: value for name, value in changed.items() if name not in MAY_CHANGE}
    if fixed:
        lines = shortened(without_secrets(written(fixed).strip().replace("\n", ", ")), _LONGEST * len(fixed))
        raise ConfigError(
            f"The run in {where!r} can't go on with what its {CONFIG} says now.",
            f"Since it was trained these were changed: {_told(fixed, now)}.",
            f"Write back into {CONFIG}: {lines}. For other values, begin a run of its own in another folder.",
        )  # fmt: skip
    return [f"{CONFIG} was changed since the run was trained: {_told(changed, now)}."] if changed else []


def _told(before: dict[str, Any], now: dict[str, Any]) -> str:
    return "; ".join(f"{name} was {_value(value)} and is {_value(now[name])}" for name, value in before.items())


def _value(value: Any) -> str:
    return "not set" if value is None else shortened(without_secrets(str(value)), _LONGEST)
