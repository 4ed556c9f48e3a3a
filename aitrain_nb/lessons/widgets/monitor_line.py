"""`MonitorLine`: the line of any step of a run, and what each of its numbers says there."""

from __future__ import annotations

import math

from aitrain_nb import displays, html, numerals
from aitrain_nb.engine.plan import place_of
from aitrain_nb.lessons.experiments import patients
from aitrain_nb.widgets.explorable import Explorable, Range


class MonitorLine(Explorable):
    """The run is patient A of lesson 09: nothing is wrong with it.

    Example:
        MonitorLine().set(step=60)
    """

    def __init__(self) -> None:
        steps = patients.treated("A").step
        super().__init__(_line, "One line of the monitor", step=Range(1, "Step", min=1, max=steps, step=1))


def _line(step: int) -> html.Markup:
    trainer = patients.treated("A")
    rows = list(trainer.history)
    row, an_epoch = rows[step - 1], trainer.plan.steps_per_epoch
    epoch, place = place_of(step, an_epoch)
    line = displays.step_line(place, an_epoch, row["loss"], row["lr"], row["grad_norm"])
    sides = numerals.significant(math.exp(row["loss"]))
    told = [
        ("Step", f"{place}/{an_epoch}", f"batch of this epoch; it is epoch {epoch}"),
        (
            "loss",
            f"{row['loss']:.3f} nats",
            f"as surprised as by a die with {sides} sides; began at {rows[0]['loss']:.2f}",
        ),
        ("lr", numerals.rate(row["lr"]), "what you chose, or what the schedule makes of it; not measured"),
        ("grad_norm", f"{row['grad_norm']:.2f}", _pull(row["grad_norm"], [one["grad_norm"] for one in rows[:step]])),
    ]
    shown = html.element("code", line, style="font-size:115%")
    return html.element("div", shown, style="margin:4px 0 8px") + html.table(["number", "here", "it says"], told)


def _pull(norm: float, before: list[float]) -> str:
    usual = sorted(before)[len(before) // 2]
    times = norm / usual
    word = "a spike" if times > 3 else "as usual" if times > 1 / 3 else "calm"
    return f"how hard the loss pulls at the weights; {times:.1f} times the median so far: {word}"
