"""A picture with dials: move one, and the picture answers. Lessons make theirs of it, and anybody can make more."""

from __future__ import annotations

import gc
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import traitlets

from aitrain_nb import html
from aitrain_nb.errors import AitrainError, ConfigError, unknown_name
from aitrain_nb.widgets.dials import Dial, Pick, Range, Switch, Typed
from aitrain_nb.widgets.front_end import source
from aitrain_nb.widgets.placed import Placed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


__all__ = ["Dial", "Explorable", "Pick", "Range", "Switch", "Typed"]

_KEPT, _AHEAD = 40, 12
"""Pictures that are kept, and at most so many that are drawn ahead."""
_SLOW, _RESTING, _BETWEEN = 0.02, 0.1, 0.02
"""Seconds: a picture that takes longer is drawn ahead; after which rest of the hand; and between two of them."""


@contextmanager
def _no_collection() -> Iterator[None]:
    """Python's garbage is collected after it: among the objects of torch and matplotlib that takes up to half a second."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class Explorable(Placed):
    """A picture that answers to dials. A subclass gives the picture and the dials to `super().__init__`.

    In code: `set(rate=0.1)` moves them and `value` says where they stand; in a file that nobody runs the picture stays as it was left.

    Args:
        draw: takes the dials' values by name; gives anything that a notebook shows as HTML, such as a picture of `ai.plots`. The same
            values give the same: what was drawn lately isn't drawn again.
        title: what it is.
        dials: name -> dial.

    Attributes:
        value: name -> value of each dial; it can be observed.
        shown: what `draw` gave last.

    Example:
        Explorable(surprise_picture, "Surprise", p=Range(0.6, "Probability", min=0.01, max=1))
    """

    _esm = source("placed.js", "slider.js", "fields.js", "explorable.js")
    _css = source("slider.css", "explorable.css")
    facts = traitlets.Dict().tag(sync=True)
    state = traitlets.Dict().tag(sync=True)
    value: Any = traitlets.Dict()

    def __init__(self, draw: Callable[..., Any], title: str, /, **dials: Dial) -> None:
        self._draw, self.title, self._dials = draw, title, dials
        fields = [{"name": name, "value": dial.value, **dial.about()} for name, dial in dials.items()]
        super().__init__(facts={"title": title, "fields": fields})
        self._wishes: dict[str, Any] = {}
        self._drawn: dict[tuple[Any, ...], tuple[Any, html.Markup]] = {}
        self._ahead: list[dict[str, Any]] = []
        self.value = {name: dial.value for name, dial in dials.items()}
        self._answer({})

    def set(self, **values: Any) -> Explorable:
        """Move dials in code.

        Args:
            values: by the dials' names.

        Raises:
            ConfigError: there is no such dial, or it can't stand there.
        """
        self._answer(self._taken(values))
        self.refresh()
        return self

    @property
    def code(self) -> str:
        """Code that makes one whose dials stand where these stand."""
        return f"{type(self).__name__}().set({', '.join(f'{name}={value!r}' for name, value in self.value.items())})"

    def _taken(self, values: dict[str, Any]) -> dict[str, Any]:
        for name in values:
            if name not in self._dials:
                raise ConfigError(*unknown_name("dial", name, self._dials))
        return {name: self._dials[name].take(value) for name, value in values.items()}

    def take(self, message: dict[str, Any]) -> None:
        """A dial of the page was moved: the newest place of each is drawn in turn."""
        if message["type"] == "set" and message.get("name") in self._dials:
            is_first = not self._wishes
            self._wishes[message["name"]] = message.get("value")
            if is_first:
                self.in_turn_or_now(self._grant)

    @_no_collection()
    def _grant(self) -> None:
        wishes, self._wishes = self._wishes, {}
        began = time.perf_counter()
        try:
            self._answer(self._taken(wishes))
        except AitrainError as error:
            self.state = self.state | {"wrong": f"{error.what} {error.why}"}
            return
        if time.perf_counter() - began > _SLOW:
            self._look_ahead(next(reversed(wishes)))

    def _look_ahead(self, name: str) -> None:
        """While the hand rests, the pictures of the other places of the dial that was moved last are drawn, the nearest first."""
        dial, here = self._dials[name], self.value
        if isinstance(dial, Range) and self._loop is not None:
            is_waiting = bool(self._ahead)
            self._ahead = [here | {name: place} for place in dial.around(here[name], _AHEAD)]
            if self._ahead and not is_waiting:
                self._loop.call_later(_RESTING, self._draw_ahead)

    def _draw_ahead(self) -> None:
        """One of them, unless something is wished for."""
        assert self._loop is not None
        if self._wishes or not self._ahead:
            self._ahead = []
            return
        with suppress(AitrainError):
            self._drawing(self._ahead.pop(0))
        if self._ahead:
            self._loop.call_later(_BETWEEN, self._draw_ahead)

    def _answer(self, changes: dict[str, Any]) -> None:
        wanted = self.value | changes
        self.shown, self._html = self._drawing(wanted)
        self.value = wanted
        self.state = {
            "html": str(self._html),
            "values": wanted,
            "code": self.code,
            "said": _in_words(self.shown),
            "wrong": "",
        }

    def _drawing(self, wanted: dict[str, Any]) -> tuple[Any, html.Markup]:
        """What is shown, and its HTML, which takes longest: once for the page, the twin, and a hand that goes to and fro."""
        key = tuple(wanted.values())
        if key in self._drawn:
            drawn = self._drawn.pop(key)
        else:
            shown = self._draw(**wanted)
            drawn = (shown, _as_html(shown))
        self._drawn[key] = drawn  # the newest last
        while len(self._drawn) > _KEPT:
            del self._drawn[next(iter(self._drawn))]
        return drawn

    def twin(self) -> html.Markup:
        """The picture as it was left, and where the dials stood."""
        dials = html.facts({dial.label: _said(self.value[name], dial) for name, dial in self._dials.items()})
        code = html.element("div", "In code: ", html.element("code", self.code), style="opacity:0.85;font-size:90%")
        return html.section(self.title, "", dials, self._html, code)

    def text(self) -> str:
        """The same for a terminal."""
        dials = ", ".join(f"{dial.label} {_said(self.value[name], dial)}" for name, dial in self._dials.items())
        return f"{self.title}: {dials}\n{_in_words(self.shown)}"


def _said(value: Any, dial: Dial) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    words = f"{value:.6g}" if isinstance(value, float) else str(value)
    return f"{words} {dial.unit}" if isinstance(dial, Range) and dial.unit else words


def _as_html(shown: Any) -> html.Markup:
    """What a notebook would show of it."""
    if isinstance(shown, html.Markup):
        return shown
    if hasattr(shown, "_repr_html_"):
        return html.Markup(shown._repr_html_())
    return html.element("pre", str(shown))


def _in_words(shown: Any) -> str:
    """A picture's sentence; of HTML that we made the words alone."""
    if isinstance(shown, html.Markup):
        import re
        from html import unescape

        return " ".join(unescape(re.sub(r"<[^>]*>", " ", shown)).split())
    return str(getattr(shown, "description", "") or shown)
