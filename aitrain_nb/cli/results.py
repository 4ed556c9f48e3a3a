"""runs, compare, diagnose, predict, export: what came out of it."""

from __future__ import annotations

import shutil
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from aitrain_nb.cli.base import OWN_TASK, add_own_task, app, say
from aitrain_nb.errors import ConfigError, DataError
from aitrain_nb.placing import check_place, is_there, replace_file, write_whole

_WIDEST = 110
"""Lines that are longer than this are hard to read."""


@app.command()
def runs(folder: Annotated[Path, typer.Argument(help="The folder that holds your runs.")] = Path("runs")) -> None:
    """The runs of a folder, the newest first: how they go, the best validation loss of each, how much they take on the disk."""
    from aitrain_nb.run_table import runs as all_runs

    say(all_runs(folder).text())


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
    say(found.text())
    if to is not None:
        replace_file(to, partial(found.plot().savefig, format=to.suffix[1:].lower()))
        say(f"the picture is in {to}")


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
    say(findings.text(width))
    if findings.alarms:
        raise typer.Exit(1)


@app.command()
def predict(
    run: Annotated[Path, typer.Argument(help="Folder of a run, or of an export.")],
    what: Annotated[
        str,
        typer.Argument(
            help="A text, a table (.csv, .tsv, .jsonl, .json, .parquet) with the run's columns, an image, a folder of images, or - for "
            "lines that come from another program."
        ),
    ],
    second: Annotated[str | None, typer.Option(help="The second text, where the run was trained on pairs.")] = None,
    to: Annotated[
        Path | None, typer.Option(help="File for the predictions of a table, a folder or lines; printed by default.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Write over the file that --to names.")] = False,
    task_file: Annotated[Path | None, OWN_TASK] = None,
    trust: Annotated[
        bool, typer.Option("--trust", help="Open also an export that could run code (torch-export).")
    ] = False,
) -> None:
    """Ask a trained model."""
    from aitrain_nb.exporting import is_export, load_exported
    from aitrain_nb.loading import load_run
    from aitrain_nb.predicting import names_a_file, predict_file, predict_lines

    add_own_task(task_file)
    if to is not None:
        check_place(to)
        _check_not_lost(to, what, overwrite=overwrite)
    is_one = what != "-" and not names_a_file(what) and not Path(what).is_dir()
    if second is not None and not is_one:
        raise ConfigError(
            "--second goes with one text.", f"{what!r} holds many.", "Put the second texts into a column of the table."
        )
    trainer = load_exported(run, trusted=trust) if is_export(run) else load_run(run)
    if is_one:
        best = trainer.predict([what] if second is None else [(what, second)]).iloc[0]
        say(f"{best['predicted']} ({best['probability']:.1%})")
        return
    answers = predict_lines(trainer, sys.stdin) if what == "-" else predict_file(trainer, Path(what))
    for note in answers.notes:
        say(note, err=True)
    text = answers.frame.to_csv(index=False)
    if to is None:
        say(text, nl=False)
    else:
        write_whole(to, text)
        say(f"{len(answers.frame)} rows in {to}")


@app.command()
def export(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    kind: Annotated[
        str, typer.Option("--format", help="transformers, safetensors, torch-export, onnx, int8 or onnx-int8.")
    ] = "safetensors",
    to: Annotated[Path | None, typer.Option(help="Folder for the export; by default exports/MODEL-FORMAT.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Write over the export that --to holds.")] = False,
    task_file: Annotated[Path | None, OWN_TASK] = None,
) -> None:
    """Write a trained model for others to use, open it in a fresh process, and show that it answers the same."""
    from aitrain_nb.exporting import export as write_export

    add_own_task(task_file)
    card = write_export(run, kind, to, overwrite=overwrite, progress=lambda sentence: say(f"... {sentence}", err=True))
    say(card.text())
    say(f"exported to {card.folder}")


def _check_not_lost(to: Path, what: str, *, overwrite: bool) -> None:
    """Raise where the answers would take the place of a file: of the data themselves always, of another unless that was said."""
    from aitrain_nb.predicting import images_in, names_a_file

    asked = images_in(Path(what)) if Path(what).is_dir() else [Path(what)] if names_a_file(what) else []
    if is_there(to) and any(is_there(path) and to.samefile(path) for path in asked):
        raise DataError(
            f"The answers would take the place of the data in {to.name!r}.",
            "--to names the same file.",
            "--to answers.csv",
        )
    if to.exists() and not overwrite:
        raise DataError(
            f"There is a file {to.name!r} already.", "It would be lost.", "Name another file, or say --overwrite."
        )
