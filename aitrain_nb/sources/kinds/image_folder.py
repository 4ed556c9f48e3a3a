"""A folder of images: the class of an image is the name of the subfolder it lies in."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from aitrain_nb.errors import DataError
from aitrain_nb.sources import pictures
from aitrain_nb.sources.base import Kind
from aitrain_nb.sources.values import shown

if TYPE_CHECKING:
    from aitrain_nb.sources.base import Options, Raw

ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp"})
_SPLITS = frozenset({"train", "training", "test", "testing", "val", "valid", "validation", "dev", "eval"})
_TABLES = frozenset({".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet", ".txt"})


def _takes(source: Any) -> bool:
    return isinstance(source, Path) and source.is_dir()


def _read(folder: Path, options: Options) -> Raw:
    name = folder.resolve().name
    entries = _entries(folder, name)
    if options.task != "image-classification":
        _refuse_task(name, entries, options)
    dropped: Counter[str] = Counter()
    classes = _classes(entries, name, dropped)
    sources: list[pictures.Source] = []
    numbers: list[int] = []
    for number, subfolder in enumerate(classes):
        found = find_images(subfolder, folder.resolve(), dropped)
        if not found:
            raise DataError(
                f"The class folder {shown(subfolder.name)} has no images.",
                f"Images end in {', '.join(sorted(ENDINGS))}.",
                f"Put images of {shown(subfolder.name)} there, or remove the folder.",
            )
        sources += [pictures.Source(path.relative_to(folder).as_posix(), path) for path in found]
        numbers += [number] * len(found)
    labelled = pictures.Labelled(
        sources, numbers, [subfolder.name for subfolder in classes], name, f"Your folder {name}.", (), dropped,
        {"image": "the image files", "label": "the names of the subfolders"},
        {"image": f"the image files of folder {shown(name)}",
         "label": f"the names of its subfolders, {len(classes):,} classes in {len(sources):,} files"},
    )  # fmt: skip
    return pictures.as_raw(labelled, options)


def _entries(folder: Path, name: str) -> list[Path]:
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise DataError(
            f"Can't look into the folder {shown(name)}.", f"{error.strerror or error}.", "Check its permissions."
        ) from error


def _refuse_task(name: str, entries: list[Path], options: Options) -> NoReturn:
    table = next((entry.name for entry in entries if entry.suffix.lower() in _TABLES), None)
    raise DataError(
        f"{shown(name)} is a folder, and {options.task} reads files.",
        "A folder is read as images, a subfolder a class.",
        f"Give the file in it: {shown(table)}." if table else "Pass task='image-classification', or give a file.",
    )


def _classes(entries: list[Path], name: str, dropped: Counter[str]) -> list[Path]:
    """The subfolders; what else lies beside them is counted."""
    subfolders = [entry for entry in entries if entry.is_dir() and not entry.is_symlink()]
    linked = sum(entry.is_symlink() and entry.is_dir() for entry in entries)
    if linked:
        dropped["link to a folder"] += linked
    beside = sum(entry.is_file() for entry in entries)
    if not subfolders:
        raise DataError(
            f"The folder {shown(name)} has no subfolders.",
            f"It has {beside:,} files. The class of an image is the name of its subfolder.",
            "Make one subfolder a class and move the images there.",
        )
    splits = [entry.name for entry in subfolders if entry.name.lower() in _SPLITS]
    if len(splits) == len(subfolders):
        raise DataError(
            f"The subfolders of {shown(name)} are splits, not classes.",
            f"They are named {', '.join(map(shown, splits))}.",
            f"Give one of them: the folder {shown(splits[0])} inside.",
        )
    if beside:
        dropped["file beside the class folders"] += beside
    return subfolders


def find_images(subfolder: Path, root: Path, dropped: Counter[str]) -> list[Path]:
    """The image files in a folder and below it, sorted; links never lead outside `root`."""
    found = []
    for parent, folders, names in os.walk(subfolder, followlinks=False):
        here = Path(parent)
        dropped["link to a folder"] += sum((here / name).is_symlink() for name in folders)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            path = here / name
            reason = _not_an_image(path, root)
            if reason:
                dropped[reason] += 1
            else:
                found.append(path)
    for reason in [reason for reason, count in dropped.items() if not count]:
        del dropped[reason]
    return sorted(found)


def _not_an_image(path: Path, root: Path) -> str:
    """Why a file is left out, or ""."""
    if path.name.startswith("."):
        return "hidden file"
    if path.suffix.lower() not in ENDINGS:
        return "file that is no image"
    try:
        if path.is_symlink() and not path.resolve(strict=True).is_relative_to(root):
            return "link that leads outside the folder"
    except (OSError, RuntimeError):  # a link to nothing, or to itself
        return "link that leads nowhere"
    return "" if path.is_file() else "file that is no image"


KIND = Kind(_takes, _read)
