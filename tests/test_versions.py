"""From one master the notebooks of students, with solutions, and of whoever teaches; the committed ones are up to date."""

import re

import nbformat
import pytest

from aitrain_nb.lessons import book, shelf, versions
from aitrain_nb.lessons.source_text import CLAIMS

every_lesson = pytest.mark.parametrize("lesson", book.lessons(), ids=lambda lesson: lesson.number)


def sources(notebook):
    return [(cell.cell_type, cell.id, cell.source, cell.metadata.get("tags", [])) for cell in notebook.cells]


@every_lesson
def test_making_the_students_notebook_leaves_no_difference(lesson):
    kept = nbformat.read(shelf.folder() / f"{lesson.stem}.ipynb", as_version=4)
    assert sources(kept) == sources(versions.make(lesson)), f"python -m aitrain_nb.lessons.refresh {lesson.number}"


@every_lesson
@pytest.mark.parametrize("version", ["student", "solution", "instructor"])
def test_each_version_is_a_valid_notebook(lesson, version):
    nbformat.validate(versions.make(lesson, version))


@every_lesson
def test_solutions_answer_every_question_and_students_do_not(lesson):
    students, solved = versions.make(lesson), versions.make(lesson, "solution")
    said = "\n".join(cell.source for cell in solved.cells)
    for cell in students.cells:
        for call, identity in re.findall(r'^(guess|check|order)\("(\d\d\.\d+)"\)$', cell.source, re.MULTILINE):
            exercise = book.exercise(identity)
            assert f'{call}("{identity}")' not in said or exercise.kind == "fill"
            if call != "guess":
                assert f"**Solution {identity}.**" in said
    assert "**Solution" not in "\n".join(cell.source for cell in students.cells)


@every_lesson
def test_every_exercise_stands_in_the_lesson(lesson):
    text = versions.master_of(lesson).read_text(encoding="utf-8")
    assert [one.id for one in lesson.exercises if f'("{one.id}"' not in text] == []


@every_lesson
def test_every_section_has_its_heading_and_begins_with_start(lesson):
    text = versions.master_of(lesson).read_text(encoding="utf-8")
    headings = re.findall(r"^## (\d\d\.\d+)$", text, re.MULTILINE)
    assert headings == [section.id for section in lesson.sections]
    for section in lesson.sections:
        assert f'start("{section.id}")' in text, section.id


@every_lesson
def test_tags_are_known(lesson):
    for cell in versions.read_master(lesson).cells:
        for tag in versions.tags_of(cell):
            if tag.startswith("shows:"):
                assert tag.removeprefix("shows:") in CLAIMS, tag
                assert cell.cell_type == "code"
            else:
                assert tag in {"exercise", "solution", "instructor", "compared"}, tag


@every_lesson
def test_what_teachers_need_stands_in_their_version_only(lesson):
    said = versions.make(lesson, "instructor").cells[1].source
    assert lesson.facilitator.script[0] in said
    assert lesson.facilitator.script[0] not in "\n".join(cell.source for cell in versions.make(lesson).cells)
