"""ONNX: the computation in the format that other runtimes, languages and browsers read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from aitrain_nb.errors import DataError
from aitrain_nb.exporting.formats.base import Format, Opened, opening, traced, without_remarks
from aitrain_nb.exporting.manifest import sample

if TYPE_CHECKING:
    from pathlib import Path

    from aitrain_nb.exporting.manifest import Manifest
    from aitrain_nb.trainer import Trainer

MODEL = "model.onnx"


class Onnx(Format):
    """One file for ONNX Runtime and others; any number of examples, texts of any length."""

    name = "onnx"
    about = "The computation for other runtimes, languages and browsers."
    packages = ("onnx", "onnxscript", "onnxruntime")

    def write(self, model: nn.Module, trainer: Trainer, folder: Path) -> None:
        """Write model.onnx."""
        with without_remarks():
            written = torch.onnx.export(
                traced(model, trainer), dynamo=True, verbose=False, input_names=list(sample(trainer, 1)), output_names=["logits"]
            )  # fmt: skip
        assert written is not None
        written.save(folder / MODEL)

    def open(self, folder: Path, manifest: Manifest) -> nn.Module:
        """A session of ONNX Runtime on the processor."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors only
        options.intra_op_num_threads = torch.get_num_threads()
        with opening(MODEL, folder):
            session = onnxruntime.InferenceSession(folder / MODEL, options, providers=["CPUExecutionProvider"])
        names = [given.name for given in session.get_inputs()]
        if names != list(manifest.inputs):
            raise DataError(
                f"{MODEL} in {folder.name!r} is of another model.", f"It takes {', '.join(names)}.", "Export it again."
            )

        def answer(*tensors: Tensor) -> Tensor:
            given = dict(zip(names, (tensor.numpy() for tensor in tensors), strict=True))
            return torch.from_numpy(session.run(None, given)[0])

        return Opened(answer, names)

    def loading(self, manifest: Manifest, folder: Path) -> str:
        """With ONNX Runtime and NumPy."""
        del folder
        given = ", ".join(f'"{name}": {name}' for name in manifest.inputs)
        return (
            f'import onnxruntime\n\nsession = onnxruntime.InferenceSession("{MODEL}")\n'
            f"logits = session.run(None, {{{given}}})[0]  # NumPy arrays"
        )


FORMAT = Onnx()
