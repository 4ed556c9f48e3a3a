"""Processes that train one run together, as a launcher starts them, forked from one that has imported all; and what each does."""

from __future__ import annotations

import json
import multiprocessing
import os
import socket
import traceback
from typing import TYPE_CHECKING

import torch

import aitrain_nb as ai

if TYPE_CHECKING:
    from pathlib import Path


_IMPORTED = (
    "aitrain_nb.trainer", "aitrain_nb.loading", "aitrain_nb.run_folder.card", "accelerate.utils.fsdp_utils", "sklearn.datasets",
    "torch.distributed.fsdp", "transformers.models.bert.modeling_bert", "transformers.models.gpt2.modeling_gpt2", "matplotlib.pyplot",
)  # fmt: skip
"""What takes long to import, in the process that the others are forked from."""


def run_together(scenario, folder: Path, count: int = 2, variables: dict | None = None, **options) -> list[dict]:
    """What the function `scenario(folder, rank, **options)` gives in each process; an error as {"error": its name, "words": its text}.

    Args:
        scenario: of this module.
        folder: for its files.
        count: of processes.
        variables: of the environment, besides those of a launcher.
        options: for the scenario.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*_IMPORTED, __name__])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder.mkdir(exist_ok=True, parents=True)
    processes = [
        context.Process(
            target=_begin, args=(scenario, folder, rank, count, port, variables or {}, options), daemon=True
        )
        for rank in range(count)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        assert process.exitcode is not None, "it hangs"
    places = [folder / f"told-{rank}.json" for rank in range(count)]
    return [json.loads(place.read_text()) if place.exists() else {"killed": True} for place in places]


def _begin(scenario, folder: Path, rank: int, count: int, port: int, variables: dict, options: dict) -> None:
    os.environ |= variables | {
        "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    torch.set_num_threads(1)
    try:
        told = scenario(folder, rank, **options)
    except Exception as error:  # noqa: BLE001  it is told to the test
        told = {"error": type(error).__name__, "words": str(error), "trace": traceback.format_exc()}
    (folder / f"told-{rank}.json").write_text(json.dumps(told))


def made(chance: float | None = None, **options):
    """A trainer; `chance` sets all its dropouts."""
    trainer = ai.prepare(**{"threads": 1} | options)
    for module in trainer.model.modules() if chance is not None else ():
        if isinstance(module, torch.nn.Dropout):
            module.p = chance
    return trainer


def about(trainer) -> dict:
    """What is compared."""
    rows = trainer.history.frame().to_dict("records")
    return {
        "losses": [row["loss"] for row in rows], "norms": [row["grad_norm"] for row in rows],
        "evaluations": [[row["eval_loss"], row["eval_accuracy"]] for row in trainer.history.evaluations],
        "counted": [row["targets"] for row in rows],
        "weights": trainer.fingerprint(), "step": trainer.step, "ending": str(trainer.ending), "kept": trainer.kept_step,
        "changes": [list(change) for change in trainer.history.changes],
    }  # fmt: skip


def train(folder: Path, rank: int, **options) -> dict:
    """A whole run."""
    trainer = made(**options)
    trainer.fit("none", output_dir=folder / "run" if folder.name != "alone" else None)
    return about(trainer) | {"writes": rank == 0}


def train_and_go_on(folder: Path, rank: int, stop_at: int, **options) -> dict:
    """A run that one watcher of one process stops, and that new trainers go on with from the folder."""
    trainer = made(**options)

    def watch(record) -> None:
        if rank == 1 and type(record).__name__ == "Update" and record.step == stop_at:
            raise ai.StopTraining("enough")

    trainer.watchers.append(watch)
    trainer.fit("none", output_dir=folder / "run")
    first = about(trainer)
    torch.distributed.barrier()
    again = ai.load_run(folder / "run")
    again.fit("none", output_dir=folder / "run")
    return {"first": first, "whole": about(again)}


def train_in_parts(folder: Path, rank: int, parts: list[int], **options) -> dict:
    """A run that goes on twice: with the same trainer, and with a new one from the folder."""
    trainer = made(**options | {"max_steps": parts[0]})
    trainer.fit("none", output_dir=folder / "run")
    trainer.fit("none", output_dir=folder / "run", max_steps=parts[1])
    first = about(trainer)
    torch.distributed.barrier()
    again = ai.load_run(folder / "run")
    again.fit("none", output_dir=folder / "run", max_steps=parts[2])
    return {"first": first, "whole": about(again)}


def lose_one(folder: Path, rank: int, at: int, **options) -> dict:
    """The second process dies in the middle of a step."""
    trainer = made(**options)

    def watch(record) -> None:
        if rank == 1 and type(record).__name__ == "Loss" and record.step == at:
            os._exit(9)

    trainer.watchers.append(watch)
    trainer.fit("none", output_dir=folder / "run")
    return about(trainer)


def spoil_share(folder: Path, rank: int, at: int, how: str, **options) -> dict:
    """Something happens to the share of the second process alone: its numbers aren't finite, or its memory runs out."""
    trainer = made(**options)
    outputs = trainer.task.outputs

    def spoilt(model, inputs):
        given = outputs(model, inputs)
        if rank == 1 and trainer.is_in_step and trainer.step + 1 == at:
            if how == "memory":
                raise torch.OutOfMemoryError("out of memory: 7 GB")
            return given * float("nan")
        return given

    trainer.task.outputs = spoilt
    trainer.fit("none", output_dir=folder / "run")
    return about(trainer)
