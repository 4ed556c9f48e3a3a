"""The run that a look suggests, and how long it would take here, measured on a few real steps."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from aitrain_nb.config import TrainConfig
from aitrain_nb.data import Splits
from aitrain_nb.errors import StopTraining
from aitrain_nb.looking.scoring import stratified
from aitrain_nb.records import Update
from aitrain_nb.run import prepare

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aitrain_nb.data import Dataset
    from aitrain_nb.looking.opening import Opened

EPOCHS = 3
_STEPS = 6
_ENOUGH = "measured"


class Measured(NamedTuple):
    """How long the suggested run would take on this machine.

    Attributes:
        seconds: of the whole run, evaluations included.
        step_seconds: of one optimizer step, the median of those that were taken.
        steps_taken: how many were.
        steps: of the whole run.
    """

    seconds: float
    step_seconds: float
    steps_taken: int
    steps: int


def suggest(opened: Opened, lengths: Sequence[int], limit: int) -> TrainConfig:
    """A config that is ready to go on with.

    Args:
        opened: the data.
        lengths: tokens of the texts, or of a sample of them; without any the length is left to the task.
        limit: most tokens that the model takes.
    """
    found, scratch = opened.config, opened.config.method == "scratch"
    longest = None
    if lengths:
        most = int(np.ceil(np.quantile(lengths, 0.95)))
        longest = min(limit, 16 * max(1, -(-most // 16)))
    return TrainConfig(
        task=found.task, data=found.data, model=found.model, method=found.method, seed=found.seed, epochs=EPOCHS,
        text_column=found.text_column, pair_column=found.pair_column, label_column=found.label_column,
        validation_fraction=found.validation_fraction, batch_size=opened.batch_size(32 if len(opened.splits.train) >= 500 else 16),
        max_length=longest, warmup_steps=0.1, schedule="linear", learning_rate=None if scratch else 1e-4,
        **opened.balance.fields,
    )  # fmt: skip


def measure(config: TrainConfig, splits: Splits, seconds: float) -> Measured:
    """Take a few real steps with a throw-away trainer on a part of the data, and reckon up the whole run.

    Args:
        config: the run.
        splits: its data.
        seconds: that the steps may take; two are always taken.

    Raises:
        KeyboardInterrupt: the person interrupted.
    """
    assert splits.validation is not None
    part = Splits(
        _part(splits.train, _STEPS * config.batch_size, config.seed),
        _part(splits.validation, 64, config.seed),
        "a part",
    )
    short = config.replace(max_steps=_STEPS, evaluate_every=0, warmup_steps=0, keep="last", schedule="constant")
    trainer = prepare(short, data=part)
    stop_at = perf_counter() + seconds

    def stop_in_time(record: Any) -> None:
        if isinstance(record, Update) and record.step >= 2 and perf_counter() > stop_at:
            raise StopTraining(_ENOUGH)

    trainer.watchers.append(stop_in_time)
    taken = trainer.fit(display="none").frame()["seconds"].astype(float).tolist()
    if trainer.ending is not None and trainer.ending.state == "stopped" and trainer.ending.reason != _ENOUGH:
        raise KeyboardInterrupt  # fit takes an interrupt as a normal ending; a look doesn't
    step_seconds = float(np.median(taken[1:] or taken))  # the first step also warms up
    began = perf_counter()
    trainer.evaluate()
    evaluation = (perf_counter() - began) / len(part.validation or [0]) * len(splits.validation)
    steps = config.epochs * -(-len(splits.train) // config.batch_size)
    return Measured(steps * step_seconds + config.epochs * evaluation, step_seconds, len(taken), steps)


def _part(dataset: Dataset, most: int, seed: int) -> Dataset:
    """About this many examples, each class in its share."""
    import torch

    if len(dataset) <= most:
        return dataset
    labels = dataset.columns["label"].numpy()
    return dataset.subset(torch.from_numpy(stratified(np.arange(len(dataset)), labels, most / len(dataset), seed)))
