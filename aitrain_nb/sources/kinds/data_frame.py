"""A pandas DataFrame in memory; it isn't changed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from aitrain_nb.sources.base import Kind, Options, Raw, Table
from aitrain_nb.sources.tables import as_raw

if TYPE_CHECKING:
    import pandas as pd


def _takes(source: Any) -> bool:
    pandas = sys.modules.get("pandas")  # who has a DataFrame has imported it
    return pandas is not None and isinstance(source, pandas.DataFrame)


def _read(frame: pd.DataFrame, options: Options) -> Raw:
    copied = frame.set_axis([_flat(name) for name in frame.columns], axis="columns")
    return as_raw(Table(copied, "your DataFrame", "A pandas DataFrame of yours."), options)


def _flat(name: Any) -> str:
    """A column's name as text; the levels of a name are joined with a blank."""
    return " ".join(str(part) for part in name if str(part)) if isinstance(name, tuple) else str(name)


KIND = Kind(_takes, _read)
