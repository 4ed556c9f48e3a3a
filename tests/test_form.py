"""The form without a browser: what the page is told, what it does with what the page sends, and what stays in the file."""

from dataclasses import replace

import pytest
import torch

import aitrain_nb as ai
from aitrain_nb.diagnosis import Findings
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


def test_every_slider_has_a_number_to_stand_at(form):
    shown = form.shown
    for name in (field["name"] for field in form.fields if field["slider"]):
        held = shown["values"][name] if shown["values"][name] is not None else shown["automatic"].get(name)
        assert isinstance(held, int | float), (
            f"a page can't draw the slider of {name} at {held}: it stays empty from there on"
        )


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
    assert form.shown["hidden"] == ["Texts", "LoRA"]
    set_field(form, "data", "tickets")
    assert form.preview.config.task == "text-classification"
    assert form.shown["hidden"] == ["Images", "LoRA"]
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


@pytest.fixture
def exploded(form, monkeypatch):
    """A form whose run has exploded."""
    Page().take_the_place_of_the_notebook(monkeypatch)
    set_field(form, "max_steps", None)
    set_field(form, "learning_rate", 10.0)
    form._hear(None, {"type": "train"}, [])
    return form


def items(form):
    return {item["key"]: item for item in form.advised["items"]}


def test_after_a_run_the_form_says_what_is_wrong_and_enters_the_fix_and_takes_it_back(exploded):
    form = exploded
    assert "learning rate too high" in form.advised["headline"]
    assert form.findings.names == ["learning rate too high"]
    assert (items(form)["0"]["state"], items(form)["0"]["changes"]) == ("open", "learning rate 10 → 0.001")
    form._hear(None, {"type": "apply", "value": "0"}, [])
    assert form.config.learning_rate == form.shown["values"]["learning_rate"] == 0.001
    assert form.advised["marked"] == {"learning_rate": "was 10"}
    assert items(form)["0"]["state"] == "entered"
    form._hear(None, {"type": "undo", "value": "0"}, [])
    assert form.config.learning_rate == 10
    assert not form.advised["marked"]
    assert items(form)["0"]["state"] == "open"
    form.apply(form.findings)
    set_field(form, "learning_rate", 0.002)
    assert not form.advised["marked"], "what a person has overwritten is nobody's change any more"
    form.undo()
    assert form.config.learning_rate == 0.002


def test_what_stays_says_the_code_that_applies(exploded):
    exploded.find_learning_rate()
    twin = exploded.bundle()
    for shown in (twin["text/html"], twin["text/plain"]):
        assert "form.apply(form.findings)" in shown
        assert "form.apply(form.rates)" in shown
    assert "<script" not in twin["text/html"]


def test_a_fix_that_cannot_be_is_refused_in_words(exploded, monkeypatch):
    finding = exploded.findings[0]
    monkeypatch.setattr(exploded._advice, "findings", Findings("a run", [replace(finding, fix={"batch_size": -1})]))
    exploded._hear(None, {"type": "apply", "value": "0"}, [])
    assert "batch_size" in items(exploded)["0"]["wrong"]
    for odd in (None, 3, "7", ["0"], "rates"):
        exploded._hear(None, {"type": "apply", "value": odd}, [])
    assert exploded.config.learning_rate == 10


def test_findings_from_elsewhere_are_shown_with_their_buttons():
    findings = ai.diagnose([2.5, 1.8, 1.2, 0.8], [2.6, 1.9, 1.3, 1.5])
    form = ai.ConfigForm("digits", model="mlp", findings=findings)
    assert "overfitting" in form.advised["headline"]
    assert items(form)["0"]["state"] == ("open" if findings[0].fix else "none")


def test_a_range_test_of_the_form_touches_no_run(exploded):
    before, drawn = exploded.trainer.fingerprint(), torch.get_rng_state()
    told = []
    exploded.observe(lambda change: told.append(change.new), "testing")
    exploded._hear(None, {"type": "test"}, [])
    assert told[0]["word"] == "waiting"
    assert told[-1]["word"] == "done"
    assert exploded.rates == exploded._advice.find("rates")
    assert (exploded.trainer.fingerprint(), exploded.trainer.step) == (before, len(exploded.history))
    assert torch.equal(drawn, torch.get_rng_state())
    exploded._hear(None, {"type": "apply", "value": "rates"}, [])
    assert exploded.config.learning_rate == exploded.rates.learning_rate
    same = ai.find_learning_rate(ai.prepare(exploded.config.replace(learning_rate=10.0)))
    assert same.losses == exploded.rates.losses


def test_a_range_test_is_stopped_before_it_begins_and_under_way(form, monkeypatch):
    waiting = []
    monkeypatch.setattr(form, "in_turn", lambda act: waiting.append(act) or True)
    for _ in range(2):
        form._hear(None, {"type": "test"}, [])
    assert len(waiting) == 1, "it is begun once"
    form._hear(None, {"type": "stop_test"}, [])
    waiting.pop()()
    assert (form.testing["word"], form.rates) == ("stopped", None)
    form.observe(lambda change: change.new["word"] == "testing" and change.new["done"] and form._test.stop(), "testing")
    form._hear(None, {"type": "test"}, [])
    waiting.pop()()
    assert form.testing["word"] == "stopped"
    assert form.rates.ended == "stopped"
    assert len(form.rates.losses) < 100


def test_without_a_kernel_the_range_test_says_what_to_run_instead(form, monkeypatch):
    monkeypatch.setattr(form, "in_turn", lambda act: False)
    form._hear(None, {"type": "test"}, [])
    assert (form.testing["word"], "form.find_learning_rate()" in form.testing["said"]) == ("ready", True)


def test_what_the_run_needs_comes_after_and_then_follows_at_once(monkeypatch):
    form = ai.ConfigForm("digits", model="small-vit", max_steps=20)
    assert form.shown["facts"]["memory"] == form.shown["facts"]["time"] == "not known yet"
    waiting = []
    monkeypatch.setattr(form, "in_turn", lambda act: waiting.append(act) or True)
    for size in (48, 16):
        set_field(form, "batch_size", size)
    assert len(waiting) == 1, "it is found out once"
    waiting.pop()()
    small = form.shown["facts"]
    assert "above what this process takes now" in small["memory"]
    assert form.preview.estimate.parts == ai.estimate(form.config).parts
    set_field(form, "batch_size", 64)
    assert form.shown["facts"]["memory"] != small["memory"], (
        "another batch is arithmetic, what the C library keeps apart"
    )
    while waiting:
        waiting.pop()()
    assert form.preview.estimate.parts == ai.estimate(form.config).parts
    set_field(form, "gradient_checkpointing", True)
    assert len(waiting) == 1
    set_field(form, "model", "mlp")
    waiting.pop(0)()
    assert form.preview.estimate.parts == ai.estimate(form.config).parts
    assert "memory by part" in form.bundle()["text/html"]


def test_what_is_left_automatic_says_what_it_is(form):
    set_field(form, "model", "small-vit")
    assert form.shown["automatic"]["attention"] == "sdpa"
    assert form.shown["automatic"]["fused_optimizer"] == "on"
    assert form.shown["automatic"]["precision"] == "fp32"
    assert form.shown["automatic"]["threads"] == form.prepare().config.threads


def test_a_model_that_cannot_be_followed_is_asked_once(form, monkeypatch):
    asked = []

    def refuse(*_):
        asked.append(1)
        raise ai.ConfigError("It can't be made.", "It takes its numbers.", "Make the trainer.")

    monkeypatch.setattr("aitrain_nb.costs.setups.of_run", refuse)
    set_field(form, "model", "small-cnn")
    for size in (8, 16):
        set_field(form, "batch_size", size)
    assert form.shown["facts"]["memory"] == "not known yet"
    assert len(asked) == 1
