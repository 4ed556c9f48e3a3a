"""A picture with dials: move one, and the picture answers. Lessons make theirs of it, and anybody can make more."""

from __future__ import annotations

import time
from bisect import bisect_left
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import traitlets

from aitrain_nb import html
from aitrain_nb.errors import AitrainError, ConfigError, unknown_name
from aitrain_nb.widgets.front_end import source
from aitrain_nb.widgets.placed import Placed

if TYPE_CHECKING:
    from collections.abc import Callable


_FEW = 20
"""Places of a slider that are few."""


@dataclass(frozen=True)
class Range:
    """A slider.

    Attributes:
        value: where it stands first.
        label: in words.
        min: the smallest value.
        max: the largest.
        step: the distance of two values; 0 for any.
        log: equal ways are equal ratios.
        unit: shown behind the number.
        help: a sentence.
        stops: all values that it can have, ascending, where these are few; min, max, step and log then say nothing.
    """

    value: float
    label: str
    min: float = 0.0
    max: float = 1.0
    step: float = 0.0
    log: bool = False
    unit: str = ""
    help: str = ""
    stops: tuple[float, ...] = ()

    def about(self) -> dict[str, Any]:
        """What the page builds it from."""
        slider = {"min": self.min, "max": self.max, "step": self.step, "log": self.log, "stops": list(self.stops)}
        return {"kind": "number", "slider": slider, "label": self.label, "unit": self.unit, "help": self.help}

    def places(self) -> tuple[float, ...]:
        """All values that it can have, where they are few; else none."""
        if self.stops or not self.step or (self.max - self.min) / self.step > _FEW:
            return self.stops
        return tuple(
            self.take(self.min + place * self.step) for place in range(round((self.max - self.min) / self.step) + 1)
        )

    def __post_init__(self) -> None:
        """The ends are the first and the last stop, where there are any."""
        if self.stops:
            object.__setattr__(self, "min", self.stops[0])
            object.__setattr__(self, "max", self.stops[-1])

    def take(self, given: Any) -> float:
        """The nearest value that it can have; a whole number where it goes in whole steps.

        Raises:
            ConfigError: it isn't a number within its ends.
        """
        try:
            number = float(given)
        except (TypeError, ValueError):
            number = float("nan")
        if not self.min <= number <= self.max:
            ends = f"It goes from {self.min:g} to {self.max:g}."
            raise ConfigError(f"{self.label} can't be {given!r}.", ends, "Name a number in between.")
        if self.stops:
            return min(
                self.stops,
                key=lambda stop: max(stop, number) / min(stop, number) if self.min > 0 else abs(stop - number),
            )
        if self.step:
            number = float(min(self.max, self.min + round((number - self.min) / self.step) * self.step))
        return int(number) if self.step and number.is_integer() and float(self.step).is_integer() else number


@dataclass(frozen=True)
class Pick:
    """One of several names.

    Attributes:
        value: the one chosen first.
        label: in words.
        choices: the names.
        help: a sentence.
    """

    value: str
    label: str
    choices: tuple[str, ...]
    help: str = ""

    def about(self) -> dict[str, Any]:
        """What the page builds it from."""
        return {"kind": "choice", "choices": list(self.choices), "label": self.label, "unit": "", "help": self.help}

    def take(self, given: Any) -> str:
        """The name.

        Raises:
            ConfigError: it isn't one of them.
        """
        if given not in self.choices:
            raise ConfigError(*unknown_name("choice", given, self.choices))
        return str(given)


@dataclass(frozen=True)
class Switch:
    """Yes or no.

    Attributes:
        value: what it is first.
        label: in words.
        help: a sentence.
    """

    value: bool
    label: str
    help: str = ""

    def about(self) -> dict[str, Any]:
        """What the page builds it from."""
        return {"kind": "switch", "label": self.label, "unit": "", "help": self.help}

    def take(self, given: Any) -> bool:
        """Yes or no."""
        return bool(given)


@dataclass(frozen=True)
class Typed:
    """A text.

    Attributes:
        value: what stands there first.
        label: in words.
        help: a sentence.
        most: letters that are taken.
    """

    value: str
    label: str
    help: str = ""
    most: int = 400

    def about(self) -> dict[str, Any]:
        """What the page builds it from."""
        return {"kind": "text", "label": self.label, "unit": "", "help": self.help}

    def take(self, given: Any) -> str:
        """Its first letters."""
        return str(given if given is not None else "")[: self.most]


Dial = Range | Pick | Switch | Typed
_KEPT = 40
"""Pictures that are kept."""
_SLOW, _RESTING, _BETWEEN = 0.02, 0.1, 0.02
"""Seconds: a picture that takes longer is drawn ahead; after which rest of the hand; and between two of them."""


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
        if not isinstance(dial, Range) or self._loop is None:
            return
        places = dial.places()
        middle = bisect_left(places, here[name])
        nearest = sorted(range(len(places)), key=lambda number: abs(number - middle))
        is_waiting, self._ahead = bool(self._ahead), [here | {name: places[number]} for number in nearest]
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
