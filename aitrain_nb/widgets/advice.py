"""What a form has been told to change: by the diagnosis of its run, by a range test; and what of it was entered."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from aitrain_nb import html
from aitrain_nb.diagnosis import diagnose, fixes, showing
from aitrain_nb.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import TypeAlias

    from aitrain_nb.config import TrainConfig
    from aitrain_nb.diagnosis import Finding, Findings
    from aitrain_nb.diagnosis.fixes import Change
    from aitrain_nb.trainer import Trainer
    from aitrain_nb.tuning import RateFinding, Sweep

    Advising: TypeAlias = Finding | Findings | RateFinding | Sweep

RATES, ALL = "rates", "all"
"""Keys of the range test, and of all findings together; one finding's key is its place among the alarms."""


class Entered(NamedTuple):
    """Something that was entered.

    Attributes:
        what: that suggested it.
        before: fields with the values that they had.
        changed: the same in words.
    """

    what: Advising
    before: Mapping[str, Any]
    changed: list[Change]


class Advice:
    """What was suggested, and what was entered, in the order of entering.

    Attributes:
        findings: of the run, or None.
        rates: of the range test, or None.
    """

    def __init__(self, findings: Findings | None = None) -> None:
        self.findings, self.rates = findings, None  # type: Findings | None, RateFinding | None
        self._entered: list[Entered] = []
        self._wrong: dict[str, str] = {}

    # what was entered

    def enter(self, what: Advising, before: TrainConfig) -> None:
        """Remember that the fields of its fix are being changed, and what they were before."""
        held = before.model_dump()
        self._wrong.clear()
        self._entered.append(Entered(what, {name: held[name] for name in what.fix}, fixes.changes(before, what.fix)))

    def take_back(self, what: Advising | None = None) -> dict[str, Any]:
        """The fields as they were before this was entered, by default what came last; nothing where nothing was."""
        found = [one for one in self._entered if what is None or one.what is what]
        if not found:
            return {}
        self._entered.remove(found[-1])
        return dict(found[-1].before)

    def judge(self, trainer: Trainer) -> None:
        """Diagnose a run that has ended; what was entered before it is nobody's change any more."""
        self._entered.clear()
        self._wrong.clear()
        with suppress(DataError):  # it ended before its first step
            self.findings = diagnose(trainer)

    def follow(self, config: TrainConfig) -> None:
        """Forget what a person has since overwritten."""
        self._entered = [one for one in self._entered if not fixes.changes(config, one.what.fix)]

    def refuse(self, key: str, words: str) -> None:
        """Say why a suggestion can't be entered."""
        self._wrong[key] = words

    # what is shown

    def find(self, key: object) -> Advising | None:
        """The suggestion of a key, or None."""
        return dict(self._suggested()).get(key) if isinstance(key, str) else None

    def _suggested(self) -> Iterator[tuple[str, Advising]]:
        if self.findings is not None:
            yield from ((str(place), finding) for place, finding in enumerate(self.findings.alarms))
            if sum(bool(finding.fix) for finding in self.findings.alarms) > 1:
                yield ALL, self.findings
        if self.rates is not None:
            yield RATES, self.rates

    def page(self, config: TrainConfig) -> dict[str, Any]:
        """What the page shows.

        Args:
            config: as it is entered: the words say what would change in it.

        Returns:
            "headline", "ticks" and "seen" of the findings as HTML; "items": each suggestion with its key, its HTML, its changes in words
            and their state, "open", "entered", "held" (the config is so already) or "none" (it changes no field); "marked": field -> what
            it was.
        """
        found = self.findings
        return {
            "headline": "" if found is None else showing.headline(found),
            "ticks": "" if found is None else str(showing.ticks_page(found)),
            "seen": "" if found is None else str(showing.what_was_seen(found)),
            "items": [self._item(key, what, config) for key, what in self._suggested()],
            "marked": {
                change.name: f"was {change.before}" for one in self._entered for change in reversed(one.changed)
            },
        }

    def _item(self, key: str, what: Advising, config: TrainConfig) -> dict[str, str]:
        entered = next((one for one in reversed(self._entered) if one.what is what), None)
        changed = fixes.changes(config, what.fix) if entered is None else entered.changed
        state = "entered" if entered is not None else "open" if changed else "held" if what.fix else "none"
        return {
            "key": key, "html": _html_of(key, what), "state": state, "changes": fixes.listed(changed), "wrong": self._wrong.get(key, ""),
            "name": {RATES: "the suggested rate", ALL: "all fixes"}.get(key) or f"the fix of {getattr(what, 'name', '')}",
        }  # fmt: skip

    def twin(self) -> html.Markup:
        """What stays of it in the file, with the code that enters it."""
        parts = [html.Markup(what._repr_html_()) for what in (self.findings, self.rates) if what is not None]
        lines = "\n".join(self._code())
        style = "white-space:pre-wrap;overflow-wrap:anywhere"
        return html.join([*parts, html.element("pre", lines, style=style) if lines else ""])

    def text(self) -> str:
        """The same for a terminal."""
        parts = [repr(what) for what in (self.findings, self.rates) if what is not None]
        return "\n\n".join([*parts, *self._code()])

    def _code(self) -> Iterator[str]:
        if self.findings is not None and self.findings.fix:
            yield "form.apply(form.findings)      # enters these fixes; form.undo() takes them back"
        if self.rates is not None and self.rates.fix:
            yield "form.apply(form.rates)         # enters the suggested rate; form.undo() takes it back"


def _html_of(key: str, what: Any) -> str:
    """A suggestion without its buttons; all findings together are shown one by one."""
    if key == ALL:
        return ""
    return str(what._repr_html_() if key == RATES else showing.finding_page(what, is_open=False, has_fields=False))
