"""`ai.runs`: one row a run, the newest first; whatever lies in a folder, the others are shown."""

from __future__ import annotations

import json
import os
import re
import shutil
import time

import pytest
from typer.testing import CliRunner

import aitrain_nb as ai
from aitrain_nb import cli, html
from aitrain_nb.run_folder.summary import read_summary
from tests.test_every_view import HOSTILE, check_inert


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("all")
    ai.prepare(model="mlp", epochs=2).fit("none", output_dir=folder / "first")
    ai.prepare(model="mlp", epochs=2, best_metric="accuracy", learning_rate=0.01).fit(
        "none", output_dir=folder / "second"
    )
    return folder


def test_a_row_says_what_the_run_says(folder):
    second, first = ai.runs(folder)
    assert (second.name, first.name) == ("second", "first")
    for one in (second, first):
        trainer = ai.load_run(folder / one.name)
        assert (one.task, one.data, one.model, one.word) == ("image-classification", "digits", "mlp", "done")
        assert (one.step, one.total_steps) == (trainer.step, trainer.total_steps)
        assert one.losses == [row["eval_loss"] for row in trainer.history.evaluations]
        assert one.best_loss == trainer.ending.kept_loss
        assert one.best_epoch == trainer.ending.kept_epoch
        assert one.best_score == trainer.ending.kept_score
        files = [path for path in (folder / one.name).rglob("*") if path.is_file()]
        assert one.size_bytes == sum(path.stat().st_size for path in files)
        assert one.checkpoint_bytes == sum(path.stat().st_size for path in files if path.parent.name == "checkpoints")
        assert one.seconds > 0
        assert not one.notes


def test_the_frame_and_the_text_have_a_row_a_run(folder):
    table = ai.runs(folder)
    frame = table.frame()
    assert list(frame["name"]) == ["second", "first"]
    assert list(frame["metric"]) == ["accuracy", "loss"]
    assert str(frame["began"].dt.tz) == "UTC"
    assert "mlp on digits" in repr(table)
    assert len(repr(table).splitlines()) == 4
    assert "score" in repr(table)
    assert "score" not in repr(ai.runs(folder / "first")), "no run was judged by one"
    assert [one.name for one in table[:1]] == ["second"]
    assert len(ai.runs(folder / "first")) == 1


def test_the_command_prints_the_table(folder):
    result = CliRunner().invoke(cli.app, ["runs", str(folder)])
    assert result.exit_code == 0
    assert result.output.strip() == ai.runs(folder).text()


def changed(folder, **changes):
    state = json.loads((folder / "state.json").read_text())
    (folder / "state.json").write_text(json.dumps(state | changes))


def test_a_run_whose_process_has_gone_is_told_apart_from_one_that_trains(folder, tmp_path):
    shutil.copytree(folder / "first", tmp_path / "here")
    changed(tmp_path / "here", word="running", ending=None, heartbeat=time.time(), process=os.getpid())
    assert read_summary(tmp_path / "here").word == "running"
    changed(tmp_path / "here", word="running", ending=None, process=2**22 + 1)
    assert read_summary(tmp_path / "here").word == "gone"
    changed(tmp_path / "here", machine="elsewhere", heartbeat=time.time() - 10_000)
    assert read_summary(tmp_path / "here").word == "gone"


def test_a_killed_run_stands_where_its_history_does(folder, tmp_path):
    shutil.copytree(folder / "first", tmp_path / "here")
    changed(tmp_path / "here", word="running", ending=None, step=0, process=2**22 + 1)
    assert (read_summary(tmp_path / "here").word, read_summary(tmp_path / "here").step) == ("gone", 90)


def test_a_run_of_a_newer_version_is_said_to_be_one(folder, tmp_path):
    shutil.copytree(folder / "first", tmp_path / "here")
    facts = json.loads((tmp_path / "here" / "run.json").read_text())
    (tmp_path / "here" / "run.json").write_text(json.dumps(facts | {"format": 99}))
    assert "written by a newer version" in repr(ai.runs(tmp_path))


DAMAGED = {
    "run.json": ["", "[]", '{"format": 99}', '{"format": 1}'],
    "state.json": ["", "[]", "3", '{"format": 99}', "\x00", "[" * 100_000, '{"format": 1, "process": -5}'],
    "config.yaml": ["", "[", "a: b", "epochs: x", "!!python/object:os.system", "\x00", "x" * 100],
    "history.jsonl": [
        "x\n",
        '{"eval_loss": "x"}\n',
        '{"eval_loss": 1}\n',
        "[" * 1_000_000,
        '["eval_"]\n',
        '{"eval_loss": NaN',
    ],
    "environment.json": ["", "3", '{"calls": {"seconds": 1}}'],
}


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in DAMAGED.items() for text in texts])
def test_a_damaged_folder_is_a_row_with_its_sentence(folder, tmp_path, name, text):
    shutil.copytree(folder / "first", tmp_path / "bad")
    (tmp_path / "bad" / name).write_text(text)
    table = ai.runs(tmp_path)
    assert [one.name for one in table] == ["bad"]
    check_inert(table._repr_html_())
    assert "bad" in repr(table)
    assert len(table.frame()) == 1
    if name == "state.json":
        assert table[0].notes
        assert table[0].best_loss is not None
    assert str(tmp_path) not in repr(table) + table._repr_html_()


def test_a_folder_that_is_empty_or_holds_other_things(folder, tmp_path, refused):
    (tmp_path / "notes").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "a.txt").write_text("x")
    assert len(ai.runs(tmp_path)) == 0
    assert "output_dir" in repr(ai.runs(tmp_path))
    check_inert(ai.runs(tmp_path)._repr_html_())
    refused(lambda: ai.runs(tmp_path / "none"), ai.DataError, "isn't there")
    refused(lambda: ai.runs(tmp_path / "a.txt"), ai.DataError, "Can't look for runs")
    os.mkfifo(tmp_path / "notes" / "state.json")  # reading one would wait for ever
    assert len(ai.runs(tmp_path)) == 0


def test_hostile_names_stay_text_and_nothing_is_written(folder, tmp_path):
    for place, name in enumerate(HOSTILE):
        safe = name.replace("/", "\u2215").replace("\x00", "")[:60]
        shutil.copytree(folder / "first", tmp_path / f"{place}{safe}")
    before = sorted((path, path.stat().st_mtime_ns) for path in tmp_path.rglob("*"))
    table = ai.runs(tmp_path)
    check_inert(table._repr_html_())
    assert not any(letter in repr(table) for letter in "\x00\x1b\u202e")
    assert sorted((path, path.stat().st_mtime_ns) for path in tmp_path.rglob("*")) == before


def test_a_spark_is_as_high_as_its_values():
    heights = [int(height) for height in re.findall(r";height:(\d+)px", html.spark([1.0, 2.0, float("nan"), 3.0]))]
    assert heights == [3, 10, 0, 18]
    assert html.spark(list(range(1000))).count("<span") == 25
    assert "px" not in html.spark([])
