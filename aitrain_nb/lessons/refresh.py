"""For those who write lessons: run a notebook, keep the text of the cells that nbval compares, strip everything else.

python -m aitrain_nb.lessons.refresh notebooks/*.ipynb
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import nbformat

COMPARED = "nbval-check-output"
"""A cell with this tag has its printed text compared by the tests."""


def is_compared(cell: Any) -> bool:
    """Whether the tests compare what this cell prints."""
    return COMPARED in cell.metadata.get("tags", [])


def refresh(path: Path) -> int:
    """Execute the notebook and write it back stripped; gives how many cells are compared."""
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}
    ).execute()
    compared = sum(strip(cell) for cell in notebook.cells if cell.cell_type == "code")
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"{path.stem[:2]}-{number:02d}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata = nbformat.from_dict({"kernelspec": kernel, "language_info": {"name": "python"}})
    nbformat.write(notebook, path)
    return compared


def strip(cell: Any) -> bool:
    """Drop what a code cell showed, but for the printed text of a compared one; says whether it is compared."""
    compared = is_compared(cell)
    cell.metadata = nbformat.from_dict({"tags": [COMPARED]} if compared else {})
    cell.outputs = [output for output in cell.outputs if compared and output.output_type == "stream"]
    if not compared:
        cell.execution_count = None
    return compared


def main(paths: list[str]) -> None:
    """Refresh each notebook named on the command line."""
    for path in paths:
        sys.stdout.write(f"{path}: {refresh(Path(path))} cells compared\n")


if __name__ == "__main__":
    main(sys.argv[1:])
