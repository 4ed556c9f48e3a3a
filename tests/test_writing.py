"""A run is in its folder while it goes on: whole lines, one row a step, within a budget, and without a change to the run."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import aitrain_nb as ai
from aitrain_nb.control import Change
from aitrain_nb.run_folder import checkpoints, files, saving, writing
from aitrain_nb.run_folder.following import follow_history
from aitrain_nb.run_folder.state import has_gone, parse_state, read_state

sys.path.insert(0, str(Path(__file__).parent))
from surviving import no_file_longer_than


def prepared(**fields):
    return ai.prepare(**({"model": "mlp", "max_steps": 12, "evaluate_every": 4} | fields))


@pytest.fixture
def at_once(monkeypatch):
    """Every record is a chance to write."""
    monkeypatch.setattr(writing, "EVERY_SECONDS", 0.0)
    monkeypatch.setattr(writing, "COST_SHARE", float("inf"))
    monkeypatch.setattr(writing, "BEAT_SECONDS", 0.0)


def rows_in(folder):
    return [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]


def test_without_a_folder_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    prepared().fit(display="none")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("fields", [{}, {"evaluate_every": 0}, {"keep": "last"}, {"best_metric": "accuracy"}])
def test_the_folder_ends_as_what_save_run_writes(tmp_path, fields):
    trainer = prepared(**fields)
    trainer.fit(display="none", output_dir=tmp_path / "live")
    ai.save_run(trainer, tmp_path / "saved")
    live, saved = (
        {path.name: path.read_bytes() for path in (tmp_path / name).rglob("[!.]*") if path.is_file()}
        for name in ("live", "saved")
    )
    for written in (live, saved):
        state = json.loads(written.pop("state.json"))
        assert (state["word"], state["step"], state["total_steps"]) == ("done", 12, 12)
        assert json.loads(written.pop("environment.json"))["calls"]  # when it began and how long it took
        assert written.pop("README.md").startswith(b"---")  # which says that too, and of each class what fit has seen
    assert live == saved
    again = ai.load_run(tmp_path / "live")
    assert again.fingerprint() == trainer.fingerprint()
    assert again.ending == trainer.ending


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(
    "fields",
    [{}, {"model": "small-vit"}, {"batch_size": 8, "gradient_accumulation_steps": 2}, {"augmentation": "affine"}],
)
def test_a_run_that_is_written_is_the_same_to_the_last_bit(tmp_path, fields):
    trainer, plain = prepared(**fields), prepared(**fields)
    mine = torch.get_rng_state()
    trainer.fit(display="none", output_dir=tmp_path / "run")
    assert torch.equal(mine, torch.get_rng_state())
    plain.fit(display="none")
    assert trainer.fingerprint() == plain.fingerprint()
    assert trainer.history.frame().drop(columns="seconds").equals(plain.history.frame().drop(columns="seconds"))


@pytest.mark.usefixtures("at_once")
def test_while_it_trains_the_lines_are_whole_and_none_is_ever_changed(tmp_path):
    folder, seen = tmp_path / "run", []
    trainer = prepared()

    def look(record):
        text = (folder / "history.jsonl").read_bytes()
        assert text.endswith(b"\n") or not text
        assert text.startswith(seen[-1] if seen else b"")
        seen.append(text)
        steps = [row["step"] for row in rows_in(folder)]
        assert steps == list(range(1, len(steps) + 1))
        assert trainer.step - 2 <= len(steps) <= trainer.step
        assert read_state(folder).word == "running"

    trainer.watchers.append(look)
    trainer.fit(display="none", output_dir=folder)
    assert len(set(seen)) == 13  # each row once, and at first none
    assert [row["step"] for row in rows_in(folder) if "eval_loss" in row] == [4, 8, 12]
    assert rows_in(folder) == list(trainer.history)


def test_writing_keeps_its_budget(tmp_path, monkeypatch):
    clock, looked = [0.0], []
    monkeypatch.setattr(writing, "time", SimpleNamespace(monotonic=lambda: clock[0], time=time.time))
    trainer = prepared(max_steps=200)
    writer = writing.RunWriter(trainer, tmp_path / "run")
    writer.begin()
    tail = trainer.history.tail
    trainer.history.tail = lambda first: looked.append(clock[0]) or tail(first)  # reads the numbers from the device

    def slowly(write):
        def slow(*arguments, **options):
            clock[0] += 0.01
            return write(*arguments, **options)

        return slow

    def train(steps):
        looked.clear()
        began = clock[0]
        for _ in range(steps):
            clock[0] += 0.01
            for record in trainer.phases():
                writer(record)
        return clock[0] - began

    seconds = train(100)
    assert 2 <= len(looked) <= seconds / writing.EVERY_SECONDS + 1
    monkeypatch.setattr(writing, "_append", slowly(writing._append))  # 10 ms a time: 2 s are to pass
    train(100)
    assert len(looked) <= 2


def test_a_change_comes_back_and_can_be_repeated(tmp_path):
    def run(folder=None, replay=None):
        trainer = prepared(max_steps=30, keep="last")

        def watch(record):
            if isinstance(record, ai.Update) and record.step in {10, 20} and replay is None:
                trainer.control.learning_rate = record.step / 1000

        trainer.watchers.append(watch)
        trainer.fit(display="none", output_dir=folder, replay=replay)
        return trainer

    trainer = run(tmp_path / "live")
    expected = [Change(11, "learning_rate", 0.01), Change(21, "learning_rate", 0.02)]
    loaded = ai.load_run(tmp_path / "live")
    assert loaded.history.changes == follow_history(tmp_path / "live").history.changes == expected
    assert run(replay=loaded.history).fingerprint() == trainer.fingerprint()


def test_a_trouble_comes_back(tmp_path):
    trainer = prepared(evaluate_every=0)
    with torch.no_grad():
        trainer.model.output.bias[0] = float("inf")
    trainer.fit(display="none", output_dir=tmp_path / "run")
    assert trainer.history.troubles
    assert str(ai.load_run(tmp_path / "run").history.troubles) == str(trainer.history.troubles)
    assert str(follow_history(tmp_path / "run").history.troubles) == str(trainer.history.troubles)


def test_a_disk_that_fails_for_a_while_costs_the_run_nothing(tmp_path, monkeypatch, at_once):
    append, tried = writing._append, []

    def failing(path, text):
        tried.append(path)
        append(path, text[:20])
        if len(tried) % 3 == 0:
            raise OSError(28, "No space left on device")
        append(path, text[20:])

    monkeypatch.setattr(writing, "_append", failing)
    trainer = prepared()
    trainer.fit(display="none", output_dir=tmp_path / "run")
    assert len(tried) > 5
    assert rows_in(tmp_path / "run") == list(trainer.history)


def test_a_disk_that_is_full_at_the_end_is_said_and_the_run_is_still_there(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    trainer = prepared()
    monkeypatch.setattr(saving, "replace_tensors", full)
    with pytest.raises(ai.DataError, match=r"No space left[^$]*save_run"):
        trainer.fit(display="none", output_dir=tmp_path / "run")
    assert trainer.ending.state == "done"
    assert rows_in(tmp_path / "run") == list(trainer.history)
    monkeypatch.undo()
    assert ai.load_run(ai.save_run(trainer, tmp_path / "run")).fingerprint() == trainer.fingerprint()


def test_what_can_be_written_at_the_end_is_written_though_checkpoints_cannot(tmp_path, monkeypatch, capsys):
    write = checkpoints.replace_tensors

    def full(path, *arguments):
        if path.name.startswith("step-"):
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        write(path, *arguments)

    monkeypatch.setattr(checkpoints, "replace_tensors", full)
    trainer, folder = prepared(), tmp_path / "run"
    with pytest.raises(ai.DataError, match=r"step-00000012[^$]*All else is there[^$]*Free some space"):
        trainer.fit(display="text", output_dir=folder)
    assert "← checkpoint of step 12 not written: No space left on device" in capsys.readouterr().out
    assert {"model.safetensors", "run.json", "README.md", "curve.png"} <= {path.name for path in folder.iterdir()}
    assert read_state(folder).word == "done"
    assert ai.load_run(folder).fingerprint() == trainer.fingerprint()


@pytest.mark.parametrize(
    ("number", "fix"),
    [
        (errno.ENOSPC, "Free some space"),
        (errno.EROFS, "mount it for writing"),
        (errno.EACCES, "right to write"),
        (errno.EIO, "Name another"),
    ],
)
def test_the_fix_is_that_of_the_error(tmp_path, monkeypatch, number, fix):
    def fail(*_):
        raise OSError(number, os.strerror(number), str(tmp_path / "model.safetensors"))

    monkeypatch.setattr(saving, "replace_tensors", fail)
    with pytest.raises(ai.DataError) as caught:
        ai.save_run(prepared(), tmp_path / "run")
    assert fix in caught.value.fix
    assert ("Free some space" in caught.value.fix) == (number == errno.ENOSPC)
    assert caught.value.why == f"{os.strerror(number)}: model.safetensors."


def test_a_folder_that_nothing_could_be_written_to_takes_the_run_later(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    trainer = prepared()
    monkeypatch.setattr(saving, "replace_text", full)
    with pytest.raises(ai.DataError, match="No space"):
        ai.save_run(trainer, tmp_path / "run")
    monkeypatch.undo()
    ai.save_run(trainer, tmp_path / "run")


def test_a_folder_that_a_fit_writes_takes_no_save_run(tmp_path):
    trainer, told = prepared(), []

    def save(record):
        if isinstance(record, ai.Update) and record.step == 6:
            with pytest.raises(ai.DataError, match="just now"):
                ai.save_run(trainer, tmp_path / "run")
            told.append(ai.save_run(trainer, tmp_path / "aside"))

    trainer.watchers.append(save)
    trainer.fit(display="none", output_dir=tmp_path / "run")
    assert told == [tmp_path / "aside"]
    ai.save_run(trainer, tmp_path / "run")  # it is free again
    trainer.fit(display="none", output_dir=tmp_path / "run", max_steps=14)


def test_the_folder_of_another_run_is_left_alone_and_that_of_this_one_gone_on_with(tmp_path):
    first, other = prepared(), prepared(seed=1)
    first.fit(display="none", output_dir=tmp_path / "run")
    with pytest.raises(ai.DataError, match="another run"):
        other.fit(display="none", output_dir=tmp_path / "run", max_steps=20)
    assert (other.step, other.ending, other.config.max_steps) == (0, None, 12)
    assert ai.load_run(tmp_path / "run").fingerprint() == first.fingerprint()
    first.fit(display="none", output_dir=tmp_path / "run", max_steps=20)
    assert rows_in(tmp_path / "run") == list(first.history)
    assert ai.load_run(tmp_path / "run").config.max_steps == 20
    other.fit(display="none", output_dir=tmp_path / "run", overwrite=True)
    assert ai.load_run(tmp_path / "run").fingerprint() == other.fingerprint()


def test_the_folder_that_another_process_writes_is_refused_even_so(tmp_path):
    folder = tmp_path / "run"
    ai.save_run(prepared(), folder)
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        state = read_state(folder)._replace(word="running", process=other.pid, ending=None)
        state.write(folder)
        with pytest.raises(ai.DataError, match="Another process"):
            prepared().fit(display="none", output_dir=folder, overwrite=True)
        other.kill()  # not waited for: it is still listed, and gone all the same
        wait_for(lambda: has_gone(state))
        prepared().fit(display="none", output_dir=folder, overwrite=True)
    finally:
        other.kill()
        other.communicate()


@pytest.mark.usefixtures("at_once")
def test_an_evaluation_that_a_stop_put_off_comes_into_its_row(tmp_path):
    trainer = prepared(model="small-cnn")

    def stop(record):
        if isinstance(record, ai.Update) and record.step == 4:
            trainer.stop()

    trainer.watchers.append(stop)
    trainer.fit(display="none", output_dir=tmp_path / "run")
    assert [*rows_in(tmp_path / "run")[-1]] == list(files.COLUMNS)
    trainer.watchers.clear()
    trainer.fit(display="none", output_dir=tmp_path / "run")
    assert rows_in(tmp_path / "run") == list(trainer.history)
    assert "eval_loss" in rows_in(tmp_path / "run")[3]


@pytest.mark.usefixtures("at_once")
def test_steps_that_are_taken_back_leave_the_file_too(tmp_path):
    trainer = prepared(snapshot_every=1, keep="last")
    trainer.fit(display="none", output_dir=tmp_path / "run")
    run = follow_history(tmp_path / "run")
    trainer.undo()
    trainer.undo()
    trainer.fit(display="none", output_dir=tmp_path / "run")
    assert rows_in(tmp_path / "run") == list(trainer.history)
    wait_for(lambda: not run.look())
    assert list(run.history) == list(trainer.history)
    assert run.history.cuts == 1


@pytest.mark.usefixtures("at_once")
def test_a_paused_run_says_so_and_its_change_is_read(tmp_path):
    trainer, told = prepared(max_steps=20), []
    trainer.control.while_waiting = lambda *, paused: told.append(paused)
    trainer.watchers.append(
        lambda record: isinstance(record, ai.Update) and record.step == 5 and setattr(trainer.control, "paused", True)
    )
    words = []

    def person():
        run = follow_history(tmp_path / "run")
        try:
            wait_for(lambda: (run.look(), run.word == "paused" and len(run.history) == 5)[-1])
        finally:  # or the run would wait for ever
            words.append((run.word, len(run.history), run.silent_seconds < 20))
            trainer.control.learning_rate, trainer.control.paused = 0.02, False
        wait_for(lambda: (run.look(), run.is_over)[-1])
        words.append(run.word)
        words.append([change.name for change in run.history.changes])

    thread = threading.Thread(target=person)
    thread.start()
    trainer.fit(display="none", output_dir=tmp_path / "run")
    thread.join()
    assert words == [("paused", 5, True), "done", ["paused", "learning_rate"]]
    assert True in told  # who was told before is told still
    assert trainer.control.while_waiting.__name__ == "<lambda>"


def test_a_run_that_fails_says_why_and_keeps_what_it_has(tmp_path):
    trainer = prepared()

    def fail(record):
        if isinstance(record, ai.Update) and record.step == 6:
            raise ValueError("mine")

    trainer.watchers.append(fail)
    with pytest.raises(ValueError, match="mine"):
        trainer.fit(display="none", output_dir=tmp_path / "run")
    run = follow_history(tmp_path / "run")
    assert run.text() == "failed: ValueError after step 6; step 6 of 12"
    assert ai.load_run(tmp_path / "run").ending.state == "failed"


def test_no_machine_path_stands_in_the_state(tmp_path):
    trainer = prepared()

    def stop(record):
        raise ai.StopTraining(f"enough, see {tmp_path}/notes.txt")

    trainer.watchers.append(stop)
    trainer.fit(display="none", output_dir=tmp_path / "run")
    state = (tmp_path / "run" / "state.json").read_text()
    assert "enough, see" in state
    assert str(tmp_path) not in state


def test_a_run_that_cannot_begin_leaves_no_folder(tmp_path):
    trainer = prepared(save_every=0)
    trainer.fit(display="none", output_dir=tmp_path / "run")
    with pytest.raises(ai.ConfigError, match="can't go on"):
        ai.load_run(tmp_path / "run").fit(display="none", output_dir=tmp_path / "again")
    with pytest.raises(ai.ConfigError, match="shorter"):
        trainer.fit(display="none", output_dir=tmp_path / "again", max_steps=3)
    with pytest.raises(ai.ConfigError, match="display"):
        trainer.fit(display="cinema", output_dir=tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_a_folder_that_cannot_be_made_is_said_before_the_first_step(tmp_path):
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    trainer = prepared()
    with pytest.raises(ai.DataError, match="Can't write the run"):
        trainer.fit(display="none", output_dir=tmp_path / "file" / "run")
    assert trainer.step == 0
    trainer.fit(display="none")
    assert trainer.step == 12


@pytest.mark.skipif(sys.platform == "win32", reason="no such limit on this system")
def test_a_disk_that_is_full_from_the_start_is_said_and_the_folder_can_be_used_again(tmp_path):
    with no_file_longer_than(100, kills=False), pytest.raises(ai.DataError, match="Can't write the run") as refused:
        prepared().fit(display="none", output_dir=tmp_path / "run")
    assert refused.value.why == "File too large: state.json."
    prepared().fit(display="none", output_dir=tmp_path / "run")
    assert ai.load_run(tmp_path / "run").step == 12


def test_a_run_that_has_not_ended_is_not_loaded(tmp_path):
    trainer = prepared()
    writing.RunWriter(trainer, tmp_path / "run").begin()
    with pytest.raises(ai.ConfigError, match="no weights yet"):
        ai.load_run(tmp_path / "run")


def test_rows_of_after_the_kept_weights_are_left_out(tmp_path):
    """A run that went on in its folder and was killed: the weights are those of its end before."""
    trainer = prepared()
    trainer.fit(display="none", output_dir=tmp_path / "run")
    with (tmp_path / "run" / "history.jsonl").open("a") as file:
        file.write(files.row_lines([[13, 0.3, 1.0, 0.001, 0.5, 0.01, 32]], trainer.history))
    assert len(ai.load_run(tmp_path / "run").history) == 12


@pytest.mark.parametrize("values", [[1.5, float("nan")], [float("-inf"), 2.0], [1e-320, 1e300], [3, 4]])
def test_a_row_reads_back_as_it_was(values):
    from aitrain_nb.history import History

    history, again = History(), History()
    history.add_step([1, 0.1, values[0], 5e-5, values[1], 0.0003, 32])
    history.add_step([2, 0.2, values[1], 5e-5, values[0], 0.0003, 32])
    history.add_evaluation(2, {"train_loss": values[1], "eval_loss": values[0]})
    text = files.row_lines(history.tail(0), history)
    assert all(json.loads(line, parse_constant=pytest.fail) for line in text.splitlines())
    files.read_rows(text.encode().splitlines(), again)
    assert str(list(again)) == str(list(history))


def test_a_state_reads_back_as_it_was(tmp_path):
    trainer = prepared(best_metric="accuracy")
    trainer.fit(display="none", output_dir=tmp_path / "run")
    state = read_state(tmp_path / "run")
    state = state._replace(ending=state.ending._replace(kept_loss=float("inf")))
    state.write(tmp_path / "run")
    text = (tmp_path / "run" / "state.json").read_bytes()
    json.loads(text, parse_constant=pytest.fail)
    assert parse_state(text, "run") == state
    assert state.ending.kept_score[0] == "accuracy"
    assert (state.process, state.is_here, has_gone(state)) == (os.getpid(), True, False)


def wait_for(fulfilled, seconds=120.0):
    end = time.monotonic() + seconds
    while not fulfilled():
        assert time.monotonic() < end
        time.sleep(0.005)
