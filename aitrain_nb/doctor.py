"""Whether this machine is ready for the lessons: one line for each thing that matters, and one fix for each problem.

A new examination is one new function in `EXAMINATIONS`. No line names a person, a folder of this machine or a token.
"""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from aitrain_nb.privacy import without_secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from packaging.requirements import Requirement

FIXED = ("torch", "transformers", "ipywidgets", "matplotlib", "pandas", "jupyterlab", "nbval")
"""The packages whose versions the lessons rest on."""

EXTRAS = {
    "mnist": "handwritten digits of 28 x 28",
    "speeches": "speeches for text generation",
    "pretrained": "a small pretrained model",
    "hub": "data sets of the Hugging Face hub, and Parquet",
}
"""Optional parts, with what they bring."""

AGAIN = "pip install --upgrade aitrain-nb"
GIGABYTE = 1e9

State = Literal["good", "warn", "bad"]


class Finding(NamedTuple):
    """What one examination saw.

    Attributes:
        name: what was looked at.
        state: "good", "warn" (the lessons run all the same) or "bad" (they don't, or not as they should).
        what: what was seen, in one line.
        fix: one thing to do; empty where nothing is needed.
    """

    name: str
    state: State
    what: str
    fix: str = ""


class Room(NamedTuple):
    """What is examined.

    Attributes:
        folder: where the lessons are or will be.
        seconds: how long to train.
    """

    folder: Path
    seconds: float


def examine(folder: Path | None = None, *, seconds: float = 5.0) -> list[Finding]:
    """Look at everything that the lessons need; takes about `seconds` and ten more. Nothing is sent, installed or left behind.

    Args:
        folder: where the lessons are or will be; this folder by default.
        seconds: how long the training run lasts.
    """
    room = Room(Path.cwd() if folder is None else Path(folder), seconds)
    return [_without_secrets(finding) for examination in EXAMINATIONS for finding in _safely(examination, room)]


def is_ready(findings: list[Finding]) -> bool:
    """Whether nothing is bad."""
    return all(finding.state != "bad" for finding in findings)


def report(findings: list[Finding]) -> str:
    """The findings as an aligned table in ASCII, a fix below the line that needs it, and a verdict at the end."""
    width = max((len(finding.name) for finding in findings), default=0)
    lines = []
    for finding in findings:
        lines.append(f"{finding.state:<4}  {finding.name:<{width}}  {finding.what}")
        lines += [f"{'':<4}  {'':<{width}}  -> {finding.fix}"] if finding.fix else []
    bad = [finding.name for finding in findings if finding.state == "bad"]
    warned = [finding.name for finding in findings if finding.state == "warn"]
    verdict = f"Not ready. To mend first: {', '.join(bad)}." if bad else "Ready."
    if warned:
        verdict += f" Worth a look: {', '.join(warned)}."
    return "\n".join([*lines, "", verdict]).encode("ascii", "replace").decode()


def _safely(examination: Callable[[Room], Iterator[Finding]], room: Room) -> Iterator[Finding]:
    """What an examination finds; where it crashes, that is a bad finding of its own."""
    try:
        yield from examination(room)
    except Exception as error:  # noqa: BLE001  an examination looks at what may be broken in any way
        name = examination.__name__.strip("_").replace("_", " ")
        first = (str(error).strip() or "no reason given").splitlines()[0]
        yield Finding(name, "bad", f"can't be examined: {type(error).__name__}: {first[:160]}", AGAIN)


def _without_secrets(finding: Finding) -> Finding:
    """The finding without absolute paths, the user's name and what looks like a token."""
    return finding._replace(what=without_secrets(finding.what), fix=without_secrets(finding.fix))


def _python(_: Room) -> Iterator[Finding]:
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


def _versions(_: Room) -> Iterator[Finding]:
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


def _torch_build(_: Room) -> Iterator[Finding]:
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


def _widgets(_: Room) -> Iterator[Finding]:
    import json

    from jupyter_core.paths import jupyter_path

    name, fix = "widgets", "pip install --force-reinstall jupyterlab_widgets, and start JupyterLab again."
    for place in jupyter_path("labextensions", "@jupyter-widgets", "jupyterlab-manager", "package.json"):
        if Path(place).is_file():
            version = json.loads(Path(place).read_text(encoding="utf-8"))["version"]
            old = int(version.split(".")[0]) < 5
            what = f"JupyterLab extension {version}" + (", of an ipywidgets before 8" if old else "")
            yield Finding(name, "warn" if old else "good", what, fix if old else "")
            return
    yield Finding(name, "bad", "JupyterLab has no extension for ipywidgets", fix)


def _kernel(_: Room) -> Iterator[Finding]:
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    fix = "python -m ipykernel install --sys-prefix --name python3"
    try:
        KernelSpecManager().get_kernel_spec("python3")
    except NoSuchKernel:
        yield Finding("kernel", "bad", "there is no kernel named python3", fix)
        return
    seconds, answer, prefix = _ask_kernel()
    if answer != "2":
        yield Finding("kernel", "bad", f"python3 starts, but 1+1 is {answer or 'not answered'}", fix)
    elif Path(prefix).resolve() != Path(sys.prefix).resolve():
        yield Finding("kernel", "bad", "python3 runs another environment than this one", fix)
    elif seconds > 15:
        yield Finding(
            "kernel", "warn", f"python3 took {seconds:.0f} s to answer", "Close other programs and try again."
        )
    else:
        yield Finding("kernel", "good", f"python3 answers in {seconds:.1f} s, in this environment")


def _ask_kernel() -> tuple[float, str, str]:
    """Start the python3 kernel and ask it: the seconds until it answered, what 1+1 is, and its environment."""
    from jupyter_client.manager import start_new_kernel

    began = time.perf_counter()
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    manager, client = start_new_kernel(startup_timeout=60, kernel_name="python3", **quiet)
    try:
        asked = {"sum": "1+1", "prefix": "__import__('sys').prefix"}
        question = client.execute("", silent=True, user_expressions=asked)
        while (reply := client.get_shell_msg(timeout=30))["parent_header"].get("msg_id") != question:
            pass  # what the kernel said of itself may still be on its way
        found = reply["content"].get("user_expressions", {})
        texts = {name: found.get(name, {}).get("data", {}).get("text/plain", "") for name in asked}
        return time.perf_counter() - began, texts["sum"], texts["prefix"].strip("'\"").replace("\\\\", "\\")
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def _disk(room: Room) -> Iterator[Finding]:
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


def _memory(_: Room) -> Iterator[Finding]:
    try:
        psutil = importlib.import_module("psutil")
    except ImportError:
        yield Finding("memory", "good", "not measured, psutil isn't installed; 2 GB free are enough")
        return
    gigabytes = psutil.virtual_memory().available / GIGABYTE
    state: State = "bad" if gigabytes < 1 else "warn" if gigabytes < 2 else "good"
    fix = "" if state == "good" else "Close other programs and other notebooks' kernels."
    yield Finding("memory", state, f"{gigabytes:.1f} GB free", fix)


def _processor(_: Room) -> Iterator[Finding]:
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


def _network(_: Room) -> Iterator[Finding]:
    yield Finding("network", "good", "not needed: offline is fine")


def _extras(_: Room) -> Iterator[Finding]:
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


def _training(room: Room) -> Iterator[Finding]:
    from aitrain_nb.errors import StopTraining
    from aitrain_nb.run import prepare

    def watch(_: Any) -> None:
        if time.perf_counter() - began >= room.seconds:
            raise StopTraining("time is up")

    trainer = prepare(data="digits", model="small-cnn", epochs=1000)
    trainer.watchers.append(watch)
    began = time.perf_counter()
    trainer.fit(display="none")
    seconds, accuracy = time.perf_counter() - began, trainer.evaluate().accuracy
    pace = trainer.step / seconds
    what = f"{pace:.0f} steps/s for {seconds:.1f} s, validation accuracy {accuracy:.3f}"
    if trainer.step >= 100 and accuracy < 0.3:
        yield Finding("training", "bad", f"{what}: it doesn't learn", AGAIN)
    elif pace < 30:
        yield Finding("training", "warn", f"{what}: slow", "Close other programs; a lesson's cells expect 100 steps/s.")
    else:
        yield Finding("training", "good", what)


def _same_again(_: Room) -> Iterator[Finding]:
    from aitrain_nb.run import prepare

    prints = []
    for _run in range(2):
        trainer = prepare(data="digits", model="small-cnn", max_steps=10, evaluate_every=0, seed=1)
        trainer.fit(display="none")
        prints.append(trainer.fingerprint())
    if prints[0] == prints[1]:
        yield Finding("same again", "good", f"two runs with one seed end in the same weights, {prints[0]}")
    else:
        what = f"two runs with one seed end in other weights, {prints[0]} and {prints[1]}"
        yield Finding("same again", "warn", what, "Use device='cpu' where numbers must come out the same.")


def _import_time(_: Room) -> Iterator[Finding]:
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


EXAMINATIONS: tuple[Callable[[Room], Iterator[Finding]], ...] = (
    _python, _versions, _torch_build, _widgets, _kernel, _disk, _memory, _processor, _network, _extras, _training,
    _same_again, _import_time,
)  # fmt: skip
"""Every examination, in the order of the report."""
