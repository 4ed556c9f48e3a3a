"""torch.export: the computation itself, which torch runs without the Python code of the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from aitrain_nb.exporting.formats.base import Format, Opened, opening, traced, without_remarks

if TYPE_CHECKING:
    from pathlib import Path

    from aitrain_nb.exporting.manifest import Manifest
    from aitrain_nb.trainer import Trainer

PROGRAM = "model.pt2"


class TorchExport(Format):
    """One file that torch runs from Python, or, compiled ahead of time, from C++."""

    name = "torch-export"
    about = "The computation as one file that torch runs without the model's code."
    runs_code = True

    def write(self, model: nn.Module, trainer: Trainer, folder: Path) -> None:
        """Write model.pt2."""
        with without_remarks():
            torch.export.save(traced(model, trainer), folder / PROGRAM)

    def open(self, folder: Path, manifest: Manifest) -> nn.Module:
        """The program; torch unpickles parts of such a file, which may run code."""
        with opening(PROGRAM, folder), without_remarks():
            program = torch.export.load(folder / PROGRAM)
        module = program.module()
        return Opened(module.forward, list(manifest.inputs))  # the module itself knows no train() and eval()

    def loading(self, manifest: Manifest, folder: Path) -> str:
        """With torch alone."""
        del folder
        names = ", ".join(manifest.inputs)
        return (
            f'import torch\n\nprogram = torch.export.load("{PROGRAM}").module()  # only of people you trust: it may run code\n'
            f"logits = program({names})"
        )


FORMAT = TorchExport()
