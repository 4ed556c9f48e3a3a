"""One weight: its gradient tested by moving it, and what the optimizer did with it, with the weights around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from aitrain_nb import html, numerals, plots
from aitrain_nb.records.answers.base import Answer

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from aitrain_nb.figures import Picture

_BESIDE = 2
"""Rows above and below, and columns on both sides, that are shown of what surrounds a weight; columns are twice as many."""
_PARTS = {
    "before": "before the step", "gradient": "gradient (after clipping)", "m": "m: running mean of its gradient",
    "v": "v: running mean of the gradient's square", "from_gradient": "moved by the gradient", "from_decay": "moved by weight decay",
    "delta": "moved in all", "after": "after the step",
}  # fmt: skip


class Around(NamedTuple):
    """A weight and those around it, in the last two dimensions of its tensor.

    Attributes:
        what: what the numbers are.
        rows: the numbers.
        at: row and column of the weight among them.
        first: row and column of the first of them in the tensor.
        is_plane: whether there are rows at all; else it is a list of numbers.
    """

    what: str
    rows: list[list[float]]
    at: tuple[int, int]
    first: tuple[int, int]
    is_plane: bool

    @classmethod
    def of(cls, what: str, tensor: Tensor, place: tuple[int, ...]) -> Around:
        """What lies around one place of a tensor [..., rows, columns]; of a list of numbers, those beside it."""
        plane = tensor.detach()
        if not plane.ndim:
            return cls(what, [[float(plane)]], (0, 0), (0, 0), is_plane=False)
        if plane.ndim == 1:
            plane, place = plane[None], (0, *place)
        row, column = place[-2:]
        plane = plane[tuple(place[:-2])]
        top, left = max(0, row - _BESIDE), max(0, column - 2 * _BESIDE)
        cut = plane[top : row + _BESIDE + 1, left : column + 2 * _BESIDE + 1]
        return cls(what, cut.float().tolist(), (row - top, column - left), (top, left), tensor.ndim > 1)

    def to_html(self) -> html.Markup:
        """The numbers in a grid, the weight in a frame."""
        rows = [[float(f"{value:.2g}") for value in row] for row in self.rows]
        flat = [value for row in rows for value in row]
        (top, left), (bottom, right) = self.first, (self.first[0] + len(rows) - 1, self.first[1] + len(rows[0]) - 1)
        where = f"columns {left} to {right}" if self.is_plane else f"places {left} to {right}"
        where = f"rows {top} to {bottom}, {where}" if self.is_plane else where
        words = html.element("div", f"{self.what}: {where}. The weight is framed.", style="margin-top:6px")
        return words + html.wide("The weights around it", html.grid(rows, min(flat), max(flat), framed=self.at))


class NudgeTest(Answer, dict[str, float]):
    """A gradient beside the slope that was measured: a dict of measured, gradient and error.

    Attributes:
        weight: name and place.
        said: what the gradient says, in words.
        exact: the error up to which both are the same, for the kind of numbers that the layers compute with.
        around: the gradients around it.
    """

    title = "A gradient, tested"

    def __init__(self, weight: str, said: str, exact: float, around: Around, **numbers: float) -> None:
        super().__init__(numbers)
        self.weight, self.said, self.exact, self.around = weight, said, exact, around

    @property
    def is_right(self) -> bool:
        """Whether both agree."""
        return self["error"] < self.exact

    @property
    def note(self) -> str:
        """Which weight."""
        return f"{self.weight}; the weight is what it was"

    def table(self) -> pd.DataFrame:
        """One row: weight, measured and gradient (nats per unit), error (relative)."""
        import pandas as pd

        return pd.DataFrame([{"weight": self.weight, **self}])

    def plot(self) -> Picture:
        """Both slopes as bars."""
        values = [self["measured"], self["gradient"]]
        return plots.bars(["measured by nudging", "said by backward"], values, self.weight, "nats per unit")

    def text(self) -> str:
        """What backward says, what was measured, and whether they agree."""
        end = (
            "The gradient is right." if self.is_right else "That is more than rounding explains: the gradient is wrong."
        )
        return (
            f"{self.said} Nudged up and down by a little, the weight changed the batch's loss by {self['measured']:.6g} nats per unit; "
            f"backward said {self['gradient']:.6g}. They differ by {self['error']:.1e} of it. {end}"
        )

    def _view(self) -> html.Markup:
        top = max(abs(self["measured"]), abs(self["gradient"])) or 1.0
        cells = [
            [name, html.bar(abs(self[key]) / top, f"{self[key]:.8g}", colour)]
            for name, key, colour in (("measured by nudging", "measured", html.ORANGE), ("said by backward", "gradient", html.BLUE))
        ]  # fmt: skip
        return html.table(["slope of the loss", "nats per unit"], cells) + self.around.to_html()


class OneWeight(Answer, dict[str, float]):
    """What a step did with one weight: a dict of before, gradient, from_gradient, from_decay, delta, after, and of Adam m and v.

    Attributes:
        weight: name and place.
        optimizer: its name.
        lr: learning rate of the step.
        around: the weights around it, after the step.
    """

    title = "One weight under the microscope"

    def __init__(self, weight: str, optimizer: str, lr: float, around: Around, **numbers: float) -> None:
        super().__init__(numbers)
        self.weight, self.optimizer, self.lr, self.around = weight, optimizer, lr, around

    @property
    def note(self) -> str:
        """Which weight."""
        return self.weight

    def table(self) -> pd.DataFrame:
        """One row: weight, and the numbers."""
        import pandas as pd

        return pd.DataFrame([{"weight": self.weight, **self}])

    def plot(self) -> Picture:
        """What moved it."""
        parts = ("from_gradient", "from_decay", "delta")
        return plots.bars([_PARTS[part] for part in parts], [self[part] for part in parts], self.weight, "weight units")

    def text(self) -> str:
        """Which way it went, and what pushed it."""
        said = [f"{self.weight} went from {self['before']:.6g} to {self['after']:.6g}, by {self['delta']:.3g}."]
        if not self["gradient"]:
            said.append("Its gradient in this batch was 0.")
        else:
            way = "raise" if self["gradient"] > 0 else "lower"
            said.append(
                f"Raising it would {way} the loss of this batch (gradient {self['gradient']:.3g} nats per unit)."
            )
        rate = numerals.rate(self.lr)
        said.append(f"{self.optimizer} at rate {rate} moved it by {self['from_gradient']:.3g} for the gradient")
        said[-1] += (
            f" and {self['from_decay']:.3g} for weight decay." if self["from_decay"] else "; weight decay took nothing."
        )
        if "v" in self:
            said.append(
                "The step follows m, the running mean of the gradients, over the root of v, that of their squares."
            )
            if self["m"] * self["gradient"] < 0:
                said.append("Here m still points the other way than this batch's gradient.")
        return " ".join(said)

    def _view(self) -> html.Markup:
        top = max(abs(self["from_gradient"]), abs(self["from_decay"]), abs(self["delta"])) or 1.0
        cells = [
            [words, html.bar(abs(self[part]) / top, f"{self[part]:.4g}") if "moved" in words else f"{self[part]:.6g}"]
            for part, words in _PARTS.items() if part in self
        ]  # fmt: skip
        return html.table(["", self.weight], cells) + self.around.to_html()
