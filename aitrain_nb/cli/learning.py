"""lab, notebooks, demo, doctor: the lessons and this installation."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from aitrain_nb.cli.base import app, say
from aitrain_nb.lessons import shelf

HERE = Path("aitrain-nb-lessons")


@app.command()
def lab(
    to: Annotated[Path | None, typer.Option(help="Folder for your copy of the lessons.")] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to serve on; the next free one is taken.")] = 8888,
    browser: Annotated[bool, typer.Option(help="Open a browser window.")] = True,
) -> None:
    """Open JupyterLab on the first lesson.

    In a checkout the lessons open where they lie; otherwise a copy is made in ./aitrain-nb-lessons, and your changes there are kept.
    """
    if to is None and shelf.is_checkout():
        place = shelf.folder()
    else:
        place = to or HERE
        _copy(place)
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={place.resolve()}", f"--port={port}"]
    command += [f"--LabApp.default_url=/lab/tree/{shelf.FIRST}"]
    command += [] if browser else ["--no-browser"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # in a container there is often no other user
        command.append("--allow-root")
        say("You are root, so JupyterLab is told to allow it; it asks for its token all the same.")
    _become(command, _quiet_environment())


def _become(command: list[str], environment: dict[str, str]) -> None:
    """Run the command in place of this process, so that a signal to us is a signal to it."""
    sys.stdout.flush()
    if os.name == "posix":
        os.execve(command[0], command, environment)  # noqa: S606  our own interpreter with our own arguments
    raise typer.Exit(subprocess.call(command, env=environment))  # noqa: S603  the same where a process can't be replaced


def _quiet_environment() -> dict[str, str]:
    """The environment with our few JupyterLab settings on top: no question about news, which would also reach for the network."""
    paths = [str(shelf.JUPYTER_SETTINGS), os.environ.get("JUPYTER_CONFIG_PATH", "")]
    return os.environ | {"JUPYTER_CONFIG_PATH": os.pathsep.join(filter(None, paths))}


@app.command()
def notebooks(
    to: Annotated[Path, typer.Option(help="Folder to copy the lessons into.")] = HERE,
    solutions: Annotated[bool, typer.Option("--solutions", help="With every question answered and explained.")] = False,
    instructor: Annotated[
        bool, typer.Option("--instructor", help="With solutions and notes for whoever teaches.")
    ] = False,
) -> None:
    """Copy the lessons; a file you changed is never overwritten."""
    if solutions or instructor:
        from aitrain_nb.lessons.versions import stock

        with tempfile.TemporaryDirectory() as made:
            stock(Path(made), "instructor" if instructor else "solution")
            _copy(to, Path(made))
    else:
        _copy(to)


@app.command()
def demo(seeds: Annotated[int, typer.Option(min=1, help="How many runs.")] = 5) -> None:
    """Run the first lesson without a browser, then train on real digits and print what came out."""
    from aitrain_nb.lessons import demo as demonstration

    first = shelf.folder() / shelf.FIRST
    seconds = shelf.run_headless(first)
    say(f"{first.name}: every cell ran, {seconds:.1f} s\n")
    say("small-cnn on 1,437 digits, 10 epochs, validated on 360 others")
    say(demonstration.table(list(demonstration.train(seeds))))


@app.command()
def doctor(seconds: Annotated[float, typer.Option(min=0.5, help="How long the trial run takes.")] = 5.0) -> None:
    """Examine this installation: one line and one fix a problem; exit code 1 where something must be mended."""
    from aitrain_nb import doctor as examination

    findings = examination.examine(seconds=seconds)
    say(examination.report(findings))
    if not examination.is_ready(findings):
        raise typer.Exit(1)


def _copy(to: Path, source: Path | None = None) -> None:
    copied = shelf.copy_lessons(to, source)
    say(f"{to}: {len(copied.written)} files written, {len(copied.kept)} kept")
    for name in copied.kept:
        say(f"kept your changed {name}")
