"""The gradients of single examples: how long each is, and whether they pull the same way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aitrain_nb import numerals, plots
from aitrain_nb.records.answers.base import Answer
from aitrain_nb.records.base import Check

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from aitrain_nb.figures import Picture

EXACT = 1e-6
"""How far the mean of the examples' gradients may lie from the batch's, relative to it."""
_FEW = 16


class Agreement(Answer):
    """One gradient an example.

    Attributes:
        norms: [B] L2 norm of each example's gradient, nats per weight unit.
        cosines: [B] cosine between it and the gradient of the batch, -1 to 1.
        losses: [B] nats.
        between: [B, B] cosine between each two; None where they would take too much memory.
        error: norm of (mean of them - gradient of the batch), relative to the norm of the batch's.
    """

    title = "Gradients of single examples"

    def __init__(self, norms: Tensor, cosines: Tensor, losses: Tensor, between: Tensor | None, error: float) -> None:
        self.norms, self.cosines, self.losses, self.between, self.error = norms, cosines, losses, between, error

    @property
    def value(self) -> float:
        """Mean cosine between two different examples; of each with the batch where those weren't computed. 1: all pull the same way."""
        if self.between is None:
            return float(self.cosines.mean())
        size = len(self.between)
        return float((self.between.sum() - self.between.diagonal().sum()) / max(1, size * (size - 1)))

    @property
    def note(self) -> str:
        """How many examples."""
        return numerals.several(len(self.norms), "example")

    def table(self) -> pd.DataFrame:
        """One row an example: loss (nats), grad_norm (nats per weight unit), cosine with the gradient of the batch."""
        import pandas as pd

        return pd.DataFrame(
            {"loss": self.losses.tolist(), "grad_norm": self.norms.tolist(), "cosine": self.cosines.tolist()}
        )

    def check(self) -> pd.DataFrame:
        """The mean of the examples' gradients is the gradient of the batch: columns check, passed, numbers."""
        import pandas as pd

        found = Check(
            "mean of the examples' gradients = the batch's",
            self.error <= EXACT,
            f"difference {self.error:.1e} of its norm",
        )
        return pd.DataFrame([found], columns=["check", "passed", "numbers"])

    def plot(self) -> Picture:
        """How far each example pulls the way the batch goes."""
        names = [f"example {place}" for place in range(len(self.cosines))][:_FEW]
        title = "Does each example pull the way the step goes?"
        return plots.bars(names, self.cosines.tolist()[:_FEW], title, "cosine with the gradient of the batch")

    def text(self) -> str:
        """Whether they agree, and who doesn't."""
        against = int((self.cosines < 0).sum())
        strongest = int(self.norms.argmax())
        pulls = "none pulls against it" if not against else f"{against} of {len(self.cosines)} pull against it"
        return (
            f"The gradients of {len(self.norms)} examples agree with a mean cosine of {self.value:.2f} (1: all pull the same way, 0: none "
            f"knows of the other). The step goes their mean way, and {pulls}. The strongest is that of example {strongest}: norm "
            f"{float(self.norms[strongest]):.3g}, loss {numerals.step_loss(float(self.losses[strongest]))} nats."
        )
