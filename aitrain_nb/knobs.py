"""What a person should know about one field of a configuration: label, help, unit, range, scale, level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

Level = Literal["basic", "advanced"]


@dataclass(frozen=True)
class Knob:
    """What a person should know about one field of the configuration.

    Attributes:
        name: the field's name in code and YAML.
        label: its name in a form.
        help: one sentence.
        unit: what the number counts; empty for names and switches.
        minimum: smallest value allowed, or None.
        maximum: largest value allowed, or None.
        scale: "linear" or "log", for a slider.
        level: "basic" or "advanced".
        choices: the valid names, where there is a fixed set.
        default: the value when nothing is said.
    """

    name: str
    label: str
    help: str
    unit: str
    minimum: float | None
    maximum: float | None
    scale: Literal["linear", "log"]
    level: Level
    choices: tuple[str, ...]
    default: Any


def knob(
    default: Any,
    label: str,
    help: str,  # noqa: A002  the word a form uses
    *,
    unit: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    scale: Literal["linear", "log"] = "linear",
    level: Level = "basic",
) -> Any:
    """A configuration field with what a person should know about it."""
    extra: dict[str, Any] = {"unit": unit, "scale": scale, "level": level}
    return Field(default, title=label, description=help, ge=minimum, le=maximum, json_schema_extra=extra)


def describe(name: str, field: Any) -> Knob:
    """The knob of a pydantic field that was made by `knob`."""
    limits = {kind: getattr(item, kind) for item in field.metadata for kind in ("ge", "le") if hasattr(item, kind)}
    extra = field.json_schema_extra
    choices = getattr(field.annotation, "__args__", ())
    return Knob(
        name=name,
        label=field.title,
        help=field.description,
        unit=extra["unit"],
        minimum=limits.get("ge"),
        maximum=limits.get("le"),
        scale=extra["scale"],
        level=extra["level"],
        choices=tuple(choice for choice in choices if isinstance(choice, str)),
        default=field.default,
    )
