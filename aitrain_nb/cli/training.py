"""look, estimate, train, resume, follow: from data to a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from aitrain_nb.cli.base import OWN_TASK, add_own_task, app, changes_of, ended_in_order, is_first, say
from aitrain_nb.config import TrainConfig
from aitrain_nb.placing import check_place, write_whole


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
        progress=lambda sentence: say(f"... {sentence}", err=True),
    )  # fmt: skip
    say(repr(found))
    if save is not None:
        write_whole(save, found.config.to_yaml())
        say(f"aitrain-nb train {save}")


@app.command()
def estimate(
    config: Annotated[Path, typer.Argument(help="A YAML or JSON file with the fields of a run.")],
    change: Annotated[
        list[str] | None, typer.Option("--set", help="A field and its value: --set batch_size=64.")
    ] = None,
    task_file: Annotated[Path | None, OWN_TASK] = None,
) -> None:
    """How much memory a run needs, how long it takes and which batches fit, without making its model."""
    from aitrain_nb.estimating import estimate as estimate_run

    add_own_task(task_file)
    say(repr(estimate_run(_read(config), **changes_of(change or []))))


def _read(file: Path) -> TrainConfig:
    read = TrainConfig.from_json if file.suffix.lower() == ".json" else TrainConfig.from_yaml
    return read(file)


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
    from aitrain_nb.estimating import foresee
    from aitrain_nb.run import prepare
    from aitrain_nb.run_folder.saving import check_folder, free_folder

    folder = free_folder(Path("runs") / config.stem) if to is None else to
    if is_first():
        check_folder(folder, overwrite=overwrite)
    add_own_task(task_file)
    trainer = prepare(_read(config), **changes_of(change or []))
    if trainer.data.note:
        say(trainer.data.note)
    if trainer.data.guess is not None:
        say(trainer.data.guess.text())
    if is_first():
        foresee(trainer)
    with ended_in_order():
        trainer.fit(output_dir=folder, overwrite=overwrite, report_to=report_to)
    if trainer.data.test is not None and is_first():
        say(trainer.evaluate("test").text())
    say(f"saved in {folder}")


@app.command()
def resume(
    folder: Annotated[Path, typer.Argument(help="The folder of a run that was stopped, killed or finished.")],
    epochs: Annotated[int | None, typer.Option(help="How many epochs in all, to go on with a finished run.")] = None,
    max_steps: Annotated[int | None, typer.Option(help="How many steps in all, instead of epochs.")] = None,
    task_file: Annotated[Path | None, OWN_TASK] = None,
) -> None:
    """Go on with a run where its newest checkpoint stands, in its own folder, as if it had never ended."""
    from aitrain_nb.loading import load_run

    add_own_task(task_file)
    trainer = load_run(folder)
    for note in trainer.notes if trainer.step else []:  # before the first step fit says them
        say(note)
    total = f" of {trainer.total_steps:,}" if epochs is None and max_steps is None else ""  # else fit reckons it anew
    say(f"goes on from step {trainer.step:,}{total}")
    longer: dict[str, Any] = {"epochs": epochs, "max_steps": max_steps}
    with ended_in_order():
        trainer.fit(output_dir=folder, **{name: value for name, value in longer.items() if value is not None})
    say(f"saved in {folder}")


@app.command()
def follow(
    folder: Annotated[Path, typer.Argument(help="The folder that another process trains into.")],
) -> None:
    """Show a run that another process trains, line by line, until it is over; Ctrl-C only ends the watching."""
    from aitrain_nb.followers import follow as follow_run

    if follow_run(folder, "text").word == "failed":
        raise typer.Exit(1)
