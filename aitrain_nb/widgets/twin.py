"""What stays of a live display once the run is over: picture, sentence and table, without any widget or script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aitrain_nb import html, numerals, overfitting, plots
from aitrain_nb.annotations import annotate
from aitrain_nb.displays import epoch_line

if TYPE_CHECKING:
    from aitrain_nb.history import History
    from aitrain_nb.records import Ending

AGAIN = "fit(replay=history)"
"""What repeats the changes of a run, as code."""
_TABLE_ROWS = 12


def static_twin(
    history: History,
    ending: Ending,
    *,
    classes: int | None = None,
    notes: tuple[str, ...] = (),
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
        height: pixels that the live panel took, so that the page doesn't jump.
        again: the code that repeats in another run what was changed in this one.
    """
    words = html.element(
        "div", html.element("b", ending.state), f" · {_said(history, ending, seconds)}", style="margin:2px 0"
    )
    rows = _judged(history)
    parts: list[Any] = [words, *(html.element("div", note, style="opacity:0.8") for note in notes)]
    if len(history):
        picture = plots.run(history.frame(), classes=classes, notes=annotate(history, ending.kept_step))
        caption = html.element("figcaption", picture.description, style="opacity:0.85;margin-top:2px")
        parts += [picture.to_html(), caption, *_tables(rows, history, again)]
    style = f"margin:4px 0;max-width:900px;min-height:{height}px" if height else "margin:4px 0;max-width:900px"
    return {"text/html": html.element("figure", *parts, style=style), "text/plain": _lines(rows, ending, notes)}


def plain_text(history: History, ending: Ending, notes: tuple[str, ...] = ()) -> str:
    """The lines that a terminal would have shown at each evaluation, and how it ended."""
    return _lines(_judged(history), ending, notes)


def _lines(rows: list[dict[str, Any]], ending: Ending, notes: tuple[str, ...]) -> str:
    lines = [
        epoch_line(row["epoch"], row["train_loss"], row["eval_loss"], overfitting=row["overfitting"]) for row in rows
    ]
    return "\n".join([*notes, *lines, ending.line])


def _said(history: History, ending: Ending, seconds: float | None) -> str:
    last = history.last
    if seconds is None:
        seconds = sum(row["seconds"] for row in history)
    went = [f"{ending.step:,} steps", f"{last['epoch']:.3g} epochs", numerals.duration(seconds)] if last else []
    return " · ".join(filter(None, [*went, ending.details]))


def _judged(history: History) -> list[dict[str, Any]]:
    """The rows of the evaluations, each with whether validation was diverging by then."""
    rows = history.evaluations
    return [row | {"overfitting": is_marked} for row, is_marked in zip(rows, overfitting.marked(rows), strict=True)]


def _tables(rows: list[dict[str, Any]], history: History, again: str) -> list[html.Markup]:
    found = []
    if rows:
        scores = [name for name in rows[-1] if name.startswith("eval_") and name != "eval_loss"]
        heads = [
            "epoch",
            "step",
            "training loss",
            "validation loss",
            *(name[5:].replace("_", " ") for name in scores),
            "",
        ]
        cells = [
            [f"{row['epoch']:.4g}", f"{row['step']:,}", numerals.epoch_loss(row["train_loss"]), numerals.epoch_loss(row["eval_loss"]),
             *(f"{row[name]:.4g}" if name in row else "" for name in scores), "← Overfitting!" if row["overfitting"] else ""]
            for row in rows
        ]  # fmt: skip
        found.append(html.details("Evaluations as a table", html.folded_table(heads, cells, first=_TABLE_ROWS)))
    if history.changes:
        changed = [
            [f"{change.step:,}", change.name.replace("_", " "), f"{change.value:.4g}"] for change in history.changes
        ]
        table = html.folded_table(["from step", "what", "value"], changed, first=_TABLE_ROWS)
        can_replay = any(change.name == "learning_rate" for change in history.changes)
        what = "What was changed while it ran" + (f": {again} does it again" if can_replay else "")
        found.append(html.details(what, table))
    return found
