"""What a person should know about one field of a configuration: label, help, unit, range, scale, group."""

from __future__ import annotations

from dataclasses import dataclass
from types import NoneType
from typing import Any, Literal, get_args

from pydantic import Field

Kind = Literal["whole", "number", "text", "choice", "switch"]


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
        usual: between which values a slider goes; None where it isn't one to slide.
        scale: "linear" or "log", for a slider.
        group: where it is folded away in a form; empty for the basic fields, which are always seen.
        kind: what is entered: a whole number, a number, a text, one of `choices`, or yes and no.
        is_optional: whether it may be left empty.
        choices: the valid names, where there is a fixed set.
        default: the value when nothing is said.
    """

    name: str
    label: str
    help: str
    unit: str
    minimum: float | None
    maximum: float | None
    usual: tuple[float, float] | None
    scale: Literal["linear", "log"]
    group: str
    kind: Kind
    is_optional: bool
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
    usual: tuple[float, float] | None = None,
    scale: Literal["linear", "log"] = "linear",
    group: str = "",
) -> Any:
    """A configuration field with what a person should know about it."""
    extra: dict[str, Any] = {"unit": unit, "scale": scale, "group": group, "usual": usual}
    return Field(default, title=label, description=help, ge=minimum, le=maximum, json_schema_extra=extra)


def describe(name: str, field: Any) -> Knob:
    """The knob of a pydantic field that was made by `knob`."""
    limits = {kind: getattr(item, kind) for item in field.metadata for kind in ("ge", "le") if hasattr(item, kind)}
    extra = field.json_schema_extra
    parts = get_args(field.annotation) or (field.annotation,)
    choices = tuple(choice for choice in parts if isinstance(choice, str))
    return Knob(
        name=name,
        label=field.title,
        help=field.description,
        unit=extra["unit"],
        minimum=limits.get("ge"),
        maximum=limits.get("le"),
        usual=extra["usual"],
        scale=extra["scale"],
        group=extra["group"],
        kind="choice" if choices else _KINDS[next(part for part in parts if part is not NoneType)],
        is_optional=NoneType in parts,
        choices=choices,
        default=field.default,
    )


_KINDS: dict[Any, Kind] = {int: "whole", float: "number", str: "text", bool: "switch"}
