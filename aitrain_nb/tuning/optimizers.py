"""`compare_optimizers`: the same run goes on with several optimizers, each with the learning rate that suits it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aitrain_nb.comparing import compare
from aitrain_nb.errors import ConfigError
from aitrain_nb.time_travel import free_name
from aitrain_nb.tuning.range_test import find_learning_rate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aitrain_nb.comparing import Comparison
    from aitrain_nb.trainer import Trainer

KINDS = ("adamw", "adam", "sgd")


def compare_optimizers(
    trainer: Trainer, optimizers: Sequence[str] | Mapping[str, float] = KINDS, steps: int = 100
) -> Comparison:
    """Branch off once for each optimizer, where the run stands, train each branch on the same examples, and compare.

    The run itself stays as it is; the branches are in `trainer.branches` and can be gone on with.

    Args:
        trainer: between two steps.
        optimizers: their names, each with the learning rate that `find_learning_rate` suggests for it; or name -> rate.
        steps: optimizer steps that each takes.

    Raises:
        ConfigError: no such optimizer, none, or no number of steps.
        PhaseError: a step is under way.

    Example:
        ai.compare_optimizers(ai.prepare(data="digits", model="mlp")).plot()
    """
    if not optimizers or isinstance(optimizers, str):
        raise ConfigError(
            "There is nothing to compare.",
            "It takes several optimizers.",
            'compare_optimizers(trainer, ["adamw", "sgd"])',
        )
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
        raise ConfigError(f"{steps!r} steps make no comparison.", "Each branch takes at least one.", "steps=100")
    found: dict[str, Trainer] = {}
    for kind in optimizers:
        name = free_name(trainer, kind)
        fields: dict[str, Any] = {"optimizer": kind, "max_steps": trainer.step + steps}
        rate = optimizers[kind] if isinstance(optimizers, Mapping) else None
        if rate is None:
            rate = find_learning_rate(trainer.fork(name, **fields), after_step=lambda _: None).learning_rate
            del trainer.branches[name]  # it was there to be asked
        fields |= {} if rate is None else {"learning_rate": rate}
        found[name] = trainer.fork(name, **fields)
        found[name].fit("none")
    return compare(**found)
