"""Everything that can cut a run short, many times over: python tests/torture.py [--seed 0] (`make torture`, some minutes).

It kills a run at every step of two epochs on three tasks, kills it while it writes a checkpoint after a random number of bytes,
interrupts it at random moments, fills its disk, and lets it end in six ways. Each time the run goes on from its folder and must end with
the same weights and the same rows, to the last bit, as one that nobody disturbed. `tests/test_torture.py` does a little of each.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import pytest
import torch
from surviving import DIGITS, LANGUAGE, TICKETS, end_at, kill_at, killed, no_file_longer_than, prepared, told

import aitrain_nb as ai
from aitrain_nb.records import Saved

TASKS = ("images", "texts", "language")
PHASES = ("tokenize", "forward", "loss", "backward", "update")


def two_epochs(name: str, folder: Path) -> dict:
    """The fields of a run of two epochs, about 40 steps, on digits or on some of the bundled texts, which are put into the folder."""
    if name == "images":
        return DIGITS | {"batch_size": 64, "learning_rate": 0.003}
    rows = (Path(ai.__file__).parent / "bundled" / "tickets.tsv").read_text(encoding="utf-8").splitlines()
    more = {"max_steps": None, "epochs": 2, "evaluate_every": 7}
    if name == "texts":
        path = folder / "tickets.tsv"
        path.write_text("\n".join([*rows[:1], *rows[1::4]]), encoding="utf-8")
        return TICKETS | more | {"data": str(path)}
    path = folder / "texts.txt"
    path.write_text("\n".join(row.split("\t")[0] for row in rows[1::36]), encoding="utf-8")
    return LANGUAGE | more | {"data": str(path)}


class Case:
    """A run that is disturbed in a folder of its own, and the same run undisturbed.

    Args:
        name: of the task.
        folder: where the disturbed ones are written.
        more: changed fields.
    """

    def __init__(self, name: str, folder: Path, **more) -> None:
        self.fields, self.folder, self.name = two_epochs(name, folder.parent) | more, folder, name
        self.whole = prepared(self.fields)
        self.steps = self.whole.total_steps
        self.whole.fit(display="none")
        self.expected = told(self.whole)

    def fresh(self, **more):
        """A trainer that nobody has disturbed yet, and an empty folder."""
        shutil.rmtree(self.folder, ignore_errors=True)
        return prepared(self.fields, **more)

    def goes_on(self) -> None:
        """Go on from the folder to the end; raises AssertionError where it ends as another run."""
        loaded = ai.load_run(self.folder)
        loaded.fit(display="none", output_dir=self.folder)
        self.check(loaded)
        self.check(ai.load_run(self.folder))

    def check(self, trainer) -> None:
        """Raise AssertionError where the trainer doesn't stand where the undisturbed one does."""
        fingerprint, rows, ending = told(trainer)
        assert (fingerprint, rows) == self.expected[:2], f"{self.name}: it went on as another run"
        assert ending.kept == self.expected[2].kept, f"{self.name}: it kept other weights"
        assert not list(self.folder.rglob("*.draft")), f"{self.name}: half a file was left"


def killed_at(case: Case, step: int, phase: str, save_every: int | None) -> None:
    """Kill a run in this phase of this step, and go on."""
    trainer = case.fresh(save_every=save_every)
    kill_at(trainer, step, phase)
    assert killed(lambda: trainer.fit(display="none", output_dir=case.folder)), "it came to its end alive"
    if step <= (save_every or case.whole.steps_per_epoch):  # before the first checkpoint: it is said, and begun again
        with pytest.raises(ai.ConfigError, match="no weights yet"):
            ai.load_run(case.folder)
        prepared(case.fields).fit(display="none", output_dir=case.folder, overwrite=True)
        case.check(ai.load_run(case.folder))
    else:
        case.goes_on()


def cut_while_saving(case: Case, step: int, count: int, *, kills: bool) -> None:
    """Let no file grow beyond so many bytes while the checkpoint of this step is written, and go on."""
    trainer = case.fresh(save_every=3)
    inner = ai.trainer.RunWriter.save

    def save(writer, state):
        if trainer.step != step:
            return inner(writer, state)
        with no_file_longer_than(count, kills=kills):
            return inner(writer, state)

    def act():
        ai.trainer.RunWriter.save = save
        trainer.fit(display="none", output_dir=case.folder)

    try:
        if kills:
            assert killed(act, signal.SIGXFSZ), "it came to its end alive"
        else:
            said = []
            trainer.watchers.append(lambda record: said.append(record.trouble) if isinstance(record, Saved) else None)
            act()
            assert [bool(trouble) for trouble in said].count(True) == 1, said
            assert "too large" in " ".join(said)
    finally:
        ai.trainer.RunWriter.save = inner
    if step > 3 and kills:
        assert ai.load_run(case.folder).step == step - 3
        case.goes_on()
    elif not kills:
        case.check(ai.load_run(case.folder))


@contextmanager
def alarms_interrupt():
    """Inside, a timer's signal is an interrupt, and one that comes when no run goes on does nothing."""
    handlers = {signal.SIGALRM: lambda *_: os.kill(os.getpid(), signal.SIGINT), signal.SIGINT: lambda *_: None}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)


@alarms_interrupt()
def interrupted(case: Case, chance: random.Random, moments: int) -> int:
    """Interrupt runs at random moments, once or twice, until it has happened so often; how many runs that took."""
    done, runs = 0, 0
    while done < moments:
        trainer = case.fresh(save_every=2)
        runs += 1
        while trainer.ending is None or trainer.ending.state != "done":
            twice = chance.random() < 0.3
            signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.001, 0.15), 0.0005 if twice else 0)
            try:
                trainer.fit(display="none", output_dir=case.folder)
            except KeyboardInterrupt:
                done += 1
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
            done += trainer.ending.reason == "interrupted"
            if chance.random() < 0.5 and trainer.step:
                trainer = ai.load_run(case.folder)
        case.check(ai.load_run(case.folder))
    return runs


ENDINGS = ("last epoch", "stop", "watcher", "interrupt", "exception", "out of memory")


def ended(case: Case, kind: str, step: int) -> None:
    """End a run in this way after this step; what its folder holds is what the trainer held, and goes on."""
    trainer = case.fresh()
    end_at(trainer, kind, step)
    try:
        trainer.fit(display="none", output_dir=case.folder)
    except (ValueError, ai.OutOfMemoryError):
        assert kind in {"exception", "out of memory"}
    loaded = ai.load_run(case.folder)
    assert (loaded.step, loaded.fingerprint(), loaded.ending) == (trainer.step, trainer.fingerprint(), trainer.ending)
    if kind == "last epoch":
        case.check(loaded)
    else:
        assert loaded.step == step
        case.goes_on()


def all_of_it(seed: int, folder: Path, every: int = 1):
    """Each kind of torture: what it is, the cases as functions without arguments.

    Args:
        seed: of what is drawn at random.
        folder: where the runs are written.
        every: only each so many-th case.
    """
    chance = random.Random(seed)
    cases = {name: Case(name, folder / name) for name in TASKS}
    for name, case in cases.items():
        kills = [
            partial(killed_at, case, step, PHASES[step % len(PHASES)], (1, 3, None)[step % 3])
            for step in range(1, case.steps + 1)
        ]
        yield f"killed at every step of two epochs, {name}", kills[::every]
    for (name, case), kills in itertools.product(cases.items(), (True, False)):
        size = _checkpoint_bytes(case)
        count = 34 if kills else 4
        cuts = [partial(cut_while_saving, case, 3 * chance.randint(2, case.steps // 3 - 1), chance.randrange(20_000, size), kills=kills)
                for _ in range(count)]  # fmt: skip
        yield f"{'killed while saving, at random bytes' if kills else 'disk full while saving'}, {name}", cuts[::every]
    for name, case in cases.items():
        yield (
            f"interrupted at random moments, {name}",
            [partial(interrupted, case, chance, 17)][: 1 if every == 1 else 0],
        )
        ends = [partial(ended, case, kind, chance.randint(2, case.steps - 2)) for kind in ENDINGS]
        yield f"six endings, {name}", ends[:: min(every, 5)]


def _checkpoint_bytes(case: Case) -> int:
    trainer = case.fresh(save_every=3, max_steps=3)
    trainer.fit(display="none", output_dir=case.folder)
    return min(path.stat().st_size for path in (case.folder / "checkpoints").glob("step-*"))


def main() -> None:
    """Print a line for each kind; the exit code is 1 where a run was lost."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--every", type=int, default=1)
    options = arguments.parse_args()
    torch.set_num_threads(1)
    lost = 0
    with tempfile.TemporaryDirectory() as folder:
        for what, cases in all_of_it(options.seed, Path(folder), options.every):
            began, errors = time.perf_counter(), []
            for act in cases:
                try:
                    act()
                except Exception as error:  # noqa: BLE001  every case has its turn
                    errors.append(f"{act.args[1:]} {type(error).__name__}: {error}")
            lost += len(errors)
            print(
                f"{what:<60} {len(cases):>4} cases  {len(errors):>3} lost  {time.perf_counter() - began:6.1f} s",
                flush=True,
            )
            for error in errors[:3]:
                print(f"    {error}"[:600], flush=True)
    sys.exit(bool(lost))


if __name__ == "__main__":
    main()
