"""Shared by all tests: no network, one thread, small trainers."""

from __future__ import annotations

import gc
import os
import socket
import sys
import tempfile
from pathlib import Path

import forked_python
import pytest
import torch
from hypothesis import settings

import aitrain_nb as ai

INTERPRETER = sys.executable
torch.set_num_threads(1)
settings.register_profile("ci", derandomize=True)  # the same examples each time; elsewhere new ones are tried
settings.load_profile("ci" if os.environ.get("CI") else "default")

if hasattr(os, "fork") and "PYTEST_XDIST_WORKER" not in os.environ:  # its workers inherit the environment
    place = tempfile.TemporaryDirectory(prefix="forked")
    forked_python.install(Path(place.name))


def in_browser(nodeid: str) -> bool:
    """Is this a test of the folder tests/ui?"""
    return nodeid.startswith("tests/ui/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The browser tests come first: together they take longest, and the other files fill what remains."""
    items.sort(key=lambda item: not in_browser(item.nodeid))


def pytest_collection_finish() -> None:
    """What the imports and the collection left stays to the end: the garbage collector needn't walk over it again and again."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """What people wait for comes first: other tests take the processor time that the browser tests leave."""
    if not in_browser(item.nodeid) and hasattr(os, "nice") and os.nice(0) < 5 and "PYTEST_XDIST_WORKER" in os.environ:
        os.nice(5)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One process more than processors, at most four: the browser tests wait more than they compute."""
    return min(4, (os.cpu_count() or 1) + 1)


@pytest.hookimpl(optionalhook=True)  # a hook of pytest-xdist: `make test` spreads the tests over several processes
def pytest_xdist_make_scheduler(config, log):
    """A file is run by one process; the browser tests together are one, because they share a JupyterLab and a Chromium."""
    from xdist.scheduler import LoadFileScheduling

    class BrowserTogether(LoadFileScheduling):
        def _split_scope(self, nodeid):
            return "tests/ui" if in_browser(nodeid) else super()._split_scope(nodeid)

    return BrowserTogether(config, log)


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that reaches for another machine fails at once."""
    connect = socket.socket.connect

    def guarded(self, address):
        host = address[0] if isinstance(address, tuple) else str(address)
        if self.family != socket.AF_UNIX and host not in {"127.0.0.1", "::1", "localhost"}:
            raise AssertionError(f"a test tried to reach {host}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture
def make():
    """Trainers on real digits: a few steps, nothing printed."""

    def build(**fields) -> ai.Trainer:
        return ai.prepare(**({"model": "mlp", "max_steps": 20} | fields))

    return build


@pytest.fixture
def step():
    """Take one step by hand; gives the five records."""

    def take(trainer: ai.Trainer):
        batch = trainer.tokenize()
        for part in batch.parts:
            forward = trainer.forward(part)
            loss = trainer.loss(forward)
            gradients = trainer.backward(loss)
        return batch, forward, loss, gradients, trainer.update(gradients)

    return take


@pytest.fixture(scope="module")
def language() -> ai.Trainer:
    """A language model after three steps."""
    trainer = ai.prepare(
        data="tickets", task="text-generation", model="small-gpt", max_length=32, max_steps=3, evaluate_every=0
    )
    trainer.fit("none")
    return trainer


@pytest.fixture
def lose_a_number():
    """Lose a number of the model, so that the losses of all steps after this one are NaN."""

    def plan(trainer: ai.Trainer, after: int) -> None:
        def lose(record):
            if isinstance(record, ai.Update) and record.step == after:
                with torch.no_grad():
                    trainer.model.output.bias[0] = float("nan")

        trainer.watchers.append(lose)

    return plan


@pytest.fixture
def refused():
    """What a call is refused with: an error of this kind that says what, why and one fix."""

    def check(call, kind: type[ai.AitrainError], says: str) -> str:
        with pytest.raises(ai.AitrainError) as caught:
            call()
        error = caught.value
        text = str(error)
        assert type(error) is kind, f"{type(error).__name__}: {error}"
        assert says in text, text
        assert error.what.rstrip()[-1] in ".:", error.what
        assert error.why
        assert error.fix
        assert len(error.fix) < 160
        return text

    return check


@pytest.fixture(scope="module")
def forked():
    """Pythons that this file starts, as `sys.executable`, are forked from one that has imported everything."""
    with pytest.MonkeyPatch.context() as patch:
        if forked_python.FOLDER in os.environ:
            patch.setattr("sys.executable", forked_python.executable())
        yield


@pytest.fixture
def fresh(monkeypatch):
    """Pythons and kernels that this test starts import what they need themselves, as at people's."""
    monkeypatch.setattr("sys.executable", INTERPRETER)
    monkeypatch.delenv("JUPYTER_PATH", raising=False)
