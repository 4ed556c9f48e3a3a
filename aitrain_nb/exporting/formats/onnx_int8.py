"""ONNX with weights and activations of 8 bits: smaller where dense layers hold the weights, quicker where ONNX Runtime has kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aitrain_nb.exporting.formats.base import without_remarks
from aitrain_nb.exporting.formats.onnx import MODEL, Onnx

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

    from aitrain_nb.trainer import Trainer


class OnnxInt8(Onnx):
    """Dynamic quantization by ONNX Runtime: weights are rounded once, activations by the range that each input gives them.

    https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html
    """

    name = "onnx-int8"
    about = "ONNX, weights and activations of 8 bits: dense layers take a quarter of the size, and mostly less time."
    tolerance = None

    def write(self, model: nn.Module, trainer: Trainer, folder: Path) -> None:
        """Write model.onnx."""
        from onnxruntime.quantization import QuantType, quantize_dynamic

        super().write(model, trainer, folder)
        whole = folder / MODEL
        wide = whole.rename(folder / f"wide-{MODEL}")
        with without_remarks():
            quantize_dynamic(wide, whole, weight_type=QuantType.QInt8, per_channel=True)
        wide.unlink()


FORMAT = OnnxInt8()
