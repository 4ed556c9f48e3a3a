"""An exported folder opened and asked in a process of its own: `python -m aitrain_nb.exporting.asking FOLDER QUESTIONS ANSWERS`."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from aitrain_nb.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST_SECONDS = 900
_TOLD = 3


class Replies(NamedTuple):
    """What the other process said.

    Attributes:
        logits: of each batch, [B, ..., C].
        probabilities: of the raw examples [n, C], or None where there were none.
        load_seconds: until the model could be asked, the import of Python packages left out.
    """

    logits: list[Tensor]
    probabilities: Tensor | None
    load_seconds: float


def ask_in_fresh_process(
    folder: Path, batches: Sequence[dict[str, Tensor]], raw: Sequence[str] | Tensor | None, threads: int
) -> Replies:
    """What a fresh Python process answers that has nothing but the folder.

    Args:
        folder: of the export.
        batches: inputs as the model takes them.
        raw: raw examples for `predict`: texts, or images in the raw range of the data.
        threads: of torch.

    Raises:
        ModelError: it could not open or ask it; its last words are in the sentence.
    """
    with tempfile.TemporaryDirectory() as place:
        questions, replies = Path(place) / "questions.safetensors", Path(place) / "replies.safetensors"
        tensors = {
            f"{number}.{name}": value.contiguous()
            for number, batch in enumerate(batches)
            for name, value in batch.items()
        }
        texts = []
        if isinstance(raw, Tensor):
            tensors["raw"] = raw.contiguous()
        elif raw is not None:
            texts = list(raw)
        save_file(
            tensors,
            str(questions),
            {
                "texts": json.dumps(texts),
                "names": json.dumps(list(batches[0])),
                "threads": str(threads),
            },
        )
        command = [sys.executable, "-m", "aitrain_nb.exporting.asking", str(folder), str(questions), str(replies)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_MOST_SECONDS, check=False)  # noqa: S603  our own interpreter
        if done.returncode or not replies.is_file():
            last = " ".join(done.stderr.strip().splitlines()[-_TOLD:])[-400:]
            raise ModelError(
                "The exported model can't be opened by another process.", last or f"It ended with {done.returncode}.",
                "Export it in another format.",
            )  # fmt: skip
        found = load_file(str(replies))
        logits = [found[f"logits.{number}"] for number in range(len(batches))]
        return Replies(logits, found.get("probabilities"), float(found["load_seconds"]))


@torch.no_grad()
def _reply(folder: Path, questions: Path, replies: Path) -> None:
    from aitrain_nb.exporting.serving import load_exported

    with safe_open(str(questions), "pt") as file:
        about = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  it is no dictionary
    torch.set_num_threads(int(about["threads"]))
    names: list[str] = json.loads(about["names"])
    began = perf_counter()
    opened = load_exported(folder, trusted=True)  # it was written by this very package a moment ago
    found: dict[str, Any] = {"load_seconds": torch.tensor(perf_counter() - began, dtype=torch.float64)}
    for number in count():
        if f"{number}.{names[0]}" not in tensors:
            break
        inputs = {name: tensors[f"{number}.{name}"] for name in names}
        found[f"logits.{number}"] = opened.task.outputs(opened.model, inputs).contiguous()
    raw = tensors.get("raw", json.loads(about["texts"]))
    if len(raw):
        answers = opened.predict(raw)
        shares = [name for name in answers.columns if name.startswith("p(")]
        found["probabilities"] = torch.tensor(answers[shares or ["probability"]].to_numpy().copy()).contiguous()
    save_file(found, str(replies))


if __name__ == "__main__":
    _reply(*map(Path, sys.argv[1:4]))
