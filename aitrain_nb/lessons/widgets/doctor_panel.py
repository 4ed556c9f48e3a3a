"""`DoctorPanel`: what the diagnosis finds in a patient, and what becomes of it when it is treated as advised."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from aitrain_nb import html, plots
from aitrain_nb.diagnosis import fixes
from aitrain_nb.lessons.experiments import patients
from aitrain_nb.plots.base import add_axes, new_page
from aitrain_nb.widgets.explorable import Explorable, Pick

if TYPE_CHECKING:
    from aitrain_nb.diagnosis import Findings
    from aitrain_nb.figures import Picture
    from aitrain_nb.trainer import Trainer

UNTREATED, ADVISED = "as it came", "what the diagnosis advises"
WELL = "A"
"""The patient with which the others are compared."""
_SIZE = 312, 220
"""Of a picture, pixels."""
_FAR = 20
"""A loss above it, nats, is shown on a logarithmic scale."""


class DoctorPanel(Explorable):
    """Choose a patient and a treatment: the runs and both diagnoses are real, made when they are first asked for.

    Example:
        DoctorPanel().set(patient="B", treatment="what the diagnosis advises")
    """

    def __init__(self) -> None:
        super().__init__(
            _panel, "Diagnosis and treatment", patient=Pick(WELL, "Patient", tuple(patients.SECRETS)),
            treatment=Pick(UNTREATED, "Treatment", (UNTREATED, ADVISED)),
        )  # fmt: skip


class _Panel(NamedTuple):
    """A page, and the same in sentences."""

    page: html.Markup
    description: str

    def _repr_html_(self) -> str:
        return self.page


def last_validation(trainer: Trainer) -> float:
    """The last validation loss of a run, nats."""
    return float(trainer.history.frame()["eval_loss"].dropna().iloc[-1])


def _panel(patient: str, treatment: str) -> _Panel:
    findings = patients.examined(patient)
    if treatment == UNTREATED:
        return _Panel(html.Markup(findings._repr_html_()), f"Patient {patient} as it came. {_found(findings)}")
    if not findings.alarms:
        words = f"Patient {patient}: {_found(findings)} Nothing is to be treated."
        return _Panel(html.element("div", words) + _curves(patient), words)
    if patients.after_advice(patient) is None:
        return _without_a_field(patient, findings)
    return _with_fields(patient, findings)


def _without_a_field(patient: str, findings: Findings) -> _Panel:
    """The diagnosis has only words: they are said, beside the run as it came."""
    advice = [f"No field of the config mends this: {finding.name}. {finding.advice}" for finding in findings.alarms]
    ends = f"As it came, its last validation loss is {last_validation(patients.treated(patient)):.3f}."
    page = html.join(html.element("div", words, style="margin:4px 0") for words in advice)
    page += html.element("div", ends) + _curves(patient)
    return _Panel(page, " ".join([f"Patient {patient}.", *advice, ends]))


def _with_fields(patient: str, findings: Findings) -> _Panel:
    """What is changed, what becomes of the losses, and the diagnosis of the new run."""
    new = patients.after_advice(patient)
    assert new is not None
    assert findings.config is not None
    trainer, found = new
    changed = fixes.listed(fixes.changes(findings.config, findings.fix))
    before, after = last_validation(patients.treated(patient)), last_validation(trainer)
    well = last_validation(patients.treated(WELL))
    moved = f"{before:.3f} → {after:.3f}"
    said = {
        "changed": html.chip(changed),
        "findings.fix": html.element("code", findings.fix),
        "last validation loss": moved,
        f"patient {WELL}, which is well": f"{well:.3f}",
    }
    words = (
        f"Patient {patient}, treated as advised: {changed}. Its last validation loss: {before:.3f} before, {after:.3f} after. "
        f"Patient {WELL}, which is well, has {well:.3f}. The new run: {_found(found)}"
    )
    page = html.facts(said) + _curves(patient, trainer) + html.element("b", "The new run")
    return _Panel(page + html.Markup(found._repr_html_()), words)


def _found(findings: Findings) -> str:
    """How many ticks it has, and each finding with its sentence."""
    held = sum(tick.holds is True for tick in findings.ticks)
    return " ".join([
        f"Ticks: {held} of {len(findings.ticks)}.",
        *(f"The diagnosis says: {finding.name}. {finding.what}" for finding in findings),
    ])  # fmt: skip


def _curves(patient: str, after: Trainer | None = None) -> html.Markup:
    """Both losses, grey as it came and in colour after the treatment; beside each other where the page is wide enough."""
    left = _curve(patient, after, "loss", "Training loss", ("blue", plots.BLUE))
    right = _curve(patient, after, "eval_loss", "Validation loss", ("orange", plots.ORANGE))
    return html.element(
        "div", left.to_html(), right.to_html(), style="display:flex;flex-wrap:wrap;gap:4px 12px;margin:6px 0"
    )


def _curve(patient: str, after: Trainer | None, column: str, title: str, colour: tuple[str, str]) -> Picture:
    """One loss of the patient, step by step; a cross where a run broke off."""
    before, note = patients.treated(patient), "grey: as it came"
    runs = [("as it came", before, plots.GREY, 1.9)]
    if after is not None:
        note += f"; {colour[0]}: treated as advised"
        runs.append(("treated as advised", after, colour[1], 1.3))
    figure = new_page(f"{title} of patient {patient}, nats", note, *_SIZE)
    axis = add_axes(figure, 40, 40, 8, 48)
    ends, highest = [], 0.0
    for how, trainer, ink, width in runs:
        frame = trainer.history.frame()
        frame = frame[np.isfinite(frame[column])]
        steps, losses = frame["step"], frame[column]
        axis.plot(steps, losses, color=ink, linewidth=width)
        broke = trainer.step < patients.treated(WELL).step
        if broke:
            axis.plot(steps.iloc[-1:], losses.iloc[-1:], "X", color=ink, markersize=9, label="it broke off")
        highest = max(highest, float(losses.max()))
        ends.append(f"{how} from {losses.iloc[0]:.2f} to {losses.iloc[-1]:.2f}" + ", where it broke off" * broke)
    if highest > _FAR:
        axis.set_yscale("log")
    else:
        axis.set_ylim(0, 1.12 * highest)
    axis.set_xlabel("step")
    if column == "eval_loss" and patient != WELL:
        end = last_validation(patients.treated(WELL))
        axis.axhline(end, color=plots.GREEN, linestyle=":", label=f"where {WELL} ends")
    if axis.get_legend_handles_labels()[0]:
        axis.legend(fontsize=8.5, frameon=False)
    figure.description = f"{title} of patient {patient}: {'; '.join(ends)}."
    return figure
