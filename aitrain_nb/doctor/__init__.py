"""Whether this machine is ready for the lessons: one line for each thing that matters, and one fix for each problem.

A new examination is one new function in `EXAMINATIONS`. No line names a person, a folder of this machine or a token.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from aitrain_nb.doctor import installation, jupyter, machine, trial
from aitrain_nb.doctor.finding import AGAIN, Finding, Room
from aitrain_nb.privacy import without_secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["EXAMINATIONS", "Finding", "Room", "examine", "is_ready", "report"]

EXAMINATIONS: tuple[Callable[[Room], Iterator[Finding]], ...] = (
    installation.python, installation.versions, installation.torch_build, jupyter.widgets, jupyter.kernel, machine.disk,
    machine.memory, machine.processor, machine.network, installation.extras, trial.training, trial.same_again,
    installation.import_time,
)  # fmt: skip
"""Every examination, in the order of the report."""


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
