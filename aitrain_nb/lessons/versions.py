"""From one master of a lesson its notebooks: for students, with solutions, for whoever teaches.

A master is Markdown with code in it (jupytext's format), in `masters/`. Tags of a cell say what becomes of it:

    exercise, solution   a line to be written, and the cell that takes its place where solutions are shown
    instructor           for whoever teaches
    compared             what it prints is kept, and compared by the tests
    shows:NAME           it shows this claim of `source_text.CLAIMS`

The heading `## 06.2` becomes the title of that section, and what stands at the top comes from the lesson's file in `books/`.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import nbformat

from aitrain_nb.lessons import book, shelf
from aitrain_nb.lessons.exercises import Explain, Fill, Sort

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aitrain_nb.lessons.lesson import Lesson

MASTERS = Path(__file__).parent / "masters"
COMPARED = "nbval-check-output"
"""A cell with this tag has its printed text compared by the tests."""
Version = Literal["student", "solution", "instructor"]
_ASKED = re.compile(r'^(guess|check|order)\("(\d\d\.\d+)"\)$', re.MULTILINE)
_HEADING = re.compile(r"^## (\d\d\.\d+)$", re.MULTILINE)


def master_of(lesson: Lesson) -> Path:
    """Where its master lies."""
    return MASTERS / f"{lesson.stem}.md"


def read_master(lesson: Lesson) -> Any:
    """The master as a notebook, with all its tags."""
    import jupytext

    return jupytext.reads(master_of(lesson).read_text(encoding="utf-8"), fmt="md")


def make(lesson: Lesson, version: Version = "student") -> Any:
    """The notebook of this version, without any output.

    Args:
        lesson: from `book.lesson`.
        version: for whom.
    """
    notebook = nbformat.v4.new_notebook()
    cells = [_markdown(_top(lesson))]
    if version == "instructor":
        cells.append(_markdown(for_teachers(lesson)))
    for cell in _chosen(read_master(lesson).cells, version):
        cells.append(_cell(cell, lesson, version))
        if version != "student":
            cells += [_markdown(text) for text in _explained(cell.source)]
    cells.append(_markdown(_bottom(lesson)))
    for place, cell in enumerate(cells):
        cell["id"] = f"{lesson.number}-{place:02d}"
    notebook.cells = cells
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata = nbformat.from_dict({"kernelspec": kernel, "language_info": {"name": "python"}})
    return notebook


def stock(to: Path, version: Version) -> list[Path]:
    """Write all lessons in this version into a folder, with the pictures that they show.

    Args:
        to: the folder, which is there.
        version: for whom.
    """
    written = []
    for lesson in book.lessons():
        written.append(to / f"{lesson.stem}.ipynb")
        nbformat.write(make(lesson, version), written[-1])
    pictures = shelf.folder() / "images"
    if pictures.is_dir():
        shutil.copytree(pictures, to / "images", dirs_exist_ok=True)
    return written


def tags_of(cell: Any) -> list[str]:
    """The tags of a cell."""
    return list(cell.metadata.get("tags", []))


def _chosen(cells: list[Any], version: Version) -> Iterator[Any]:
    hidden = {
        "student": {"solution", "instructor"},
        "solution": {"exercise", "instructor"},
        "instructor": {"exercise"},
    }[version]
    return (cell for cell in cells if not hidden & set(tags_of(cell)))


def _cell(cell: Any, lesson: Lesson, version: Version) -> Any:
    if cell.cell_type == "markdown":
        return _markdown(_HEADING.sub(lambda found: f"## {_heading(lesson, found[1])}", cell.source))
    source = (
        cell.source if version == "student" else _ASKED.sub(lambda found: _answered(found[1], found[2]), cell.source)
    )
    new = nbformat.v4.new_code_cell(source)
    new.metadata = nbformat.from_dict({"tags": [COMPARED]} if "compared" in tags_of(cell) else {})
    return new


def _heading(lesson: Lesson, identity: str) -> str:
    section = book.section(identity)
    assert section in lesson.sections
    return f"{lesson.sections.index(section) + 1} · {section.title}"


def _answered(call: str, identity: str) -> str:
    """The call with the right answer in it; what is code can't be written there."""
    found = book.exercise(identity)
    if isinstance(found, Fill):
        return f'{call}("{identity}")'
    return f'{call}("{identity}", {found.right_answer!r})'


def _explained(source: str) -> list[str]:
    """What is said of the answers of the exercises that a cell checks."""
    texts = []
    for identity in re.findall(r'^(?:check|order)\("(\d\d\.\d+)"', source, re.MULTILINE):
        found = book.exercise(identity)
        known = [] if isinstance(found, (Fill, Explain)) else found.mistakes
        rows = [f"- *{_plain(found, answer)}*: {says}" for answer, says in known]
        texts.append("\n".join([f"**Solution {identity}.** {found.why}", "", *rows]).strip())
    return texts


def _plain(exercise: Any, answer: Any) -> str:
    said = exercise.said(exercise.read(answer))
    return said if isinstance(exercise, Sort) or not isinstance(answer, str) or said == answer else f"{answer}) {said}"


def _top(lesson: Lesson) -> str:
    able = "\n".join(f"- {one}" for one in lesson.able)
    return f"# {lesson.number} · {lesson.title}\n\n**{lesson.minutes} minutes.** At the end you will have\n\n{able}"


def _bottom(lesson: Lesson) -> str:
    numbers = book.numbers()
    place = numbers.index(lesson.number)
    links = []
    if place + 1 < len(numbers):
        after = book.lesson(numbers[place + 1])
        links.append(f"**Next:** [{after.number} · {after.title}]({after.stem}.ipynb).")
    if place > 0:
        before = book.lesson(numbers[place - 1])
        links.append(f"Before: [{before.number} · {before.title}]({before.stem}.ipynb).")
    return " ".join(links)


def for_teachers(lesson: Lesson) -> str:
    """Minutes, a script, answers that will come, what to cut: as Markdown."""
    one = lesson.facilitator
    script = "\n".join(f"{place}. {line}" for place, line in enumerate(one.script, 1))
    expect = "\n".join(f"- *{wrong}*: {helps}" for wrong, helps in one.expect)
    kills = "\n".join(f"- {belief}" for belief in lesson.kills)
    return (
        f"**For whoever teaches.** Teach {one.teach} minutes, do {one.do}, talk {one.talk}.\n\n{script}\n\n"
        f"Answers that will come:\n\n{expect}\n\nBeliefs to end:\n\n{kills}\n\nShort of time? {one.cut}"
    )


def _markdown(source: str) -> Any:
    cell = nbformat.v4.new_markdown_cell(source)
    cell.metadata = nbformat.from_dict({})
    return cell
