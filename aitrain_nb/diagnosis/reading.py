"""Whatever tells of a run -> its `Curves`: a trainer, a history, a folder, a table, a log of another tool, two lists."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aitrain_nb.config import TrainConfig
from aitrain_nb.diagnosis.curves import Curves
from aitrain_nb.diagnosis.logs import book_of, of_file, of_history, of_mapping, of_table
from aitrain_nb.diagnosis.rules import Case
from aitrain_nb.errors import DataError
from aitrain_nb.history import History
from aitrain_nb.lettering import with_article
from aitrain_nb.placing import is_there
from aitrain_nb.run_folder.files import CONFIG
from aitrain_nb.run_folder.following import follow_history

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from aitrain_nb.trainer import Trainer


def of_lists(training: Sequence[float], validation: Sequence[float], name: str = "two lists") -> Curves:
    """The curves of two lists of losses, one number an evaluation.

    Raises:
        DataError: they hold something else than numbers, are of different length, or empty.
    """
    try:
        one, other = (np.asarray(list(values), dtype=np.float64) for values in (training, validation))
    except (TypeError, ValueError) as error:
        why = str(error).split(". ", maxsplit=1)[0].rstrip(".")
        raise DataError("These lists can't be read as losses.", f"{why}.", "Give two lists of numbers.") from error
    if one.ndim > 1 or other.ndim > 1:
        raise DataError(
            "These lists can't be read as losses.", "They hold lists themselves.", "Give two lists of numbers."
        )
    if len(one) != len(other) and len(one) and len(other):
        raise DataError(
            "The two lists have different lengths.", f"{len(one)} training and {len(other)} validation losses.",
            "Give both losses of the same epochs; NaN where one is unknown.",
        )  # fmt: skip
    if not len(one) and not len(other):
        raise DataError("There is no loss to look at.", "Both lists are empty.", "Give one number an epoch.")
    none: NDArray[np.float64] = np.array([])
    unknown = np.full(max(len(one), len(other)), np.nan)
    if not len(other):
        name = "a list of training losses"
    return Curves(name, none, none, none, none, one if len(one) else unknown, other if len(other) else unknown, none)


def read(run: Any, validation: Any = None, classes: int | None = None) -> Case:
    """The case of whatever tells of a run; see `diagnose`.

    Raises:
        DataError: it tells of no run, or can't be read.
    """
    if classes is not None and (isinstance(classes, bool) or not isinstance(classes, int) or classes < 2):
        raise DataError(
            f"There can't be {classes!r} classes.",
            "A model chooses between two or more.",
            "Give a whole number, or leave it out.",
        )
    case = _read(run, validation)
    return case if classes is None else replace(case, curves=replace(case.curves, classes=classes))


def _read(run: Any, validation: Any) -> Case:
    if validation is not None and (
        isinstance(run, (str, Path, dict, History)) or hasattr(run, "history") or hasattr(run, "columns")
    ):
        raise DataError(
            f"Validation losses beside {with_article(type(run).__name__)} can't be read.", "It has its own.",
            "Give both losses as lists, ai.diagnose(training, validation), or leave the second one out.",
        )  # fmt: skip
    if isinstance(run, (str, Path)):
        return _of_path(Path(run))
    if hasattr(run, "history") and hasattr(run, "phases"):
        return of_trainer(run)
    return Case(_of_numbers(run, validation))


def _of_path(path: Path) -> Case:
    if is_there(path) and path.is_dir():
        return _of_folder(path)
    if not path.is_file():
        raise DataError(
            f"There is no file or folder {path.name!r}.", f"It was looked for in {Path.cwd().name!r}, where this program runs.",
            "Name a run's folder, a trainer_state.json or a CSV log; relative names begin where the program or notebook runs.",
        )  # fmt: skip
    return Case(of_file(path))


def _of_numbers(run: Any, validation: Any) -> Curves:
    """The curves of numbers in memory."""
    if isinstance(run, History):
        return of_history(run)
    if hasattr(run, "columns"):
        return of_table(run)
    if isinstance(run, dict):
        return of_mapping(run, "a dictionary")
    if isinstance(run, list) and run and all(isinstance(entry, dict) for entry in run):
        return of_history(book_of(run), "the log of a Trainer")
    if hasattr(run, "__iter__") and not isinstance(run, bytes):
        return of_lists(run, [] if validation is None else validation)
    raise DataError(
        f"{type(run).__name__} tells of no run.", "A diagnosis reads losses.",
        "Give a trainer, a run's folder, a history, a DataFrame, a trainer_state.json, a CSV log, or two lists of losses.",
    )  # fmt: skip


def of_trainer(trainer: Trainer) -> Case:
    """The case of a trainer: its history, its config, and its model and data to look at."""
    from aitrain_nb.diagnosis.probe import Probe  # torch, which a log needs no more than the history of one

    labels = trainer.prepared["train"].columns.get("labels")
    known = {} if labels is None else trainer.task.baseline(labels, trainer.class_names)
    curves = of_history(
        trainer.history, f"the run on {trainer.data.name}", classes=len(trainer.class_names),
        label_loss=known.get("label_loss"), majority=known.get("majority_accuracy"),
    )  # fmt: skip
    return Case(curves, trainer.config, None if trainer.is_in_step else Probe(trainer))


def _of_folder(folder: Path) -> Case:
    """The case of a run's folder, whether it goes on or is over; of a checkpoint of transformers, too."""
    state = folder / "trainer_state.json"
    if state.is_file() and not (folder / CONFIG).is_file():
        return Case(of_file(state))
    run = follow_history(folder)
    while run.state is not None and run.is_behind:
        run.look()
    if not len(run.history):
        raise DataError(
            f"The folder {folder.name!r} tells of no step.",
            "Its history is empty.",
            "Name the folder of a run that was trained.",
        )
    config = TrainConfig.from_yaml(folder / CONFIG) if (folder / CONFIG).is_file() else None
    classes = run.state.classes if run.state is not None else None
    return Case(of_history(run.history, f"the run in {folder.name}", classes=classes), config)
