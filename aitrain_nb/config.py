"""Everything a run depends on, as one plain object: `TrainConfig`. Its fields stand in `config_fields`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, ValidationError, ValidationInfo, field_validator, model_validator

from aitrain_nb.config_fields import ConfigFields
from aitrain_nb.config_rules import misfit
from aitrain_nb.config_text import read_fields, written
from aitrain_nb.errors import ConfigError
from aitrain_nb.explaining import config_error
from aitrain_nb.knobs import Knob, describe

if TYPE_CHECKING:
    from pathlib import Path


class TrainConfig(ConfigFields):
    """A training run, described.

    Unknown names and values out of range raise `ConfigError`, the nearest valid name first. The object can't be
    changed; `replace` gives a changed copy.

    Example:
        >>> TrainConfig(learning_rate=0.01, epochs=3).epochs
        3
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, validate_default=False)

    def __init__(self, /, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise config_error(error, fields, type(self).knobs()) from error

    @field_validator("*", mode="before")
    @classmethod
    def _yes_and_no(cls, value: Any, about: ValidationInfo) -> Any:
        """True and False are for switches, and stand for the words on and off, which YAML reads as such."""
        field = cls.model_fields[str(about.field_name)]
        if not isinstance(value, bool) or field.annotation is bool:
            return value
        if "on" in describe(str(about.field_name), field).choices:
            return "on" if value else "off"
        raise ValueError("a number or a name is needed here, not True or False")

    @model_validator(mode="after")
    def _fields_fit_together(self) -> TrainConfig:
        if trouble := misfit(self):
            raise ValueError(trouble)
        return self

    def __setattr__(self, name: str, value: Any) -> None:
        raise ConfigError(
            "A config can't be changed.",
            "A run is what its config says, so a config stays as it was made.",
            f"Make another: config.replace({name}={value!r}).",
        )

    @classmethod
    def knobs(cls) -> dict[str, Knob]:
        """What a person should know about each field, in the order of a form."""
        return {name: describe(name, field) for name, field in cls.model_fields.items()}

    def replace(self, **changes: Any) -> TrainConfig:
        """A copy with these fields changed, checked as a new one would be.

        >>> TrainConfig().replace(seed=3).seed
        3
        """
        return type(self)(**{**self.model_dump(), **changes})

    @property
    def peak_learning_rate(self) -> float:
        """The learning rate, or what stands for it where it was left empty: 1e-4 to fine-tune, 0.01 for a head, else 0.001."""
        return self.learning_rate or {"fine-tune": 1e-4, "head": 1e-2}.get(self.method, 1e-3)

    def __repr__(self) -> str:
        changed = ", ".join(f"{name}={value!r}" for name, value in self.changed().items())
        return f"TrainConfig({changed})"

    __str__ = __repr__

    def changed(self) -> dict[str, Any]:
        """The fields that differ from their default."""
        return {
            name: value for name, value in self.model_dump().items() if value != type(self).model_fields[name].default
        }

    def to_training_arguments(self, **options: Any) -> Any:
        """The same run as `transformers.TrainingArguments`; see `aitrain_nb.hugging_face.to_training_arguments`."""
        from aitrain_nb import hugging_face  # it is made from this class: the one import upwards

        return hugging_face.to_training_arguments(self, **options)

    @classmethod
    def from_training_arguments(cls, arguments: Any) -> TrainConfig:
        """The config that these arguments describe; `hugging_face.not_taken(arguments)` lists what it leaves out."""
        from aitrain_nb import hugging_face

        return hugging_face.from_training_arguments(arguments)

    def to_json(self) -> str:
        """All fields as JSON."""
        return self.model_dump_json(indent=2)

    def to_yaml(self) -> str:
        """All fields as YAML, in the order of a form."""
        return written(self.model_dump())

    @classmethod
    def from_json(cls, source: str | Path) -> TrainConfig:
        """The config in a JSON text or file; raises ConfigError where it can't be read."""
        return cls(**read_fields(source, "JSON"))

    @classmethod
    def from_yaml(cls, source: str | Path) -> TrainConfig:
        """The config in a YAML text or file; raises ConfigError where it can't be read."""
        return cls(**read_fields(source, "YAML"))
