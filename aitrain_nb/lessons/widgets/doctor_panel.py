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
    import pandas as pd

    from aitrain_nb.diagnosis import Findings
    from aitrain_nb.figures import Picture
    from aitrain_nb.trainer import Trainer

UNTREATED, ADVISED = "as it came", "what the diagnosis advises"
WELL = "A"
"""The patient with which the others are compared."""
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
    return float(_validated(trainer)["eval_loss"].iloc[-1])


def _panel(patient: str, treatment: str) -> _Panel:
    findings = patients.examined(patient)
    if treatment == UNTREATED:
        return _Panel(html.Markup(findings._repr_html_()), f"Patient {patient} as it came. {_found(findings)}")
    if not findings.alarms:
        words = f"Patient {patient}: {_found(findings)} Nothing is to be treated."
        return _Panel(html.element("div", words) + _curves(patient).to_html(), words)
    if patients.after_advice(patient) is None:
        return _without_a_field(patient, findings)
    return _with_fields(patient, findings)


def _without_a_field(patient: str, findings: Findings) -> _Panel:
    """The diagnosis has only words: they are said, beside the run as it came."""
    advice = [f"No field of the config mends this: {finding.name}. {finding.advice}" for finding in findings.alarms]
    ends = f"As it came, its last validation loss is {last_validation(patients.treated(patient)):.3f}."
    page = html.join(html.element("div", words, style="margin:4px 0") for words in advice)
    page += html.element("div", ends) + _curves(patient).to_html()
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
        "last validation loss": html.element("b", moved),
        f"patient {WELL}, which is well": f"{well:.3f}",
    }
    words = (
        f"Patient {patient}, treated as advised: {changed}. Its last validation loss: {before:.3f} before, {after:.3f} after. "
        f"Patient {WELL}, which is well, has {well:.3f}. The new run: {_found(found)}"
    )
    return _Panel(html.facts(said) + _curves(patient, trainer).to_html() + html.Markup(found._repr_html_()), words)


def _found(findings: Findings) -> str:
    """How many ticks it has, and each finding with its sentence."""
    held = sum(tick.holds is True for tick in findings.ticks)
    return " ".join([
        f"Ticks: {held} of {len(findings.ticks)}.",
        *(f"The diagnosis says: {finding.name}. {finding.what}" for finding in findings),
    ])  # fmt: skip


def _curves(patient: str, after: Trainer | None = None) -> Picture:
    """Both losses, grey as it came and in colour after the treatment, where there is one."""
    before = patients.treated(patient)
    note = "grey: as it came" + "; in colour: treated as advised" * bool(after)
    figure = new_page(f"Patient {patient}: its losses, nats", note, 800, 250)
    left, right = add_axes(figure, 56, 42, 430, 50), add_axes(figure, 440, 42, 16, 50)
    for trainer, colours in ((before, (plots.GREY, plots.GREY)), (after, (plots.BLUE, plots.ORANGE))):
        if trainer is not None:
            frame, validated = trainer.history.frame(), _validated(trainer)
            left.plot(frame["step"], frame["loss"], color=colours[0], linewidth=1.2)
            right.plot(validated["step"], validated["eval_loss"], color=colours[1], marker="o", markersize=3.5)
    well = last_validation(patients.treated(WELL))
    if patient != WELL:
        right.axhline(well, color=plots.GREEN, linestyle=":", linewidth=1.4, label=f"where {WELL} ends")
        right.legend(fontsize=8.5, frameon=False, loc="best")
    for axis, column, what in ((left, "loss", "training"), (right, "eval_loss", "validation")):
        highest = before.history.frame()[column].replace([np.inf], np.nan).max()
        axis.set(xlabel="step", ylabel=f"{what} loss", yscale="log" if highest > _FAR else "linear")
        if highest <= _FAR:
            axis.set_ylim(bottom=0)
    runs = {"as it came": before} | ({"treated as advised": after} if after else {})
    ends = [
        f"{how}, {len(_validated(run))} validations, the last {last_validation(run):.2f}" for how, run in runs.items()
    ]
    figure.description = f"Training and validation losses of patient {patient}: {'; '.join(ends)}."
    return figure


def _validated(trainer: Trainer) -> pd.DataFrame:
    """The steps after which a run was validated."""
    return trainer.history.frame().dropna(subset=["eval_loss"])
