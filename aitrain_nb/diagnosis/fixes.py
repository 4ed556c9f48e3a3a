"""What a fix changes in a config, field by field, as a person reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from aitrain_nb import numerals

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aitrain_nb.config import TrainConfig


class Change(NamedTuple):
    """One field of a config that a fix changes.

    Attributes:
        name: of the field.
        label: its name in words.
        before: what it was, in words.
        after: what it becomes, in words.
    """

    name: str
    label: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.label} {self.before} → {self.after}"


def changes(config: TrainConfig, fix: Mapping[str, Any]) -> list[Change]:
    """The fields that a fix would make another value of; empty where the config holds all of it.

    Args:
        config: before.
        fix: fields with their new values.

    Example:
        >>> from aitrain_nb.config import TrainConfig
        >>> print(*changes(TrainConfig(learning_rate=10.0, epochs=3), {"learning_rate": 0.1, "epochs": 3}))
        learning rate 10 → 0.1
    """
    knobs, held = config.knobs(), config.model_dump()
    return [
        Change(name, knobs[name].label.lower(), _said(config, name, held[name]), _said(config, name, value))
        for name, value in fix.items()
        if held[name] != value
    ]


def listed(changed: Iterable[Change]) -> str:
    """Changes in a line."""
    return ", ".join(map(str, changed))


def _said(config: TrainConfig, name: str, value: Any) -> str:
    """A value of a field in words."""
    if name == "learning_rate" and value is None:
        return f"{numerals.rate(config.peak_learning_rate)} (auto)"
    if value is None:
        return "auto"
    if isinstance(value, bool):
        return "on" if value else "off"
    return numerals.rate(value) if isinstance(value, float) else str(value)
