"""A run that was written to disk is brought back, with the weights it kept."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aitrain_nb.config import TrainConfig
from aitrain_nb.data import IN_MEMORY
from aitrain_nb.engine import snapshots
from aitrain_nb.errors import ConfigError, DataError
from aitrain_nb.history import History
from aitrain_nb.placing import is_there, named_folder
from aitrain_nb.run import prepare, resolve
from aitrain_nb.run_folder import files
from aitrain_nb.run_folder.checkpoints import checkpoints, read_checkpoint
from aitrain_nb.run_folder.continuing import check_continuing
from aitrain_nb.run_folder.facts import read_facts
from aitrain_nb.run_folder.files import CHANGES, CONFIG, FACTS, HISTORY, STATE, WEIGHTS
from aitrain_nb.run_folder.saving import data_fingerprint
from aitrain_nb.run_folder.state import has_gone, parse_state, read_ending

if TYPE_CHECKING:
    from aitrain_nb.engine.snapshots import State
    from aitrain_nb.records import Ending
    from aitrain_nb.run_folder.state import RunState
    from aitrain_nb.trainer import Trainer


_ODD_LINES = (ValueError, KeyError, TypeError, AttributeError)
_SHORT = 40
"""Letters of a folder that is named twice in a command that one can read."""
_AS_THEY_WERE = "Bring the data back as they were, or train again."


def load_run(folder: str | Path, data: Any = None, *, into: Trainer | None = None) -> Trainer:
    """The trainer of a run in its folder: it predicts and evaluates with the weights it kept, and `fit` goes on where it stood.

    It goes on from the newest checkpoint that is whole, as if it had never ended, to the last bit on a processor. The data are
    read again as the config says, since the examples themselves are not in the folder.

    Args:
        folder: that `fit(output_dir=...)`, `save_run` or `aitrain-nb train` wrote, also of a run that was killed.
        data: the examples of the run, where they were in memory (a DataFrame, a `Dataset`, `Splits`) or are elsewhere now: all that
            `prepare(data=...)` takes. None reads them as the config says.
        into: a trainer without a step, made as it was then, for a run whose model was handed over by a program:
            `load_run("runs/mine", into=Trainer(model, task, data, config))`. It is the one that comes back; config.yaml isn't read.

    Raises:
        ConfigError: the folder holds no run, or one of another version, or its config.yaml was changed so that the run can't go on
            as it was. Other changes, more epochs among them, are taken, and `trainer.notes` says so.
        DataError: the data or the weights are no longer what they were.

    Example:
        trainer = load_run("runs/mine")
        trainer.fit(output_dir="runs/mine", epochs=8)
    """
    folder = _folder_of(folder)
    facts = read_facts(folder)
    kept = _ending_of(facts)
    trainer, changed = _prepared(folder, data, facts) if into is None else _made_before(folder, into, data, facts)
    _check_data(trainer, facts, changed)
    history, odd = _history(folder)
    state, notes = _state(folder)
    checkpoint, damaged = _newest_whole(folder, len(history), odd)
    if checkpoint is not None:
        _go_to(trainer, checkpoint, folder)
        _take_rows(trainer, history)
        trainer.run_id = state.run if state is not None else trainer.run_id
        _check_length(trainer, state)
        ending = kept if _has_ended(facts, trainer, state) else None
        trainer.end_as(ending)
        if ending is not None:
            _check_weights(trainer, facts, folder)
            notes += _look_at_weights(trainer, folder)
    elif odd is not None:
        raise odd
    elif "fingerprint" in facts:
        _take_weights(trainer, facts, folder)
        _take_rows(trainer, history)
        trainer.ending = kept
        if not trainer.is_loaded:
            trainer.run_id = state.run if state is not None else trainer.run_id
        elif trainer.config.save_every != 0:
            damaged = damaged or ["Its checkpoints are gone."]
            notes.append("This run can be asked and evaluated, but not gone on with.")
    else:
        raise _without_weights(folder, trainer, state, damaged)
    trainer.notes += [*changed, *damaged, *notes]
    return trainer


def _without_weights(folder: Path, trainer: Trainer, state: RunState | None, damaged: list[str]) -> ConfigError:
    """Why a run can neither be asked nor gone on with, and how to begin it again: the same config takes the same steps."""
    place = folder.as_posix() if len(folder.as_posix()) <= _SHORT else folder.name
    again = f"aitrain-nb train {shlex.quote(f'{place}/{CONFIG}')} --to {shlex.quote(place)} --overwrite"
    if (trainer.config.data or "").endswith(IN_MEMORY):
        again = "prepare(config, data=...).fit(output_dir=folder, overwrite=True)"
    why, fix = (
        "A checkpoint is written at the end of each epoch.",
        f"Wait for one, or, where its process has gone: {again}",
    )
    if state is not None and state.is_over:
        why, fix = "It ended, and they could not be written.", f"Begin it again: {again}"
    elif state is not None and state.is_here and has_gone(state):
        why, fix = "Its process ended before the first checkpoint.", f"Begin it again: {again}"
    return ConfigError(f"The run in {folder.name!r} has no weights yet.", " ".join(damaged) or why, fix)


def _folder_of(folder: Any) -> Path:
    """The folder; raises ConfigError where there is none, DataError where that is no name of one."""
    folder = named_folder(folder, 'load_run("runs/mine")')
    if not is_there(folder) or not folder.is_dir():
        raise ConfigError(
            f"There is no folder {str(folder)!r}.", f"It was looked for in {Path.cwd().name!r}, where this program runs.",
            "Name the folder of a run; relative names begin where the program or notebook runs.",
        )  # fmt: skip
    return folder


def _check_data(trainer: Trainer, facts: dict[str, Any], changed: list[str]) -> None:
    """Raise DataError where the data are not those that the run was trained on."""
    if list(trainer.data.label_names) != facts["labels"]:
        raise DataError(
            "The data have other classes than when the run was made.",
            f"Then: {facts['labels']}; now: {list(trainer.data.label_names)}.", "Bring the data back as they were.",
        )  # fmt: skip
    if facts.get("data") not in (None, data_fingerprint(trainer)):
        why = "Examples were added, changed or moved to the other side, so its tokenizer and its test would no longer be what they were."
        if "config" not in facts:
            why += f" Another seed or split in {CONFIG} moves them, too."
        raise DataError("The data are not those of the run.", " ".join([why, *changed]), _AS_THEY_WERE)


def _newest_whole(folder: Path, rows: int, odd: DataError | None) -> tuple[State | None, list[str]]:
    """The newest checkpoint that can be read and whose rows are all there, and a sentence on each that was passed over."""
    passed_over = [f"{odd.what} {odd.why}"] if odd is not None else []
    there = f"only {rows} rows" + (" before that" if odd is not None else "")
    for place in checkpoints(folder):
        if place.step > rows:
            passed_over.append(f"The checkpoint of step {place.step} was passed over: {HISTORY} has {there}.")
            continue
        try:
            return read_checkpoint(place), passed_over
        except DataError as error:
            passed_over.append(f"The checkpoint of step {place.step} was passed over: {error.what} {error.why}")
    return None, passed_over


def _go_to(trainer: Trainer, checkpoint: State, folder: Path) -> None:
    own = snapshots.own_weights(trainer.model) | snapshots.own_buffers(trainer.model)
    held = checkpoint.weights | checkpoint.buffers
    try:
        if {name: value.shape for name, value in own.items()} != {name: value.shape for name, value in held.items()}:
            raise ValueError("Its tensors have other names or shapes.")  # noqa: TRY301  copying would broadcast, or leave some as they are
        options = [
            [set(group) for group in state["param_groups"]]
            for state in (trainer.optimizer.state_dict(), checkpoint.optimizer)
        ]
        if options[0] != options[1]:
            raise ValueError("Its optimizer has other options.")  # noqa: TRY301  torch would take them, and fail in the next step
        trainer.restore(checkpoint)
    except (KeyError, ValueError, RuntimeError, TypeError) as error:
        raise DataError(
            f"The checkpoint of step {checkpoint.step} in {folder.name!r} is of another model or optimizer.",
            str(error).split("\n", maxsplit=1)[0], f"Bring {CONFIG} and the model back as they were, or train again.",
        ) from error  # fmt: skip


def _check_weights(trainer: Trainer, facts: dict[str, Any], folder: Path) -> None:
    if trainer.fingerprint() != facts.get("fingerprint"):
        raise DataError(
            f"The weights in {folder.name!r} are not those the run kept.", "Their fingerprint differs.", "Train again."
        )


def _look_at_weights(trainer: Trainer, folder: Path) -> list[str]:
    """A sentence where the file of the weights isn't what the run kept; its checkpoint is, so nothing is lost."""
    import torch
    from safetensors import SafetensorError, safe_open

    own = trainer.model.state_dict()
    why = "It holds other weights than those that the run kept."
    try:
        with safe_open(folder / WEIGHTS, "pt") as file:
            names = file.keys()
            if names and all(torch.equal(file.get_tensor(name), own[name].cpu()) for name in names):
                return []
    except (OSError, SafetensorError, KeyError, ValueError, RuntimeError) as error:
        why = f"It can't be read: {type(error).__name__}."
    return [f"{WEIGHTS} is damaged. {why} The checkpoint holds them; save_run(trainer, folder) writes the file anew."]


def _take_rows(trainer: Trainer, history: History) -> None:
    """Take the rows; those of after the state that the trainer holds were left by a process that was killed."""
    history.about = trainer.history.about
    trainer.history = history
    if len(history) > trainer.step:
        history.cut(trainer.step)


def _prepared(folder: Path, data: Any, facts: dict[str, Any]) -> tuple[Trainer, list[str]]:
    """The trainer that the config describes, and what differs from the config that the run was trained with."""
    config = TrainConfig.from_yaml(folder / CONFIG)
    if config.model is None and (facts.get("config") or {}).get("model") is None:
        raise ConfigError(
            f"The run in {folder.name!r} trains a model that a program handed over.", f"{CONFIG} has no name of it to make it again.",
            "Make the trainer as that program does, and hand it over: load_run(folder, into=trainer).",
        )  # fmt: skip
    changed = check_continuing(folder.name, facts.get("config"), resolve(config))
    if data is not None:
        return prepare(config, data=data), changed
    if config.data is not None and config.data.endswith(IN_MEMORY):
        raise ConfigError(
            f"The run in {folder.name!r} was trained on {config.data}.", "The examples themselves are not in the folder.",
            "load_run(folder, data=...) with the same data.",
        )  # fmt: skip
    return prepare(config), changed


def _made_before(folder: Path, trainer: Trainer, data: Any, facts: dict[str, Any]) -> tuple[Trainer, list[str]]:
    """The trainer that was handed over, and what differs from the config that the run was trained with."""
    if trainer.step or data is not None:
        raise ConfigError(
            f"The run in {folder.name!r} can't be loaded into this trainer.",
            f"It has taken {trainer.step:,} steps." if trainer.step else "It has data of its own, and others were given.",
            "Hand over a trainer as it is before its first step: load_run(folder, into=Trainer(model, task, data, config)).",
        )  # fmt: skip
    return trainer, check_continuing(folder.name, facts.get("config"), trainer.config)


def _check_length(trainer: Trainer, state: RunState | None) -> None:
    """Raise ConfigError where config.yaml was changed to a run shorter than what was trained."""
    if trainer.total_steps < trainer.step and (state is None or trainer.total_steps < state.total_steps):
        raise ConfigError(
            f"A run of {trainer.total_steps:,} steps is shorter than what was already trained.",
            f"{CONFIG} says so; {trainer.step:,} have been taken.",
            f"Raise epochs or max_steps in {CONFIG}, or begin a run of its own in another folder.",
        )  # fmt: skip


def _state(folder: Path) -> tuple[RunState | None, list[str]]:
    """What state.json says, and a sentence where it can't be read."""
    try:
        return parse_state((folder / STATE).read_bytes(), folder.name), []
    except FileNotFoundError:
        why = f"It has no {STATE}."
    except OSError as error:
        why = f"{STATE}: {error.strerror or error}."
    except DataError as error:
        why = f"{error.what} {error.why.rstrip('.')}."
    return None, [f"{why} To go on in the same folder, say fit(output_dir=folder, overwrite=True)."]


def _ending_of(facts: dict[str, Any]) -> Ending | None:
    """What run.json says about the end; raises ConfigError where it can't be read."""
    try:
        return read_ending(facts.get("ending"))
    except (TypeError, ValueError, OverflowError) as error:
        raise ConfigError(
            f"Can't read what {FACTS} says about the end of the run.", f"{error}", "Bring the file back as it was, or train again."
        ) from error  # fmt: skip


def _has_ended(facts: dict[str, Any], trainer: Trainer, state: RunState | None) -> bool:
    """Whether the run ended at the step that the trainer stands at; else it was cut short."""
    return facts.get("step") == trainer.step and state is not None and state.is_over


def _step_of(facts: dict[str, Any]) -> int:
    """The step that run.json names; raises ConfigError where it names none."""
    step = facts.get("step")
    if type(step) is not int or step < 0:
        raise ConfigError(
            f"Can't read what {FACTS} says about the step.",
            f"It is {str(step)[:40]!r}.",
            "Bring the file back as it was, or train again.",
        )
    return step


def _take_weights(trainer: Trainer, facts: dict[str, Any], folder: Path) -> None:
    """Take the kept weights of a run that has no checkpoint: it can't go on."""
    from safetensors.torch import load_model

    try:
        load_model(trainer.model, str(folder / WEIGHTS))
    except Exception as error:
        raise DataError(
            f"Can't load the weights of {folder.name!r}.", str(error).split("\n", maxsplit=1)[0], _AS_THEY_WERE,
        ) from error  # fmt: skip
    _check_weights(trainer, facts, folder)
    trainer.step = _step_of(facts)
    trainer.is_loaded = trainer.step > 0  # before its first step a run needs no checkpoint


def _history(folder: Path) -> tuple[History, DataError | None]:
    """The rows and live changes of a run, as far as they can be read, and what is wrong with the first row that can't.

    Raises:
        DataError: one of the files can't be opened, or a change is damaged.
    """
    history, odd, name = History(), None, HISTORY
    try:
        lines = _whole_lines(folder / HISTORY)
        try:
            files.read_rows(lines, history)
        except _ODD_LINES:
            odd = _first_odd(lines, history, folder)
        name = CHANGES
        if (folder / CHANGES).is_file():
            files.read_changes(_whole_lines(folder / CHANGES), history)
    except (OSError, *_ODD_LINES) as error:
        raise _unreadable(folder, name, f"{files.what_is_odd(error)}.") from error
    history.flush()  # which finds the troubles
    return history, odd


def _first_odd(lines: list[bytes], history: History, folder: Path) -> DataError | None:
    """Take the rows up to the first line that is none; gives what is wrong with that."""
    for number, line in enumerate(lines, start=1):
        try:
            files.read_rows([line], history)
        except _ODD_LINES as error:
            return _unreadable(folder, HISTORY, f"Line {number} is no row: {files.what_is_odd(error)}.")
    return None


def _unreadable(folder: Path, name: str, why: str) -> DataError:
    steps = ", ".join(f"{place.step}" for place in checkpoints(folder))
    more = f" The checkpoints of its steps {steps} are there, and go on once the file is whole." if steps else ""
    return DataError(
        f"Can't read {name}.", why + more, "Bring the file back from a copy, mend its odd line, or train again."
    )


def _whole_lines(path: Path) -> list[bytes]:
    """The lines of a file, without a last one that was cut short when its process was killed."""
    text = path.read_bytes()
    return text[: text.rfind(b"\n") + 1].splitlines()
