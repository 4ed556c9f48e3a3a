"""What the `TrainingArguments` of transformers say, as fields of a config; and why the rest of them is left out."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from aitrain_nb.errors import ConfigError, unknown_name
from aitrain_nb.old_names import BEST, FILES, old_name

PLAIN = {
    "learning_rate": "learning_rate", "per_device_train_batch_size": "batch_size", "adam_epsilon": "epsilon", "seed": "seed",
    "per_device_eval_batch_size": "evaluation_batch_size", "gradient_accumulation_steps": "gradient_accumulation_steps",
    "warmup_steps": "warmup_steps", "weight_decay": "weight_decay", "adam_beta1": "beta1", "adam_beta2": "beta2",
    "max_grad_norm": "max_grad_norm", "label_smoothing_factor": "label_smoothing",
}  # fmt: skip
"""Arguments that mean the same in the same unit here: transformers' name -> ours."""
_ADAMW = {
    "adamw_torch_fused": "on", "adamw_torch": "off", "adamw_torch_xla": "auto", "adamw_torch_npu_fused": "auto",
}  # fmt: skip
"""What transformers calls AdamW -> whether torch's fused kernel does it."""
CHECKPOINTING = ("activation_checkpointing", "gradient_checkpointing")
_SAMPLING = {"random": "off", "group_by_length": "on"}
_SCHEDULES = {"constant": "constant", "constant_with_warmup": "constant", "linear": "linear", "cosine": "cosine"}
_OFF: tuple[Any, ...] = ("", "no", "none", "<HUB_TOKEN>", [], {})
_READ = (
    "output_dir num_train_epochs max_steps lr_scheduler_type optim optim_args eval_strategy eval_steps save_strategy "
    "save_steps save_total_limit load_best_model_at_end metric_for_best_model greater_is_better logging_strategy "
    "logging_steps use_cpu do_eval dataloader_pin_memory disable_tqdm accelerator_config bf16 fp16 train_sampling_strategy "
    "activation_checkpointing gradient_checkpointing torch_compile torch_compile_backend"
)
"""Arguments that `taken` looks at by name, or that say nothing about the training."""


def _defaults(arguments: Any) -> dict[str, Any]:
    fields = [field for field in dataclasses.fields(arguments) if field.init]
    missing = dataclasses.MISSING
    return {f.name: f.default if f.default_factory is missing else f.default_factory() for f in fields}


def values_of(arguments: Any) -> dict[str, tuple[Any, Any]]:
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


def taken(values: dict[str, tuple[Any, Any]]) -> tuple[dict[str, Any], dict[str, str]]:
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
        notes["train_sampling_strategy"] = (
            f"There is no {order} here: examples come in random order, or grouped by length."
        )
    if plain["torch_compile_backend"] not in {None, "inductor"}:
        notes["torch_compile_backend"] = old_name("torch_compile_backend") or ""
    return {
        "precision": "fp16" if plain["fp16"] else "bf16" if plain["bf16"] else "fp32",
        "gradient_checkpointing": any(bool(plain.get(name)) for name in CHECKPOINTING),
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
