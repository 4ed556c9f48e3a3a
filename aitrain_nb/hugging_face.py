"""To and from transformers' `TrainingArguments`, and what each of its names is called here.

Importing this loads neither torch nor transformers. The functions need transformers; `to_training_arguments` accelerate, too.
"""

from __future__ import annotations

import dataclasses
import warnings
from typing import TYPE_CHECKING, Any

from aitrain_nb.errors import ConfigError, unknown_name
from aitrain_nb.training_arguments import CHECKPOINTING, PLAIN, taken, values_of

if TYPE_CHECKING:
    from pathlib import Path

    from aitrain_nb.config import TrainConfig

UNTRANSLATED = {
    "data text_column pair_column label_column max_length buffer_size": "Hand datasets to its Trainer.",
    "validation_fraction test_fraction evaluation_examples": "Hand it datasets that were split.",
    "task model method tokenizer vocabulary_size": "Hand a loaded model and tokenizer to its Trainer.",
    "freeze frozen_layers head_epochs": "Set requires_grad of the weights before its Trainer gets the model.",
    "layer_decay head_learning_rate": "Hand its Trainer an optimizer with a group of weights for each layer.",
    "lora_rank lora_alpha lora_dropout": "Hand its Trainer a model from peft.get_peft_model(...).",
    "augmentation normalization image_size": "Do it in the datasets that its Trainer gets.",
    "class_weights": "Hand a compute_loss_func with weights to its Trainer.",
    "early_stopping early_stopping_patience": "There it is EarlyStoppingCallback(early_stopping_patience=...).",
    "threads": "Call torch.set_num_threads(...) before training.",
    "attention": "Load the model with from_pretrained(..., attn_implementation=...).",
    "fast_dropout": "transformers' Trainer takes torch's own dropout.",
    "save_every keep_checkpoints": "There it is save_steps and save_total_limit, beside load_best_model_at_end.",
    "nan_policy": "transformers' Trainer takes such steps and spoils the weights; a callback may stop it.",
    "inspect_every snapshot_every snapshot_memory_bytes": "transformers' Trainer can't do it.",
}
"""Our fields that no argument can say -> what to do with transformers instead."""

_CHANGES_TRAINING = (
    "class_weights", "augmentation", "normalization", "freeze", "frozen_layers", "head_epochs", "head_learning_rate",
    "layer_decay",
)  # fmt: skip
"""Of those, what makes another training of the same data and model."""
_RENAMED = {
    "evaluation_strategy": "transformers 5 calls it eval_strategy.",
    "no_cuda": "transformers 5 has use_cpu=True for it.",
    "warmup_ratio": "transformers 5 takes a share below 1 as warmup_steps.",
    "tokenizer": "transformers 5 gives it to Trainer(processing_class=...).",
}
"""Arguments of transformers 4 -> what stands for them in 5."""


def settled(config: TrainConfig, steps_per_epoch: int | None = None) -> TrainConfig:
    """The config with what arguments must know filled in where it was left empty, as a run of a large model would.

    The switches are those of transformers' Trainer: it computes in 32 bits, in random order, with a fused AdamW.

    Raises:
        ConfigError: `steps_per_epoch` isn't a whole number from 1.
    """
    if steps_per_epoch is not None and (type(steps_per_epoch) is not int or steps_per_epoch < 1):
        why = "It is the number of optimizer steps in one pass over the data."
        raise ConfigError(f"steps_per_epoch can't be {steps_per_epoch!r}.", why, "Give trainer.steps_per_epoch.")
    at_once = config.evaluation_batch_size or max(32, config.batch_size)
    log_every = config.log_every or (-(-steps_per_epoch // 5) if steps_per_epoch else None)
    by_itself = {"precision": "fp32", "group_by_length": "off"} | (
        {} if config.optimizer == "sgd" else {"fused_optimizer": "on"}
    )
    switches = {name: value for name, value in by_itself.items() if getattr(config, name) == "auto"}
    return config.replace(
        learning_rate=config.peak_learning_rate, evaluation_batch_size=at_once, log_every=log_every, **switches
    )


def training_fields(
    config: TrainConfig, *, steps_per_epoch: int | None = None, output_dir: str | Path = "trainer_output"
) -> dict[str, Any]:
    """What to call `TrainingArguments` with, so that transformers' Trainer trains as this config does.

    The same are the rate of each step, the batches' sizes, the optimizer, clipping, label smoothing, when it evaluates
    and which weights it keeps. Its own stay the order of the examples and the names by which biases and norms are left
    out of weight decay. It puts a batch on each GPU that it sees, and needs `compute_metrics` for a `best_metric` but the loss.

    Args:
        config: the run.
        steps_per_epoch: optimizer steps in one pass over the data, for five log lines an epoch; without it there is one.
        output_dir: the folder for the kept weights.

    Raises:
        ConfigError: `steps_per_epoch` isn't a whole number from 1.
    """
    config = settled(config, steps_per_epoch)
    every = {None: "epoch", 0: "no"}.get(config.evaluate_every, "steps")
    best, sgd = config.keep == "best", config.optimizer == "sgd"
    metric = config.best_metric if best or config.best_metric != "loss" else None
    warm = config.schedule == "constant" and config.warmup_steps > 0
    return {name: getattr(config, ours) for name, ours in PLAIN.items()} | {
        "output_dir": str(output_dir),
        "num_train_epochs": float(config.epochs),
        "max_steps": config.max_steps or -1,
        "lr_scheduler_type": "constant_with_warmup" if warm else config.schedule,
        "optim": "sgd" if sgd else "adamw_torch" if config.fused_optimizer == "off" else "adamw_torch_fused",
        "optim_args": f"momentum={config.momentum!r}" if sgd and config.momentum else None,
        "eval_strategy": every,
        "eval_steps": config.evaluate_every if every == "steps" else None,
        "save_strategy": "best" if best else "no",
        "save_total_limit": 1 if best else None,
        "load_best_model_at_end": best,
        "metric_for_best_model": metric,
        "greater_is_better": metric and metric != "loss",
        **({"logging_steps": config.log_every} if config.log_every else {"logging_strategy": "epoch"}),
        "use_cpu": config.device == "cpu",
        "bf16": config.precision == "bf16",
        "fp16": config.precision == "fp16",
        "torch_compile": config.compile,
        **({_checkpointing_name(): True} if config.gradient_checkpointing else {}),
        **({"train_sampling_strategy": "group_by_length"} if config.group_by_length == "on" else {}),
        "report_to": "none",
    }


def _checkpointing_name() -> str:
    """What the installed transformers calls gradient checkpointing: the name changed in the course of 5."""
    from transformers import TrainingArguments

    names = {field.name for field in dataclasses.fields(TrainingArguments)}
    return next(name for name in CHECKPOINTING if name in names)


def to_training_arguments(
    config: TrainConfig, *, steps_per_epoch: int | None = None, output_dir: str | Path = "trainer_output", **more: Any
) -> Any:
    """The `transformers.TrainingArguments` of a config; see `training_fields`, and `untranslated` for what they can't say.

    A warning names the changed fields that get lost and would change the training.

    Args:
        config: the run.
        steps_per_epoch: see `training_fields`.
        output_dir: see `training_fields`.
        more: further arguments of transformers, by the names that the installed version has.

    Raises:
        ConfigError: accelerate isn't installed, the installed transformers lacks an argument, or as `training_fields`.
    """
    _check_arguments(more)
    fields = training_fields(config, steps_per_epoch=steps_per_epoch, output_dir=output_dir) | more
    lost = [name for name in untranslated(config) if name in _CHANGES_TRAINING]
    if lost:
        warnings.warn(
            f"TrainingArguments can't say {', '.join(lost)}: {untranslated(config)[lost[0]]}", UserWarning, stacklevel=3
        )
    from transformers import TrainingArguments

    instead = "or take the names and values alone: aitrain_nb.hugging_face.training_fields(config)."
    try:
        return TrainingArguments(**fields)
    except ImportError as error:
        why = "transformers trains through accelerate, which is missing or too old."
        raise ConfigError("TrainingArguments can't be made here.", why, f"pip install accelerate; {instead}") from error
    except ValueError as error:
        fix = f"Say device='cpu' where there is no GPU; {instead}"
        raise ConfigError("transformers refuses these arguments here.", f"{str(error).rstrip('.')}.", fix) from error
    except TypeError as error:
        fix = f"pip install 'transformers>=5,<6'; {instead}"
        raise ConfigError("The installed transformers has other arguments.", f"{error}.", fix) from error


def _check_arguments(given: dict[str, Any]) -> None:
    """Raise ConfigError for arguments that the installed TrainingArguments don't have, with what they are called now."""
    from transformers import TrainingArguments

    valid = [field.name for field in dataclasses.fields(TrainingArguments) if field.init]
    for name in given:
        if name not in valid:
            what, why, fix = unknown_name("argument of TrainingArguments", name, valid)
            raise ConfigError(what, _RENAMED.get(name, why), fix if name not in _RENAMED else "Use that one.")


def untranslated(config: TrainConfig) -> dict[str, str]:
    """The changed fields that arguments can't say: field -> what to do instead."""
    changed = config.changed()
    reasons = {name: reason for names, reason in UNTRANSLATED.items() for name in names.split() if name in changed}
    if config.optimizer == "adam":
        reasons["optimizer"] = "transformers has no Adam; AdamW stands in, which is the same where weight_decay=0."
    if config.momentum and config.optimizer != "sgd":
        reasons["momentum"] = f"It does nothing with {config.optimizer}, here or there."
    if config.fused_optimizer != "auto" and config.optimizer == "sgd":
        reasons["fused_optimizer"] = "transformers' SGD has no such switch."
    if config.device in {"cuda", "mps"}:
        reasons["device"] = f"transformers takes the best device that it finds, {config.device} or another."
    return reasons


def from_training_arguments(arguments: Any) -> TrainConfig:
    """The config of a `TrainingArguments`, or of a dict of its names; what a dict leaves out has transformers' default.

    Raises:
        ConfigError: a name that transformers doesn't know, or a value that it or `TrainConfig` refuses.
    """
    from aitrain_nb.config import TrainConfig

    return TrainConfig(**taken(values_of(arguments))[0])


def not_taken(arguments: Any) -> dict[str, str]:
    """The arguments that differ from transformers' default and that `from_training_arguments` leaves out: name -> why."""
    return taken(values_of(arguments))[1]
