"""Ctrl-C and the notebook's interrupt button as a normal ending: the step that runs is finished first."""

from __future__ import annotations

import _thread
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class DeferredInterrupt:
    """A first interrupt only asks for the end of the run; a second one raises KeyboardInterrupt, once, and only between `arm` and `disarm`.

    What is armed must be inside a `try` whose `finally` disarms: wherever the second interrupt comes, also in that very `finally`, the
    handler that was there is put back, however many more come.

    Args:
        ask: told the reason; the loop ends at the step's edge.
        may_raise: whether the loop is at a point where it can be cut.
    """

    def __init__(self, ask: Callable[[str], None], may_raise: Callable[[], bool]) -> None:
        self._ask, self._may_raise = ask, may_raise
        self._count = 0
        self._is_armed = False

    def arm(self) -> None:
        """From now on a second interrupt raises."""
        self._is_armed = True

    def disarm(self) -> None:
        """From now on nothing raises."""
        self._is_armed = False

    def raise_second(self) -> None:
        """Raise a second interrupt that came where the loop couldn't be cut."""
        if self._count > 1 and self._is_armed:
            self._is_armed = False
            raise KeyboardInterrupt

    def handle(self, _number: int, _frame: Any) -> None:
        """Take an interrupt."""
        self._count += 1
        self._ask("interrupted")
        if self._may_raise():
            self.raise_second()


@contextmanager
def deferred_interrupt(ask: Callable[[str], None], may_raise: Callable[[], bool]) -> Iterator[DeferredInterrupt]:
    """Inside, interrupts are taken by the `DeferredInterrupt` that it gives; the handler that was there is put back at the end.

    On another thread than the main one, where Python sends no signals, nothing is taken.
    """
    taken = DeferredInterrupt(ask, may_raise)
    if threading.current_thread() is not threading.main_thread():
        yield taken
        return
    before = signal.signal(signal.SIGINT, taken.handle)
    try:
        yield taken
    finally:
        signal.signal(signal.SIGINT, before if before is not None else signal.default_int_handler)


class Breakable:
    """What another thread, or the kernel's interrupt button, may cut short: `breakable.do(act)`, and `stop()` from elsewhere.

    A kernel that isn't running a cell ignores interrupts, so they would not reach what a click started. KeyboardInterrupt is raised once,
    and never when `act` is over: one frame holds all of it, so that the handler that was there is put back wherever it comes.
    """

    def __init__(self) -> None:
        self._is_on = False
        self._ending = threading.Lock()

    def do(self, act: Callable[[], None]) -> None:
        """Call it; on another thread than the main one nothing ends it early.

        Raises:
            KeyboardInterrupt: it was stopped.
        """
        if threading.current_thread() is not threading.main_thread():
            act()
            return
        before = signal.signal(signal.SIGINT, self._handle)
        try:
            try:
                self._is_on = True
                act()
            finally:
                with self._ending:  # who stops it has done so by now, or will find it ended
                    self._is_on = False
        finally:
            signal.signal(signal.SIGINT, before if before is not None else signal.default_int_handler)

    def stop(self) -> None:
        """End what is being done, if anything is."""
        with self._ending:
            if self._is_on:
                _thread.interrupt_main()

    def _handle(self, _number: int, _frame: Any) -> None:
        if self._is_on:
            self._is_on = False
            raise KeyboardInterrupt


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
