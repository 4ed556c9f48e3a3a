"""What is wrong with a config, in words: pydantic's findings as what, why and one fix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aitrain_nb.errors import ConfigError, unknown_name
from aitrain_nb.old_names import ALIASES, old_name

if TYPE_CHECKING:
    from pydantic import ValidationError

    from aitrain_nb.knobs import Knob


_MOST = 3
"""So many problems are told besides the first."""


def config_error(error: ValidationError, fields: dict[str, Any], knobs: dict[str, Knob]) -> ConfigError:
    """The first problem as what, why and fix; the others are listed in the reason."""
    problems = [_problem(entry, fields, knobs) for entry in error.errors()]
    what, why, fix = problems[0]
    others = [f"Also: {more[0]}" for more in problems[1 : _MOST + 1]]
    if len(problems) > _MOST + 1:
        others.append(f"And {len(problems) - _MOST - 1} more.")
    return ConfigError(what, " ".join([why, *others]), fix)


def _written(value: Any) -> str:
    """The value as code, cut where it is long."""
    try:
        text = repr(value)
    except ValueError:  # python refuses to print whole numbers of more than 4,300 digits
        return "a number of thousands of digits"
    return text if len(text) <= 80 else f"{text[:77]}..."


def _problem(entry: Any, fields: dict[str, Any], knobs: dict[str, Knob]) -> tuple[str, str, str]:
    location = [str(part) for part in entry["loc"]]
    if not location and "ctx" not in entry:  # half a character in it
        return "A field's name is no text that can be written.", f"{entry['msg']}.", "Leave it out."
    if not location:
        return "These fields don't fit together.", str(entry["ctx"]["error"]) + ".", "Change one of them."
    name = location[0]
    if entry["type"] == "extra_forbidden":
        what, why, fix = unknown_name("field", name, knobs, ALIASES.get(name))
        return what, why, fix if name in ALIASES else old_name(name) or fix
    described = knobs[name]
    what = f"{name} can't be {_written(fields.get(name))}."
    if described.choices:
        value = fields.get(name)
        why, fix = unknown_name(name.replace("_", " "), value, described.choices)[1:]
        if name == "tokenizer":
            why += " A pretrained model brings its own tokenizer: say model=..., and leave this field."
        return what, why, fix
    if described.kind == "switch":
        return what, "It is a switch.", f"Give {name} True or False; the default is {described.default!r}."
    bounds = f"between {described.minimum:g} and {described.maximum:g}" if described.maximum is not None else "a text"
    unit = f" ({described.unit})" if described.unit else ""
    left_out = ", or leave it out" if described.default is None else f"; the default is {described.default!r}"
    message = entry["msg"].removeprefix("Value error, ")
    return (
        what,
        f"{message[:1].upper()}{message[1:]}.",
        f"Give {name} {bounds}{unit}{left_out}.",
    )
