"""What differs between tasks, and nothing else: one file a task, found by its place in this folder."""

from __future__ import annotations

import importlib
import pkgutil

from aitrain_nb.errors import ConfigError, unknown_name
from aitrain_nb.tasks.base import Task

__all__ = ["Task", "find_task", "task_names"]


def task_names() -> list[str]:
    """The names of all tasks: this folder's files, dashes for underscores."""
    return sorted(found.name.replace("_", "-") for found in pkgutil.iter_modules(__path__) if found.name != "base")


def find_task(name: str) -> Task:
    """The task of this name.

    Raises:
        ConfigError: there is no such task.
    """
    if name not in task_names():
        raise ConfigError(*unknown_name("task", name, task_names()))
    module = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
    task: Task = module.TASK
    return task
