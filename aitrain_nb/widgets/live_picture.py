"""Somebody's own picture of a run, drawn again while it goes on."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from IPython.display import display

from aitrain_nb import html
from aitrain_nb.widgets.budget import Budget

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure

    from aitrain_nb.history import History

_FEW = 2
"""Rows that make a curve."""
_LONGEST_WAIT_SECONDS = 10.0
"""Between two drawings, however long one takes."""


class LivePicture:
    """Somebody's own matplotlib picture of a history, redrawn under one display id.

    A function that raises is shown as a sentence and not asked again: the run goes on.
    """

    def __init__(self, plot: Callable[[History], Figure], history: History) -> None:
        self._plot, self._history = plot, history
        self._handle: Any = None
        self._budget = Budget(0.0)
        self._is_broken = False
        self._was_drawn = False

    def show(self, shared_by: int) -> None:
        """Make the place for it; `shared_by`: see `Budget`."""
        self._handle = display({"text/plain": ""}, raw=True, display_id=True)
        self._budget = Budget(time.perf_counter(), shared_by, longest=_LONGEST_WAIT_SECONDS)

    def remove(self) -> None:
        """Leave nothing in its place."""
        self._handle.update({"text/html": "", "text/plain": ""}, raw=True)

    def draw_if_due(self, now: float) -> None:
        """Draw where the budget allows it."""
        if self._budget.is_due(now):
            self.draw()

    def draw(self) -> None:
        """Draw the history as it is."""
        if self._is_broken or len(self._history) < _FEW:
            return
        began = time.perf_counter()
        try:
            figure = self._plot(self._history)
            bundle = _picture_bundle(figure)
            _let_go(figure)
        except Exception as error:  # noqa: BLE001  the person's own code, and the run must not end for a picture
            self._is_broken = True
            name = getattr(self._plot, "__name__", "this plot")
            sentence = f"{name} raised {type(error).__name__}: {error}. The run goes on without it."
            bundle = {"text/html": html.element("div", sentence), "text/plain": sentence}
        self._handle.update(bundle, raw=True)
        ended = time.perf_counter()
        self._budget.spend(
            began if self._was_drawn else ended, ended
        )  # the first one also loads matplotlib and its fonts
        self._was_drawn = True


def _let_go(figure: Any) -> None:
    """Close a figure that the person made with pyplot: it would keep every drawing, and a notebook would show them all once more."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None and hasattr(figure, "number"):
        pyplot.close(figure)


def _picture_bundle(figure: Any) -> dict[str, str]:
    """A matplotlib figure as a display bundle; one of ours brings its description."""
    from aitrain_nb.figures import png_of

    if not hasattr(figure, "savefig"):
        raise TypeError(
            f"it gave {'nothing' if figure is None else type(figure).__name__} instead of a matplotlib Figure"
        )

    text = getattr(figure, "description", "") or "A picture of the run so far."
    return {"text/html": html.image(png_of(figure), text), "text/plain": text}
