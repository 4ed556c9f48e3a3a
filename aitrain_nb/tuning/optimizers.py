"""`compare_optimizers`: the same run goes on with several optimizers, each with the learning rate that suits it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aitrain_nb.comparing import compare
from aitrain_nb.errors import ConfigError
from aitrain_nb.tuning.range_test import find_learning_rate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
        rate = optimizers[kind] if isinstance(optimizers, dict) else None
        branch = trainer.fork(_free(trainer, kind), optimizer=kind, max_steps=trainer.step + steps, learning_rate=rate)
        if rate is None:
            suggested = find_learning_rate(branch, after_step=lambda _: None).learning_rate
            name, branches = branch.branch.name, trainer.branches
            del branches[name]
            branch = trainer.fork(
                name,
                optimizer=kind,
                max_steps=trainer.step + steps,
                learning_rate=suggested or branch.config.learning_rate,
            )
        branch.fit("none")
        found[branch.branch.name] = branch
    return compare(**found)


def _free(trainer: Trainer, name: str) -> str:
    """A name of a branch that isn't taken."""
    names = (name, *(f"{name} ({number})" for number in range(2, len(trainer.branches) + 3)))
    return next(free for free in names if free not in trainer.branches)
