"""A `datasets.Dataset` or `DatasetDict` in memory, known by what it can do: `datasets` isn't imported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aitrain_nb.errors import DataError, unknown_name
from aitrain_nb.sources.base import Kind, Options, Raw, Table
from aitrain_nb.sources.tables import as_raw
from aitrain_nb.sources.values import shown

if TYPE_CHECKING:
    from collections.abc import Sequence


def _takes(source: Any) -> bool:
    if isinstance(source, Mapping):
        return bool(source) and all(is_dataset(one) for one in source.values())
    return is_dataset(source)


def is_dataset(source: Any) -> bool:
    """Whether it is a data set of the package datasets, in memory or a stream."""
    return all(hasattr(source, name) for name in ("features", "column_names", "map", "filter"))


def _read(source: Any, options: Options) -> Raw:
    return read_dataset(source, options, "your datasets.Dataset", "A datasets.Dataset of yours.")


def read_dataset(source: Any, options: Options, name: str, note: str) -> Raw:
    """The examples of a `datasets.Dataset`, or of one split of a `DatasetDict`.

    Args:
        source: the object.
        options: `split` says which split.
        name: what it is called.
        note: where it comes from.

    Raises:
        DataError: it is a stream, or the split isn't there.
    """
    notes: list[str] = []
    if isinstance(source, Mapping):
        source, notes = _one_split(source, options)
    elif options.split is not None and str(getattr(source, "split", None)) != options.split:
        raise DataError(
            f"There is no split {shown(options.split)}.",
            "The data are one Dataset, not several splits.",
            "Leave out split=...",
        )
    if not hasattr(source, "to_pandas") or not hasattr(source, "__len__"):
        raise DataError(
            f"{shown(name)} is a stream.",
            "Its length isn't known, and all examples are read at once unless buffer_size says how many.",
            "Set buffer_size=10_000 and max_steps, or take a part: datasets.Dataset.from_list(list(stream.take(1000))).",
        )
    source = source.with_format(None)
    names = class_names(source.features)
    licence = str(getattr(getattr(source, "info", None), "license", "") or "").strip()
    said = f"{note} Licence: {licence}." if licence else note
    table = Table(source.to_pandas(), name, said, tuple(notes), class_names=names)
    return as_raw(table, options)


def class_names(features: Mapping[str, Any]) -> dict[str, Sequence[str]]:
    """Column -> names of its classes, where the library knows them."""
    return {
        name.strip(): list(kind.names) for name, kind in features.items() if hasattr(kind, "str2int") and kind.names
    }


def _one_split(source: Mapping[str, Any], options: Options) -> tuple[Any, list[str]]:
    splits = {str(name): one for name, one in source.items()}
    wanted = options.split
    if wanted is None:
        wanted = "train" if "train" in splits else next(iter(splits)) if len(splits) == 1 else None
    if wanted is None:
        raise DataError(
            "The data have several splits.",
            f"They are: {', '.join(map(shown, splits))}.",
            f"Pass split={shown(next(iter(splits)))}, or another one.",
        )
    if wanted not in splits:
        raise DataError(*unknown_name("split", wanted, splits))
    others = [name for name in splits if name != wanted]
    more = f"; the others ({', '.join(map(shown, others))}) aren't used" if others else ""
    return splits[wanted], [f"Split: {shown(wanted)}{more}."]


KIND = Kind(_takes, _read)
