"""`%%after 06.1`: a cell that runs once the gate of that name is open, and else says that it waits."""

from __future__ import annotations

import ast
from typing import Any

from IPython import get_ipython

from aitrain_nb.lessons import book, views
from aitrain_nb.lessons.desk import desk


def after(line: str, cell: str) -> Any:
    """Run the cell as if its first line were not there, if the gate is open; its last expression is shown as usual.

    Args:
        line: ids of gates, such as "06.1".
        cell: the code.
    """
    closed = [identity for identity in line.split() if not desk().is_open(book.exercise(identity).id)]
    if closed:
        return views.Note(
            "Not yet run",
            (f"This cell waits for your guess {' and '.join(closed)} above. Or press Skip there, and run it again.",),
        )
    return _run(get_ipython(), cell)


def _run(shell: Any, cell: str) -> Any:
    """Execute as IPython does: statements, then the last expression, whose value is given back."""
    source = shell.transform_cell(cell)
    name = shell.compile.cache(source)  # so that a traceback shows the lines
    body = ast.parse(source, name).body
    last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), name, "exec"), shell.user_ns)  # noqa: S102  the learner's own cell
    if last is None:
        return None
    assert isinstance(last, ast.Expr)
    value = eval(compile(ast.Expression(last.value), name, "eval"), shell.user_ns)  # noqa: S307
    return None if source.rstrip().endswith(";") else value


def install() -> None:
    """Make `%%after` known to the IPython that runs, where there is one."""
    shell = get_ipython()
    if shell is not None:
        shell.register_magic_function(after, "cell", "after")
