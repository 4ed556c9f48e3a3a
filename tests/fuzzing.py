"""Damaged input, made at random: everything either works or says what is wrong. `make fuzz`, or `python tests/fuzzing.py --minutes 1`.

Valid files are damaged (bits, cuts, insertions, values of another kind, files that are gone, swapped or links) and given to what reads
them: the readers of data, configs, run folders and logs, and the command line. A case fails where

- anything but an AitrainError with its three sentences comes out, or a command shows a traceback,
- it takes longer than SECONDS_A_CASE, or more than MEMORY_BYTES of memory,
- it reads or writes outside of its folder, starts a program, reaches for the network, or loads a pickle.

Cases run in forked children, many in each: a child that hangs or dies is replaced. Same seed, same cases.
"""

from __future__ import annotations

import argparse
import faulthandler
import importlib
import json
import os
import random
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent))

import fuzz_targets
import torch
from fuzz_damage import damaged

from aitrain_nb import hub

SECONDS_A_CASE = 20.0
MEMORY_BYTES = 3 * 2**30
CASES_A_CHILD = 300


class Failure(NamedTuple):
    """A case that neither worked nor said what is wrong.

    Attributes:
        number: of the case; with the seed it gives the same files again.
        kind: the name of its target.
        why: what went wrong, the last frames with it.
    """

    number: int
    kind: str
    why: str


class Report(NamedTuple):
    """What a slice of fuzzing found.

    Attributes:
        seed: of all cases.
        seconds: how long it took.
        outcomes: "target: worked", "target: refused" and so on, with their counts.
        failures: the first of each kind.
    """

    seed: int
    seconds: float
    outcomes: Counter
    failures: list[Failure]

    def text(self) -> str:
        """Lines to print."""
        cases = sum(self.outcomes.values())
        lines = [
            f"{cases:,} cases in {self.seconds:.0f} s ({cases / max(self.seconds, 1e-9):.1f} a second), seed {self.seed}"
        ]
        lines += [f"  {name}: {count:,}" for name, count in sorted(self.outcomes.items())]
        lines += [f"FAILED case {one.number} ({one.kind}):\n{one.why}" for one in self.failures]
        return "\n".join(lines)


def fuzz(seconds: float, seed: int, kept: Path, only: str = "", first: int = 0) -> Report:
    """Run cases for so long; files of those that fail stay in the folder `kept`.

    Args:
        seconds: how long.
        seed: of all cases.
        kept: an empty folder.
        only: run the targets whose name holds this.
        first: number of the first case.
    """
    began, number, outcomes, failures = time.monotonic(), first, Counter(), []
    seen: set[str] = set()
    for name in (
        "MPLCONFIGDIR",
        "TORCHINDUCTOR_CACHE_DIR",
    ):  # where libraries keep what they found out about this machine
        os.environ[name] = str(kept / "caches" / name)
    for name in ("bert.modeling_bert", "gpt2.modeling_gpt2"):  # once, not in every child that makes such a model
        importlib.import_module(f"transformers.models.{name}")
    seeds = kept / "valid"
    targets = [target for target in fuzz_targets.TARGETS if only in target.name]
    _make_valid(seeds)
    while (left := began + seconds - time.monotonic()) > 0:
        number, found = _in_a_child(number, seed, left, kept, targets, outcomes)
        for failure in found:
            place = failure.kind + failure.why[-300:]
            if place in seen:
                shutil.rmtree(kept / f"case-{failure.number}", ignore_errors=True)
            else:
                seen.add(place)
                failures.append(failure)
    return Report(seed, time.monotonic() - began, outcomes, failures)


def _make_valid(seeds):
    """Write the valid inputs in a process of their own: what forks later must never have computed on several threads."""
    child = os.fork()
    if child == 0:
        try:
            fuzz_targets.make_valid(seeds)
        except BaseException:  # noqa: BLE001  told, and the parent ends
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0, "the valid inputs could not be made"


def _in_a_child(number, seed, seconds, kept, targets, outcomes):
    """Run cases from this number on in a forked child; the next number, and the failures."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _run_cases(number, seed, seconds, kept, targets, writer)
    os.close(writer)
    failures, current, text = [], None, b""
    deadline = time.monotonic() + SECONDS_A_CASE
    with os.fdopen(reader, "rb", buffering=0) as stream:
        while True:
            ready, _, _ = select.select([stream], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                os.kill(child, signal.SIGUSR1)  # faulthandler writes where it hangs
                time.sleep(0.3)
                os.kill(child, signal.SIGKILL)
                break
            more = stream.read(1 << 16)
            if not more:
                break
            deadline = time.monotonic() + SECONDS_A_CASE
            *lines, text = (text + more).split(b"\n")
            for line in lines:
                word, *rest = json.loads(line)
                if word == "begin":
                    current = rest
                    number = rest[0] + 1
                else:
                    current = None
                    outcomes[f"{rest[1]}: {word}"] += 1
                    failures += [Failure(*rest)] if word == "failed" else []
    _, status = os.waitpid(child, 0)
    if current is not None:
        trace = kept / "hanging"
        why = f"the process ended or hung: status {status}\n{trace.read_text() if trace.exists() else ''}"
        failures.append(Failure(*current, why))
        outcomes[f"{current[1]}: failed"] += 1
    return number, failures


def _run_cases(number, seed, seconds, kept, targets, writer):
    """In the child: never returns."""
    code = 1
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        hanging = (kept / "hanging").open("w")
        faulthandler.register(signal.SIGUSR1, hanging)
        soft = _memory_bytes() + MEMORY_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (soft, resource.RLIM_INFINITY))
        torch.set_num_threads(1)
        hub.reachable = lambda: False  # a name may be one of the hub; looking for it there is meant
        guard = Guard()
        end = time.monotonic() + seconds
        for case in range(number, number + CASES_A_CHILD):
            target = _target(seed, case, targets)
            os.write(writer, json.dumps(["begin", case, target.name]).encode() + b"\n")
            word, *why = _run_case(case, seed, target, kept, guard)
            os.write(writer, json.dumps([word, case, target.name, *why]).encode() + b"\n")
            if time.monotonic() > end:
                break
        code = 0
    except BaseException:  # noqa: BLE001  a forked child must never come back
        traceback.print_exc()
    finally:
        os._exit(code)


def _memory_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _target(seed, case, targets):
    weights = [target.weight for target in targets]
    return random.Random(f"{seed} {case}").choices(targets, weights)[0]


def _run_case(case, seed, target, kept, guard):
    """Make the files of a case and give them to their reader: "worked", "refused", or "failed" and why."""
    chance = random.Random(f"{seed} {case} {target.name}")
    room = kept / f"case-{case}"
    folder = room / "here"
    folder.mkdir(parents=True)
    sentinel = room / "outside"
    fuzz_targets.plant(sentinel)
    made = target.make(chance, kept / "valid", folder)
    damaged(chance, folder, sentinel, target.least)
    before = fuzz_targets.listing(sentinel)
    before_memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    shutil.copytree(folder, room / "as-given", symlinks=True)
    os.chdir(folder)
    try:
        with guard.watching(folder, kept / "valid", kept / "caches"):
            word, why = fuzz_targets.outcome(target, made, folder)
    finally:
        os.chdir(kept)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_memory) * 1024
    if guard.seen:
        word, why = "failed", f"did what it must not: {guard.seen[:3]}"
    elif fuzz_targets.listing(sentinel) != before:
        word, why = "failed", "a file outside of its folder is no longer what it was"
    elif grown > MEMORY_BYTES / 3:
        word, why = "failed", f"took {grown / 2**20:,.0f} MB of memory"
    if word == "failed":
        (room / "why.txt").write_text(f"{why}\n{made!r}\n", encoding="utf-8", errors="replace")
        return word, why
    shutil.rmtree(room, ignore_errors=True)
    return (word,)


class Guard:
    """An audit hook that notes what a case must not do; a hook can't be taken away, so it is switched on and off."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self._is_on = False
        self._own: tuple[str, ...] = ()
        self._library = tuple(
            {
                os.path.realpath(place)
                for place in (*sys.path, sys.prefix, sys.base_prefix, "/usr", "/proc", "/sys", "/dev")
                if place
            }
        )
        sys.addaudithook(self._note)

    def watching(self, folder: Path, *more: Path):
        """Inside, what a case does outside of these folders is noted in `seen`."""
        self.seen = []
        self._own = tuple(os.path.realpath(place) for place in (folder, *more)) + tuple(map(str, (folder, *more)))
        return self

    def __enter__(self):
        self._is_on = True

    def __exit__(self, *_):
        self._is_on = False

    def _note(self, event, given):
        if not self._is_on or event not in _EVENTS:
            return
        self._is_on = False
        try:
            if event == "subprocess.Popen" and given[1][-2:] == ["rev-parse", "HEAD"]:
                return  # which commit a run was trained at
            places = _EVENTS[event](given)
            if places is None:
                self.seen.append(f"{event} {str(given)[:200]}")
                return
            writes = event != "open" or _writes(given)
            for place in places:
                named = isinstance(place, (str, bytes, os.PathLike))
                if named and not self._may(os.fsdecode(place), writes=writes, itself=event == "os.remove"):
                    self.seen.append(f"{event} {os.fsdecode(place)} {'(writes)' if writes else '(reads)'} {_caller()}")
        finally:
            self._is_on = True

    def _may(self, place, *, writes, itself=False):
        if "\0" in place:
            return True
        path = Path.cwd() / place
        followed = os.path.realpath(path) if writes else os.path.normpath(path)  # a person's own links may be read
        real = (
            str(path.parent.resolve() / path.name) if itself else followed
        )  # a link that goes leaves what it leads to
        if (
            writes and real == f"/proc/{os.getpid()}/clear_refs"
        ):  # no file: the highest memory of this process begins anew
            return True
        allowed = self._own if writes else (*self._own, *self._library, "/etc/localtime", "/etc/mime.types")
        return real in {os.devnull, *allowed} or any(real.startswith(one + os.sep) for one in allowed)


def _writes(given):
    _, mode, flags = given
    if isinstance(mode, str):
        return any(letter in mode for letter in "wax+")
    return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


def _caller():
    frames = [frame for frame in traceback.extract_stack() if "aitrain_nb" in frame.filename]
    return f"from {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""


_EVENTS = {
    "open": lambda given: [given[0]],
    **dict.fromkeys(("os.rename", "os.link", "os.symlink"), lambda given: list(given[:2])),
    **dict.fromkeys(("os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.chmod", "os.chown", "os.utime"), lambda given: [given[0]]),
    **dict.fromkeys(
        ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "socket.connect", "socket.getaddrinfo", "socket.bind",
         "pickle.find_class"), lambda _: None,
    ),
}  # fmt: skip
"""What is watched -> the paths it touches, or None where it may never happen."""


def main() -> int:
    """Fuzz, print what was found; 1 where anything failed."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--minutes", type=float, default=10.0)
    ask.add_argument("--seed", type=int, default=None, help="a random one by default; it is printed")
    ask.add_argument("--only", default="", help="targets whose name holds this")
    ask.add_argument("--first", type=int, default=0, help="number of the first case")
    given = ask.parse_args()
    seed = random.SystemRandom().randrange(10**6) if given.seed is None else given.seed
    kept = Path(tempfile.mkdtemp(prefix="aitrain-nb-fuzz-"))
    print(f"seed {seed}, files in {kept}", flush=True)
    report = fuzz(given.minutes * 60, seed, kept, given.only, given.first)
    print(report.text())
    if not report.failures:
        shutil.rmtree(kept)
    return bool(report.failures)


if __name__ == "__main__":
    sys.exit(main())
