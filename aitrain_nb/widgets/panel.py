"""The live panel's kernel side: it sends what is to be drawn, and puts what is clicked into the run's levers."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from aitrain_nb.widgets.front_end import reply_at_once, source

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np

    from aitrain_nb.control import Control

CONTROLS = ("pause", "step", "stop", "learning_rate", "pace")
"""What a panel can offer."""


class Panel(anywidget.AnyWidget):
    """Curves and levers of one run, behind one comm.

    Messages come in on another thread while a cell runs: they only set fields of `Control`, or call `stop`, and an answer is sent
    that holds no state. Everything that is drawn is sent by the thread that trains.

    Args:
        facts: what holds for the whole run: steps, epochs, classes, controls, and value and range of the rate and the pace.
        control: the levers.
        stop: asks the run to end.

    Attributes:
        asked_for_all: whether a page wants the whole history, since it has just been opened.
        is_live: whether a page has answered.
        height: of the panel on the page, in pixels; 0 until it is known.
    """

    _esm = source("slider.js", "chart.js", "panel.js")
    _css = source("slider.css", "panel.css")
    facts = traitlets.Dict().tag(sync=True)

    def __init__(self, facts: Mapping[str, Any], control: Control | None, stop: Callable[[], None]) -> None:
        super().__init__(facts=dict(facts))
        self._control, self._stop = control, stop
        self.asked_for_all, self.is_live, self.height = False, False, 0
        self._whole: tuple[Any, ...] | None = None
        self.on_msg(self._take)
        reply_at_once(self)

    def update(
        self, first: int, rows: np.ndarray, evaluations: list[dict[str, Any]], notes: list[dict[str, Any]] | None, state: dict[str, Any]
    ) -> None:  # fmt: skip
        """Send what is new.

        Args:
            first: number of rows that were sent before; 0 begins anew.
            rows: [n, 6] float32: step, epoch, seconds, loss, learning rate, gradient norm.
            evaluations: rows with an evaluation, new ones only.
            notes: all annotations, or None where they are as before.
            state: word, step, line and so on.
        """
        message = {"type": "update", "first": first, "evaluations": evaluations, "notes": notes, "state": state}
        self.send(message, buffers=[rows.tobytes()])

    def rest(
        self, rows: np.ndarray, evaluations: list[dict[str, Any]], notes: list[dict[str, Any]], state: dict[str, Any]
    ) -> None:
        """The run is over: send all of it once more, and again to a page that asks later.

        A page that was reloaded in mid-run reaches a busy kernel only now. So the newest few panels stay open.
        """
        self._control, self._stop = None, lambda: None
        self._whole = (0, rows, evaluations, notes, state)
        self.update(*self._whole)
        if len(_resting) == _resting.maxlen:
            _resting[0].close()
        _resting.append(self)

    def _take(self, _widget: Any, message: Any, _buffers: Any) -> None:
        """A message of the page, on whatever thread it comes; what isn't understood is left alone."""
        kind = message.get("type") if isinstance(message, dict) else None
        value = message.get("value") if kind else None
        if kind == "hello":
            self.asked_for_all = self.is_live = True
            self.send({"type": "here"})
            if self._whole is not None:
                self.update(*self._whole)
        elif kind == "height" and isinstance(value, int) and 0 < value < 4000:
            self.height = value
        elif kind == "stop":
            self._stop()
        elif self._control is not None and kind is not None:
            _pull(self._control, kind, value)


def _pull(control: Control, lever: str, value: Any) -> None:
    """Set one lever."""
    number = float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else -1.0
    if lever == "pause":
        control.paused = True
    elif lever == "resume":
        control.paused = False
    elif lever == "step":
        if control.paused:
            control.step_once()
        control.paused = True
    elif lever == "learning_rate" and 0 < number < 1e6:
        control.learning_rate = number
    elif lever == "pace" and 0 <= number < 1e6:
        control.pace = number


_resting: deque[Panel] = deque(maxlen=4)
"""Panels of runs that are over."""
