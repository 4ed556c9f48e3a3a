"""The command line: one file for each part of the way; importing them makes their commands known."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from aitrain_nb import __version__

from aitrain_nb.cli import learning, teaching, training, results  # isort: skip  the order of the help
from aitrain_nb.cli.base import app, is_first, say
from aitrain_nb.displays import encodable
from aitrain_nb.errors import AitrainError, ProcessError

__all__ = ["app", "learning", "main", "results", "teaching", "training"]


@app.callback(invoke_without_command=True)
def about(version: Annotated[bool, typer.Option("--version", help="Show the version and leave.")] = False) -> None:
    """See a neural network train, one step at a time, in Jupyter."""
    if version:
        say(f"aitrain-nb {__version__}")
        raise typer.Exit


def main() -> None:
    """Run a command; an error a person can act on is shown as its sentence."""
    try:
        app()
    except AitrainError as error:
        if not isinstance(error, ProcessError) or is_first():  # the others would only say that one of them is gone
            typer.echo(encodable(str(error), sys.stderr), err=True)
        raise SystemExit(1) from error
