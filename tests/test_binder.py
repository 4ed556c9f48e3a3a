"""What Binder does with this repository, by the plan of the program that Binder itself uses; nothing is built here."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
BINDER = ROOT / "binder"


@pytest.fixture(scope="module")
def plan():
    """The recipe of the image, as text."""
    command = [sys.executable, "-m", "repo2docker", "--no-build", "--debug", str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout + done.stderr


def test_the_plan_takes_the_three_files(plan):
    assert "binder/environment.yml" in plan
    assert "RUN ./binder/postBuild" in plan
    assert "R2D_ENTRYPOINT" in plan


def test_scripts_can_be_run():
    for name in ("postBuild", "start"):
        assert os.access(BINDER / name, os.X_OK), name
        assert subprocess.run(["bash", "-n", BINDER / name], check=False).returncode == 0


def test_torch_comes_small_and_python_is_one_that_the_package_takes():
    environment = yaml.safe_load((BINDER / "environment.yml").read_text(encoding="utf-8"))
    assert any(need.startswith("pytorch-cpu") for need in environment["dependencies"])
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    version = re.search(r"python=3\.(\d+)", "\n".join(environment["dependencies"]))
    assert int(version[1]) >= int(re.search(r">=3\.(\d+)", project["requires-python"])[1])


def test_what_it_installs_is_what_the_package_offers():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    script = (BINDER / "postBuild").read_text(encoding="utf-8")
    extras = re.search(r"\.\[([a-z,]+)\]", script)[1].split(",")
    assert set(extras) <= set(project["optional-dependencies"])
    assert "constraints.txt" in script
