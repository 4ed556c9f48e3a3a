"""A short slice of `make fuzz`, with the same cases each time."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import aitrain_nb as ai
from aitrain_nb.history import History
from aitrain_nb.lessons import shelf
from aitrain_nb.run_folder import files
from aitrain_nb.run_folder.following import follow_history

HERE = Path(__file__).parent


@pytest.mark.skipif(sys.platform != "linux", reason="cases run in forked children, and their memory is read from /proc")
def test_seconds_of_damaged_input(forked):
    done = subprocess.run(
        [sys.executable, HERE / "fuzzing.py", "--minutes", "0.15", "--seed", "1"],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


# what fuzzing found

ROW = {"step": 1, "epoch": 0.5, "loss": 1.0, "lr": 0.1, "grad_norm": 1.0, "seconds": 0.1, "targets": 4}


@pytest.mark.parametrize(
    "change",
    [
        {"epoch": [1]}, {"loss": "x"}, {"loss": True}, {"loss": None}, {"lr": 10**400}, {"step": 0}, {"step": 1.5}, {"targets": -1},
        {"eval_loss": {}}, {"eval_accuracy": "much"}, {"step": 10**30},
    ],
)  # fmt: skip
def test_a_row_with_something_else_than_numbers_is_refused(change):
    history = History()
    with pytest.raises((ValueError, TypeError)):
        files.read_rows([json.dumps(ROW | change).encode()], history)
    assert not len(history)


def test_rows_out_of_order_are_refused():
    with pytest.raises(ValueError, match="step 1 comes after step 1"):
        files.read_rows([json.dumps(ROW).encode()] * 2, History())


def test_an_evaluation_without_a_loss_can_be_shown():
    history = History()
    files.read_rows([json.dumps(ROW | {"eval_accuracy": 0.5}).encode()], history)
    assert "nan" in history.text()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    ai.prepare(model="mlp", max_steps=2).fit(display="none", output_dir=folder)
    return folder


@pytest.fixture
def copy(run, tmp_path):
    return Path(shutil.copytree(run, tmp_path / "copy"))


def test_an_empty_state_is_said(copy, refused):
    (copy / "state.json").write_bytes(b"")
    refused(lambda: follow_history(copy), ai.DataError, "Can't read the state.json")


@pytest.mark.parametrize(
    "change",
    [
        {"steps_per_epoch": 0},
        {"total_steps": -1},
        {"word": "sleeping"},
        {"heartbeat": "x"},
        {"step": 10**400},
        {"process": None},
    ],
)
def test_a_state_of_wrong_values_is_said(copy, refused, change):
    state = json.loads((copy / "state.json").read_text())
    (copy / "state.json").write_text(json.dumps(state | change))
    refused(lambda: follow_history(copy), ai.DataError, "Can't read the state.json")


@pytest.mark.parametrize(
    "change", [{"kept_epoch": "x"}, {"kept_loss": []}, {"step": None}, {"kept_score": 3}, {"more": 1}]
)
def test_an_ending_of_wrong_values_is_said(copy, refused, change):
    facts = json.loads((copy / "run.json").read_text())
    (copy / "run.json").write_text(json.dumps(facts | {"ending": facts["ending"] | change}))
    refused(lambda: ai.load_run(copy), ai.ConfigError, "the end of the run")


READERS = [
    ai.load_run, ai.diagnose, follow_history, lambda name: ai.prepare(data=f"{name}/x"), lambda name: ai.prepare(model=f"{name}/x"),
]  # fmt: skip


@pytest.mark.parametrize("call", READERS)
def test_a_name_that_is_too_long_is_said(call, refused):
    refused(lambda: call("a" * 5000), ai.DataError, "Can't look for")


def test_half_a_character_in_a_text_is_no_trouble():
    texts = [f"{word} \ud800 {number}" for number, word in enumerate(["late", "good"] * 20)]
    trainer = ai.prepare(
        data=ai.Dataset({"text": texts, "label": ["a", "b"] * 20}), model="small-encoder", vocabulary_size=60, batch_size=4, max_steps=1
    )  # fmt: skip
    trainer.fit(display="none")
    assert len(trainer.predict(["half \udc80"])) == 1
    assert trainer.data.train.columns["text"][0].count("\ufffd") == 1


def test_a_run_on_data_in_memory_comes_back_with_them(tmp_path):
    import torch

    data = ai.Dataset({"image": torch.rand(40, 1, 8, 8), "label": torch.arange(40) % 2})
    trainer = ai.prepare(data=data, model="mlp", max_steps=4, batch_size=8)
    trainer.fit(display="none", output_dir=tmp_path / "run")
    again = ai.load_run(tmp_path / "run", data=data)
    assert again.fingerprint() == trainer.fingerprint()
    assert again.evaluate().loss == trainer.evaluate().loss
    again.fit(display="none", output_dir=tmp_path / "run", max_steps=6)
    assert again.step == 6


def test_a_writer_that_died_before_it_began_is_said(tmp_path, refused):
    import os

    folder = tmp_path / "run"
    folder.mkdir()
    (folder / ".lock").touch()
    assert follow_history(folder).word == "waiting"  # it may be just about to begin
    os.utime(folder / ".lock", (1, 1))
    refused(lambda: ai.follow(folder, "none"), ai.DataError, "has gone")


def test_a_field_whose_name_is_half_a_character_is_said(refused):
    refused(lambda: ai.TrainConfig(**{"\ud800": 1}), ai.ConfigError, "A field's name")


def test_a_log_with_a_number_of_hundreds_of_digits_is_read():
    assert ai.diagnose(
        [{"loss": 1.0 / step, "step": step} for step in range(1, 9)] + [{"loss": 0.1, "step": 9, "x": 10**400}]
    )
    import pandas as pd

    frame = pd.DataFrame({"loss": [1.0, 0.5, 0.4], "lr": [0.1, -(10**400), 0.1]})
    assert ai.diagnose(frame).text()


def test_a_field_with_a_very_long_name_is_said_in_short(refused):
    assert len(refused(lambda: ai.TrainConfig(**{"a" * 70_000: 1}), ai.ConfigError, "aaa...")) < 1500


def test_a_folder_for_a_history_is_said(copy, refused):
    (copy / "history.jsonl").unlink()
    (copy / "history.jsonl").mkdir()
    for read in (follow_history, ai.diagnose):
        refused(lambda read=read: read(copy), ai.DataError, "Can't read the history.jsonl")


@pytest.mark.parametrize("step", ["seven", None, -1, 2.5])
def test_a_step_that_is_none_is_said(copy, refused, step):
    facts = json.loads((copy / "run.json").read_text())
    shutil.rmtree(copy / "checkpoints")
    (copy / "run.json").write_text(json.dumps(facts | {"step": step}))
    refused(lambda: ai.load_run(copy), ai.ConfigError, "about the step")


def test_a_very_long_name_for_the_lessons_is_said_in_short(tmp_path):
    with pytest.raises(ai.AitrainError) as raised:
        shelf.copy_lessons(tmp_path / ("x" * 5000))
    assert len(str(raised.value)) < 400


def test_half_a_character_in_a_folder_s_name_is_no_trouble_for_the_command(tmp_path):
    folder = tmp_path / "half\udc80"
    done = subprocess.run(
        [sys.executable, "-m", "aitrain_nb", "notebooks", "--to", folder], capture_output=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert b"files written" in done.stdout
