"""`aitrain-nb`, and `python -m aitrain_nb`: the command line, in a process whose memory is set for tensors."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from aitrain_nb import malloc

if TYPE_CHECKING:
    from collections.abc import Sequence

_WITH_VALUE = {"-X", "-W", "--check-hash-based-pycs"}
"""Options of Python that take the next word."""


def main() -> None:
    """Run a command, in this process begun anew where glibc's malloc isn't set yet: it reads its settings only then.

    A program, a notebook or a debugger that calls this goes on as it is: it would be lost.
    """
    environment = malloc.with_ours(os.environ)
    if environment != dict(os.environ) and sys.executable and is_the_command(sys.orig_argv):
        with suppress(OSError):  # as it is, then
            os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)  # noqa: S606  this very command
    from aitrain_nb import cli

    cli.main()


def is_the_command(words: Sequence[str]) -> bool:
    """Whether Python was started for nothing but this command.

    Args:
        words: Python itself and all that it was given.
    """
    rest = iter(words[1:])
    for word in rest:
        if word in _WITH_VALUE:
            next(rest, None)
        elif word.startswith("-") and not word.startswith("--") and word.endswith("m"):  # also -Im
            return next(rest, "") in {"aitrain_nb", "aitrain_nb.__main__"}
        elif not word.startswith("-"):
            return Path(word).stem == "aitrain-nb"
        elif word in {"-", "-c"}:
            return False
    return False


if __name__ == "__main__":
    main()
