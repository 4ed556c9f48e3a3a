"""The form without a browser: what the page is told, what it does with what the page sends, and what stays in the file."""

import pytest

import aitrain_nb as ai
from tests.notebook_page import Page


@pytest.fixture
def form(monkeypatch):
    made = ai.ConfigForm("digits", model="mlp", max_steps=20)
    monkeypatch.setattr(made, "in_turn", lambda act: act() or True)
    return made


def set_field(form, name, value):
    form._hear(None, {"type": "set", "name": name, "value": value}, [])


def test_every_field_of_the_config_is_there_the_basic_ones_first(form):
    assert [field["name"] for field in form.fields] == list(ai.TrainConfig.model_fields)
    groups = [bool(field["group"]) for field in form.fields]
    assert groups == sorted(groups)
    sliders = {field["name"] for field in form.fields if field["slider"]}
    assert {"learning_rate", "batch_size", "epochs", "warmup_steps", "weight_decay"} <= sliders
    assert all(field["label"] and field["help"] for field in form.fields)


def test_what_the_page_sets_holds_and_the_preview_follows(form):
    seen = []
    form.observe(lambda change: seen.append(change.new.batch_size), "value")
    set_field(form, "max_steps", None)
    set_field(form, "batch_size", 100)
    set_field(form, "epochs", 2)
    assert form.config == form.value
    assert (form.config.batch_size, form.config.epochs) == (100, 2)
    assert seen[-1] == 100
    assert form.shown["facts"]["steps in all"] == "30"
    assert form.preview.plan.total_steps == ai.prepare(form.config).total_steps == 30


def test_bad_input_keeps_the_last_good_value_and_says_so_under_its_field(form):
    set_field(form, "batch_size", 64)
    set_field(form, "batch_size", "many")
    assert form.config.batch_size == 64
    assert form.shown["wrong"]["batch_size"]
    set_field(form, "model", "smal-cnn")
    assert form.config.model == "mlp"
    assert "no model named" in form.shown["wrong"]["model"]
    set_field(form, "batch_size", 16)
    assert set(form.shown["wrong"]) == {"model"}


def test_other_data_bring_their_own_task_and_hide_what_makes_no_sense_for_it(form):
    assert form.shown["hidden"] == ["Texts"]
    set_field(form, "data", "tickets")
    assert form.preview.config.task == "text-classification"
    assert form.shown["hidden"] == ["Images"]
    assert "text" in form.data


def test_the_button_trains_what_is_shown(form, monkeypatch):
    Page().take_the_place_of_the_notebook(monkeypatch)
    set_field(form, "learning_rate", 0.02)
    form._hear(None, {"type": "train"}, [])
    assert form.state["word"] == "done", form.state
    assert form.trainer.step == form.preview.plan.total_steps == 20
    assert form.history.last["lr"] == 0.02
    assert not form.history.is_on_show
    twin = form.bundle()
    assert "<figure" in twin["text/html"]
    assert "application/vnd.jupyter.widget-view+json" not in twin
    assert "kept" in twin["text/plain"]


def test_without_a_kernel_the_button_says_what_to_run_instead():
    form = ai.ConfigForm("digits", model="mlp", max_steps=5)
    form._loop = None  # a browser test in the same process has one
    form._hear(None, {"type": "train"}, [])
    assert "form.train()" in form.state["said"]
    assert form.train(display="none").last["step"] == 5


def test_the_code_twin_runs_as_it_is_and_is_the_same_run(form):
    set_field(form, "learning_rate", 0.01)
    space = {}
    exec(form.to_code().replace("fit()", 'fit("none")'), space)
    mine = form.prepare()
    mine.fit("none")
    assert space["trainer"].fingerprint() == mine.fingerprint()


def test_it_is_filled_in_from_a_file_and_from_a_run(form, tmp_path):
    (tmp_path / "run.yaml").write_text(ai.TrainConfig(data="digits", model="small-cnn", epochs=2).to_yaml())
    form._hear(None, {"type": "load", "value": str(tmp_path / "run.yaml")}, [])
    assert form.config.model == "small-cnn"
    trainer = ai.prepare(data="digits", model="mlp", max_steps=3)
    trainer.fit("none")
    ai.save_run(trainer, tmp_path / "run")
    form.load(tmp_path / "run")
    assert form.config.max_steps == 3
    form._hear(None, {"type": "load", "value": str(tmp_path / "absent")}, [])
    assert form.shown["wrong"][""]
    assert form.config.max_steps == 3


def test_hostile_names_stay_text():
    import pandas as pd

    bad = "<img src=x onerror=alert(1)>"
    form = ai.ConfigForm(pd.DataFrame({"text": [f"{bad} {n}" for n in range(60)], "label": [bad, "b"] * 30}))
    assert "<img src=x" not in form.data + form.bundle()["text/html"]


@pytest.mark.parametrize(
    "message",
    [{}, {"type": 3}, {"type": "set"}, {"type": "set", "name": "__class__", "value": 1}, {"type": "load"}, 7, None],
)
def test_a_message_that_is_not_understood_is_left_alone(form, message):
    before = form.config
    form._hear(None, message, [])
    assert form.config == before


def test_it_takes_what_a_range_test_or_a_sweep_suggests(form):
    found = ai.find_learning_rate(form.prepare())
    form.apply(found)
    assert form.config.learning_rate == found.learning_rate
    swept = ai.sweep(form.config, batch_size=[16, 64])
    form.apply(swept)
    assert form.config == swept.best_config
