"""What a person moves: a slider, one of several names, a switch, a text. Plain descriptions; a widget puts them on the page."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import Any

from aitrain_nb.errors import ConfigError, unknown_name


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

    def around(self, value: float, count: int) -> list[float]:
        """At most so many other values that it can have, the nearest first; none where it may be any number."""
        if self.stops:
            last, here = len(self.stops) - 1, bisect_left(self.stops, value)
        elif self.step:
            last, here = round((self.max - self.min) / self.step), round((value - self.min) / self.step)
        else:
            return []
        near = range(max(0, here - count), min(last, here + count) + 1)
        places = sorted(near, key=lambda place: abs(place - here))[1 : count + 1]
        return [self.stops[place] if self.stops else self.take(self.min + place * self.step) for place in places]

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
