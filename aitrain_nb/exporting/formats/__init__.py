"""One file an export format, found by its place in this folder."""

from __future__ import annotations

import importlib
import pkgutil

from aitrain_nb.errors import ConfigError, unknown_name
from aitrain_nb.exporting.formats.base import Format

__all__ = ["Format", "find_format", "format_names"]

_files = {found.name.replace("_", "-"): found.name for found in pkgutil.iter_modules(__path__)}
_files.pop("base")


def format_names() -> list[str]:
    """The names of all formats."""
    return sorted(_files)


def find_format(name: str) -> Format:
    """The format of this name, written with - or _.

    Raises:
        ConfigError: there is no such format.
    """
    plain = name.replace("_", "-") if isinstance(name, str) else name
    if plain not in _files:
        raise ConfigError(*unknown_name("export format", plain, format_names()))
    found: Format = importlib.import_module(f"{__name__}.{_files[plain]}").FORMAT
    return found
