"""The whole state of a run as files: safetensors for every tensor, JSON for the rest, never pickle."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from aitrain_nb.engine.keeping import Kept
from aitrain_nb.engine.order import Cursor
from aitrain_nb.engine.snapshots import State
from aitrain_nb.errors import DataError
from aitrain_nb.placing import replace_tensors
from aitrain_nb.run_folder.files import CHECKPOINTS, FORMAT, strange_format

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

_NAME = re.compile(r"(step|best)-(\d{8,})\.safetensors")
_FACTS = "aitrain_nb"
"""Name of the metadata of a file: what is no tensor, as JSON."""


class Place(NamedTuple):
    """A file of `checkpoints/`.

    Attributes:
        step: optimizer steps taken.
        path: where it lies.
    """

    step: int
    path: Path

    @property
    def size_bytes(self) -> int:
        """How long the file is."""
        return self.path.stat().st_size


def write_checkpoint(folder: Path, state: State, keep: int, *, anew: bool = False) -> Place:
    """Write a state, and the best weights so far where no file holds them yet; then drop what is no longer needed.

    Args:
        folder: of the run.
        state: between two steps.
        keep: how many of the newest checkpoints stay, at least 1.
        anew: what lies there may be of another run, or of this one before steps of it were taken back; only this one stays.

    Raises:
        OSError: it can't be written.
    """
    within = folder / CHECKPOINTS
    within.mkdir(parents=True, exist_ok=True)
    kept: Kept | None = state.kept
    if kept is not None:
        best = within / _name("best", kept.step)
        if anew or not best.is_file():
            facts = {"score": kept.score, "loss": kept.loss, "step": kept.step, "epoch": kept.epoch}
            _write(best, {"weights": kept.weights, "buffers": kept.buffers}, facts)
    place = Place(state.step, within / _name("step", state.step))
    where = {"step": state.step, "cursor": list(state.cursor), "best": kept.step if kept is not None else None}
    parts = {
        "weights": state.weights, "buffers": state.buffers, "optimizer": state.optimizer, "random": list(state.random),
    }  # fmt: skip
    _write(place.path, parts, where)
    if anew:
        drop_after(folder, state.step)
    _drop_old(within, 1 if anew else keep)
    return place


def checkpoints(folder: Path) -> list[Place]:
    """The checkpoints of a run, the newest first; whether they can be read is not looked at."""
    return _places(folder / CHECKPOINTS, "step")


def read_checkpoint(place: Place) -> State:
    """The state that a file holds, its best weights with it.

    Raises:
        DataError: it is damaged, its best weights are gone, or it was written by another version.
    """
    parts, facts = _read(place.path)
    try:
        kept = None
        if facts["best"] is not None:
            saved, best = _read(place.path.with_name(_name("best", int(facts["best"]))))
            kept = Kept(
                float(best["score"]), float(best["loss"]), int(best["step"]), float(best["epoch"]), saved["weights"], saved["buffers"],
            )  # fmt: skip
        epoch, position = facts["cursor"]
        return State(
            int(facts["step"]), Cursor(int(epoch), int(position)), parts["weights"], parts["buffers"], parts["optimizer"],
            tuple(parts["random"]), kept,
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(place.path, error) from error


def size_bytes(folder: Path) -> int:
    """Bytes on the disk that the checkpoints of a run take."""
    return sum(place.size_bytes for kind in ("step", "best") for place in _places(folder / CHECKPOINTS, kind))


def drop_after(folder: Path, step: int) -> None:
    """Remove the checkpoints of later steps, which a run that begins again from `step` would no longer reach the same way."""
    for kind in ("step", "best"):
        for place in _places(folder / CHECKPOINTS, kind):
            if place.step > step:
                place.path.unlink(missing_ok=True)


def _name(kind: str, step: int) -> str:
    return f"{kind}-{step:08d}.safetensors"


def _places(within: Path, kind: str) -> list[Place]:
    found = []
    with suppress(FileNotFoundError, NotADirectoryError):
        for path in within.iterdir():
            match = _NAME.fullmatch(path.name)
            if match is not None and match[1] == kind:
                found.append(Place(int(match[2]), path))
    return sorted(found, reverse=True)


def _drop_old(within: Path, keep: int) -> None:
    steps = _places(within, "step")
    needed = set()
    for place in steps[:keep]:
        with suppress(DataError):
            needed.add(_facts(place.path)["best"])
    old = [*steps[keep:], *(place for place in _places(within, "best") if place.step not in needed)]
    for place in old:
        place.path.unlink(missing_ok=True)


# one file


def _write(path: Path, parts: dict[str, Any], facts: dict[str, Any]) -> None:
    from safetensors.torch import save_file

    tensors: dict[str, Tensor] = {}
    plain = {name: _taken_apart(part, name, tensors) for name, part in parts.items()}
    metadata = {_FACTS: json.dumps({"format": FORMAT} | facts | {"parts": plain})}
    replace_tensors(path, lambda draft: save_file(tensors, draft, metadata))


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parts of a file put together, and the other facts; raises DataError where it can't be read."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    facts = _facts(path)
    try:
        tensors = load_file(path)
        return {name: _put_together(part, tensors) for name, part in facts["parts"].items()}, facts
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(path, error) from error


def _facts(path: Path) -> dict[str, Any]:
    """What a file says besides its tensors."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            facts: dict[str, Any] = json.loads(file.metadata()[_FACTS])
        number = facts["format"]
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise _damaged(path, error) from error
    trouble = strange_format(number, path.name, path.parent.parent.name)
    if trouble is not None:
        raise DataError(*trouble)
    return facts


def _damaged(path: Path, error: Exception) -> DataError:
    why = str(error).split("\n", maxsplit=1)[0]
    return DataError(
        f"Can't read the checkpoint {path.name!r}.", f"{type(error).__name__}: {why}", "Remove it, and the run goes on from an older one.",
    )  # fmt: skip


def _taken_apart(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """The value as JSON, with the names of its tensors in their place; keys keep their kind, tuples stay tuples."""
    import torch

    if isinstance(value, torch.Tensor):
        tensors[name] = value.detach().contiguous()
        return {"tensor": name}
    if isinstance(value, dict):
        return {"entries": [[key, _taken_apart(entry, f"{name}/{key}", tensors)] for key, entry in value.items()]}
    if isinstance(value, (list, tuple)):
        kind = "tuple" if isinstance(value, tuple) else "list"
        return {kind: [_taken_apart(entry, f"{name}/{number}", tensors) for number, entry in enumerate(value)]}
    return value


def _put_together(value: Any, tensors: dict[str, Tensor]) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, held),) = value.items()
    if kind == "tensor":
        return tensors[held]
    if kind == "entries":
        return {key: _put_together(entry, tensors) for key, entry in held}
    entries = [_put_together(entry, tensors) for entry in held]
    return tuple(entries) if kind == "tuple" else entries
