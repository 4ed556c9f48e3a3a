"""run.json: what a later reader of a run must find again: its classes, its data, its config, the weights it kept."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aitrain_nb.errors import ConfigError, DataError
from aitrain_nb.run_folder.files import FACTS, strange_format

if TYPE_CHECKING:
    from pathlib import Path

_KINDS: dict[str, type] = {"labels": list, "data": str, "config": dict, "fingerprint": str}
_NEEDED = frozenset({"labels"})
"""What every run.json says; the others come with the end of a run, or weren't written by the first versions."""


def read_facts(folder: Path) -> dict[str, Any]:
    """What run.json says.

    Raises:
        ConfigError: there is none, it is damaged, or another version wrote it.
    """
    try:
        facts: Any = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(
            f"The folder {folder.name!r} holds no run.", f"It has no {FACTS} that can be read.",
            "Name a folder that `aitrain-nb train` or save_run(...) has written.",
        ) from error  # fmt: skip
    if not isinstance(facts, dict):
        raise _damaged(folder, f"It holds {type(facts).__name__}, not names with values.")
    trouble = strange_format(facts.get("format"), FACTS, folder.name)
    if trouble is not None:
        raise ConfigError(*trouble)
    for name, kind in _KINDS.items():
        value = facts.get(name)
        if not isinstance(value, kind) and (name in _NEEDED or value is not None):
            raise _damaged(folder, f"It says {value!r:.40} for {name!r}.")
    return facts


def refuse_other_format(folder: Path) -> None:
    """Raise DataError where another version wrote the run; a run.json that is damaged or not there yet says nothing."""
    try:
        number = json.loads((folder / FACTS).read_text(encoding="utf-8"))["format"]
    except (OSError, ValueError, RecursionError, KeyError, TypeError):
        return
    trouble = strange_format(number, FACTS, folder.name)
    if trouble is not None:
        raise DataError(*trouble)


def _damaged(folder: Path, why: str) -> ConfigError:
    return ConfigError(
        f"The {FACTS} of {folder.name!r} is damaged.", why, "Bring the file back from a copy, or train again."
    )
