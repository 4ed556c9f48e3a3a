"""What somebody needs who teaches: versions on disk, pages without a kernel, slides, wheels for a room without a network."""

import re

import nbformat
import pytest
from typer.testing import CliRunner

from aitrain_nb import cli
from aitrain_nb.errors import AitrainError
from aitrain_nb.lessons import book, edition, shelf, wheelhouse


def run(*arguments):
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


@pytest.mark.parametrize(
    ("option", "holds"), [("--solutions", "**Solution 00.2.**"), ("--instructor", "**For whoever teaches.**")]
)
def test_versions_are_copied_and_changed_ones_kept(tmp_path, option, holds):
    first = run("notebooks", option, "--to", tmp_path)
    assert first.exit_code == 0, first.output
    assert {path.name for path in tmp_path.glob("*.ipynb")} == {f"{lesson.stem}.ipynb" for lesson in book.lessons()}
    assert holds in "\n".join(cell.source for cell in nbformat.read(tmp_path / shelf.FIRST, as_version=4).cells)
    (tmp_path / shelf.FIRST).write_text("mine", encoding="utf-8")
    assert f"kept your changed {shelf.FIRST}" in run("notebooks", option, "--to", tmp_path).output
    assert (tmp_path / shelf.FIRST).read_text(encoding="utf-8") == "mine"


def test_the_guide_is_printed_or_written(tmp_path):
    assert "## Tracks" in run("guide").output
    run("guide", "--to", tmp_path / "guide.md")
    assert "The room is the sweep" in (tmp_path / "guide.md").read_text(encoding="utf-8")


@pytest.fixture
def ran(monkeypatch):
    """A lesson that ran: cells as a kernel leaves them."""
    new = nbformat.v4
    said = [
        new.new_output("stream", name=name, text=text) for name, text in (("stdout", "True <b>\n"), ("stderr", "noise"))
    ]
    picture = '<figure><img src="data:image/png;base64,AAAA" alt="A curve"></figure>'
    cells = [
        new.new_markdown_cell("# 00 · A lesson\n\n**10 minutes.** See [the next](01_next.ipynb) and <script>evil</script>."),
        new.new_markdown_cell("Words.\n\n## 1 · First\n\nRead this."),
        new.new_code_cell('guess("00.1")', outputs=[new.new_output("display_data", {"text/html": "<div>Which?</div>"})]),
        new.new_code_cell("print(1 < 2)", outputs=said),
        new.new_code_cell("picture", outputs=[new.new_output("execute_result", {"text/html": picture, "text/plain": "A curve"})]),
        new.new_code_cell("7", outputs=[new.new_output("execute_result", {"text/plain": "7"})]),
    ]  # fmt: skip
    monkeypatch.setattr(edition, "_run", lambda lesson: cells)


def test_a_page_reads_without_a_kernel_and_reaches_for_nothing(tmp_path, ran):
    result = run("edition", tmp_path, "--lesson", "00")
    assert result.exit_code == 0, result.output
    page = (tmp_path / "00_start_here.html").read_text(encoding="utf-8")
    assert 'href="01_next.html"' in page
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "True &lt;b&gt;" in page
    assert "noise" not in page
    assert 'alt="A curve"' in page
    assert ">7</pre>" in page
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", page)
    index = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert 'href="00_start_here.html"' in index
    assert "<table>" in index


def test_slides_hold_headings_questions_and_pictures(tmp_path, ran):
    result = run("slides", "00", "--to", tmp_path)
    assert result.exit_code == 0, result.output
    page = (tmp_path / "00_start_here_slides.html").read_text(encoding="utf-8")
    slides = re.findall(r"<section>(.*?)</section>", page, re.DOTALL)
    assert len(slides) == 4
    assert "A lesson" in slides[0]
    assert "Read this" in slides[1]
    assert "Words" not in slides[1]
    assert "Which?" in slides[2]
    assert "<img" in slides[3]
    assert 'src="http' not in page


def test_a_wheelhouse_asks_pip_for_wheels_of_the_platform_alone(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(wheelhouse, "_pip", asked.append)
    result = run(
        "wheelhouse",
        tmp_path,
        "--platform",
        "windows",
        "--platform",
        "linux",
        "--python",
        "3.12",
        "--pip=--prefer-binary",
    )
    assert result.exit_code == 0, result.output
    own, needs, _, linux = asked
    assert own[0] == "wheel"
    assert needs[needs.index("--platform") + 1] == "win_amd64"
    assert "--only-binary=:all:" in needs
    assert needs[needs.index("--python-version") + 1] == "3.12.99", "to pip 3.12 is 3.12.0"
    assert "--prefer-binary" in needs
    assert any(need.startswith("torch") for need in needs)
    assert not any("extra ==" in need for need in needs)
    assert "manylinux2014_x86_64" in linux
    assert "--no-index --find-links wheels aitrain-nb" in (tmp_path / "windows" / "INSTALL.md").read_text(
        encoding="utf-8"
    )


def test_a_platform_that_is_not_known_gets_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(wheelhouse, "_pip", lambda arguments: None)
    with pytest.raises(AitrainError, match="no platform named 'amiga'"):
        wheelhouse.fill(tmp_path, ["amiga"])


def test_without_a_checkout_there_is_nothing_to_build(tmp_path, monkeypatch):
    monkeypatch.setattr(shelf, "is_checkout", lambda: False)
    with pytest.raises(AitrainError, match="from a checkout"):
        wheelhouse.fill(tmp_path)


def test_what_pip_says_is_passed_on(tmp_path):
    with pytest.raises(AitrainError, match="pip download failed") as caught:
        wheelhouse._pip(["download", "--no-index", "--dest", str(tmp_path), "there-is-no-such-package"])
    assert "there-is-no-such-package" in caught.value.why
