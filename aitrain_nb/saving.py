"""A run on disk: what it was, how it went, and the weights it kept. Only YAML, JSON lines and safetensors; never pickle."""

from __future__ import annotations

import hashlib
import json
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aitrain_nb.config import TrainConfig
from aitrain_nb.errors import ConfigError, DataError
from aitrain_nb.history import COLUMNS, History
from aitrain_nb.records import Ending
from aitrain_nb.run import prepare

if TYPE_CHECKING:
    from collections.abc import Callable

    from aitrain_nb.trainer import Trainer

FORMAT = 1
"""Number of the folder's format; a newer one is refused with a sentence."""
_CONFIG, _HISTORY, _WEIGHTS, _FACTS = "config.yaml", "history.jsonl", "model.safetensors", "run.json"


def save_run(trainer: Trainer, folder: str | Path) -> Path:
    """Write the run into a folder: config.yaml, history.jsonl, model.safetensors (the weights the model holds), run.json.

    Each file is written under another name, synced and renamed, so that a reader never sees half of one.

    Raises:
        DataError: the folder can't be written, or it holds something that isn't a run.
    """
    from safetensors.torch import save_model

    folder = Path(folder)
    check_folder(folder, overwrite=True)
    ending = trainer.ending
    facts = {
        "format": FORMAT, "step": trainer.step, "kept": ending.kept if ending else "the last weights",
        "ending": ending._asdict() if ending else None,
        "labels": list(trainer.data.label_names), "fingerprint": trainer.fingerprint(), "data": _fingerprint(trainer),
    }  # fmt: skip
    rows = "".join(json.dumps({name: _plain(value) for name, value in row.items()}) + "\n" for row in trainer.history)
    texts = {_CONFIG: trainer.config.to_yaml(), _HISTORY: rows, _FACTS: json.dumps(facts, indent=1) + "\n"}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _replace(folder / _WEIGHTS, lambda path: save_model(trainer.model, str(path)))
        for name, text in texts.items():
            _replace(folder / name, lambda path, text=text: path.write_text(text, encoding="utf-8"))  # type: ignore[misc]
    except OSError as error:
        raise DataError(
            f"Can't write the run to {str(folder)!r}.", str(error), "Free some space, or name another folder."
        ) from error
    return folder


def check_folder(folder: Path, *, overwrite: bool) -> None:
    """Raise DataError where a run can't be written into this folder, or would take the place of another."""
    if folder.is_dir() and any(folder.iterdir()):
        if not (folder / _FACTS).is_file():
            raise DataError(
                f"The folder {folder.name!r} holds other things.",
                "A run's folder has a run.json.",
                "Name an empty folder.",
            )
        if not overwrite:
            raise DataError(
                f"The folder {folder.name!r} holds another run.",
                "It would be lost.",
                "Name another folder, or add --overwrite.",
            )
    parent = next(parent for parent in (folder, *folder.resolve().parents) if parent.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise DataError(
            f"Can't write the run to {str(folder)!r}.", f"{parent.name!r} can't be written to.", "Name another folder."
        )


def free_folder(wanted: Path) -> Path:
    """This folder, or the same name with the next number where a run lies there already."""
    numbered = (wanted, *(wanted.with_name(f"{wanted.name}-{number}") for number in range(2, 100_000)))
    return next(folder for folder in numbered if not folder.exists())


def _replace(path: Path, write: Callable[[Path], Any]) -> None:
    draft = path.with_name(f".{path.name}.draft")
    write(draft)
    with draft.open("rb+") as file:
        os.fsync(file.fileno())
    draft.replace(path)


def _fingerprint(trainer: Trainer) -> str:
    """A hash of the raw examples of each side, in their order: 16 hexadecimal digits."""
    import torch

    digest = hashlib.blake2b(digest_size=8)
    for side in (trainer.data.train, trainer.data.validation, trainer.data.test):
        for name, column in sorted(side.columns.items()) if side is not None else []:
            digest.update(name.encode())
            numbers = isinstance(column, torch.Tensor)
            digest.update(
                column.contiguous().numpy().tobytes() if numbers else json.dumps(list(map(str, column))).encode()
            )
        digest.update(b"side")
    return digest.hexdigest()


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def load_run(folder: str | Path) -> Trainer:
    """The trainer of a saved run with the weights it kept: it predicts and evaluates.

    The data are read again as the config says, since the examples themselves are not in the folder.

    Raises:
        ConfigError: the folder holds no run, or one of a newer version.
        DataError: the data or the weights are no longer what they were.
    """
    from safetensors.torch import load_model

    folder = Path(folder)
    try:
        facts = json.loads((folder / _FACTS).read_text(encoding="utf-8"))
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
    trainer = prepare(TrainConfig.from_yaml(folder / _CONFIG))
    same = "Bring the data back as they were, or train again."
    if list(trainer.data.label_names) != facts.get("labels"):
        raise DataError(
            "The data have other classes than when the run was made.",
            f"Then: {facts.get('labels')}; now: {list(trainer.data.label_names)}.", "Bring the data back as they were.",
        )  # fmt: skip
    if facts.get("data") not in (None, _fingerprint(trainer)):
        raise DataError(
            "The data are not those of the run.",
            "Examples were added, changed or moved to the other side, so its tokenizer and its test would no longer be what they were.",
            same,
        )
    try:
        load_model(trainer.model, str(folder / _WEIGHTS))
    except Exception as error:
        raise DataError(
            f"Can't load the weights of {folder.name!r}.", str(error).split("\n", maxsplit=1)[0],
            "Bring the data back as they were, or train again.",
        ) from error  # fmt: skip
    if trainer.fingerprint() != facts.get("fingerprint"):
        raise DataError(
            f"The weights in {folder.name!r} are not those the run kept.", "Their fingerprint differs.", "Train again."
        )
    trainer.history, trainer.step, trainer.is_loaded = _history(folder / _HISTORY), int(facts["step"]), True
    trainer.ending = Ending(**facts["ending"]) if facts.get("ending") else None
    return trainer


def _history(path: Path) -> History:
    """The rows of a run; raises DataError where the file is damaged."""
    history = History()
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            row = {name: float(value) if isinstance(value, str) else value for name, value in json.loads(line).items()}
            history.add_step([row[name] for name in COLUMNS])
            found = {name: value for name, value in row.items() if name not in COLUMNS}
            if found:
                history.add_evaluation(int(row["step"]), found)
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise DataError(f"Can't read {path.name}.", f"{error}", "Train again.") from error
    return history
