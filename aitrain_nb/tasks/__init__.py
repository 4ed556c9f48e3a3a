"""What differs between tasks, and nothing else: one file a task, found by its place in this folder, or added by you."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from aitrain_nb.errors import ConfigError, unknown_name
from aitrain_nb.placing import is_there
from aitrain_nb.tasks.base import LossOptions, Task

__all__ = ["LossOptions", "Task", "add_task", "find_task", "task_names"]

ENTRY_POINTS = "aitrain_nb.tasks"
"""Group of the entry points by which an installed package brings tasks: `my-task = "my_package.my_task:TASK"`."""
_own_files = {found.name.replace("_", "-"): found.name for found in pkgutil.iter_modules(__path__)}
_own_files.pop("base")
_added: dict[str, Task] = {}


def task_names() -> list[str]:
    """The names of all tasks: this folder's files, those added by `add_task`, and those that installed packages bring."""
    return sorted({*_own_files, *_added, *entry_points(group=ENTRY_POINTS).names})


def find_task(name: str) -> Task:
    """The task of this name.

    Raises:
        ConfigError: there is no such task, or the package that brings it can't be used.
    """
    if name in _own_files:
        task: Task = importlib.import_module(f"{__name__}.{_own_files[name]}").TASK
        return task
    if name in _added:
        return _added[name]
    for entry in entry_points(group=ENTRY_POINTS, name=name):
        return add_task(_load(entry.load, f"The entry point {name!r} of {ENTRY_POINTS}"), name)
    raise ConfigError(*unknown_name("task", name, task_names()))


def add_task(source: Task | str | Path, name: str | None = None) -> Task:
    """Make a task of your own known by its name, so that `prepare(task=...)` and a config can use it.

    A Python file is *run*, so add only one that you trust; a config never names a file, and so never runs one.

    Args:
        source: the task, or a Python file that holds one as `TASK`.
        name: the name that is expected, where somebody promised one.

    Returns:
        The task.

    Raises:
        ConfigError: there is no task in it, or its name is taken.
    """
    task = source if isinstance(source, Task) else _task_in(Path(source)) if isinstance(source, (str, Path)) else source
    if not isinstance(task, Task):
        raise ConfigError(
            f"That is no task but {type(task).__name__}.", "A task is an object of a class derived from aitrain_nb.Task.",
            "Write `TASK = MyTask()` at the end of its file.",
        )  # fmt: skip
    called = getattr(task, "name", "")
    if not called or called in _own_files or (name is not None and called != name):
        why = f"Its name is {called!r}" + (f", and {name!r} was promised." if name else ", which is empty or taken.")
        raise ConfigError("The task can't be added.", why, "Give its class another `name`.")
    _added[called] = task
    return task


def _task_in(path: Path) -> Any:
    """What a Python file calls TASK."""
    if path.suffix != ".py" or not is_there(path) or not path.is_file():
        raise ConfigError(
            f"There is no Python file {path.name!r}.",
            "A task is added from a file that ends in .py.",
            "Check the path.",
        )
    spec = importlib.util.spec_from_file_location(f"aitrain_nb_task_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    run = spec.loader.exec_module
    _load(lambda: run(module), path.name)
    return getattr(module, "TASK", None)


def _load(run: Any, what: str) -> Any:
    """Somebody else's code, whose failure is told as a sentence."""
    try:
        return run()
    except Exception as error:
        raise ConfigError(
            f"{what} can't be loaded.",
            f"{type(error).__name__}: {error}",
            "Mend it; it runs when the task is asked for.",
        ) from error
