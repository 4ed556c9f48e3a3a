"""The five phases of a training step, each a method: tokenize, forward, loss, backward, update."""

from __future__ import annotations

import math
from contextlib import nullcontext
from time import perf_counter
from typing import TYPE_CHECKING, Any

import torch

from aitrain_nb.control import Change
from aitrain_nb.engine import faults, snapshots
from aitrain_nb.engine.interrupts import whole
from aitrain_nb.engine.memory import smaller
from aitrain_nb.engine.optim import clip_gradients, rate_of
from aitrain_nb.engine.precision import loss_scale
from aitrain_nb.engine.state import TrainingState
from aitrain_nb.errors import ModelError, OutOfMemoryError, PhaseError
from aitrain_nb.records import Batch, Forward, Gradients, Loss, StepRecords, Update

if TYPE_CHECKING:
    from torch import Tensor

    from aitrain_nb.records import MicroBatch


class Phases(TrainingState):
    """The phases of a step; each takes what the one before returned, and only the last one changes a weight."""

    def tokenize(self, examples: Any = None, labels: Any = None) -> Batch:
        """Examples become numbers.

        Args:
            examples: your own raw examples, to look at; by default the next training batch.
            labels: their right answers, as names or numbers; without them the loss can't be asked for.

        Raises:
            PhaseError: a step is under way.
            DataError: your examples don't fit the model.
        """
        if self._turn.batch is not None and self._turn.batch.is_own:
            self._drop_unfinished_step()
        self._turn.may_tokenize()
        began = perf_counter()
        for weight in self._later:
            weight.requires_grad_(self.step >= self.plan.head_steps)
        if not self._keeps_records:  # in fit nobody looks at them any more; by hand they stay until the backward pass
            for weight in self._trained:
                weight.grad = None
        if examples is not None:
            return self._tokenize_own(examples, labels)
        if not self.processes.is_first:  # what a step draws there depends on nothing that would have to be saved
            self.random.renew(self.processes.rank, self.step)
        self._start = self._step_start()
        self.resume()
        state = self._snapshot() if self._snapshot_due() else None
        epoch = self.order.epochs_completed
        try:
            self._portions.reach(self.order, self._feed)
            taken, parts = self._feed.next_step(self.micro_batch_limit)
        except BaseException:  # no example is lost
            self.order.cursor, self.random.state = self._start.cursor, self._start.random
            raise
        batch = Batch(self._reference, self.step + 1, epoch, parts, taken, self._portions.raw(taken))
        batch.counted = self.processes.total(batch.counted)
        self.records = StepRecords(self.step + 1, batch, state) if self._keeps_records else None
        self._turn.begin(batch)
        self._seconds = batch.seconds = perf_counter() - began
        return batch

    def forward(self, batch: Batch | MicroBatch) -> Forward:
        """Numbers become predictions: the model in training mode, on one micro-batch.

        Raises:
            PhaseError: another phase comes next, or the batch holds several micro-batches.
            ModelError: batch normalisation got a single example.
        """
        part = self._turn.next_part(batch)
        began = perf_counter()
        if not self.model.training:
            self.model.train()
        before = self.random.state
        try:
            with self.threads, self._chance, self.precision.autocast(), self.dropout, self._checkpointing:
                outputs = self.processes.outputs(self.task, self._quick, part.inputs, is_last=self._turn.is_last_part)
        except ValueError as error:
            if "more than 1 value per channel" in str(error):
                raise ModelError(*self._one_example(part)) from error
            raise
        forward = Forward(self._reference, self.step + 1, self._turn.epoch, part.number, outputs, before)
        if self.records is not None:
            self.records.forwards.append(forward)
        self._turn.then("loss", forward)
        forward.seconds = perf_counter() - began
        self._seconds += forward.seconds
        return forward

    def loss(self, forward: Forward) -> Loss:
        """Predictions become one number: how wrong they are.

        Raises:
            PhaseError: another phase comes next, or the examples have no answers.
        """
        self._turn.take("loss", forward)
        began = perf_counter()
        batch = self._turn.batch
        assert batch is not None
        if not batch.counted and batch.is_own:
            raise PhaseError(
                "There is nothing to compare with.",
                "These examples have no labels.",
                "Pass them: tokenize(examples, labels).",
            )
        part, options = batch.parts[forward.number], self.loss_options
        with self.threads:
            per_target = self.task.loss(forward.outputs, part.inputs, options)
            objective = _mean(per_target, batch.counted)
            if not options.is_plain:
                per_target = self.task.loss(forward.outputs.detach(), part.inputs)
                plain = _mean(per_target, batch.counted)
            else:
                plain = objective.detach()
        loss = Loss(self._reference, forward.step, forward.epoch, forward.number, objective, per_target, part.counted)
        self._losses.append(plain)
        if self.records is not None:
            self.records.losses.append(loss)
        self._turn.then("backward", loss)
        loss.seconds = perf_counter() - began
        self._seconds += loss.seconds
        return loss

    def backward(self, loss: Loss) -> Gradients:
        """The loss becomes a gradient for each weight; the last micro-batch of the step also clips.

        Raises:
            PhaseError: another phase comes next.
        """
        self._turn.take("backward", loss)
        began = perf_counter()
        if loss.number == 0 and self._keeps_records:  # in fit they went when the step began
            for weight in self._trained:
                weight.grad = None
        norm, clip_at = None, self.config.max_grad_norm
        with self.threads, self.processes.together():
            self.precision.backward(self.processes.scaled(loss.objective), self._trained, self.optimizer)
            if self._turn.is_last_part:
                norm = clip_gradients(self._trained, clip_at)
        gradients = Gradients(self._reference, loss.step, loss.epoch, loss.number, norm, clip_at)
        if self.records is not None:
            self.records.gradients = gradients
        if norm is None:
            self._turn.next_micro_batch()
        else:
            self._turn.then("update", gradients)
        gradients.seconds = perf_counter() - began
        self._seconds += gradients.seconds
        return gradients

    def update(self, gradients: Gradients) -> Update:
        """Gradients become new weights; the step is complete.

        Raises:
            PhaseError: another phase comes next, or the batch was your own.
        """
        self._turn.take("update", gradients)
        batch = self._turn.batch
        assert batch is not None
        if batch.is_own:
            raise PhaseError(
                "Your own examples are for looking; they are not trained on.",
                "A run's steps come from its training data in a fixed order, so that it can be repeated.",
                "Call trainer.tokenize() to go on with the run, or add the examples to the data.",
            )
        began = perf_counter()
        before = self._weights_before()
        lr = self.learning_rate(self.step)
        self._losses = self.processes.totals(self._losses)
        assert gradients.norm_tensor is not None
        overflowed = self.precision.overflowed(self._losses, gradients.norm_tensor, self.optimizer)
        fault = None if overflowed else self._fault(batch, gradients)
        trouble = str(fault) if fault is not None and self.config.nan_policy != "mark" else ""
        for group in self.optimizer.param_groups:
            group["lr"] = rate_of(group, lr)
        with (
            whole() if self._keeps_records else nullcontext()
        ):  # weights, counters and history move together or not at all
            self._turn.updating = True
            if not (trouble or overflowed):
                with self.threads:
                    self.optimizer.step()
            self.precision.count(self.optimizer, overflowed=overflowed)
            overflow = (
                f"the gradients of the scaled loss were too large for {self.config.precision}" if overflowed else ""
            )
            update = Update(self._reference, self.step + 1, self.order.epochs_completed, lr, before, trouble, overflow)
            self._complete(batch, gradients, update, began)
            if overflowed:
                self.history.add_change(Change(self.step, "loss_scale", loss_scale(self.optimizer)))
            if fault is not None:
                self.history.add_change(Change(self.step, "skipped" if trouble else "marked", 1.0, fault.where))
            self._turn.between_steps()
        return update

    def _fault(self, batch: Batch, gradients: Gradients) -> faults.Fault | None:
        """What of this step's numbers isn't finite; None where all are, and where nobody has to know.

        A run that takes such steps (`nan_policy="mark"`) makes no device wait for an answer, and looks into the first one only: the
        weights are spoilt from there on.
        """
        norm = gradients.norm_tensor
        assert norm is not None
        is_marking = self.config.nan_policy == "mark"
        if (is_marking and not self._reads_at_once) or faults.is_finite(self._losses, norm):
            return None
        if is_marking and any(change.name == "marked" for change in self.history.changes):
            return None
        assert self._start is not None
        places = self.processes.gathered(faults.first_bad(self, batch, self._start.random, self._start.buffers))
        where = next((place for place in places if place != faults.NOT_FOUND), faults.NOT_FOUND)
        loss, size = sum(value.item() for value in self._losses), norm.item()
        what = f"the loss is {loss}" if not math.isfinite(loss) else f"the gradient norm is {size}"
        return faults.Fault(what, self.step + 1, where)

    def _complete(self, batch: Batch, gradients: Gradients, update: Update, began: float) -> None:
        """The weights have moved: count the step and put its row into the history."""
        self.step += 1
        value: Any = self._losses[0] if len(self._losses) == 1 else torch.stack(self._losses).sum()
        self._losses.clear()
        if self.records is not None:
            self.records.update = update
        norm: Any = None if update.overflow else gradients.norm_tensor  # no trouble: nothing was done with it
        if self._reads_at_once:
            value, norm = value.item(), norm if norm is None else norm.item()
        update.seconds = perf_counter() - began
        seconds = self._seconds + update.seconds
        self.history.add_step([self.step, update.epoch, value, update.lr, norm, seconds, batch.counted])
        if self._later and self.step == self.plan.head_steps + 1:
            self.history.add_change(Change(self.step, "unfrozen", sum(weight.numel() for weight in self._later)))
        if self._at_most is not None:
            self.history.add_change(Change(self.step, "micro_batch_size", self._at_most))
            self._at_most = None

    # what the phases lean on

    @property
    def micro_batch_limit(self) -> int | None:
        """Most examples that go through the model at once, where memory ran out with more; the step's batch stays what it is."""
        if self._at_most is not None or not self.history.changes:
            return self._at_most
        limit = self.history.changed("micro_batch_size", self.step + 1)
        return None if limit is None else int(limit)

    def _smaller_micro_batch(self, error: Exception) -> int:
        """Half of the examples that were too many at once in the step under way.

        Raises:
            OutOfMemoryError: it doesn't help: a single example was too much, or the optimizer's own numbers were.
        """
        batch = self._turn.batch
        assert batch is not None
        self.processes.check_memory(error)
        if self.is_updating:
            raise OutOfMemoryError(
                f"Memory ran out in the update of step {self.step + 1}.",
                f"What the optimizer keeps for each weight doesn't depend on the batch. {str(error).splitlines()[0]}",
                "Take optimizer='sgd', or a smaller model; the best weights are kept.",
            ) from error
        return smaller(max(len(part.inputs["labels"]) for part in batch.parts), error, f"at step {self.step + 1}")

    def _one_example(self, part: MicroBatch) -> tuple[str, str, str]:
        """Why batch normalisation can't train on this micro-batch, and what to do."""
        examples, size = self.order.examples, self.config.batch_size
        better = next(larger for larger in range(size + 1, size + examples + 2) if examples % larger != 1)
        return (
            f"Batch normalisation can't train on a batch of {len(part.inputs['labels'])}.",
            f"{examples:,} examples in batches of {size} leave one for the last, and a mean of one value says nothing.",
            f"Set batch_size={max(2, better)}.",
        )

    def _tokenize_own(self, examples: Any, labels: Any) -> Batch:
        began = perf_counter()
        raw = self.task.own_examples(examples, labels, self.data)
        dataset = self.task.prepare_own(raw, self.data, self.processor, self.config)
        self._start = self._step_start()
        part = self._feed.micro_batch(dataset.columns, 0)
        batch = Batch(self._reference, self.step + 1, self.order.epochs_completed, (part,), None, raw.columns)
        self.records = StepRecords(self.step + 1, batch)
        self._turn.begin(batch)
        batch.seconds = perf_counter() - began
        return batch

    def _snapshot_due(self) -> bool:
        every = self.config.snapshot_every
        return self._keeps_records or (every > 0 and self.step % every == 0)

    def _weights_before(self) -> dict[str, Tensor] | None:
        """The weights as they are, where somebody will want to know how far they move."""
        if self.records is not None:
            return self.records.before or snapshots.copy_weights(self.model)
        every = self.config.inspect_every
        return snapshots.copy_weights(self.model) if every and (self.step + 1) % every == 0 else None


def _mean(per_target: Tensor, counted: int) -> Tensor:
    """Sum over one micro-batch, divided by the targets of the whole step; bit-equal either way, quicker as a mean."""
    return per_target.mean() if per_target.numel() == counted else per_target.sum() / max(1, counted)
