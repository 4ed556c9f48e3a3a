"""The learning rate of a run that somebody else's loop drives: its peak moved, the shape of its schedule kept."""

from __future__ import annotations

from typing import Any

_OF_GROUPS = ("lr", "initial_lr", "max_lr", "min_lr")
"""Keys of a parameter group that hold a rate: torch's schedules keep their own there, too (OneCycleLR: the last two)."""
_OF_SCHEDULES = ("base_lrs", "max_lrs", "_last_lr")
"""Lists of rates, one a group, in torch's schedules. The last is what `get_last_lr` tells: the step that comes next is logged with it."""


class Rates:
    """The rates of an optimizer and its schedule, all moved by one factor.

    A schedule of torch is a product (LambdaLR: base rate x factor of the step) or goes on from the rate of the step before
    (ReduceLROnPlateau, CosineAnnealingLR): either way, scaling the rates that it starts from scales all that follow. A floor that
    was given as a number (min_lr of ReduceLROnPlateau, eta_min) stays where it is.

    Args:
        optimizer: of torch, wrapped or not.
        schedule: of torch or transformers, wrapped or not, or None.

    Attributes:
        peak: that holds now, of the first parameter group with a rate above 0; 0 where there is none.
    """

    def __init__(self, optimizer: Any, schedule: Any = None) -> None:
        self._optimizer, self._schedule = optimizer, schedule
        peaks = [float(group.get("max_lr", group.get("initial_lr", group["lr"]))) for group in self._groups()]
        self.peak = next((peak for peak in peaks if peak > 0), 0.0)

    def set(self, peak: float) -> None:
        """Give the schedule this peak from the next step on; the other groups keep their ratio to it.

        Args:
            peak: above 0.
        """
        import torch

        factor, changed = peak / self.peak, set()
        for group in self._groups():
            for name in _OF_GROUPS:
                value = group.get(name)
                if isinstance(
                    value, torch.Tensor
                ):  # changed where it stands: groups share it, and a compiled step holds on to it
                    if id(value) not in changed:
                        value.mul_(factor)
                        changed.add(id(value))
                elif value is not None:
                    group[name] = value * factor
        _scale_schedule(self._schedule, factor)
        self.peak = peak

    def _groups(self) -> list[dict[str, Any]]:
        return list(getattr(self._optimizer, "param_groups", ()))


def _scale_schedule(schedule: Any, factor: float) -> None:
    """Scale what a schedule starts from, and the schedules it is made of."""
    schedule = getattr(schedule, "scheduler", schedule)  # accelerate wraps it
    for name in _OF_SCHEDULES:
        values = getattr(schedule, name, None)
        if isinstance(values, list):
            setattr(schedule, name, [value * factor for value in values])
    for part in getattr(schedule, "_schedulers", ()):
        _scale_schedule(part, factor)
