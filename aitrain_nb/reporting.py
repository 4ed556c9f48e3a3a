"""A run reported to a tracker of accelerate (TensorBoard, Weights & Biases, MLflow and others) while it trains."""

from __future__ import annotations

import logging
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aitrain_nb.errors import ConfigError, DataError, unknown_name
from aitrain_nb.history import COLUMNS
from aitrain_nb.privacy import without_secrets
from aitrain_nb.records import Evaluation
from aitrain_nb.run_folder.files import TRACKERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aitrain_nb.records import Ending

EVERY_SECONDS = 1.0
"""Between two reports, at least."""
COST_SHARE = 0.02
"""Of the time that passes: a tracker that takes 100 ms is told every 5 s."""
_NOTES = logging.getLogger(__name__)


def reporters(trainer: Any, report_to: Any, output_dir: str | Path | None) -> list[Reporter]:
    """The display that reports to these trackers; none where there is nobody to report to.

    Args:
        trainer: whose run it is.
        report_to: a name that accelerate knows ("tensorboard", "wandb", ...), a `GeneralTracker` of your own, several of them,
            "all" for every one that is installed, or None or "none".
        output_dir: the folder of the run: trackers that write files write them in its folder `trackers`; else they write in the folder
            `runs/trackers`.

    Raises:
        ConfigError: accelerate or the tracker's package isn't installed, or there is no such tracker.
    """
    wanted = list(report_to) if isinstance(report_to, (list, tuple)) else [report_to]
    wanted = [one for one in wanted if one is not None and not (isinstance(one, str) and one == "none")]
    if not wanted:
        return []
    return [Reporter(trainer, _trackers(wanted, output_dir))]


def _trackers(wanted: Sequence[Any], output_dir: str | Path | None) -> list[Any]:
    """The trackers themselves, not yet begun."""
    try:
        from accelerate import tracking
        from accelerate.state import PartialState
    except ImportError as error:
        raise ConfigError(
            "report_to needs accelerate.",
            "It brings the trackers, and isn't installed.",
            'pip install "aitrain-nb[trainer]"',
        ) from error
    PartialState()  # accelerate's trackers ask it which process they are in
    known = {str(name): kind for name, kind in tracking.LOGGER_TYPE_TO_CLASS.items()}
    installed = {str(name) for name in tracking.get_available_trackers()} | (
        set(known) - set(map(str, tracking.LoggerType))
    )
    place = Path("runs" if output_dir is None else output_dir) / TRACKERS
    found = [one for one in wanted if isinstance(one, tracking.GeneralTracker)]
    names = [one for one in wanted if not isinstance(one, tracking.GeneralTracker)]
    for name in sorted(installed) if "all" in names else dict.fromkeys(map(str, names)):
        if name not in known:
            raise ConfigError(*unknown_name("tracker", name, ["all", "none", *known]))
        if name not in installed:
            raise ConfigError(
                f"Can't report to {name}.", "Its package isn't installed.", f"pip install {name.replace('_', '-')}"
            )
        kind = known[name]
        found.append(kind("aitrain_nb", place) if kind.requires_logging_directory else kind("aitrain_nb"))
    return found


class Reporter:
    """A display that hands rows and evaluations on: every row of the history, its evaluation with it, now and then in one go.

    A tracker that fails in mid-run doesn't end the run: it is told nothing more, and a line in the log says so.

    Args:
        trainer: whose run it is.
        trackers: of accelerate.
    """

    def __init__(self, trainer: Any, trackers: Sequence[Any]) -> None:
        self._trainer, self._trackers = trainer, list(trackers)
        self._told = self._last = 0  # how many rows, and the newest step of them
        self._due = math.inf

    def begin(self) -> None:
        """Begin each tracker and tell it the config; raises DataError where one can't begin."""
        config = {
            name: without_secrets(value) if isinstance(value, str) else value
            for name, value in self._trainer.config.model_dump().items() if value is not None
        }  # fmt: skip
        for tracker in self._trackers:
            try:
                tracker.start()
                tracker.store_init_configuration(config)
            except Exception as error:
                raise DataError(
                    f"Can't report to {tracker.name}.",
                    f"{type(error).__name__}: {error}",
                    "Mend that, or train without report_to.",
                ) from error
        self._told, self._last, self._due = len(self._trainer.history), self._trainer.step, time.monotonic()

    def __call__(self, record: Any) -> None:
        """Tell what is certain, if it is time for it."""
        began = time.monotonic()
        is_evaluation = type(record) is Evaluation
        if is_evaluation and record.step <= self._last:  # a stop had put it off: its row was told by the call before
            self._log(record.step, self._trainer.history.evaluation(record.step))
        elif began >= self._due:
            self._tell(record.step if is_evaluation else record.step - 1)
            ended = time.monotonic()
            self._due = ended + max(EVERY_SECONDS, (ended - began) / COST_SHARE)

    def end(self, ending: Ending) -> None:
        """Tell the rest, and finish each tracker."""
        del ending
        self._tell(math.inf)
        for tracker in self._trackers:
            self._ask(tracker, tracker.finish)

    def _tell(self, step: float) -> None:
        """The rows that weren't told yet, up to this step, each with its evaluation."""
        history = self._trainer.history
        for row in history.tail(self._told):
            if row[0] > step:
                return
            self._log(row[0], dict(zip(COLUMNS, row, strict=True)) | history.evaluation(row[0]))
            self._told, self._last = self._told + 1, row[0]

    def _log(self, step: int, row: dict[str, Any]) -> None:
        values = {_name(name): value for name, value in row.items() if name != "step"}
        for tracker in list(self._trackers):
            self._ask(tracker, tracker.log, values, step=step)

    def _ask(self, tracker: Any, call: Any, *values: Any, **named: Any) -> None:
        try:
            call(*values, **named)
        except Exception as error:  # noqa: BLE001  a network that fails must not end a run
            self._trackers = [one for one in self._trackers if one is not tracker]
            _NOTES.warning("%s is told nothing more: %s: %s", tracker.name, type(error).__name__, error)


def _name(column: str) -> str:
    """A column as trackers group them: eval/loss, train/loss."""
    if column.startswith("eval_"):
        return f"eval/{column.removeprefix('eval_')}"
    return "eval/train_loss" if column == "train_loss" else f"train/{column}"
