"""The lessons as they lie in the repository: stripped, short, linked, each teaching by an assertion; and nbval can fail."""

import ast
import re
import subprocess
import sys

import nbformat
import pytest

from aitrain_nb.lessons import shelf
from aitrain_nb.lessons.refresh import COMPARED, execute, is_compared, refresh, strip

PATHS = sorted(shelf.folder().glob("*.ipynb"))
every_lesson = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def read(path):
    return nbformat.read(path, as_version=4)


def code_cells(path):
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


@every_lesson
def test_a_lesson_is_a_valid_notebook_with_its_own_cell_ids(path):
    book = read(path)
    nbformat.validate(book)
    identities = [cell.id for cell in book.cells]
    assert len(set(identities)) == len(identities)


@every_lesson
def test_only_compared_cells_keep_an_output_and_only_printed_text(path):
    for cell in code_cells(path):
        if is_compared(cell):
            assert cell.execution_count
            assert [output.output_type for output in cell.outputs] == ["stream"], cell.source
        else:
            assert cell.outputs == []
            assert cell.execution_count is None


@every_lesson
def test_a_lesson_teaches_by_assertions(path):
    asserting = [cell for cell in code_cells(path) if "assert " in cell.source or is_compared(cell)]
    assert len(asserting) >= 5


@every_lesson
def test_cells_are_short_and_narrow(path):
    for cell in code_cells(path):
        assert len(cell.source.splitlines()) <= 24, cell.source
        assert max(map(len, cell.source.splitlines())) <= 96, cell.source  # wider ones are cut off in a usual window


@every_lesson
def test_sentences_are_short(path):
    for cell in read(path).cells:
        if cell.cell_type == "markdown":
            for sentence in re.split(
                r"(?<=[.!?:])\s|\n\n|\n[-|#]", re.sub(r"`[^`]*`|\[([^]]*)\]\([^)]*\)", "x", cell.source)
            ):
                assert len(re.findall(r"[A-Za-z][A-Za-z'-]*", sentence)) <= 20, sentence


@every_lesson
def test_links_between_lessons_lead_somewhere(path):
    for cell in read(path).cells:
        if cell.cell_type == "markdown":
            for link in re.findall(r"\]\(([^)#]+)\)", cell.source):
                assert link.startswith("http") or (path.parent / link).exists(), link


@every_lesson
def test_a_lesson_imports_nothing_that_the_package_does_not_bring(path):
    allowed = {"aitrain_nb", "torch", "math", "collections", "pandas", "matplotlib", "numpy", "pathlib", "tempfile"}
    source = "\n".join(cell.source for cell in code_cells(path) if not cell.source.startswith(("%", "!")))
    for node in ast.walk(ast.parse(source)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) else []
        assert {name.split(".")[0] for name in names} <= allowed


def nbval(path, *options):
    return subprocess.run(
        [sys.executable, "-m", "pytest", *(options or ["--nbval-lax"]), "-q", "-p", "no:cacheprovider", "--rootdir", path.parent,
         "-c", "/dev/null", path],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


def small_notebook(tmp_path, printed):
    cell = nbformat.v4.new_code_cell("print(6 * 7)", execution_count=1, metadata={"tags": [COMPARED]})
    cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=f"{printed}\n")]
    path = tmp_path / "small.ipynb"
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    nbformat.write(nbformat.v4.new_notebook(cells=[cell], metadata=kernel), path)
    return path


def test_a_stored_number_that_is_right_is_green_and_a_wrong_one_is_red(tmp_path, forked):
    right = nbval(small_notebook(tmp_path, 42))
    assert right.returncode == 0, right.stdout + right.stderr
    wrong = nbval(small_notebook(tmp_path, 43))
    assert wrong.returncode == 1, wrong.stdout + wrong.stderr
    assert "43" in wrong.stdout


def test_a_whole_lesson_shows_the_same_in_another_kernel_and_a_page_with_one_other_digit_is_red(tmp_path, forked):
    """Strict: every output of every cell, text, HTML and pictures, but for the name of a widget's place and measured times."""
    made = execute(read(next(path for path in PATHS if path.stem.startswith("05"))), tmp_path)
    shown = [cell for cell in made.cells if cell.cell_type == "code" and cell.outputs]
    page = next(cell.outputs[0].data for cell in shown if cell.source == "update.forgotten(360)")
    page["text/html"] = re.sub(r"\d(?=\D*$)", lambda digit: str(9 - int(digit[0])), page["text/html"])
    nbformat.write(made, tmp_path / "lesson.ipynb")
    (tmp_path / "other.cfg").write_text(
        '[place]\nregex: data-aitrain-place="[0-9a-f]{16}"\nreplace: a place\n[time]\nregex: [0-9.]+ m?s\\b\nreplace: a time\n'
    )
    said = nbval(tmp_path / "lesson.ipynb", "--nbval", "--nbval-sanitize-with", tmp_path / "other.cfg").stdout
    assert len(shown) >= 20
    assert re.search(r"1 failed, \d\d passed", said), said
    assert "update.forgotten" in said


def test_refreshing_keeps_the_text_of_compared_cells_and_strips_the_rest(tmp_path):
    path = small_notebook(tmp_path, "old")
    book = read(path)
    book.cells.append(nbformat.v4.new_code_cell("from IPython.display import HTML\nprint('gone')\nHTML('<b>gone</b>')"))
    nbformat.write(book, path)
    assert refresh(path) == 1
    compared, other = code_cells(path)
    assert compared.outputs[0].text == "42\n"
    assert other.outputs == []
    assert other.execution_count is None


def test_stripping_drops_what_an_editor_left_in_the_metadata():
    cell = nbformat.v4.new_code_cell("1", metadata={"collapsed": True, "user": "somebody"})
    strip(cell)
    assert dict(cell.metadata) == {}


def executed(tmp_path, *sources):
    """The outputs of cells that ran one after the other in a real kernel."""
    from nbclient import NotebookClient

    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    NotebookClient(book, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    return [cell.outputs for cell in book.cells]


def test_what_ends_a_cell_is_shown_and_a_run_that_was_watched_there_is_not_drawn_twice(tmp_path, fresh):
    picture, training, later = executed(
        tmp_path,
        "import aitrain_nb as ai\nai.plots.schedule([0.1, 0.2])",
        'trainer = ai.prepare(model="mlp", max_steps=5)\ntrainer.fit()',
        "trainer.history",
    )
    assert '<img src="data:image/png;base64,' in picture[0].data["text/html"]
    assert picture[0].data["text/plain"].startswith("Picture: 2 steps")
    twin, history = (output.data["text/html"] for output in training)
    assert (twin.count("<img"), history.count("<img")) == (1, 0)
    assert "5 steps" in history
    assert later[0].data["text/html"].count("<img") == 1
