"""Which examples go on which side of a split: training, validation, and perhaps test. Knows numbers only."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from aitrain_nb.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


class Sides(NamedTuple):
    """Places of the examples of each side, int64.

    Attributes:
        train: to learn from.
        validation: to choose by.
        test: for the end, or None.
        rare: classes too rare to be divided, all of whose examples are in training.
    """

    train: Tensor
    validation: Tensor
    test: Tensor | None
    rare: list[int]


def choose_sides(
    groups: Tensor, classes: Tensor | None, names: Sequence[str], fraction: float, test_fraction: float, seed: int
) -> Sides:
    """Places of the training, validation and test examples, every class in the same share on each side.

    Args:
        groups: [n] int64; examples with the same number stay on one side.
        classes: [n] int64 class numbers, or None for examples without classes.
        names: of the classes.
        fraction: share of the groups kept for validation.
        test_fraction: share kept for the test; 0 for none.
        seed: decides which ones; the user's generators are not used.

    Raises:
        DataError: the shares leave nothing, or too few groups for the classes.
    """
    import torch

    kept, member = groups.unique(return_inverse=True)
    first = torch.full((len(kept),), len(groups)).scatter_reduce(0, member, torch.arange(len(groups)), "amin")
    of_group = None if classes is None else classes[first]
    rest, test = torch.arange(len(kept)), None
    pinned = rest[:0]  # of classes too rare to be divided: there is more to learn from them than to test
    rare: list[int] = []
    if of_group is not None:
        rare = _rare_classes(of_group, len(names), test_fraction)
        is_rare = torch.isin(of_group, torch.tensor(rare, dtype=of_group.dtype))
        rest, pinned = (~is_rare).nonzero()[:, 0], is_rare.nonzero()[:, 0]
        different = "" if len(kept) == len(groups) else " different"
        _check_counts(of_group[rest], different, [names[kind] for kind in rare], fraction, test_fraction)
    if test_fraction:
        rest, test = _draw(rest, of_group, test_fraction, seed)
    train, validation = _draw(rest, of_group, fraction / (1 - test_fraction), seed)
    train = torch.cat([train, pinned])

    def members(side: Tensor) -> Tensor:
        """All members of these groups."""
        return torch.isin(member, side).nonzero()[:, 0] if len(kept) < len(groups) else first[side]

    return Sides(members(train), members(validation), None if test is None else members(test), rare)


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


def _rare_classes(classes: Tensor, number: int, test_fraction: float) -> list[int]:
    """Classes that occur but not often enough to be on each side: `classes` holds the class of each different example."""
    import torch

    sides = 3 if test_fraction else 2
    return [kind for kind, count in enumerate(torch.bincount(classes, minlength=number).tolist()) if 0 < count < sides]


def _check_counts(classes: Tensor, different: str, rare: Sequence[str], fraction: float, test_fraction: float) -> None:
    """Raise DataError where a side would be too small for the classes: `classes` holds the class of each group."""
    there = len(classes.unique())
    if there < 2 and rare:
        raise DataError(
            "The data can't be split.", f"Too few{different} examples of {', '.join(rare)}.",
            f"Give every class at least {'three' if test_fraction else 'two'}{different} examples.",
        )  # fmt: skip
    smallest, name = min((fraction, "validation_fraction"), (test_fraction or 1.0, "test_fraction"))
    kept = math.ceil(len(classes) * smallest)
    if kept < there or len(classes) - kept < there:
        raise DataError(
            "The data can't be split.",
            f"{len(classes)}{different} examples at {name}={smallest:.3g} leave {kept} for one side and {len(classes) - kept} "
            f"for the others, for {there} classes.",
            f"Give more examples, or set {name}={_enough(there, len(classes))}.",
        )


def _enough(classes: int, examples: int) -> float:
    """The smallest share in hundredths that leaves an example for each class."""
    return math.ceil(100 * classes / examples) / 100 if classes < examples / 2 else 0.5


def cut_text(text: str, fraction: float, test_fraction: float) -> tuple[str, str, str]:
    """One long text cut into a part to train on, one for validation and one for the test, near the end of a line or a word."""
    ends = [_nearest_gap(text, round(len(text) * share)) for share in (1 - fraction - test_fraction, 1 - test_fraction)]
    return text[: ends[0]], text[ends[0] : ends[1]], text[ends[1] :]


def _nearest_gap(text: str, place: int) -> int:
    """The last end of a line before this place, or of a word, in its second half; the place itself where there is none."""
    if place >= len(text):
        return len(text)
    return next((cut + 1 for cut in (text.rfind(mark, 0, place) for mark in ("\n", " ")) if cut > place // 2), place)
