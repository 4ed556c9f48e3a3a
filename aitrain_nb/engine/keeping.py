"""Which weights the model holds: the best are kept, the last are set aside, and going on starts from the last."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from aitrain_nb.engine import snapshots
from aitrain_nb.records import Ending

if TYPE_CHECKING:
    from torch import Tensor, nn


class Kept(NamedTuple):
    """The best weights of the evaluations so far.

    Attributes:
        loss: validation loss, nats.
        step: optimizer steps taken when they stood.
        epoch: epochs completed then.
        weights: parameter name -> copy.
        buffers: buffer name -> copy.
    """

    loss: float
    step: int
    epoch: float
    weights: dict[str, Tensor]
    buffers: dict[str, Tensor]


class Keeper:
    """Keeps the best weights of a model.

    Attributes:
        best: the best so far, or None before the first finite evaluation.
        shows_best: whether the model holds the best weights while the last ones are set aside.
    """

    def __init__(self, model: nn.Module, *, enabled: bool) -> None:
        self._model, self._enabled = model, enabled
        self.best: Kept | None = None
        self._aside: tuple[dict[str, Tensor], dict[str, Tensor]] | None = None

    @property
    def shows_best(self) -> bool:
        """Whether the model holds the best weights while the last ones are set aside."""
        return self._aside is not None

    def offer(self, loss: float, step: int, epoch: float) -> bool:
        """Keep the weights as they are now if no evaluation was better; says whether it did."""
        if not self._enabled or not math.isfinite(loss) or (self.best is not None and loss >= self.best.loss):
            return False
        self.best = Kept(loss, step, epoch, snapshots.copy_weights(self._model), snapshots.copy_buffers(self._model))
        return True

    def show_best(self, state: str, reason: str, step: int, epoch: float, last_loss: float | None) -> Ending:
        """Put the best weights into the model and set the last ones aside; says what the model holds.

        Args:
            state: how the run ended.
            reason: why.
            step: optimizer steps taken.
            epoch: epochs completed.
            last_loss: validation loss of the weights as they are, where they were evaluated.
        """
        if self.best is None:
            return Ending(state, reason, step, epoch, step, last_loss)
        if self.best.step != step and self._aside is None:
            self._aside = snapshots.copy_weights(self._model), snapshots.copy_buffers(self._model)
            snapshots.load_tensors(self._model, self.best.weights, self.best.buffers)
        return Ending(state, reason, step, self.best.epoch, self.best.step, self.best.loss)

    def show_last(self) -> None:
        """Put the weights that were set aside back, so that training goes on where it ended."""
        if self._aside is not None:
            snapshots.load_tensors(self._model, *self._aside)
            self._aside = None
