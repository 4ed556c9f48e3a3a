"""From a description to a trainer that is ready to go."""

from __future__ import annotations

import inspect
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from aitrain_nb.bundled import BUNDLED, SERVES
from aitrain_nb.config import TrainConfig
from aitrain_nb.data import IN_MEMORY, Dataset, Splits, split
from aitrain_nb.errors import ConfigError, DataError, unknown_name
from aitrain_nb.lettering import with_article
from aitrain_nb.models.adapters import check_installed
from aitrain_nb.placing import is_there
from aitrain_nb.sources import Raw, read
from aitrain_nb.sources.base import Options
from aitrain_nb.sources.buffers import Stream
from aitrain_nb.sources.files import likely
from aitrain_nb.sources.values import shown
from aitrain_nb.tasks import find_task
from aitrain_nb.trainer import Trainer


def prepare(config: TrainConfig | None = None, /, **fields: Any) -> Trainer:
    """Load the data, build the model with its first weights, and return the trainer that joins them.

    Args:
        config: the run; `TrainConfig()` by default.
        fields: fields of the config to set or change. `data` may also be a pandas DataFrame, a `datasets.Dataset`, what
            `read` gives, a `Dataset` of your own (both are split as the config says), or `Splits`.

    Raises:
        ConfigError: a name or value in the config isn't valid.
        DataError: the examples can't be used.
        ModelError: the model doesn't fit the data.

    Example:
        trainer = prepare(data="digits", model="small-cnn", epochs=5)
        trainer.fit()
    """
    if config is not None and not isinstance(config, TrainConfig):
        raise ConfigError(
            f"prepare takes a TrainConfig or fields, not {_named(config)}.",
            "A name alone doesn't say whether it is data, a model or a task.",
            f"prepare(data={_named(config)}), or TrainConfig.from_yaml(...) for a file.",
        )
    config, source = describe(config, fields)
    config = resolve(config, source)
    task = find_task(str(config.task))
    task.check_config(config)
    data = load_data(config, source)
    processor = task.load_processor(config, data)
    return Trainer(task.load_model(config, data, processor), task, data, config, processor)


def _named(thing: Any) -> str:
    """A name as it was given, or what kind of thing it is."""
    return repr(thing) if isinstance(thing, str) else with_article(type(thing).__name__)


def describe(config: TrainConfig | None, fields: dict[str, Any]) -> tuple[TrainConfig, Any]:
    """The config with these fields of `prepare`, and the data where they are in memory, else None; raises ConfigError."""
    source = fields.get("data")
    if isinstance(source, str) and not source.strip():
        raise ConfigError(
            "The name of the data is empty.", "Nothing is trained on by chance.", 'prepare(data="digits"), or the path of a file.'
        )  # fmt: skip
    if isinstance(source, (str, Path, bool, type(None))):
        fields = fields | ({"data": str(source)} if isinstance(source, Path) else {})
        source = None
    else:
        fields = fields | {"data": f"{with_article(type(source).__name__)}{IN_MEMORY}"}
    _only_names(fields)
    return (config or TrainConfig()).replace(**fields), source


def _only_names(fields: dict[str, Any]) -> None:
    for name in ("model", "task"):
        value = fields.get(name)
        if value is not None and not isinstance(value, str):
            raise ConfigError(
                f"prepare makes the {name} from its name, and got {type(value).__name__}.",
                "A config holds names, so that a run can be written down.",
                "Hand your own objects to Trainer(model, task, data, config).",
            )


def resolve(config: TrainConfig, source: Any = None) -> TrainConfig:
    """The config with task, data, model, method and tokenizer filled in where they were left empty.

    Args:
        config: names the data.
        source: the data themselves, where they are in memory.
    """
    name = config.task or _task_in_memory(source) or _task_of(config.data)
    task = find_task(name)
    model = config.model or task.default_model
    automatic = {
        "task": name,
        "data": config.data or task.default_data,
        "model": model,
        "method": _method(config, model, from_scratch=task.is_from_scratch(model)),
        "tokenizer": task.default_tokenizer if config.tokenizer == "auto" else config.tokenizer,
    }
    return config.replace(**automatic)


def _method(config: TrainConfig, model: str, *, from_scratch: bool) -> str:
    if from_scratch and config.method in {"fine-tune", "lora", "head"}:
        raise ConfigError(
            f"method={config.method!r} needs a pretrained model.",
            f"{model!r} has random first weights.",
            "Use method='scratch', or a pretrained model such as model='minilm'.",
        )
    if config.method == "lora":
        check_installed()
    automatic = "scratch" if from_scratch else "fine-tune"
    return automatic if config.method == "auto" else config.method


def _task_of(data: str | None) -> str:
    """The task that data of this name are most likely for."""
    if data is None or data in SERVES:
        return SERVES.get(data or "", "image-classification")
    path = Path(data)
    if is_there(path) and path.is_dir():
        return "image-classification"
    return "text-generation" if path.suffix.lower() in {".txt", ".text"} else "text-classification"


def _read(source: Any, read_as: str, config: TrainConfig) -> Raw:
    """A person's own data; where reading needs an option that is no field of a config, the error says where it goes."""
    try:
        return read(
            source, read_as, config.text_column, config.pair_column, config.label_column, image_size=config.image_size
        )
    except DataError as error:
        options = set(inspect.signature(read).parameters) - set(TrainConfig.model_fields)
        if any(f"{option}=" in error.fix for option in options):
            more = " These are arguments of ai.read: prepare(data=ai.read(file, ...))."
            raise DataError(error.what, error.why, error.fix + more) from error
        raise


def _task_in_memory(source: Any) -> str | None:
    """The task that examples in memory are most likely for; None where their columns don't say it."""
    dataset = source.train if isinstance(source, Splits) else source.dataset if isinstance(source, Raw) else source
    if not isinstance(dataset, Dataset):
        return None
    if "image" in dataset.columns:
        return "image-classification"
    return "text-classification" if "label" in dataset.columns else "text-generation"


READ_BY = ("task", "data", "text_column", "pair_column", "label_column", "image_size", "buffer_size")
"""The fields that `read_examples` depends on."""
SPLIT_BY = ("validation_fraction", "test_fraction", "seed")
"""The fields that `split_examples` depends on besides."""


class Examples(NamedTuple):
    """What was read, before any split.

    Attributes:
        dataset: the raw examples.
        name: what the data are called.
        scale: what a raw value is multiplied by before the model sees it; None: as `split` finds out.
        note: where the data come from and under which licence.
        guess: what was decided on the way, or None.
        stream: of what the dataset is the beginning, where the data are read a buffer at a time, or None.
    """

    dataset: Dataset
    name: str = "your data"
    scale: float | None = None
    note: str = ""
    guess: Any = None
    stream: Any = None


def read_examples(config: TrainConfig, source: Any = None) -> Examples:
    """The examples of a resolved config; see `load_data`."""
    name, read_as = str(config.data), find_task(str(config.task)).read_as
    if config.buffer_size is not None:
        return _begun(name, read_as, config, source)
    if source is None and name in BUNDLED:
        found = BUNDLED[name](read_as)
        return Examples(_of_kind(found.dataset, read_as, name), name, found.scale, found.note)
    if isinstance(source, Dataset):
        return Examples(_of_kind(source, read_as))
    if source is None and not is_there(Path(name)) and "/" not in name and "." not in name:
        what, why, fix = unknown_name("data set or file", name, BUNDLED)
        like = likely(Path(name))
        if like and not fix.startswith("Did you mean"):
            why, fix = (
                f"{why} Names like it in the folder of this process: {', '.join(map(shown, like))}.",
                f"Did you mean {shown(like[0])}?",
            )
        raise ConfigError(what, why, fix)
    raw = source if isinstance(source, Raw) else _read(name if source is None else source, read_as, config)
    return Examples(_of_kind(raw.dataset, read_as, raw.name), raw.name, raw.scale, raw.note, raw.guess)


def _begun(name: str, read_as: str, config: TrainConfig, source: Any) -> Examples:
    """The first examples of data that are read a buffer at a time."""
    assert config.buffer_size is not None
    if source is None and name in BUNDLED:
        raise ConfigError(
            f"buffer_size={config.buffer_size} doesn't fit {name!r}.", "This data set is small and read at once.", "Leave buffer_size out.",
        )  # fmt: skip
    options = Options(read_as, config.text_column, config.pair_column, config.label_column)
    stream = Stream(name if source is None else source, options, config.buffer_size)
    first = stream.beginning
    return Examples(_of_kind(first.dataset, read_as, first.name), first.name, None, first.note, first.guess, stream)


def _of_kind(dataset: Dataset, read_as: str, name: str = "your data") -> Dataset:
    """The examples; raises DataError where they are texts for a task on images, or the other way round."""
    wanted, other = ("image", "text") if read_as == "image-classification" else ("text", "image")
    if wanted not in dataset.columns and other in dataset.columns:
        raise DataError(
            f"The data {name!r} don't fit the task {read_as}.", f"They hold {other}s, and it takes {wanted}s.",
            f"Name data that hold {wanted}s, or leave the task out: it follows from the data.",
        )  # fmt: skip
    return dataset


def split_examples(found: Examples, config: TrainConfig) -> Splits:
    """Training, validation and perhaps test examples; see `load_data`."""
    splits = split(
        found.dataset, config.validation_fraction, config.seed, test_fraction=config.test_fraction, name=found.name,
        scale=found.scale, note=found.note,
    )  # fmt: skip
    splits = replace(splits, guess=found.guess)
    return splits if found.stream is None else found.stream.split(splits)


def load_data(config: TrainConfig, source: Any = None) -> Splits:
    """The examples of a resolved config, split into training and validation.

    Args:
        config: names the data and how they are split.
        source: the data themselves, where they are in memory.

    Raises:
        ConfigError: the package of a bundled data set isn't installed.
        DataError: the data can't be found or used.
    """
    if isinstance(source, Splits):
        _of_kind(source.train, find_task(str(config.task)).read_as, source.name)
        return source
    return split_examples(read_examples(config, source), config)
