"""How long a run is and the learning rate of each of its steps. Needs no torch, so that a preview can ask it too."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from aitrain_nb import schedules
from aitrain_nb.errors import ConfigError

if TYPE_CHECKING:
    from aitrain_nb.config import TrainConfig


def place_of(step: int, steps_per_epoch: int) -> tuple[int, int]:
    """Epoch and step within it, both 1-based, of a 1-based step of a run.

    >>> place_of(46, 45)
    (2, 1)
    """
    return (step - 1) // steps_per_epoch + 1, (step - 1) % steps_per_epoch + 1


class Plan(NamedTuple):
    """The steps of a run.

    Attributes:
        steps_per_epoch: optimizer steps in one pass over the training data; the last may be smaller.
        total_steps: optimizer steps of the whole run.
        warmup_steps: steps that rise from 0 to the peak.
        peak: the highest learning rate.
        schedule: what happens after the warm-up.
        head_steps: steps in which the head alone is trained, before all is and the schedule begins.
        head_rate: their learning rate, the same for each.
    """

    steps_per_epoch: int
    total_steps: int
    warmup_steps: int
    peak: float
    schedule: str
    head_steps: int = 0
    head_rate: float = 0.0

    @classmethod
    def of(cls, config: TrainConfig, steps_per_epoch: int) -> Plan:
        """The plan of a config on data with this many steps an epoch.

        Raises:
            ConfigError: the warm-up is longer than the run, so the rate would never reach its peak, or the epochs of the head
                alone are all there are.
        """
        total = config.max_steps or config.epochs * steps_per_epoch
        head_steps = config.head_epochs * steps_per_epoch
        warmup = schedules.warmup_length(config.warmup_steps, max(1, total - head_steps))
        if warmup > max(1, total - head_steps):
            raise ConfigError(
                f"warmup_steps={warmup} is longer than the run.",
                f"The run has {total:,} steps ({steps_per_epoch:,} an epoch), so the rate would never reach its peak.",
                "Give a share of the run instead, such as warmup_steps=0.1.",
            )
        if config.max_steps is None and config.head_epochs >= config.epochs:
            raise ConfigError(
                f"head_epochs={config.head_epochs} of epochs={config.epochs} leave no epoch for the rest.",
                "The head is trained alone first, then all.",
                "Raise epochs, or set method='head' to train nothing but the head.",
            )
        return cls(
            steps_per_epoch,
            total,
            warmup,
            config.peak_learning_rate,
            config.schedule,
            head_steps,
            config.head_learning_rate,
        )

    def peak_at(self, step: int) -> float:
        """The highest learning rate of the part of the run that stands after `step` steps."""
        return self.head_rate if step < self.head_steps else self.peak

    def learning_rate(self, step: int) -> float:
        """Learning rate of the optimizer step that follows `step` steps."""
        if step < self.head_steps:
            return self.head_rate
        after = self.total_steps - self.head_steps
        return self.peak * schedules.factor(self.schedule, step - self.head_steps, after, self.warmup_steps)

    def rates(self) -> list[float]:
        """Learning rate of every step of the run."""
        return [self.learning_rate(step) for step in range(self.total_steps)]

    def curve(self, most: int = 240) -> list[tuple[int, float]]:
        """1-based steps with their learning rates: all of a short run, else at most about `most`, the corners among them."""
        last = self.total_steps - 1
        peak = min(self.head_steps + self.warmup_steps, last)
        head = {min(last, step) for step in (self.head_steps - 1, self.head_steps) if self.head_steps}
        even = {round(last * place / (most - 1)) for place in range(most)} if last >= most else set(range(last + 1))
        return [
            (step + 1, self.learning_rate(step)) for step in sorted(even | head | {0, max(0, peak - 1), peak, last})
        ]

    def part(self, step: int) -> str:
        """In words where the schedule stands after `step` steps: "head alone", "warm-up", "peak" or "decay"."""
        if step < self.head_steps:
            return "head alone"
        return schedules.part(self.schedule, step - self.head_steps, self.warmup_steps)

    @property
    def total_epochs(self) -> int:
        """Epochs of the whole run, the last one perhaps cut short by max_steps."""
        return -(-self.total_steps // self.steps_per_epoch)

    def place_of(self, step: int) -> tuple[int, int]:
        """Epoch and step within it, both 1-based, of the 1-based step `step` of the run."""
        return place_of(step, self.steps_per_epoch)
