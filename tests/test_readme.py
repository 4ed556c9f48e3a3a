"""The README tells the truth: its code runs, what it shows is what comes out, and what it names is there."""

import contextlib
import io
import re
from pathlib import Path

import pytest

import aitrain_nb

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"```python\n(.*?)```\n\n((?:    [^\n]*\n)+)", README, re.DOTALL)


def pattern(line: str) -> str:
    """The line with any number in place of its numbers: they differ by a digit between processors."""
    whole = re.escape(line.strip().removesuffix(" ..."))
    return re.sub(r"\d+(?:\\\.\d+)?", lambda _: r"\d+(?:\.\d+)?", whole)


def test_the_examples_run_and_print_what_the_readme_shows():
    assert len(SHOWN) == 3
    names: dict = {}
    for code, expected in SHOWN:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(code, names)
        for line in expected.splitlines():
            assert re.search(pattern(line.replace("  ← Overfitting!", "")), out.getvalue()), line


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "tests/benchmarks/README.md"])
def test_every_file_that_is_named_is_there(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    linked = [link for link in re.findall(r"\]\(([^)]+)\)", text) if not link.startswith("http")]
    named = [name for name in re.findall(r"\b([a-z_]+\.py)\b", text) if name != "test_<module>.py"]
    folders = re.findall(r"^ +(\w+)/ ", text, re.MULTILINE)
    here = {path.name for path in [*ROOT.glob("*"), *(ROOT / "aitrain_nb").rglob("*"), *(ROOT / "tests").rglob("*")]}
    assert all(((ROOT / document).parent / link).exists() for link in linked)
    assert set(named) | set(folders) <= here


def test_every_module_stands_in_the_tree():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    modules = {path.name for path in (ROOT / "aitrain_nb").glob("*.py")} - {"__init__.py", "__main__.py"}
    packages = {f"{path.name}/" for path in (ROOT / "aitrain_nb").iterdir() if (path / "__init__.py").exists()}
    assert {name for name in modules | packages if name not in text} == set()


def test_every_make_target_that_is_named_is_there():
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for document in ("README.md", "CONTRIBUTING.md"):
        named = re.findall(r"\bmake ([a-z]+)\b", (ROOT / document).read_text(encoding="utf-8"))
        assert set(named) - {"PYTHON"} <= {*targets}, document


def test_every_public_function_stands_in_the_readme():
    """What a stranger doesn't read of, he doesn't use. (Records, errors and what other calls give back are met on the way.)"""
    met_on_the_way = {"Batch", "Forward", "Loss", "Gradients", "Update", "Evaluation", "Splits", "Task", "TrainConfig"}
    met_on_the_way |= {name for name in aitrain_nb.__all__ if name.endswith(("Error", "Training"))} | {
        "plots",
        "watchers",
    }
    assert {name for name in aitrain_nb.__all__ if f"ai.{name}" not in README} == met_on_the_way
