"""What a person asks of a run that is going on: any thread may ask, the run looks once a step, at the step's edge."""

from __future__ import annotations

import math
import time
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from aitrain_nb.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

NOT_REPEATED = frozenset(
    {"pace", "paused", "skipped", "marked", "unfrozen", "micro_batch_size", "evaluation_batch_size", "loss_scale"}
)
"""Changes that change no number, or that come again by themselves."""
_LOOK_EVERY_SECONDS = 0.02
"""How often a paused run looks whether it may go on."""


class Change(NamedTuple):
    """Something that was changed while a run was going on.

    Attributes:
        step: the first step it holds for, 1-based.
        name: "learning_rate", "pace" or "paused"; "skipped" for a step whose update was left out since its numbers weren't finite,
            "marked" for the first of those whose update was taken all the same; "unfrozen" for the first after the epochs of the head
            alone; "micro_batch_size" or "evaluation_batch_size" where
            memory ran out; "loss_scale" for a step that was left out since its scaled loss was too large for fp16.
        value: the new peak rate, the new steps a second, the seconds that the run waited; 1 step; the weights that
            begin to be trained; the examples at once; the scale from the next step on.
        where: of a "skipped" or "marked" step: where the first number that isn't finite came up, in words; else empty.
    """

    step: int
    name: str
    value: float
    where: str = ""


class Control:
    """The levers of a run. Setting one only keeps the wish; the run takes it at the next step's edge.

    Attributes:
        learning_rate: the peak of the schedule from now on, or None for what the plan says.
        pace: steps a second at most; 0 for full speed.
        paused: whether the run waits at the next step's edge.
        looking: whether the next step, or the one under way, is looked into: it waits after each phase.
        while_waiting: called over and over by the thread that trains while it waits, with whether that is a pause.
    """

    def __init__(self) -> None:
        self.learning_rate: float | None = None
        self.pace = 0.0
        self.paused = False
        self.while_waiting: Callable[..., None] | None = None
        self.looking = False
        self._single: deque[None] = deque()
        self._phases: deque[None] = deque()
        self._planned: deque[Change] = deque()
        self._next = 0.0
        self._pace_taken = 0.0  # that the run knows of

    @property
    def is_untouched(self) -> bool:
        """Whether nobody asks for anything, so that a step needs no look at the rest."""
        return not (self.paused or self.pace or self._pace_taken or self._planned) and self.learning_rate is None

    def step_once(self) -> None:
        """While paused: take one step and wait again; a step that is looked into is finished."""
        if self.looking:
            self.looking = False
        else:
            self._single.append(None)

    def look(self) -> None:
        """While paused: take the next step phase by phase, and wait after each until `next_phase` is called."""
        if not self.looking:
            self._phases.clear()
            self.looking = True
            self._single.append(None)

    def next_phase(self) -> None:
        """Inside a step that is looked into: do the next phase and wait again."""
        if self.looking:
            self._phases.append(None)

    def begin(self, pace: float, replay: Iterable[Change]) -> None:
        """A run begins: forget what was asked before.

        Args:
            pace: steps a second at most; 0 for full speed. It is how the run begins, and no change.
            replay: what was changed in another run, to be changed at the same steps again; how long it took (pauses and pace) is left
                out, since it changes no number, and so is what comes again by itself.

        Raises:
            ConfigError: one of them is no change that a run knows.
        """
        try:
            given = [Change(*change) for change in replay]
        except TypeError as error:
            raise ConfigError(
                "This can't be repeated.", f"replay takes the history of a run, or its changes, not {type(replay).__name__}.",
                "fit(replay=history)",
            ) from error  # fmt: skip
        planned = [change for change in given if change.name not in NOT_REPEATED]
        unknown = [change.name for change in planned if change.name != "learning_rate"]
        if unknown:
            raise ConfigError(
                f"A run can't repeat a change of {unknown[0]!r}.",
                "It knows learning_rate; the others follow from the run, or change no number.",
                "Leave it out.",
            )
        self.learning_rate, self.pace, self.paused = None, pace, False
        self._pace_taken, self.looking = pace, False
        self._single.clear()
        self._planned = deque(sorted(planned, key=lambda change: change.step))

    def asked(self, step: int, learning_rate: float) -> list[Change]:
        """What differs from how the run goes, as changes that hold from this step on.

        Args:
            step: 1-based number of the step that comes next.
            learning_rate: the peak that holds now.
        """
        while self._planned and self._planned[0].step <= step:
            change = self._planned.popleft()
            setattr(self, change.name, change.value)
        found = []
        if self.learning_rate is not None and self.learning_rate != learning_rate:
            found.append(Change(step, "learning_rate", self.learning_rate))
        pace = self.pace  # read once: another thread may move it at any moment
        if pace != self._pace_taken:
            self._pace_taken = pace
            found.append(Change(step, "pace", pace))
        return found

    def wait(self, stopped: Callable[[], bool]) -> float:
        """Hold the run while it is paused, and keep its pace; seconds it was paused.

        Args:
            stopped: whether the run has been asked to end, which ends the waiting too.
        """
        began, paused = time.monotonic(), self.paused
        while self.paused and not self._single and not stopped():
            self._sleep(_LOOK_EVERY_SECONDS, paused=True)
        if paused and not self.looking:  # a step that is looked into is part of the pause
            self._say(paused=False)
        waited = time.monotonic() - began if paused else 0.0
        if not self.paused:
            self._single.clear()  # a step that was asked for just before Resume is none of the next pause
        elif self._single:
            self._single.popleft()
        pace = self.pace  # read once: another thread may set it to 0 at any moment
        if pace > 0:
            while (
                not stopped() and not self.paused and self.pace == pace and (left := self._next - time.monotonic()) > 0
            ):
                self._sleep(min(left, _LOOK_EVERY_SECONDS), paused=False)
            self._next = max(self._next, time.monotonic() - 1 / pace) + 1 / pace
        return waited

    def hold(self, stopped: Callable[[], bool]) -> None:
        """Hold the run after a phase of a step that is looked into, until the next one is asked for, or the rest of the step.

        Args:
            stopped: whether the run has been asked to end, which ends the holding too.
        """
        while self.looking and self.paused and not self._phases and not stopped():
            self._sleep(_LOOK_EVERY_SECONDS, paused=True)
        if self._phases:
            self._phases.popleft()
        if not self.paused:
            self._say(paused=False)

    def _sleep(self, seconds: float, *, paused: bool) -> None:
        self._say(paused=paused)
        time.sleep(seconds)

    def _say(self, *, paused: bool) -> None:
        if self.while_waiting is not None:
            self.while_waiting(paused=paused)


def checked_pace(pace: Any, example: str) -> float:
    """A pace in steps a second, 0 for full speed; raises ConfigError, with an example of a call, where it is no such number."""
    if isinstance(pace, (int, float)) and not isinstance(pace, bool) and 0 <= pace < math.inf:
        return float(pace)
    raise ConfigError(f"pace={pace!r} can't be kept.", "It is steps a second, 0 for full speed.", example)
