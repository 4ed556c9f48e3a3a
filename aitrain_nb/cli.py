"""The command line: aitrain-nb lab, look, train, predict, notebooks, doctor, demo."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from aitrain_nb import __version__, lessons
from aitrain_nb.config import TrainConfig
from aitrain_nb.errors import AitrainError, ConfigError, DataError

app = typer.Typer(
    help="See a neural network train, one step at a time, in Jupyter.", no_args_is_help=True, add_completion=False
)

HERE = Path("aitrain-nb-lessons")
OWN_TASK = typer.Option(help="A Python file with a task of your own; it is run.")


@app.callback(invoke_without_command=True)
def about(version: Annotated[bool, typer.Option("--version", help="Show the version and leave.")] = False) -> None:
    """See a neural network train, one step at a time, in Jupyter."""
    if version:
        typer.echo(f"aitrain-nb {__version__}")
        raise typer.Exit


@app.command()
def lab(
    to: Annotated[Path | None, typer.Option(help="Folder for your copy of the lessons.")] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to serve on; the next free one is taken.")] = 8888,
    browser: Annotated[bool, typer.Option(help="Open a browser window.")] = True,
) -> None:
    """Open JupyterLab on the first lesson.

    In a checkout the lessons open where they lie; otherwise a copy is made in ./aitrain-nb-lessons, and your changes there are kept.
    """
    if to is None and lessons.is_checkout():
        place = lessons.folder()
    else:
        place = to or HERE
        _copy(place)
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={place.resolve()}", f"--port={port}"]
    command += [f"--LabApp.default_url=/lab/tree/{lessons.FIRST}"]
    command += [] if browser else ["--no-browser"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # in a container there is often no other user
        command.append("--allow-root")
        typer.echo("You are root, so JupyterLab is told to allow it; it asks for its token all the same.")
    _become(command, _quiet_environment())


def _become(command: list[str], environment: dict[str, str]) -> None:
    """Run the command in place of this process, so that a signal to us is a signal to it."""
    sys.stdout.flush()
    if os.name == "posix":
        os.execve(command[0], command, environment)  # noqa: S606  our own interpreter with our own arguments
    raise typer.Exit(subprocess.call(command, env=environment))  # noqa: S603  the same where a process can't be replaced


def _quiet_environment() -> dict[str, str]:
    """The environment with our few JupyterLab settings on top: no question about news, which would also reach for the network."""
    paths = [str(lessons.JUPYTER_SETTINGS), os.environ.get("JUPYTER_CONFIG_PATH", "")]
    return os.environ | {"JUPYTER_CONFIG_PATH": os.pathsep.join(filter(None, paths))}


@app.command()
def notebooks(to: Annotated[Path, typer.Option(help="Folder to copy the lessons into.")] = HERE) -> None:
    """Copy the lessons; a file you changed is never overwritten."""
    _copy(to)


@app.command()
def demo(seeds: Annotated[int, typer.Option(min=1, help="How many runs.")] = 5) -> None:
    """Run the first lesson without a browser, then train on real digits and print what came out."""
    from aitrain_nb.lessons import demo as demonstration

    first = lessons.folder() / lessons.FIRST
    seconds = lessons.run_headless(first)
    typer.echo(f"{first.name}: every cell ran, {seconds:.1f} s\n")
    typer.echo("small-cnn on 1,437 digits, 10 epochs, validated on 360 others")
    typer.echo(demonstration.table(list(demonstration.train(seeds))))


@app.command()
def look(
    source: Annotated[str, typer.Argument(help="A file, a folder of images, or the name of a bundled data set.")],
    seconds: Annotated[float, typer.Option(min=1, help="About how long it may take.")] = 60.0,
    save: Annotated[Path | None, typer.Option("--config", help="Write the suggested run into this YAML file.")] = None,
) -> None:
    """A first look at data: what they are, what is odd, what simple methods reach, what fine-tuning would take."""
    from aitrain_nb.looking import quick_look

    found = quick_look(source, seconds=seconds, progress=lambda sentence: typer.echo(f"... {sentence}", err=True))
    typer.echo(repr(found))
    if save is not None:
        save.write_text(found.config.to_yaml(), encoding="utf-8")
        typer.echo(f"aitrain-nb train {save}")


@app.command()
def doctor(seconds: Annotated[float, typer.Option(min=0.5, help="How long the trial run takes.")] = 5.0) -> None:
    """Examine this installation: one line and one fix a problem; exit code 1 where something must be mended."""
    from aitrain_nb import doctor as examination

    findings = examination.examine(seconds=seconds)
    typer.echo(examination.report(findings))
    if not examination.is_ready(findings):
        raise typer.Exit(1)


@app.command()
def train(
    config: Annotated[Path, typer.Argument(help="A YAML or JSON file with the fields of a run.")],
    change: Annotated[
        list[str] | None, typer.Option("--set", help="A field and its value: --set learning_rate=1e-3.")
    ] = None,
    to: Annotated[Path | None, typer.Option(help="Folder for the run; runs/NAME-OF-THE-FILE by default.")] = None,
    task_file: Annotated[Path | None, OWN_TASK] = None,
) -> None:
    """Train what the file describes, and keep config, history and weights in a folder."""
    from aitrain_nb.run import prepare
    from aitrain_nb.saving import save_run

    _add_task(task_file)
    read = TrainConfig.from_json if config.suffix.lower() == ".json" else TrainConfig.from_yaml
    trainer = prepare(read(config), **_changes(change or []))
    if trainer.data.note:
        typer.echo(trainer.data.note)
    if trainer.data.guess is not None:
        typer.echo(trainer.data.guess.text())
    trainer.fit()
    if trainer.data.test is not None:
        typer.echo(trainer.evaluate("test").text())
    folder = save_run(trainer, to or Path("runs") / config.stem)
    typer.echo(f"saved in {folder}")


def _add_task(file: Path | None) -> None:
    if file is not None:
        from aitrain_nb.tasks import add_task

        add_task(file)


def _changes(given: list[str]) -> dict[str, Any]:
    """`name=value` pairs as fields; values are read as in YAML."""
    import yaml

    changes = {}
    for pair in given:
        name, sign, value = pair.partition("=")
        if not sign:
            raise ConfigError(f"--set {pair} has no value.", "It is written name=value.", f"--set {pair}=...")
        changes[name.strip()] = yaml.safe_load(value)
    return changes


@app.command()
def predict(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    what: Annotated[
        str, typer.Argument(help="A text, or a .csv or .tsv file with the column of texts the run was trained on.")
    ],
    to: Annotated[Path | None, typer.Option(help="File for the predictions of a table; printed by default.")] = None,
    task_file: Annotated[Path | None, OWN_TASK] = None,
) -> None:
    """Ask a trained model."""
    import pandas as pd

    from aitrain_nb.saving import load_run

    _add_task(task_file)
    trainer = load_run(run)
    if Path(what).suffix.lower() not in {".csv", ".tsv"}:
        best = trainer.predict([what]).iloc[0]
        typer.echo(f"{best['predicted']} ({best['probability']:.1%})")
        return
    if not Path(what).is_file():
        raise DataError(f"There is no file {Path(what).name!r}.", "It was not found.", "Check the path.")
    table = pd.read_csv(what, sep="\t" if what.lower().endswith(".tsv") else ",", dtype=str, keep_default_na=False)
    column = _text_column(table, trainer)
    answers = trainer.predict(table[column].tolist())
    table[["predicted", "probability"]] = answers[["predicted", "probability"]].round(4).to_numpy()
    text = table.to_csv(index=False)
    if to is None:
        typer.echo(text, nl=False)
    else:
        to.write_text(text, encoding="utf-8")
        typer.echo(f"{len(table)} rows in {to}")


def _text_column(table: Any, trainer: Any) -> str:
    """The column with the texts: the one the run was trained on, or the one that is called text, or the only one."""
    trained_on = [trainer.config.text_column, "text"]
    if trainer.data.guess is not None:
        trained_on.insert(1, trainer.data.guess.columns.get("text"))
    wanted = [name for name in trained_on if name in table.columns]
    if wanted or len(table.columns) == 1:
        return str(wanted[0] if wanted else table.columns[0])
    raise DataError(
        "It isn't clear which column holds the texts.", f"The columns are: {', '.join(table.columns)}.",
        f"Call it {next(name for name in trained_on if name)!r}, as when the run was trained.",
    )  # fmt: skip


def _copy(to: Path) -> None:
    copied = lessons.copy_lessons(to)
    typer.echo(f"{to}: {len(copied.written)} files written, {len(copied.kept)} kept")
    for name in copied.kept:
        typer.echo(f"kept your changed {name}")


def main() -> None:
    """Run a command; an error a person can act on is shown as its sentence."""
    try:
        app()
    except AitrainError as error:
        typer.echo(str(error), err=True)
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
