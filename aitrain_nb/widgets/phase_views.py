"""The five phases of a step as a page shows them: a few words each, and the whole view of the record behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aitrain_nb import html, numerals
from aitrain_nb.errors import PhaseError
from aitrain_nb.stepping import PHASES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aitrain_nb.records import Record


_PROMISES = {
    "tokenize": "examples become numbers",
    "forward": "the numbers flow through the layers and become scores",
    "loss": "one number says how wrong the scores are",
    "backward": "for each weight: which way the loss falls",
    "update": "each weight moves a little that way",
}
"""What a phase will do, in a few words, until it has done it."""


class PhaseViews:
    """Makes the boxes of a step; what was once drawn of a record is kept while the step is shown."""

    def __init__(self) -> None:
        self._drawn: dict[int, tuple[str, str]] = {}

    def boxes(self, records: Mapping[str, Record], following: str) -> list[dict[str, Any]]:
        """What each box shows: phase, title, state (done, next, ahead), brief, note, html and a key that is new with each record.

        The brief of a phase that is not yet done says what it will do.

        Args:
            records: the newest of each phase so far, by phase.
            following: the phase that comes next.
        """
        self._draw(records)
        found = []
        for phase in PHASES:
            state = "next" if phase == following else "done" if phase in records else "ahead"
            box: dict[str, Any] = {
                "phase": phase,
                "title": phase.capitalize(),
                "state": state,
                "brief": _PROMISES[phase],
                "note": "",
                "html": "",
                "key": 0,
            }
            if phase in records:
                record = records[phase]
                brief, view = self._drawn[record.serial]
                box |= {"brief": brief, "note": numerals.duration(record.seconds), "html": view, "key": record.serial}
            found.append(box)
        return found

    def twins(self, records: Mapping[str, Record]) -> list[html.Markup]:
        """The same without any script: a line each that opens to the view."""
        self._draw(records)
        found = []
        for i, phase in enumerate(PHASES, 1):
            name = f"{i} {phase.capitalize()}"
            if phase in records:
                brief, view = self._drawn[records[phase].serial]
                found.append(html.details(f"{name}: {brief}", html.Markup(view)))
            else:
                found.append(html.element("div", f"{name}: not yet; {_PROMISES[phase]}", style="opacity:0.75"))
        return found

    def _draw(self, records: Mapping[str, Record]) -> None:
        """Draw what is new, and forget what is gone."""
        known, self._drawn = self._drawn, {}
        for record in records.values():
            self._drawn[record.serial] = known.get(record.serial) or (_brief(record), record._repr_html_())


def _brief(record: Record) -> str:
    try:
        return record.brief()
    except PhaseError as error:
        return error.what
