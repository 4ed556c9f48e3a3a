"""Every weight of the tiny network as a bar, at each step of its run: what moved, which way, and by how much."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from aitrain_nb import html
from aitrain_nb.lessons.experiments.tiny_digits import STEPS, tiny_trainer
from aitrain_nb.widgets.explorable import Explorable, Pick, Range

if TYPE_CHECKING:
    from torch import Tensor

_SINCE = ("the step before", "the start")
_HEIGHT = 150
"""Pixels of the board."""
_TOLD = 3
"""So many of the dials that moved most are named."""


class Walked(NamedTuple):
    """The run, step by step.

    Attributes:
        names: [W] of the weights, such as "hidden.weight[3, 1]".
        groups: name of each tensor and how many weights it has, in the order of the bars.
        weights: [STEPS + 1, W] before the first step and after each.
        losses: [STEPS + 1] on the validation digits, nats.
        accuracies: [STEPS + 1] the share of them that is right.
    """

    names: list[str]
    groups: list[tuple[str, int]]
    weights: Tensor
    losses: list[float]
    accuracies: list[float]


@cache
def walked() -> Walked:
    """The run of the tiny network, taken once."""
    import torch

    trainer = tiny_trainer()
    tensors = list(trainer.model.named_parameters())

    def now() -> Tensor:
        return torch.cat([tensor.detach().flatten() for _, tensor in tensors])

    places = [now()]
    trainer.watchers.append(lambda record: places.append(now()) if record.phase == "update" else None)
    trainer.fit(display="none")
    names = [f"{name}{list(place)}" for name, tensor in tensors for place in _places(tensor)]
    weights = torch.stack(places)
    losses, rights = _scored(trainer, weights)
    return Walked(names, [(name, tensor.numel()) for name, tensor in tensors], weights, losses, rights)


def _places(tensor: Tensor) -> list[tuple[int, ...]]:
    import numpy as np

    return list(np.ndindex(*tensor.shape))


def _scored(trainer: Any, weights: Tensor) -> tuple[list[float], list[float]]:
    """Loss and accuracy on the validation digits with each row of weights."""
    import torch

    side = trainer.data.validation.columns
    inputs, labels = side["image"] * trainer.data.scale, side["label"]
    tensors = dict(trainer.model.named_parameters())
    sizes = [tensor.numel() for tensor in tensors.values()]
    losses, rights = [], []
    with torch.no_grad():
        for row in weights:
            parts = zip(tensors.items(), row.split(sizes), strict=True)
            given = {name: part.view_as(tensor) for (name, tensor), part in parts}
            logits = torch.func.functional_call(trainer.model, given, (inputs,))
            losses.append(float(torch.nn.functional.cross_entropy(logits, labels)))
            rights.append(float((logits.argmax(-1) == labels).float().mean()))
    return losses, rights


class DialBoard(Explorable):
    """The 51 dials at any step of the run; arrows say which way each has moved, and the three that moved most are named.

    Attributes:
        run: all its weights, losses and accuracies.

    Example:
        DialBoard().set(step=1000, since="the start")
    """

    def __init__(self) -> None:
        self.run = walked()
        super().__init__(
            self._draw_board, "51 dials", step=Range(1, "Step", max=STEPS, step=1, help="Arrow keys go one step."),
            since=Pick(_SINCE[0], "Moved since", _SINCE, help="What the lines and arrows compare with."),
        )  # fmt: skip

    def _draw_board(self, step: int, since: str) -> html.Markup:
        run = self.run
        now, before = run.weights[step], run.weights[max(0, step - 1) if since == _SINCE[0] else 0]
        moved = now - before
        most = [place for place in moved.abs().topk(_TOLD).indices.tolist() if moved[place]]
        top = float(run.weights.abs().max())
        largest = float(moved.abs().max()) or 1.0
        bars = [
            _bar(name, float(now[place]) / top, float(before[place]) / top, float(moved[place]) / largest, number, place in most)
            for number, place, name in _numbered(run)
        ]  # fmt: skip
        board = html.element("div", *bars, style=f"display:flex;height:{_HEIGHT + 16}px;min-width:330px")
        names = [
            html.element(
                "div",
                html.element("span", html.dotted(name)),
                style=f"flex:{count} 0 0;min-width:0;{_PLACED[count < 6]}",
            )
            for name, count in run.groups
        ]
        named = html.element("div", *names, style="display:flex;min-width:330px;font-size:85%;opacity:0.85")
        return html.join([self._facts(step), board, named, self._told(most, before, now)])

    def _facts(self, step: int) -> html.Markup:
        run = self.run
        facts = {"after step": f"{step:,} of {STEPS:,}", "loss on new digits": f"{run.losses[step]:.3f}"}
        return html.facts(facts | {"right": f"{run.accuracies[step]:.0%}"})

    def _told(self, most: list[int], before: Tensor, now: Tensor) -> html.Markup:
        """The dials that moved most, with their numbers."""
        if not most:
            return html.element("div", f"No dial has moved: all {len(now)} are where chance put them.")
        rows = []
        for place in most:
            old, new = float(before[place]), float(now[place])
            arrow = html.chip(f"{_arrow(new - old)} {abs(new - old):.3f}", html.ORANGE)
            rows.append((self.run.names[place], f"{old:.3f}", arrow, f"{new:.3f}"))
        return html.table(["moved most", "from", "by", "to"], rows)


def _numbered(run: Walked) -> list[tuple[int, int, str]]:
    """Number of the tensor, place and name of each weight."""
    numbers = [number for number, (_, count) in enumerate(run.groups) for _ in range(count)]
    return [(number, place, run.names[place]) for place, number in enumerate(numbers)]


_PLACED = ("text-align:center", "display:flex;justify-content:flex-end;text-align:right")
"""How a name lies below its dials; one that is wider than a few dials reaches to the left, and never over the edge."""


def _arrow(way: float) -> str:
    return "▲" if way > 0 else "▼"


def _bar(name: str, now: float, before: float, way: float, number: int, is_framed: bool) -> html.Markup:
    """One dial: its bar from the middle line, a line where it stood, an arrow as strong as its way. All as parts of the largest."""
    half = _HEIGHT / 2
    hue = (html.BLUE, html.GREEN)[number % 2]
    high, base = abs(now) * half, half - max(now, 0) * half
    bar = html.element(
        "div",
        style=f"position:absolute;left:12%;width:76%;top:{base:.1f}px;height:{high:.1f}px;background-color:rgba({hue},0.7)",
    )
    line = html.element(
        "div",
        style=f"position:absolute;left:0;width:100%;top:{half - before * half - 1:.1f}px;border-top:2px solid currentColor",
    )
    zero = html.element(
        "div", style=f"position:absolute;left:0;width:100%;top:{half:.0f}px;border-top:1px solid rgba({html.GREY},0.6)"
    )
    edge, other = ("bottom", "top") if way > 0 else ("top", "bottom")
    arrow = html.element(
        "div", style=f"position:absolute;left:50%;margin-left:-3px;bottom:3px;border:3px solid transparent;border-{other}:0;"
        f"border-{edge}:8px solid currentColor;opacity:{(0.25 + 0.75 * abs(way)) if way else 0:.2f}",
    )  # fmt: skip
    frame = f";outline:2px solid rgb({html.ORANGE});outline-offset:-1px" if is_framed else ""
    return html.element(
        "div", zero, bar, line, arrow, title=name, style=f"position:relative;flex:1 0 0;min-width:0{frame}"
    )
