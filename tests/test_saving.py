"""A run on disk comes back as it was, by code and by command; what doesn't fit gets its sentence."""

from __future__ import annotations

import json
import os

import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

import aitrain_nb as ai
from aitrain_nb import cli
from aitrain_nb.bundled import BUNDLED
from aitrain_nb.control import Change

runner = CliRunner()


@pytest.fixture
def table(tmp_path):
    """A person's own file."""
    tickets = BUNDLED["tickets"]("text-classification").dataset
    names = [tickets.label_names[i] for i in tickets.columns["label"].tolist()]
    path = tmp_path / "mine.csv"
    frame = pd.DataFrame({"message": tickets.columns["text"], "topic": names})
    frame[frame["topic"].isin(["billing", "delivery"])].head(120).to_csv(path, index=False)
    return path


@pytest.fixture
def config(tmp_path, table):
    """The same run as a file."""
    made = ai.TrainConfig(data=str(table), model="small-encoder", vocabulary_size=200, batch_size=8, max_steps=6)
    path = tmp_path / "mine.yaml"
    path.write_text(made.to_yaml(), encoding="utf-8")
    return path


def saved(folder, **fields):
    trainer = ai.prepare(**({"model": "mlp", "max_steps": 12, "evaluate_every": 4} | fields))
    trainer.fit(display="none")
    ai.save_run(trainer, folder, overwrite=True)
    return trainer


@pytest.mark.parametrize(
    "fields", [{}, {"model": "small-vit"}, {"data": "tickets", "model": None, "vocabulary_size": 200}]
)
def test_a_run_comes_back_with_the_weights_it_kept(tmp_path, fields):
    trainer = saved(tmp_path / "run", **fields)
    again = ai.load_run(tmp_path / "run")
    assert again.fingerprint() == trainer.fingerprint()
    assert again.evaluate().loss == trainer.evaluate().loss
    assert again.config == trainer.config


def test_tied_weights_come_back_tied(tmp_path):
    text = tmp_path / "mine.txt"
    text.write_text("To be, or not to be, that is the question. " * 60, encoding="utf-8")
    trainer = saved(tmp_path / "run", model=None, task="text-generation", data=str(text), max_length=16, batch_size=4)
    again = ai.load_run(tmp_path / "run")
    assert again.fingerprint() == trainer.fingerprint()
    assert again.generate("To ", tokens=9) == trainer.generate("To ", tokens=9)
    assert again.model.lm_head.weight is again.model.transformer.wte.weight


def test_the_history_is_lines_of_json_with_nan_kept(tmp_path):
    trainer = ai.prepare(model="mlp", max_steps=4, nan_policy="mark")
    with torch.no_grad():
        trainer.model.output.bias[0] = float("nan")
    trainer.fit(display="none")
    ai.save_run(trainer, tmp_path / "run")
    rows = [json.loads(line) for line in (tmp_path / "run" / "history.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2, 3, 4]
    assert rows[0]["loss"] == "nan"


def test_live_changes_come_back_and_can_be_replayed(tmp_path):
    trainer = ai.prepare(model="mlp", max_steps=30, keep="last")

    def watch(record):
        if isinstance(record, ai.Update) and record.step in {10, 20}:
            trainer.control.learning_rate = record.step / 1000

    trainer.watchers.append(watch)
    trainer.fit(display="none")
    trainer.history.add_change(Change(31, "learning_rate", 0.5))  # asked for, and then the run was stopped
    loaded = ai.load_run(ai.save_run(trainer, tmp_path / "run"))
    assert len(loaded.history.changes) == 3
    assert loaded.history.changes == trainer.history.changes
    assert loaded.plot().description == trainer.plot().description
    again = ai.prepare(model="mlp", max_steps=30, keep="last")
    again.fit(display="none", replay=loaded.history)
    assert again.fingerprint() == trainer.fingerprint()
    saved(tmp_path / "run")
    assert not (tmp_path / "run" / "changes.jsonl").exists()


def test_troubles_come_back(tmp_path):
    trainer = ai.prepare(model="mlp", max_steps=4)
    with torch.no_grad():
        trainer.model.output.bias[0] = float("nan")
    trainer.fit(display="none")
    loaded = ai.load_run(ai.save_run(trainer, tmp_path / "run"))
    assert trainer.history.troubles
    assert str(loaded.history.troubles) == str(trainer.history.troubles)


def test_an_ending_by_a_score_comes_back(tmp_path):
    trainer = saved(tmp_path / "run", best_metric="accuracy")
    assert ai.load_run(tmp_path / "run").ending == trainer.ending


def test_no_draft_and_no_machine_path_is_left(tmp_path):
    saved(tmp_path / "run")
    files = sorted(path for path in (tmp_path / "run").rglob("*") if path.is_file())
    assert [path.name for path in files] == [
        ".lock", "README.md", "best-00000012.safetensors", "step-00000012.safetensors", "config.yaml", "curve.png", "environment.json",
        "history.jsonl", "model.safetensors", "run.json", "state.json",
    ]  # fmt: skip
    assert not any(str(tmp_path).encode() in path.read_bytes() for path in files)


def test_saving_again_replaces_the_run(tmp_path):
    saved(tmp_path / "run")
    trainer = saved(tmp_path / "run", seed=1)
    assert ai.load_run(tmp_path / "run").fingerprint() == trainer.fingerprint()


def relabel(run):
    facts = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(facts | {"labels": ["a", "b"]}))


def swap(run):
    (run.parent / "other" / "model.safetensors").replace(run / "model.safetensors")


@pytest.mark.parametrize(
    ("spoil", "kind", "says"),
    [
        (lambda run: (run / "run.json").unlink(), ai.ConfigError, "holds no run"),
        (lambda run: run.rename(run.with_name("elsewhere")), ai.ConfigError, "There is no folder"),
        (lambda run: (run / "run.json").write_text("{"), ai.ConfigError, "holds no run"),
        (lambda run: (run / "run.json").write_text('{"format": 99}'), ai.ConfigError, "newer version"),
        (lambda run: (run / "config.yaml").unlink(), ai.ConfigError, "no config file"),
        (lambda run: (run / "model.safetensors").write_bytes(b"spoilt"), ai.DataError, "Can't load the weights"),
        (lambda run: (run / "model.safetensors").unlink(), ai.DataError, "Can't load the weights"),
        (relabel, ai.DataError, "other classes"),
        (
            lambda run: saved(run.parent / "other", seed=1, save_every=0) and swap(run),
            ai.DataError,
            "fingerprint differs",
        ),
    ],
    ids=[
        "no facts",
        "no folder",
        "half facts",
        "newer",
        "no config",
        "spoilt weights",
        "no weights",
        "other classes",
        "other weights",
    ],
)
def test_a_folder_that_is_not_whole_gets_its_sentence(tmp_path, spoil, kind, says):
    saved(tmp_path / "run", save_every=0)
    spoil(tmp_path / "run")
    with pytest.raises(kind) as caught:
        ai.load_run(tmp_path / "run")
    assert says in str(caught.value)


@pytest.mark.parametrize("spoil", [lambda path: path.unlink(), lambda path: path.write_bytes(b"spoilt")])
def test_the_kept_weights_are_in_a_checkpoint_too(tmp_path, spoil):
    trainer = saved(tmp_path / "run")
    spoil(tmp_path / "run" / "model.safetensors")
    assert ai.load_run(tmp_path / "run").fingerprint() == trainer.fingerprint()


def test_a_folder_with_other_things_is_left_alone(tmp_path):
    (tmp_path / "holiday.jpg").write_bytes(b"precious")
    with pytest.raises(ai.DataError, match="holds other things"):
        saved(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.jpg"]


# the command line


def run(*arguments):
    result = runner.invoke(cli.app, [str(argument) for argument in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_a_run_by_command_has_the_loss_of_the_run_by_code_to_the_last_digit(tmp_path, config):
    output = run("train", config, "--set", "seed=3", "--to", tmp_path / "run").output
    assert "text: column 'message'" in output
    trainer = ai.prepare(ai.TrainConfig.from_yaml(config), seed=3)
    trainer.fit(display="none")
    rows = [json.loads(line) for line in (tmp_path / "run" / "history.jsonl").read_text().splitlines()]
    assert [row["loss"] for row in rows] == trainer.history.frame()["loss"].tolist()
    assert ai.load_run(tmp_path / "run").fingerprint() == trainer.fingerprint()


def test_a_run_answers_a_text_and_a_table(tmp_path, config, table):
    run("train", config, "--to", tmp_path / "run")
    assert run("predict", tmp_path / "run", "Where is it?").output.split(" ")[0] in {"billing", "delivery"}
    run("predict", tmp_path / "run", table, "--to", tmp_path / "out.csv")
    before = table.read_bytes()
    for place, why in (
        (table, "take the place of the data"),
        (tmp_path / "out.csv", "There is a file 'out.csv' already"),
    ):
        refused = runner.invoke(cli.app, ["predict", str(tmp_path / "run"), str(table), "--to", str(place)])
        assert why in str(refused.exception)
    assert table.read_bytes() == before
    run("predict", tmp_path / "run", table, "--to", tmp_path / "out.csv", "--overwrite")
    answers = pd.read_csv(tmp_path / "out.csv")
    assert len(answers) == 120
    expected = ai.load_run(tmp_path / "run").predict(answers["message"].tolist())
    assert answers["predicted"].tolist() == expected["predicted"].tolist()
    assert list(answers.columns) == ["message", "topic", "predicted", "probability"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--set", "learning_rate"), "name=value"),
        (("--set", "learning_rte=1"), "Did you mean 'learning_rate'"),
        (("--set", "epochs=many"), "epochs can't be 'many'"),
    ],
)
def test_a_wrong_change_gets_its_sentence(config, arguments, says):
    with pytest.raises(ai.ConfigError) as caught:
        run("train", config, *arguments)
    assert says in str(caught.value)


def test_a_table_without_the_texts_gets_its_sentence(tmp_path, config):
    run("train", config, "--to", tmp_path / "run")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(ai.DataError, match="which column holds the texts"):
        run("predict", tmp_path / "run", tmp_path / "other.csv")
    with pytest.raises(ai.DataError, match=r"no file 'gone\.csv'"):
        run("predict", tmp_path / "run", "gone.csv")


def test_data_that_changed_are_not_taken_for_those_of_the_run(tmp_path):
    table = tmp_path / "mine.csv"
    frame = pd.DataFrame(
        {
            "text": BUNDLED["tickets"]("text-classification").dataset.columns["text"][:100],
            "label": [str(i % 2) for i in range(100)],
        }
    )
    frame.to_csv(table, index=False)
    trainer = ai.prepare(data=str(table), vocabulary_size=200, batch_size=8, max_steps=2, test_fraction=0.2)
    trainer.fit(display="none")
    folder = ai.save_run(trainer, tmp_path / "run")
    assert ai.load_run(folder).evaluate("test").loss == trainer.evaluate("test").loss
    pd.concat([frame, frame.head(5).assign(text=lambda rows: rows.text + " again")]).to_csv(table, index=False)
    with pytest.raises(ai.DataError, match="not those of the run"):
        ai.load_run(folder)


def test_a_run_is_never_written_over_another_by_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = tmp_path / "digits.yaml"
    config.write_text(ai.TrainConfig(data="digits", model="mlp", max_steps=2).to_yaml(), encoding="utf-8")
    for _ in range(2):
        assert runner.invoke(cli.app, ["train", str(config)]).exit_code == 0
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["digits", "digits-2"]
    again = runner.invoke(cli.app, ["train", str(config), "--to", "runs/digits"])
    assert "holds another run" in str(again.exception)
    assert "Epoch" not in again.output
    assert runner.invoke(cli.app, ["train", str(config), "--to", "runs/digits", "--overwrite"]).exit_code == 0


def test_a_folder_with_other_things_is_refused_before_the_training(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.txt").write_text("mine", encoding="utf-8")
    config = tmp_path / "digits.yaml"
    config.write_text(ai.TrainConfig(data="digits", model="mlp", max_steps=2).to_yaml(), encoding="utf-8")
    result = runner.invoke(cli.app, ["train", str(config), "--to", str(tmp_path / "photos")])
    assert "holds other things" in str(result.exception)
    assert "Epoch" not in result.output


def test_a_loaded_run_brings_its_history_and_says_why_it_cannot_go_on(tmp_path):
    trainer = ai.prepare(data="digits", model="mlp", epochs=2, save_every=0)
    trainer.fit(display="none")
    loaded = ai.load_run(ai.save_run(trainer, tmp_path / "run"))
    assert loaded.history.frame().equals(trainer.history.frame())
    assert loaded.ending == trainer.ending
    assert loaded.step == trainer.step
    assert loaded.plot().description == trainer.plot().description
    before = loaded.fingerprint()
    with pytest.raises(ai.ConfigError, match="can't go on"):
        loaded.fit(display="none")
    assert loaded.fingerprint() == before


def test_another_run_is_not_lost_unasked(tmp_path):
    first, second = (ai.prepare(model="mlp", max_steps=3) for _ in range(2))
    ai.save_run(first, tmp_path / "run")
    ai.save_run(first, tmp_path / "run")  # its own folder
    with pytest.raises(ai.DataError, match="holds another run"):
        ai.save_run(second, tmp_path / "run")
    ai.save_run(second, tmp_path / "run", overwrite=True)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_weights_are_as_readable_as_their_folder(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    saved(folder, model="mlp", max_steps=2)
    files = [folder / "model.safetensors", *(folder / "checkpoints").glob("*.safetensors")]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o644}
