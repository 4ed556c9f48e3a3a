"""Which examples go on which side of a split: training, validation, and perhaps test. Knows numbers only."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from aitrain_nb.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


def choose_sides(
    groups: Tensor, classes: Tensor | None, names: Sequence[str], fraction: float, test_fraction: float, seed: int
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Places of the training, validation and test examples, every class in the same share on each side.

    Args:
        groups: [n] int64; examples with the same number stay on one side.
        classes: [n] int64 class numbers, or None for examples without classes.
        names: of the classes.
        fraction: share of the groups kept for validation.
        test_fraction: share kept for the test; 0 for none.
        seed: decides which ones; the user's generators are not used.

    Returns:
        int64 places; None for the test where there is none.

    Raises:
        DataError: the shares leave nothing, or a class has too few groups to be on each side.
    """
    import torch

    kept, member = groups.unique(return_inverse=True)
    first = torch.full((len(kept),), len(groups)).scatter_reduce(0, member, torch.arange(len(groups)), "amin")
    of_group = None if classes is None else classes[first]
    if of_group is not None:
        _check_counts(of_group, len(groups), names, fraction, test_fraction)
    rest, test = torch.arange(len(kept)), None
    if test_fraction:
        rest, test = _draw(rest, of_group, test_fraction, seed)
    train, validation = _draw(rest, of_group, fraction / (1 - test_fraction), seed)

    def members(side: Tensor) -> Tensor:
        """All members of these groups."""
        return torch.isin(member, side).nonzero()[:, 0] if len(kept) < len(groups) else first[side]

    return members(train), members(validation), None if test is None else members(test)


def check_shares(fraction: float, test_fraction: float) -> None:
    """Raise DataError where these shares leave nothing to train on."""
    if not (isinstance(fraction, float) and 0 < fraction < 1):
        raise DataError(
            f"A share of {fraction!r} can't be kept for validation.",
            "It lies between 0 and 1.",
            "split(0.2) keeps a fifth.",
        )
    if not (isinstance(test_fraction, (int, float)) and 0 <= test_fraction < 1 and fraction + test_fraction < 1):
        raise DataError(
            f"A share of {test_fraction!r} can't be kept for the test.",
            f"With {fraction!r} for validation nothing is left to train on, or it isn't a share.",
            "split(0.2, test_fraction=0.2) leaves three fifths.",
        )


def _draw(places: Tensor, classes: Tensor | None, share: float, seed: int) -> tuple[Tensor, Tensor]:
    """The places cut in two at random, every class in the same share on both sides: the larger part, and `share` of them."""
    import torch
    from sklearn.model_selection import train_test_split

    try:
        larger, smaller = train_test_split(
            places.numpy(), test_size=share, random_state=seed,
            stratify=None if classes is None else classes[places].numpy(),
        )  # fmt: skip
    except ValueError as error:
        raise DataError(
            "The data can't be split.", f"{error}", "Give more different examples, or change validation_fraction."
        ) from error
    return torch.from_numpy(larger), torch.from_numpy(smaller)


def _check_counts(classes: Tensor, examples: int, names: Sequence[str], fraction: float, test_fraction: float) -> None:
    """Raise DataError where a class can't be on each side: `classes` holds the class of each group."""
    import torch

    counts = torch.bincount(classes, minlength=len(names))
    sides = 3 if test_fraction else 2
    rare = [names[i] for i, count in enumerate(counts.tolist()) if count < sides]
    smallest = min(fraction, 1 - fraction - test_fraction, test_fraction or 1.0)
    kept = math.ceil(len(classes) * smallest)
    if rare or kept < len(counts):
        different = "" if len(classes) == examples else " different"
        why = (
            f"Too few{different} examples of {', '.join(rare)}." if rare
            else f"{len(classes)}{different} examples at validation_fraction={fraction} leave {kept} on the smallest side, "
            f"for {len(counts)} classes."
        )  # fmt: skip
        need = "three" if test_fraction else "two"
        raise DataError(
            "The data can't be split.", why,
            f"Give every class at least {need}{different} examples, or change validation_fraction.",
        )  # fmt: skip


def cut_text(text: str, fraction: float, test_fraction: float) -> tuple[str, str, str]:
    """One long text cut into a part to train on, one for validation and one for the test, near the end of a line or a word."""
    ends = [_nearest_gap(text, round(len(text) * share)) for share in (1 - fraction - test_fraction, 1 - test_fraction)]
    return text[: ends[0]], text[ends[0] : ends[1]], text[ends[1] :]


def _nearest_gap(text: str, place: int) -> int:
    """The last end of a line before this place, or of a word, in its second half; the place itself where there is none."""
    if place >= len(text):
        return len(text)
    return next((cut + 1 for cut in (text.rfind(mark, 0, place) for mark in ("\n", " ")) if cut > place // 2), place)
