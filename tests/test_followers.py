"""A run of another process is shown as it grows: in the panel, as a picture, as lines; and its end however it comes."""

import os
import re
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from typer.testing import CliRunner

import aitrain_nb as ai
from aitrain_nb import cli
from aitrain_nb.placing import replace_text
from aitrain_nb.run_folder import files
from aitrain_nb.run_folder.state import read_state
from tests.notebook_page import Page
from tests.second_process import started as start_training


@pytest.fixture
def page(monkeypatch):
    return Page().take_the_place_of_the_notebook(monkeypatch)


@pytest.fixture
def saved(tmp_path):
    """A folder with a run of two epochs."""
    ai.prepare(model="mlp", epochs=2).fit("none", output_dir=tmp_path / "mine")
    return tmp_path / "mine"


@pytest.fixture
def start():
    """Start a process that trains into a folder at this pace (steps a second); it has ended when the test ends."""
    started = []

    def begin(folder, pace=0):
        started.append(start_training(folder, epochs=2, pace=pace))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.join()


@pytest.fixture
def soon():
    """Do something in a thread once a question is answered with yes."""
    threads = []

    def when(question, act):
        def wait():
            deadline = time.monotonic() + 60
            while not question() and time.monotonic() < deadline:
                time.sleep(0.02)
            act()

        threads.append(threading.Thread(target=wait))
        threads[-1].start()

    yield when
    for thread in threads:
        thread.join()


def rows_in(folder):
    """How many rows the file holds."""
    path = folder / files.HISTORY
    return path.read_bytes().count(b"\n") if path.is_file() else 0


def test_a_run_that_is_over_is_shown_as_fit_would_have_left_it(page, saved):
    run = ai.follow(saved)
    (handle,) = page.handles
    assert page.panels[0].facts["controls"] == []
    assert "data-aitrain-place" in handle.shown[0]["text/html"]
    held, frame = page.rows(), run.history.frame()
    assert np.array_equal(held[:, 0], frame["step"])
    assert np.allclose(held[:, 3], frame["loss"])
    twin = handle.shown[-1]
    assert "<figure" in twin["text/html"]
    assert twin["text/plain"].splitlines()[-1] == run.ending.line == ai.load_run(saved).ending.line
    assert page.updates[-1]["state"]["word"] == "done"


def test_it_waits_for_the_folder_and_goes_with_the_process_to_its_end(page, tmp_path, start, soon):
    folder = tmp_path / "later"
    soon(lambda: page.handles, lambda: start(folder, pace=60))
    run = ai.follow(folder)
    (handle,) = page.handles
    assert handle.shown[0]["text/plain"] == "waiting: the folder 'later' isn't there yet"
    (shown,) = page.panels
    assert shown.facts["steps"] == 90
    assert any(shown.place in bundle["text/html"] for bundle in handle.shown), (
        "it has taken over the place of the waiting"
    )
    words = [message["state"]["word"] for message in page.updates]
    assert words[0] == "running"
    assert words[-1] == "done"
    assert len(words) > 4, "it was told while it ran"
    assert "in later, by another process" in page.updates[0]["state"]["reason"]
    assert len(page.rows()) == len(run.history) == 90
    assert [row["step"] for row in page.updates[-1]["evaluations"]] == [45, 90]
    line = next(message["state"]["line"] for message in page.updates if message["state"]["line"])
    assert re.fullmatch(r"Step \d+/45: loss=.*", line)
    assert run.is_over


def test_an_interrupt_only_ends_the_watching(page, tmp_path, start, soon):
    folder = tmp_path / "mine"
    process = start(folder, pace=20)
    soon(lambda: page.rows().shape[0] > 3, lambda: os.kill(os.getpid(), signal.SIGINT))
    run = ai.follow(folder)
    said = page.handles[0].words.splitlines()[-1]
    assert said == "left: the run goes on in its own process"
    assert "<figure" in page.handles[0].shown[-1]["text/html"]
    assert run.word == "running"
    assert process.is_alive()
    before = rows_in(folder)
    deadline = time.monotonic() + 60
    while rows_in(folder) <= before:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_killed_process_is_said_and_its_rows_stay(page, tmp_path, start, soon):
    folder = tmp_path / "mine"
    process = start(folder, pace=30)
    soon(lambda: page.rows().shape[0] > 3, process.kill)
    run = ai.follow(folder)
    assert run.ending.line == "failed: the process has gone, without weights"
    assert page.handles[0].words.splitlines()[-1] == run.ending.line
    assert "kept" not in page.handles[0].shown[-1]["text/html"]
    assert len(page.rows()) == len(run.history) == rows_in(folder)


def test_a_run_that_was_begun_anew_is_shown_from_its_beginning(page, saved, soon):
    state = read_state(saved)
    state._replace(word="running", ending=None, heartbeat=time.time(), process=os.getpid()).write(saved)

    def begin_anew():
        replace_text(saved / files.HISTORY, "".join((saved / files.HISTORY).open().readlines()[:50]))
        time.sleep(1)
        state.write(saved)

    soon(lambda: page.rows().shape[0] == 90, begin_anew)
    run = ai.follow(saved)
    assert run.history.cuts == 1
    assert page.rows().shape[0] == len(run.history) == 50


def test_what_is_kept_is_what_the_run_says(page, tmp_path):
    last, best = tmp_path / "last", tmp_path / "best"
    for folder, changes in ((last, {"keep": "last"}), (best, {"best_metric": "accuracy"})):
        trainer = ai.prepare(model="mlp", epochs=3, **changes)
        trainer.fit("none", output_dir=folder)
        state = read_state(folder)
        assert state.kept_step == (0 if folder == last else trainer.ending.kept_step)


def test_pictures_for_front_ends_without_widgets(page, saved):
    ai.follow(saved, display="matplotlib", plots=[lambda history: ai.plots.loss(history.frame())])
    status, own, other = page.handles
    assert "<figure" in status.shown[-1]["text/html"]
    assert own.shown[-1]["text/html"] == ""
    assert "data:image/png" in other.shown[-1]["text/html"]
    assert not page.sent


def test_a_damaged_folder_ends_the_panel_and_is_said(page, saved, soon):
    state = read_state(saved)
    state._replace(word="running", ending=None, heartbeat=time.time(), process=os.getpid()).write(saved)
    soon(lambda: page.sent, lambda: (saved / files.HISTORY).open("ab").write(b"{}\n"))
    with pytest.raises(ai.DataError, match=r"Can't read the history.jsonl"):
        ai.follow(saved)
    assert "<figure" in page.handles[0].shown[-1]["text/html"]


# without a notebook


def test_lines_in_a_terminal(saved, capsys):
    run = ai.follow(saved)
    written = capsys.readouterr().out.splitlines()
    assert written[0].startswith("Epoch 1: Training loss: ")
    assert written[1].startswith("Epoch 2: Training loss: ")
    assert written[2:4] == ["Epoch 2/2", written[3]]
    assert written[3].startswith("Step 45/45: loss=")
    assert written[4] == run.ending.line
    with pytest.raises(ai.ConfigError, match="no notebook"):
        ai.follow(saved, display="panel")
    with pytest.raises(ai.ConfigError, match="no display"):
        ai.follow(saved, display="lines")


def test_silence_waits_for_the_end(tmp_path, start, capfd):
    start(tmp_path / "mine")
    assert ai.follow(tmp_path / "mine", display="none").word == "done"
    assert capfd.readouterr().out == ""


def test_the_command_follows_and_says_how_it_ended(saved):
    done = CliRunner().invoke(cli.app, ["follow", str(saved)])
    assert (done.exit_code, done.output.splitlines()[-1]) == (0, ai.load_run(saved).ending.line)
    state = read_state(saved)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    state._replace(word="running", ending=None, heartbeat=time.time() - 60, process=gone.pid).write(saved)
    done = CliRunner().invoke(cli.app, ["follow", str(saved)])
    assert (done.exit_code, done.output.splitlines()[-1]) == (1, "failed: the process has gone, without weights")


def test_following_in_a_terminal_loads_no_torch(saved):
    code = "import sys, aitrain_nb as ai; ai.follow(sys.argv[1]); print([name in sys.modules for name in ('torch', 'anywidget')])"
    done = subprocess.run([sys.executable, "-c", code, str(saved)], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[False, False]"


def test_a_followed_run_offers_no_look_inside(page, tmp_path, start, soon):
    """Its phases happen in the other process; so no lever is offered, while it runs and when it is over."""
    folder = tmp_path / "mine"
    soon(lambda: page.handles, lambda: start(folder, pace=200))
    ai.follow(folder)
    (shown,) = page.panels
    assert shown.facts["controls"] == []
    shown.take({"type": "look"})
    shown.take({"type": "next_phase"})
    assert not any("inside" in message.values() for message, _ in page.sent)
