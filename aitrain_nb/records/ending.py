"""Ending: how a run ended and which weights the model holds now."""

from __future__ import annotations

import math
from typing import NamedTuple

from aitrain_nb import numerals


class Ending(NamedTuple):
    """How a call of `fit` ended.

    Attributes:
        state: "done", "stopped" or "failed"; "left" where somebody who followed the run of another process went away from it.
        reason: why, in words.
        step: optimizer steps taken in all.
        kept_epoch: epochs completed at the weights the model holds now; None where nobody here knows of any.
        kept_step: the step after which those weights stood; 0 before the first.
        kept_loss: their validation loss in nats, or None without an evaluation.
        kept_score: name and value (0 to 1) of the score by which they are the best, or None where that is the loss.
    """

    state: str
    reason: str
    step: int
    kept_epoch: float | None
    kept_step: int
    kept_loss: float | None
    kept_score: tuple[str, float] | None = None

    def __str__(self) -> str:
        how = f"{self.state}: {self.reason}" if self.reason else self.state
        return f"{how.removesuffix('.')}; {self.kept}" if self.kept else how

    @property
    def line(self) -> str:
        """What a person reads at the end: why it ended, where that isn't plain, and which weights the model holds."""
        if self.state == "done":
            return f"{self.reason} ({self.kept})" if self.reason else self.kept
        return str(self)

    @property
    def details(self) -> str:
        """The same to stand beside the state."""
        return " · ".join(filter(None, (self.reason, self.kept)))

    @property
    def kept(self) -> str:
        """Which weights the model holds, in words: "kept epoch 3 (validation loss 1.30)"; empty where nobody here knows."""
        if self.kept_epoch is None:
            return ""
        where = (
            f"epoch {self.kept_epoch:g}"
            if self.kept_epoch == int(self.kept_epoch)
            else f"epoch {self.kept_epoch:.2f}, step {self.kept_step}"
        )
        if self.kept_loss is not None and not math.isfinite(self.kept_loss):
            return f"kept the last weights, {where} (no validation loss was a finite number)"
        if self.kept_loss is None:
            return (
                f"kept the last weights, {where} (not evaluated)"
                if self.kept_step
                else "kept the first weights (no step was taken)"
            )
        loss = f"validation loss {numerals.significant(self.kept_loss)}"
        if self.kept_score is not None:
            name, value = self.kept_score
            return f"kept {where} (highest validation {name.replace('_', ' ')}, {numerals.share(value)}; {loss})"
        return f"kept {where} ({loss})"
