"""`runs`: all runs of a folder as a table, the newest first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple, overload

from aitrain_nb import html, numerals, reading
from aitrain_nb.errors import DataError
from aitrain_nb.lettering import shortened
from aitrain_nb.placing import named_folder
from aitrain_nb.privacy import without_secrets
from aitrain_nb.run_folder.summary import RunSummary, is_run, read_summary

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import pandas as pd

_COLOURS = {
    "running": html.BLUE,
    "paused": html.BLUE,
    "stopping": html.BLUE,
    "done": html.GREEN,
    "failed": html.ORANGE,
    "gone": html.ORANGE,
}
_HEADS = ["run", "state", "best validation loss (nats)", "took", "on disk", "began"]
_FIRST = 40
"""Rows that are shown; the others open behind a line."""
_LONGEST = 40


def runs(folder: str | Path = "runs") -> Runs:
    """All runs of a folder, the newest first, also those that are going on and those that are damaged.

    It only reads, and a few numbers of each. A folder that can't be read is a row with a sentence, never an error.

    Args:
        folder: that holds the folders of runs, or the folder of one run.

    Raises:
        DataError: there is no such folder, or it can't be listed; or it is no name of one.

    Example:
        table = ai.runs("runs")
        table.frame().sort_values("best_loss")
    """
    folder = named_folder(folder, 'ai.runs("runs")')
    try:
        inside = [] if is_run(folder) else sorted(folder.iterdir())
    except OSError as error:
        why = "It isn't there." if isinstance(error, FileNotFoundError) else error.strerror or str(error)
        raise DataError(
            f"Can't look for runs in {str(folder)!r}.", why, 'Name the folder that holds your runs: ai.runs("runs").'
        ) from error
    places = (
        [folder] if is_run(folder) else [place for place in inside if not place.name.startswith(".") and is_run(place)]
    )
    return Runs(without_secrets(folder.resolve().name), map(read_summary, places))


class Runs(Sequence[RunSummary]):
    """The runs of a folder: a sequence of `RunSummary`, the newest first.

    Args:
        name: of the folder.
        found: the runs, in any order.
    """

    def __init__(self, name: str, found: Iterable[RunSummary]) -> None:
        self.name = name
        self._rows = sorted(found, key=lambda one: (-(one.began or 0.0), one.name))

    @overload
    def __getitem__(self, place: int) -> RunSummary: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[RunSummary]: ...
    def __getitem__(self, place: int | slice) -> RunSummary | Sequence[RunSummary]:
        return self._rows[place]

    def __len__(self) -> int:
        return len(self._rows)

    def frame(self) -> pd.DataFrame:
        """One row a run.

        Columns: name, task, data, model, state, step, total_steps, best_epoch, best_loss (nats), metric and best_score (by which it is
        the best, where that isn't the loss), evaluations (how many), seconds, size_bytes, checkpoint_bytes, began (UTC), note.
        """
        import pandas as pd

        rows = [
            {
                "name": one.name, "task": one.task, "data": one.data, "model": one.model, "state": one.word, "step": one.step,
                "total_steps": one.total_steps, "best_epoch": one.best_epoch, "best_loss": one.best_loss,
                "metric": one.best_score[0] if one.best_score else "loss", "best_score": one.best_score[1] if one.best_score else None,
                "evaluations": len(one.losses), "seconds": one.seconds, "size_bytes": one.size_bytes,
                "checkpoint_bytes": one.checkpoint_bytes, "began": _when(one.began), "note": " ".join(one.notes),
            }
            for one in self._rows
        ]  # fmt: skip
        names = [
            "name", "task", "data", "model", "state", "step", "total_steps", "best_epoch", "best_loss", "metric", "best_score",
            "evaluations", "seconds", "size_bytes", "checkpoint_bytes", "began", "note",
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=names)

    def text(self) -> str:
        """The table for a terminal."""
        heads = [
            "run",
            "trained",
            "state",
            "steps",
            "best validation loss (nats)",
            "score",
            "epoch",
            "took",
            "on disk",
            "checkpoints",
            "began (UTC)",
        ]
        rows = [
            [*told[:2], one.word, *told[2:]] for one, told in zip(self._rows, map(_Words.of, self._rows), strict=True)
        ]
        told = [place for place in range(len(heads)) if any(row[place] for row in rows)]
        return reading.as_text(
            self._page(html.table([heads[place] for place in told], [[row[place] for place in told] for row in rows]))
        )

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        table = html.folded_table(_HEADS, [_cells(one) for one in self._rows], _FIRST)
        return self._page(html.wide("Runs", table))

    def _page(self, table: html.Markup) -> html.Markup:
        size = numerals.memory(sum(one.size_bytes for one in self._rows))
        note = f"{numerals.several(len(self), 'run')} in {shortened(self.name, _LONGEST)}, {size}"
        if not self._rows:
            return html.section("Runs", note, html.element("p", "fit(output_dir=...) and aitrain-nb train write some."))
        notes = html.join(
            html.element("p", html.element("b", shortened(one.name, _LONGEST)), ": ", " ".join(one.notes), style="margin:2px 0")
            for one in self._rows if one.notes
        )  # fmt: skip
        return html.section("Runs", note, table, notes)


class _Words(NamedTuple):
    """What is said of a run; empty where it isn't known."""

    name: str
    trained: str
    steps: str
    best: str
    score: str
    epoch: str
    took: str
    size: str
    checkpoints: str
    began: str

    @classmethod
    def of(cls, one: RunSummary) -> _Words:
        score = f"{one.best_score[0].replace('_', ' ')} {numerals.share(one.best_score[1])}" if one.best_score else ""
        moment = _when(one.began)
        return cls(
            shortened(one.name, _LONGEST), " on ".join(shortened(part, _LONGEST) for part in (one.model, one.data) if part),
            "" if one.step is None else f"{one.step:,} of {one.total_steps:,}",
            numerals.epoch_loss(one.best_loss) if one.best_loss is not None else "", score,
            numerals.epoch(one.best_epoch) if one.best_epoch is not None else "",
            numerals.duration(one.seconds) if one.seconds is not None else "", numerals.memory(one.size_bytes),
            numerals.memory(one.checkpoint_bytes) if one.checkpoint_bytes else "",
            f"{moment:%Y-%m-%d %H:%M}" if moment is not None else "",
        )  # fmt: skip


def _cells(one: RunSummary) -> list[object]:
    """What the table shows of a run: what matters most, and the rest in small below it."""
    told = _Words.of(one)
    curve = [html.spark(one.losses), " "] if len(one.losses) > 1 else []
    day, _, hour = told.began.partition(" ")
    return [
        _two(html.element("b", told.name), told.trained),
        _two(html.chip(one.word, _COLOURS.get(one.word, html.GREY)), told.steps and f"{told.steps} steps"),
        _two(html.join([*curve, told.best]), ", ".join(filter(None, (told.epoch and f"after epoch {told.epoch}", told.score)))),
        told.took, _two(told.size, told.checkpoints and f"{told.checkpoints} checkpoints"), _two(day, hour and f"{hour} UTC"),
    ]  # fmt: skip


def _two(first: object, second: str) -> html.Markup:
    below = html.element("div", second, style="opacity:0.75;font-size:90%") if second else ""
    return html.element("div", html.element("div", first), below, style="white-space:nowrap")


def _when(began: float | None) -> datetime | None:
    """The moment, where it is one."""
    if began is None or not math.isfinite(began) or not 0 <= began < 1e11:
        return None
    return datetime.fromtimestamp(began, UTC)
