"""`quick_look`: an honest first picture of a person's own data in about a minute.

What was read, what is odd about it, what simple methods reach on the split a run would use, how long fine-tuning would
take here, and which labels look wrong.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

from aitrain_nb.errors import ConfigError
from aitrain_nb.looking.labelled_images import look_at_images
from aitrain_nb.looking.labelled_texts import look_at_texts
from aitrain_nb.looking.looks import Look
from aitrain_nb.looking.mislabelled import likely_mislabelled
from aitrain_nb.looking.opening import open_source
from aitrain_nb.looking.plain_texts import look_at_plain_text

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Look", "likely_mislabelled", "quick_look"]

_KINDS = {
    "text-classification": look_at_texts,
    "image-classification": look_at_images,
    "text-generation": look_at_plain_text,
}
"""Task -> what looks at its data."""


def quick_look(
    source: Any,
    *,
    text_column: str | None = None,
    label_column: str | None = None,
    pair_column: str | None = None,
    task: str | None = None,
    model: str = "minilm",
    seed: int = 0,
    validation_fraction: float = 0.2,
    seconds: float = 60.0,
    rows: int | None = None,
    progress: Callable[[str], None] | None = None,
) -> Look:
    """A first picture of data: what they are, what is odd, what simple methods reach, what fine-tuning would take.

    Args:
        source: what `sources.read` takes (a file, a folder, a DataFrame, a hub name), or the name of a bundled data set.
        text_column: the column with the texts; None guesses, and the guess is shown.
        label_column: the column with the classes; None guesses.
        pair_column: the column with the second text; None guesses by well-known names only.
        task: what the data are for; None: as `prepare` would take it (a table of texts: text-classification).
        model: the pretrained text model for the frozen features and the suggested run.
        seed: of the split and of every sample that is taken.
        validation_fraction: share of the rows kept for validation; the split is the one `prepare` makes.
        seconds: about how long the look may take; of large data fewer rows are then used for the scores.
        rows: use this many rows for the scores instead, so that the numbers are the same on another machine.
        progress: told in a short sentence at each stage what is being done.

    Raises:
        ConfigError: an option has a value it can't have, or a name isn't known.
        DataError: the data can't be found, read or used.

    Example:
        look = quick_look("tickets.csv", progress=print)
        look.mislabelled(10)
        ai.prepare(look.config).fit()
    """
    began = perf_counter()
    if not (isinstance(seconds, (int, float)) and 1 <= seconds <= 86_400):
        raise ConfigError(
            f"A look can't take {seconds!r} seconds.", "It takes between 1 and 86,400.", "Pass seconds=60."
        )
    if rows is not None and not (isinstance(rows, int) and rows >= 20):
        raise ConfigError(
            f"The scores can't use {rows!r} rows.", "At least 20 are needed.", "Pass rows=1_000, or leave it out."
        )
    say = progress or _silence
    say("Reading the data.")
    columns = {"text_column": text_column, "label_column": label_column, "pair_column": pair_column}
    opened = open_source(source, columns, task, model, seed, validation_fraction)
    return _KINDS[opened.task](opened, seconds, rows, say, began)


def _silence(_sentence: str) -> None:
    """The default watcher: nothing is printed."""
