"""`transfer`: what a network learned on one task, taken to another: how much it helps there, and what is forgotten of the old."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any

from aitrain_nb.errors import ConfigError, DataError
from aitrain_nb.run import describe, load_data
from aitrain_nb.shots.drawing import checked_shots, draw
from aitrain_nb.shots.plan import carry_out, check_budget
from aitrain_nb.shots.training import of_budget, some_of, train, usual_steps, with_new_head
from aitrain_nb.shots.transferred import Moved, Transfer
from aitrain_nb.trainer import Trainer

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from aitrain_nb.config import TrainConfig
    from aitrain_nb.data import Splits

SCRATCH, FINE_TUNE, HEAD = "scratch", "fine-tune", "head"
_EVALUATIONS = 10
"""Points of the curve of a run after its first."""


def transfer(
    trainer: Trainer,
    data: Any,
    *,
    shots: int | None = None,
    seeds: int = 3,
    steps: int | None = None,
    progress: Callable[[str], None] | None = None,
    **fields: Any,
) -> Transfer:
    """A trained network goes on with new data, or begins anew: how good each becomes, and what of the old is forgotten.

    The network is copied. Classes get a new head; with the old head put back, the changed network answers the old validation side again,
    and the difference is what it forgot. A language model has one head for all texts. Both take the same steps on the same
    examples, and nothing is chosen by the validation side.

    Args:
        trainer: trained on the old task.
        data: the new task, of the same kind, as `prepare` takes it.
        shots: examples of each class that there are to learn from; all by default, and for texts without classes.
        seeds: draws of the examples, first weights and orders.
        steps: optimizer steps of each run; by default 60 with 2 million weights or more, else 300.
        progress: told a line for each run; a bar by default.
        fields: of `prepare` for the new data.

    Returns:
        Table and sentences.

    Raises:
        ConfigError: it isn't a trainer, or a number can't be used.
        DataError: there is no validation side, or a class has too few examples.

    Example:
        found = ai.transfer(trainer_of_digits_0_to_4, digits_5_to_9, shots=5)
    """
    if not isinstance(trainer, Trainer):
        raise ConfigError(
            f"{type(trainer).__name__} has learned nothing.", "It takes a trainer that was trained on the old task.",
            "ai.transfer(trainer, new_data, shots=5)",
        )  # fmt: skip
    check_budget(seeds, steps)
    task = _Task(trainer, data, shots, steps, fields)
    plan = [(method, seed) for seed in range(seeds) for method in task.methods]
    moved = carry_out(
        plan, task.moved, lambda one: f"{one.method}, seed {one.seed}: {task.score_name} {one.score:.3f}", "transfer", progress
    )  # fmt: skip
    return Transfer(
        moved, len(plan), old=trainer.data.name, new=task.new.name, shots=shots, before=task.before, score_name=task.score_name
    )  # fmt: skip


class _Task:
    """The new data, the trained network, and a judge of what it still knows of the old."""

    def __init__(
        self, trainer: Trainer, data: Any, shots: int | None, steps: int | None, fields: dict[str, Any]
    ) -> None:
        self._trainer, self._steps = trainer, steps or usual_steps(trainer)
        self._config, source = describe(trainer.config, {"data": data, **fields})
        self.new = load_data(self._config, source)
        if self.new.validation is None or trainer.data.validation is None:
            raise DataError(
                "There are no validation examples.", "Nothing would say how good it is.", "Give data with both sides."
            )
        old, new = (getattr(data.train.columns.get("image"), "shape", ())[1:] for data in (trainer.data, self.new))
        if old != new:
            raise DataError(
                "The new images are not of the shape of the old.", f"They are {list(new)}, and the network learned from {list(old)}.",
                f"Read them as those: image_size={old[-1] if old else None}.",
            )  # fmt: skip
        self._has_classes = trainer.task.read_as != "text-generation"
        if shots is not None and not self._has_classes:
            raise ConfigError(
                f"shots={shots!r} doesn't fit text-generation.", "A shot is an example of a class, and texts have none.",
                "Leave it out, or give fewer texts.",
            )  # fmt: skip
        self._shots = None if shots is None else checked_shots(shots)
        self.methods = [SCRATCH, HEAD, FINE_TUNE] if self._has_classes else [SCRATCH, FINE_TUNE]
        self.score_name = "accuracy" if self._has_classes else "loss"
        self._judge = Trainer(
            copy.deepcopy(trainer.model), trainer.task, trainer.data, trainer.config, trainer.processor
        )
        self.before = self._score(self._judge)

    def moved(self, method: str, seed: int) -> Moved:
        """One way with one draw, trained to its end."""
        splits = self._drawn(seed)
        examples = len(splits.train) if self._has_classes else self._trainer.config.batch_size
        config = of_budget(self._config, self._steps, seed, examples, _EVALUATIONS)
        made = self._made(method, splits, config)
        start = (0, self._score(made))
        seconds = train(made).seconds
        asked = f"eval_{self.score_name}"
        curve = (start, *((row["step"], float(row[asked])) for row in made.history if asked in row))
        after = math.nan if method == SCRATCH else self._still_known(made.model)
        trained = sum(weight.numel() for weight in made.model.parameters() if weight.requires_grad)
        return Moved(method, seed, curve[-1][1], after, seconds, made.step, trained, curve)

    def _drawn(self, seed: int) -> Splits:
        if self._shots is None:
            return self.new
        return some_of(self.new, draw(self.new.train.columns["label"].numpy(), self.new.label_names, self._shots, seed))

    def _made(self, method: str, splits: Splits, config: TrainConfig) -> Trainer:
        trainer = self._trainer
        if method == SCRATCH:
            model = trainer.task.load_model(config.replace(method="scratch"), splits, trainer.processor)
            return Trainer(model, trainer.task, splits, config, trainer.processor)
        if self._has_classes:
            rate = {"learning_rate": None} if method == HEAD else {}
            return with_new_head(trainer, splits, config.replace(method=method, **rate), config.seed)
        return Trainer(copy.deepcopy(trainer.model), trainer.task, splits, config, trainer.processor)

    def _still_known(self, model: nn.Module) -> float:
        """The score of the changed network on the old validation side, with the old head where classes have one."""
        old_head = f"{self._trainer.head()}." if self._has_classes else None
        changed = {
            name: value
            for name, value in model.state_dict().items()
            if old_head is None or not name.startswith(old_head)
        }
        self._judge.model.load_state_dict(changed, strict=False)
        return self._score(self._judge)

    def _score(self, trainer: Trainer) -> float:
        evaluation = trainer.evaluate()
        return float(evaluation.accuracy if self._has_classes else evaluation.loss)
