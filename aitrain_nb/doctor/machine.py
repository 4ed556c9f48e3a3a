"""Is there room on this machine: disk, memory and processor."""

from __future__ import annotations

import importlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from aitrain_nb.doctor.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aitrain_nb.doctor.finding import Room, State

GIGABYTE = 1e9


def disk(room: Room) -> Iterator[Finding]:
    """Room to write where the lessons lie and where temporary files do."""
    places = {"lessons' folder": room.folder, "temporary folder": Path(tempfile.gettempdir())}
    for name, wanted in places.items():
        place = next(part for part in (wanted.absolute(), *wanted.absolute().parents) if part.exists())
        gigabytes = shutil.disk_usage(place).free / GIGABYTE
        state: State = "bad" if gigabytes < 0.5 else "warn" if gigabytes < 2 else "good"
        fix = "" if state == "good" else "Free some space, or choose another disk."
        yield Finding(name, state, f"{gigabytes:.1f} GB free", fix)
        try:
            with tempfile.TemporaryFile(dir=place):
                pass
        except OSError as error:
            yield Finding(name, "bad", f"can't be written: {error.strerror}", "Choose a folder of your own.")


def memory(_: Room) -> Iterator[Finding]:
    """What is free now."""
    try:
        psutil = importlib.import_module("psutil")
    except ImportError:
        yield Finding("memory", "good", "not measured, psutil isn't installed; 2 GB free are enough")
        return
    gigabytes = psutil.virtual_memory().available / GIGABYTE
    state: State = "bad" if gigabytes < 1 else "warn" if gigabytes < 2 else "good"
    fix = "" if state == "good" else "Close other programs and other notebooks' kernels."
    yield Finding("memory", state, f"{gigabytes:.1f} GB free", fix)


def processor(_: Room) -> Iterator[Finding]:
    """No more threads than cores."""
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = torch.get_num_threads()
    what = f"{cores} core{'s' * (cores > 1)}, torch uses {threads} thread{'s' * (threads > 1)}"
    if threads > cores:
        yield Finding(
            "processor", "warn", what, f"Set OMP_NUM_THREADS={cores}: more threads than cores slow each other."
        )
    else:
        yield Finding("processor", "good", what)


def network(_: Room) -> Iterator[Finding]:
    """Nothing needs it; said so that nobody looks for it."""
    yield Finding("network", "good", "not needed: offline is fine")
