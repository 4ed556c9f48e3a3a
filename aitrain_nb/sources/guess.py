"""`Guess`: what was decided while data were read, so that a person can say no."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aitrain_nb import html, numerals

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

_SHOWN_CLASSES = 12
_SHOWN_CHARACTERS = 160


@dataclass(frozen=True, repr=False, eq=False)
class Guess:
    """What was decided while data were read, and what was found.

    Attributes:
        columns: role ("text", "text_pair", "label", "image") -> the column that was chosen for it.
        reasons: role -> why this one, in words.
        candidates: role -> other columns that could have been meant.
        notes: decisions about the format (delimiter, quotes, header, sizes ...), a sentence each.
        rows: examples that will be used.
        preview: the first five of them, as they will be used.
        class_counts: class -> examples; empty where the task has no labels.
        dropped: reason -> rows or files that were left out.
        duplicates: examples that repeat an earlier one exactly.
        contradictions: texts that occur with more than one label.
        lengths: characters a text: "least", "5 %", "median", "95 %", "most", "mean"; empty for images.
    """

    columns: Mapping[str, str]
    reasons: Mapping[str, str]
    rows: int
    preview: pd.DataFrame
    candidates: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    class_counts: Mapping[str, int] = field(default_factory=dict)
    dropped: Mapping[str, int] = field(default_factory=dict)
    duplicates: int = 0
    contradictions: int = 0
    lengths: Mapping[str, float] = field(default_factory=dict)

    def text(self) -> str:
        """All of it in sentences, one a line."""
        return "\n".join(self._sentences())

    def _sentences(self) -> list[str]:
        chosen = "; ".join(f"{role}: {why}" for role, why in self.reasons.items())
        others = [f"{role}: {', '.join(map(repr, names))}" for role, names in self.candidates.items() if names]
        return [
            f"{numerals.count(self.rows)} {'example' if self.rows == 1 else 'examples'} will be used.",
            *([f"{chosen}."] if chosen else []),
            *([f"Other candidates: {'; '.join(others)}."] if others else []),
            *self.notes,
            *self._findings(),
        ]

    def _findings(self) -> list[str]:
        found = []
        if self.dropped:
            listed = ", ".join(f"{numerals.count(count)} ({reason})" for reason, count in self.dropped.items())
            found.append(f"Left out: {listed}.")
        if self.class_counts:
            items = list(self.class_counts.items())
            listed = ", ".join(f"{name!r} {numerals.count(count)}" for name, count in items[:_SHOWN_CLASSES])
            more = f" and {len(items) - _SHOWN_CLASSES} more" if len(items) > _SHOWN_CLASSES else ""
            found.append(f"Examples a class: {listed}{more}.")
        if self.duplicates:
            found.append(f"Exact duplicates of an earlier example: {numerals.count(self.duplicates)}; they are kept.")
        if self.contradictions:
            found.append(f"Texts that occur with more than one label: {numerals.count(self.contradictions)}.")
        if self.lengths:
            listed = ", ".join(f"{name} {value:,.0f}" for name, value in self.lengths.items())
            found.append(f"Characters a text: {listed}.")
        return found

    def __repr__(self) -> str:
        return f"Guess\n{self.text()}"

    def _repr_html_(self) -> str:
        sentences = html.join(html.element("div", sentence) for sentence in self._sentences())
        cells = [[_short(value) for value in row] for row in self.preview.itertuples(index=False)]
        examples = html.table(list(self.preview.columns), cells, "The first examples, as they will be used")
        classes = html.Markup("")
        if self.class_counts:
            most = max(1, *self.class_counts.values())
            bars = [[_short(name), html.bar(count / most, numerals.count(count))]
                    for name, count in list(self.class_counts.items())[:_SHOWN_CLASSES]]  # fmt: skip
            classes = html.table(["class", "examples"], bars)
        return html.section("Your data", "what was read, and how", sentences, examples, classes)


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]} ..."
