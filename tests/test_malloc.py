"""glibc's malloc in the processes that we start: its settings reach them, once, and nobody's own are touched."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from aitrain_nb import malloc
from aitrain_nb.__main__ import is_the_command

PLAIN = {
    name: value
    for name, value in os.environ.items()
    if name not in {"GLIBC_TUNABLES", "LD_PRELOAD"} and not name.startswith("MALLOC_")
}
needs_glibc = pytest.mark.skipif(malloc.rules(PLAIN) is None, reason="the C library isn't glibc")


@needs_glibc
@pytest.mark.parametrize(
    "own",
    [{"MALLOC_MMAP_THRESHOLD_": "131072"}, {"LD_PRELOAD": "libjemalloc.so.2"}, {"GLIBC_TUNABLES": "glibc.malloc.check=3"}],
    ids=lambda own: next(iter(own)),
)  # fmt: skip
def test_what_somebody_has_set_stays(own):
    assert malloc.rules(PLAIN | own) is None
    assert malloc.with_ours(PLAIN | own) == PLAIN | own


@needs_glibc
def test_ours_are_added_once_to_what_glibc_is_told_about_other_things():
    other = {"GLIBC_TUNABLES": "glibc.cpu.x86_rep_movsb_threshold=4096"}
    once = malloc.with_ours(PLAIN | other)
    assert once["GLIBC_TUNABLES"] == f"{other['GLIBC_TUNABLES']}:{malloc.TUNABLES}"
    assert malloc.rules(PLAIN | other) == "as it comes"
    assert malloc.rules(once) == "ours"
    assert malloc.with_ours(once) == once


def test_where_the_c_library_is_another_nothing_is_said(monkeypatch):
    def unknown(name):
        raise ValueError(name)

    monkeypatch.setattr(os, "confstr", unknown, raising=False)
    assert malloc.rules({}) is None
    assert malloc.with_ours({"HOME": "/home/ada"}) == {"HOME": "/home/ada"}


TOLD = "import json, os, sys; print(json.dumps([os.environ.get('GLIBC_TUNABLES'), sys.argv[1:], sys.flags.utf8_mode, os.getpid()]))"


@needs_glibc
def test_the_command_begins_anew_with_them_as_the_same_process(tmp_path):
    """The same arguments, options of Python, and process number, so that signals reach it; what it starts has them, too."""
    (tmp_path / "sitecustomize.py").write_text(
        f"import atexit\n@atexit.register\ndef say():\n    {TOLD}\n", encoding="utf-8"
    )
    run = subprocess.Popen(
        [sys.executable, "-X", "utf8", "-m", "aitrain_nb", "--version"],
        env=PLAIN | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path(malloc.__file__).parents[1])])},
        stdout=subprocess.PIPE,
        text=True,
    )
    said = run.communicate(timeout=300)[0].splitlines()
    assert run.returncode == 0
    assert len(said) == 2, "the program that gave way says nothing"
    assert said[0].startswith("aitrain-nb ")
    assert json.loads(said[1]) == [malloc.TUNABLES, ["--version"], 1, run.pid]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("python -m aitrain_nb train", True), ("python -u -X dev -W error -m aitrain_nb", True), ("python -Im aitrain_nb", True),
        ("python /bin/aitrain-nb lab", True), ("python -P /bin/aitrain-nb.exe", True), ("python -m pdb -m aitrain_nb", False),
        ("python -m ipykernel_launcher -f aitrain-nb", False), ("python -", False), ("python -c aitrain-nb", False), ("python", False),
        ("python -X", False), ("python train.py -m aitrain_nb", False), ("python -i", False),
    ],
)  # fmt: skip
def test_only_the_command_itself_begins_anew(words, expected):
    assert is_the_command(words.split()) == expected


CALLS = "import sys; print('before'); sys.argv = ['aitrain-nb', '--version']; from aitrain_nb.__main__ import main; "
CALLS += "\ntry:\n    main()\nexcept SystemExit:\n    print('after')\n"


@needs_glibc
@pytest.mark.parametrize("way", ["on stdin", "as a word", "by runpy"])
def test_a_program_that_calls_the_command_goes_on(way):
    """It isn't begun anew: what it did is done once, and what comes after is done, too."""
    code = CALLS.replace("from aitrain_nb.__main__ import main", "import runpy").replace(
        "main()", "runpy.run_module('aitrain_nb', run_name='__main__')"
    )
    code = code if way == "by runpy" else CALLS
    given = ["-"] if way == "on stdin" else ["-c", code]
    run = subprocess.run(
        [sys.executable, *given], input=code, capture_output=True, text=True, check=True,
        env=PLAIN | {"PYTHONPATH": str(Path(malloc.__file__).parents[1])},
    )  # fmt: skip
    assert [line.split()[0] for line in run.stdout.splitlines()] == ["before", "aitrain-nb", "after"]


@needs_glibc
def test_an_empty_variable_is_as_none():
    assert malloc.rules(PLAIN | {"LD_PRELOAD": "", "MALLOC_ARENA_MAX": "", "GLIBC_TUNABLES": ""}) == "as it comes"


HOLES = """
import ctypes, os, sys
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
libc.posix_memalign.argtypes = [ctypes.POINTER(ctypes.c_void_p), ctypes.c_size_t, ctypes.c_size_t]
peak = lambda: next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("VmPeak"))
def tensor(size):
    place = ctypes.c_void_p()
    libc.posix_memalign(ctypes.byref(place), 64, size)
    return place
base, size = peak(), 1 << 20
for round in range(8):
    size += 4096
    blocks = [block for number in range(40) for block in (tensor(size), libc.malloc(24 + 16 * number))]
    for block in blocks:
        libc.free(block)
print((peak() - base) / (40 * size))
"""


@needs_glibc
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads memory from /proc")
def test_holes_of_tensors_are_joined_though_small_blocks_lay_between():
    """What a process takes over eight rounds, against the tensors of one: each round's a little larger than the holes of the one before."""
    lists = "glibc.malloc.tcache_count=0:glibc.malloc.mxfast=0:"
    assert malloc.TUNABLES.startswith(lists)
    own = {"with lists of small blocks": malloc.TUNABLES.removeprefix(lists), "ours": malloc.TUNABLES}
    taken = {}
    for way, tunables in own.items():
        run = subprocess.run(
            [sys.executable, "-c", HOLES], env=PLAIN | {"GLIBC_TUNABLES": tunables}, capture_output=True, text=True, check=True
        )  # fmt: skip
        taken[way] = float(run.stdout)
    assert taken["ours"] < 1.2
    assert taken["with lists of small blocks"] > taken["ours"]
