"""The numbers of a run as arrays: what its pictures draw, from a `History` or from its `frame()`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from aitrain_nb.annotations import annotate
from aitrain_nb.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from aitrain_nb.annotations import Annotation
    from aitrain_nb.history import History

_NAMES = ("step", "epoch", "loss", "lr", "grad_norm")


@dataclass
class RunData:
    """One number a step and one an evaluation.

    Attributes:
        notes: what is to be said, and where.
        step: [n], rising; epoch: [n], epochs completed, or NaN; loss: [n] nats; rate: [n]; norm: [n] L2 over all gradients.
        evaluated: [m] steps of the evaluations; at_epoch: [m]; validation: [m] nats. All may hold numbers that aren't finite.
    """

    notes: Sequence[Annotation]
    step: np.ndarray
    epoch: np.ndarray
    loss: np.ndarray
    rate: np.ndarray
    norm: np.ndarray
    evaluated: np.ndarray
    at_epoch: np.ndarray
    validation: np.ndarray

    @classmethod
    def of(cls, history: History | pd.DataFrame, notes: Sequence[Annotation] | None = None) -> RunData:
        """Read a history, or a frame of one; a history annotates itself where no notes are given.

        Raises:
            DataError: it is neither.
        """
        if hasattr(history, "columns"):
            return cls._of_frame(history, notes or ())
        if hasattr(history, "evaluations"):
            return cls._of_history(history, annotate(history) if notes is None else notes)
        raise DataError(
            f"A picture of a run can't be drawn from {type(history).__name__}.", "It takes a History, or its frame().",
            "ai.plots.loss(trainer.history)",
        )  # fmt: skip

    @classmethod
    def _of_history(cls, history: Any, notes: Sequence[Annotation]) -> RunData:
        table = np.array(history.tail(0), dtype=np.float64).reshape(-1, 7).T
        rows = history.evaluations
        evaluations = [
            np.array([row.get(name, math.nan) for row in rows], np.float64) for name in ("step", "epoch", "eval_loss")
        ]
        return cls(notes, *table[:5], *evaluations)

    @classmethod
    def _of_frame(cls, frame: Any, notes: Sequence[Annotation]) -> RunData:
        nothing = np.full(len(frame), math.nan)
        columns = {
            name: frame[name].to_numpy(np.float64) if name in frame else nothing for name in (*_NAMES, "eval_loss")
        }
        told = [name for name in frame.columns if name == "train_loss" or str(name).startswith("eval_")]
        # an evaluation whose loss is NaN has its scores, or its training loss
        where = frame[told].notna().any(axis=1).to_numpy(bool) if told else np.zeros(len(frame), bool)
        evaluations = [columns[name][where] for name in ("step", "epoch", "eval_loss")]
        return cls(notes, *(columns[name] for name in _NAMES), *evaluations)

    @property
    def span(self) -> int:
        """Steps that are told of."""
        return len(self.step)

    def epoch_ends(self) -> dict[int, float]:
        """Number of each epoch that ended -> its last step."""
        whole = np.floor(self.epoch + 1e-6)
        ends: dict[int, float] = {}
        for place in np.flatnonzero(np.diff(whole, prepend=0.0) > 0):
            ends[int(whole[place])] = float(self.step[place])
        return ends


def smooth(values: np.ndarray, span: int) -> np.ndarray:
    """Exponentially weighted mean of the values so far, [n] -> [n]; the same as the live chart's and pandas' `ewm(span).mean()`."""
    keep, weighted, weights = 1 - 2 / (span + 1), 0.0, 0.0
    found = []
    for value in values.tolist():
        weighted, weights = weighted * keep + value, weights * keep + 1
        found.append(weighted / weights)
    return np.array(found)


def thin(x: np.ndarray, y: np.ndarray, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """A curve of at most the first, lowest, highest and last point of each column; a short one stays as it is.

    Args:
        x: [n], rising.
        y: [n], finite.
        columns: of pixels that it is drawn on.
    """
    if len(x) <= 4 * columns or x[-1] <= x[0]:
        return x, y
    column = np.minimum(columns - 1, (columns * (x - x[0]) / (x[-1] - x[0])).astype(int))
    firsts = np.flatnonzero(np.diff(column, prepend=-1))
    lasts = np.append(firsts[1:], len(x)) - 1
    order = np.lexsort((y, column))  # within each column from low to high
    kept = np.unique(np.concatenate([firsts, lasts, order[firsts], order[lasts]]))
    return x[kept], y[kept]
