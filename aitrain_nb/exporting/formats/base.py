"""The interface of an export format, and the two shapes a model has there: traced with its inputs in order, and opened again."""

from __future__ import annotations

import importlib.util
import logging
import warnings
from abc import ABC, abstractmethod
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn

from aitrain_nb.errors import ConfigError, DataError
from aitrain_nb.exporting.manifest import is_length, longest, sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from aitrain_nb.exporting.manifest import Base, Manifest
    from aitrain_nb.tasks import Task
    from aitrain_nb.trainer import Trainer

_ROWS = 3
"""Examples that a model is traced with: more than one, so that nothing is taken for granted about their number."""

_LENGTHS = (53, 37, 23, 11, 5)
"""Of the rows that a model is traced with; prime."""


class Format(ABC):
    """One way to write a model down. Holds no state: one object serves every export.

    Attributes:
        name: what `export(format=...)` calls it.
        about: what it is good for, in a sentence.
        packages: what must be installed besides.
        tolerance: how far a logit may lie from the original's; None where numbers are rounded on purpose.
        runs_code: whether opening a file of a stranger could run code that it holds.
    """

    name: ClassVar[str]
    about: ClassVar[str]
    packages: ClassVar[tuple[str, ...]] = ()
    tolerance: ClassVar[float | None] = 1e-4
    runs_code: ClassVar[bool] = False

    def check(self, trainer: Trainer) -> None:
        """Raise ConfigError where this model can't be written so."""
        del trainer
        missing = [package for package in self.packages if importlib.util.find_spec(package) is None]
        if missing:
            raise ConfigError(
                f"Can't export as {self.name}.", f"It needs {', '.join(missing)}.", "pip install 'aitrain-nb[export]'"
            )

    def base(self, trainer: Trainer) -> Base | None:
        """The model that the export is opened on; None where it holds all weights."""
        del trainer
        return None

    @abstractmethod
    def write(self, model: nn.Module, trainer: Trainer, folder: Path) -> None:
        """Write the model.

        Args:
            model: a copy of the trainer's, on the CPU, in evaluation mode, adapters merged; it may be changed.
            trainer: whose it is.
            folder: where.
        """

    @abstractmethod
    def open(self, folder: Path, manifest: Manifest) -> nn.Module:
        """The model as a module that the task can ask for its `outputs`; no code that lies in the folder is run."""

    @abstractmethod
    def loading(self, manifest: Manifest, folder: Path) -> str:
        """Python that loads it where the folder lies, without aitrain_nb."""


class InOrder(nn.Module):
    """A model that takes its tensors in order and gives logits: what is traced.

    Args:
        model: the module.
        task: knows how it is asked.
        names: of its inputs.
    """

    def __init__(self, model: nn.Module, task: Task, names: Sequence[str]) -> None:
        super().__init__()
        self.model, self._task, self._names = model, task, tuple(names)

    def forward(self, *tensors: Tensor) -> Tensor:
        """Logits [..., C]."""
        return self._task.outputs(self.model, dict(zip(self._names, tensors, strict=True)))


class Opened(nn.Module):
    """A function of tensors in order that can be asked as a model is: by position or by name.

    Args:
        answer: tensors in the order of the names -> logits.
        names: of its inputs.
    """

    def __init__(self, answer: Callable[..., Tensor], names: Sequence[str]) -> None:
        super().__init__()
        self._answer, self._names = answer, tuple(names)

    def forward(self, *tensors: Tensor, **named: Tensor) -> Tensor:
        """Logits [..., C]."""
        return self._answer(*tensors, *(named[name] for name in self._names[len(tensors) :]))


def traced(model: nn.Module, trainer: Trainer) -> Any:
    """The model as a `torch.export.ExportedProgram` that takes any number of examples, and texts of any length it has room for.

    https://docs.pytorch.org/docs/stable/export.html
    """
    room = longest(trainer) if trainer.processor is not None else 0
    inputs = {name: _odd(value, room) for name, value in sample(trainer, _ROWS).items()}
    batch, length = torch.export.Dim("batch", min=1), torch.export.Dim("length", min=2, max=max(3, room))
    shapes = tuple({0: batch} | ({1: length} if is_length(value, 1) else {}) for value in inputs.values())
    with torch.no_grad():
        return torch.export.export(
            InOrder(model, trainer.task, list(inputs)), tuple(inputs.values()), dynamic_shapes={"tensors": shapes},
            strict=False,
        )  # fmt: skip


def _odd(tensor: Tensor, room: int) -> Tensor:
    """Rows of tokens repeated or cut to a length that no other size of a model is likely to have.

    Where it has, such as 32 with heads of 32 numbers, the trace takes the one for the other, and refuses other lengths.
    """
    if not is_length(tensor, 1):
        return tensor
    length = next((length for length in _LENGTHS if length < room), 2)
    return tensor[:, torch.arange(length) % tensor.shape[1]]


@contextmanager
def opening(what: str, folder: Path) -> Iterator[None]:
    """Inside, whatever goes wrong is said in a sentence, as DataError: each library has errors of its own for disk, file and names."""
    try:
        yield
    except Exception as error:
        raise DataError(
            f"Can't open {what} in {folder.name!r}.", str(error).split("\n", maxsplit=1)[0], "Export it again."
        ) from error


@contextmanager
def without_remarks() -> Iterator[None]:
    """Without what the exporter says of packages that nobody asked for, and of its own code."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
