"""A person's own texts and answers, checked before a model is asked about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from aitrain_nb.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


def own_texts(examples: Any) -> list[Any]:
    """A person's own texts, or pairs of texts, as a list.

    Raises:
        DataError: they are a table, none, or something else than texts.
    """
    if hasattr(examples, "columns"):
        names = ", ".join(map(str, examples.columns))
        raise DataError(
            "A table can't be read as texts.",
            f"It has the columns {names}.",
            "Give one of them: predict(table['text']).",
        )
    given = [examples] if isinstance(examples, str) else list(examples) if hasattr(examples, "__iter__") else [examples]
    if not given:
        raise DataError("There are no examples.", "The list is empty.", "Give at least one.")
    for place, example in enumerate(given):
        pair = (
            isinstance(example, (tuple, list)) and len(example) == 2 and all(isinstance(text, str) for text in example)
        )
        if not isinstance(example, str) and not pair:
            raise DataError(
                "These texts can't be read.", f"Number {place} is {type(example).__name__}, not a text.",
                "Give a list of strings.",
            )  # fmt: skip
    return given


def label_numbers(labels: Any, examples: int, names: Sequence[str]) -> Tensor:
    """Class numbers [n] int64 of a person's own answers, given by name or number; -100 for all where there are none.

    Raises:
        DataError: an answer that is no class, or not one an example.
    """
    if labels is None:
        return torch.full((examples,), -100)
    given = [labels] if isinstance(labels, (str, int)) else list(labels) if hasattr(labels, "__iter__") else [labels]
    if len(given) != examples:
        raise DataError(
            "The columns have different lengths.",
            f"{examples} examples, {len(given)} answers.",
            "Give one answer each.",
        )
    return torch.tensor([_label_number(label, names) for label in given], dtype=torch.int64)


def _label_number(label: Any, names: Sequence[str]) -> int:
    if isinstance(label, str):
        if label in names:
            return list(names).index(label)
    else:
        try:
            number = int(label)
        except (TypeError, ValueError):
            number = -1
        if 0 <= number < len(names) and number == label:
            return number
    raise DataError(f"Label {label!r} is no class.", f"The classes are: {', '.join(names)}.", "Use one of them.")
