"""The range test: a few steps on a trial of the run while the learning rate rises, and the loss is watched."""

from __future__ import annotations

import math
import numbers
from typing import TYPE_CHECKING

from aitrain_nb.control import Change
from aitrain_nb.displays import progress
from aitrain_nb.engine.interrupts import deferred_interrupt
from aitrain_nb.engine.trials import trial
from aitrain_nb.errors import ConfigError
from aitrain_nb.tuning import rules
from aitrain_nb.tuning.finding import RateFinding

if TYPE_CHECKING:
    from collections.abc import Callable

    from aitrain_nb.trainer import Trainer

MOST_STEPS = 10_000
_START = 10
"""Steps whose mean loss is the loss at the start."""


def find_learning_rate(
    trainer: Trainer, lowest: float = 1e-7, highest: float = 10.0, steps: int = 100, *, after_step: Callable[[int], object] | None = None,
) -> RateFinding:  # fmt: skip
    """Try learning rates from the lowest to the highest, a step each, and suggest one; the trainer is left as it was, bit for bit.

    The steps are the trainer's own, from where it stands, with its data in their order (over and over where they are few), its batch
    size and its optimizer. The test ends early when the loss explodes, and after the step under way when it is interrupted: what was
    seen until then is given back. A second interrupt raises KeyboardInterrupt.

    Args:
        trainer: between two steps.
        lowest: the first learning rate.
        highest: the last learning rate.
        steps: optimizer steps at most, 20 to 10,000.
        after_step: told after each step how many were taken, in place of the progress bar; a true answer ends the test there.

    Returns:
        Rates, losses and suggestions, with a picture.

    Raises:
        ConfigError: it is no trainer, or the rates or the number of steps make no test.
        PhaseError: a step is under way.

    Source: Smith 2015, "Cyclical Learning Rates for Training Neural Networks", section 3.3.

    Example:
        found = ai.find_learning_rate(trainer)
        trainer = ai.prepare(found.apply())
    """
    _check(trainer, lowest, highest, steps)
    rates, stopped = [], list[str]()
    factor = (highest / lowest) ** (1 / (steps - 1))
    with (
        trial(trainer),
        progress(steps, "step", "learning rates", is_shown=after_step is None) as bar,
        deferred_interrupt(stopped.append, lambda: not trainer.is_updating) as interrupts,
    ):
        trainer.plan = trainer.plan._replace(schedule="constant", warmup_steps=0, head_steps=0)
        began, watch = trainer.step, _Explosion()
        try:
            interrupts.arm()
            for number in range(steps):
                rates.append(lowest * factor**number)
                trainer.history.add_change(Change(trainer.step + 1, "learning_rate", rates[-1]))
                for _ in trainer.phases():
                    interrupts.raise_second()
                bar.update(1)
                if watch.is_seen(trainer.history.last["loss"]):
                    stopped.append("exploded")
                if after_step is not None and after_step(number + 1):
                    stopped.append("stopped")
                if stopped:
                    break
        finally:
            interrupts.disarm()
        losses = [row["loss"] for row in trainer.history]
    config = trainer.config
    return RateFinding(rates[: len(losses)], losses, steps, highest, stopped[0] if stopped else "", began, config)


class _Explosion:
    """Watches for a loss that isn't finite, or whose moving average is four times its lowest and far above the start."""

    def __init__(self) -> None:
        self._losses: list[float] = []
        self._lowest = math.inf

    def is_seen(self, loss: float) -> bool:
        """Whether the loss of one more step has exploded."""
        if not math.isfinite(loss):
            return True
        self._losses.append(loss)
        newest = float(rules.smooth(self._losses[-50:], rules.SMOOTHING)[-1])
        self._lowest = min(self._lowest, newest)
        start = sum(self._losses[:_START]) / len(self._losses[:_START])
        return newest > max(4 * self._lowest, 2 * start)


def _check(trainer: Trainer, lowest: float, highest: float, steps: int) -> None:
    if not hasattr(trainer, "phases"):
        raise ConfigError(
            f"A range test needs a Trainer, not {type(trainer).__name__}.", "It takes steps with it.",
            "Make one: ai.find_learning_rate(ai.prepare(...)).",
        )  # fmt: skip
    trainer.check_can_train()
    is_number = all(isinstance(rate, numbers.Real) for rate in (lowest, highest))
    if not (is_number and 0 < lowest < highest < math.inf):
        raise ConfigError(
            f"Rates from {lowest!r} to {highest!r} make no test.", "The rate rises from the lowest, above 0, to the highest.",
            "Leave them out for 1e-7 to 10.",
        )  # fmt: skip
    if isinstance(steps, bool) or not isinstance(steps, int) or not rules.FEWEST_STEPS <= steps <= MOST_STEPS:
        raise ConfigError(
            f"{steps!r} steps make no test.", f"With fewer than {rules.FEWEST_STEPS} there is no curve; {MOST_STEPS:,} are the most.",
            "steps=100 is usual.",
        )  # fmt: skip
