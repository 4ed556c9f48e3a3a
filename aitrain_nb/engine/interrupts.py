"""Ctrl-C and the notebook's interrupt button as a normal ending: the step that runs is finished first."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def deferred_interrupt(ask: Callable[[str], None], may_raise: Callable[[], bool]) -> Iterator[Callable[[], None]]:
    """Inside, a first interrupt only calls `ask("interrupted")`; a second one raises KeyboardInterrupt.

    The handler that was there is put back at the end. On another thread than the main one, where Python sends no
    signals, this does nothing.

    Args:
        ask: told the reason once; the loop ends at the step's edge.
        may_raise: whether the loop is at a point where it can be cut.

    Yields:
        A function to call at such points: it raises a second interrupt that came where the loop couldn't be cut.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    count = 0

    def raise_second() -> None:
        if count > 1:
            raise KeyboardInterrupt

    def handle(_number: int, _frame: Any) -> None:
        nonlocal count
        count += 1
        ask("interrupted")
        if may_raise():
            raise_second()

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield raise_second
    finally:
        signal.signal(signal.SIGINT, before if before is not None else signal.default_int_handler)


@contextmanager
def whole() -> Iterator[None]:
    """What is inside is done as a whole: an interrupt waits until its end."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    waiting: list[tuple[int, Any]] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: waiting.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before if before is not None else signal.default_int_handler)
        if waiting and callable(before):
            before(*waiting[0])
