"""Where and when a run was made: versions, machine, time. Nothing that says whose machine it is."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aitrain_nb.lettering import shortened, visible
from aitrain_nb.placing import replace_text
from aitrain_nb.privacy import without_secrets
from aitrain_nb.run_folder.files import ENVIRONMENT, FORMAT

if TYPE_CHECKING:
    from aitrain_nb.trainer import Trainer

_PACKAGES = ("torch", "transformers", "numpy", "safetensors", "tokenizers", "accelerate", "datasets")
_MOST_CALLS = 100
"""Of `fit` that are remembered, the newest."""
_GIT_SECONDS = 2.0


def environment(trainer: Trainer) -> dict[str, Any]:
    """What a run depends on that no config says.

    Returns:
        versions (package -> version), platform (kind of system and processor), processors (how many), threads (of torch), device
        ("cpu", "cuda" or "mps"), device_name, precision (of the weights, and of the layers where they compute with fewer bits) and
        commit (of the folder where the program runs, where it is a git repository; uncommitted changes don't show in it). No path, no
        user name, no name of the machine.
    """
    from aitrain_nb import __version__

    weight = next(trainer.model.parameters(), None)
    stored = str(weight.dtype).removeprefix("torch.") if weight is not None else ""
    computed = trainer.config.precision
    return {
        "versions": {"python": platform.python_version(), "aitrain_nb": __version__, **_versions()},
        "platform": f"{platform.system()} {platform.machine()}".strip(),
        "processors": os.cpu_count(),
        "threads": trainer.config.threads,
        "device": trainer.device.type,
        "device_name": _device_name(trainer.device.type),
        "precision": stored if computed in {"auto", "fp32"} else f"{stored}, layers in {computed}",
        "commit": _commit(Path.cwd()),
    }


def write_environment(
    trainer: Trainer, folder: Path, data: str, began: float | None = None, seconds: float | None = None, ended: str = ""
) -> None:
    """Put the facts of a call of `fit` behind those of the calls before it; raises OSError where that fails.

    Args:
        trainer: whose run it is.
        folder: of the run.
        data: their fingerprint.
        began: when this call began, seconds since 1970; None: the run is written at once, and facts that are there stay.
        seconds: how long the call took; None while it goes on.
        ended: how it ended, in words; empty while it goes on.
    """
    calls = read_environment(folder)
    begun = datetime.fromtimestamp(began, UTC).isoformat(timespec="milliseconds") if began is not None else None
    if begun is None and calls:
        return
    if calls and calls[-1].get("began") == begun:
        calls.pop()
    took = None if seconds is None else round(seconds, 3)
    calls.append({"began": begun, "seconds": took, "ended": without_secrets(ended)} | environment(trainer))
    facts = {"format": FORMAT, "data": data, "calls": calls[-_MOST_CALLS:]}
    replace_text(folder / ENVIRONMENT, json.dumps(facts, indent=1) + "\n")


def read_environment(folder: Path) -> list[dict[str, Any]]:
    """The facts of each call of `fit`, the oldest first; none where there are none that can be read."""
    with suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
        calls = json.loads((folder / ENVIRONMENT).read_bytes())["calls"]
        if isinstance(calls, list):
            return [call for call in calls if isinstance(call, dict)]
    return []


@cache
def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


@cache
def _device_name(kind: str) -> str:
    """What the maker calls the device; empty where the system doesn't say."""
    if kind == "cuda":
        import torch

        return torch.cuda.get_device_name()
    with suppress(OSError):  # Linux
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return shortened(visible(value.strip()), 80)
    return ""


def _commit(folder: Path) -> str | None:
    """40 or 64 hexadecimal digits, or None outside a git repository."""
    git = shutil.which("git")
    if git is None:
        return None
    with suppress(OSError, subprocess.SubprocessError, ValueError):
        asked = subprocess.run(  # noqa: S603  our own words only
            [git, "-C", str(folder), "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            timeout=_GIT_SECONDS,
            check=True,
        )
        found = asked.stdout.strip()
        int(found, 16)
        return found
    return None
