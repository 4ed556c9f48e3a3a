"""`aitrain-nb`, and `python -m aitrain_nb`: the command line, in a process whose memory is set for tensors."""

import os
import sys

from aitrain_nb import malloc


def main() -> None:
    """Run a command, in this process begun anew where glibc's malloc isn't set yet: it reads its settings only then."""
    environment = malloc.with_ours(os.environ)
    if environment != dict(os.environ):
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)  # noqa: S606  this very command
    from aitrain_nb import cli

    cli.main()


if __name__ == "__main__":
    main()
