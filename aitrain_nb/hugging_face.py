"""To and from transformers' `TrainingArguments`, and what each of its names is called here.

Importing this loads neither torch nor transformers. The functions need transformers; `to_training_arguments` accelerate, too.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

from aitrain_nb.errors import ConfigError, unknown_name

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
    "data text_column pair_column label_column max_length validation_fraction": "Hand datasets to transformers' Trainer.",
    "task model method tokenizer vocabulary_size": "Hand a loaded model and tokenizer to transformers' Trainer.",
    "early_stopping early_stopping_patience": "There it is EarlyStoppingCallback(early_stopping_patience=...).",
    "threads": "Call torch.set_num_threads(...) before training.",
    "inspect_every snapshot_every snapshot_memory_bytes": "transformers' Trainer can't do it.",
}
"""Our fields that no argument can say -> what to do instead."""

_ADAMW = ("adamw_torch_fused", "adamw_torch", "adamw_torch_xla", "adamw_torch_npu_fused")
_SCHEDULES = {"constant": "constant", "constant_with_warmup": "constant", "linear": "linear", "cosine": "cosine"}
_OFF: tuple[Any, ...] = (None, False, "", "no", "none", [], {}, "<HUB_TOKEN>")
_READ = (
    "output_dir num_train_epochs max_steps lr_scheduler_type optim optim_args eval_strategy eval_steps save_strategy "
    "save_steps save_total_limit load_best_model_at_end metric_for_best_model greater_is_better logging_strategy "
    "logging_steps use_cpu do_eval dataloader_pin_memory disable_tqdm accelerator_config"
)
"""Arguments that `_take` looks at by name, or that say nothing about the training."""

_FILES = "It is not here yet: a run writes no files, and the model holds the kept weights."
_BEST = "The lowest validation loss says which weights are best here; keep='best' holds them."
SENTENCES = {
    "learning_rate max_steps warmup_steps weight_decay max_grad_norm gradient_accumulation_steps seed": "It has the same name here.",
    "per_gpu_train_batch_size train_batch_size": "It is called batch_size here.",
    "per_gpu_eval_batch_size eval_batch_size": "It is called evaluation_batch_size here.",
    "warmup_ratio": "It is warmup_steps here, where a value below 1 is a share of the run.",
    "eval_strategy evaluation_strategy eval_steps evaluate_during_training eval_delay eval_on_start": "It is evaluate_every here: "
    "None is the end of each epoch, 0 is never, n is every n steps.",
    "logging_strategy logging_steps logging_first_step": "It is log_every here, steps between lines; the history has every step.",
    "no_cuda use_cpu use_mps_device": "It is device here: 'cpu', 'cuda', 'mps', or 'auto', which takes a GPU where there is one.",
    "load_best_model_at_end metric_for_best_model greater_is_better": _BEST,
    "optim_args optim_target_modules adafactor": "The optimizer is adamw, adam or sgd here, and only sgd's momentum has a field.",
    "lr_scheduler_kwargs": "The schedule is constant, linear or cosine here, without further settings.",
    "data_seed full_determinism": "It isn't needed: seed decides the order of the examples, too.",
    "fp16 bf16 tf32 bf16_full_eval fp16_full_eval fp16_opt_level fp16_backend half_precision_backend mixed_precision": "It is not "
    "here yet: every run computes in 32 bits.",
    "gradient_checkpointing gradient_checkpointing_kwargs activation_checkpointing activation_checkpointing_kwargs": "It is not here "
    "yet: a smaller batch_size with gradient_accumulation_steps saves memory.",
    "torch_compile torch_compile_backend torch_compile_mode torchdynamo use_liger_kernel liger_kernel_config jit_mode_eval use_ipex "
    "use_cache neftune_noise_alpha": "It isn't here: the model runs as it is, so that each phase can be seen.",
    "do_train do_eval do_predict resume_from_checkpoint restore_callback_states_from_checkpoint ignore_data_skip": "It isn't "
    "needed: call trainer.fit(), which also goes on, trainer.evaluate() or trainer.predict(...).",
    "output_dir overwrite_output_dir logging_dir save_strategy save_steps save_total_limit save_only_model save_safetensors "
    "save_on_each_node enable_jit_checkpoint": _FILES,
    "push_to_hub hub_token hub_private_repo hub_model_id hub_strategy hub_always_push hub_revision push_to_hub_model_id "
    "push_to_hub_organization push_to_hub_token": "It isn't here: nothing is uploaded.",
    "report_to run_name project disable_tqdm trackio_space_id trackio_bucket_id trackio_static_space_id log_level log_level_replica "
    "log_on_each_node logging_nan_inf_filter debug skip_memory_metrics include_num_input_tokens_seen include_tokens_per_second": "It "
    "isn't here: trainer.history and trainer.plot() show the run, fit(display='none') is silent.",
    "local_rank deepspeed fsdp fsdp_config fsdp_min_num_params fsdp_transformer_layer_cls_to_wrap ddp_find_unused_parameters "
    "ddp_bucket_cap_mb ddp_broadcast_buffers ddp_static_graph ddp_backend ddp_timeout sharded_ddp accelerator_config split_batches "
    "dispatch_batches parallelism_config average_tokens_across_devices mp_parameters ray_scope xpu_backend tpu_num_cores "
    "tpu_metrics_debug": "It isn't here: a run uses one process and one device.",
    "dataloader_drop_last dataloader_num_workers dataloader_pin_memory dataloader_persistent_workers dataloader_prefetch_factor "
    "dataloader_multiprocessing_context dataloader_in_order remove_unused_columns train_sampling_strategy group_by_length "
    "length_column_name": "It isn't needed: the data lie in memory, and each example comes once an epoch, in random order.",
    "auto_find_batch_size torch_empty_cache_steps eval_accumulation_steps": "It isn't here: say batch_size and evaluation_batch_size.",
    "label_names prediction_loss_only past_index include_for_metrics include_inputs_for_metrics batch_eval_metrics compute_metrics "
    "eval_do_concat_batches eval_use_gather_object use_legacy_prediction_loop": "It isn't needed: the task knows labels and scores.",
    "tokenizer processing_class data_collator args model_init optimizers compute_loss_func preprocess_logits_for_metrics": "It isn't "
    "needed: the task brings its own; hand your own objects to Trainer(model, task, data, config, processor).",
    "train_dataset eval_dataset": "It is data here, which validation_fraction splits; Splits holds two of your own.",
    "callbacks": "It isn't a field: append a function that takes records to trainer.watchers.",
}
"""Names of transformers, of 4 and before too -> what they are called here, or why they aren't. Plain renames are in `ALIASES`."""


def settled(config: TrainConfig, steps_per_epoch: int | None = None) -> TrainConfig:
    """The config with what arguments must know filled in where it was left empty, as a run of a large model would."""
    at_once = config.evaluation_batch_size or max(32, config.batch_size)
    log_every = config.log_every or (-(-steps_per_epoch // 5) if steps_per_epoch else None)
    return config.replace(learning_rate=config.peak_learning_rate, evaluation_batch_size=at_once, log_every=log_every)


def training_fields(
    config: TrainConfig, *, steps_per_epoch: int | None = None, output_dir: str | Path = "trainer_output"
) -> dict[str, Any]:
    """What to call `TrainingArguments` with, so that transformers' Trainer trains as this config does.

    The same are the rate of each step, the batches' sizes, the optimizer, clipping, label smoothing, when it evaluates
    and which weights it keeps. Its own stay the order of the examples and the names by which biases and norms are left
    out of weight decay. It puts a batch on each GPU that it sees.

    Args:
        config: the run.
        steps_per_epoch: optimizer steps in one pass over the data, for five log lines an epoch; without it there is one.
        output_dir: the folder for the kept weights.

    Raises:
        ConfigError: `steps_per_epoch` isn't a whole number from 1.
    """
    if steps_per_epoch is not None and (type(steps_per_epoch) is not int or steps_per_epoch < 1):
        why = "It is the number of optimizer steps in one pass over the data."
        raise ConfigError(f"steps_per_epoch can't be {steps_per_epoch!r}.", why, "Give trainer.steps_per_epoch.")
    config = settled(config, steps_per_epoch)
    every = {None: "epoch", 0: "no"}.get(config.evaluate_every, "steps")
    best, sgd = config.keep == "best", config.optimizer == "sgd"
    warm = config.schedule == "constant" and config.warmup_steps > 0
    return {name: getattr(config, ours) for name, ours in PLAIN.items()} | {
        "output_dir": str(output_dir),
        "num_train_epochs": float(config.epochs),
        "max_steps": config.max_steps or -1,
        "lr_scheduler_type": "constant_with_warmup" if warm else config.schedule,
        "optim": "sgd" if sgd else _ADAMW[0],
        "optim_args": f"momentum={config.momentum!r}" if sgd and config.momentum else None,
        "eval_strategy": every,
        "eval_steps": config.evaluate_every if every == "steps" else None,
        "save_strategy": "best" if best else "no",
        "save_total_limit": 1 if best else None,
        "load_best_model_at_end": best,
        "metric_for_best_model": "loss" if best else None,
        "greater_is_better": False if best else None,
        "logging_strategy": "steps" if config.log_every else "epoch",
        **({"logging_steps": config.log_every} if config.log_every else {}),
        "use_cpu": config.device == "cpu",
        "report_to": "none",
    }


def to_training_arguments(
    config: TrainConfig, *, steps_per_epoch: int | None = None, output_dir: str | Path = "trainer_output"
) -> Any:
    """The `transformers.TrainingArguments` of a config; see `training_fields`, and `untranslated` for what they can't say.

    Raises:
        ConfigError: accelerate isn't installed, the installed transformers lacks an argument, or as `training_fields`.
    """
    fields = training_fields(config, steps_per_epoch=steps_per_epoch, output_dir=output_dir)
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


def untranslated(config: TrainConfig) -> dict[str, str]:
    """The changed fields that arguments can't say: field -> what to do instead."""
    changed = config.changed()
    reasons = {name: reason for names, reason in UNTRANSLATED.items() for name in names.split() if name in changed}
    if config.optimizer == "adam":
        reasons["optimizer"] = "transformers has no Adam; AdamW stands in, which is the same where weight_decay=0."
    if config.momentum and config.optimizer != "sgd":
        reasons["momentum"] = f"It does nothing with {config.optimizer}, here or there."
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
    notes = {
        name: old_name(name) or "It isn't one of transformers' own; nothing here is called so."
        for name, (value, default) in values.items()
        if name not in PLAIN
        and name not in _READ.split()
        and value != default
        and not (value in _OFF and default in _OFF)
    }
    fields = {ours: plain[name] for name, ours in PLAIN.items()} | {"device": "cpu" if plain["use_cpu"] else "auto"}
    for part in (_length, _schedule, _optimizer, _evaluating, _logging):
        fields |= part(plain, notes)
    return fields, notes


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
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
    settings = dict(part.partition("=")[::2] for part in (extra or "").replace(" ", "").split(",") if part)
    momentum = settings.pop("momentum", 0.0) if name == "sgd" else 0.0
    if settings:
        notes["optim_args"] = f"Of these, only SGD's momentum is here, not {', '.join(settings)}."
    if name not in _ADAMW and name != "sgd":
        notes["optim"] = f"There is no {name} here: adamw, adam and sgd are; it stays adamw."
    return {"optimizer": "sgd" if name == "sgd" else "adamw", "momentum": momentum}


def _evaluating(plain: dict[str, Any], notes: dict[str, str]) -> dict[str, Any]:
    strategy, every = _choice(plain, "eval_strategy"), plain["eval_steps"] or plain["logging_steps"]
    if strategy == "steps" and _number(every, "eval_steps") < 1:
        notes["eval_steps"] = "Here it is whole steps, not a share of the run; it is the end of each epoch."
        strategy = "epoch"
    best = bool(plain["load_best_model_at_end"])
    if best and (plain["metric_for_best_model"] not in {None, "loss", "eval_loss"} or plain["greater_is_better"]):
        notes["metric_for_best_model"] = _BEST
    if not best and (plain["save_strategy"] not in {"no", "steps"} or plain["save_total_limit"] is not None):
        notes["save_strategy"] = _FILES
    return {"evaluate_every": {"epoch": None, "no": 0}.get(strategy, every), "keep": "best" if best else "last"}


def _logging(plain: dict[str, Any], notes: dict[str, str]) -> dict[str, Any]:
    strategy = _choice(plain, "logging_strategy")
    if strategy == "no":
        notes["logging_strategy"] = "Say fit(display='none') for silence; the history has every step all the same."
    if strategy == "steps" and _number(plain["logging_steps"], "logging_steps") < 1:
        notes["logging_steps"] = "Here it is whole steps, not a share of the run; it is five lines an epoch."
        strategy = "no"
    return {"log_every": plain["logging_steps"] if strategy == "steps" else None}


def old_name(name: str) -> str | None:
    """What a name of transformers (5 or before) or another library is called here, or why it isn't; None where it is unknown.

    >>> old_name("lr_scheduler_type")
    'It is called schedule here.'
    """
    from aitrain_nb.config import ALIASES

    name = name.lstrip("-").replace("-", "_").lower()
    for names, sentence in SENTENCES.items():
        if name in names.split():
            return sentence
    return f"It is called {ALIASES[name]} here." if name in ALIASES else None
