"""How findings are shown: lines for a terminal, a page of HTML. Nothing is computed here."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from aitrain_nb import html, numerals
from aitrain_nb.diagnosis import fixes
from aitrain_nb.lettering import visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from aitrain_nb.config import TrainConfig
    from aitrain_nb.diagnosis.finding import Finding
    from aitrain_nb.diagnosis.findings import Findings, Tick
    from aitrain_nb.html import Markup

_MARKS = {True: "✓", False: "✗", None: "?"}
_COLOURS = {"high": html.ORANGE, "medium": html.ORANGE, "low": html.GREY}
_LETTERS = 600
_NAMED = 4
"""So many rules are named that lacked the same thing."""
_FORM, _CODE = "form.apply(findings)", "config = findings.apply(config)"
_PRE = "white-space:pre-wrap;overflow-wrap:anywhere;margin:4px 0"


def lines(findings: Findings) -> Iterator[str]:
    """The findings for a terminal, one after the other."""
    yield f"{_safe(findings.about)}: {headline(findings)}"
    for tick in findings.ticks:
        yield f"  {_MARKS[tick.holds]} {tick.name}: {_safe(tick.words)}"
    for finding in findings.alarms:
        yield ""
        yield from finding_lines(finding)
    if findings.fix:
        yield ""
        yield f"Apply all of it: {_CODE}; in a form: {_FORM}"
        yield from (f"    {change}" for change in _changes(findings, findings.fix))
    if findings.looked_at:
        yield ""
        yield f"Looked at: {'; '.join(_safe(part) for part in findings.looked_at)}."
    if findings.missing:
        yield f"Not looked at: {_missing(findings)}."


def fitted(row: str, width: int) -> str:
    """A line in lines of at most this width: what goes on is indented further."""
    indent = len(row) - len(row.lstrip()) + 4
    return textwrap.fill(row, width, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)


def headline(findings: Findings) -> str:
    """What came out, in a few words."""
    names = [finding.name for finding in findings.alarms]
    if names:
        return f"{len(names)} finding{'s' * (len(names) > 1)}: {', '.join(names)}"
    if findings.names:
        return "healthy; nothing wrong was found"
    if findings.ticks and all(tick.holds for tick in findings.ticks):
        return f"all {len(findings.ticks)} checks are well"
    return "no rule fired, but not every sign of a healthy run is there" if findings.ticks else "too little to judge"


def _missing(findings: Findings) -> str:
    """The rules that were silent for want of something, gathered by what they lacked."""
    gathered: dict[str, list[str]] = {}
    for name, lack in findings.missing.items():
        gathered.setdefault(lack, []).append(name)
    return "; ".join(f"{_few(names)} (needs {_safe(lack)})" for lack, names in gathered.items())


def _few(names: list[str]) -> str:
    """Some names, and how many more there are."""
    return (
        ", ".join(names)
        if len(names) <= _NAMED
        else f"{', '.join(names[: _NAMED - 1])} and {len(names) - _NAMED + 1} more"
    )


def finding_lines(finding: Finding) -> Iterator[str]:
    """One finding for a terminal."""
    mark = "!" if finding.is_alarm else _MARKS[True]
    yield f"{mark} {finding.name} ({finding.confidence} confidence): {_safe(finding.what)}"
    for entry in finding.evidence:
        yield f"    {_safe(str(entry))}"
    if finding.explains:
        yield f"    It explains what was seen too: {', '.join(finding.explains)}."
    if finding.could_also_be:
        yield f"    Could also be: {'; '.join(finding.could_also_be)}."
    for label, words in _words(finding):
        yield f"    {label}: {words}"


def _words(finding: Finding) -> Iterator[tuple[str, str]]:
    named = (
        ("What would refute it", finding.refute), ("Fix", finding.fix_text), ("How to read it", finding.how_to_read),
        ("Source", finding.source),
    )  # fmt: skip
    return ((label, _safe(words)) for label, words in named if words)


def page(findings: Findings) -> Markup:
    """The findings as HTML; each opens to its evidence."""
    parts: list[object] = [ticks_page(findings)]
    parts += [
        finding_page(finding, is_open=not place, config=findings.config)
        for place, finding in enumerate(findings.alarms)
    ]
    parts += [_how_to_apply(findings), what_was_seen(findings)]
    return html.section(f"Diagnosis of {_safe(findings.about)}", headline(findings), *parts)


def what_was_seen(findings: Findings) -> Markup:
    """What was looked at and what wasn't, behind a line; nothing where nobody said."""
    seen = "; ".join(_safe(part) for part in findings.looked_at)
    note = html.element("div", f"Looked at: {seen}.") if seen else html.Markup("")
    if findings.missing:
        note += html.element("div", f"Not looked at: {_missing(findings)}.")
    return html.details("What was looked at", note) if note else html.Markup("")


def _how_to_apply(findings: Findings) -> Markup:
    """All fixes together: how to apply them, and the fields that they change."""
    if not findings.fix:
        return html.Markup("")
    changed = html.join(_change(change) for change in _changes(findings, findings.fix))
    width = len(_CODE) + 4
    code = html.element("pre", f"{_FORM:{width}}# in a form\n{_CODE:{width}}# without one", style=_PRE)
    return html.element("div", html.element("b", "Apply all fixes: "), changed, code, style="margin:8px 0 4px")


def _changes(findings: Findings, fix: Mapping[str, Any]) -> list[str]:
    """What a fix changes, in words; without a config only what it would be afterwards is known."""
    if findings.config is None:
        return [f"{name}={value!r}" for name, value in fix.items()]
    return [str(change) for change in fixes.changes(findings.config, fix)] or ["nothing: the config holds it"]


def _change(words: str) -> Markup:
    return html.element("span", html.chip(words), " ", style="margin-right:4px")


def ticks_page(findings: Findings) -> Markup:
    """What is well and what isn't, a line each."""
    return html.join(_tick(tick) for tick in findings.ticks)


def _tick(tick: Tick) -> Markup:
    colour = {True: html.GREEN, False: html.ORANGE, None: html.GREY}[tick.holds]
    mark = html.element(
        "span", _MARKS[tick.holds], style=f"background-color:rgba({colour},0.25);border-radius:4px;padding:0 5px"
    )
    return html.element(
        "div", mark, " ", html.element("b", tick.name), f": {_safe(tick.words)}", style="margin:4px 0;line-height:1.45"
    )


def finding_page(
    finding: Finding, *, is_open: bool = True, config: TrainConfig | None = None, has_fields: bool = True
) -> Markup:
    """One finding as HTML: its sentence and fix at once, the rest behind a line.

    Args:
        finding: to show.
        is_open: whether the rest is open at first.
        config: of the run: the fix says what was before.
        has_fields: whether the fix names the fields that it changes.
    """
    colour = _COLOURS[finding.confidence] if finding.is_alarm else html.GREEN
    head = html.element(
        "div", html.element("b", finding.name), " ", html.chip(f"{finding.confidence} confidence", colour),
    )  # fmt: skip
    rows = [
        [
            entry.quantity,
            entry.value if isinstance(entry.value, str) else numerals.epoch_loss(entry.value),
            entry.threshold,
        ]
        for entry in finding.evidence
    ]
    more = html.table(["evidence", "value", "what counts"], rows) if rows else html.Markup("")
    if finding.explains:
        more += _line("It explains what was seen too", ", ".join(finding.explains))
    if finding.could_also_be:
        more += _line("Could also be", "; ".join(finding.could_also_be))
    for label, words in _words(finding):
        if label != "Fix":
            more += _line(label, words)
    fix = _fix(finding, config) if has_fields else finding.advice
    parts = [head, html.element("div", finding.what), _line("Fix", fix), _unfold(more, is_open=is_open)]
    style = f"border-left:4px solid rgba({colour},0.8);padding:2px 12px;margin:10px 0;line-height:1.45"
    return html.element("div", *parts, style=style)


def _fix(finding: Finding, config: TrainConfig | None) -> Markup:
    """What to do, and the fields that it changes."""
    if config is None:
        return html.escape(finding.fix_text)
    changed = html.join(_change(str(change)) for change in fixes.changes(config, finding.fix))
    return html.join([finding.advice, " ", changed])


def _line(label: str, words: str) -> Markup:
    return html.element("div", html.element("b", f"{label}: "), words, style="margin:2px 0")


def _unfold(content: Markup, *, is_open: bool) -> Markup:
    folded = html.details("evidence, and what else it could be", content)
    return html.Markup(folded.replace("<details>", "<details open>", 1)) if is_open else folded


def _safe(text: object) -> str:
    """A text of any length and letters on one line, where nothing in it moves the cursor."""
    shown = visible(" ".join(str(text).split()))
    return shown if len(shown) <= _LETTERS else f"{shown[:_LETTERS]}…"
