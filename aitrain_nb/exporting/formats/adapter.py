"""adapter: what LoRA trained and nothing else, as peft reads it; the base model is needed to open it."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from aitrain_nb.config import TrainConfig
from aitrain_nb.errors import ConfigError, DataError
from aitrain_nb.exporting.formats.base import Format, opening
from aitrain_nb.exporting.manifest import Base, read_processor
from aitrain_nb.models.adapters import adapter_weights, check_installed, has_adapters, has_conv1d, merged, put_adapters
from aitrain_nb.models.parts import parts_of
from aitrain_nb.models.pretrained import PACKAGED
from aitrain_nb.models.texts import MeanPooledClassifier
from aitrain_nb.placing import replace_tensors
from aitrain_nb.privacy import below_home
from aitrain_nb.records.base import fingerprint
from aitrain_nb.tasks import find_task

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

    from aitrain_nb.exporting.manifest import Manifest
    from aitrain_nb.trainer import Trainer

CONFIG, ADAPTERS, HEAD = "adapter_config.json", "adapter_model.safetensors", "head.safetensors"
_PREFIX, _ADAPTER = "base_model.model.", ".default"
"""What peft writes before each name, and leaves out of it."""


class Adapter(Format):
    """The adapters as peft's PeftModel.from_pretrained reads them, and the head in a file of its own.

    https://huggingface.co/docs/peft/developer_guides/checkpoint
    """

    name = "adapter"
    about = (
        "Only what LoRA trained, as peft reads it: about a hundredth of the size, and the base model is needed besides."
    )
    tolerance = 1e-5

    def check(self, trainer: Trainer) -> None:
        """Raise ConfigError where there are no adapters."""
        super().check(trainer)
        if not has_adapters(trainer.model):
            raise ConfigError(
                "Can't export as adapter.", "This model has no adapters beside its layers.",
                "Train with method='lora', or use format='safetensors', which holds all weights.",
            )  # fmt: skip

    def base(self, trainer: Trainer) -> Base:
        """Where the base model lies, and the fingerprint of its weights."""
        return Base(below_home(str(trainer.config.model)), _fingerprint(trainer.model))

    def write(self, model: nn.Module, trainer: Trainer, folder: Path) -> None:
        """Write adapter_config.json, adapter_model.safetensors and, where there is one, head.safetensors."""
        from peft import LoraConfig

        body, config = _adapted(trainer.model), trainer.config
        weights = adapter_weights(body)
        layers = sorted({name.rpartition(".lora_")[0] for name in weights})
        LoraConfig(
            base_model_name_or_path=self.base(trainer).place, target_modules=layers, inference_mode=True, r=config.lora_rank,
            lora_alpha=config.lora_alpha, lora_dropout=config.lora_dropout,
            auto_mapping={"base_model_class": type(body).__name__, "parent_library": type(body).__module__},
            fan_in_fan_out=has_conv1d(body, (f"{name}.base_layer" for name in layers)),
        ).save_pretrained(str(folder))  # fmt: skip
        told = {_plain(name): weight for name, weight in weights.items()}
        own = dict(model.named_parameters())
        head = {name: own[name] for name in sorted(parts_of(trainer.model).head)}
        for place, tensors in ((ADAPTERS, told), (HEAD, head)):
            kept = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
            if kept:
                replace_tensors(folder / place, partial(_save, kept))

    def open(self, folder: Path, manifest: Manifest) -> nn.Module:
        """The base model from its own place, with the adapters merged into it and the trained head."""
        check_installed()
        model = _load_base(folder, manifest)
        with opening(CONFIG, folder):
            facts = json.loads((folder / CONFIG).read_bytes())
            layers, rank, alpha = [str(name) for name in facts["target_modules"]], facts["r"], facts["lora_alpha"]
            put_adapters(_adapted(model), layers, rank=int(rank), alpha=int(alpha))
        _fill(ADAPTERS, folder, adapter_weights(_adapted(model)), _plain)
        head, own = parts_of(model).head, dict(model.named_parameters())
        if head:
            _fill(HEAD, folder, {name: own[name] for name in head}, str)
        return merged(model).eval()

    def loading(self, manifest: Manifest, folder: Path) -> str:
        """With peft; the head of a sentence encoder is no part of what transformers loads."""
        kind = json.loads((folder / CONFIG).read_bytes())["auto_mapping"]["base_model_class"]
        place, imports = _place_in_python(manifest)
        is_whole = kind.endswith("Classification")
        classes = f", num_labels={len(manifest.label_names)}" if is_whole else ""
        lines = [*imports, "from peft import PeftModel", f"from transformers import {kind}"]
        lines += ["from safetensors.torch import load_file"] if (folder / HEAD).is_file() else []
        lines += ["", f"base = {kind}.from_pretrained({place}{classes})"]
        lines += [f'base.load_state_dict(load_file("{HEAD}"), strict=False)'] if is_whole else []
        lines.append('model = PeftModel.from_pretrained(base, ".")')
        if (folder / HEAD).is_file() and not is_whole:
            lines.append(f'head = load_file("{HEAD}")  # takes the mean of the last hidden states over real tokens')
        return "\n".join(lines)


def _place_in_python(manifest: Manifest) -> tuple[str, list[str]]:
    """Where the base model lies, as Python that needs these imports."""
    place = manifest.base.place if manifest.base is not None else ""
    if place in PACKAGED:
        return f'str(files("{PACKAGED[place].module}") / "model")', ["from importlib.resources import files"]
    if place.startswith("~"):
        return f"Path({place!r}).expanduser()", ["from pathlib import Path"]
    return repr(place), []


def _save(tensors: dict[str, Tensor], path: Path) -> None:
    from safetensors.torch import save_file

    save_file(tensors, str(path), {"format": "pt"})


def _adapted(model: nn.Module) -> nn.Module:
    """What peft's names begin at: the model as transformers loads it."""
    return model.encoder if isinstance(model, MeanPooledClassifier) else model


def _plain(name: str) -> str:
    """A weight of an adapter as peft's files name it."""
    return f"{_PREFIX}{name.replace(_ADAPTER, '')}"


def _fingerprint(model: nn.Module) -> str:
    """Of the weights that came with the base model: neither adapters nor the head."""
    head, adapters = parts_of(model).head, adapter_weights(model)
    rest = {
        name.replace(".base_layer.", "."): weight
        for name, weight in model.named_parameters()
        if name not in head and name not in adapters
    }
    return fingerprint(sorted(rest.items()))


def _load_base(folder: Path, manifest: Manifest) -> nn.Module:
    """The base model with a new head, its weights those that the adapters belong to.

    Raises:
        ConfigError: it isn't there.
        DataError: it is another one, or the manifest names none.
    """
    if manifest.base is None:
        raise DataError(
            f"The folder {folder.name!r} names no base model.", "Its export.json is damaged.", "Export it again."
        )
    place = manifest.base.place
    config = TrainConfig(task=manifest.task, model=place, method="fine-tune", max_length=manifest.max_length)
    try:
        model = find_task(manifest.task).load_model(config, manifest.splits(), read_processor(manifest, folder))
    except ConfigError as error:
        raise ConfigError(
            f"The base model {place!r} of these adapters can't be loaded.", f"{error.what} {error.why}",
            "Say where it is: load_exported(folder, base='...').",
        ) from error  # fmt: skip
    found = _fingerprint(model)
    if found != manifest.base.fingerprint:
        raise DataError(
            f"{place!r} isn't the base model that these adapters were trained with.",
            f"Its weights have the fingerprint {found}, and {manifest.base.fingerprint} is expected.",
            "Say where that one is: load_exported(folder, base='...').",
        )
    return model


def _fill(file: str, folder: Path, weights: dict[str, Tensor], named: Any) -> None:
    """Put the numbers of a file into these weights, each of which must be there and no other.

    Args:
        file: its name.
        folder: where it lies.
        weights: name -> what is filled.
        named: a weight's name -> its name in the file.
    """
    from safetensors.torch import load_file

    with opening(file, folder):
        tensors = load_file(str(folder / file))
        if set(tensors) != {named(name) for name in weights}:
            raise ValueError(f"{file} holds other tensors than this model has")
        for name, weight in weights.items():
            weight.data.copy_(tensors[named(name)])


FORMAT = Adapter()
