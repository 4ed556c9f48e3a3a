"""Fewer bits a weight: what becomes of the numbers, and of the answers."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from aitrain_nb.plots import BLUE, ORANGE
from aitrain_nb.plots.base import add_axes, new_page
from aitrain_nb.widgets.explorable import Explorable, Range

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from aitrain_nb.figures import Picture

_BINS = 81


class QuantDial(Explorable):
    """The weights of a trained network with 8 to 2 bits each, and how many of its answers become others.

    Example:
        QuantDial().set(bits=3)
    """

    def __init__(self) -> None:
        _measured()
        super().__init__(_draw, "Bits of a weight", bits=Range(8, "Bits", min=2, max=8, step=1))


class _Measured(NamedTuple):
    """What rounding costs, and how many weights of one matrix lie in each of 81 stretches.

    Attributes:
        table: one row a number of bits.
        edges: of the stretches [82].
        whole: how many weights as they were trained [81].
        rounded: bits -> how many of the rounded ones [81].
    """

    table: Any
    edges: NDArray[Any]
    whole: NDArray[Any]
    rounded: dict[int, NDArray[Any]]


@cache
def _measured() -> _Measured:
    from aitrain_nb.exporting.quantizing import rounded, simulate_quantization
    from aitrain_nb.run import prepare

    trainer = prepare(data="digits", model="small-cnn", learning_rate=0.003, epochs=3)
    trainer.fit(display="none")
    table = simulate_quantization(trainer).frame().set_index("bits")
    matrices = (weight for weight in trainer.model.parameters() if weight.ndim > 1)
    whole = max(matrices, key=lambda weight: weight.numel()).detach().clone()
    edge = float(whole.abs().max())

    def counted(weights: Tensor) -> NDArray[Any]:
        return np.histogram(weights.numpy(), _BINS, (-edge, edge))[0]

    edges = np.linspace(-edge, edge, _BINS + 1)
    return _Measured(table, edges, counted(whole), {bits: counted(rounded(whole, bits).weight) for bits in range(2, 9)})


def _draw(bits: int) -> Picture:
    table, edges, whole, rounded = _measured()
    row, before = table.loc[bits], table.loc[32]
    figure = new_page(
        f"{bits} bits a weight", "left: one matrix of weights, as trained and rounded; right: right answers", 760, 300
    )
    left, right = add_axes(figure, 52, 42, 330, 54), add_axes(figure, 500, 42, 10, 54)
    left.stairs(whole, edges, baseline=0.5, fill=True, color=BLUE, alpha=0.45, label="as trained")
    left.stairs(rounded[bits], edges, baseline=0.5, color=ORANGE, linewidth=1.4, label=f"{bits} bits")
    left.set(xlabel="weight", ylabel="how many", yscale="log", ylim=(0.5, None))
    left.minorticks_off()
    left.legend(fontsize=8.5, frameon=False)
    places = [number for number in table.index if number <= 8]
    right.plot(places, [table.loc[number, "accuracy"] for number in places], "o-", color=BLUE, linewidth=1.8)
    right.plot([bits], [row["accuracy"]], "o", color=ORANGE, markersize=10)
    right.set(xlabel="bits", ylabel="accuracy", xlim=(8.4, 1.6), ylim=(0, 1.05))
    figure.description = (
        f"With {bits} bits a weight the network takes {bits / 32:.0%} of the memory of 32 bits. Accuracy {row['accuracy']:.1%}, "
        f"as trained {before['accuracy']:.1%}; {row['flipped']:.1%} of the answers became others."
    )
    return figure
