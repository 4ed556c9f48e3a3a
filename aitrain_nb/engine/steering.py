"""Steering a run that goes on: what comes next at a step's edge, what was asked meanwhile, how long it is, when it is to end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aitrain_nb.control import Change
from aitrain_nb.engine.plan import Plan
from aitrain_nb.engine.selection import ModelSelection
from aitrain_nb.errors import ConfigError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aitrain_nb.run_folder.writing import RunWriter

LENGTHS = ("epochs", "max_steps")
"""Fields of the config that `fit` may change, to go on with a run."""


class Steering(ModelSelection):
    """What a person, a watcher or another process asks of a run; it is obeyed at a step's edge."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._running, self._stop_reason = False, ""
        self._writer: RunWriter | None = None  # of the call of fit that is going on

    def stop(self, reason: str = "stopped") -> None:
        """Ask the run that is going on to end after its current step; any thread may call it. Without a run it does nothing."""
        if self._running:
            self._stop_reason = reason

    @property
    def is_stopping(self) -> bool:
        """Whether the run that is going on was asked to end."""
        return self._running and bool(self._stop_reason)

    def _next_action(self) -> str:
        """What comes next, one of `processes.ACTIONS`: what is owed at a step's edge first, an evaluation, then a checkpoint, then a step.

        Before a step it waits where a person asked for that, and keeps what was changed in the history.
        """
        action, changes = self._own_wish()
        action, changes = self.processes.agreed(action, changes)
        for change in changes:
            self.history.add_change(change)
        if action == "stop":
            self._stop_reason = self._stop_reason or "stopped in another process"
        return action

    def _own_wish(self) -> tuple[str, Sequence[Change]]:
        """What this process would do next, and what was changed from here on."""
        if self._stop_reason:
            return "stop", ()
        if self.owes_evaluation:
            return "evaluate", ()
        if self._writer is not None and self._writer.owes_checkpoint:
            return "save", ()
        if self.step >= self.total_steps:
            return "end", ()
        if not self.processes.is_first or (self.control.is_untouched and not self.history.changes):
            return "step", ()
        changes = self._asked_changes()
        return "stop" if self._stop_reason else "step", changes

    def _asked_changes(self) -> list[Change]:
        """Wait while the run is paused, then say what differs from how it goes."""
        changes = []
        if not self._keeps_records:  # in fit; by hand one waits by oneself
            waited = self.control.wait(lambda: bool(self._stop_reason))
            if waited:
                changes.append(Change(self.step + 1, "paused", waited))
        rate = self.history.changed("learning_rate", self.step + 1)
        return changes + self.control.asked(self.step + 1, self.plan.peak_at(self.step) if rate is None else rate)

    def _lengthen(self, changes: dict[str, int], options: Sequence[str]) -> None:
        """Make the run as long as these options of `fit` say; what was trained stays.

        Args:
            changes: epochs or max_steps.
            options: all options of `fit`, for the error.

        Raises:
            ConfigError: no such option, or a run shorter than what was already trained.
        """
        for name in changes:
            if name not in LENGTHS:
                raise ConfigError(*unknown_name("option of fit", name, (*LENGTHS, *options)))
        if not changes:
            return
        lifted = {"max_steps": None} if "epochs" in changes else {}  # epochs says how long: a limit of before is lifted
        config = self.config.replace(**(lifted | changes))
        plan = Plan.of(config, self.steps_per_epoch)
        if plan.total_steps < self.step:
            raise ConfigError(
                f"A run of {plan.total_steps:,} steps is shorter than what was already trained.",
                f"{self.step:,} steps have been taken.",
                "Ask for more, or begin again with prepare(...).",
            )
        self.plan, self.config = plan, config
