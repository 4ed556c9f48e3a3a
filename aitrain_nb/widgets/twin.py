"""What stays of a live display once the run is over: picture, sentence and table, without any widget or script."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from aitrain_nb import html, numerals, plots
from aitrain_nb.annotations import annotate
from aitrain_nb.displays import epoch_line
from aitrain_nb.history import COLUMNS

if TYPE_CHECKING:
    from aitrain_nb.history import History
    from aitrain_nb.records import Ending

AGAIN = "fit(replay=history)"
"""What repeats the changes of a run, as code."""
_TABLE_ROWS = 12
"""So many are seen before the others open."""
_ALL_ROWS = 60
"""Of more evaluations or changes a selection is kept, so that a notebook stays small."""
_SECONDS = COLUMNS.index("seconds")
_WIDTH, _HEIGHT = 880, 400
_BESIDE = 130
"""Pixels of the panel's height for what stands above and under the picture."""


def static_twin(
    history: History,
    ending: Ending,
    *,
    classes: int | None = None,
    notes: tuple[str, ...] = (),
    width: int = 0,
    height: int = 0,
    seconds: float | None = None,
    again: str = AGAIN,
) -> dict[str, str]:
    """The run as a display bundle: `text/html` with a figure, and `text/plain` with the lines of a terminal.

    Args:
        history: of the run.
        ending: how it ended.
        classes: number of classes, for the line of a model that knows nothing.
        notes: sentences about the data, said at the start.
        seconds: how long the call of `fit` took; by default the seconds of its steps.
        width: pixels that the live panel took; 0 where there was none.
        height: the same, so that the page doesn't jump.
        again: the code that repeats in another run what was changed in this one.
    """
    words = html.element(
        "div", html.element("b", ending.state), f" · {_said(history, ending, seconds)}", style="margin:2px 0"
    )
    rows = _judged(history)
    parts: list[Any] = [words, *(html.element("div", note, style="opacity:0.8") for note in notes)]
    if len(history):
        high = min(460, max(320, height - _BESIDE)) if height else _HEIGHT
        told = annotate(history, ending.kept_step)
        picture = plots.run(history, classes=classes, notes=told, width=width or _WIDTH, height=high)
        caption = html.element("figcaption", picture.description, style="opacity:0.85;margin-top:2px")
        parts += [picture.to_html(), caption, *_tables(rows, history, again)]
    style = f"margin:4px 0;max-width:{max(width, 900)}px" + (f";min-height:{height}px" if height else "")
    return {"text/html": html.element("figure", *parts, style=style), "text/plain": _lines(rows, ending, notes)}


def plain_text(history: History, ending: Ending, notes: tuple[str, ...] = ()) -> str:
    """The lines that a terminal would have shown at each evaluation, and how it ended."""
    return _lines(_judged(history), ending, notes)


def _lines(rows: list[dict[str, Any]], ending: Ending, notes: tuple[str, ...]) -> str:
    shown = _selection(rows)
    lines = [
        epoch_line(row["epoch"], row["train_loss"], row["eval_loss"], overfitting=row["overfitting"]) for row in shown
    ]
    return "\n".join([*notes, *lines, *_left_out(len(shown), len(rows), "evaluations"), ending.line])


def _said(history: History, ending: Ending, seconds: float | None) -> str:
    """How long it was in steps and epochs; how long its steps took, and the call that ended, which may have waited or gone on."""
    last = history.last
    if not last:
        return ending.details
    computed = sum(row[_SECONDS] for row in history.tail(0))
    took = f" in {numerals.duration(computed)}" if math.isfinite(computed) else ""
    went = [
        f"{ending.step:,} {'step' if ending.step == 1 else 'steps'}{took}",
        numerals.epochs(last["epoch"]),
    ]
    if seconds is not None:
        went.append(f"this call took {numerals.duration(seconds)}")
    return " · ".join(filter(None, [*went, ending.details]))


def _judged(history: History) -> list[dict[str, Any]]:
    """The rows of the evaluations, each with whether validation was diverging by then."""
    verdict = history.verdict
    return [row | {"overfitting": verdict.marks(number)} for number, row in enumerate(history.evaluations, start=1)]


def _selection(rows: list[Any]) -> list[Any]:
    """All rows, or of many the first, the last, those with the lowest validation loss and the first mark, and some between."""
    count = len(rows)
    if count <= _ALL_ROWS:
        return rows
    kept = {round(place * (count - 1) / (_ALL_ROWS - 4)) for place in range(_ALL_ROWS - 3)}
    if isinstance(rows[0], dict):
        finite = [place for place in range(count) if math.isfinite(rows[place]["eval_loss"])]
        kept.update(sorted(finite, key=lambda place: rows[place]["eval_loss"])[:1])
        kept.update(next(([place] for place in range(count) if rows[place]["overfitting"]), []))
        kept.update(next(([place] for place in range(count) if not math.isfinite(rows[place]["eval_loss"])), []))
    return [rows[place] for place in sorted(kept)]


def _left_out(shown: int, count: int, what: str) -> list[str]:
    """The sentence about what isn't there."""
    if shown == count:
        return []
    everything = "history.frame()" if what == "evaluations" else "history.changes"
    return [f"{shown} of {count:,} {what} are listed, evenly chosen; {everything} has them all."]


def _tables(rows: list[dict[str, Any]], history: History, again: str) -> list[html.Markup]:
    found = []
    if rows:
        scores = [name for name in rows[-1] if name.startswith("eval_") and name != "eval_loss"]
        names = [name[5:].replace("_", " ") for name in scores]
        shown = _selection(rows)
        cells = [
            [numerals.epoch(row["epoch"]), f"{row['step']:,}",
             numerals.epoch_loss(row["train_loss"]), numerals.epoch_loss(row["eval_loss"]),
             *(f"{row[name]:.4g}" if name in row else "" for name in scores), "← Overfitting!" if row["overfitting"] else ""]
            for row in shown
        ]  # fmt: skip
        table = html.folded_table(
            ["epoch", "step", "training loss", "validation loss", *names, ""], cells, first=_TABLE_ROWS
        )
        found.append(
            html.details("Evaluations as a table", _with_sentence(table, len(shown), len(rows), "evaluations"))
        )
    if history.changes:
        chosen = _selection(history.changes)
        changed = [
            [f"{change.step:,}", change.name.replace("_", " "), change.where or f"{change.value:.4g}"]
            for change in chosen
        ]
        table = html.folded_table(["from step", "what", "value"], changed, first=_TABLE_ROWS)
        can_replay = any(change.name == "learning_rate" for change in history.changes)
        what = "What was changed while it ran" + (f": {again} does it again" if can_replay else "")
        found.append(html.details(what, _with_sentence(table, len(chosen), len(history.changes), "changes")))
    return found


def _with_sentence(table: html.Markup, shown: int, count: int, what: str) -> html.Markup:
    return html.join([*(html.element("div", sentence) for sentence in _left_out(shown, count, what)), table])
