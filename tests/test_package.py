"""What `pip install` brings: the lessons travel in the wheel, the command is there, the licence too."""

import os
import subprocess
import sys
import zipfile
from importlib.metadata import entry_points, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from aitrain_nb.lessons import shelf

ROOT = Path(__file__).parent.parent
FIXED = {"torch", "transformers", "ipywidgets", "matplotlib", "pandas", "jupyterlab", "nbval"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of this checkout, built without a network."""
    to = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(to)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    (path,) = to.glob("*.whl")
    with zipfile.ZipFile(path) as content:
        yield content


def test_the_lessons_and_their_settings_travel_in_the_wheel(wheel):
    names = set(wheel.namelist())
    lessons_here = {path.name for path in shelf.folder().glob("*.ipynb")}
    assert {f"aitrain_nb/notebooks/{name}" for name in lessons_here} <= names
    assert "aitrain_nb/lessons/jupyter/labconfig/page_config.json" in names
    assert "aitrain_nb/py.typed" in names
    assert {"aitrain_nb/bundled/tickets.tsv", "aitrain_nb/bundled/tickets.md"} <= names


def test_nothing_else_travels_in_the_wheel(wheel):
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"aitrain_nb"}
    assert not [name for name in wheel.namelist() if ".ipynb_checkpoints" in name or name.endswith(".pyc")]


def test_the_licence_is_inside(wheel):
    (licence,) = [name for name in wheel.namelist() if name.endswith("licenses/LICENSE")]
    assert b"Apache License" in wheel.read(licence)


def plain_dependencies() -> set[str]:
    """Names of what is installed without an extra."""
    found = [Requirement(line) for line in requires("aitrain-nb")]
    return {requirement.name.lower() for requirement in found if "extra" not in str(requirement.marker)}


def test_the_fixed_packages_are_plain_dependencies():
    assert plain_dependencies() >= FIXED


def test_every_plain_dependency_has_a_tested_version():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert plain_dependencies() <= {line.split("==")[0].lower().replace("_", "-") for line in lines}


def test_the_command_is_installed():
    (command,) = [entry for entry in entry_points(group="console_scripts") if entry.name == "aitrain-nb"]
    assert command.value == "aitrain_nb.__main__:main"


@pytest.mark.parametrize(
    ("given", "kept"),
    [({}, "3000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "ACTIVE"}, None)],
)
def test_threads_that_wait_give_way_unless_the_person_has_said_how(given, kept):
    plain = {name: value for name, value in os.environ.items() if name not in {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"}}
    code = "import aitrain_nb, os; print(os.environ.get('GOMP_SPINCOUNT'))"
    run = subprocess.run([sys.executable, "-c", code], env=plain | given, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == str(kept)
