"""What goes wrong in a run, why, and what to change: `diagnose`; `beforehand.check_before_training` looks before the run.

Each rule is one function (`rules.rule`); a case is what they look at; a rule that lacks what it needs is silent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aitrain_nb.diagnosis import data_rules, health, loss_rules, model_rules, rate_rules, reading  # noqa: F401  their rules register themselves
from aitrain_nb.diagnosis.finding import Evidence, Finding
from aitrain_nb.diagnosis.findings import Findings, Tick
from aitrain_nb.diagnosis.rules import RULES, Case, judge

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import pandas as pd

    from aitrain_nb.diagnosis.curves import Curves
    from aitrain_nb.history import History
    from aitrain_nb.trainer import Trainer

_PLURALS = {"training loss": "training losses", "validation loss": "validation losses"}

__all__ = ["RULES", "Evidence", "Finding", "Findings", "Tick", "diagnose"]


def diagnose(
    run: Trainer | History | pd.DataFrame | str | Path | dict[str, Any] | Sequence[float],
    validation: Sequence[float] | None = None,
    *,
    classes: int | None = None,
) -> Findings:
    """What is wrong with a run, why, and what to change. It looks only: model, random numbers, hooks and modes stay what they are.

    Args:
        run: a trainer (its model and data are looked at too), the folder of a run, a history or its `frame()`, a trainer_state.json
            of transformers or its `log_history`, a CSV log (of Keras, Lightning and the like), a dictionary of lists such as the
            `history.history` of Keras, or a list of training losses.
        validation: the validation losses of the same epochs, where `run` is a list.
        classes: how many classes there are, where `run` doesn't know; from it follows what knowing nothing costs, ln C.

    Returns:
        The findings, causes first; in a notebook they show themselves.

    Raises:
        DataError: the file or folder isn't there, can't be read, or tells of no loss.

    Example:
        >>> diagnose([2.5, 1.8, 1.2, 0.8], [2.6, 1.9, 1.3, 1.5]).names
        ['overfitting']
    """
    return examine(reading.read(run, validation, classes))


def examine(case: Case) -> Findings:
    """Apply every rule to a case."""
    found, missing = judge(case, RULES)
    signs = health.ticks(case.curves, is_lost="not a number" in [finding.name for finding in found])
    well = None if found else health.healthy(signs)
    return Findings(case.curves.name, found or ([well] if well else []), signs, _looked_at(case), missing, case.config)


def _looked_at(case: Case) -> Iterator[str]:
    """What there was to look at, in words."""
    curves: Curves = case.curves
    counted = {
        "training loss": len(curves.main), "validation loss": len(curves.checked),
        "gradient norm": int(np.isfinite(curves.norms).sum()), "learning rate": int(np.isfinite(curves.rates).sum()),
    }  # fmt: skip
    for what, number in counted.items():
        if number:
            yield f"1 {what}" if number == 1 else f"{number:,} {_PLURALS.get(what, what + 's')}"
    if case.probe is not None:
        yield f"the model, one step of it, and {len(case.probe.sample):,} training examples"
    if curves.baseline is not None:
        yield f"what knowing nothing costs, {curves.baseline:.4g} nats"
