"""`Instruments`: three instruments on a run that may be spoilt: its losses, its gradient norm, and what goes in and comes out."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from aitrain_nb import html, numerals, plots
from aitrain_nb.lessons.experiments import patients
from aitrain_nb.plots.base import add_axes, new_page
from aitrain_nb.widgets.explorable import Explorable, Pick

if TYPE_CHECKING:
    from aitrain_nb.figures import Picture
    from aitrain_nb.trainer import Trainer


class Instruments(Explorable):
    """Choose a patient; what was done to it is not said.

    Example:
        Instruments().set(patient="C")
    """

    def __init__(self) -> None:
        for letter in patients.SECRETS:
            patients.treated(letter)
        dial = Pick("A", "Patient", tuple(patients.SECRETS))
        super().__init__(_page, "Three instruments", patient=dial)


@cache
def readings(letter: str) -> dict[str, str]:
    """The third instrument: numbers about what goes in, what is trained, and what comes out."""
    trainer = patients.treated(letter)
    images = trainer.data.train.columns["image"]
    weights = list(trainer.model.parameters())
    moving = sum(weight.numel() for weight in weights if weight.requires_grad)
    evaluation = trainer.evaluate()
    twice = trainer.evaluate()
    answers = evaluation.predicted.bincount(minlength=10)
    return {
        "inputs": f"from {float(images.min()):g} to {float(images.max()):g}",
        "weights that are trained": f"{moving:,} of {sum(weight.numel() for weight in weights):,}",
        "most given answer": numerals.share(float(answers.max() / answers.sum())),
        "validation loss": f"{evaluation.loss:.3f}",
        "validated again": f"{twice.loss:.3f}",
    }


def _page(patient: str) -> html.Markup:
    trainer = patients.treated(patient)
    figure = _curves(trainer, patient)
    found = readings(patient)
    return (
        figure.to_html()
        + html.element("div", figure.description)
        + html.table(["instrument 3", "reads"], list(found.items()))
    )


def _curves(trainer: Trainer, patient: str) -> Picture:
    frame = trainer.history.frame()
    note = "left: losses, blue training, orange validation; right: gradient norm before clipping"
    figure = new_page(f"Patient {patient}", note, 800, 300)
    left, right = add_axes(figure, 56, 44, 430, 46), add_axes(figure, 440, 44, 16, 46)
    validated = frame.dropna(subset=["eval_loss"])
    left.plot(frame["step"], frame["loss"], color=plots.BLUE, linewidth=1.1)
    left.plot(validated["step"], validated["eval_loss"], color=plots.ORANGE, linestyle="--", marker="o", markersize=4)
    finite = frame["loss"][np.isfinite(frame["loss"])]
    if finite.max() > 20:
        left.set_yscale("log")
    left.set(xlabel="step", ylabel="loss (nats)")
    norms = frame["grad_norm"].where(np.isfinite(frame["grad_norm"]))
    right.plot(frame["step"], norms.clip(lower=1e-6), color=plots.PURPLE, linewidth=1.1)
    right.set(xlabel="step", ylabel="gradient norm", yscale="log")
    figure.description = (
        f"Patient {patient}: {len(frame)} steps, the training loss from {finite.iloc[0]:.2f} to {finite.iloc[-1]:.2f}, "
        f"the gradient norm from {norms.dropna().iloc[0]:.2f} to {norms.dropna().iloc[-1]:.2f}."
    )
    return figure
