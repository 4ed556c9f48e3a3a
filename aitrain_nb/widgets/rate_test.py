"""A range test that a form runs: its place on the page is told how far it is, and any thread may stop it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from aitrain_nb import numerals
from aitrain_nb.tuning import find_learning_rate
from aitrain_nb.widgets.placed import spoken

if TYPE_CHECKING:
    from collections.abc import Callable

    from aitrain_nb.trainer import Trainer
    from aitrain_nb.tuning import RateFinding

STEPS = 100
"""That it takes at most."""
_CODE = "form.find_learning_rate()"
_EVERY_SECONDS = 0.25
"""How often the page is told."""
AT_REST: dict[str, Any] = {"word": "ready", "said": "", "done": 0, "steps": STEPS}
"""What the page is told while there is no test."""


class RateTest:
    """The range test of a form, as often as it is begun.

    Args:
        make: the trainer of it: one of its own, so that no other one is touched.
        tell: takes what the page is told: word ("waiting", "testing", "done", "stopped" or "failed"), said, done and steps.
        found: takes what was found.
    """

    def __init__(
        self, make: Callable[[], Trainer], tell: Callable[[dict[str, Any]], None], found: Callable[[RateFinding], None]
    ) -> None:
        self._make, self._show, self._found = make, tell, found
        self._is_under_way = self._is_stopping = False
        self._began = self._told = 0.0

    def begin(self, in_turn: Callable[[Callable[[], None]], bool]) -> None:
        """Have it run on the main thread, once at a time.

        Args:
            in_turn: as `Placed.in_turn`.
        """
        if self._is_under_way:
            return
        self._is_under_way, self._is_stopping = True, False
        self._tell("waiting", f"A cell that runs goes first. In a cell of its own: {_CODE}")
        if not in_turn(self._run):
            self._is_under_way = False
            self._tell("ready", f"Nothing here can start it. In a cell: {_CODE}")

    def stop(self) -> None:
        """End it after the step under way, or before it has begun; any thread may ask."""
        self._is_stopping = True

    def _run(self) -> None:
        try:
            with spoken(self._tell):
                if self._is_stopping:
                    self._tell("stopped", "Nothing was tried.")
                else:
                    self._test()
        finally:
            self._is_under_way = False

    def _test(self) -> None:
        self._tell("testing", "The data and a model are made ready.")
        trainer = self._make()
        self._began = time.monotonic()
        found = find_learning_rate(trainer, steps=STEPS, after_step=self._after_step)
        took = numerals.duration(time.monotonic() - self._began)
        word = "stopped" if found.ended in {"stopped", "interrupted"} else "done"
        self._tell(word, f"{numerals.several(len(found.losses), 'step')} in {took}.", len(found.losses))
        self._found(found)

    def _after_step(self, done: int) -> bool:
        now = time.monotonic()
        if now - self._told >= _EVERY_SECONDS:
            self._told = now
            left = (now - self._began) / done * (STEPS - done)
            self._tell("testing", f"step {done} of {STEPS}, at most {numerals.duration(left)} left", done)
        return self._is_stopping

    def _tell(self, word: str, said: str, done: int = 0) -> None:
        self._show({"word": word, "said": said, "done": done, "steps": STEPS})
