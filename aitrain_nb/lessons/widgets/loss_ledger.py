"""Who pays for the loss: each new digit as a bar, the most surprising first, at four moments of a run."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from aitrain_nb import html, numerals
from aitrain_nb.widgets.explorable import Explorable, Pick, Range

if TYPE_CHECKING:
    from torch import Tensor

MOMENTS = (0, 15, 45, 135)
"""Steps after which the digits were asked."""
_SHOWN = 180
"""Bars: those of the most surprising half of 360."""
_HEIGHT = 120


@cache
def asked() -> tuple[dict[int, Tensor], Tensor]:
    """Scores [360, 10] that a small network gave to the validation digits after each moment of its run, and the right answers [360]."""
    import torch

    import aitrain_nb as ai

    trainer = ai.prepare(
        data="digits", model="small-cnn", learning_rate=0.003, max_steps=MOMENTS[-1], evaluate_every=0, keep="last", threads=1
    )  # fmt: skip
    assert trainer.data.validation is not None
    side = trainer.data.validation.columns
    inputs = side["image"] * trainer.data.scale
    scores = {}
    for moment in MOMENTS:
        while trainer.step < moment:
            list(trainer.phases())
        with torch.no_grad():
            scores[moment] = trainer.model.eval()(inputs)
    return scores, side["label"]


class LossLedger(Explorable):
    """The losses of 360 new digits in order. Choose a moment of the run, and how many of the worst are counted together.

    Example:
        LossLedger().set(after="135 steps", worst=20)
    """

    def __init__(self) -> None:
        import torch

        scores, labels = asked()
        self.losses = {
            f"{moment} steps": torch.nn.functional.cross_entropy(score, labels, reduction="none")
            for moment, score in scores.items()
        }
        self.right = {f"{moment} steps": score.argmax(-1) == labels for moment, score in scores.items()}
        moments = tuple(self.losses)
        super().__init__(
            self._ledger, "Who pays for the loss?", after=Pick(moments[2], "After", moments),
            worst=Range(20, "The worst", min=1, max=_SHOWN, step=1, unit="digits"),
        )  # fmt: skip

    def _ledger(self, after: str, worst: int) -> html.Markup:
        losses, order = self.losses[after].sort(descending=True)
        right = self.right[after][order]
        share = float(losses[:worst].sum() / losses.sum())
        bars = [
            _bar(loss, float(losses[0]), is_counted=place < worst, is_right=is_right)
            for place, (loss, is_right) in enumerate(zip(losses[:_SHOWN].tolist(), right.tolist(), strict=False))
        ]
        board = html.element(
            "div",
            *bars,
            style=f"display:flex;align-items:flex-end;height:{_HEIGHT}px;border-bottom:1px solid currentColor",
        )
        below = (
            f"Left the most surprising, {numerals.step_loss(float(losses[0]))} nats. Orange: the worst {worst}. "
            "Faint: answered right all the same."
        )
        facts = {
            "mean loss": f"{float(losses.mean()):.3f} nats",
            "right": f"{float(right.float().mean()):.0%} of {len(losses)}",
        }
        told = f"{worst} of {len(losses)} digits ({worst / len(losses):.0%}) make {share:.0%} of the loss."
        small, bold = "font-size:85%;opacity:0.85", "margin:4px 0;font-weight:600"
        parts = [html.element("div", below, style=small), html.element("div", told, style=bold)]
        return html.join([html.facts(facts), board, *parts, html.bar(share, f"{share:.0%}", html.ORANGE, 320)])


def _bar(loss: float, top: float, *, is_counted: bool, is_right: bool) -> html.Markup:
    hue = html.ORANGE if is_counted else html.BLUE
    high = max(1.0, _HEIGHT * loss / top)
    return html.element(
        "div", style=f"flex:1;height:{high:.0f}px;background:rgba({hue},{0.4 if is_right else 0.95});margin-right:1px"
    )
