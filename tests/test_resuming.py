"""A run that was cut short goes on from its folder as if nothing had been: after a stop, after a kill, after a kill in mid-write."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

import aitrain_nb as ai
from aitrain_nb import cli
from aitrain_nb.records import Saved
from aitrain_nb.run_folder import checkpoints as files
from aitrain_nb.run_folder.checkpoints import checkpoints, read_checkpoint, size_bytes
from aitrain_nb.run_folder.continuing import MAY_CHANGE
from aitrain_nb.run_folder.files import strange_format

sys.path.insert(0, str(Path(__file__).parent))
from surviving import DIGITS, LANGUAGE, TICKETS, kill, kill_at, killed, prepared, told

TASKS = pytest.mark.parametrize("fields", [DIGITS, TICKETS, LANGUAGE], ids=["images", "texts", "language"])


@TASKS
def test_stopped_at_any_step_and_gone_on_with_it_equals_a_run_without_a_stop(tmp_path, fields):
    whole = prepared(fields)
    whole.fit(display="none")
    expected = told(whole)
    for step in {1, min(whole.steps_per_epoch, 3), min(whole.steps_per_epoch, 3) + 1, whole.total_steps - 1}:
        folder = tmp_path / str(step)
        trainer = prepared(fields)
        trainer.watchers.append(
            lambda record, trainer=trainer, step=step: trainer.step == step and trainer.stop("enough")
        )
        trainer.fit(display="none", output_dir=folder)
        loaded = ai.load_run(folder)
        assert (loaded.step, loaded.ending, loaded.fingerprint()) == (step, trainer.ending, trainer.fingerprint())
        loaded.fit(display="none", output_dir=folder)
        assert told(loaded) == expected
    assert told(ai.load_run(folder)) == expected


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@TASKS
def test_killed_at_any_step_and_gone_on_with_it_equals_a_run_without_a_kill(tmp_path, fields):
    whole = prepared(fields, save_every=2)
    whole.fit(display="none")
    expected = told(whole)
    for step, phase in ((3, "update"), (4, "backward"), (whole.total_steps, "update")):
        folder = tmp_path / f"{step} {phase}"
        trainer = prepared(fields, save_every=2)
        kill_at(trainer, step, phase)
        assert killed(lambda trainer=trainer, folder=folder: trainer.fit(display="none", output_dir=folder))
        loaded = ai.load_run(folder)
        assert step - 3 <= loaded.step < step
        assert "cut short" in str(loaded.ending)
        loaded.fit(display="none", output_dir=folder)
        assert told(loaded) == expected
        steps = [row["step"] for row in ai.load_run(folder).history]
        assert steps == list(range(1, whole.total_steps + 1))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.parametrize("share", [0.0, 0.3, 0.999, 1.0])
def test_killed_while_a_checkpoint_is_written_the_one_before_is_used(tmp_path, share, monkeypatch):
    whole = prepared(DIGITS, save_every=2)
    whole.fit(display="none")
    trainer, write = prepared(DIGITS, save_every=2), files._write

    def cut(path, parts, facts):
        write(path, parts, facts)
        if path.name == "step-00000006.safetensors":
            whole_file = path.read_bytes()
            path.unlink()
            path.with_name(f".{path.name}.draft").write_bytes(whole_file[: int(share * len(whole_file))])
            kill()

    monkeypatch.setattr(files, "_write", cut)
    assert killed(lambda: trainer.fit(display="none", output_dir=tmp_path / "run"))
    monkeypatch.undo()
    loaded = ai.load_run(tmp_path / "run")
    assert loaded.step == 4
    loaded.fit(display="none", output_dir=tmp_path / "run")
    assert told(loaded) == told(whole)
    assert not list((tmp_path / "run").rglob(".*.draft"))


def run_in(folder, **fields):
    trainer = prepared(DIGITS, **fields)
    trainer.fit(display="none", output_dir=folder)
    return trainer


@pytest.mark.parametrize(
    "spoil", [lambda path: path.write_bytes(b""), lambda path: path.write_bytes(path.read_bytes()[:-9])]
)
def test_a_damaged_checkpoint_is_passed_over_and_said(tmp_path, spoil):
    trainer = run_in(tmp_path / "run", save_every=5)
    newest, before = checkpoints(tmp_path / "run")
    spoil(newest.path)
    loaded = ai.load_run(tmp_path / "run")
    assert (newest.step, loaded.step) == (12, before.step)
    assert any("step 12 was passed over" in note for note in loaded.notes)
    loaded.fit(display="none")
    assert told(loaded) == told(trainer)


def test_the_command_says_which_checkpoint_was_passed_over(tmp_path):
    run_in(tmp_path / "run", save_every=5)
    checkpoints(tmp_path / "run")[0].path.write_bytes(b"")
    result = CliRunner().invoke(cli.app, ["resume", str(tmp_path / "run")])
    assert result.exit_code == 0, result.output
    assert "The checkpoint of step 12 was passed over" in result.output.partition("goes on from step")[0]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_killed_before_the_first_checkpoint_the_command_it_names_takes_the_same_steps(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trainer, folder = prepared(DIGITS), Path("all runs/my run")
    kill_at(trainer, 3)
    assert killed(lambda: trainer.fit(display="none", output_dir=folder))
    with pytest.raises(ai.ConfigError, match="no weights yet") as refused:
        ai.load_run(folder)
    assert refused.value.why == "Its process ended before the first checkpoint."
    result = CliRunner().invoke(cli.app, shlex.split(refused.value.fix.partition("aitrain-nb ")[2]))
    assert result.exit_code == 0, result.output
    whole = prepared(DIGITS)
    whole.fit(display="none")
    assert told(ai.load_run(folder)) == told(whole)


def own_module(**fields):
    torch.manual_seed(0)
    numbers = torch.rand(60, 1, 4, 4)
    data = ai.Dataset({"image": numbers, "label": (numbers.mean((1, 2, 3)) > 0.5).long()}).split()
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 2))
    return ai.Trainer(model, "image-classification", data, ai.TrainConfig(**{"epochs": 3, "batch_size": 16} | fields))


def test_a_module_of_ones_own_goes_on_in_a_trainer_made_as_it_was_then(tmp_path):
    whole, trainer = own_module(), own_module()
    whole.fit(display="none")
    trainer.watchers.append(lambda record: trainer.step == 4 and trainer.stop("enough"))
    trainer.fit(display="none", output_dir=tmp_path / "run")
    with pytest.raises(ai.ConfigError, match="a program handed over") as refused:
        ai.load_run(tmp_path / "run")
    assert "into=trainer" in refused.value.fix
    assert "into=trainer" in (tmp_path / "run" / "README.md").read_text(encoding="utf-8")
    loaded = ai.load_run(tmp_path / "run", into=own_module())
    assert (loaded.step, loaded.ending, loaded.fingerprint()) == (4, trainer.ending, trainer.fingerprint())
    loaded.fit(display="none", output_dir=tmp_path / "run")
    assert told(loaded) == told(whole)
    with pytest.raises(ai.ConfigError, match="batch_size was 16 and is 8"):
        ai.load_run(tmp_path / "run", into=own_module(batch_size=8))
    with pytest.raises(ai.ConfigError, match="can't be loaded into this trainer"):
        ai.load_run(tmp_path / "run", into=loaded)
    with pytest.raises(ai.ConfigError, match="others were given"):
        ai.load_run(tmp_path / "run", data=loaded.data, into=own_module())


def test_a_run_that_was_saved_before_its_first_step_begins(tmp_path):
    ai.save_run(prepared(DIGITS), tmp_path / "run")
    loaded, whole = ai.load_run(tmp_path / "run"), prepared(DIGITS)
    loaded.fit(display="none", output_dir=tmp_path / "run")
    whole.fit(display="none")
    assert told(loaded) == told(whole)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_killed_after_the_last_checkpoint_it_ends_as_a_run_without_a_kill(tmp_path):
    trainer, whole = prepared(DIGITS, evaluate_every=0), prepared(DIGITS, evaluate_every=0)
    whole.fit(display="none")
    trainer.watchers.append(lambda record: isinstance(record, Saved) and record.step == whole.step and kill())
    assert killed(lambda: trainer.fit(display="none", output_dir=tmp_path / "run"))
    loaded = ai.load_run(tmp_path / "run")
    assert loaded.step == whole.step
    loaded.fit(display="none", output_dir=tmp_path / "run")
    assert (loaded.ending, told(ai.load_run(tmp_path / "run"))) == (whole.ending, told(whole))


def test_checkpoints_come_when_the_config_says_and_old_ones_go(tmp_path):
    told_of = []
    trainer = prepared(DIGITS, save_every=5, keep_checkpoints=1)
    trainer.watchers.append(lambda record: told_of.append(record) if isinstance(record, Saved) else None)
    trainer.fit(display="none", output_dir=tmp_path / "run")
    assert [saved.step for saved in told_of] == [5, 10, 12]
    assert [place.step for place in checkpoints(tmp_path / "run")] == [12]
    assert told_of[-1].size_bytes == size_bytes(tmp_path / "run")
    assert "in all" in str(told_of[-1])
    assert len(list((tmp_path / "run" / "checkpoints").iterdir())) == 2  # and the best weights


def test_more_epochs_and_early_stopping_go_on_too(tmp_path):
    fields = {"early_stopping": "patience", "early_stopping_patience": 2, "learning_rate": 0.3, "epochs": 3}
    whole = prepared(DIGITS, **fields)
    whole.fit(display="none")
    whole.fit(display="none", epochs=9)
    run_in(tmp_path / "run", **fields)
    loaded = ai.load_run(tmp_path / "run")
    loaded.fit(display="none", output_dir=tmp_path / "run", epochs=9)
    assert told(loaded) == told(whole)


def test_a_disk_that_fails_is_said_and_the_next_checkpoint_is_written(tmp_path, monkeypatch):
    write, said = files._write, []

    def full_once(path, parts, facts):
        if "step-00000004" in path.name:
            raise OSError(28, "No space left on device")
        write(path, parts, facts)

    monkeypatch.setattr(files, "_write", full_once)
    trainer = prepared(DIGITS, save_every=4)
    trainer.watchers.append(lambda record: said.append(str(record)) if isinstance(record, Saved) else None)
    trainer.fit(display="none", output_dir=tmp_path / "run")
    assert said[0] == "checkpoint of step 4 not written: No space left on device"
    assert [place.step for place in checkpoints(tmp_path / "run")] == [12, 8]


def test_two_writers_are_refused(tmp_path):
    first, second = prepared(DIGITS), prepared(DIGITS)
    errors = []

    def intrude(record):
        if getattr(record, "phase", "") == "update" and record.step == 3:
            try:
                second.fit(display="none", output_dir=tmp_path / "run", overwrite=True)
            except ai.DataError as error:
                errors.append(str(error))

    first.watchers.append(intrude)
    first.fit(display="none", output_dir=tmp_path / "run")
    assert len(errors) == 1
    assert "being written" in errors[0]
    assert ai.load_run(tmp_path / "run").fingerprint() == first.fingerprint()
    second.fit(display="none", output_dir=tmp_path / "run", overwrite=True)  # its end frees the folder


def test_a_checkpoint_holds_every_tensor_as_it_was(tmp_path):
    trainer = run_in(tmp_path / "run", keep="last")
    state, now = read_checkpoint(checkpoints(tmp_path / "run")[0]), trainer.training_state()
    for part in ("weights", "buffers"):
        ours, theirs = getattr(now, part), getattr(state, part)
        assert list(ours) == list(theirs)
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert state.cursor == now.cursor
    assert state.optimizer["param_groups"] == now.optimizer["param_groups"]
    for number, values in now.optimizer["state"].items():
        assert all(torch.equal(value, state.optimizer["state"][number][name]) for name, value in values.items())
    assert all(torch.equal(a, b) for a, b in zip(state.random, now.random, strict=True))


@pytest.mark.parametrize(
    ("was", "now", "words"),
    [("seed: 0", "seed: 1", "Another seed or split"), ("small-cnn", "mlp", "another model"),
     ("optimizer: adamw", "optimizer: sgd", "another model or optimizer")],
    ids=["data", "model", "optimizer"],
)  # fmt: skip
def test_another_config_is_refused_also_where_the_run_kept_none(tmp_path, was, now, words):
    folder = tmp_path / "run"
    run_in(folder)
    config = folder / "config.yaml"
    config.write_text(config.read_text().replace(was, now))
    with pytest.raises(ai.ConfigError, match=r"these were changed: (seed was 0 and is 1|model was|optimizer was)"):
        ai.load_run(folder)
    facts = json.loads((folder / "run.json").read_text())
    del facts["config"]  # as the first versions wrote it
    (folder / "run.json").write_text(json.dumps(facts))
    with pytest.raises(ai.DataError, match=words):
        ai.load_run(folder)


def test_what_may_change_in_the_config_is_taken_and_said(tmp_path):
    folder = tmp_path / "run"
    trainer = run_in(folder)
    config = folder / "config.yaml"
    config.write_text(config.read_text().replace("epochs: 2", "epochs: 4").replace("log_every: 100", "log_every: 50"))
    loaded = ai.load_run(folder)
    assert "epochs was 2 and is 4; log_every was 100 and is 50" in loaded.notes[-1]
    loaded.fit(display="none", output_dir=folder)
    trainer.fit(display="none", epochs=4)
    assert told(loaded) == told(trainer)
    assert not any("was changed" in note for note in ai.load_run(folder).notes)


def test_every_field_is_decided_whether_it_may_change():
    assert set(ai.TrainConfig.model_fields) >= MAY_CHANGE
    assert not MAY_CHANGE & {"seed", "batch_size", "learning_rate", "schedule", "model", "keep", "best_metric"}


def test_a_history_is_used_up_to_its_first_odd_row(tmp_path):
    trainer = run_in(tmp_path / "run", save_every=5)
    path = tmp_path / "run" / "history.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:11], '{"step": "x"}\n', *lines[12:]]))
    loaded = ai.load_run(tmp_path / "run")
    assert loaded.step == 10
    assert any("Line 12 is no row" in note for note in loaded.notes)
    loaded.fit(display="none", output_dir=tmp_path / "run")
    assert told(loaded) == told(trainer)


def test_without_a_checkpoint_to_use_a_run_says_so(tmp_path):
    run_in(tmp_path / "run")
    path = tmp_path / "run" / "history.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:2]))
    notes = " ".join(ai.load_run(tmp_path / "run").notes)
    assert "step 12 was passed over: history.jsonl has only 2 rows" in notes
    assert "not gone on with" in notes
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    assert "Its checkpoints are gone." in ai.load_run(tmp_path / "run").notes


@pytest.mark.parametrize("content", [None, b"x", "another"])
def test_weights_that_are_damaged_beside_a_whole_checkpoint_are_said(tmp_path, content):
    trainer = run_in(tmp_path / "run")
    path = tmp_path / "run" / "model.safetensors"
    if content is None:
        path.unlink()
    elif content == "another":
        ai.prepare(**DIGITS | {"seed": 3}).fit(display="none", max_steps=1, output_dir=tmp_path / "other")
        shutil.copy(tmp_path / "other" / path.name, path)
    else:
        path.write_bytes(content)
    loaded = ai.load_run(tmp_path / "run")
    assert loaded.fingerprint() == trainer.fingerprint()
    assert "model.safetensors is damaged" in loaded.notes[-1]
    ai.save_run(loaded, tmp_path / "run")
    assert not any("damaged" in note for note in ai.load_run(tmp_path / "run").notes)


def test_a_finished_run_stays_as_it_ended(tmp_path, capsys):
    folder = tmp_path / "run"
    trainer = run_in(folder)
    ending = trainer.ending
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for one in (trainer, ai.load_run(folder)):
        one.fit(display="text", output_dir=folder)
        assert one.ending == ending
        assert "finished: raise epochs or max_steps" in capsys.readouterr().out
        assert list(one.run()) == []
        assert one.ending == ending
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    trainer.fit(display="none", output_dir=tmp_path / "copy")
    assert ai.load_run(tmp_path / "copy").ending == ending


@pytest.mark.parametrize(
    "name", ["README.md", "model.safetensors", "environment.json", "checkpoints/step-00000012.safetensors"]
)
def test_what_an_end_could_not_write_is_written_by_the_next_fit(tmp_path, name):
    trainer = run_in(tmp_path / "run")
    (tmp_path / "run" / name).unlink()
    trainer.fit(display="none", output_dir=tmp_path / "run")
    assert (tmp_path / "run" / name).is_file()
    assert ai.load_run(tmp_path / "run").ending == trainer.ending


def test_a_damaged_state_is_said_and_written_anew_when_asked(tmp_path):
    folder = tmp_path / "run"
    trainer = run_in(folder)
    (folder / "state.json").write_text("[]")
    loaded = ai.load_run(folder)
    assert "overwrite=True" in loaded.notes[-1]
    loaded.fit(display="none", output_dir=folder, epochs=3, overwrite=True)
    trainer.fit(display="none", epochs=3)
    assert told(ai.load_run(folder)) == told(trainer)


def test_an_older_format_has_its_sentence(monkeypatch):
    monkeypatch.setattr("aitrain_nb.run_folder.files.FORMAT", 3)
    assert "an older version" in strange_format(2, "run.json", "mine")[0]
    assert strange_format(3, "run.json", "mine") is None


def test_the_command_goes_on_in_the_same_folder(tmp_path):
    trainer = run_in(tmp_path / "run", max_steps=5)
    result = CliRunner().invoke(cli.app, ["resume", str(tmp_path / "run"), "--max-steps", "9"])
    assert result.exit_code == 0, result.output
    assert "goes on from step 5\n" in result.output
    trainer.fit(display="none", max_steps=9)
    assert told(ai.load_run(tmp_path / "run")) == told(trainer)


def test_steps_that_were_taken_again_another_way_replace_their_checkpoint(tmp_path):
    trainer = run_in(tmp_path / "run", max_steps=6, snapshot_every=1)
    for _ in range(2):
        trainer.undo()
    with torch.no_grad():
        next(trainer.model.parameters()).mul_(0.5)
    for _ in range(2):
        list(trainer.phases())
    trainer.fit(display="none", output_dir=tmp_path / "run")
    assert told(ai.load_run(tmp_path / "run")) == told(trainer)


def test_a_fit_that_could_not_begin_leaves_no_writer_behind(tmp_path):
    trainer = prepared(DIGITS)
    with pytest.raises(ai.ConfigError, match="pace"):
        trainer.fit(display="none", output_dir=tmp_path / "run", pace=-1)
    trainer.fit(display="none")
    assert not (tmp_path / "run").exists()


def test_weights_that_became_the_best_after_their_checkpoint_are_in_the_next_one(tmp_path):
    trainer = prepared(DIGITS, save_every=2, evaluate_every=4)
    for step in (
        4,
        5,
    ):  # stopped before the evaluation of step 4, whose checkpoint is written all the same; then just after it
        trainer.watchers[:] = [
            lambda record, step=step: (
                trainer.stop() if record.step == 4 and step == trainer.step + (record.phase == "evaluate") else None
            )
        ]
        trainer.fit(display="none", output_dir=tmp_path / "run")
    assert trainer.ending.kept_step == trainer.step == 4
    loaded = ai.load_run(tmp_path / "run")
    assert loaded.fingerprint() == trainer.fingerprint()
    loaded.fit(display="none", output_dir=tmp_path / "run")
    whole = prepared(DIGITS, save_every=2, evaluate_every=4)
    whole.fit(display="none")
    assert told(loaded) == told(whole)
