"""The project's one slider: linear or logarithmic, with a label, a unit and a number field, wholly usable by keyboard."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import traitlets
from ipywidgets import ValueWidget  # type: ignore[import-untyped]

from aitrain_nb import html, numerals
from aitrain_nb.errors import ConfigError
from aitrain_nb.widgets.front_end import source
from aitrain_nb.widgets.placed import Placed


class Slider(Placed, ValueWidget):
    """A number between two others, chosen by mouse, by arrow keys, or by typing it.

    It is an ipywidgets widget: `.value`, `.observe(...)`, inside `HBox` and `interactive_output`. Setting `.value` in code moves
    it. In a run without a browser it holds its value like any object.

    Args:
        value: where it stands; between min and max.
        label: what it is, in words: also its name for a screen reader.
        min: the smallest value.
        max: the largest value.
        step: the distance of two values, counted from min; 0 for any value. Whole steps give whole numbers.
        log: equal ways are equal ratios; min must then be above 0.
        unit: shown behind the number.
        help: a sentence about it.

    Raises:
        ConfigError: the numbers don't fit each other.

    Example:
        rate = ai.Slider(0.003, label="Learning rate", min=1e-5, max=1, log=True)
        rate.observe(lambda change: print(change.new), "value")
    """

    _esm = source("placed.js", "slider.js", "slider_widget.js")
    _css = source("slider.css")
    value = traitlets.Any().tag(sync=True)
    min = traitlets.Float().tag(sync=True)
    max = traitlets.Float().tag(sync=True)
    step = traitlets.Float().tag(sync=True)
    log = traitlets.Bool().tag(sync=True)
    label = traitlets.Unicode().tag(sync=True)
    unit = traitlets.Unicode().tag(sync=True)
    help = traitlets.Unicode().tag(sync=True)
    disabled = traitlets.Bool().tag(sync=True)

    def __init__(
        self, value: float, label: str = "value", *, min: float = 0.0, max: float = 1.0, step: float = 0.0, log: bool = False,  # noqa: A002
        unit: str = "", help: str = "", disabled: bool = False, **layout: Any,  # noqa: A002
    ) -> None:  # fmt: skip
        if not (math.isfinite(min) and math.isfinite(max) and min < max and 0 <= step <= max - min):
            raise ConfigError(
                f"A slider from {min:g} to {max:g} in steps of {step:g} can't be drawn.",
                "It goes from a smaller number to a larger one.", "Slider(0.5, min=0, max=1)",
            )  # fmt: skip
        if log and min <= 0:
            raise ConfigError(
                f"A logarithmic slider can't begin at {min:g}.",
                "Equal ways are equal ratios, and nothing times a ratio leaves 0.", "Slider(1e-3, min=1e-5, max=1, log=True)",
            )  # fmt: skip
        super().__init__(
            min=float(min), max=float(max), step=float(step), log=log, label=label, unit=unit, help=help, disabled=disabled,
            value=_checked(value, min, max, step), **layout,
        )  # fmt: skip

    @traitlets.validate("min", "max")
    def _around(self, proposal: Any) -> float:
        low, high = (
            proposal["value"] if proposal["trait"].name == name else getattr(self, name) for name in ("min", "max")
        )
        if self.trait_has_value("value") and not (
            low < high and low <= self.value <= high and (low > 0 or not self.log)
        ):
            raise ConfigError(
                f"A slider that stands at {self.value:g} can't go from {low:g} to {high:g}.", "Its ends lie around its value.",
                "Set .value first.",
            )  # fmt: skip
        return float(proposal["value"])

    @traitlets.validate("value")
    def _between(self, proposal: Any) -> float:
        return _checked(proposal["value"], self.min, self.max, self.step)

    @property
    def code(self) -> str:
        """Code that makes a slider that stands where this one stands."""
        options = [
            ("min", self.min),
            ("max", self.max),
            ("step", self.step),
            ("log", self.log),
            ("unit", self.unit),
            ("help", self.help),
        ]
        given = "".join(f", {name}={value!r}" for name, value in options if value)
        return f"ai.Slider({self.value!r}, {self.label!r}{given})"

    def twin(self) -> html.Markup:
        """Where it stands, in words."""
        return html.element("span", self.text())

    def text(self) -> str:
        """Where it stands, and between which ends."""
        ends = f"{numerals.rate(self.min)} to {numerals.rate(self.max)}{' (log)' if self.log else ''}"
        unit = f" {self.unit}" if self.unit else ""
        return f"{self.label} = {numerals.rate(self.value)}{unit}, from {ends}"


def _checked(value: Any, low: float, high: float, step: float) -> float:
    """The number; a whole one where the slider goes in whole steps."""
    is_number = isinstance(value, Real) and not isinstance(value, bool)  # numpy's numbers too
    if is_number and low <= (number := float(value)) <= high:
        whole = step > 0 and float(step).is_integer() and float(low).is_integer() and number.is_integer()
        return int(number) if whole else number
    raise ConfigError(
        f"A slider can't stand at {value!r}.", f"It goes from {low:g} to {high:g}.", "Name a number in between."
    )
