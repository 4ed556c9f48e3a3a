"""How a run in a folder goes: what state.json says, and whether the process that writes it is still there."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from aitrain_nb.engine.plan import place_of
from aitrain_nb.errors import DataError
from aitrain_nb.placing import replace_text
from aitrain_nb.privacy import without_secrets
from aitrain_nb.records import Ending
from aitrain_nb.run_folder.files import FORMAT, MOST, STATE, plain, strange_format, what_is_odd

if TYPE_CHECKING:
    from pathlib import Path

_KINDS: dict[type, tuple[str, ...]] = {
    str: ("run", "word", "reason", "metric", "machine"),
    int: ("step", "total_steps", "steps_per_epoch", "epochs", "classes", "kept_step", "process"),
    float: ("peak", "began", "heartbeat"),
}
_WORDS = frozenset({"running", "paused", "stopping", "done", "stopped", "failed"})
OVER = frozenset({"done", "stopped", "failed"})
_LATER_SECONDS = 5.0
"""A process that began so long after the last sign of life is another one with the same number."""


class RunState(NamedTuple):
    """What state.json says of a run.

    Attributes:
        run: 16 hexadecimal digits that name the run: another run in the same folder has others.
        word: "running", "paused", "stopping", "done", "stopped" or "failed".
        reason: why it ended, in words; empty where that is plain.
        step: optimizer steps taken.
        total_steps: of the whole run.
        steps_per_epoch: optimizer steps in one pass over the training data.
        epochs: of the whole run, the last one perhaps cut short.
        classes: how many the model chooses between.
        metric: by which the best weights are chosen: "loss" or the name of a score.
        kept_step: the step whose weights are the best so far; 0 before the first evaluation, and where the last weights are kept.
        peak: learning rate at the schedule's highest point, without live changes.
        process: number of the process that writes.
        machine: 16 hexadecimal digits, equal for the same run on the same machine; they say nothing about which one it is.
        began: when this call of `fit` began, seconds since 1970.
        heartbeat: when the process last wrote, seconds since 1970.
        ending: how the run ended, or None while it goes on.
    """

    run: str
    word: str
    reason: str
    step: int
    total_steps: int
    steps_per_epoch: int
    epochs: int
    classes: int
    metric: str
    kept_step: int
    peak: float
    process: int
    machine: str
    began: float
    heartbeat: float
    ending: Ending | None = None

    @classmethod
    def of(cls, trainer: Any, word: str, began: float, ending: Ending | None = None) -> RunState:
        """The state of a trainer's run in this process, now.

        Args:
            trainer: whose run it is.
            word: how it goes.
            began: when this call of `fit` began, seconds since 1970.
            ending: how it ended.
        """
        plan = trainer.plan
        return cls(
            trainer.run_id, word, without_secrets(ending.reason) if ending else "", trainer.step, plan.total_steps,
            plan.steps_per_epoch, plan.total_epochs, len(trainer.class_names), trainer.config.best_metric, trainer.kept_step, plan.peak,
            os.getpid(), machine_mark(trainer.run_id), began, time.time(), ending,
        )  # fmt: skip

    def write(self, folder: Path, *, synced: bool = True) -> None:
        """Put it into the folder in one piece; raises OSError where that fails."""
        values = self._asdict()
        if self.ending is not None:
            values["ending"] = plain(self.ending._asdict() | {"reason": self.reason})
        replace_text(folder / STATE, json.dumps({"format": FORMAT} | values, indent=1) + "\n", synced=synced)

    def place_of(self, step: int) -> tuple[int, int]:
        """Epoch and step within it, both 1-based, of the 1-based step `step` of the run."""
        return place_of(step, self.steps_per_epoch)

    @property
    def is_over(self) -> bool:
        """Whether the run has ended."""
        return self.word in OVER

    @property
    def is_here(self) -> bool:
        """Whether it is written on this machine."""
        return self.machine == machine_mark(self.run)


def parse_state(text: bytes, where: str) -> RunState:
    """What a state.json holds.

    Args:
        text: of the file.
        where: the folder's name, for the sentences.

    Raises:
        DataError: it is damaged, or was written by another version.
    """
    try:
        values = json.loads(text)
        if not isinstance(values, dict):
            raise TypeError(f"it holds {type(values).__name__}, not names with values")  # noqa: TRY301
        trouble = strange_format(values.pop("format"), STATE, where)
        if trouble is not None:
            raise DataError(*trouble)
        fields = {name: _of_kind(kind, name, values[name]) for kind, names in _KINDS.items() for name in names}
        if fields["word"] not in _WORDS or min(fields["steps_per_epoch"], fields["total_steps"]) < 1:
            raise ValueError(f"a run that is {fields['word']!r:.40}, of {fields['total_steps']} steps")  # noqa: TRY301
        return RunState(**fields, ending=read_ending(values["ending"]))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise DataError(
            f"Can't read the {STATE} of {where!r}.", f"In it: {what_is_odd(error)}.",
            "Name a folder that `aitrain-nb train` or fit(output_dir=...) writes.",
        ) from error  # fmt: skip


def read_state(folder: Path) -> RunState | None:
    """The state of the run in a folder; None where there is none that can be read."""
    try:
        return parse_state((folder / STATE).read_bytes(), folder.name)
    except (OSError, DataError):
        return None


def read_ending(values: dict[str, Any] | None) -> Ending | None:
    """An ending that was kept as JSON.

    Raises:
        TypeError, ValueError: it is none.
    """
    if not values:
        return None
    fields = dict(values)
    for name, kind in (
        ("state", str),
        ("reason", str),
        ("step", int),
        ("kept_step", int),
        ("kept_epoch", float),
        ("kept_loss", float),
    ):
        is_unknown = name in {"kept_epoch", "kept_loss"} and fields.get(name) is None
        fields[name] = None if is_unknown else _of_kind(kind, name, fields.get(name))
    if fields.get("kept_score") is not None:
        name, value = fields["kept_score"]
        fields["kept_score"] = (_of_kind(str, "kept_score", name), _of_kind(float, "kept_score", value))
    return Ending(**fields)


def _of_kind(kind: type, name: str, value: Any) -> Any:
    """The value, a number or a text; raises ValueError where it is of another kind, or less than 0."""
    if kind is str and type(value) is str:
        return value
    if kind is not str and (type(value) in {int, kind} or value in {"nan", "inf", "-inf"}):
        number = float(value)
        if kind is float or 0 <= number < MOST:
            return value if kind is int else number
    raise ValueError(f"{name} can't be {value!r:.40}")


def machine_mark(run: str) -> str:
    """16 hexadecimal digits: the same for one run on one machine (or in one container), unrelated for other runs."""
    space: int | str = ""
    with suppress(OSError):  # Linux: processes of another container have numbers of their own
        space = os.stat("/proc/self/ns/pid").st_ino  # noqa: PTH116  no link is followed here
    return hashlib.blake2b(f"{run} {platform.node()} {space}".encode(), digest_size=8).hexdigest()


def has_gone(state: RunState) -> bool:
    """Whether the process that writes a run on this machine is no longer there; asks the system, 0.1 ms."""
    import psutil

    try:
        process = psutil.Process(state.process)
        return process.status() == psutil.STATUS_ZOMBIE or process.create_time() > state.heartbeat + _LATER_SECONDS
    except psutil.NoSuchProcess:
        return True
    except psutil.Error:  # it is there, and may not be looked at
        return False
