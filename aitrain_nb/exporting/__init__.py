"""`export`: a trained model is written for others, opened again in a fresh process, and compared with itself."""

from __future__ import annotations

import copy
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from aitrain_nb.errors import ConfigError, DataError
from aitrain_nb.exporting.card import CARD, ExportCard
from aitrain_nb.exporting.comparing import check_same, compare_answers
from aitrain_nb.exporting.formats import find_format, format_names
from aitrain_nb.exporting.manifest import describe, is_export, write_manifest, write_processor
from aitrain_nb.exporting.serving import ExportedModel, load_exported, local_path
from aitrain_nb.models.adapters import merged
from aitrain_nb.placing import is_there, replace_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from aitrain_nb.trainer import Trainer

__all__ = ["ExportCard", "ExportedModel", "export", "format_names", "is_export", "load_exported"]


def export(
    source: Trainer | str | Path,
    format: str = "safetensors",  # noqa: A002  the field's word
    folder: str | Path | None = None,
    *,
    overwrite: bool = False,
    examples: int = 500,
    progress: Callable[[str], None] | None = None,
) -> ExportCard:
    """Write a trained model so that others can use it, and show that it is still the same.

    The folder holds the model, what makes numbers of raw examples, export.json and a card. Before it takes its place a fresh
    Python process opens it and answers real validation examples; an export that should be exact and isn't is refused.

    Args:
        source: a trainer, whose model is exported as it is, or the folder of a run.
        format: "transformers" (for from_pretrained and pipeline), "safetensors" (the weights, exact), "torch-export" and "onnx" (the
            computation, any number and length), "int8" (a quarter of the size), "onnx-int8" (computed with 8 bits, too), "adapter" (of
            method="lora": what it trained, for peft; the base model is needed besides).
        folder: where to; exports/MODEL-FORMAT by default.
        overwrite: an export that lies there may be lost.
        examples: validation examples that are compared at most.
        progress: told in a short sentence at each stage what is being done.

    Returns:
        The card: size, time, scores before and after, answers that became others.

    Raises:
        ConfigError: there is no such format, its packages aren't installed, or the model can't be written so.
        DataError: the folder can't be written, or holds something else.
        ModelError: the export can't be opened or answers otherwise.

    Example:
        ai.export(trainer, "onnx", "exports/tickets").open().predict(["the app crashes"])
    """
    say = progress or (lambda _sentence: None)
    kind = find_format(format)
    _check_examples(examples)
    trainer = _trainer(source)
    kind.check(trainer)
    manifest = describe(kind.name, trainer)._replace(base=kind.base(trainer))
    place = _checked(local_path(folder or f"exports/{manifest.model}-{kind.name}"), overwrite=overwrite)
    original = _copy_of(trainer)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=".export-", ignore_cleanup_errors=True) as within:
            draft = Path(within) / place.name
            draft.mkdir()
            say(f"Writing {kind.name}.")
            write_processor(trainer.processor, draft)
            kind.write(copy.deepcopy(original), trainer, draft)
            write_manifest(manifest, draft)
            say("Asking it in a fresh process.")
            compared = compare_answers(trainer, original, load_exported(draft, trusted=True), draft, examples)
            check_same(compared, kind)
            replace_text(draft / CARD, ExportCard(draft, manifest, compared).markdown())
            _place(draft, place)
    except OSError as error:
        raise DataError(f"Can't write the export to {str(place)!r}.", str(error), "Name another folder.") from error
    return ExportCard(place, manifest, compared)


def _check_examples(examples: int) -> None:
    """Raise ConfigError where so many examples can't be compared."""
    if isinstance(examples, bool) or not isinstance(examples, int) or examples < 1:
        raise ConfigError(
            f"examples={examples!r} can't be compared.", "It is a whole number of at least 1.", "examples=500"
        )


def _trainer(source: Trainer | str | Path) -> Trainer:
    if isinstance(source, (str, Path)):
        from aitrain_nb.loading import load_run

        return load_run(source)
    if not hasattr(source, "phases"):
        raise ConfigError(
            f"Can't export {type(source).__name__}.",
            "A trainer or the folder of a run is needed.",
            "ai.export(trainer)",
        )
    return source


def _copy_of(trainer: Trainer) -> nn.Module:
    """The trainer's model as it is, adapters merged, on the CPU, in evaluation mode; the trainer's own is left alone."""
    model = merged(trainer.model).to("cpu").eval()
    for weight in model.parameters():
        weight.requires_grad = False
        weight.grad = None
    return model


def _checked(place: Path, *, overwrite: bool) -> Path:
    """The place itself; raises DataError where it has no name, or something lies there that may not be lost."""
    if place.name in {"", ".."}:
        raise DataError(
            f"{str(place)!r} is no folder of the export's own.", "It is put there whole, under its name.",
            "Name a new folder, such as 'exports/tickets'.",
        )  # fmt: skip
    if not is_there(place):
        return place
    if not place.is_dir() or (any(place.iterdir()) and not is_export(place)):
        raise DataError(
            f"{place.name!r} holds other things.", "An exported folder has an export.json.", "Name an empty folder."
        )
    if is_export(place) and not overwrite:
        raise DataError(
            f"The folder {place.name!r} holds an export already.", "It would be lost.",
            "Name another folder, or say overwrite=True (--overwrite)."
        )  # fmt: skip
    return place


def _place(draft: Path, place: Path) -> None:
    """Put the whole folder where it belongs; what lay there goes only when the new one is complete."""
    if place.is_dir():
        old = draft.with_name("old")
        place.rename(old)
        try:
            draft.rename(place)
        except OSError:
            old.rename(place)
            raise
        shutil.rmtree(old, ignore_errors=True)
    else:
        draft.rename(place)
