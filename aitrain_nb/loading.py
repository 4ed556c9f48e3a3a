"""A run that was written to disk is brought back, with the weights it kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from aitrain_nb.config import TrainConfig
from aitrain_nb.errors import ConfigError, DataError
from aitrain_nb.history import History
from aitrain_nb.run import prepare
from aitrain_nb.run_folder import files
from aitrain_nb.run_folder.files import CHANGES, CONFIG, FACTS, FORMAT, HISTORY, WEIGHTS
from aitrain_nb.run_folder.saving import data_fingerprint
from aitrain_nb.run_folder.state import read_ending, read_state

if TYPE_CHECKING:
    from aitrain_nb.trainer import Trainer


_AS_THEY_WERE = "Bring the data back as they were, or train again."


def load_run(folder: str | Path) -> Trainer:
    """The trainer of a saved run with the weights it kept: it predicts and evaluates.

    The data are read again as the config says, since the examples themselves are not in the folder.

    Raises:
        ConfigError: the folder holds no run, or one of a newer version.
        DataError: the data or the weights are no longer what they were.
    """
    from safetensors.torch import load_model

    folder = Path(folder)
    if not folder.is_dir():
        raise ConfigError(
            f"There is no folder {str(folder)!r}.", f"It was looked for in {Path.cwd().name!r}, where this program runs.",
            "Name the folder of a run; relative names begin where the program or notebook runs.",
        )  # fmt: skip
    state = read_state(folder)
    if state is not None and not state.is_over and not (folder / FACTS).is_file():
        raise ConfigError(
            f"The run in {folder.name!r} has no weights yet.", "They are written when it ends.",
            "Wait for its end; if its process has gone, train again from its config.yaml.",
        )  # fmt: skip
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"The folder {folder.name!r} holds no run.", "It has no run.json that can be read.",
            "Name a folder that `aitrain-nb train` or save_run(...) has written.",
        ) from error  # fmt: skip
    if not isinstance(facts, dict) or facts.get("format", 0) > FORMAT:
        raise ConfigError(
            f"The run in {folder.name!r} was written by a newer version.",
            f"This version reads format {FORMAT}.", "pip install --upgrade aitrain-nb",
        )  # fmt: skip
    trainer = prepare(TrainConfig.from_yaml(folder / CONFIG))
    if list(trainer.data.label_names) != facts.get("labels"):
        raise DataError(
            "The data have other classes than when the run was made.",
            f"Then: {facts.get('labels')}; now: {list(trainer.data.label_names)}.", "Bring the data back as they were.",
        )  # fmt: skip
    if facts.get("data") not in (None, data_fingerprint(trainer)):
        raise DataError(
            "The data are not those of the run.",
            "Examples were added, changed or moved to the other side, so its tokenizer and its test would no longer be what they were.",
            _AS_THEY_WERE,
        )
    try:
        load_model(trainer.model, str(folder / WEIGHTS))
    except Exception as error:
        raise DataError(
            f"Can't load the weights of {folder.name!r}.", str(error).split("\n", maxsplit=1)[0], _AS_THEY_WERE,
        ) from error  # fmt: skip
    if trainer.fingerprint() != facts.get("fingerprint"):
        raise DataError(
            f"The weights in {folder.name!r} are not those the run kept.", "Their fingerprint differs.", "Train again."
        )
    about = trainer.history.about
    trainer.history, trainer.step, trainer.is_loaded = _history(folder), int(facts["step"]), True
    trainer.history.about = about
    if (
        len(trainer.history) > trainer.step
    ):  # the process that went on has gone, and left rows of after the weights it kept
        trainer.history.cut(trainer.step)
    trainer.ending = read_ending(facts.get("ending"))
    return trainer


def _history(folder: Path) -> History:
    """The rows and live changes of a run; raises DataError where a file is damaged."""
    history, name = History(), HISTORY
    try:
        files.read_rows((folder / HISTORY).read_bytes().splitlines(), history)
        name = CHANGES
        if (folder / CHANGES).is_file():
            files.read_changes((folder / CHANGES).read_bytes().splitlines(), history)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"Can't read {name}.", f"{error}", "Train again.") from error
    history.flush()  # which finds the troubles
    return history
