"""Runs that are killed, interrupted or short of room, and what must be the same when they have gone on."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager, suppress

import torch

import aitrain_nb as ai

DIGITS = {"data": "digits", "model": "small-cnn", "batch_size": 256, "epochs": 2, "learning_rate": 0.01}  # 12 steps
TICKETS = {
    "data": "tickets", "model": "small-encoder", "vocabulary_size": 300, "max_length": 12, "batch_size": 16, "max_steps": 6,
    "evaluate_every": 3, "evaluation_examples": 32,
}  # fmt: skip
LANGUAGE = {
    "data": "tickets", "task": "text-generation", "model": "small-gpt", "vocabulary_size": 300, "max_length": 16, "batch_size": 8,
    "max_steps": 6, "evaluate_every": 3, "evaluation_examples": 8,
}  # fmt: skip


def prepared(fields, **more):
    """A trainer on one thread, which a fork needs, that prints little."""
    return ai.prepare(**{"threads": 1, "log_every": 100} | fields | more)


def told(trainer):
    """What must be the same, to the last bit."""
    columns = [name for name in trainer.history.frame().columns if name != "seconds"]
    ending = trainer.ending
    trainer.resume()
    return trainer.fingerprint(), trainer.history.frame()[columns].to_csv(), ending


def killed(act, by=signal.SIGKILL):
    """Run in a child process that is killed by this signal; whether it was."""
    child = os.fork()
    if not child:
        with suppress(BaseException):
            act()
        os._exit(0)  # it came to the end alive
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == by


def kill():
    """End this process at once."""
    os.kill(os.getpid(), signal.SIGKILL)


def kill_at(trainer, step, phase="update"):
    """End the process when this phase of this step has been told."""

    def watch(record):
        if getattr(record, "phase", "") == phase and record.step == step:
            kill()

    trainer.watchers.append(watch)


def end_at(trainer, kind, step):
    """Have the run end in this way after this step: "stop", "watcher", "interrupt", "exception" or "out of memory"; else by itself."""

    def watch(record):
        if not (isinstance(record, ai.Update) and record.step == step):
            return
        if kind == "stop":
            trainer.stop("the Stop button")
        elif kind == "watcher":
            raise ai.StopTraining("a watcher")
        elif kind == "interrupt":
            os.kill(os.getpid(), signal.SIGINT)
        elif kind == "exception":
            raise ValueError("a bug")
        elif kind == "out of memory":
            trainer.model.register_forward_pre_hook(run_out_of_memory, with_kwargs=True)

    trainer.watchers.append(watch)


def run_out_of_memory(model, inputs, named, *, most=0, also_in_evaluation=False):
    """A hook before forward: the device's memory holds `most` examples."""
    examples = len(next(iter((*inputs, *named.values()))))
    if examples > most and (model.training or also_in_evaluation):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


@contextmanager
def no_file_longer_than(count, *, kills):
    """Inside, the system lets no file of this process grow beyond so many bytes.

    Args:
        count: bytes.
        kills: the process is killed in mid-write (SIGXFSZ); else the write fails, as on a full disk.
    """
    import resource  # which Windows lacks

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_DFL if kills else signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (count, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
