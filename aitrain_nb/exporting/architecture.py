"""A model's shape written down and built again: by its name, or as a config of transformers. No code travels with it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from torch import nn

from aitrain_nb.errors import ConfigError, DataError
from aitrain_nb.models import images
from aitrain_nb.models.pretrained import quiet_transformers
from aitrain_nb.models.texts import MeanPooledClassifier
from aitrain_nb.placing import replace_text

if TYPE_CHECKING:
    from pathlib import Path

    from aitrain_nb.exporting.manifest import Manifest
    from aitrain_nb.trainer import Trainer

ARCHITECTURE = "architecture.json"
AUTO = {
    "text-classification": "AutoModelForSequenceClassification",
    "image-classification": "AutoModelForImageClassification",
    "text-generation": "AutoModelForCausalLM",
}
"""Task -> the class of transformers that loads its models."""
_NAMED, _TRANSFORMERS, _MEAN_POOLED = "named", "transformers", "mean-pooled"


def check_known(trainer: Trainer, name: str) -> None:
    """Raise ConfigError where the model's shape can't be written down, hence neither be exported as `name`."""
    if _kind(trainer) is None:
        raise ConfigError(
            f"Can't export a {type(trainer.model).__name__} of your own as {name}.",
            "Its shape is in your code, which would have to travel with the weights.",
            "Use format='torch-export' or 'onnx', which hold the computation itself.",
        )


def write_architecture(trainer: Trainer, folder: Path) -> None:
    """Write the shape of a trainer's model; raises OSError where that fails."""
    kind, model = _kind(trainer), cast("Any", trainer.model)
    facts: dict[str, Any] = {"kind": kind, "classes": len(trainer.class_names)}
    if kind == _NAMED:
        facts["name"] = trainer.config.model
    elif kind == _MEAN_POOLED:
        facts["config"] = as_dict(model.encoder.config)
    else:
        facts["config"] = as_dict(model.config)
    replace_text(folder / ARCHITECTURE, json.dumps(facts, indent=1) + "\n")


def as_dict(config: Any) -> dict[str, Any]:
    """A config of transformers as JSON can hold it, without the folder that it was read from."""
    facts: dict[str, Any] = json.loads(config.to_json_string(use_diff=False))
    return {name: value for name, value in facts.items() if not name.startswith("_") and name != "auto_map"}


def build(manifest: Manifest, folder: Path) -> nn.Module:
    """A model of the shape that the folder says, with weights that mean nothing yet, in evaluation mode.

    Raises:
        DataError: the description is damaged.
    """
    import transformers

    try:
        facts = json.loads((folder / ARCHITECTURE).read_bytes())
        with quiet_transformers():
            if facts["kind"] == _NAMED:
                channels, height, width = manifest.image
                shape = images.ImageShape(channels, height, width, int(facts["classes"]))
                return images.MODELS[facts["name"]](shape).eval()
            config = transformers.AutoConfig.for_model(**facts["config"])
            if facts["kind"] == _MEAN_POOLED:
                encoder = transformers.AutoModel.from_config(config, trust_remote_code=False)
                return MeanPooledClassifier(encoder, int(facts["classes"])).eval()
            auto = getattr(transformers, AUTO[manifest.task])
            model: nn.Module = auto.from_config(config, trust_remote_code=False)
            return model.eval()
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
        raise DataError(
            f"Can't build the model in {folder.name!r}.", str(error).split("\n", maxsplit=1)[0], "Export it again."
        ) from error


def _kind(trainer: Trainer) -> str | None:
    """How the shape can be written down; None where only its code knows it."""
    model = trainer.model
    if isinstance(model, MeanPooledClassifier):
        return _MEAN_POOLED
    if trainer.task.name in AUTO and is_of_transformers(model):
        return _TRANSFORMERS
    return _NAMED if trainer.config.model in images.MODELS and isinstance(model, nn.Sequential) else None


def is_of_transformers(model: nn.Module) -> bool:
    """Whether it is a model whose code comes with transformers."""
    return type(model).__module__.startswith("transformers.") and hasattr(model, "config")
