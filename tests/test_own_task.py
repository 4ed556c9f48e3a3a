"""A fourth task is one file: nothing else is edited, and every driver, check and command works with it."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from typer.testing import CliRunner

import aitrain_nb as ai
from aitrain_nb import tasks
from aitrain_nb.bundled import BUNDLED
from aitrain_nb.cli import app

FILE = Path(__file__).with_name("letter_kinds.py")
TEXT = "\n".join(BUNDLED["tickets"]("text-classification").dataset.columns["text"][:80])


@pytest.fixture(autouse=True)
def _nothing_stays(monkeypatch):
    monkeypatch.setattr(tasks, "_added", {})


@pytest.fixture
def text_file(tmp_path):
    path = tmp_path / "letters.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


def fields(text_file):
    return {"task": "letter-kinds", "data": str(text_file), "batch_size": 16, "max_steps": 30, "learning_rate": 0.01}


def test_a_task_from_a_file_trains_predicts_and_beats_the_majority(text_file):
    ai.add_task(FILE)
    trainer = ai.prepare(**fields(text_file))
    trainer.fit(display="none")
    evaluation = trainer.evaluate()
    assert evaluation.accuracy > evaluation.baseline["majority_accuracy"] + 0.2
    assert evaluation.check()["passed"].all()
    assert set(evaluation.confusion().index) <= {"vowel", "consonant", "digit", "space", "other"}


def test_all_five_drivers_train_the_same_weights(text_file):
    ai.add_task(FILE)
    drivers = [
        lambda trainer: trainer.fit(display="none"),
        lambda trainer: list(trainer.run()),
        lambda trainer: [list(trainer.phases()) for _ in range(trainer.total_steps)],
    ]
    prints = []
    for drive in drivers:
        trainer = ai.prepare(**fields(text_file), gradient_accumulation_steps=2, keep="last", evaluate_every=0)
        drive(trainer)
        prints.append(trainer.fingerprint())
    assert len(set(prints)) == 1


def test_every_record_of_it_is_checked_and_shown(text_file):
    ai.add_task(FILE)
    trainer = ai.prepare(**fields(text_file))
    batch = trainer.tokenize()
    forward = trainer.forward(batch)
    loss = trainer.loss(forward)
    gradients = trainer.backward(loss)
    for record in (batch, forward, loss, gradients, trainer.update(gradients)):
        table = record.check()
        assert table["passed"].all(), table[~table["passed"]].to_string()
        assert record.text()
        assert record._repr_html_()
        assert len(record.table())


def test_an_installed_package_brings_a_task_by_entry_point(monkeypatch, tmp_path, text_file):
    package = tmp_path / "site"
    package.mkdir()
    (package / "letter_package.py").write_text(FILE.read_text(encoding="utf-8"), encoding="utf-8")
    facts = package / "letter_package-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: letter-package\nVersion: 1.0\n", encoding="utf-8")
    (facts / "entry_points.txt").write_text(
        "[aitrain_nb.tasks]\nletter-kinds = letter_package:TASK\n", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(str(package))
    importlib.invalidate_caches()
    assert "letter-kinds" in tasks.task_names()
    assert ai.prepare(**fields(text_file)).task.name == "letter-kinds"


def test_the_command_line_takes_it_too(tmp_path, text_file):
    config = tmp_path / "run.yaml"
    config.write_text(ai.TrainConfig(**fields(text_file)).to_yaml(), encoding="utf-8")
    run = tmp_path / "run"
    result = CliRunner().invoke(app, ["train", str(config), "--task-file", str(FILE), "--to", str(run)])
    assert result.exit_code == 0, result.output
    result = CliRunner().invoke(app, ["predict", str(run), "A", "--task-file", str(FILE)])
    assert result.exit_code == 0, result.output
    assert result.output.startswith(("vowel", "consonant", "digit", "space", "other"))


def test_the_old_name_of_a_known_task_is_never_taken():
    class Impostor(type(ai.add_task(FILE))):
        name = "text-classification"

    with pytest.raises(ai.ConfigError, match="taken"):
        ai.add_task(Impostor())


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("missing.py", "no Python file"),
        (3, "no task but int"),
        ("broken.py", "can't be loaded"),
        ("empty.py", "no task but NoneType"),
    ],
)
def test_what_is_no_task_gets_a_sentence(tmp_path, monkeypatch, source, words):
    (tmp_path / "broken.py").write_text("1 / 0\n", encoding="utf-8")
    (tmp_path / "empty.py").write_text("x = 1\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ai.ConfigError, match=words):
        ai.add_task(source)


def test_a_config_never_runs_a_file():
    with pytest.raises(ai.ConfigError, match="There is no task"):
        ai.prepare(task=str(FILE))
