"""The command line: aitrain-nb lab, look, train, diagnose, predict, notebooks, doctor, demo."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from aitrain_nb import __version__, lessons
from aitrain_nb.config import TrainConfig
from aitrain_nb.displays import encodable
from aitrain_nb.errors import AitrainError, ConfigError, DataError
from aitrain_nb.placing import check_place, is_there, replace_file, write_whole

app = typer.Typer(
    help="See a neural network train, one step at a time, in Jupyter.", no_args_is_help=True, add_completion=False
)

HERE = Path("aitrain-nb-lessons")
_WIDEST = 110
"""Lines that are longer than this are hard to read."""
OWN_TASK = typer.Option(help="A Python file with a task of your own; it is run.")


def _say(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Write a text, with another letter for each that the terminal or pipe can't take."""
    typer.echo(encodable(text, sys.stderr if err else sys.stdout), err=err, nl=nl)


@app.callback(invoke_without_command=True)
def about(version: Annotated[bool, typer.Option("--version", help="Show the version and leave.")] = False) -> None:
    """See a neural network train, one step at a time, in Jupyter."""
    if version:
        _say(f"aitrain-nb {__version__}")
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
        _say("You are root, so JupyterLab is told to allow it; it asks for its token all the same.")
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
    _say(f"{first.name}: every cell ran, {seconds:.1f} s\n")
    _say("small-cnn on 1,437 digits, 10 epochs, validated on 360 others")
    _say(demonstration.table(list(demonstration.train(seeds))))


@app.command()
def look(
    source: Annotated[str, typer.Argument(help="A file, a folder of images, or the name of a bundled data set.")],
    seconds: Annotated[float, typer.Option(min=1, help="About how long it may take.")] = 60.0,
    save: Annotated[Path | None, typer.Option("--config", help="Write the suggested run into this YAML file.")] = None,
    text_column: Annotated[str | None, typer.Option(help="The column with the texts; guessed by default.")] = None,
    label_column: Annotated[str | None, typer.Option(help="The column with the classes; guessed by default.")] = None,
) -> None:
    """A first look at data: what they are, what is odd, what simple methods reach, what fine-tuning would take."""
    from aitrain_nb.looking import quick_look

    if save is not None:
        check_place(save)
    found = quick_look(
        source, text_column=text_column, label_column=label_column, seconds=seconds,
        progress=lambda sentence: _say(f"... {sentence}", err=True),
    )  # fmt: skip
    _say(repr(found))
    if save is not None:
        write_whole(save, found.config.to_yaml())
        _say(f"aitrain-nb train {save}")


@app.command()
def doctor(seconds: Annotated[float, typer.Option(min=0.5, help="How long the trial run takes.")] = 5.0) -> None:
    """Examine this installation: one line and one fix a problem; exit code 1 where something must be mended."""
    from aitrain_nb import doctor as examination

    findings = examination.examine(seconds=seconds)
    _say(examination.report(findings))
    if not examination.is_ready(findings):
        raise typer.Exit(1)


@app.command()
def train(
    config: Annotated[Path, typer.Argument(help="A YAML or JSON file with the fields of a run.")],
    change: Annotated[
        list[str] | None, typer.Option("--set", help="A field and its value: --set learning_rate=1e-3.")
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(help="Folder for the run; by default runs/NAME-OF-THE-FILE, or the next free number of it."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Write over the run that --to holds.")] = False,
    task_file: Annotated[Path | None, OWN_TASK] = None,
    report_to: Annotated[
        list[str] | None, typer.Option(help="A tracker of accelerate: tensorboard, wandb, mlflow ...; may be repeated.")
    ] = None,
) -> None:
    """Train what the file describes, and keep config, history and weights in a folder: from the start, so that it can be followed."""
    from aitrain_nb.run import prepare
    from aitrain_nb.run_folder.saving import check_folder, free_folder

    folder = free_folder(Path("runs") / config.stem) if to is None else to
    check_folder(folder, overwrite=overwrite)
    _add_task(task_file)
    read = TrainConfig.from_json if config.suffix.lower() == ".json" else TrainConfig.from_yaml
    trainer = prepare(read(config), **_changes(change or []))
    if trainer.data.note:
        _say(trainer.data.note)
    if trainer.data.guess is not None:
        _say(trainer.data.guess.text())
    trainer.fit(output_dir=folder, overwrite=overwrite, report_to=report_to)
    if trainer.data.test is not None:
        _say(trainer.evaluate("test").text())
    _say(f"saved in {folder}")


@app.command()
def resume(
    folder: Annotated[Path, typer.Argument(help="The folder of a run that was stopped, killed or finished.")],
    epochs: Annotated[int | None, typer.Option(help="How many epochs in all, to go on with a finished run.")] = None,
    max_steps: Annotated[int | None, typer.Option(help="How many steps in all, instead of epochs.")] = None,
    task_file: Annotated[Path | None, OWN_TASK] = None,
) -> None:
    """Go on with a run where its newest checkpoint stands, in its own folder, as if it had never ended."""
    from aitrain_nb.loading import load_run

    _add_task(task_file)
    trainer = load_run(folder)
    _say(f"goes on from step {trainer.step:,} of {trainer.total_steps:,}")
    longer: dict[str, Any] = {"epochs": epochs, "max_steps": max_steps}
    trainer.fit(output_dir=folder, **{name: value for name, value in longer.items() if value is not None})
    _say(f"saved in {folder}")


@app.command()
def follow(
    folder: Annotated[Path, typer.Argument(help="The folder that another process trains into.")],
) -> None:
    """Show a run that another process trains, line by line, until it is over; Ctrl-C only ends the watching."""
    from aitrain_nb.followers import follow as follow_run

    if follow_run(folder, "text").word == "failed":
        raise typer.Exit(1)


@app.command()
def runs(folder: Annotated[Path, typer.Argument(help="The folder that holds your runs.")] = Path("runs")) -> None:
    """The runs of a folder, the newest first: how they go, the best validation loss of each, how much they take on the disk."""
    from aitrain_nb.run_table import runs as all_runs

    _say(all_runs(folder).text())


@app.command()
def compare(
    folders: Annotated[list[Path], typer.Argument(help="Folders of runs.")],
    to: Annotated[Path | None, typer.Option(help="File for the picture of their curves: .png, .svg or .pdf.")] = None,
) -> None:
    """Several runs side by side: how well each did, and which settings differ."""
    from aitrain_nb.comparing import compare as side_by_side

    if to is not None:
        check_place(to)
        if to.suffix.lower() not in {".png", ".svg", ".pdf"}:
            raise ConfigError(
                f"Can't draw a picture as {to.name!r}.", "It takes .png, .svg or .pdf.", "--to curves.png"
            )
    found = side_by_side(*folders)
    _say(found.text())
    if to is not None:
        replace_file(to, partial(found.plot().savefig, format=to.suffix[1:].lower()))
        _say(f"the picture is in {to}")


@app.command()
def diagnose(
    run: Annotated[Path, typer.Argument(help="Folder of a run, a trainer_state.json of transformers, or a CSV log.")],
    classes: Annotated[
        int | None, typer.Option(min=2, help="How many classes there are, where the log doesn't say.")
    ] = None,
) -> None:
    """What is wrong with a run, why, and what to change; exit code 1 where something is wrong."""
    from aitrain_nb.diagnosis import diagnose as examine_run

    findings = examine_run(run, classes=classes)
    width = min(_WIDEST, max(40, shutil.get_terminal_size().columns)) if sys.stdout.isatty() else None
    _say(findings.text(width))
    if findings.alarms:
        raise typer.Exit(1)


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
        try:
            changes[name.strip()] = yaml.safe_load(value)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise ConfigError(
                f"Can't read the value of --set {name.strip()}.", " ".join(str(error).split()), "Write it as in a config file."
            ) from error  # fmt: skip
    return changes


@app.command()
def predict(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    what: Annotated[
        str,
        typer.Argument(
            help="A text, a table (.csv, .tsv, .jsonl, .json, .parquet) with the run's columns, or an image."
        ),
    ],
    second: Annotated[str | None, typer.Option(help="The second text, where the run was trained on pairs.")] = None,
    to: Annotated[Path | None, typer.Option(help="File for the predictions of a table; printed by default.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Write over the file that --to names.")] = False,
    task_file: Annotated[Path | None, OWN_TASK] = None,
) -> None:
    """Ask a trained model."""
    from aitrain_nb.loading import load_run
    from aitrain_nb.predicting import names_a_file, predict_file

    _add_task(task_file)
    if to is not None:
        check_place(to)
        _check_not_lost(to, what, overwrite=overwrite)
    trainer = load_run(run)
    if not names_a_file(what):
        best = trainer.predict([what] if second is None else [(what, second)]).iloc[0]
        _say(f"{best['predicted']} ({best['probability']:.1%})")
        return
    answers = predict_file(trainer, Path(what))
    for note in answers.notes:
        _say(note, err=True)
    text = answers.frame.to_csv(index=False)
    if to is None:
        _say(text, nl=False)
    else:
        write_whole(to, text)
        _say(f"{len(answers.frame)} rows in {to}")


def _check_not_lost(to: Path, what: str, *, overwrite: bool) -> None:
    """Raise where the answers would take the place of a file: of the data themselves always, of another unless that was said."""
    from aitrain_nb.predicting import names_a_file

    if is_there(to) and names_a_file(what) and is_there(Path(what)) and to.samefile(what):
        raise DataError(
            f"The answers would take the place of the data in {to.name!r}.",
            "--to names the same file.",
            "--to answers.csv",
        )
    if to.exists() and not overwrite:
        raise DataError(
            f"There is a file {to.name!r} already.", "It would be lost.", "Name another file, or say --overwrite."
        )


def _copy(to: Path) -> None:
    copied = lessons.copy_lessons(to)
    _say(f"{to}: {len(copied.written)} files written, {len(copied.kept)} kept")
    for name in copied.kept:
        _say(f"kept your changed {name}")


def main() -> None:
    """Run a command; an error a person can act on is shown as its sentence."""
    try:
        app()
    except AitrainError as error:
        _say(str(error), err=True)
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
