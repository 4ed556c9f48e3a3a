"""A diagnosis of curves, whoever wrote them: what it says, what it reads, what it does with nonsense."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import aitrain_nb as ai
from aitrain_nb import cli
from aitrain_nb.diagnosis import RULES
from aitrain_nb.diagnosis.beforehand import BEFORE

FALLING = [2.5, 1.8, 1.2, 0.9, 0.75, 0.68, 0.65, 0.64]
FOLLOWING = [2.6, 1.9, 1.3, 1.0, 0.86, 0.80, 0.78, 0.77]
OVERFITTING = ([2.5, 1.8, 1.2, 0.8], [2.6, 1.9, 1.3, 1.5])
HOSTILE = "<img src=x onerror=alert(1)>\u202e"


def decay(count, start=2.3, floor=0.3, noise=0.02, seed=0):
    places = np.arange(count) / count
    return floor + (start - floor) * np.exp(-4 * places) + np.random.default_rng(seed).normal(0, noise, count)


@pytest.fixture(scope="module")
def trained():
    trainer = ai.prepare(model="mlp", epochs=3)
    trainer.fit(display="none")
    return trainer


def test_a_healthy_run_gets_three_ticks():
    findings = ai.diagnose(FALLING, FOLLOWING)
    assert findings.names == ["healthy"]
    assert not findings.alarms
    assert findings.fix == {}
    assert [tick.holds for tick in findings.ticks] == [True, True, True]


def test_the_table_of_the_source_text_is_overfitting_from_epoch_four():
    (finding,) = ai.diagnose(*OVERFITTING)
    assert finding.name == "overfitting"
    assert "evaluation 4" in finding.what
    assert finding.is_alarm


@pytest.mark.parametrize(
    ("curve", "name"),
    [
        ([2.3, 40.0, 300.0, 280.0, 310.0], "loss exploding"),
        ([1.0, 1.1, 1.3, 1.5, 1.7, 1.9], "loss increasing"),
        (list(decay(30)) + list(np.linspace(0.3, 1.9, 30)), "loss increasing"),
        (list(1.0 + np.random.default_rng(0).normal(0, 0.4, 200)), "noisy loss"),
    ],
)
def test_the_warning_signs_of_the_source_text(curve, name):
    assert name in ai.diagnose(curve)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("count", [8, 60, 2_000])
def test_a_falling_curve_of_any_length_and_scale_is_no_alarm(count, scale):
    assert ai.diagnose(decay(count) * scale).alarms == []


def test_a_finding_has_everything_and_can_be_taken_apart():
    findings = ai.diagnose([2.3, 40.0, 300.0, 280.0, 310.0])
    finding = findings[0]
    for part in ("what", "refute", "advice", "how_to_read", "source", "could_also_be", "evidence", "confidence"):
        assert getattr(finding, part), part
    assert json.loads(json.dumps(findings.to_dict()))["findings"][0]["name"] == finding.name
    assert findings.table().loc[0, "name"] == finding.name
    assert finding.what in findings.text()
    assert finding.what in repr(finding)
    with pytest.raises(AttributeError):
        finding.name = "other"
    with pytest.raises(TypeError):
        finding.fix["learning_rate"] = 1.0


def test_every_rule_has_its_own_name_and_explains_only_what_there_is():
    names = [rule.name for rule in RULES]
    assert len(set(names)) == len(names)
    names += [rule.name for rule in BEFORE]
    assert {name for rule in RULES for name in rule.explains} <= set(names)


def test_a_trainer_its_history_its_frame_and_its_folder_say_the_same(trained, tmp_path):
    ai.save_run(trained, tmp_path / "run")
    trained.history.to_csv(tmp_path / "history.csv")
    sources = [trained, trained.history, trained.history.frame(), str(tmp_path / "run"), tmp_path / "history.csv"]
    assert [ai.diagnose(source).names for source in sources] == [["healthy"]] * 5


def test_the_log_of_a_trainer_of_transformers(tmp_path):
    logs = []
    for epoch, (loss, checked) in enumerate(zip(*OVERFITTING, strict=True), start=1):
        logs.append({"step": 10 * epoch, "epoch": epoch, "loss": loss, "learning_rate": 1e-4, "grad_norm": 1.0})
        logs.append({"step": 10 * epoch, "epoch": epoch, "eval_loss": checked, "eval_runtime": 1.0})
    file = tmp_path / "trainer_state.json"
    file.write_text(json.dumps({"log_history": logs, "global_step": 40}))
    assert ai.diagnose(file).names == ai.diagnose(tmp_path).names == ai.diagnose(logs).names == ["overfitting"]


def test_the_logs_of_keras_and_lightning(tmp_path):
    pd.DataFrame(
        {"epoch": range(4), "loss": OVERFITTING[0], "val_loss": OVERFITTING[1], "val_accuracy": [0.1, 0.4, 0.6, 0.5]}
    ).to_csv(tmp_path / "keras.csv", index=False)
    rows = []
    for epoch, (loss, checked) in enumerate(zip(*OVERFITTING, strict=True)):
        rows += [{"epoch": epoch, "step": 50 * epoch + 25 * part, "train_loss": loss} for part in range(2)]
        rows += [
            {"epoch": epoch, "step": 50 * epoch + 49, "val_loss": checked},
            {"step": 50 * epoch + 49, "lr-AdamW": 1e-3},
        ]
    pd.DataFrame(rows).to_csv(tmp_path / "metrics.csv", index=False)
    assert ai.diagnose(tmp_path / "keras.csv").names == ["overfitting"]
    assert ai.diagnose(tmp_path / "metrics.csv").names == ["overfitting"]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: folder / "none.csv", "There is no file or folder 'none.csv'"),
        (lambda folder: folder, "empty"),
        (lambda folder: _written(folder / "odd.csv", "a,b\n1,2\n"), "It has: a, b"),
        (lambda folder: _written(folder / "empty.csv", ""), "Can't read 'empty.csv'"),
        (lambda folder: _written(folder / "broken.json", "{"), "Can't read 'broken.json'"),
        (lambda folder: _written(folder / "trainer_state.json", '{"log_history": 3}'), "holds no log"),
        (lambda folder: [], "Both lists are empty"),
        (lambda folder: ["a", "b"], "can't be read as losses"),
        (lambda folder: 3, "tells of no run"),
        (lambda folder: pd.DataFrame({"x": [1]}), "It has: x"),
    ],
)
def test_what_tells_of_no_run_gets_a_sentence(tmp_path, make, words):
    with pytest.raises(ai.AitrainError) as error:
        ai.diagnose(make(tmp_path))
    assert words in str(error.value) or words == "empty"
    assert error.value.fix


def _written(path, text):
    path.write_text(text)
    return path


def test_lists_of_different_length_are_refused():
    with pytest.raises(ai.DataError, match="different lengths"):
        ai.diagnose([1.0, 2.0, 3.0], [1.0, 2.0])


def test_markup_in_names_stays_inert(tmp_path):
    table = pd.DataFrame({HOSTILE: [1, 2, 3, 4], "loss": OVERFITTING[0], "val_loss": OVERFITTING[1]})
    file = tmp_path / "a<b>.csv"
    table.to_csv(file, index=False)
    page = ai.diagnose(file)._repr_html_()
    assert "<b>.csv" not in page
    assert "a&lt;b&gt;.csv" in page
    with pytest.raises(ai.DataError) as error:
        ai.diagnose(table[[HOSTILE]])
    assert HOSTILE[:4] in str(error.value)


def test_the_page_and_the_text_say_what_was_not_looked_at():
    findings = ai.diagnose([3.0, 2.0, 1.0, 0.9])
    assert findings.missing["overfitting"] == "three validation losses"
    assert "three validation losses" in findings._repr_html_()
    assert "three validation losses" in repr(findings)
    assert "<script" not in findings._repr_html_()


def test_the_fix_goes_into_a_config_and_into_the_form():
    trainer = ai.prepare(model="mlp", epochs=1, learning_rate=1.0)
    trainer.fit(display="none")
    findings = ai.diagnose(trainer)
    assert findings.alarms
    assert findings.apply(trainer.config).learning_rate <= 0.1
    form = ai.ConfigForm("digits", model="mlp", learning_rate=1.0)
    form.apply(findings)
    assert form.config.learning_rate <= 0.1


def test_the_command_line_prints_it(tmp_path):
    file = tmp_path / "log.csv"
    pd.DataFrame({"loss": FALLING, "val_loss": FOLLOWING}).to_csv(file, index=False)
    done = CliRunner().invoke(cli.app, ["diagnose", str(file)])
    assert done.exit_code == 0
    assert "nothing wrong was found" in done.output
    pd.DataFrame({"loss": OVERFITTING[0], "val_loss": OVERFITTING[1]}).to_csv(file, index=False)
    done = CliRunner().invoke(cli.app, ["diagnose", str(file)])
    assert done.exit_code == 1
    assert "overfitting" in done.output


def test_missing_values_are_tolerated():
    assert ai.diagnose([2.5, math.nan, 1.2, 0.8, 0.7], [2.6, 1.9, math.nan, 1.0, 0.9]).alarms == []


KERAS = {"loss": OVERFITTING[0], "val_loss": OVERFITTING[1]}


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (pd.DataFrame({"loss": ["low", "high"]}), "There is no number in loss"),
        (pd.DataFrame({"loss": []}), "There is no number in loss"),
        (pd.DataFrame({"loss": [[1], {}, None]}), "There is no number in loss"),
        (pd.DataFrame({"loss": pd.date_range("2020", periods=3)}), "There is no number in loss"),
        (pd.DataFrame(np.zeros((3, 500))), "and 488 more"),
        (pd.DataFrame({"a\x1b[31m\u202e": [1]}), r"It has: a\u001b[31m\u202e."),
        ([[1.0, 2.0], [3.0]], "can't be read as losses"),
        (np.zeros((3, 2)), "They hold lists themselves"),
        ([{"loss": "x", "step": 1}], "None of its 1 entries"),
        ([{"eval_loss": 1.0, "step": "q"}], "A step or an epoch in it is no number"),
        ({"log_history": []}, "tells of no loss"),
        ({"a": 1}, "holds no log"),
        ({"loss": [1.0, 2.0], "val_loss": [1.0]}, "must be of the same length"),
        ("a" * 5_000, "Can't look for"),
    ],
)  # fmt: skip
def test_what_holds_no_loss_gets_a_sentence_of_its_own(refused, run, words):
    assert len(refused(lambda: ai.diagnose(run), ai.DataError, words)) < 1_000


@pytest.mark.parametrize("text", ['{"a": 1}', "[1, 2, 3]", '"text"', "5", "null"])
def test_json_that_is_no_log_gets_no_words_of_a_library(refused, tmp_path, text):
    said = refused(lambda: ai.diagnose(_written(tmp_path / "odd.json", text)), ai.DataError, "holds no log")
    assert "index" not in said
    assert "constructor" not in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"classes": 0}, "can't be 0 classes"),
        ({"classes": "ten"}, "can't be 'ten' classes"),
        ({"validation": 5}, "can't be read as losses"),
        ({"run": pd.DataFrame(KERAS), "validation": [1.0]}, "It has its own"),
    ],
)
def test_odd_arguments_are_refused(refused, arguments, words):
    refused(lambda: ai.diagnose(**({"run": [3.0, 2.0, 1.0]} | arguments)), ai.DataError, words)


def test_a_dictionary_of_lists_is_a_log_too(tmp_path):
    file = _written(tmp_path / "history.json", json.dumps(KERAS))
    assert ai.diagnose(KERAS).names == ai.diagnose(file).names == ["overfitting"]


def test_of_two_columns_with_one_name_the_first_counts():
    table = pd.DataFrame([[3.0, 9.0], [2.0, 9.0], [1.0, 9.0]], columns=["loss", "loss"])
    assert ai.diagnose(table).names == ["healthy"]


def test_the_text_fits_a_terminal():
    findings = ai.diagnose(*OVERFITTING)
    rows = findings.text(80).split("\n")
    assert max(map(len, rows)) <= 80
    assert " ".join(findings.text(80).split()) == " ".join(findings.text().split())
    assert max(map(len, findings.text().split("\n"))) > 80


def test_a_loss_that_was_lost_has_not_fallen():
    findings = ai.diagnose(list(decay(30)) + [math.nan] * 30)
    assert findings.names[0] == "not a number"
    assert findings.ticks[0].holds is False


def test_one_of_a_thing_is_named_in_the_singular():
    assert ai.diagnose([1.0]).looked_at == ("1 training loss",)
    assert "2 training losses" in ai.diagnose([1.0, 0.5]).looked_at
