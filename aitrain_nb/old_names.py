"""What other libraries call a field, and what it is called here or why it isn't."""

from __future__ import annotations

ALIASES = {
    "lr": "learning_rate",
    "bs": "batch_size",
    "num_epochs": "epochs",
    "num_train_epochs": "epochs",
    "per_device_train_batch_size": "batch_size",
    "per_device_eval_batch_size": "evaluation_batch_size",
    "lr_scheduler_type": "schedule",
    "warmup_ratio": "warmup_steps",
    "eval_strategy": "evaluate_every",
    "evaluation_strategy": "evaluate_every",
    "eval_steps": "evaluate_every",
    "logging_steps": "log_every",
    "adam_beta1": "beta1",
    "adam_beta2": "beta2",
    "adam_epsilon": "epsilon",
    "eps": "epsilon",
    "optim": "optimizer",
    "fp16": "precision",
    "bf16": "precision",
    "mixed_precision": "precision",
    "attn_implementation": "attention",
    "activation_checkpointing": "gradient_checkpointing",
    "train_sampling_strategy": "group_by_length",
    "torch_compile": "compile",
    "clip": "max_grad_norm",
    "label_smoothing_factor": "label_smoothing",
    "no_cuda": "device",
    "use_cpu": "device",
    "random_state": "seed",
    "val_split": "validation_fraction",
    "test_size": "validation_fraction",
    "test_split": "test_fraction",
    "patience": "early_stopping_patience",
    "load_best_model_at_end": "keep",
}
"""What other libraries call a field -> what it is called here."""

FILES = (
    "It isn't a field: fit(output_dir=folder) writes the run while it trains, save_run(trainer, folder) afterwards; load_run(folder) "
    "brings it back."
)
BEST = "It is best_metric here: the lowest validation loss, or the highest accuracy or macro_f1."
SENTENCES = {
    "learning_rate max_steps warmup_steps weight_decay max_grad_norm gradient_accumulation_steps seed gradient_checkpointing "
    "group_by_length": "It has the same name here.",
    "per_gpu_train_batch_size train_batch_size": "It is called batch_size here.",
    "per_gpu_eval_batch_size eval_batch_size": "It is called evaluation_batch_size here.",
    "warmup_ratio": "It is warmup_steps here, where a value below 1 is a share of the run.",
    "eval_strategy evaluation_strategy eval_steps evaluate_during_training eval_delay eval_on_start": "It is evaluate_every here: "
    "None is the end of each epoch, 0 is never, n is every n steps.",
    "logging_strategy logging_steps logging_first_step": "It is log_every here, steps between lines; the history has every step.",
    "no_cuda use_cpu use_mps_device": "It is device here: 'cpu', 'cuda', 'mps', or 'auto', which takes a GPU where there is one.",
    "load_best_model_at_end": "It is keep='best' here.",
    "metric_for_best_model greater_is_better": BEST,
    "optim_args optim_target_modules adafactor": "The optimizer is adamw, adam or sgd here, and only sgd's momentum has a field.",
    "lr_scheduler_kwargs": "The schedule is constant, linear or cosine here, without further settings.",
    "data_seed full_determinism": "It isn't needed: seed decides the order of the examples, too.",
    "fp16 bf16 mixed_precision": "It is precision here: 'fp32', 'bf16', 'fp16', or 'auto', which takes bf16 where it pays.",
    "tf32 bf16_full_eval fp16_full_eval fp16_opt_level fp16_backend half_precision_backend": "It isn't here: precision says how the "
    "layers compute, in training and in evaluations.",
    "gradient_checkpointing_kwargs activation_checkpointing_kwargs": "It isn't needed: every block is computed once more on the way back.",
    "torch_compile_backend torch_compile_mode torchdynamo": "It isn't here: compile=True takes torch's own settings.",
    "use_liger_kernel liger_kernel_config jit_mode_eval use_ipex "
    "use_cache neftune_noise_alpha": "It isn't here: the model runs as it is, so that each phase can be seen.",
    "do_train do_eval do_predict resume_from_checkpoint restore_callback_states_from_checkpoint ignore_data_skip": "It isn't "
    "needed: call trainer.fit(), which also goes on, trainer.evaluate() or trainer.predict(...).",
    "output_dir overwrite_output_dir logging_dir save_strategy save_steps save_total_limit save_only_model save_safetensors "
    "save_on_each_node enable_jit_checkpoint": FILES,
    "push_to_hub hub_token hub_private_repo hub_model_id hub_strategy hub_always_push hub_revision push_to_hub_model_id "
    "push_to_hub_organization push_to_hub_token": "It isn't here: nothing is uploaded.",
    "report_to run_name project disable_tqdm trackio_space_id trackio_bucket_id trackio_static_space_id log_level log_level_replica "
    "log_on_each_node logging_nan_inf_filter debug skip_memory_metrics include_num_input_tokens_seen include_tokens_per_second": "It "
    "isn't here: trainer.history and trainer.plot() show the run, fit(display='none') is silent.",
    "deepspeed": "It can't be used: its engine takes forward, backward and update out of the loop's hands. "
    "trainer.launch(shard=True) saves memory, too.",
    "fsdp fsdp_config fsdp_min_num_params fsdp_transformer_layer_cls_to_wrap": "It is said when the run is started: "
    "trainer.launch(processes=2, shard=True), or accelerate launch --use_fsdp --fsdp_version 2 -m aitrain_nb train run.yaml.",
    "local_rank ddp_find_unused_parameters "
    "ddp_bucket_cap_mb ddp_broadcast_buffers ddp_static_graph ddp_backend ddp_timeout sharded_ddp accelerator_config split_batches "
    "dispatch_batches parallelism_config average_tokens_across_devices mp_parameters ray_scope xpu_backend tpu_num_cores "
    "tpu_metrics_debug": "It isn't needed: trainer.launch(processes=2) shares each batch, "
    "and so does accelerate launch -m aitrain_nb train run.yaml.",
    "dataloader_drop_last dataloader_num_workers dataloader_pin_memory dataloader_persistent_workers dataloader_prefetch_factor "
    "dataloader_multiprocessing_context dataloader_in_order remove_unused_columns "
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


def old_name(name: str) -> str | None:
    """What a name of transformers (5 or before) or another library is called here, or why it isn't; None where it is unknown.

    >>> old_name("lr_scheduler_type")
    'It is called schedule here.'
    """
    name = name.lstrip("-").replace("-", "_").lower()
    for names, sentence in SENTENCES.items():
        if name in names.split():
            return sentence
    return f"It is called {ALIASES[name]} here." if name in ALIASES else None
