"""The command line: what it calls, what it prints, and that the lab answers."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import nbformat
import pytest
from typer.testing import CliRunner

from aitrain_nb import __version__, cli
from aitrain_nb.errors import DataError
from aitrain_nb.lessons import shelf
from aitrain_nb.loading import load_run

runner = CliRunner()


@pytest.fixture
def called(monkeypatch):
    """What would have been started."""
    commands = []
    monkeypatch.setattr(cli.learning, "_become", lambda command, environment: commands.append((command, environment)))
    return commands


def test_the_version():
    assert runner.invoke(cli.app, ["--version"]).output == f"aitrain-nb {__version__}\n"


def test_without_a_command_the_help_lists_them():
    output = runner.invoke(cli.app, []).output
    assert all(name in output for name in ("lab", "look", "train", "predict", "notebooks", "doctor", "demo"))


def test_in_a_checkout_the_lab_opens_the_lessons_where_they_lie(called):
    assert runner.invoke(cli.app, ["lab", "--no-browser", "--port", "8123"]).exit_code == 0
    ((command, environment),) = called
    assert str(shelf.JUPYTER_SETTINGS) in environment["JUPYTER_CONFIG_PATH"].split(os.pathsep)
    assert command[:3] == [sys.executable, "-m", "jupyterlab"]
    assert f"--ServerApp.root_dir={shelf.folder()}" in command
    assert {"--port=8123", "--no-browser", f"--LabApp.default_url=/lab/tree/{shelf.FIRST}"} <= set(command)


def test_elsewhere_the_lab_opens_a_copy(called, tmp_path):
    result = runner.invoke(cli.app, ["lab", "--to", str(tmp_path / "mine")])
    assert result.exit_code == 0
    assert (tmp_path / "mine" / shelf.FIRST).is_file()
    assert f"--ServerApp.root_dir={(tmp_path / 'mine').resolve()}" in called[0][0]
    assert "--no-browser" not in called[0][0]


def test_the_notebooks_are_copied_and_changed_ones_named(tmp_path):
    runner.invoke(cli.app, ["notebooks", "--to", str(tmp_path)])
    (tmp_path / shelf.FIRST).write_text("mine", encoding="utf-8")
    output = runner.invoke(cli.app, ["notebooks", "--to", str(tmp_path)]).output
    assert f"kept your changed {shelf.FIRST}" in output


def test_an_error_of_ours_is_its_sentence_and_no_trace(monkeypatch, capsys):
    def fail():
        raise DataError("The file is empty.", "It holds 0 bytes.", "Choose another.")

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 1
    assert capsys.readouterr().err == "The file is empty.\nWhy: It holds 0 bytes.\nFix: Choose another.\n"


def test_the_module_is_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "aitrain_nb", "--version"], capture_output=True, text=True, check=True, timeout=300
    )
    assert done.stdout.strip() == f"aitrain-nb {__version__}"


def test_the_demo_runs_the_first_lesson_and_prints_a_table_of_real_runs(tmp_path, monkeypatch):
    """With a short lesson in place of the first one, which nbval runs from top to bottom."""
    cells = [nbformat.v4.new_code_cell("open('seen', 'w').close()")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / shelf.FIRST)
    monkeypatch.setattr(shelf, "folder", lambda: tmp_path)
    result = runner.invoke(cli.app, ["demo", "--seeds", "1"])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "seen").exists()
    assert f"{shelf.FIRST}: every cell ran" in result.output
    row = re.search(r"^ +0 +([\d.]+) +([\d.]+) +[\d.]+$", result.output, re.MULTILINE)
    assert 2.2 < float(row[1]) < 2.4
    assert float(row[2]) > 0.95
    assert "ln 10 = 2.303" in result.output


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def test_the_lab_answers_on_its_port(tmp_path):
    port = free_port()
    command = [sys.executable, "-m", "aitrain_nb", "lab", "--no-browser", "--port", str(port), "--to", str(tmp_path)]
    server = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    try:
        assert answer(f"http://127.0.0.1:{port}/api", server) == 200
        with pytest.raises(urllib.error.HTTPError, match="403"):  # nobody gets in without the token
            urllib.request.urlopen(f"http://127.0.0.1:{port}/api/contents", timeout=10)
        os.kill(server.pid, signal.SIGTERM)  # to the command itself: it and the server are one process
        server.wait(300)
        with pytest.raises(urllib.error.URLError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/api", timeout=5)
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGKILL)


def test_a_run_that_is_asked_to_terminate_ends_in_order(tmp_path, forked):
    (tmp_path / "run.yaml").write_text("data: digits\nmodel: mlp\nepochs: 10000\nthreads: 1\n")
    command = [sys.executable, "-m", "aitrain_nb", "train", "run.yaml", "--to", "run"]
    run = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    try:
        while not (tmp_path / "run" / "history.jsonl").is_file():
            assert run.poll() is None
            time.sleep(0.1)
        run.send_signal(signal.SIGTERM)
        said, _ = run.communicate(timeout=300)
    finally:
        run.kill()
    assert run.returncode == 0
    assert "interrupted" in said
    trainer = load_run(tmp_path / "run")
    assert trainer.ending.state == "stopped"
    assert trainer.step == len(trainer.history) > 0


def answer(url: str, server: subprocess.Popen) -> int:
    for _ in range(300):
        assert server.poll() is None, server.stdout.read()
        try:
            return urllib.request.urlopen(url, timeout=5).status
        except OSError:
            time.sleep(0.2)
    raise AssertionError("no answer in 60 s")


@pytest.mark.parametrize("port", ["0", "99999", "many"])
def test_a_port_that_can_not_be_is_refused(called, port):
    assert runner.invoke(cli.app, ["lab", "--port", port]).exit_code == 2
    assert called == []
