"""The same run at the same place, as it would be under other settings: a copy of a trainer that takes steps of its own."""

from __future__ import annotations

import copy
from typing import Any

import torch

from aitrain_nb.engine.attention import attention_name
from aitrain_nb.engine.checkpointing import can_checkpoint
from aitrain_nb.engine.dropout import drops_out
from aitrain_nb.engine.optim import has_fused
from aitrain_nb.engine.order import Cursor, lengths_of
from aitrain_nb.engine.precision import has_bf16
from aitrain_nb.errors import ConfigError, PhaseError, unknown_name
from aitrain_nb.trainer import Trainer

SWITCHES = (
    "precision", "attention", "gradient_checkpointing", "group_by_length", "fused_optimizer", "compile", "fast_dropout", "threads",
    "batch_size", "gradient_accumulation_steps", "device",
)  # fmt: skip
"""Fields whose value decides how a run is computed, and not what comes out, or hardly."""


def check_asked(name: str, trainer: Any, steps: Any) -> None:
    """What `ai.race` and `ai.profile` are asked for: real steps of copies of a run that stands between two of its own.

    Raises:
        ConfigError: it isn't a trainer, or `steps` is no number of steps.
        PhaseError: a step is under way.
    """
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise ConfigError(
            f"{name} can't take {steps!r} steps.", "It is a whole number of at least 1.", f"ai.{name}(trainer, steps=5)"
        )  # fmt: skip
    if not isinstance(trainer, Trainer):
        raise ConfigError(
            f"{name} takes a trainer, not a {type(trainer).__name__}.", "It takes real steps of a run.",
            f"ai.{name}(ai.prepare(data=..., model=...))",
        )  # fmt: skip
    if trainer.is_in_step:
        raise PhaseError(
            f"{name} begins between two steps.", f"Step {trainer.step + 1} is under way.", "Finish it, or trainer.undo()."
        )  # fmt: skip


def rival(trainer: Trainer, fields: dict[str, Any]) -> Trainer:
    """A copy of a run under other settings, at the start of the epoch in which the run stands; the run itself isn't touched.

    Raises:
        ConfigError, ModelError, DataError: it can't be run so.
    """
    config = trainer.config.replace(**fields, keep="last", snapshot_every=0, inspect_every=0)
    made = Trainer(copy.deepcopy(trainer.model), trainer.task, trainer.data, config, trainer.processor)
    own = [{name: value for name, value in group.items() if name != "params"} for group in made.optimizer.param_groups]
    made.restore(trainer.training_state())
    for group, options in zip(made.optimizer.param_groups, own, strict=True):
        group.update(options)  # the state brings those of the run along, such as whether its kernels are fused
    made.order.cursor = Cursor(made.order.cursor.epoch, 0)
    made._keeps_records = False  # as in fit
    return made


def usual_rivals(trainer: Trainer) -> list[dict[str, Any]]:
    """Each switch the other way, where this machine, the model and the data let it be turned; not compile, which takes a minute."""
    config, device = trainer.config, trainer.device.type
    trained = [weight for weight in trainer.model.parameters() if weight.requires_grad]
    found: list[dict[str, Any]] = []
    if has_bf16(device):
        found.append({"precision": "fp32" if config.precision == "bf16" else "bf16"})
    if attention_name(trainer.model) in {"eager", "sdpa"}:
        found.append({"attention": "sdpa" if config.attention == "eager" else "eager"})
    if can_checkpoint(trainer.model):
        found.append({"gradient_checkpointing": not config.gradient_checkpointing})
    if lengths_of(trainer.prepared["train"]) is not None:
        found.append({"group_by_length": "off" if config.group_by_length == "on" else "on"})
    if has_fused(trained):
        found.append({"fused_optimizer": "off" if config.fused_optimizer == "on" else "on"})
    if device == "cpu" and drops_out(trainer.model):
        found.append({"fast_dropout": not config.fast_dropout})
    if device == "cpu" and (most := torch.get_num_threads()) > 1:
        found.append({"threads": 1 if (config.threads or most) > 1 else most})
    return found


def checked(trainer: Trainer, rivals: Any) -> list[dict[str, Any]]:
    """What a person wants raced, as fields of the config; raises ConfigError where something isn't a switch."""
    if not isinstance(rivals, (list, tuple)):
        rivals = [rivals]
    found = []
    for one in rivals:
        fields = {one: True} if isinstance(one, str) else dict(one) if isinstance(one, dict) else None
        if not fields:
            raise ConfigError(
                f"{one!r} can't be raced.",
                "It takes fields of the config.",
                'ai.race(trainer, [{"attention": "eager"}])',
            )
        for name in fields:
            if name not in SWITCHES:
                raise ConfigError(*unknown_name("switch", name, SWITCHES))
        trainer.config.replace(**fields)  # raises where a value isn't one
        found.append(fields)
    return found


def named(fields: dict[str, Any]) -> str:
    """Fields in words, as in a config."""
    return ", ".join(f"{name}={value}" for name, value in fields.items()) or "as it is"
