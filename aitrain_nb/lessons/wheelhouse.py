"""Everything that a room without a network needs, in one folder: wheels of this package and of all that it rests on."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import requires
from typing import TYPE_CHECKING

from aitrain_nb.errors import AitrainError
from aitrain_nb.lessons import shelf
from aitrain_nb.placing import write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

PLATFORMS = {
    "linux": ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"),
    "macos": (
        "macosx_14_0_arm64",
        "macosx_13_0_arm64",
        "macosx_12_0_arm64",
        "macosx_11_0_arm64",
        "macosx_10_13_universal2",
    ),
    "windows": ("win_amd64",),
}
"""Name -> the tags of wheels that run there, the best first."""
_HOW = """Without a network, in a fresh environment with Python {python}:

    python -m pip install --no-index --find-links wheels aitrain-nb
    aitrain-nb doctor
    aitrain-nb lab
"""


def fill(
    to: Path, platforms: Sequence[str] = (), python: str = "", options: Sequence[str] = (), told: Callable[[str], None] = lambda _: None,
) -> list[Path]:  # fmt: skip
    """Fetch the wheels; needs a network itself.

    Args:
        to: the folder; each platform gets one of its own in it.
        platforms: names from `PLATFORMS`; this machine's kind by default.
        python: version of the room's Python, such as "3.12"; this one's by default.
        options: more options of pip, such as another index for a smaller build of torch.
        told: is told what is done.

    Raises:
        AitrainError: this isn't a checkout, a platform isn't known, or pip failed; its last line says why.
    """
    if not shelf.is_checkout():
        raise AitrainError(
            "A wheelhouse is filled from a checkout.", "The package's own wheel is built there.", "Run it in a clone of the repository."
        )  # fmt: skip
    python = python or f"{sys.version_info.major}.{sys.version_info.minor}"
    root = shelf.PACKAGE.parent
    folders = []
    for name in platforms or [_this_platform()]:
        if name not in PLATFORMS:
            raise AitrainError(
                f"There is no platform named {name!r}.", f"There are: {', '.join(PLATFORMS)}.", "--platform linux"
            )
        wheels = to / name / "wheels"
        wheels.mkdir(parents=True, exist_ok=True)
        told(f"{name}: this package")
        _pip(["wheel", "--no-deps", "--quiet", "--wheel-dir", str(wheels), str(root)])
        told(f"{name}: what it rests on")
        tags = [part for tag in PLATFORMS[name] for part in ("--platform", tag)]
        needs = [need for need in requires("aitrain-nb") or [] if "extra ==" not in need]
        chosen = [
            *tags,
            "--python-version",
            _newest(python),
            "--only-binary=:all:",
            "--constraint",
            str(root / "constraints.txt"),
        ]
        _pip(["download", "--quiet", "--dest", str(wheels), *chosen, *options, *needs])
        write_whole(to / name / "INSTALL.md", _HOW.format(python=python))
        folders.append(to / name)
    return folders


def _this_platform() -> str:
    return {"darwin": "macos", "win32": "windows"}.get(sys.platform, "linux")


def _newest(python: str) -> str:
    """The newest of these Pythons: to pip "3.11" is 3.11.0, for which not all wheels are made."""
    return python if python.count(".") > 1 else f"{python}.99"


def _pip(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  our own interpreter
    if done.returncode:
        raise AitrainError(
            f"pip {arguments[0]} failed.",
            _reason(done.stderr),
            "Is there a network? Try it once more with --platform of one system.",
        )


def _reason(said: str) -> str:
    """The line that tells most: the first error that isn't an advice to read on somewhere else."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if "ERROR" in line and "for help" not in line.lower()]
    return (errors or lines or ["no reason given"])[0]
