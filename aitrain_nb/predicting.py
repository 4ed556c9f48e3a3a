"""A trained model's answers for a file or a folder of images: read as training would read it, row by row, nothing of it lost."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from aitrain_nb.displays import progress
from aitrain_nb.errors import DataError
from aitrain_nb.placing import is_there
from aitrain_nb.sources import read_table, table_suffixes
from aitrain_nb.sources.kinds.image_folder import find_images
from aitrain_nb.sources.pictures import SUFFIXES as PICTURES

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from aitrain_nb.exporting import ExportedModel
    from aitrain_nb.trainer import Trainer

_AT_ONCE = 256
"""Images that are asked about together."""
_NAMED, _DIGITS = 5, 4


class Answers(NamedTuple):
    """What a model says about the rows of a file.

    Attributes:
        frame: the file's own columns, then the predicted class and its probability, 0 to 1; both empty for an empty row.
        notes: what was decided while the file was read, and how many rows are empty, a sentence each.
    """

    frame: pd.DataFrame
    notes: list[str]


def names_a_file(what: str) -> bool:
    """Whether a person who writes this means a file: it is there, or it has a file's ending and no blank."""
    return Path(what).suffix.lower() in {*table_suffixes(), *PICTURES} or bool(
        re.fullmatch(r"\S+\.[A-Za-z]\w{1,4}", what)
    )


def predict_file(trainer: Trainer | ExportedModel, path: Path) -> Answers:
    """The model's answers for each row of a table (of texts, or of paths of images), for one image, or for each image of a folder.

    Raises:
        DataError: there is no such file, it can't be read, no image lies in the folder, or it isn't clear which column to ask about.
    """
    import pandas as pd

    if is_there(path) and path.is_dir():
        return _of_folder(trainer, path)
    if not is_there(path) or not path.is_file():
        raise DataError(f"There is no file {path.name!r}.", "It was not found.", "Check the path.")
    if path.suffix.lower() in PICTURES:
        if not takes_images(trainer):
            raise DataError(
                f"{path.name!r} is an image.",
                "This model was trained on texts.",
                "Give it a text, or a table of texts.",
            )
        found = trainer.predict([path])[["predicted", "probability"]].round(_DIGITS)
        return Answers(pd.DataFrame({"file": [path.name]}).join(found), [])
    table = read_table(path)
    frame, notes = table.frame.copy(), list(table.notes)
    columns = _columns(frame, trainer)
    rows = [[None if pd.isna(value) else str(value) for value in row] for row in frame[columns].itertuples(index=False)]
    full = [place for place, row in enumerate(rows) if all(value and value.strip() for value in row)]
    if takes_images(trainer) and not any(is_there(Path(str(rows[place][0]))) for place in full):
        raise DataError(
            f"{path.name!r} is no image, and its column {columns[0]!r} names none.",
            f"This model was trained on images, which end in {', '.join(sorted(PICTURES))}.",
            "Name an image, a folder of them, or a table with their paths.",
        )  # fmt: skip
    if len(full) < len(rows):
        notes.append(f"Empty rows, left without an answer: {len(rows) - len(full):,} of {len(rows):,}.")
    for name in ("predicted", "probability"):
        frame[_free(frame, name)] = _answers(trainer, rows, full)[name]
    return Answers(frame, notes)


def predict_lines(trainer: Trainer | ExportedModel, lines: Iterable[str]) -> Answers:
    """The model's answers for lines that are a text each, as they come from another program.

    Raises:
        DataError: the model asks for something else than one text, or no line holds one.
    """
    import pandas as pd

    asked_for = (
        "images" if takes_images(trainer) else "pairs of texts" if "text_pair" in trainer.data.train.columns else ""
    )
    if asked_for:
        raise DataError("A line is one text.", f"This model was trained on {asked_for}.", "Name a table of them.")
    texts = [line.rstrip("\r\n") for line in lines]
    full = [place for place, text in enumerate(texts) if text.strip()]
    if not full:
        raise DataError("Nothing came.", "A line is a text, and there was none.", "Send it lines, or name a file.")
    notes = [f"Empty rows, left without an answer: {len(texts) - len(full):,} of {len(texts):,}."]
    answers = _answers(trainer, [[text] for text in texts], full)
    return Answers(pd.DataFrame({"text": texts} | answers), notes if len(full) < len(texts) else [])


def takes_images(trainer: Trainer | ExportedModel) -> bool:
    """Whether its examples are images."""
    return "image" in trainer.data.train.columns


def images_in(folder: Path) -> list[Path]:
    """Its image files and those of the folders in it, sorted, as training finds them: nothing hidden, no link that leads outside."""
    return find_images(folder, folder.resolve(), Counter())


def _of_folder(trainer: Trainer | ExportedModel, folder: Path) -> Answers:
    """One row an image, by its path in the folder; one that can't be read has no answer."""
    import pandas as pd

    if not takes_images(trainer):
        raise DataError(
            f"{folder.name!r} is a folder.", "This model was trained on texts.", "Name a table in it, such as a .csv file."
        )  # fmt: skip
    images = images_in(folder)
    if not images:
        raise DataError(
            f"No image lies in {folder.name!r}.", f"Images end in {', '.join(sorted(PICTURES))}.", "Name another folder."
        )  # fmt: skip
    rows: list[tuple[Any, Any]] = []
    unread: dict[Path, DataError] = {}
    with progress(len(images), "image", "predict") as bar:
        for start in range(0, len(images), _AT_ONCE):
            part = images[start : start + _AT_ONCE]
            rows += _read(trainer, part, unread)
            bar.update(len(part))
    if len(unread) == len(images):
        raise next(iter(unread.values()))
    frame = pd.DataFrame(rows, columns=["predicted", "probability"])
    frame.insert(0, "file", [path.relative_to(folder).as_posix() for path in images])
    named = ", ".join(path.relative_to(folder).as_posix() for path in list(unread)[:_NAMED])
    named += " and others" if len(unread) > _NAMED else ""
    told = f"Images that can't be read, left without an answer: {len(unread):,} of {len(images):,} ({named})."
    return Answers(frame, [told] if unread else [])


def _read(trainer: Trainer | ExportedModel, images: list[Path], unread: dict[Path, DataError]) -> list[tuple[Any, Any]]:
    """Answers for these images; those that can't be read are put into `unread`, with the reason."""
    try:
        found = trainer.predict(list(images))
    except DataError as error:
        if len(images) == 1:
            unread[images[0]] = error
            return [(None, None)]
        return [answer for image in images for answer in _read(trainer, [image], unread)]
    return list(zip(found["predicted"], found["probability"].round(_DIGITS), strict=True))


def _answers(trainer: Trainer | ExportedModel, rows: list[list[Any]], full: list[int]) -> dict[str, list[Any]]:
    """Predicted class and probability of each row; None for those that aren't full."""
    answers: dict[str, list[Any]] = {"predicted": [None] * len(rows), "probability": [None] * len(rows)}
    if not full:
        return answers
    asked = [rows[place][0] if len(rows[place]) == 1 else tuple(rows[place]) for place in full]
    found = trainer.predict(asked)
    for name, digits in (("predicted", None), ("probability", _DIGITS)):
        for place, value in zip(full, found[name], strict=True):
            answers[name][place] = value if digits is None else round(float(value), digits)
    return answers


def _free(frame: pd.DataFrame, name: str) -> str:
    """This name, or the next one that no column of the file has."""
    return next(
        free for free in (name, *(f"{name}_{number}" for number in range(2, 1000))) if free not in frame.columns
    )


def _columns(frame: pd.DataFrame, trainer: Trainer | ExportedModel) -> list[str]:
    """The columns to ask about: those the run was trained on, or one that is called text, or the only one."""
    config, guess = trainer.config, trainer.data.guess
    roles = {"text": config.text_column, "text_pair": config.pair_column}
    wanted = [[roles[role], guess.columns.get(role) if guess is not None else None, role] for role in roles]
    if "text_pair" not in trainer.data.train.columns:
        del wanted[1]
    chosen = [next((str(name) for name in names if name in frame.columns), None) for names in wanted]
    if None in chosen and len(wanted) == 1 and len(frame.columns) == 1:
        return [str(frame.columns[0])]
    missing = [
        next(str(name) for name in names if name) for names, found in zip(wanted, chosen, strict=True) if found is None
    ]
    if missing:
        raise DataError(
            f"It isn't clear which column holds the {'texts' if len(wanted) == 1 else 'pairs of texts'}.",
            f"The columns are: {', '.join(map(str, frame.columns))}.",
            f"Call {' and '.join(repr(name) for name in missing)} as when the run was trained.",
        )
    return [str(name) for name in chosen]
