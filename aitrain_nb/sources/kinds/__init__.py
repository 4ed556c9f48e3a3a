"""The kinds of sources: one file a kind with a `KIND`, found by its place in this folder."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aitrain_nb.sources.base import Kind


@cache
def all_kinds() -> tuple[Kind, ...]:
    """The `KIND` of each file in this folder."""
    names = sorted(found.name for found in pkgutil.iter_modules(__path__))
    return tuple(importlib.import_module(f"{__name__}.{name}").KIND for name in names)


def suffixes() -> tuple[str, ...]:
    """The endings of the files that can be read."""
    return tuple(suffix for kind in all_kinds() for suffix in kind.suffixes)
