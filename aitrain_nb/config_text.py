"""The fields of a config as YAML, and read from a YAML or JSON text or file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import yaml

from aitrain_nb.errors import ConfigError

_DATA = {".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".txt", ".png", ".jpg"}
"""Endings that no config has."""


def written(fields: dict[str, Any]) -> str:
    """The fields as YAML, in their order."""
    text = yaml.safe_dump(fields, sort_keys=False, allow_unicode=True)
    if yaml.safe_load(text) != fields:  # a name with a rare line break, which YAML folds unless it is escaped
        text = yaml.safe_dump(fields, sort_keys=False)
    return text


def read_fields(source: str | Path, kind: Literal["YAML", "JSON"]) -> dict[str, Any]:
    """The names and values in a text, or in the file that is named.

    Args:
        source: the text, or a file: a `Path`, or a name of one line that ends as such a file does.
        kind: how it is written.

    Raises:
        ConfigError: there is no such file, it can't be read, or it holds something else than names with values.
    """
    where, text = f"the {kind} text", str(source)
    if isinstance(source, Path) and source.suffix.lower() in _DATA:
        raise ConfigError(
            f"{source.name!r} is no config.", "It looks like data, and a config describes the run on them.",
            f"Write one with: aitrain-nb look {source} --config run.yaml",
        )  # fmt: skip
    if isinstance(source, Path) or ("\n" not in text and text.lower().endswith((".yaml", ".yml", ".json"))):
        where, text = text, _text_of(Path(source))
    load: Any = yaml.safe_load if kind == "YAML" else json.loads
    try:
        fields = load(text)
    except (
        yaml.YAMLError,
        ValueError,
        RecursionError,
    ) as error:  # a date with month 99, a number of 5,000 digits, 3,000 brackets
        raise ConfigError(
            f"Can't read {where} as {kind}.", str(error).replace("\n", " "), "Mend that place."
        ) from error
    if fields is None:
        return {}
    if not isinstance(fields, dict):
        raise ConfigError(
            f"Can't read {where} as a config.", f"It holds {type(fields).__name__}, not names with values.",
            "Write one 'name: value' a line, as TrainConfig().to_yaml() does.",
        )  # fmt: skip
    return {str(name): value for name, value in fields.items()}


def _text_of(path: Path) -> str:
    """The text of a config file; raises ConfigError where it can't be read."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigError(
            f"There is no config file {path.name!r}.",
            "Looked in the folder of this process." if path.parent == Path() else f"Looked in {path.parent}.",
            "Check the path.",
        ) from error
    except (OSError, ValueError) as error:  # not there to be read, not UTF-8, or no path at all
        raise ConfigError(
            f"Can't read the config file {path.name!r}.", str(error), "Save it as a UTF-8 text file."
        ) from error
