"""To transformers' TrainingArguments and back; what its names are called here."""

import dataclasses
import importlib.util
import math
import subprocess
import sys

import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import TrainingArguments
from transformers.trainer_pt_utils import AcceleratorConfig

from aitrain_nb.config import TrainConfig
from aitrain_nb.engine.plan import Plan
from aitrain_nb.errors import ConfigError
from aitrain_nb.hugging_face import (
    PLAIN,
    UNTRANSLATED,
    from_training_arguments,
    not_taken,
    settled,
    to_training_arguments,
    training_fields,
    untranslated,
)
from aitrain_nb.old_names import ALIASES, old_name
from tests.configs import KNOBS, configs

HAS_ACCELERATE = importlib.util.find_spec("accelerate") is not None
ARGUMENTS = [field.name for field in dataclasses.fields(TrainingArguments) if field.init]
NO_ARGUMENT = {name for names in UNTRANSLATED for name in names.split()}
OF_4 = (
    "warmup_ratio evaluation_strategy gradient_checkpointing no_cuda tokenizer per_gpu_train_batch_size fp16 bf16 tf32 do_train "
    "per_gpu_eval_batch_size do_eval do_predict overwrite_output_dir logging_dir group_by_length adafactor sharded_ddp tpu_num_cores "
    "half_precision_backend fp16_opt_level fp16_backend use_mps_device evaluate_during_training include_inputs_for_metrics past_index "
    "push_to_hub_token torchdynamo save_safetensors use_ipex jit_mode_eval mp_parameters ray_scope dispatch_batches split_batches "
    "model_init optimizers compute_metrics train_dataset eval_dataset callbacks data_collator processing_class report_to"
)


def made(build=to_training_arguments, /, *given, **fields):
    """What `build` makes of real TrainingArguments, whose search for devices is left out, because it needs accelerate."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainingArguments, "_setup_devices", torch.device("cpu"))
        return build(*given, **fields)


def refused(arguments):
    with pytest.raises(ConfigError) as caught:
        from_training_arguments(arguments)
    return caught.value


def without(config, names):
    return config.replace(**{name: TrainConfig.model_fields[name].default for name in names})


# there and back


@settings(deadline=None, max_examples=200)
@given(config=configs, steps_per_epoch=st.one_of(st.none(), st.integers(1, 10**6)))
def test_every_config_comes_back_but_for_what_is_listed(config, steps_per_epoch):
    fields = training_fields(config, steps_per_epoch=steps_per_epoch)
    expected = without(settled(config, steps_per_epoch), untranslated(config))
    assert from_training_arguments(fields) == expected
    assert not_taken(fields) == {}
    assert expected.changed().keys().isdisjoint(NO_ARGUMENT)


@settings(deadline=None, max_examples=60)
@given(configs)
def test_it_comes_back_from_real_arguments_and_from_their_dict(config):
    if config.precision == "bf16":  # which transformers takes on a processor only where that is said
        config = config.replace(device="cpu")
    arguments = made(to_training_arguments, config, steps_per_epoch=45)
    expected = without(settled(config, 45), untranslated(config))
    assert from_training_arguments(arguments) == from_training_arguments(arguments.to_dict()) == expected
    assert not_taken(arguments) == not_taken(arguments.to_dict()) == {}


@settings(deadline=None, max_examples=60)
@given(configs)
def test_arguments_made_again_from_what_came_back_are_the_same(config):
    fields = training_fields(config, steps_per_epoch=45)
    assert training_fields(from_training_arguments(fields), steps_per_epoch=45) == fields


@pytest.mark.parametrize("name", KNOBS)
def test_every_field_is_translated_or_has_a_reason(name):
    changed = {"max_steps": 1000, "evaluate_every": 7, "log_every": 3, "device": "cpu", "schedule": "cosine"}
    changed |= {"optimizer": "sgd", "momentum": 0.9, "keep": "last", "epochs": 8, "layer_decay": 0.5}
    changed |= {"compile": True, "gradient_checkpointing": True, "group_by_length": "on", "fast_dropout": True}
    other = changed.get(name, KNOBS[name].choices[-1:] or None)
    if isinstance(other, tuple):
        other = other[0]
    if other is None:
        other = KNOBS[name].maximum if KNOBS[name].minimum is not None else "mine"
    apart = (
        {"optimizer": "sgd"}
        if name == "momentum"
        else {"max_steps": 10**9}
        if name in {"warmup_steps", "buffer_size"}
        else {}
    )
    config, plain = TrainConfig(**apart, **{name: other}), TrainConfig(**apart)
    if name in NO_ARGUMENT:
        assert untranslated(config)[name].endswith(".")
        assert training_fields(config) == training_fields(plain) or name == "method"
    else:
        assert name not in untranslated(config)
        assert training_fields(config) != training_fields(plain)


def test_a_default_config_leaves_nothing_unsaid():
    assert untranslated(TrainConfig()) == {}


def test_the_known_values():
    config = TrainConfig(
        learning_rate=0.003, batch_size=16, epochs=4, schedule="linear", warmup_steps=0.1, optimizer="sgd", momentum=0.9,
        weight_decay=0.02, max_grad_norm=0.0, label_smoothing=0.1, gradient_accumulation_steps=2, seed=7,
        evaluate_every=20, evaluation_batch_size=64, log_every=5, device="cpu",
    )  # fmt: skip
    fields = training_fields(config)
    assert fields["learning_rate"] == 0.003
    assert (fields["per_device_train_batch_size"], fields["per_device_eval_batch_size"]) == (16, 64)
    assert (fields["num_train_epochs"], fields["max_steps"], fields["gradient_accumulation_steps"]) == (4.0, -1, 2)
    assert (fields["lr_scheduler_type"], fields["warmup_steps"]) == ("linear", 0.1)
    assert (fields["optim"], fields["optim_args"]) == ("sgd", "momentum=0.9")
    assert (fields["weight_decay"], fields["max_grad_norm"], fields["label_smoothing_factor"]) == (0.02, 0.0, 0.1)
    assert (fields["eval_strategy"], fields["eval_steps"], fields["logging_steps"]) == ("steps", 20, 5)
    assert (fields["seed"], fields["use_cpu"], fields["load_best_model_at_end"]) == (7, True, True)


@pytest.mark.parametrize(("every", "strategy"), [(None, "epoch"), (0, "no"), (9, "steps")])
def test_when_to_evaluate(every, strategy):
    arguments = made(to_training_arguments, TrainConfig(evaluate_every=every))
    assert arguments.eval_strategy == strategy
    assert arguments.load_best_model_at_end


@pytest.mark.parametrize("keep", KNOBS["keep"].choices)
@pytest.mark.parametrize("metric", KNOBS["best_metric"].choices)
def test_what_is_best(keep, metric):
    arguments = made(to_training_arguments, TrainConfig(keep=keep, best_metric=metric))
    assert arguments.load_best_model_at_end == (keep == "best")
    if keep == "best":
        assert (arguments.metric_for_best_model, arguments.greater_is_better) == (metric, metric != "loss")
    assert from_training_arguments(arguments).best_metric == metric


def test_a_metric_may_have_its_long_name():
    assert from_training_arguments({"metric_for_best_model": "eval_accuracy"}).best_metric == "accuracy"


def test_without_the_steps_of_an_epoch_it_logs_once_an_epoch_else_five_times():
    assert training_fields(TrainConfig())["logging_strategy"] == "epoch"
    assert training_fields(TrainConfig(), steps_per_epoch=45)["logging_steps"] == 9
    assert training_fields(TrainConfig(), steps_per_epoch=2)["logging_steps"] == 1


def test_the_folder_is_passed_on(tmp_path):
    assert training_fields(TrainConfig(), output_dir=tmp_path)["output_dir"] == str(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"optimizer": "adam"}, "optimizer"),
        ({"momentum": 0.9}, "momentum"),
        ({"device": "cuda"}, "device"),
        ({"early_stopping": "patience"}, "early_stopping"),
        ({"threads": 2}, "threads"),
        ({"data": "digits"}, "data"),
    ],
)
def test_what_arguments_can_not_say_is_listed(fields, name):
    assert untranslated(TrainConfig(**fields)).keys() == {name}


# the same training, as far as it can be seen from the arguments


schedules = st.fixed_dictionaries(
    {
        "schedule": st.sampled_from(KNOBS["schedule"].choices),
        "warmup_steps": st.one_of(st.floats(0, 1, exclude_max=True), st.integers(1, 30).map(float)),
        "learning_rate": st.floats(1e-6, 10),
        "epochs": st.integers(1, 4),
        "max_steps": st.one_of(st.none(), st.integers(30, 90)),
    }
)


@settings(deadline=None, max_examples=150)
@given(fields=schedules, steps_per_epoch=st.integers(30, 60))
def test_transformers_scheduler_gives_the_rates_of_the_plan(fields, steps_per_epoch):
    config = TrainConfig(**fields)
    plan = Plan.of(config, steps_per_epoch)
    arguments = made(to_training_arguments, config, steps_per_epoch=steps_per_epoch)
    total = arguments.max_steps if arguments.max_steps > 0 else math.ceil(arguments.num_train_epochs * steps_per_epoch)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=arguments.learning_rate)
    scheduler = transformers.get_scheduler(
        arguments.lr_scheduler_type, optimizer, arguments.get_warmup_steps(total), total, arguments.lr_scheduler_kwargs
    )
    rates = []
    for _ in range(total):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert rates == pytest.approx(plan.rates(), abs=1e-12, rel=1e-12)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_transformers_builds_the_same_kind_of_optimizer(optimizer):
    from aitrain_nb.engine.optim import build_optimizer

    config = TrainConfig(optimizer=optimizer, momentum=0.8, beta1=0.7, beta2=0.99, epsilon=1e-6, learning_rate=0.02)
    arguments = made(to_training_arguments, config)
    kind, settings_there = transformers.Trainer.get_optimizer_cls_and_kwargs(arguments, None)
    ours = build_optimizer(torch.nn.Linear(2, 2), config)
    assert type(ours) is kind
    for name, value in settings_there.items():
        assert ours.param_groups[0][name] == value, name


# from transformers


def test_transformers_own_defaults():
    config = from_training_arguments({})
    assert config == from_training_arguments(made(TrainingArguments))
    assert not_taken({}) == not_taken(made(TrainingArguments)) == {}
    assert (config.learning_rate, config.batch_size, config.epochs, config.seed) == (5e-5, 8, 3, 42)
    assert (config.schedule, config.weight_decay, config.evaluate_every, config.keep) == ("linear", 0.0, 0, "last")


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"lr_scheduler_type": "polynomial"}, "lr_scheduler_type"),
        ({"lr_scheduler_type": "constant", "warmup_steps": 5}, "warmup_steps"),
        ({"optim": "adafactor"}, "optim"),
        ({"optim": "sgd", "optim_args": "momentum=0.5,nesterov=true"}, "optim_args"),
        ({"num_train_epochs": 2.5}, "num_train_epochs"),
        ({"eval_strategy": "steps", "eval_steps": 0.25}, "eval_steps"),
        ({"logging_steps": 0.1}, "logging_steps"),
        ({"logging_strategy": "no"}, "logging_strategy"),
        ({"bf16_full_eval": True}, "bf16_full_eval"),
        ({"train_sampling_strategy": "sequential"}, "train_sampling_strategy"),
        ({"data_seed": 0}, "data_seed"),
        ({"save_strategy": "epoch"}, "save_strategy"),
        ({"load_best_model_at_end": True, "metric_for_best_model": "f1"}, "metric_for_best_model"),
        ({"metric_for_best_model": "accuracy", "greater_is_better": False}, "metric_for_best_model"),
        ({"report_to": ["tensorboard"]}, "report_to"),
        ({"dataloader_num_workers": 4}, "dataloader_num_workers"),
        ({"hub_token": "hf_secret"}, "hub_token"),
    ],
)
def test_what_is_left_out_is_listed_with_a_reason(arguments, name):
    notes = not_taken(arguments)
    assert notes.keys() == {name}
    assert notes[name].endswith((".", "them."))
    assert "secret" not in str(notes)
    assert isinstance(from_training_arguments(arguments), TrainConfig)


def test_what_says_off_in_another_way_is_not_listed():
    off = {"report_to": [], "debug": [], "gradient_checkpointing": False, "include_num_input_tokens_seen": False}
    assert not_taken(off | {"accelerator_config": AcceleratorConfig(), "do_eval": True}) == {}


def test_a_part_that_is_there_is_taken_and_the_rest_listed():
    assert from_training_arguments({"optim": "sgd", "optim_args": "momentum=0.5, nesterov=true"}).momentum == 0.5
    assert from_training_arguments({"num_train_epochs": 2.5}).epochs == 3
    assert from_training_arguments({"num_train_epochs": 2.5, "max_steps": 40}).max_steps == 40
    assert from_training_arguments({"eval_strategy": "steps", "logging_steps": 30}).evaluate_every == 30
    assert from_training_arguments({"lr_scheduler_type": "constant", "warmup_steps": 5}).warmup_steps == 0


def test_an_argument_of_a_library_on_top_of_transformers_is_listed():
    @dataclasses.dataclass
    class Arguments(TrainingArguments):
        beta: float = 0.1

    assert "transformers" in not_taken(made(Arguments, beta=0.2))["beta"]
    assert not_taken(made(Arguments)) == {}


@pytest.mark.parametrize("arguments", [None, 3, "learning_rate=3", [("seed", 1)], TrainConfig(), TrainingArguments])
def test_what_holds_no_arguments_is_refused(arguments):
    assert "training arguments" in refused(arguments).what


def test_an_unknown_name_is_answered_with_the_nearest_or_with_what_it_is_here():
    assert "learning_rate" in refused({"learning_rte": 1}).fix
    assert "evaluate_every" in refused({"evaluation_strategy": "epoch"}).fix
    assert "warmup_steps" in refused({"warmup_ratio": 0.1}).fix or "warmup_ratio" in ARGUMENTS
    assert "3" in refused({3: 1}).what


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("learning_rate", "big"), ("learning_rate", -1), ("num_train_epochs", "three"), ("num_train_epochs", math.nan),
        ("num_train_epochs", 0), ("max_steps", None), ("optim", "adamv"), ("lr_scheduler_type", "linea"), ("seed", 2**32),
        ("eval_strategy", ["steps"]), ("logging_steps", "often"), ("optim_args", 3), ("label_smoothing_factor", 1.0),
        ("per_device_train_batch_size", 10**400), ("num_train_epochs", 10**400), ("max_steps", 2.5),
    ],
)  # fmt: skip
def test_a_value_that_makes_no_sense_is_refused_by_name(name, value):
    extra = {"eval_strategy": "steps"} if name == "eval_steps" else {}
    ours = {"num_train_epochs": "epochs"}.get(name, PLAIN.get(name, name))
    assert {name, ours} & set(refused(extra | {name: value}).what.split())


@pytest.mark.parametrize("value", ["often", -math.inf, True, [3]])
def test_steps_between_evaluations_are_a_number(value):
    assert "eval_steps" in refused({"eval_strategy": "steps", "eval_steps": value}).what


@pytest.mark.parametrize("value", [0, -3, 2.0, "45", True])
def test_steps_of_an_epoch_are_a_whole_number(value):
    with pytest.raises(ConfigError, match="steps_per_epoch"):
        training_fields(TrainConfig(), steps_per_epoch=value)


# where transformers can't


@pytest.mark.skipif(HAS_ACCELERATE, reason="accelerate is installed")
def test_without_accelerate_the_error_names_it():
    with pytest.raises(ConfigError, match="pip install accelerate"):
        to_training_arguments(TrainConfig())


@pytest.mark.skipif(
    not HAS_ACCELERATE, reason="accelerate isn't installed; its search for devices is replaced elsewhere"
)
def test_with_accelerate_the_whole_of_it_runs():
    config = TrainConfig(device="cpu", learning_rate=0.01, evaluation_batch_size=8, log_every=5)
    assert from_training_arguments(to_training_arguments(config)) == settled(config)


def test_a_transformers_with_other_arguments_is_an_error_that_names_it(monkeypatch):
    def other(self, **fields):
        raise TypeError("got an unexpected keyword argument 'optim'")

    monkeypatch.setattr(TrainingArguments, "__init__", other)
    with pytest.raises(ConfigError, match="'optim'"):
        to_training_arguments(TrainConfig())


# names


@pytest.mark.parametrize("name", sorted({*ARGUMENTS, *OF_4.split()}))
def test_every_name_of_transformers_has_a_sentence(name):
    sentence = old_name(name)
    assert sentence[0].isupper() or sentence.startswith("trainer")
    assert sentence.endswith(".")
    assert len(sentence.split()) <= 24


@pytest.mark.parametrize("name", ALIASES)
def test_every_alias_has_a_sentence_with_the_name_here(name):
    assert ALIASES[name] in old_name(name)


def test_a_name_may_be_written_as_on_a_command_line():
    assert old_name("--per-device-train-batch-size") == "It is called batch_size here."


@pytest.mark.parametrize("name", ["colour", "", "epochs"])
def test_a_name_of_nobody_has_none(name):
    assert old_name(name) is None


def test_importing_it_and_asking_for_a_name_loads_neither_torch_nor_transformers():
    program = (
        "import sys, aitrain_nb.old_names as there, aitrain_nb.hugging_face; there.old_name('fp16');"
        "print([name for name in ('torch', 'transformers', 'pandas') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"


# what users of 4 write


@pytest.mark.parametrize(
    ("name", "value", "now"),
    [
        ("evaluation_strategy", "epoch", "eval_strategy"),
        ("no_cuda", True, "use_cpu"),
        ("warmup_ratio", 0.1, "warmup_steps"),
        ("tokenizer", 1, "processing_class"),
    ],
)
def test_an_old_argument_is_answered_with_the_new_one(name, value, now):
    with pytest.raises(ConfigError, match=now):
        TrainConfig().to_training_arguments(**{name: value})


def test_a_field_that_changes_the_training_is_not_lost_in_silence():
    with pytest.warns(UserWarning, match="can't say class_weights"):
        made(TrainConfig(class_weights="balanced").to_training_arguments)


def test_an_argument_of_theirs_can_be_added():
    assert (
        made(TrainConfig().to_training_arguments, report_to="none", dataloader_num_workers=2).dataloader_num_workers
        == 2
    )


def test_a_tokenizers_name_is_no_way_to_cut_texts():
    with pytest.raises(ConfigError, match="brings its own tokenizer"):
        TrainConfig(tokenizer="bert-base-uncased")


@pytest.mark.parametrize("name", ["tokenizer", "processing_class"])
def test_a_trainers_tokenizer_is_its_processor(name):
    import aitrain_nb as ai

    with pytest.raises(ConfigError, match="processor"):
        ai.Trainer(torch.nn.Linear(1, 1), "text-classification", None, **{name: 1})
