"""Ctrl-C and the notebook's interrupt button as a normal ending: the step that runs is finished first."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def deferred_interrupt(ask: Callable[[str], None], may_raise: Callable[[], bool]) -> Iterator[None]:
    """Inside, a first interrupt only calls `ask("interrupted")`; a second one raises KeyboardInterrupt.

    The handler that was there is put back at the end. A second interrupt during an update waits until the update is
    whole. On another thread than the main one, where Python sends no signals, this does nothing.

    Args:
        ask: told the reason once; the loop ends at the step's edge.
        may_raise: whether the loop is at a point where it can be cut.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    count = 0

    def handle(_number: int, _frame: Any) -> None:
        nonlocal count
        count += 1
        ask("interrupted")
        if count > 1 and may_raise():
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before if before is not None else signal.default_int_handler)
