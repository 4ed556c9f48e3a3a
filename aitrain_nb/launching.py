"""`trainer.launch(processes=2)`: the same run in several processes, started and watched from here."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from aitrain_nb.data import IN_MEMORY
from aitrain_nb.errors import ConfigError, PhaseError, ProcessError
from aitrain_nb.followers import follow
from aitrain_nb.loading import load_run
from aitrain_nb.placing import named_folder
from aitrain_nb.run_folder.saving import check_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aitrain_nb.history import History
    from aitrain_nb.trainer import Trainer

_END_SECONDS = 60
"""How long the processes may take to end in order, once they were asked to."""
_MOST_PROCESSES = 1024
_TOLD_LINES = 6
SHARDING = {"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2", "FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP"}
"""What `accelerate launch --use_fsdp --fsdp_version 2` tells the processes: here, that each block of a model is gathered by itself."""


def launch(
    trainer: Trainer, processes: int = 2, *, shard: bool = False, output_dir: str | Path | None = None, overwrite: bool = False,
    display: str = "auto",
) -> History:  # fmt: skip
    """Train the run in several processes on this machine and show it here; afterwards this trainer holds what they trained.

    The batch of the config is shared among them, so it is the same run as `fit`, to rounding; dropout draws other numbers in each, and
    batch normalisation sees the share alone. Each computes on a graphics card of its own, where there are as many, else on processor
    threads. They are started by torchrun; an interrupt here ends the run after its current step, as with `fit`. From a command line, or on
    several machines: `accelerate launch -m aitrain_nb train run.yaml`.

    Args:
        trainer: made by `prepare` from names, before its first step: a process can't be handed what lies in this one's memory.
        processes: how many.
        shard: while it trains each process holds only its shard of the weights, gradients and optimizer (FSDP2): less memory, more traffic.
        output_dir: the folder of the run; without it nothing is left on the disk.
        overwrite: another run that lies there may be lost.
        display: as in `follow`.

    Returns:
        The history.

    Raises:
        PhaseError: steps were taken before.
        ConfigError: the data or the model lie in memory, there is no such number of processes, or accelerate isn't installed.
        DataError: the folder can't be written, or holds something else.
        ProcessError: one of them failed; its last words are in the sentence.

    Example:
        trainer = ai.prepare(data="tickets", model="small-encoder", epochs=3)
        trainer.launch(processes=2)
    """
    _check(trainer, processes)
    with tempfile.TemporaryDirectory(prefix="aitrain-nb-") as place:
        folder = (
            Path(place) / "run" if output_dir is None else named_folder(output_dir, 'launch(output_dir="runs/mine")')
        )
        check_folder(folder, overwrite=overwrite)
        config = Path(place) / "run.yaml"
        config.write_text(trainer.config.to_yaml(), encoding="utf-8")
        command = [
            sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", "--redirects=3",
            f"--log-dir={place}/log", "-m", "aitrain_nb", "train", str(config), "--to", str(folder),
        ]  # fmt: skip
        command += ["--overwrite"] if overwrite else []
        variables = {"OMP_NUM_THREADS": str(trainer.config.threads or 1)} | (SHARDING if shard else {})
        with _started(command, variables, Path(place) / "launcher.txt") as launcher:
            run = follow(
                folder, display, is_written=lambda: launcher.poll() is None, interrupt=lambda: launcher.send_signal(signal.SIGINT)
            )  # fmt: skip
        if run.ending is None or run.ending.state == "failed":
            raise _said(Path(place))
        load_run(folder, into=trainer)
    return trainer.history


def _check(trainer: Trainer, processes: int) -> None:
    if trainer.step or trainer.is_in_step:
        raise PhaseError(
            "launch begins a run, and this one has begun.",
            f"{trainer.step:,} steps have been taken.",
            "Go on with fit(), or in several processes: accelerate launch -m aitrain_nb resume FOLDER.",
        )
    if type(processes) is not int or not 1 <= processes <= _MOST_PROCESSES:
        raise ConfigError(
            f"A run can't be trained in {processes!r} processes.",
            "It is a whole number: one for each graphics card, or a few on a processor.",
            "launch(processes=2)",
        )  # fmt: skip
    in_memory = [name for name in ("data", "model") if (getattr(trainer.config, name) or IN_MEMORY).endswith(IN_MEMORY)]
    if in_memory:
        raise ConfigError(
            f"The {' and the '.join(in_memory)} of this run can't be handed to other processes.",
            "They read everything by its name; these lie in the memory of this one.",
            "Save the data to a file and name it: prepare(data='mine.csv', model='minilm').",
        )
    if find_spec("accelerate") is None:
        raise ConfigError(
            "Training in several processes needs the package accelerate.", "It isn't installed.", "pip install 'aitrain-nb[trainer]'"
        )  # fmt: skip


@contextmanager
def _started(command: list[str], variables: dict[str, str], words: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The launcher at work, which writes what it says into `words`; at the end it has ended, in order where that can be."""
    environment = os.environ | variables | {"PYTHONUNBUFFERED": "1"}
    with ExitStack() as last, words.open("wb") as file:
        launcher = subprocess.Popen(  # noqa: S603  our own interpreter
            command, env=environment, stdout=file, stderr=file, stdin=subprocess.DEVNULL, start_new_session=True
        )
        last.callback(_end, launcher)
        yield launcher
        with suppress(subprocess.TimeoutExpired):
            launcher.wait(_END_SECONDS)


def _end(launcher: subprocess.Popen[bytes]) -> None:
    if launcher.poll() is None:
        launcher.send_signal(signal.SIGINT)
        deadline = time.monotonic() + _END_SECONDS
        while launcher.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        launcher.kill()
        launcher.wait()


def _said(place: Path) -> ProcessError:
    """The error that tells what the process said that failed first; one that only lost another is not asked."""
    told = [file.read_text(errors="replace").strip() for file in sorted(place.rglob("stderr.log"))]
    told = [text for text in told if text]
    first = [text for text in told if "Another process of this run has ended." not in text] or told
    words = first[0] if first else (place / "launcher.txt").read_text(errors="replace").strip() or "It said nothing."
    return ProcessError(
        "A process of this run failed.", "Its last words: " + " ".join(words.splitlines()[-_TOLD_LINES:]),
        "Mend what it says; a run with a folder goes on with: accelerate launch -m aitrain_nb resume FOLDER.",
    )  # fmt: skip
