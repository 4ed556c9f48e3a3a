"""Errors that say what happened, why, and the one thing to do about it."""

from __future__ import annotations

import difflib
import os
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

WHOLE = "AITRAIN_NB_TRACEBACK"
"""Set this environment variable to see whole tracebacks in a notebook."""
_SHOWN = 80
"""So many letters of a name that isn't known are shown."""
_PACKAGE = str(Path(__file__).parent)


class AitrainError(Exception):
    """An error a person can act on.

    Args:
        what: what happened, and where.
        why: the reason, with the numbers that show it.
        fix: one thing to do.
    """

    def __init__(self, what: str, why: str = "", fix: str = "") -> None:
        super().__init__(what, why, fix)
        self.what, self.why, self.fix = what, why, fix

    def __str__(self) -> str:
        lines = [self.what]
        if self.why:
            lines.append(f"Why: {self.why}")
        if self.fix:
            lines.append(f"Fix: {self.fix}")
        return "\n".join(lines)

    @property
    def _render_traceback_(self) -> Callable[[], list[str]]:
        """What IPython shows in place of a traceback; it asks for this name."""
        if os.environ.get(WHOLE):
            raise AttributeError(WHOLE)
        return self._shown

    def _shown(self) -> list[str]:
        """The kind, the person's own line that led here, and the sentences."""
        frames = traceback.extract_tb(self.__traceback__)
        own = [
            frame
            for frame in frames
            if not frame.filename.startswith(_PACKAGE) and "site-packages" not in frame.filename
        ]
        place = f" in line {own[-1].lineno}: {own[-1].line}" if own and own[-1].line else ""
        return [f"\x1b[31m{type(self).__name__}\x1b[0m{place}", *str(self).split("\n")]


class ConfigError(AitrainError):
    """A field of the configuration is unknown, of the wrong kind or out of range."""


class DataError(AitrainError):
    """The examples can't be used as they are."""


class ModelError(AitrainError):
    """The model doesn't fit the data or the task."""


class PhaseError(AitrainError):
    """A phase was called out of order, or a record was used after its time."""


class OutOfMemoryError(AitrainError):
    """Memory ran out, and smaller portions of the work don't help."""


class ProcessError(AitrainError):
    """Another process that trains the same run is gone."""


class StopTraining(Exception):  # noqa: N818  a signal to the loop, not a failure
    """Raised by a watcher to end training after the current step; `reason` is shown to the user."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def likeness(name: str, candidate: str) -> float:
    """0 to 1: how alike two names are, dashes and capitals aside."""
    one, other = (text.lower().replace("-", "_") for text in (name, candidate))
    return difflib.SequenceMatcher(None, one, other).ratio()


def nearest(name: str, valid: Iterable[str]) -> list[str]:
    """The valid names, those most like `name` first.

    >>> nearest("learning_rte", ["epochs", "learning_rate"])
    ['learning_rate', 'epochs']
    """
    return sorted(valid, key=lambda candidate: (-likeness(str(name), candidate), candidate))


def unknown_name(kind: str, name: object, valid: Iterable[str], meant: str | None = None) -> tuple[str, str, str]:
    """`what, why, fix` for a name that isn't known.

    Args:
        kind: what it should have been, such as "field".
        name: what was given.
        valid: the names there are, in the order in which they are told.
        meant: what it is called here, where that is known.
    """
    names = list(valid)
    if isinstance(name, str) and len(name) > _SHOWN:
        name = f"{name[:_SHOWN]}..."
    best = meant or nearest(str(name), names)[0]
    alike = meant is not None or likeness(str(name), best) >= 0.5
    fix = f"Did you mean {best!r}?" if alike else "Choose one of them."
    return f"There is no {kind} named {name!r}.", f"The valid names are: {', '.join(names)}.", fix
