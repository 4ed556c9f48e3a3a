"""Processes that train, for the tests that watch them from outside: forked from one that has imported everything, once a session."""

from __future__ import annotations

import multiprocessing
from typing import TYPE_CHECKING

import torch

import aitrain_nb as ai

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess
    from pathlib import Path


def started(folder: Path, **options) -> BaseProcess:
    """A process that trains into this folder, once its trainer is there; options of `prepare`, and `pace`."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["aitrain_nb.trainer", "sklearn.datasets", __name__])
    is_ready = context.Event()
    process = context.Process(target=train, args=(folder, is_ready, options), daemon=True)
    process.start()
    assert is_ready.wait(300), "it never came to train"
    return process


def train(folder: Path, is_ready, options: dict) -> None:
    """In the process."""
    torch.set_num_threads(1)
    pace = options.pop("pace", 0)
    trainer = ai.prepare(**{"model": "mlp", "threads": 1} | options)
    is_ready.set()
    trainer.fit("none", pace=pace, output_dir=folder)
