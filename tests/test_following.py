"""A run of another process is read as it grows: whole lines only, nothing twice, and its end is noticed however it comes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from itertools import pairwise

import pytest

import aitrain_nb as ai
from aitrain_nb.control import Change
from aitrain_nb.history import History
from aitrain_nb.placing import replace_text
from aitrain_nb.run_folder import files, following
from aitrain_nb.run_folder.following import follow_history
from aitrain_nb.run_folder.state import read_state


@pytest.fixture
def saved(tmp_path):
    """A folder with a run of twelve steps."""
    trainer = ai.prepare(model="mlp", max_steps=12, evaluate_every=4)
    trainer.fit(display="none", output_dir=tmp_path / "run")
    return tmp_path / "run"


def lines(first, last, loss=1.0):
    rows = [[step, step / 45, loss / step, 0.001, 0.5, 0.0003, 32] for step in range(first, last + 1)]
    return files.row_lines(rows, History()).encode()


def is_running(folder, **changes):
    """Make the saved run one that goes on in this process."""
    read_state(folder)._replace(**{"word": "running", "ending": None, "heartbeat": time.time()} | changes).write(folder)


def wait_for(fulfilled, seconds=120.0):
    end = time.monotonic() + seconds
    while not fulfilled():
        assert time.monotonic() < end
        time.sleep(0.01)


def read_all(run):
    for _ in range(100):
        if not run.look():
            break
    else:
        raise AssertionError("it never comes to rest")
    return list(run.history)


# what is there


def test_a_run_that_has_ended_is_read_at_once(saved):
    run = follow_history(saved)
    loaded = ai.load_run(saved)
    assert run.history.frame().equals(loaded.history.frame())
    assert run.state.ending == loaded.ending
    assert (run.word, run.reason, run.is_over) == ("done", "", True)
    assert (run.state.classes, run.state.steps_per_epoch, run.state.epochs, run.state.metric) == (10, 45, 1, "loss")
    assert run.text() == "done; step 12 of 12"
    assert not run.look()


def test_a_folder_that_is_not_there_yet_is_waited_for(saved, tmp_path):
    folder = tmp_path / "later"
    run = follow_history(folder)
    assert (run.word, run.reason) == ("waiting", "the folder 'later' isn't there yet")
    assert not run.look()
    folder.mkdir()
    (folder / ".state.json.draft").write_bytes(b"{")
    assert not run.look()
    assert run.text() == "waiting: the folder 'later' holds no run yet"
    for path in saved.iterdir():
        path.rename(folder / path.name)
    assert run.look()
    assert (run.word, len(run.history), run.is_over) == ("done", 12, True)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda run: (run / "state.json").unlink() or (run / "mine.txt").write_text("a"), "isn't the folder of a run"),
        (lambda run: (run / "state.json").write_text("{"), "Can't read the state.json"),
        (lambda run: (run / "state.json").write_text("[]"), "Can't read the state.json"),
        (lambda run: (run / "state.json").write_text('{"format": 1}'), "Can't read the state.json"),
        (lambda run: (run / "state.json").write_text('{"format": 99}'), "newer version"),
        (lambda run: (run / "history.jsonl").write_text('{"step": 1}\n'), "Can't read the history.jsonl"),
        (lambda run: (run / "history.jsonl").write_bytes(b"\xff\n"), "After byte 0"),
        (lambda run: (run / "history.jsonl").write_text("3\n"), "Can't read the history.jsonl"),
        (lambda run: (run / "history.jsonl").write_bytes(lines(1, 2) + b"{}\n"), "Can't read the history.jsonl"),
        (
            lambda run: (run / "history.jsonl").write_bytes(lines(1, 2) + b"1" * 300_000),
            "a line of more than 262,144 bytes",
        ),
        (lambda run: (run / "changes.jsonl").write_text('{"step": "soon"}\n'), "Can't read the changes.jsonl"),
    ],
)
def test_what_is_no_run_gets_its_sentence(saved, spoil, says):
    spoil(saved)
    with pytest.raises(ai.DataError) as caught:
        follow_history(saved)
    assert says in str(caught.value)
    assert caught.value.why
    assert caught.value.fix


def test_a_file_is_no_folder_of_a_run(tmp_path):
    (tmp_path / "run").write_text("mine", encoding="utf-8")
    with pytest.raises(ai.DataError, match="isn't the folder of a run"):
        follow_history(tmp_path / "run")


def test_a_damaged_line_is_said_at_every_look_and_the_rows_before_it_are_read_once(saved):
    is_running(saved)
    run = follow_history(saved)
    with (saved / "history.jsonl").open("ab") as file:
        file.write(lines(13, 14) + b"{}\n")
    for _ in range(2):
        with pytest.raises(ai.DataError, match="After byte"):
            run.look()
        assert len(run.history) == 12
    (saved / "history.jsonl").write_bytes(lines(1, 14))
    assert [row["step"] for row in read_all(run)] == list(range(1, 15))


# what comes


def test_new_rows_are_read_and_a_half_line_waits_for_its_end(saved):
    is_running(saved)
    run = follow_history(saved)
    assert run.word == "running"
    history = run.history
    text = lines(13, 14)
    with (saved / "history.jsonl").open("ab", buffering=0) as file:
        for begin, end in pairwise((0, 1, 50, len(text) - 30, len(text) - 1)):
            file.write(text[begin:end])
            run.look()
        assert len(run.history) == 13
        assert not run.look()
        file.write(b"\n")
    assert run.look()
    assert [row["step"] for row in run.history] == list(range(1, 15))
    assert run.history is history
    assert not run.look()


def test_an_evaluation_and_a_change_come_with_their_step(saved):
    is_running(saved)
    run = follow_history(saved)
    history = History()
    history.add_evaluation(13, {"train_loss": 1.0, "eval_loss": float("nan")})
    with (saved / "history.jsonl").open("a") as file:
        file.write(files.row_lines([[13, 0.3, float("inf"), 0.001, 0.5, 0.0003, 32]], history))
    (saved / "changes.jsonl").write_text(files.change_lines([Change(13, "learning_rate", 0.5)]))
    assert run.look()
    assert run.history.changes == [Change(13, "learning_rate", 0.5)]
    assert str(run.history.last["eval_loss"]) == "nan"
    assert [trouble.step for trouble in run.history.troubles] == [13]
    assert run.history.last_evaluated_step == 13


def cut(path):
    with path.open("r+b") as file:
        file.truncate(len(b"".join(file.read().splitlines(keepends=True)[:5])))


def replace_shorter(path):
    replace_text(path, "".join(path.read_text().splitlines(keepends=True)[:5]))


def replace_longer(path):
    replace_text(path, "".join(path.read_text().splitlines(keepends=True)[:5]) + lines(6, 40, 9.0).decode())


def overwrite_in_place(path):
    with path.open("r+b") as file:
        file.truncate(0)
        file.write(lines(1, 30, 7.0))


def rename_twice(path):
    replace_shorter(path)
    replace_longer(path)  # the second file may get the number of the first


@pytest.mark.parametrize("take_back", [cut, replace_shorter, replace_longer, overwrite_in_place, rename_twice])
def test_rows_that_are_taken_back_are_read_anew(saved, take_back):
    is_running(saved)
    run = follow_history(saved)
    history = run.history
    take_back(saved / "history.jsonl")
    assert run.look()
    assert (len(run.history), run.history.cuts, run.is_over) == (
        0,
        1,
        False,
    )  # so that no reader takes new rows for old ones
    assert run.look()
    assert run.history is history
    assert read_all(run)
    assert read_all(run) == read_all(follow_history(saved))
    assert run.history.cuts == 1


def test_another_run_in_the_same_folder_is_noticed(saved):
    run = follow_history(saved)
    other = ai.prepare(model="mlp", max_steps=5, seed=1)
    other.fit(display="none", output_dir=saved, overwrite=True)
    rows = read_all(run)
    assert rows == list(other.history)
    assert run.state.run == other.run_id
    assert run.is_over


def test_a_long_run_is_read_in_pieces_and_only_once(saved, monkeypatch):
    (saved / "history.jsonl").write_bytes(lines(1, 20_000))
    monkeypatch.setattr(following, "LOOK_SECONDS", -1.0)
    taken = []
    read = following.read_rows
    monkeypatch.setattr(following, "read_rows", lambda rows, history: taken.append(len(rows)) or read(rows, history))
    run = follow_history(saved)
    assert 0 < len(run.history) < 3_000
    assert not run.is_over
    read_all(run)
    assert run.is_over
    assert [row["step"] for row in run.history] == list(range(1, 20_001))
    assert sum(taken) == 20_000
    taken.clear()
    assert not run.look()
    assert sum(taken) == 0


# the end


def test_a_process_that_is_there_is_running_however_long_it_says_nothing(saved):
    is_running(saved, heartbeat=time.time() - 4)
    run = follow_history(saved)
    run._age = 5_000.0
    run.look()
    assert run.word == "running"
    assert 5_000 <= run.silent_seconds < 5_100


def test_a_process_that_has_gone_is_said_to_have_gone(saved):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    is_running(saved, heartbeat=time.time() - 60, process=gone.pid)
    run = follow_history(saved)
    assert run.text() == "failed: the process has gone; step 12 of 12"
    assert run.is_over
    assert len(run.history) == 12
    is_running(saved)
    assert run.look()
    assert (run.word, run.is_over) == ("running", False)


def test_another_process_with_the_same_number_is_not_taken_for_it(saved):
    is_running(saved, heartbeat=time.time() - 1e6, process=os.getpid())
    assert follow_history(saved).word == "failed"


def test_an_end_that_is_said_at_the_last_moment_counts(saved, monkeypatch):
    ended = (saved / "state.json").read_bytes()
    is_running(saved, heartbeat=time.time() - 60)
    monkeypatch.setattr(following, "has_gone", lambda _: (saved / "state.json").write_bytes(ended) > 0)
    assert follow_history(saved).text() == "done; step 12 of 12"


@pytest.mark.parametrize(("silent", "word"), [(60, "running"), (3_600, "failed")])
def test_on_another_machine_only_long_silence_counts(saved, silent, word):
    is_running(saved, heartbeat=time.time() - silent, machine="0" * 16, process=2**22 + 1)
    run = follow_history(saved)
    assert run.word == word
    assert run.reason == ("" if word == "running" else "no sign of life for 10 minutes")


def test_a_folder_that_is_taken_away_leaves_what_was_read(saved):
    run = follow_history(saved)
    saved.rename(saved.with_name("elsewhere"))
    run.look()
    assert run.word == "done"


def test_following_needs_no_torch(saved, fresh):
    code = (
        "import sys; from aitrain_nb.run_folder.following import follow_history; run = follow_history(sys.argv[1]);"
        "print(run.text(), len(run.history), run.history.last['eval_loss'] > 0, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(saved)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["done;", "step", "12", "of", "12", "12", "True", "False"]


# a real second process


def start(*arguments):
    environment = os.environ | {
        "PYTHONPATH": str(files.__file__).rpartition("aitrain_nb")[0],
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def test_the_command_writes_a_run_that_is_followed_from_its_start_to_its_end(tmp_path, forked):
    config = tmp_path / "run.yaml"
    config.write_text(ai.TrainConfig(data="digits", model="mlp", max_steps=3_000).to_yaml(), encoding="utf-8")
    folder = tmp_path / "runs" / "mine"
    run = follow_history(folder)
    assert run.word == "waiting"
    process = start("-m", "aitrain_nb", "train", config, "--to", folder)
    seen = []
    try:
        wait_for(lambda: (run.look(), seen.append((run.word, len(run.history), process.poll())), run.is_over)[-1])
    finally:
        process.kill()
        process.wait()
    running = {rows for word, rows, code in seen if word == "running" and code is None}
    assert len(running) > 2, "the rows came while the process was there"
    assert {word for word, _, _ in seen} == {"waiting", "running", "done"}
    assert [row["step"] for row in run.history] == list(range(1, 3_001))
    assert run.history.cuts == 0
    loaded = ai.load_run(folder)
    assert loaded.history.frame().equals(run.history.frame())
    assert loaded.ending == run.state.ending


def test_a_writer_that_is_killed_is_noticed_and_its_rows_are_kept(tmp_path, fresh):
    folder = tmp_path / "run"
    code = "import sys, aitrain_nb as ai; ai.prepare(model='mlp', max_steps=10**7, save_every=0).fit('none', output_dir=sys.argv[1])"
    process = start("-c", code, folder)
    try:
        run = follow_history(folder)
        wait_for(lambda: run.look() and len(run.history) > 50)
        assert run.word == "running"
        process.kill()
        wait_for(lambda: run.look() and run.is_over)  # nobody has waited for the process: it is a zombie on Linux
    finally:
        process.kill()
        process.wait()
    assert (run.word, run.reason) == ("failed", "the process has gone")
    steps = [json.loads(line)["step"] for line in (folder / "history.jsonl").read_bytes().split(b"\n")[:-1]]
    assert [row["step"] for row in run.history] == steps == list(range(1, len(steps) + 1))
    assert run.state.step < run.state.total_steps == 10**7
    with pytest.raises(ai.ConfigError, match="no weights yet"):
        ai.load_run(folder)
