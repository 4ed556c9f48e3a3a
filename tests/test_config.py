"""The configuration: what it knows about its fields, what it refuses, and its texts."""

import dataclasses
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aitrain_nb.config import TrainConfig
from aitrain_nb.errors import ConfigError
from aitrain_nb.run import resolve
from tests.configs import KNOBS, configs, kinds

NAMES = {"task", "data", "model", "text_column", "pair_column", "label_column", "freeze"}
COUNTS_NOTHING = {"seed"}
FORMATS = {"yaml": (TrainConfig.to_yaml, TrainConfig.from_yaml), "json": (TrainConfig.to_json, TrainConfig.from_json)}


NUMBERS = [name for name in KNOBS if kinds(name) & {int, float}]
SWITCHES = [name for name, knob in KNOBS.items() if knob.kind == "switch" or "on" in knob.choices]
CHOICES = [name for name, knob in KNOBS.items() if knob.choices]


def refused(**fields):
    with pytest.raises(ConfigError) as caught:
        TrainConfig(**fields)
    return caught.value


# what a field says of itself


@pytest.mark.parametrize("name", KNOBS)
def test_every_field_has_a_label_and_a_sentence_of_help(name):
    knob = KNOBS[name]
    assert knob.name == name
    assert knob.label
    assert not knob.label.endswith(".")
    assert knob.help.endswith(".")
    assert knob.usual is None or knob.minimum <= knob.usual[0] < knob.usual[1] <= knob.maximum
    assert knob.scale in {"linear", "log"}


@pytest.mark.parametrize("name", [name for name in KNOBS if name not in NAMES | COUNTS_NOTHING])
def test_every_field_has_a_unit_or_choices_or_is_a_switch(name):
    assert KNOBS[name].unit or KNOBS[name].choices or KNOBS[name].kind == "switch"


@pytest.mark.parametrize("name", NUMBERS)
def test_every_number_has_limits_and_a_default_inside_them(name):
    knob = KNOBS[name]
    assert knob.minimum < knob.maximum
    assert knob.default is None or knob.minimum <= knob.default <= knob.maximum
    assert knob.scale == "linear" or knob.minimum > 0


@pytest.mark.parametrize("name", CHOICES)
def test_a_default_is_one_of_the_choices(name):
    assert KNOBS[name].default in KNOBS[name].choices


def test_labels_are_unique():
    labels = [knob.label for knob in KNOBS.values()]
    assert len(set(labels)) == len(labels)


def test_the_knobs_are_the_fields_in_their_order():
    assert list(KNOBS) == list(TrainConfig.model_fields)


def test_the_defaults_are_what_is_documented():
    config = TrainConfig()
    assert (config.task, config.data, config.model, config.learning_rate) == (None, None, None, None)
    filled = resolve(config)
    assert (filled.task, filled.data, filled.model) == ("image-classification", "digits", "small-cnn")
    assert (config.epochs, config.batch_size, config.seed) == (5, 32, 0)
    assert (config.optimizer, config.max_grad_norm, config.keep) == ("adamw", 1.0, "best")


# what it refuses


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("side", ["minimum", "maximum"])
def test_a_number_at_its_limit_is_taken_and_one_beyond_is_refused_by_name(name, side):
    limit = getattr(KNOBS[name], side)
    limit = int(limit) if int in kinds(name) else limit
    apart = {"max_steps": 10**9} if name in {"warmup_steps", "buffer_size"} else {}
    assert getattr(TrainConfig(**apart, **{name: limit}), name) == limit
    outwards = -1 if side == "minimum" else 1
    beyond = limit + outwards if int in kinds(name) else math.nextafter(limit, outwards * math.inf)
    error = refused(**{name: beyond})
    assert error.what == f"{name} can't be {beyond!r}."
    assert name in error.fix


def test_a_field_without_a_default_may_be_left_out():
    assert (
        refused(learning_rate=-1).fix
        == "Give learning_rate between 1e-08 and 100 (weight units per step (AdamW)), or leave it out."
    )


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "many", [1], {}, 1j])
def test_what_is_no_finite_number_is_refused_by_name(name, value):
    assert name in refused(**{name: value}).what


@pytest.mark.parametrize("name", [name for name in KNOBS if name not in SWITCHES])
@pytest.mark.parametrize("value", [True, False])
def test_a_switch_is_refused_where_a_number_or_name_is_needed(name, value):
    assert name in refused(**{name: value}).what


@pytest.mark.parametrize("name", SWITCHES)
def test_yes_and_no_are_taken_where_there_is_a_switch(name):
    for value, word in ((True, "on"), (False, "off")):
        expected = word if KNOBS[name].choices else value
        assert getattr(TrainConfig(**{name: value}), name) == expected
        assert getattr(TrainConfig.from_yaml(f"{name}: {word}"), name) == expected
    error = refused(**{name: "perhaps"})
    assert name in error.what
    assert "True or False" in error.fix or "off" in error.why


@pytest.mark.parametrize("name", [name for name in NUMBERS if float not in kinds(name)])
def test_a_broken_number_is_refused_where_a_whole_one_is_needed(name):
    assert name in refused(**{name: KNOBS[name].minimum + 0.5}).what


@pytest.mark.parametrize("name", [name for name in KNOBS if type(None) not in kinds(name)])
def test_none_is_refused_where_a_value_is_needed(name):
    assert name in refused(**{name: None}).what


@pytest.mark.parametrize("name", CHOICES)
def test_an_unknown_choice_is_answered_with_the_nearest(name):
    meant = KNOBS[name].choices[-1]
    error = refused(**{name: meant + "x"})
    assert error.what == f"{name} can't be {meant + 'x'!r}."
    assert all(choice in error.why for choice in KNOBS[name].choices)
    assert error.fix == f"Did you mean {meant!r}?"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("learning_rte", "learning_rate"), ("Batch-Size", "batch_size"), ("epoch", "epochs"), ("momentun", "momentum")],
)
def test_an_unknown_name_is_answered_with_the_nearest(typed, meant):
    error = refused(**{typed: 1})
    assert error.what == f"There is no field named {typed!r}."
    assert error.fix == f"Did you mean {meant!r}?"
    assert all(name in error.why for name in KNOBS)


def test_every_problem_is_named_at_once():
    text = str(refused(epochs=0, batch_size=0, colour="red"))
    assert all(name in text for name in ("epochs", "batch_size", "colour"))


@pytest.mark.parametrize("fields", [{"warmup_steps": 1.5}, {"warmup_steps": 20, "max_steps": 10}])
def test_a_warm_up_that_does_not_fit_the_run_is_refused_by_name(fields):
    assert "warmup_steps" in refused(**fields).why


@pytest.mark.parametrize("fields", [{"warmup_steps": 0.5}, {"warmup_steps": 10, "max_steps": 10}])
def test_a_warm_up_that_fits_the_run_is_taken(fields):
    assert TrainConfig(**fields).warmup_steps == fields["warmup_steps"]


def test_a_number_too_long_to_print_is_refused_by_name():
    assert "seed" in refused(seed=10**5000).what


# an object that stays as it is


@pytest.mark.parametrize("name", ["seed", "learning_rate", "colour"])
def test_a_config_can_not_be_changed(name):
    config = TrainConfig()
    with pytest.raises(ConfigError, match=rf"replace\({name}=1\)"):
        setattr(config, name, 1)
    assert config == TrainConfig()


def test_a_knob_can_not_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        KNOBS["seed"].label = "Luck"


def test_replace_gives_a_changed_copy_and_leaves_the_original():
    config = TrainConfig(seed=1)
    changed = config.replace(epochs=7, seed=2)
    assert (changed.epochs, changed.seed, changed.batch_size) == (7, 2, 32)
    assert (config.epochs, config.seed) == (5, 1)


@pytest.mark.parametrize("changes", [{"epochs": 0}, {"epoch": 3}, {"epochs": True}, {"warmup_steps": 30}])
def test_replace_checks_as_a_new_config_does(changes):
    with pytest.raises(ConfigError):
        TrainConfig(max_steps=10).replace(**changes)


def test_changed_lists_what_differs_from_the_default():
    assert TrainConfig().changed() == {}
    assert TrainConfig(epochs=5, seed=3, max_steps=10).changed() == {"seed": 3, "max_steps": 10}


@settings(deadline=None, max_examples=50)
@given(configs)
def test_the_changed_fields_make_the_config_again(config):
    assert TrainConfig(**config.changed()) == config


# texts and files


@pytest.mark.parametrize("kind", FORMATS)
@settings(deadline=None, max_examples=100)
@given(config=configs)
def test_a_config_survives_its_text(kind, config):
    write, read = FORMATS[kind]
    assert read(write(config)) == config


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("as_type", [str, lambda path: path])
def test_a_config_survives_its_file(kind, as_type, tmp_path):
    write, read = FORMATS[kind]
    config = TrainConfig(learning_rate=5e-5, optimizer="sgd", momentum=0.9, max_steps=None)
    path = tmp_path / f"run.{kind}"
    path.write_text(write(config), encoding="utf-8")
    assert read(as_type(path)) == config


@pytest.mark.parametrize("name", ["\x85", "a\u2028b", "é 漢 🙂", " blank ", "a\nb", "null", "1e3", "yes", "'\""])
@pytest.mark.parametrize("kind", FORMATS)
def test_a_name_of_any_letters_survives_its_text(kind, name):
    write, read = FORMATS[kind]
    assert read(write(TrainConfig(data=name))).data == name


def test_letters_of_other_scripts_stay_readable():
    assert "data: 漢字.csv" in TrainConfig(data="漢字.csv").to_yaml()


def test_a_text_has_all_fields_in_the_order_of_a_form():
    names = [line.split(":")[0] for line in TrainConfig().to_yaml().splitlines()]
    assert names == list(KNOBS)


@pytest.mark.parametrize("text", ["5e-5", "5E-5", "0.00005", "'5e-5'", "5.0e-5"])
def test_a_learning_rate_may_be_written_in_any_usual_form(text):
    assert TrainConfig.from_yaml(f"learning_rate: {text}").learning_rate == 5e-5


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "{}"])
def test_an_empty_text_is_the_default_config(text):
    assert TrainConfig.from_yaml(text) == TrainConfig()


@pytest.mark.parametrize(
    "text", ["seed: yes", "seed: on", "seed: .nan", "seed: [1]", "3: 4", "- seed", "seed", "a: b: c"]
)
def test_a_yaml_text_that_is_no_config_is_a_config_error(text):
    with pytest.raises(ConfigError):
        TrainConfig.from_yaml(text)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"seed": NaN}', '{"seed": true}', "seed: 3"])
def test_a_json_text_that_is_no_config_is_a_config_error(text):
    with pytest.raises(ConfigError):
        TrainConfig.from_json(text)


@pytest.mark.parametrize(
    "text",
    ["seed: 2024-99-99", "seed: 0b_", "seed: " + "9" * 5000, "[" * 3000, "run\0.yaml"],
    ids=["no date", "no number", "long number", "deep nesting", "no path"],
)
def test_a_yaml_text_its_reader_chokes_on_is_a_config_error(text):
    with pytest.raises(ConfigError):
        TrainConfig.from_yaml(text)


@pytest.mark.parametrize("text", ['{"seed": ' + "9" * 5000 + "}", "[" * 100_000], ids=["long number", "deep nesting"])
def test_a_json_text_its_reader_chokes_on_is_a_config_error(text):
    with pytest.raises(ConfigError):
        TrainConfig.from_json(text)


@settings(deadline=None, max_examples=100)
@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=40))
def test_no_text_gives_anything_but_a_config_or_a_config_error(text):
    for _, read in FORMATS.values():
        try:
            outcome = read(text)
        except ConfigError as error:
            outcome = error
        assert isinstance(outcome, TrainConfig) or (outcome.what and outcome.fix)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"no config file 'absent\.yaml'"):
        TrainConfig.from_yaml(tmp_path / "absent.yaml")


def test_data_in_the_place_of_a_config_are_told_apart(tmp_path):
    (tmp_path / "mine.csv").write_text("text,label\na,b\n")
    with pytest.raises(
        ConfigError, match=r"'mine\.csv' is no config[\s\S]*aitrain-nb look .*mine\.csv --config run\.yaml"
    ):
        TrainConfig.from_yaml(tmp_path / "mine.csv")


def test_a_file_that_is_no_text_is_named(tmp_path):
    path = tmp_path / "picture.yaml"
    path.write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(ConfigError, match=r"picture\.yaml"):
        TrainConfig.from_yaml(path)
    with pytest.raises(ConfigError, match=tmp_path.name):
        TrainConfig.from_json(tmp_path)
