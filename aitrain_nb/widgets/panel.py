"""The live panel's kernel side: it sends what is to be drawn, and puts what is clicked into the run's levers."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any

import traitlets

from aitrain_nb import html
from aitrain_nb.widgets.front_end import source
from aitrain_nb.widgets.placed import Placed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np

    from aitrain_nb.control import Control

_UNREACHED = "It was going on when this was written. While its cell runs, this page can't reach it; the interrupt button (■) ends it."
_LARGEST = 10_000
CONTROLS = ("pause", "step", "stop", "learning_rate", "pace")
"""What a panel can offer of any run; of one whose phases can be told apart also "look"."""


class Panel(Placed):
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
        size: width and height of the panel on the page, in pixels; 0 until they are known.
        lost_since: when its last place on the page has gone, in seconds of `time.monotonic`; 0 while it is shown.
    """

    _esm = source("placed.js", "slider.js", "chart.js", "levers.js", "reading.js", "boxes.js", "panel.js")
    _css = source("slider.css", "boxes.css", "panel.css")
    facts = traitlets.Dict().tag(sync=True)

    def __init__(self, facts: Mapping[str, Any], control: Control | None, stop: Callable[[], None]) -> None:
        super().__init__(facts=dict(facts))
        self._control, self._stop = control, stop
        self.asked_for_all, self.is_live, self.size, self.lost_since = False, False, (0, 0), 0.0
        self._whole: tuple[Any, ...] | None = None
        self._over: html.Markup | None = None
        self._inside: list[dict[str, Any]] = []

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
        if first == 0 and self._inside:
            self.look(self._inside)

    def look(self, boxes: list[dict[str, Any]]) -> None:
        """Show a step from inside, as `PhaseViews` makes its boxes; none takes it away."""
        self._inside = boxes
        self.send({"type": "inside", "boxes": boxes})

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

    def leave(self, twin: html.Markup) -> None:
        """What is shown instead where the output itself can't be replaced: inside an `Output` widget, or on a page opened later."""
        self._over = twin

    def twin(self) -> html.Markup:
        """What stands there while no page draws it."""
        return html.element("div", _UNREACHED)

    def text(self) -> str:
        """The same in a terminal."""
        return _UNREACHED

    def take(self, message: dict[str, Any]) -> None:
        """A message of the page, on whatever thread it comes; what isn't understood is left alone."""
        kind, value = message.get("type"), message.get("value")
        if kind == "hello":
            self.asked_for_all = self.is_live = True
            self.send({"type": "here"})
            if self._whole is not None:
                self.update(*self._whole)
        elif kind == "twin" and self._over is not None:
            self.send({"type": "twin", "html": str(self._over)})
        elif kind == "size":
            width, height = message.get("width"), message.get("height")
            if all(isinstance(side, int) and 0 < side < _LARGEST for side in (width, height)):
                self.size = width, height  # type: ignore[assignment]
        elif kind in {"gone", "back"}:
            self.lost_since = time.monotonic() if kind == "gone" else 0.0
        elif kind == "stop":
            self._stop()
        elif self._control is not None and isinstance(kind, str):
            _pull(self._control, kind, value)


def _pull(control: Control, lever: str, value: Any) -> None:
    """Set one lever."""
    number = float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else -1.0
    if lever == "pause":
        control.paused = True
    elif lever == "resume":
        control.paused = False
    elif lever == "look" and control.paused:
        control.look()
    elif lever == "next_phase":
        control.next_phase()
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
