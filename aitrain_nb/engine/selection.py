"""Model selection: evaluations go into the history, and the best weights among them are what a run ends with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from aitrain_nb.control import Change
from aitrain_nb.engine.evaluating import Stopped
from aitrain_nb.engine.inference import Inference
from aitrain_nb.engine.interrupts import whole
from aitrain_nb.errors import ConfigError, PhaseError
from aitrain_nb.records import Ending

if TYPE_CHECKING:
    from collections.abc import Callable

    from aitrain_nb.records import Evaluation


class ModelSelection(Inference):
    """When a run is evaluated, which weights it keeps, how it stands at its end, and whether it can go on."""

    def check_can_train(self) -> None:
        """Raise where no step could be taken.

        Raises:
            ConfigError: it is a run from a folder without a checkpoint.
            ModelError: weights were unfrozen since the trainer was made.
            ProcessError: processes held its weights in shards, and one was lost.
            PhaseError: torch is told not to compute gradients, for good.
        """
        if torch.is_inference_mode_enabled():
            raise PhaseError(
                "Nothing can be trained inside torch.inference_mode().", "No gradient can be computed there.", "Leave its block first."
            )  # fmt: skip
        if self.is_loaded:
            why = (
                "none was written (save_every=0)"
                if self.config.save_every == 0
                else "trainer.notes says what became of them"
            )
            raise ConfigError(
                "This loaded run can't go on.", f"Its folder holds the weights that were kept and no checkpoint to use: {why}.",
                "Train again with checkpoints: ai.prepare(trainer.config, save_every=None).fit(output_dir=...).",
            )  # fmt: skip
        if self.processes.has_lost_shards:
            self.processes.check_whole()
        self._check_trained_weights()

    @property
    def is_finished(self) -> bool:
        """Whether the run has come to its end: no step and no evaluation is left."""
        is_done = self.ending is not None and self.ending.state == "done"
        return is_done and self.step >= self.total_steps and not self.owes_evaluation

    @property
    def owes_evaluation(self) -> bool:
        """Whether the run owes an evaluation of the weights as they are."""
        every = self.config.evaluate_every
        if not self._evaluator.can_validate or every == 0 or self.step == 0 or self.history.evaluated(self.step):
            return False
        return self.is_due(every)

    def evaluate_and_keep(self, stop: Callable[[], bool] = lambda: False) -> Evaluation | None:
        """Evaluate into the history and keep the weights if they are the best: what a run does where it owes an evaluation.

        Args:
            stop: asked now and then whether to leave it.

        Returns:
            The evaluation, or None where it was left.

        Raises:
            DataError: there are no validation examples.
            PhaseError: no step has been taken that it could belong to.
        """
        if self.step == 0:
            raise PhaseError(
                "There is no step yet that this evaluation could belong to.", "It goes into the history, beside the step it follows.",
                "Call trainer.evaluate(): it only looks.",
            )  # fmt: skip
        limit = self.history.changed("evaluation_batch_size", self.step)
        if limit is not None:  # memory ran out before, perhaps in another process
            self._evaluator.batch_size = int(limit)
        at_once = self._evaluator.batch_size
        try:
            evaluation = self._evaluate("validation", stop, shared=True)
        except Stopped:
            return None
        if self._evaluator.batch_size < at_once:
            self.history.add_change(Change(self.step, "evaluation_batch_size", self._evaluator.batch_size))
        evaluation.training_loss = self.history.mean_loss(after_step=self.history.last_evaluated_step)
        score = evaluation.score(self.config.best_metric)
        with whole():  # what counts as evaluated was offered
            evaluation.kept = self.keeper.offer(score, evaluation.loss, self.step, evaluation.epoch)
            self.history.add_evaluation(self.step, {"train_loss": evaluation.training_loss} | evaluation.row())
        evaluation.overfitting = self.history.verdict.overfitting
        return evaluation

    @property
    def kept_step(self) -> int:
        """The step whose weights the run keeps, as it stands; 0 before the first evaluation, and with `keep="last"`."""
        return self.keeper.best.step if self.keeper.best is not None else 0

    def is_due(self, every: int | None) -> bool:
        """Whether something that happens every so many steps, or at the end of each epoch, happens after this one; at the end it does."""
        if self.step >= self.total_steps:
            return True
        return self.order.cursor.position == 0 if every is None else self.step % every == 0

    def _show_best(self, state: str, reason: str) -> Ending:
        """Put the best weights into the model; gives the ending of a run that ends in this state, for this reason."""
        last = self.history.last.get("eval_loss") if self.step else None
        kept = self.keeper.show_best(self.step)
        if kept is None:
            return Ending(state, reason, self.step, self.order.epochs_completed, self.step, last)
        metric = self.config.best_metric
        score = None if metric == "loss" else (metric, kept.score)
        return Ending(state, reason, self.step, kept.epoch, kept.step, kept.loss, score)
