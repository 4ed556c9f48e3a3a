"""Lessons are copied without losing anybody's work and run without a browser."""

import json
import os

import nbformat
import pytest

from aitrain_nb.errors import AitrainError
from aitrain_nb.lessons import shelf

NAMES = {path.name for path in shelf.folder().glob("*.ipynb")}


def test_the_lessons_are_found():
    assert shelf.FIRST in NAMES
    assert shelf.is_checkout()


def test_a_copy_holds_every_lesson(tmp_path):
    copied = shelf.copy_lessons(tmp_path / "mine")
    assert set(copied.written) >= NAMES
    assert copied.kept == []
    for name in NAMES:
        assert (tmp_path / "mine" / name).read_bytes() == (shelf.folder() / name).read_bytes()


def test_a_changed_lesson_is_never_overwritten(tmp_path):
    shelf.copy_lessons(tmp_path)
    mine = tmp_path / shelf.FIRST
    mine.write_text("my own notes", encoding="utf-8")
    again = shelf.copy_lessons(tmp_path)
    assert again.kept == [shelf.FIRST]
    assert mine.read_text(encoding="utf-8") == "my own notes"


def test_a_file_of_the_same_name_that_was_there_before_is_kept(tmp_path):
    mine = tmp_path / shelf.FIRST
    mine.write_text("older than the first copy", encoding="utf-8")
    assert shelf.copy_lessons(tmp_path).kept == [shelf.FIRST]
    assert mine.read_text(encoding="utf-8") == "older than the first copy"


def test_an_untouched_lesson_is_brought_up_to_date(tmp_path, monkeypatch):
    source, mine = tmp_path / "source", tmp_path / "mine"
    source.mkdir()
    (source / shelf.FIRST).write_text("first edition", encoding="utf-8")
    monkeypatch.setattr(shelf, "folder", lambda: source)
    shelf.copy_lessons(mine)
    (source / shelf.FIRST).write_text("second edition", encoding="utf-8")
    assert shelf.copy_lessons(mine).written == [shelf.FIRST]
    assert (mine / shelf.FIRST).read_text(encoding="utf-8") == "second edition"


def test_a_deleted_lesson_comes_back(tmp_path):
    shelf.copy_lessons(tmp_path)
    (tmp_path / shelf.FIRST).unlink()
    assert shelf.FIRST in shelf.copy_lessons(tmp_path).written


def test_a_folder_that_can_not_be_made_gets_a_sentence(tmp_path):
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(AitrainError, match="Can't write the lessons") as caught:
        shelf.copy_lessons(tmp_path / "file" / "inside")
    assert "--to" in caught.value.fix


def test_a_memory_of_copies_that_is_broken_gets_a_sentence(tmp_path):
    shelf.copy_lessons(tmp_path)
    (tmp_path / ".aitrain-lessons.json").write_text("{", encoding="utf-8")
    with pytest.raises(AitrainError):
        shelf.copy_lessons(tmp_path)


def notebook(tmp_path, *sources):
    path = tmp_path / "lesson.ipynb"
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    nbformat.write(book, path)
    return path


def test_running_headless_executes_every_cell_in_the_lessons_folder(tmp_path):
    path = notebook(tmp_path, "import os, json", "json.dump(os.getcwd(), open('seen.json', 'w'))")
    assert shelf.run_headless(path) > 0
    assert json.loads((tmp_path / "seen.json").read_text()) == os.path.realpath(tmp_path)


def test_a_cell_that_fails_is_named_with_its_error(tmp_path):
    with pytest.raises(AitrainError, match=r"lesson\.ipynb failed") as caught:
        shelf.run_headless(notebook(tmp_path, "1 / 0"))
    assert "ZeroDivisionError" in caught.value.why


def test_a_kernel_that_dies_gets_a_sentence(tmp_path):
    with pytest.raises(AitrainError, match="gave up"):
        shelf.run_headless(notebook(tmp_path, "import os\nos._exit(1)"))


def test_a_cell_without_an_end_gets_a_sentence(tmp_path):
    with pytest.raises(AitrainError, match="gave up"):
        shelf.run_headless(notebook(tmp_path, "import time\ntime.sleep(60)"), timeout_seconds=1)
