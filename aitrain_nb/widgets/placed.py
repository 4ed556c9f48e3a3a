"""A widget that lives in a place of the page and leaves its static twin in the file.

What is displayed is plain HTML: the twin, inside an element that carries the widget's mark. The widget's JavaScript puts the living
thing into every element with that mark. So a saved, exported or reopened notebook holds no widget, and shows the twin.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets
from IPython.display import display

from aitrain_nb import html
from aitrain_nb.errors import AitrainError
from aitrain_nb.widgets.front_end import reply_at_once

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


_VIEW = "application/vnd.jupyter.widget-view+json"


def _shows_only_widgets() -> bool:
    return "google.colab" in sys.modules or "VSCODE_PID" in os.environ


@contextmanager
def spoken(tell: Callable[[str, str], None]) -> Iterator[None]:
    """For what is done outside of any cell: what ends it is told; an interrupt that is raised there would end the kernel's loop.

    Args:
        tell: takes a word, "stopped" or "failed", and what happened.
    """
    try:
        yield
    except KeyboardInterrupt:
        tell("stopped", "It was interrupted.")
    except AitrainError as error:
        tell("failed", str(error))
    except Exception as error:
        tell("failed", f"{type(error).__name__}: {error}")
        raise


class Placed(anywidget.AnyWidget):
    """Base of widgets that leave a twin. A subclass gives `twin` and `text`, and JavaScript that ends in `export default placed(show)`.

    It is displayed like anything else, as often as one likes, and fits into ipywidgets' boxes.

    Attributes:
        place: the mark of its elements.
    """

    place = traitlets.Unicode().tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        super().__init__(place=secrets.token_hex(8), **traits)
        reply_at_once(self)
        self.on_msg(self._hear)
        self._handles: list[Any] = []
        try:
            self._loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            self._loop = None

    def twin(self) -> html.Markup:
        """What stays in the file: HTML without any script."""
        raise NotImplementedError

    def text(self) -> str:
        """The same for a terminal."""
        raise NotImplementedError

    def refresh(self) -> None:
        """Put the twin as it is now into the file; the living widget stays, also the focus in it."""
        bundle = self.bundle()
        for handle in self._handles:
            handle.update(bundle, raw=True)

    def in_turn(self, act: Callable[[], None]) -> bool:
        """Do something on the kernel's main thread, after the cell that may be running there; whether there is one that will.

        Args:
            act: called once; what it raises is shown where the kernel shows such things.
        """
        if self._loop is None:
            return False
        self._loop.call_soon_threadsafe(act)
        return True

    def in_turn_or_now(self, act: Callable[[], None]) -> None:
        """The same, and at once where nothing else will do it."""
        if not self.in_turn(act):
            act()

    def _hear(self, _widget: Any, message: Any, buffers: Any) -> None:
        if isinstance(message, dict) and isinstance(message.get("type"), str):
            if message.get("type") == "at rest":
                self.refresh()
            else:
                self.take(message | {"bytes": bytes(buffers[0])} if buffers else message)

    def take(self, message: dict[str, Any]) -> None:
        """A message of the page, on whatever thread it comes; one that isn't understood is left alone.

        Args:
            message: with its "type"; what came with it in binary form, such as a picture, is its "bytes".
        """

    def bundle(self) -> dict[str, Any]:
        """What is displayed: the twin inside the widget's mark, and the words.

        Front ends that build a widget only where it is shown (VS Code, Colab) get it as a widget besides.
        """
        page = html.element("div", self.twin(), **{"data-aitrain-place": self.place})
        found: dict[str, Any] = {"text/html": str(page), "text/plain": self.text()}
        if _shows_only_widgets():
            found[_VIEW] = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        return found

    def _ipython_display_(self) -> None:
        self._handles.append(display(self.bundle(), raw=True, display_id=True))

    def __repr__(self) -> str:
        return self.text()
