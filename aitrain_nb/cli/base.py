"""What all commands share: the program they belong to, how it speaks, and how it reads what is asked of it."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

from aitrain_nb.displays import encodable
from aitrain_nb.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

app = typer.Typer(
    help="See a neural network train, one step at a time, in Jupyter.", no_args_is_help=True, add_completion=False
)

OWN_TASK = typer.Option(help="A Python file with a task of your own; it is run.")


def is_first() -> bool:
    """Whether this is the first of the processes that train together, or the only one."""
    return int(os.environ.get("WORLD_SIZE", "1")) <= 1 or os.environ.get("RANK", "0") == "0"


def say(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Write a text, with another letter for each that the terminal or pipe can't take; in several processes the first."""
    if not is_first():
        return
    typer.echo(encodable(text, sys.stderr if err else sys.stdout), err=err, nl=nl)


@contextmanager
def ended_in_order() -> Iterator[None]:
    """Inside, a request to terminate, as schedulers and launchers send it, is an interrupt: the step is finished and all is written."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda _number, _frame: signal.raise_signal(signal.SIGINT))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before if before is not None else signal.SIG_DFL)


def add_own_task(file: Path | None) -> None:
    """Run the Python file of `--task-file`, where one was named."""
    if file is not None:
        from aitrain_nb.tasks import add_task

        add_task(file)


def changes_of(given: list[str]) -> dict[str, Any]:
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
