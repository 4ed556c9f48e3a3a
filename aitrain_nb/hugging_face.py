"""To and from transformers' `TrainingArguments`, and what each of its names is called here.

Importing this loads neither torch nor transformers. The functions need transformers; `to_training_arguments` accelerate, too.
"""

from __future__ import annotations

import dataclasses
import math
import warnings
from typing import TYPE_CHECKING, Any

from aitrain_nb.errors import ConfigError, unknown_name
from aitrain_nb.old_names import BEST, FILES, old_name

if TYPE_CHECKING:
    from pathlib import Path

    from aitrain_nb.config import TrainConfig

PLAIN = {
    "learning_rate": "learning_rate", "per_device_train_batch_size": "batch_size", "adam_epsilon": "epsilon", "seed": "seed",
    "per_device_eval_batch_size": "evaluation_batch_size", "gradient_accumulation_steps": "gradient_accumulation_steps",
    "warmup_steps": "warmup_steps", "weight_decay": "weight_decay", "adam_beta1": "beta1", "adam_beta2": "beta2",
    "max_grad_norm": "max_grad_norm", "label_smoothing_factor": "label_smoothing",
}  # fmt: skip
"""Arguments that mean the same in the same unit here: transformers' name -> ours."""

UNTRANSLATED = {
    "data text_column pair_column label_column max_length": "Hand datasets to its Trainer.",
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

_ADAMW = {
    "adamw_torch_fused": "on", "adamw_torch": "off", "adamw_torch_xla": "auto", "adamw_torch_npu_fused": "auto",
}  # fmt: skip
"""What transformers calls AdamW -> whether torch's fused kernel does it."""
_CHECKPOINTING = ("activation_checkpointing", "gradient_checkpointing")
_SAMPLING = {"random": "off", "group_by_length": "on"}
_SCHEDULES = {"constant": "constant", "constant_with_warmup": "constant", "linear": "linear", "cosine": "cosine"}
_OFF: tuple[Any, ...] = ("", "no", "none", "<HUB_TOKEN>", [], {})
_READ = (
    "output_dir num_train_epochs max_steps lr_scheduler_type optim optim_args eval_strategy eval_steps save_strategy "
    "save_steps save_total_limit load_best_model_at_end metric_for_best_model greater_is_better logging_strategy "
    "logging_steps use_cpu do_eval dataloader_pin_memory disable_tqdm accelerator_config bf16 fp16 train_sampling_strategy "
    "activation_checkpointing gradient_checkpointing torch_compile"
)
"""Arguments that `_take` looks at by name, or that say nothing about the training."""


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
    by_itself = {"precision": "fp32", "group_by_length": "off"} | ({} if config.optimizer == "sgd" else {"fused_optimizer": "on"})
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
    return next(name for name in _CHECKPOINTING if name in names)


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

    return TrainConfig(**_take(_values(arguments))[0])


def not_taken(arguments: Any) -> dict[str, str]:
    """The arguments that differ from transformers' default and that `from_training_arguments` leaves out: name -> why."""
    return _take(_values(arguments))[1]


def _defaults(arguments: Any) -> dict[str, Any]:
    fields = [field for field in dataclasses.fields(arguments) if field.init]
    missing = dataclasses.MISSING
    return {f.name: f.default if f.default_factory is missing else f.default_factory() for f in fields}


def _values(arguments: Any) -> dict[str, tuple[Any, Any]]:
    """Every argument: its plain value (an enumeration by name) and transformers' default."""
    from transformers import TrainingArguments

    defaults, given = _defaults(TrainingArguments), arguments
    if isinstance(arguments, TrainingArguments):
        defaults = _defaults(arguments)
        given = {name: getattr(arguments, name) for name in defaults}
    elif not isinstance(arguments, dict):
        why = "They are read from a transformers.TrainingArguments or a dict of its names."
        fix = "from_training_arguments({'learning_rate': 5e-5})"
        raise ConfigError(f"A {type(arguments).__name__} holds no training arguments.", why, fix)
    for name in given:
        if name not in defaults:
            what, why, fix = unknown_name("training argument", name, defaults)
            raise ConfigError(what, why, old_name(str(name)) or fix)
    values = defaults | {name: getattr(value, "value", value) for name, value in given.items()}
    return {name: (value, defaults[name]) for name, value in values.items()}


def _take(values: dict[str, tuple[Any, Any]]) -> tuple[dict[str, Any], dict[str, str]]:
    """Our fields, and a reason for each argument that is left out."""
    plain = {name: value for name, (value, _) in values.items()}
    others = values.keys() - PLAIN.keys() - set(_READ.split())
    notes = {
        name: old_name(name) or "It isn't one of transformers' own; nothing here is called so."
        for name in values
        if name in others and _differs(*values[name])
    }
    fields = {ours: plain[name] for name, ours in PLAIN.items()} | {"device": "cpu" if plain["use_cpu"] else "auto"}
    for part in (_length, _schedule, _optimizer, _evaluating, _logging, _switches):
        fields |= part(plain, notes)
    return fields, notes


def _differs(value: Any, default: Any) -> bool:
    """Whether a value says something else than the default; None, False and empty ones all say "off"."""
    off = [
        item is None or item is False or any(type(item) is type(o) and item == o for o in _OFF)
        for item in (value, default)
    ]
    return bool(value != default) and not all(off)


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not -math.inf < value < math.inf:
        raise ConfigError(f"{name} can't be {value!r}.", "It is a number.", f"Give {name} a finite number.")
    return value


def _choice(plain: dict[str, Any], name: str) -> str:
    from transformers import trainer_utils, training_args

    kinds = {"lr_scheduler_type": trainer_utils.SchedulerType, "optim": training_args.OptimizerNames}
    kind: Any = kinds.get(name, trainer_utils.IntervalStrategy)
    valid = [member.value for member in kind]
    if plain[name] not in valid:
        _, why, fix = unknown_name(name, plain[name], valid)
        raise ConfigError(f"{name} can't be {plain[name]!r}.", why, fix)
    return str(plain[name])


def _length(plain: dict[str, Any], notes: dict[str, str]) -> dict[str, Any]:
    epochs, steps = (_number(plain[name], name) for name in ("num_train_epochs", "max_steps"))
    if steps > 0:
        return {"epochs": min(10_000, max(1, math.ceil(epochs))), "max_steps": plain["max_steps"]}
    if epochs != int(epochs):
        notes["num_train_epochs"] = f"Epochs are whole here: {math.ceil(epochs)}. Say max_steps for less."
    return {"epochs": math.ceil(epochs)}


def _schedule(plain: dict[str, Any], notes: dict[str, str]) -> dict[str, Any]:
    name = _choice(plain, "lr_scheduler_type")
    if name not in _SCHEDULES:
        notes["lr_scheduler_type"] = f"There is no {name} here yet: constant, linear and cosine are; it stays constant."
    if name == "constant" and plain["warmup_steps"]:
        notes["warmup_steps"] = "lr_scheduler_type='constant' ignores it in transformers, so there is no warm-up."
        return {"schedule": "constant", "warmup_steps": 0.0}
    return {"schedule": _SCHEDULES.get(name, "constant")}


def _optimizer(plain: dict[str, Any], notes: dict[str, str]) -> dict[str, Any]:
    name, extra = _choice(plain, "optim"), plain["optim_args"]
    if not isinstance(extra, (str, type(None))):
        raise ConfigError(f"optim_args can't be {extra!r}.", "It is a text there.", "Write optim_args='momentum=0.9'.")
    settings = dict(part.partition("=")[::2] for part in (extra or "").replace(" ", "").split(",") if part)
    momentum = settings.pop("momentum", 0.0) if name == "sgd" else 0.0
    if settings:
        notes["optim_args"] = f"Of these, only SGD's momentum is here, not {', '.join(settings)}."
    if name not in _ADAMW and name != "sgd":
        notes["optim"] = f"There is no {name} here: adamw, adam and sgd are; it stays adamw."
    fused = _ADAMW.get(name, "auto")
    return {"optimizer": "sgd" if name == "sgd" else "adamw", "momentum": momentum, "fused_optimizer": fused}


def _switches(plain: dict[str, Any], notes: dict[str, str]) -> dict[str, Any]:
    order = plain.get("train_sampling_strategy", "random")
    if order not in _SAMPLING:
        notes["train_sampling_strategy"] = f"There is no {order} here: examples come in random order, or grouped by length."
    return {
        "precision": "fp16" if plain["fp16"] else "bf16" if plain["bf16"] else "fp32",
        "gradient_checkpointing": any(bool(plain.get(name)) for name in _CHECKPOINTING),
        "group_by_length": _SAMPLING.get(order, "off"),
        "compile": bool(plain["torch_compile"]),
    }


def _evaluating(plain: dict[str, Any], notes: dict[str, str]) -> dict[str, Any]:
    strategy, every = _choice(plain, "eval_strategy"), plain["eval_steps"] or plain["logging_steps"]
    if strategy == "steps" and _number(every, "eval_steps") < 1:
        notes["eval_steps"] = "Here it is whole steps, not a share of the run; it is the end of each epoch."
        strategy = "epoch"
    best = bool(plain["load_best_model_at_end"])
    metric = str(plain["metric_for_best_model"] or "loss").removeprefix("eval_")
    known = metric in {"loss", "accuracy", "macro_f1"} and plain["greater_is_better"] in (None, metric != "loss")
    if not known:
        notes["metric_for_best_model"] = BEST
    if not best and (plain["save_strategy"] not in {"no", "steps"} or plain["save_total_limit"] is not None):
        notes["save_strategy"] = FILES
    every = {"epoch": None, "no": 0}.get(strategy, every)
    return {"evaluate_every": every, "keep": "best" if best else "last", "best_metric": metric if known else "loss"}


def _logging(plain: dict[str, Any], notes: dict[str, str]) -> dict[str, Any]:
    strategy = _choice(plain, "logging_strategy")
    if strategy == "no":
        notes["logging_strategy"] = "Say fit(display='none') for silence; the history has every step all the same."
    if strategy == "steps" and _number(plain["logging_steps"], "logging_steps") < 1:
        notes["logging_steps"] = "Here it is whole steps, not a share of the run; it is five lines an epoch."
        strategy = "no"
    return {"log_every": plain["logging_steps"] if strategy == "steps" else None}
