"""A little of what `make torture` does: the kinds that nothing else in the suite tries, on one task."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

pytest.importorskip("resource", reason="limits of a process are a matter of Unix")
sys.path.insert(0, str(Path(__file__).parent))

from torture import ENDINGS, Case, cut_while_saving, ended, interrupted, killed_at


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    return Case("images", tmp_path_factory.mktemp("torture") / "run", max_steps=16, evaluate_every=4, epochs=1)


@pytest.mark.parametrize(("step", "phase"), [(2, "update"), (5, "tokenize"), (9, "backward"), (16, "update")])
def test_killed(case, step, phase):
    killed_at(case, step, phase, save_every=3)


@pytest.mark.parametrize("count", [0, 1, 4096, 30_000, 60_001])
def test_killed_by_the_system_in_the_middle_of_a_write(case, count):
    cut_while_saving(case, 9, count, kills=True)


def test_a_disk_that_is_full_for_a_while(case):
    cut_while_saving(case, 9, 30_000, kills=False)


def test_interrupted_at_random_moments(case):
    interrupted(case, random.Random(3), 6)


@pytest.mark.parametrize("kind", ENDINGS)
def test_an_ending_in_a_folder(case, kind):
    ended(case, kind, 7)
