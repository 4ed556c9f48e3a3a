"""One weight under the microscope, step by step: its value, its gradient, AdamW's two running means, and the step made of them."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from aitrain_nb import html
from aitrain_nb.lessons.experiments.tiny_digits import tiny_trainer
from aitrain_nb.lessons.widgets._pixels import bars
from aitrain_nb.widgets.explorable import Explorable, Pick, Range

SEEN = 120
"""Steps that are looked into."""
WEIGHTS = ("scores.bias[0]", "scores.weight[0, 3]", "hidden.bias[3]", "hidden.weight[3, 0]")


class Moment(NamedTuple):
    """What a step did with one weight.

    Attributes:
        before, after: its value.
        gradient: nats per unit.
        mean, square: AdamW's m and v after the step.
        mean_made_up, root: m, and the square root of v, each made up for having begun at 0.
        rate: learning rate of the step.
    """

    before: float
    after: float
    gradient: float
    mean: float
    square: float
    mean_made_up: float
    root: float
    rate: float

    @property
    def step(self) -> float:
        """How far it moved."""
        return self.after - self.before


@cache
def moments() -> dict[str, list[Moment]]:
    """The first steps of the tiny network's run, for each of the weights."""
    from aitrain_nb.records import Update

    trainer = tiny_trainer()
    found: dict[str, list[Moment]] = {name: [] for name in WEIGHTS}
    for number in range(1, SEEN + 1):
        *_, update = trainer.phases()
        assert isinstance(update, Update)
        first, second = trainer.optimizer.param_groups[0]["betas"]
        for name, seen in found.items():
            tensor, _, places = name[:-1].partition("[")
            one = update.weight(tensor, *map(int, places.split(",")))
            mean, root = one["m"] / (1 - first**number), (one["v"] / (1 - second**number)) ** 0.5
            seen.append(Moment(one["before"], one["after"], one["gradient"], one["m"], one["v"], mean, root, one.lr))
    return found


class UpdateMicroscope(Explorable):
    """Drag through the steps: a gradient jumps, its running mean is calm, and the step follows the mean over the usual size.

    Example:
        UpdateMicroscope().set(weight="hidden.weight[3, 0]", step=60)
    """

    def __init__(self) -> None:
        moments()  # now, so that no dial has to wait
        super().__init__(
            _draw, "One weight under the microscope", step=Range(1, "Step", min=1, max=SEEN, step=1, help="Arrow keys go one step."),
            weight=Pick(WEIGHTS[0], "Weight", WEIGHTS),
        )  # fmt: skip


def _draw(step: int, weight: str) -> html.Markup:
    seen = moments()[weight]
    now = seen[step - 1]
    lanes = {
        "value": ([one.after for one in seen], now.after),
        "gradient": ([one.gradient for one in seen], now.gradient),
        "m, its running mean": ([one.mean for one in seen], now.mean),
        "root of v, its usual size": ([one.square**0.5 for one in seen], now.square**0.5),
        "step it takes": ([one.step for one in seen], now.step),
    }
    cells = []
    for name, (values, number) in lanes.items():
        said = html.element("div", f"{number:+.5f}")
        cells.append(html.element("div", html.element("b", name), said, style="text-align:right;padding-right:8px"))
        cells.append(html.element("div", bars(values, step - 1, 40, 4), style="line-height:0"))
    style = "display:grid;grid-template-columns:max-content minmax(0,480px);gap:6px 0;align-items:center"
    return html.join([html.element("div", *cells, style=style), _made(now), _said(step, weight, now)])


def _made(now: Moment) -> html.Markup:
    """The step's own arithmetic, line by line."""
    ratio = now.mean_made_up / now.root if now.root else 0.0
    rows = [
        ("m, made up for having begun at 0", f"{now.mean_made_up:+.5f}"),
        ("root of v, made up likewise", f"{now.root:.5f}"),
        ("the one over the other", f"{ratio:+.3f}"),
        (f"times the rate {now.rate:g}, against it", f"{-now.rate * ratio:+.5f}"),
        (f"value before {now.before:+.5f}, after", f"{now.after:+.5f}"),
    ]
    return html.table(["how the step is made", ""], rows)


def _said(step: int, weight: str, now: Moment) -> html.Markup:
    against = now.step * now.gradient <= 0
    words = (
        f"In step {step} the gradient of {weight} is {now.gradient:+.5f}, and it moves by {now.step:+.5f}: "
        f"{abs(now.step) / now.rate:.0%} of the rate {now.rate:g}. "
    )
    words += (
        "That is against its gradient."
        if against
        else "That is along its gradient, uphill: m still remembers the steps before."
    )
    return html.element("div", words, style="margin-top:6px")
