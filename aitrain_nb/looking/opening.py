"""The data of a look: opened as `prepare` would open them, with the same split."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from aitrain_nb.config import TrainConfig
from aitrain_nb.data import Dataset
from aitrain_nb.errors import DataError
from aitrain_nb.lettering import with_article
from aitrain_nb.run import load_data, resolve
from aitrain_nb.tasks import find_task

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aitrain_nb.data import Splits


_UNEQUAL = 4
"""A class with this many times the examples of another counts as much larger."""


class Balance(NamedTuple):
    """What to do about classes of unequal size.

    Attributes:
        fields: of the config.
        sentences: why.
    """

    fields: dict[str, Any]
    sentences: list[str]


@dataclass(frozen=True, eq=False)
class Opened:
    """Data that were read and split.

    Attributes:
        source: what was given, where the data are in memory; None where a name finds them again.
        config: a resolved config that names the data, the columns and the seed.
        splits: the split that `prepare` makes of them.
        dataset: all examples in their original order.
        is_validation: [n] whether an example is on the validation side.
    """

    source: Any
    config: TrainConfig
    splits: Splits
    dataset: Dataset
    is_validation: NDArray[Any] = field(repr=False)

    @property
    def task(self) -> str:
        """What the data are for."""
        return str(self.config.task)

    @property
    def labels(self) -> NDArray[Any]:
        """Class number of each example [n] int64."""
        found: NDArray[Any] = self.dataset.columns["label"].numpy()
        return found

    @property
    def balance(self) -> Balance:
        """What to do about classes of unequal size."""
        import numpy as np

        names, counts = self.splits.label_names, np.bincount(self.labels, minlength=len(self.splits.label_names))
        there = np.flatnonzero(counts)
        least, most = there[counts[there].argmin()], there[counts[there].argmax()]
        times = counts[most] / counts[least]
        if times < _UNEQUAL:
            return Balance({}, [])
        said = (
            f"{names[most]} has {times:.3g} times as many examples as {names[least]} ({counts[most]:,} and {counts[least]:,}), so a "
            "good accuracy can hide a class that is never found: the config weighs classes and keeps the best macro-F1."
        )
        return Balance({"class_weights": "balanced", "best_metric": "macro_f1"}, [said])

    def batch_size(self, wanted: int = TrainConfig().batch_size) -> int:
        """This many examples, or all there are to train on where those are fewer."""
        known = find_task(self.task).count_examples(self.splits.train, self.config)
        return wanted if known is None else min(wanted, known)

    @cached_property
    def texts(self) -> list[str]:
        """Each example as one text: of a pair, both with a line between."""
        texts = [str(text) for text in self.dataset.columns["text"]]
        pairs = self.dataset.columns.get("text_pair")
        return texts if pairs is None else [f"{one}\n{other}" for one, other in zip(texts, pairs, strict=True)]

    @cached_property
    def class_names(self) -> list[str]:
        """Name of each example's class [n]."""
        return [self.splits.label_names[number] for number in self.labels.tolist()]


def open_source(
    source: Any, columns: dict[str, str | None], task: str | None, model: str, seed: int, validation_fraction: float
) -> Opened:
    """Read and split the data, and check that they can be used.

    Raises:
        ConfigError: a name isn't known.
        DataError: the data can't be found, read or split, or all are of one class.
    """
    if source is None or isinstance(source, bool):
        raise DataError(
            "There is nothing to look at.", f"The source is {source!r}.", 'quick_look("my.csv"), or a DataFrame.'
        )
    named = isinstance(source, (str, Path))
    data = str(source) if named else f"{with_article(type(source).__name__)} in memory"
    config = TrainConfig(data=data, task=task, seed=seed, validation_fraction=validation_fraction, **columns)
    config = resolve(config)
    if config.task == "text-classification":
        config = resolve(config.replace(model=model, method="auto"))
    splits = load_data(config, None if named else source)
    find_task(str(config.task)).check(splits)
    if splits.guess is not None:  # said out loud, so that the run doesn't depend on a guess
        chosen = {f"{role.removeprefix('text_')}_column": name for role, name in splits.guess.columns.items()}
        config = config.replace(**{role: name for role, name in chosen.items() if role in columns and named_text(name)})
    dataset, is_validation = _joined(splits)
    return Opened(None if named else source, config, splits, dataset, is_validation)


def named_text(name: object) -> bool:
    """Whether a column has a name that a config can hold."""
    return isinstance(name, str) and bool(name)


def _joined(splits: Splits) -> tuple[Dataset, NDArray[Any]]:
    """Both sides put together again in their original order, and which side each example is on."""
    import torch

    train, validation = splits.train, splits.validation
    assert validation is not None
    one, other = splits.train_indices, splits.validation_indices
    places = torch.cat([one, other]) if one is not None and other is not None else torch.arange(len(train) + 1)
    order = places.argsort()
    columns = {
        name: torch.cat([column, validation.columns[name]])
        if isinstance(column, torch.Tensor)
        else [*column, *validation.columns[name]]
        for name, column in train.columns.items()
    }
    joined = Dataset(Dataset(columns, splits.label_names).take(order), splits.label_names)
    return joined, (order >= len(train)).numpy()
