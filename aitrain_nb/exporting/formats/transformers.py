"""A folder as transformers writes it: from_pretrained and pipeline load it, and the hub takes it."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import torch

from aitrain_nb.errors import ConfigError
from aitrain_nb.exporting import architecture, mean_pooled
from aitrain_nb.exporting.formats.base import Format, opening
from aitrain_nb.models.pretrained import label_names, quiet_transformers
from aitrain_nb.models.texts import MeanPooledClassifier
from aitrain_nb.pixels import Pretrained, Standardize
from aitrain_nb.placing import replace_text

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

    from aitrain_nb.exporting.manifest import Manifest
    from aitrain_nb.trainer import Trainer

CODE = "mean_pooled.py"
_COLOURS = 3


class Transformers(Format):
    """Weights, config and tokenizer or image processor, for `transformers.pipeline`."""

    name = "transformers"
    about = "A folder that transformers loads with from_pretrained and pipeline."
    tolerance = 1e-5

    def check(self, trainer: Trainer) -> None:
        """Raise ConfigError where it is no model of transformers."""
        super().check(trainer)
        model = trainer.model
        if trainer.task.name not in architecture.AUTO or not (
            isinstance(model, MeanPooledClassifier) or architecture.is_of_transformers(model)
        ):
            raise ConfigError(
                f"A {trainer.config.model or type(model).__name__} can't be loaded by transformers.",
                "transformers has no model of that shape.", "Use format='safetensors', 'torch-export' or 'onnx'.",
            )  # fmt: skip

    def write(self, model: nn.Module, trainer: Trainer, folder: Path) -> None:
        """Write config.json, model.safetensors and what makes numbers of raw examples."""
        anything: Any = model
        with quiet_transformers():
            if isinstance(model, MeanPooledClassifier):
                anything = _as_mean_pooled(model, trainer)
                replace_text(folder / CODE, inspect.getsource(mean_pooled))
            elif trainer.data.label_names:
                for name, value in label_names(trainer.data.label_names).items():
                    setattr(anything.config, name, value)
            if "image" in trainer.data.train.columns and not isinstance(trainer.processor, Pretrained):
                _in_colour(anything)
                _image_processor(trainer).save_pretrained(folder)
            anything.save_pretrained(folder)

    def open(self, folder: Path, manifest: Manifest) -> nn.Module:
        """The model as transformers builds it; code that lies in the folder isn't run, ours is the same."""
        import transformers

        with opening("the model", folder), quiet_transformers():
            if (folder / CODE).is_file():
                config = mean_pooled.MeanPooledConfig.from_pretrained(folder, trust_remote_code=False)
                model: Any = mean_pooled.MeanPooledForSequenceClassification.from_pretrained(
                    folder, config=config, trust_remote_code=False, use_safetensors=True
                )
            else:
                auto = getattr(transformers, architecture.AUTO[manifest.task])
                model = auto.from_pretrained(folder, trust_remote_code=False, use_safetensors=True)
        return _Coloured(model).eval() if manifest.image[:1] == [1] else model.eval()

    def loading(self, manifest: Manifest, folder: Path) -> str:
        """With a pipeline of transformers."""
        trust = ", trust_remote_code=True" if (folder / CODE).is_file() else ""
        told = f"  # {CODE} beside the weights is the head" if trust else ""
        return (
            f'from transformers import pipeline\n\nask = pipeline("{manifest.task}", model="."{trust}){told}\nask(...)'
        )


def _as_mean_pooled(model: MeanPooledClassifier, trainer: Trainer) -> Any:
    """The same weights in the class whose code goes into the folder."""
    encoder: Any = model.encoder
    config = mean_pooled.MeanPooledConfig(architecture.as_dict(encoder.config), **label_names(trainer.data.label_names))
    written = mean_pooled.MeanPooledForSequenceClassification(config)
    written.load_state_dict(model.state_dict())
    module = CODE.removesuffix(".py")
    config.auto_map = {
        "AutoConfig": f"{module}.MeanPooledConfig",
        "AutoModelForSequenceClassification": f"{module}.MeanPooledForSequenceClassification",
    }
    return written.eval()


def _in_colour(model: Any) -> None:
    """Make of a model of grey images one of colour images that answers the same: pipelines make every image three channels."""
    if model.config.num_channels != 1:
        return
    model.config.num_channels = _COLOURS
    for module in model.modules():
        if isinstance(module, torch.nn.Conv2d) and module.in_channels == 1:
            module.in_channels = _COLOURS
            module.weight = torch.nn.Parameter(module.weight.detach().expand(-1, _COLOURS, -1, -1) / _COLOURS)
        if hasattr(module, "num_channels"):
            module.num_channels = _COLOURS


def _image_processor(trainer: Trainer) -> Any:
    """What transformers should do to an image of 0 to 255 so that the model sees what it was trained on."""
    from transformers import ViTImageProcessor

    height, width = trainer.data.train.columns["image"].shape[-2:]
    made = trainer.processor if isinstance(trainer.processor, Standardize) else None
    return ViTImageProcessor(
        size={"height": height, "width": width}, do_resize=True, do_rescale=True, rescale_factor=1 / 255, do_normalize=made is not None,
        image_mean=made.mean.expand(_COLOURS).tolist() if made is not None else None,
        image_std=made.std.expand(_COLOURS).tolist() if made is not None else None,
    )  # fmt: skip


class _Coloured(torch.nn.Module):
    """A model of colour images that is asked about grey ones."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self._model = model

    def forward(self, images: Tensor) -> Any:
        return self._model(images.expand(-1, _COLOURS, -1, -1))


FORMAT = Transformers()
