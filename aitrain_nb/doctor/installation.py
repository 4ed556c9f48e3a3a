"""Is everything installed: Python, the packages and their versions, and how quickly they are imported."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from aitrain_nb.doctor.finding import AGAIN, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packaging.requirements import Requirement

    from aitrain_nb.doctor.finding import Room

FIXED = ("torch", "transformers", "ipywidgets", "matplotlib", "pandas", "jupyterlab", "nbval")
"""The packages whose versions the lessons rest on."""

EXTRAS = {
    "mnist": "handwritten digits of 28 x 28",
    "speeches": "speeches for text generation",
    "pretrained": "a small pretrained model",
    "hub": "data sets of the Hugging Face hub, and Parquet",
}
"""Optional parts, with what they bring."""


def python(_: Room) -> Iterator[Finding]:
    """New enough, and in an environment of its own."""
    from packaging.specifiers import SpecifierSet

    wanted = metadata.metadata("aitrain-nb")["Requires-Python"]
    version = ".".join(str(part) for part in sys.version_info[:3])
    apart = sys.prefix != sys.base_prefix or (Path(sys.prefix) / "conda-meta").is_dir()
    if not SpecifierSet(wanted).contains(version):
        yield Finding("python", "bad", f"{version}, and {wanted} is needed", "Install a newer Python and set up again.")
    elif not apart:
        fix = "python -m venv .venv, and install aitrain-nb there."
        yield Finding("python", "warn", f"{version}, shared with the whole system", fix)
    else:
        yield Finding("python", "good", f"{version}, in an environment of its own")


def versions(_: Room) -> Iterator[Finding]:
    """The packages that the lessons rest on."""
    specifiers = {item.name: item.specifier for item in _requirements()}
    for name in FIXED:
        version, specifier = _version(name), specifiers[name]
        fix = f'pip install "{name}{specifier}"'
        refusing = [part for part in specifier if version and not part.contains(version, prereleases=True)]
        if not version:
            yield Finding(name, "bad", f"not installed, and {specifier} is needed", fix)
        elif not refusing:
            yield Finding(name, "good", version)
        elif all(part.operator.startswith("<") for part in refusing):
            yield Finding(name, "warn", f"{version} is newer than {specifier}", fix)
        else:
            yield Finding(name, "bad", f"{version} is older than {specifier}", fix)


def torch_build(_: Room) -> Iterator[Finding]:
    """For which processor torch was built, and whether that is there."""
    import torch

    build = f"CUDA {torch.version.cuda} build" if torch.version.cuda else "ROCm build" if torch.version.hip else ""
    if not build:
        mps = torch.backends.mps.is_available()
        yield Finding("torch build", "good", f"CPU build, {'an Apple GPU' if mps else 'no GPU'}; the lessons need none")
    elif torch.cuda.is_available():
        yield Finding("torch build", "good", f"{build}, {torch.cuda.get_device_name(0)}")
    else:
        fix = "The CPU build is gigabytes smaller: see the CPU line on pytorch.org."
        yield Finding("torch build", "warn", f"{build}, but no GPU is seen", fix)


def extras(_: Room) -> Iterator[Finding]:
    """The optional parts; one that is missing is no problem."""
    for extra, brings in EXTRAS.items():
        wanted = [(item, _version(item.name)) for item in _requirements(extra)]
        other = [
            item.name for item, version in wanted if version and not item.specifier.contains(version, prereleases=True)
        ]
        fix = f'pip install "aitrain-nb[{extra}]"'
        if not wanted:
            fix = f"{AGAIN}, or pip install -e . in a checkout"
            yield Finding(f"extra {extra}", "warn", "the installed aitrain-nb is older and doesn't know it", fix)
        elif not all(version for _item, version in wanted):
            yield Finding(f"extra {extra}", "good", f"not installed, optional: {brings}", fix)
        elif other:
            yield Finding(f"extra {extra}", "warn", f"another version than it needs of {', '.join(other)}", fix)
        else:
            yield Finding(f"extra {extra}", "good", f"installed: {brings}")


def import_time(_: Room) -> Iterator[Finding]:
    """In a fresh Python, since here everything is imported already."""
    program = "import time; began = time.perf_counter(); import aitrain_nb; print(time.perf_counter() - began)"
    done = subprocess.run(  # noqa: S603  our own interpreter with our own program
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False
    )
    if done.returncode:
        last = (done.stderr.strip() or "it says nothing").splitlines()[-1]
        yield Finding("import", "bad", f"a fresh Python can't import aitrain_nb: {last[:160]}", AGAIN)
        return
    seconds = float(done.stdout)
    slow = seconds > 2
    fix = "Install on a local disk rather than a network drive." if slow else ""
    yield Finding("import", "warn" if slow else "good", f"aitrain_nb imports in {seconds:.2f} s", fix)


def _requirements(extra: str = "") -> list[Requirement]:
    """What pyproject.toml says that the package needs, or that an extra adds."""
    from packaging.requirements import Requirement

    wanted = [Requirement(line) for line in metadata.requires("aitrain-nb") or []]
    if not extra:
        return [item for item in wanted if item.marker is None]
    return [item for item in wanted if item.marker is not None and item.marker.evaluate({"extra": extra})]


def _version(name: str) -> str:
    """The installed version of a package; empty where it isn't installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
