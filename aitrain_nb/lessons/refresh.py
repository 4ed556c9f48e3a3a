"""For those who write lessons: make the students' notebooks from the masters, run them, keep the text of the cells that nbval compares.

python -m aitrain_nb.lessons.refresh 00 06      (a lesson is run only where its code has changed)
python -m aitrain_nb.lessons.refresh notebooks/your_own_data.ipynb
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import nbformat

from aitrain_nb.lessons import book, contents, shelf, versions
from aitrain_nb.lessons.versions import COMPARED
from aitrain_nb.placing import write_whole


def is_compared(cell: Any) -> bool:
    """Whether the tests compare what this cell prints."""
    return COMPARED in cell.metadata.get("tags", [])


def refresh(path: Path) -> int:
    """Execute the notebook and write it back stripped; gives how many cells are compared."""
    notebook = execute(nbformat.read(path, as_version=4), path.parent)
    compared = sum(strip(cell) for cell in notebook.cells if cell.cell_type == "code")
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"{path.stem[:2]}-{number:02d}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata = nbformat.from_dict({"kernelspec": kernel, "language_info": {"name": "python"}})
    nbformat.write(notebook, path)
    return compared


def execute(notebook: Any, folder: Path) -> Any:
    """Run every cell, with all gates open and nothing kept of a learner's own progress."""
    os.environ |= {"AITRAIN_NB_UNGATED": "1", "AITRAIN_NB_PROGRESS": "", "AITRAIN_NB_FULL_SPEED": "1"}
    shelf.execute(notebook, folder)
    return notebook


def strip(cell: Any) -> bool:
    """Drop what a code cell showed, but for the printed text of a compared one; says whether it is compared."""
    compared = is_compared(cell)
    cell.metadata = nbformat.from_dict({"tags": [COMPARED]} if compared else {})
    cell.outputs = _joined([output for output in cell.outputs if compared and output.output_type == "stream"])
    if not compared:
        cell.execution_count = None
    return compared


def _joined(streams: list[Any]) -> list[Any]:
    """Printed text in one piece: a busy kernel may send a line in two."""
    joined: list[Any] = []
    for stream in streams:
        if joined and joined[-1].name == stream.name:
            joined[-1].text += stream.text
        else:
            joined.append(stream)
    return joined


def make_lesson(number: str) -> int:
    """Make a lesson's notebook for students from its master; it is run only where its code has changed."""
    lesson = book.lesson(number)
    path = shelf.folder() / f"{lesson.stem}.ipynb"
    made = versions.make(lesson)
    known = _outputs(nbformat.read(path, as_version=4)) if path.exists() else {}
    code = [cell for cell in made.cells if cell.cell_type == "code"]
    if [cell.source for cell in code] != list(known):
        nbformat.write(made, path)
        return refresh(path)
    for cell in code:
        cell.outputs, cell.execution_count = known[cell.source]
    nbformat.write(made, path)
    return sum(map(is_compared, code))


def _outputs(notebook: Any) -> dict[str, tuple[Any, int | None]]:
    """What each code cell has kept, in their order; a lesson doesn't hold the same cell twice but for one that keeps nothing."""
    return {cell.source: (cell.outputs, cell.execution_count) for cell in notebook.cells if cell.cell_type == "code"}


def write_contents() -> None:
    """Make the contents page anew."""
    write_whole(shelf.folder() / "README.md", contents.contents())


def main(names: list[str]) -> None:
    """Refresh each lesson or notebook named on the command line."""
    for name in names:
        count = refresh(Path(name)) if name.endswith(".ipynb") else make_lesson(name)
        sys.stdout.write(f"{name}: {count} cells compared\n")
    write_contents()


if __name__ == "__main__":
    main(sys.argv[1:])
