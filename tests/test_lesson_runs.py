"""Lessons as they are taken: by somebody who presses Run All before guessing anything, and by somebody who looks at the solutions.

(What the students' notebooks compute with all gates open is compared by nbval.)
"""

import pytest
from IPython.core.interactiveshell import InteractiveShell

from aitrain_nb.lessons import book, gates, versions
from aitrain_nb.lessons.card import Card
from aitrain_nb.lessons.desk import desk
from aitrain_nb.lessons.exercises import Explain
from aitrain_nb.lessons.views import Answered, Note

every_lesson = pytest.mark.parametrize("lesson", book.lessons(), ids=lambda lesson: lesson.number)


@pytest.fixture
def run(monkeypatch, tmp_path):
    """run(lesson, version): each code cell's source and what it gave; the first error ends it."""
    monkeypatch.setenv("AITRAIN_NB_UNGATED", "")
    monkeypatch.setenv("AITRAIN_NB_PROGRESS", "")
    monkeypatch.setenv("AITRAIN_NB_FULL_SPEED", "1")
    monkeypatch.chdir(tmp_path)
    desk.cache_clear()
    shell = InteractiveShell.instance()
    gates.install()

    def all_cells(lesson, version):
        found = []
        for cell in versions.make(lesson, version).cells:
            if cell.cell_type == "code":
                result = shell.run_cell(cell.source)
                result.raise_error()
                found.append((cell.source, result.result))
        return found

    yield all_cells
    InteractiveShell.clear_instance()
    desk.cache_clear()


@every_lesson
def test_run_all_before_any_guess_ends_without_an_error_and_gives_nothing_away(run, lesson):
    for source, shown in run(lesson, "student"):
        if source.startswith("%%after"):
            assert isinstance(shown, Note), source
            assert shown.head == "Not yet run"
        elif source.startswith(("check(", "order(")):
            text = shown.text().lower()
            assert "not yet answered" in text, source
            assert not getattr(shown, "ok", False)
        elif isinstance(shown, Card):
            assert shown.is_gate
            assert "waits for your guess" in shown.text()


@every_lesson
def test_with_solutions_every_check_is_green(run, lesson):
    seen = run(lesson, "solution")
    checked = [(source, shown) for source, shown in seen if source.startswith(("check(", "order("))]
    for source, shown in checked:
        assert isinstance(shown, Answered), source
        is_explained = isinstance(book.exercise(shown.verdict.exercise), Explain)
        assert shown.ok is (None if is_explained else True), (source, shown)
    answered = {shown.verdict.exercise for _, shown in checked} | set(desk().guesses)
    assert answered == {exercise.id for exercise in lesson.exercises}
    outcomes = [shown for source, shown in seen if "outcome(" in source and isinstance(shown, Answered)]
    assert all(one.ok in {True, None} for one in outcomes), [one.text() for one in outcomes if one.ok is False]
    assert not any(isinstance(shown, Note) and shown.head == "Not yet run" for _, shown in seen)
