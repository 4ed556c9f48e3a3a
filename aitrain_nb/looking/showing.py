"""How a look is shown: lines of text, a page of HTML, a picture. Nothing is computed here."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from aitrain_nb import html, numerals, plots
from aitrain_nb.lettering import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from aitrain_nb.figures import Picture
    from aitrain_nb.html import Markup
    from aitrain_nb.looking.looks import Look

_CLASSES, _ROWS, _LETTERS = 20, 8, 160
_WHAT = {
    "duplicates": "Rows that repeat an earlier one",
    "contradictions": "The same input with different labels",
    "near_duplicates": "Pairs that are nearly the same",
    "suspicious": "Rows worth reading",
}
"""Table of a look -> its heading."""
_LINES = "Lines that occur more than once"
"""What the duplicates of plain text are."""


def lines(look: Look) -> Iterator[str]:
    """The look in sentences."""
    yield from look.guess.text().split("\n") if look.guess is not None else [look.note]
    if len(look.classes):
        first = look.classes.head(_CLASSES).itertuples()
        listed = ", ".join(f"{_short(row[1])} {row[2]:,} ({numerals.share(row[3])})" for row in first)
        more = f" and {len(look.classes) - _CLASSES} more" if len(look.classes) > _CLASSES else ""
        yield f"Classes: {listed}{more}."
    for column in look.lengths.columns:
        yield f"{column.capitalize()}: " + ", ".join(f"{k} {v:,.0f}" for k, v in look.lengths[column].items()) + "."
    for name, heading in _headings(look).items():
        frame = getattr(look, name)
        if len(frame.columns):
            yield f"{heading}: {len(frame):,}" + (f" (look.{name})." if len(frame) else ".")
    yield from (_score_line(row) for _, row in look.scores.iterrows())
    yield from look.sentences
    if look.doubts is not None:
        yield f"{_hint(look)} look.code() gives the run to go on with."
    yield f"The look took {numerals.duration(look.seconds)}."


def _headings(look: Look) -> dict[str, str]:
    return _WHAT | ({"duplicates": _LINES} if "times" in look.duplicates else {})


def _score_line(row: pd.Series) -> str:
    if "nats_per_letter" in row:
        return f"{row['method']}: {row['nats_per_letter']:.3f} nats a letter. {row['note']}"
    if math.isnan(row["accuracy"]):
        return f"{row['method']}: {row['note']}"
    return (
        f"{row['method']}: accuracy {numerals.share(row['accuracy'])} ({_interval(row)}), macro-F1 {row['macro_f1']:.3f}, "
        f"{numerals.duration(row['seconds'])}."
    )


def _interval(row: pd.Series) -> str:
    return f"95 %: {100 * row['low']:.1f} to {100 * row['high']:.1f}"


def page(look: Look) -> Markup:
    """The look as HTML: what was read, scores, classes, oddities, the run to go on with."""
    said = html.join(html.element("div", sentence) for sentence in (*look.sentences, _hint(look)) if sentence)
    parts: list[Any] = [html.facts(look.facts()), _scores(look), said]
    if len(look.classes):
        parts.append(_classes(look.classes))
    if len(look.lengths.columns):
        rows = [[name, *(f"{value:,.0f}" for value in row)] for name, *row in look.lengths.itertuples()]
        parts.append(html.table(["", *look.lengths.columns], rows, "Lengths"))
    for name, heading in _headings(look).items():
        frame = getattr(look, name)
        if len(frame):
            shown = f"the first {_ROWS} of {len(frame):,}" if len(frame) > _ROWS else f"{len(frame):,}"
            parts.append(html.details(f"{heading}: {shown} (look.{name})", _rows(frame)))
    parts.append(html.details("The run to go on with", html.element("pre", look.code())))
    if look.guess is not None:
        read = html.join(html.element("div", _short(line, 1_000)) for line in look.guess.text().split("\n"))
        parts.append(html.details("What was read, and how", read))
    return html.section(f"A quick look at {_short(look.name)}", _short(look.note, 400), *parts)


def _hint(look: Look) -> str:
    if look.doubts is None:
        return ""
    among = f" (among the {look.rows_scored:,} rows of the scores)" if look.rows_scored < look.rows else ""
    return f"look.mislabelled() lists the labels that look wrong{among}."


def _scores(look: Look) -> Markup:
    if "nats_per_letter" in look.scores:
        most = max(look.scores["nats_per_letter"].max(), 1e-9)
        cells = [[row["method"], html.bar(row["nats_per_letter"] / most, f"{row['nats_per_letter']:.3f}"), row["note"]]
                 for _, row in look.scores.iterrows()]  # fmt: skip
        return html.table(["method", "nats a letter (less is better)", ""], cells)
    cells = []
    for _, row in look.scores.iterrows():
        if math.isnan(row["accuracy"]):
            cells.append([row["method"], "not run", "", "", row["note"]])
            continue
        bar = html.bar(row["accuracy"], f"{numerals.share(row['accuracy'])} ({_interval(row)})", html.GREEN)
        cells.append([row["method"], bar, f"{row['macro_f1']:.3f}", numerals.duration(row["seconds"]), row["note"]])
    return html.table(["method", "accuracy on validation", "macro-F1", "time", ""], cells)


def _classes(frame: pd.DataFrame) -> Markup:
    most = max(1, int(frame["examples"].max()))
    cells = [[_short(row[1]), html.bar(row[2] / most, f"{row[2]:,} ({numerals.share(row[3])})")]
             for row in frame.head(_CLASSES).itertuples()]  # fmt: skip
    more = f"Classes: the {_CLASSES} most frequent of {len(frame):,}" if len(frame) > _CLASSES else "Classes"
    return html.table(["class", "examples"], cells, more)


def _rows(frame: pd.DataFrame) -> Markup:
    cells = [[_cell(value) for value in row] for row in frame.head(_ROWS).itertuples(index=False)]
    return html.table([name.replace("_", " ") for name in frame.columns], cells)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, list):
        return _short(", ".join(map(str, value[:20])))
    return _short(value)


def _short(value: object, letters: int = _LETTERS) -> str:
    text = str(value)
    return text if len(text) <= letters else f"{text[:letters]} ..."


def picture(look: Look) -> Picture:
    """Scores with their intervals on the left, the classes on the right."""
    if "nats_per_letter" in look.scores:
        values = look.scores["nats_per_letter"].tolist()
        return plots.bars(look.scores["method"].tolist(), values, "Simple models of letters", "nats a letter")
    ran = look.scores[look.scores["accuracy"].notna()]
    classes = look.classes.head(_CLASSES)
    figure, (left, right) = plots.new_figure(width=10, height=max(2.6, 0.26 * len(classes) + 1.2), columns=2)
    places = list(range(len(ran)))[::-1]
    ends = [
        (ran["accuracy"] - ran["low"]).clip(lower=0).tolist(),
        (ran["high"] - ran["accuracy"]).clip(lower=0).tolist(),
    ]
    left.barh(places, ran["accuracy"], xerr=ends, color=plots.BLUE, alpha=0.8, height=0.5, capsize=4)
    left.set_yticks(places, [name.replace(" + ", "\n+ ") for name in ran["method"]])
    left.set(title="Simple methods, with 95 % intervals", xlabel="accuracy on validation", xlim=(0, 1))
    rows = list(range(len(classes)))[::-1]
    drawn = right.barh(rows, classes["examples"], color=plots.GREEN, alpha=0.8)
    right.bar_label(drawn, labels=[f" {count:,}" for count in classes["examples"]], fontsize=8)
    right.set_yticks(rows, [plain(name, 28) for name in classes["class"]])
    right.margins(x=0.14)
    right.set(title="Examples of each class", xlabel="examples")
    best = ran.sort_values("accuracy", kind="stable").iloc[-1]
    top, low = look.classes.iloc[0], look.classes.iloc[-1]
    figure.description = (
        f"Best: {best['method']} with accuracy {numerals.share(best['accuracy'])} ({_interval(best)}). "
        f"{len(look.classes)} classes, from {top['class']} ({top['examples']:,}) to {low['class']} ({low['examples']:,})."
    )
    return figure
