"""What every widget of ours needs: its JavaScript from plain files, and replies that don't wait for a busy cell."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

from IPython import get_ipython

if TYPE_CHECKING:
    from aitrain_nb.history import History


def source(*names: str) -> str:
    """Files of `widgets/static`, joined: parts with plain functions first, the module that exports last."""
    folder = files("aitrain_nb.widgets") / "static"
    return "\n".join((folder / name).read_text(encoding="utf-8") for name in names)


def reply_at_once(widget: Any) -> None:
    """Let messages of this widget leave while a cell is busy.

    ipykernel 7.4 sends a comm's replies through the shell that opened it, which waits for the running cell. The attribute
    that says so is private: where it isn't there (older and newer kernels), nothing is done; a browser test guards it.
    """
    comm = getattr(widget, "comm", None)
    if comm is not None and hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = None


def put_on_show(history: History) -> None:
    """Its picture stands in the output of the cell that runs: until that cell ends, the history doesn't draw it once more."""
    shell = get_ipython()
    if shell is None:
        return
    edges = (
        "post_run_cell",
        "pre_run_cell",
    )  # a form's run goes on outside of any cell, and is over when the next one begins

    def over(_cell: Any) -> None:
        history.is_on_show = False
        for edge in edges:
            shell.events.unregister(edge, over)

    history.is_on_show = True
    for edge in edges:
        shell.events.register(edge, over)
