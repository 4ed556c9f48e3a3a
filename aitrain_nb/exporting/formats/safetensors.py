"""safetensors: the weights by name and the model's shape beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aitrain_nb.exporting import architecture
from aitrain_nb.exporting.formats.base import Format, opening
from aitrain_nb.placing import replace_tensors

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

    from aitrain_nb.exporting.manifest import Manifest
    from aitrain_nb.trainer import Trainer

WEIGHTS = "model.safetensors"


class Safetensors(Format):
    """The weights, exact to the last bit; opening them runs nobody's code."""

    name = "safetensors"
    about = "The weights by name, exact to the last bit; no code is run to open them."
    tolerance = 1e-6  # the same weights; attention may be computed another way there

    def check(self, trainer: Trainer) -> None:
        """Raise ConfigError where the model's shape is known to its code only."""
        super().check(trainer)
        architecture.check_known(trainer, self.name)

    def write(self, model: nn.Module, trainer: Trainer, folder: Path) -> None:
        """Write model.safetensors and architecture.json."""
        from safetensors.torch import save_model

        architecture.write_architecture(trainer, folder)
        replace_tensors(folder / WEIGHTS, lambda path: save_model(model, str(path)))

    def open(self, folder: Path, manifest: Manifest) -> nn.Module:
        """The model built anew, with the weights in it."""
        from safetensors.torch import load_model

        model = architecture.build(manifest, folder)
        with opening(WEIGHTS, folder):
            load_model(model, str(folder / WEIGHTS))
        return model.eval()

    def loading(self, manifest: Manifest, folder: Path) -> str:
        """The tensors alone."""
        del manifest, folder
        return f'from safetensors.torch import load_file\n\nweights = load_file("{WEIGHTS}")  # name -> tensor'


FORMAT = Safetensors()
