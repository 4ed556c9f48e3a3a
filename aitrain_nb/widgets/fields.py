"""What a form shows of a config: its fields as the page builds them, what holds where one is left empty, and the config as code."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aitrain_nb import html
from aitrain_nb.bundled import BUNDLED
from aitrain_nb.config import TrainConfig
from aitrain_nb.errors import AitrainError, ConfigError
from aitrain_nb.run_folder.files import CONFIG
from aitrain_nb.tasks import find_task, task_names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aitrain_nb.knobs import Knob
    from aitrain_nb.previewing import Preview, Scout

_ONLY_FOR = {"Texts": "text", "Images": "image"}
"""Groups of fields that make sense for data of one sort alone: group -> how the name of what such data are read as begins."""

_OF_THE_DATA = (
    "task", "model", "method", "text_column", "pair_column", "label_column", "max_length", "tokenizer", "image_size", "augmentation",
    "best_metric", "class_weights", "buffer_size",
)  # fmt: skip
"""Fields that may no longer fit when other data, or another task, are chosen."""


def described(kind: type[TrainConfig], *, has_source: bool) -> list[dict[str, Any]]:
    """Every field of a config in the order of a form, as the page builds it.

    Args:
        kind: the class of the config.
        has_source: whether the data are in memory, so that no other name can be given for them.
    """
    return [_described(knob) | {"fixed": knob.name == "data" and has_source} for knob in kind.knobs().values()]


def _described(knob: Knob) -> dict[str, Any]:
    about: dict[str, Any] = {
        "name": knob.name, "label": knob.label, "help": knob.help, "unit": knob.unit, "group": knob.group, "kind": knob.kind,
        "choices": list(knob.choices), "slider": None,
    }  # fmt: skip
    if knob.usual is not None:
        about["slider"] = {
            "min": knob.usual[0], "max": knob.usual[1], "least": knob.minimum, "most": knob.maximum, "log": knob.scale == "log",
            "step": 1 if knob.kind == "whole" else 0,
        }  # fmt: skip
    return about


def page(config: TrainConfig, preview: Preview, source: Any = None) -> dict[str, Any]:
    """What the page shows of a config and of what its run will be.

    Args:
        config: as it was entered.
        preview: of its run.
        source: the data, where they are in memory.
    """
    task, method = str(preview.config.task), preview.config.method
    return {
        "values": config.model_dump(), "automatic": automatic_values(config, _resolved(preview)), "hidden": hidden_groups(task, method),
        "suggestions": suggestions(task), "facts": preview.facts(), "curve": [list(point) for point in preview.plan.curve()],
        "words": preview.words, "code": written(config, source),
    }  # fmt: skip


def are_arithmetic(wishes: Mapping[str, Any], config: TrainConfig, scout: Scout) -> bool:
    """Whether no data have to be read and no model made to know what the run will be.

    Args:
        wishes: fields that a person sets, one after the other.
        config: in which they are set.
        scout: knows what was read and made.
    """
    for name, value in list(wishes.items()):
        try:
            config = config.replace(**{name: value})
            if not (scout.knows(config) and scout.knows_weights(config)):
                return False
        except AitrainError:
            return name not in {"data", "task"}
    return True


def without_data(config: TrainConfig, kept: str) -> TrainConfig:
    """The config without what was meant for other data; one field of it is kept."""
    return config.replace(**{name: config.knobs()[name].default for name in _OF_THE_DATA if name != kept})


def automatic_values(config: TrainConfig, resolved: TrainConfig) -> dict[str, Any]:
    """What holds for the fields that were left to be found out: name -> value.

    Args:
        config: as it was entered.
        resolved: the same with what is known filled in.
    """
    found = resolved.model_dump() | {"learning_rate": resolved.peak_learning_rate}
    return {name: found[name] for name, value in config.model_dump().items() if value in {None, "auto"}}


def _resolved(preview: Preview) -> TrainConfig:
    """The config of a run with what is filled in by its data, and by its model where that is known."""
    return preview.config if preview.estimate is None else preview.estimate.setup.config


def hidden_groups(task: str, method: str) -> list[str]:
    """Groups of fields that make no sense for a task and a method."""
    read_as = find_task(task).read_as
    of_other_data = [group for group, begins in _ONLY_FOR.items() if not read_as.startswith(begins)]
    return [*of_other_data, *([] if method == "lora" else ["LoRA"])]


def suggestions(task: str) -> dict[str, list[str]]:
    """Names that can be chosen, for the fields that take any."""
    return {"task": task_names(), "data": list(BUNDLED), "model": list(find_task(task).models)}


def read_config(place: str | Path) -> TrainConfig:
    """The config in a YAML file, or of a run in its folder; raises ConfigError where it can't be read."""
    if not str(place).strip():
        raise ConfigError(
            "There is no name of a file.", "The field is empty.", "Write the path of a YAML file, or of a run's folder."
        )
    path = Path(place)
    return TrainConfig.from_yaml(path / CONFIG if path.is_dir() else path)


def written(config: TrainConfig, source: Any = None) -> str:
    """The run as code that runs as it is.

    Args:
        config: its fields that differ from their default are written.
        source: the data, where they are in memory: they are called what the notebook calls them.
    """
    changed = {name: value for name, value in config.changed().items() if name != "data" or source is None}
    arguments = ", ".join(f"{name}={value!r}" for name, value in changed.items())
    if len(arguments) > 100:
        arguments = "".join(f"\n    {name}={value!r}," for name, value in changed.items()) + "\n"
    data = "" if source is None else f", data={_name_of(source)}"
    return (
        f"import aitrain_nb as ai\n\nconfig = ai.TrainConfig({arguments})\n"
        f"trainer = ai.prepare(config{data})\nhistory = trainer.fit()"
    )


def chosen(config: TrainConfig) -> html.Markup:
    """The fields that differ from their default, as a table."""
    knobs = config.knobs()
    rows = [[knobs[name].label, value, knobs[name].unit] for name, value in config.changed().items()]
    return html.table(["what was chosen", "", ""], rows) if rows else html.element("div", "Nothing was changed.")


def _name_of(source: Any) -> str:
    """What the notebook calls an object."""
    names = vars(sys.modules["__main__"])
    return next((name for name, value in names.items() if value is source and not name.startswith("_")), "data")
