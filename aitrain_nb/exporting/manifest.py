"""What an exported folder says of itself: enough to ask the model about raw examples without the data it was trained on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from aitrain_nb.data import Dataset, Splits
from aitrain_nb.engine.generating import context
from aitrain_nb.errors import ConfigError, DataError
from aitrain_nb.pixels import Pretrained, Standardize
from aitrain_nb.placing import is_there, replace_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor, nn

    from aitrain_nb.trainer import Trainer

MANIFEST = "export.json"
FORMAT = 1
"""Of the manifest; older ones are read, newer ones refused."""
_NO_LIMIT = 1_000_000
"""Tokenizers without a limit name a number above."""
_TOKENIZER, _STANDARDIZE, _IMAGES = "tokenizer", "standardize", "image-processor"


class Base(NamedTuple):
    """A model that an export is opened on.

    Attributes:
        place: a folder, a packaged model or a name on the hub.
        fingerprint: of its weights, 16 hexadecimal digits.
    """

    place: str
    fingerprint: str


class Manifest(NamedTuple):
    """What is known of an exported model.

    Attributes:
        kind: name of its format.
        task: name of its task.
        model: what the config calls the model, without the folder it lay in.
        data: what the data are called.
        label_names: the classes; empty for a language model, whose classes are its tokens.
        inputs: name -> shape without the examples, None for a length that differs.
        text_columns: columns of raw texts -> what they were called in the data; empty for images.
        image: [channels, height, width] of a raw image, or empty.
        scale: what a raw value is multiplied by.
        max_length: tokens at which the run cut a text, or None where nothing was said.
        room: most tokens that the model takes, or None for images.
        processor: what makes numbers of raw examples: {"kind": ...} and its own numbers.
        base: the model it is opened on, or None where it holds all weights.
    """

    kind: str
    task: str
    model: str
    data: str
    label_names: list[str]
    inputs: dict[str, list[int | None]]
    text_columns: dict[str, str]
    image: list[int]
    scale: float
    max_length: int | None
    room: int | None
    processor: dict[str, Any]
    base: Base | None = None

    def splits(self) -> Splits:
        """As much of the data as a task asks about when it is given raw examples: names and shapes, and no example."""
        columns: dict[str, Any] = {name: [""] for name in self.text_columns}
        if self.image:
            columns["image"] = torch.zeros(1, *self.image)
        if self.label_names:
            columns["label"] = torch.zeros(1, dtype=torch.int64)
        empty = Dataset(columns, self.label_names)
        return Splits(empty, None, self.data, self.scale)


def describe(kind: str, trainer: Trainer) -> Manifest:
    """The manifest of a trainer's model.

    Raises:
        ConfigError: nobody knows how to write down what makes numbers of its examples.
    """
    columns = trainer.data.train.columns
    guess = trainer.data.guess.columns if trainer.data.guess is not None else {}
    asked = {"text": trainer.config.text_column, "text_pair": trainer.config.pair_column}
    image = columns["image"].shape[1:] if "image" in columns else ()
    shapes = {
        name: [None if is_length(value, axis) else size for axis, size in enumerate(value.shape)][1:]
        for name, value in sample(trainer, 1).items()
    }
    return Manifest(
        kind, trainer.task.name, Path(str(trainer.config.model or type(trainer.model).__name__)).name, Path(trainer.data.name).name,
        list(trainer.data.label_names), shapes,
        {name: str(asked[name] or guess.get(name) or name) for name in asked if name in columns}, list(image), trainer.data.scale,
        trainer.config.max_length, None if image else longest(trainer), _describe_processor(trainer.processor),
    )  # fmt: skip


def is_length(tensor: Tensor, axis: int) -> bool:
    """Whether this axis counts tokens, of which there may be more or fewer."""
    return axis == 1 and tensor.ndim == 2 and not tensor.is_floating_point()


def longest(trainer: Trainer) -> int:
    """Most tokens that the model takes at once."""
    said = getattr(trainer.processor, "model_max_length", None)
    found = [size for size in (said, *_positions(trainer.model)) if isinstance(size, int) and size < _NO_LIMIT]
    return min(found) if found else context(trainer)


def _positions(model: nn.Module) -> Iterator[int | None]:
    """How many positions its parts say that they have."""
    for part in model.modules():
        shape: Any = getattr(part, "config", None)
        yield getattr(shape, "n_positions", None) or getattr(shape, "max_position_embeddings", None)


def sample(trainer: Trainer, rows: int) -> dict[str, Tensor]:
    """So many examples of the data as the model takes them, without labels, cut to half of the length that it has room for."""
    prepared = trainer.prepared.get("validation", trainer.prepared["train"])
    places = torch.arange(rows) % len(prepared)
    found = trainer.task.collate(prepared.take(places), trainer.processor)
    return {
        name: value[:, : max(2, longest(trainer) // 2)] if is_length(value, 1) else value
        for name, value in found.items() if name != "labels"
    }  # fmt: skip


def _describe_processor(processor: Any) -> dict[str, Any]:
    if processor is None:
        return {"kind": None}
    if isinstance(processor, Standardize):
        return {"kind": _STANDARDIZE, "mean": processor.mean.tolist(), "std": processor.std.tolist()}
    if isinstance(processor, Pretrained):
        return {"kind": _IMAGES}
    if hasattr(processor, "save_pretrained"):
        return {"kind": _TOKENIZER}
    raise ConfigError(
        f"Can't write down what makes numbers of the examples: {type(processor).__name__}.",
        "It has no save_pretrained.", "Give the task a tokenizer of transformers, or none.",
    )  # fmt: skip


def write_processor(processor: Any, folder: Path) -> None:
    """Write what belongs to the model and isn't part of it, where that needs files."""
    kept = processor.processor if isinstance(processor, Pretrained) else processor
    if hasattr(kept, "save_pretrained"):
        kept.save_pretrained(folder)


def read_processor(manifest: Manifest, folder: Path) -> Any:
    """What makes numbers of raw examples; raises DataError where its files are gone or damaged."""
    from transformers import AutoImageProcessor, AutoTokenizer

    from aitrain_nb.models.pretrained import quiet_transformers

    about = manifest.processor
    try:
        if about["kind"] is None:
            return None
        if about["kind"] == _STANDARDIZE:
            return Standardize(torch.tensor(about["mean"]), torch.tensor(about["std"]))
        with quiet_transformers():
            if about["kind"] == _IMAGES:
                return Pretrained(AutoImageProcessor.from_pretrained(folder, trust_remote_code=False))
            if about["kind"] == _TOKENIZER:
                tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
                tokenizer.model_max_length = manifest.room
                return tokenizer
        raise ValueError(f"unknown kind {about['kind']!r}")  # noqa: TRY301  told in one place
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"Can't read what makes numbers of the examples in {folder.name!r}.", str(error).split("\n", maxsplit=1)[0], "Export again."
        ) from error  # fmt: skip


def write_manifest(manifest: Manifest, folder: Path) -> None:
    """Put it into the folder; raises OSError where that fails."""
    facts = manifest._asdict() | {"base": manifest.base._asdict() if manifest.base is not None else None}
    replace_text(folder / MANIFEST, json.dumps({"format": FORMAT, **facts}, indent=1) + "\n")


def is_export(folder: Path) -> bool:
    """Whether a model was exported into this folder."""
    return is_there(folder / MANIFEST)


def read_manifest(folder: Path) -> Manifest:
    """What the folder says of itself.

    Raises:
        DataError: no model was exported into it, by this version, or the manifest is damaged.
    """
    try:
        facts = json.loads((folder / MANIFEST).read_bytes())
        number = facts.pop("format")
        if type(number) is not int or number < 1:
            raise ValueError(f"its format is {str(number)[:40]!r}")  # noqa: TRY301  told in one place
        if number > FORMAT:
            raise DataError(
                f"The model in {folder.name!r} was exported by a newer version.", f"This one reads format {FORMAT}.",
                "pip install --upgrade aitrain-nb",
            )  # fmt: skip
        base = facts.get("base")
        return _checked(Manifest(**facts)._replace(base=Base(**base) if base is not None else None))
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        why = "It has no export.json." if isinstance(error, FileNotFoundError) else f"{error}"
        raise DataError(
            f"The folder {folder.name!r} holds no exported model.",
            why,
            "Name a folder that ai.export(...) has written.",
        ) from error


def _checked(manifest: Manifest) -> Manifest:
    """The manifest, whose fields are of the kinds they should be; raises ValueError."""
    texts = (
        manifest.kind, manifest.task, manifest.model, manifest.data, *manifest.label_names, *manifest.text_columns, *(manifest.base or ())
    )  # fmt: skip
    sizes = [*manifest.image, *(size for shape in manifest.inputs.values() for size in shape if size is not None)]
    whole = all(type(size) is int and 0 < size < 2**20 for size in sizes) and len(manifest.image) in {0, 3}
    lengths = all(size is None or (type(size) is int and size > 1) for size in (manifest.max_length, manifest.room))
    if (
        not all(isinstance(text, str) for text in texts)
        or not whole
        or not lengths
        or not isinstance(manifest.processor, dict)
    ):
        raise ValueError(f"{MANIFEST} is damaged")
    if not isinstance(manifest.scale, (int, float)):
        raise TypeError(f"{MANIFEST} is damaged: its scale is no number")
    return manifest
