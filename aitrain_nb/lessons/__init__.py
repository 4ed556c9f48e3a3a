"""The lessons, and what a learner calls in them: `start, guess, outcome, check, hint, solution` and a few more.

    from aitrain_nb.lessons import check, guess, start

Importing this package loads nothing heavy; each name loads what it needs on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aitrain_nb.lessons.learner import (
        check,
        glossary,
        guess,
        hint,
        order,
        outcome,
        progress,
        reset,
        solution,
        start,
        status,
    )
    from aitrain_nb.lessons.room import assign, pool

__all__ = [
    "assign",
    "check",
    "glossary",
    "guess",
    "hint",
    "order",
    "outcome",
    "pool",
    "progress",
    "reset",
    "solution",
    "start",
    "status",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        home = "room" if name in {"assign", "pool"} else "learner"
        return getattr(importlib.import_module(f"aitrain_nb.lessons.{home}"), name)
    raise AttributeError(f"module 'aitrain_nb.lessons' has no attribute {name!r}; it has: {', '.join(__all__)}")


def __dir__() -> list[str]:
    return sorted(__all__)
