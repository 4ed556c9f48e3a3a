"""The shape of the package: who imports whom, and what no module may do."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import aitrain_nb

PACKAGE = Path(aitrain_nb.__file__).parent
REPOSITORY = Path(__file__).parent.parent
SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if "notebooks" not in path.relative_to(PACKAGE).parts)
HEAVY = ["torch", "transformers", "pandas", "matplotlib", "datasets", "sklearn"]


def name_of(path):
    return path.relative_to(PACKAGE).as_posix()


def nodes(path, kind):
    return [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, kind)]


def test_the_import_contracts_are_kept():
    tool = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run(
        [tool, "--no-cache"], cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_pyplot_is_imported_nowhere(path):
    imported = [alias.name for node in nodes(path, ast.Import) for alias in node.names]
    imported += [f"{node.module}.{alias.name}" for node in nodes(path, ast.ImportFrom) for alias in node.names]
    assert not [name for name in imported if "pyplot" in name.split(".") or "pylab" in name.split(".")]


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_only_the_command_line_prints(path):
    calls = [node for node in nodes(path, ast.Call) if isinstance(node.func, ast.Name) and node.func.id == "print"]
    assert not [f"line {node.lineno}" for node in calls]


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_nothing_is_imported_with_a_star(path):
    assert not [node.module for node in nodes(path, ast.ImportFrom) if any(alias.name == "*" for alias in node.names)]


def test_importing_the_package_loads_no_heavy_library():
    program = f"import sys, aitrain_nb; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=300)
    assert done.stdout.strip() == "[]"


def test_every_public_name_can_be_had():
    missing = [name for name in aitrain_nb.__all__ if getattr(aitrain_nb, name, None) is None]
    assert missing == []
    assert set(aitrain_nb.__all__) <= set(dir(aitrain_nb))


def test_an_unknown_name_is_answered_with_the_valid_ones():
    with pytest.raises(AttributeError, match="prepare"):
        aitrain_nb.trainer_of_my_dreams  # noqa: B018


def test_no_test_asserts_how_long_something_took():
    """A busy machine is no fault of the code: benchmarks print times, tests wait until what they wait for is there."""
    clocks = r"assert [^\n]*(?:perf_counter|monotonic|process_time|time)\(\) - \w+ <"
    tests = [path for path in (REPOSITORY / "tests").rglob("*.py") if "benchmarks" not in path.parts]
    assert [path.name for path in tests if re.search(clocks, path.read_text(encoding="utf-8"))] == []
