"""The cell that is running, as IPython knows it: somebody is told when it is over."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from IPython import get_ipython

if TYPE_CHECKING:
    from collections.abc import Callable


class CellWatch:
    """Tells when the cell that runs now is over. Without IPython it never does.

    Args:
        over: called with the error that ended the cell, or None; of cells that another thread runs it hears nothing.
    """

    def __init__(self, over: Callable[[BaseException | None], None]) -> None:
        self._over, self._thread = over, threading.get_ident()
        self._shell: Any = get_ipython()
        if self._shell is not None:
            self._shell.events.register("post_run_cell", self._after_cell)

    def leave(self) -> None:
        """Stop watching."""
        if self._shell is not None:
            self._shell.events.unregister("post_run_cell", self._after_cell)

    def _after_cell(self, result: Any = None) -> None:
        if threading.get_ident() == self._thread:  # a kernel may run a cell in another thread meanwhile
            self._over(getattr(result, "error_in_exec", None))
