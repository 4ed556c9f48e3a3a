"""int8: every matrix as whole numbers of 8 bits with one scale a row; a quarter of the size, on disk and in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aitrain_nb.exporting import architecture
from aitrain_nb.exporting.formats.base import Format, opening
from aitrain_nb.exporting.rounding import Rounded, keep_as_codes, matrices, rounded
from aitrain_nb.placing import replace_tensors

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

    from aitrain_nb.exporting.manifest import Manifest
    from aitrain_nb.trainer import Trainer

WEIGHTS = "int8.safetensors"
_CODES, _SCALES = ".codes", ".scales"


class Int8(Format):
    """Weights of 8 bits, computed with as 32: smaller everywhere, as quick as before or a little slower."""

    name = "int8"
    about = "Weights rounded to 8 bits, a scale for each row: a quarter of the size."
    tolerance = None

    def check(self, trainer: Trainer) -> None:
        """Raise ConfigError where the model's shape is known to its code only."""
        super().check(trainer)
        architecture.check_known(trainer, self.name)

    def write(self, model: nn.Module, trainer: Trainer, folder: Path) -> None:
        """Write int8.safetensors and architecture.json."""
        from safetensors.torch import save_file

        tensors: dict[str, Tensor] = {}
        for name, weight in matrices(model):
            codes, scales = rounded(weight)
            tensors |= {f"{name}{_CODES}": codes, f"{name}{_SCALES}": scales}
        rounds = dict(matrices(model))
        rest = {**dict(model.named_parameters()), **dict(model.named_buffers())}
        tensors |= {name: tensor.detach() for name, tensor in rest.items() if name not in rounds}
        architecture.write_architecture(trainer, folder)
        whole = {name: tensor.contiguous().clone() for name, tensor in tensors.items()}
        replace_tensors(folder / WEIGHTS, lambda path: save_file(whole, str(path)))

    def open(self, folder: Path, manifest: Manifest) -> nn.Module:
        """The model built anew; its matrices stay whole numbers until they are used."""
        from safetensors.torch import load_file

        model = architecture.build(manifest, folder)
        with opening(WEIGHTS, folder):
            tensors = load_file(str(folder / WEIGHTS))
            kept = {
                name: Rounded(tensors.pop(f"{name}{_CODES}"), tensors.pop(f"{name}{_SCALES}"))
                for name, _ in matrices(model)
            }
            keep_as_codes(model, kept)
            absent = model.load_state_dict(tensors, strict=False).missing_keys
            if any(name.rsplit(".", maxsplit=1)[-1] not in {"codes", "scales"} for name in absent):
                raise ValueError(f"{WEIGHTS} lacks some of the model's tensors")
        return model.eval()

    def loading(self, manifest: Manifest, folder: Path) -> str:
        """The tensors alone, and how a matrix is made of them."""
        del manifest, folder
        return (
            f'from safetensors.torch import load_file\n\ntensors = load_file("{WEIGHTS}")\n'
            f'weight = tensors[name + "{_CODES}"].float() * tensors[name + "{_SCALES}"]'
        )


FORMAT = Int8()
