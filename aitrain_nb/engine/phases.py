"""The five phases of a training step, each a method: tokenize, forward, loss, backward, update."""

from __future__ import annotations

import weakref
from contextlib import nullcontext
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from aitrain_nb.config import TrainConfig
from aitrain_nb.engine import device, snapshots
from aitrain_nb.engine.evaluating import Evaluator
from aitrain_nb.engine.feeding import Feed
from aitrain_nb.engine.inspection import Inspector
from aitrain_nb.engine.keeping import Keeper
from aitrain_nb.engine.optim import build_optimizer, clip_gradients
from aitrain_nb.engine.order import Cursor, DataOrder
from aitrain_nb.engine.plan import Plan
from aitrain_nb.engine.turn import Turn
from aitrain_nb.errors import ConfigError, ModelError, PhaseError
from aitrain_nb.history import History
from aitrain_nb.randomness import OwnRandom, draws_random_numbers
from aitrain_nb.records import Batch, Forward, Gradients, Loss, StepRecords, Update
from aitrain_nb.records.base import fingerprint
from aitrain_nb.tasks import Task, find_task

if TYPE_CHECKING:
    from torch import Tensor, nn

    from aitrain_nb.data import Dataset, Splits
    from aitrain_nb.records import MicroBatch


class _StepStart(NamedTuple):
    """What a step that is dropped puts back."""

    cursor: Cursor
    random: Any
    buffers: dict[str, Tensor]


class Phases:
    """A model with everything that one training step needs. `Trainer` adds the loop.

    Attributes:
        model: the module, trained in place.
        task: what differs between tasks.
        data: the raw examples.
        processor: what makes numbers of them and isn't part of the model, such as a tokenizer.
        class_names: what the model chooses between.
        config: the config with every automatic value filled in.
        history: one row an optimizer step.
        plan: how long the run is, and the learning rate of each step.
        step: optimizer steps taken.
        optimizer: the torch optimizer.
        records: of the step that is being taken by hand; None in `fit`.
        snapshots: states of earlier steps, for `undo`.
        inspector: answers the questions that records ask.
    """

    def __init__(
        self, model: nn.Module, task: Task | str, data: Splits, config: TrainConfig | None = None, processor: Any = None
    ) -> None:
        config = config or TrainConfig()
        self.task = find_task(task) if isinstance(task, str) else task
        self.data, self.processor = data, processor
        self.class_names = self.task.class_names(data, processor)
        if not isinstance(model, torch.nn.Module):
            raise ModelError(
                f"The model is {type(model).__name__}, not a torch module.",
                "A Trainer takes the model itself.",
                "For a model by name, call prepare(model=...).",
            )
        prepared = self._prepare(config)
        examples = len(prepared["train"])
        if config.batch_size > examples:
            raise ConfigError(
                f"batch_size={config.batch_size} is larger than the data.",
                f"There are {examples:,} training examples.",
                f"Choose a batch_size of at most {examples:,}.",
            )
        self.order = DataOrder(examples, config.batch_size, config.gradient_accumulation_steps, config.seed)
        self.config = device.resolve(config, model, self.order.steps_per_epoch)
        self.plan = Plan.of(self.config, self.order.steps_per_epoch)
        self.device = torch.device(self.config.device)
        self.model = model.to(self.device)
        self.optimizer = build_optimizer(self.model, self.config)
        self.random = OwnRandom(config.seed, self.device)
        self._feed = Feed(self.task, prepared["train"], self.order, processor, self.device)
        self._chance = self.random if draws_random_numbers(self.model) else nullcontext()
        self._threads = device.Threads(self.config.threads)
        self._reads_at_once = self.device.type == "cpu"  # elsewhere reading a number would make the device wait
        self._has_buffers = any(True for _ in self.model.buffers())
        self._trained = [weight for weight in self.model.parameters() if weight.requires_grad]

        self.history = History()
        self.step = 0
        self.records: StepRecords | None = None
        self.inspector = Inspector(weakref.proxy(self))
        self.snapshots = snapshots.Ring(self.config.snapshot_memory_bytes)
        self._keeper = Keeper(self.model, enabled=self.config.keep == "best")
        self._reference: weakref.ref[Any] = weakref.ref(self)
        self._turn = Turn(self._reference)
        self._by_hand = True
        self._start: _StepStart | None = None
        self._began = 0.0
        self._losses: list[Tensor] = []
        self._evaluator = Evaluator(
            self.model, self.task, data, prepared, processor, self.config,
            device=self.device, random=self.random, threads=self._threads,
        )  # fmt: skip
        self._evaluator.check_model(self.class_names)

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
        self._began = perf_counter()
        if examples is not None:
            return self._tokenize_own(examples, labels)
        self._keeper.show_last()
        self._start = self._step_start()
        state = self.snapshot() if self._snapshot_due() else None
        epoch = self.order.epochs_completed
        taken, parts = self._feed.next_step()
        batch = Batch(self._reference, self.step + 1, epoch, parts, taken)
        self.records = StepRecords(self.step + 1, batch, state) if self._by_hand else None
        self._turn.begin(batch)
        batch.seconds = perf_counter() - self._began
        return batch

    def forward(self, batch: Batch | MicroBatch) -> Forward:
        """Numbers become predictions: the model in training mode, on one micro-batch.

        Raises:
            PhaseError: another phase comes next, or the batch holds several micro-batches.
        """
        part = self._turn.next_part(batch)
        began = perf_counter()
        if not self.model.training:
            self.model.train()
        before = self.random.state
        with self._threads, self._chance:
            outputs = self.task.outputs(self.model, part.inputs)
        forward = Forward(self._reference, self.step + 1, self._turn.epoch, part.number, outputs, before)
        if self.records is not None:
            self.records.forwards.append(forward)
        self._turn.then("loss", forward)
        forward.seconds = perf_counter() - began
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
        if not batch.counted:
            raise PhaseError(
                "There is nothing to compare with.",
                "These examples have no labels.",
                "Pass them: tokenize(examples, labels).",
            )
        part, smoothing = batch.parts[forward.number], self.config.label_smoothing
        with self._threads:
            per_target = self.task.loss(forward.outputs, part.inputs, smoothing)
            objective = _mean(per_target, batch.counted)
            if smoothing:
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
        return loss

    def backward(self, loss: Loss) -> Gradients:
        """The loss becomes a gradient for each weight; the last micro-batch of the step also clips.

        Raises:
            PhaseError: another phase comes next.
        """
        self._turn.take("backward", loss)
        began = perf_counter()
        if loss.number == 0:
            for weight in self._trained:
                weight.grad = None
        norm, clip_at = None, self.config.max_grad_norm
        with self._threads:
            loss.objective.backward()
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
        lr = self.plan.learning_rate(self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self._turn.updating = True
        with self._threads:
            self.optimizer.step()
        self.step += 1
        self._turn.between_steps()
        epoch = self.order.epochs_completed
        update = Update(self._reference, self.step, epoch, lr, before)
        value: Any = self._losses[0] if len(self._losses) == 1 else torch.stack(self._losses).sum()
        self._losses.clear()
        if self.records is not None:
            self.records.update = update
        now = perf_counter()
        norm: Any = gradients.norm_tensor
        if self._reads_at_once:
            value, norm = value.item(), norm.item()
        self.history.add_step([self.step, epoch, value, lr, norm, now - self._began, batch.counted])
        update.seconds = now - began
        return update

    # what the phases lean on

    def _prepare(self, config: TrainConfig) -> dict[str, Dataset]:
        """Split name -> examples as model inputs, checked."""
        raw = {"train": self.data.train, "validation": self.data.validation}
        prepared = {
            name: self.task.prepare(dataset, self.data, self.processor, config)
            for name, dataset in raw.items() if dataset is not None
        }  # fmt: skip
        self.task.check(self.data)
        return prepared

    def _tokenize_own(self, examples: Any, labels: Any) -> Batch:
        raw = self.task.own_examples(examples, labels, self.data)
        dataset = self.task.prepare_own(raw, self.data, self.processor, self.config)
        self._start = self._step_start()
        part = self._feed.micro_batch(dataset.columns, 0)
        batch = Batch(self._reference, self.step + 1, self.order.epochs_completed, (part,), None, raw.columns)
        self.records = StepRecords(self.step + 1, batch)
        self._turn.begin(batch)
        batch.seconds = perf_counter() - self._began
        return batch

    def _step_start(self) -> _StepStart:
        buffers = snapshots.copy_buffers(self.model) if self._has_buffers else {}
        return _StepStart(self.order.cursor, self.random.state, buffers)

    def _drop_unfinished_step(self) -> None:
        """Put back what a step that didn't reach its update has moved: place in the data, random numbers, buffers."""
        if self._start is not None and self._turn.batch is not None:
            self.order.cursor, self.random.state = self._start.cursor, self._start.random
            snapshots.load_tensors(self.model, {}, self._start.buffers)
            self.optimizer.zero_grad(set_to_none=True)
        self._losses.clear()
        self.records = None
        self._turn.between_steps()

    def _snapshot_due(self) -> bool:
        every = self.config.snapshot_every
        return self._by_hand or (every > 0 and self.step % every == 0)

    def _weights_before(self) -> dict[str, Tensor] | None:
        """The weights as they are, where somebody will want to know how far they move."""
        if self.records is not None:
            return self.records.before or snapshots.copy_weights(self.model)
        every = self.config.inspect_every
        return snapshots.copy_weights(self.model) if every and (self.step + 1) % every == 0 else None

    # time

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps in one pass over the training data; the last may be smaller."""
        return self.plan.steps_per_epoch

    @property
    def total_steps(self) -> int:
        """Optimizer steps of the whole run."""
        return self.plan.total_steps

    def fingerprint(self) -> str:
        """A hash of all weights: 16 hexadecimal digits, equal only where every bit is equal."""
        return fingerprint(self.model.named_parameters())

    def snapshot(self) -> snapshots.State:
        """Copy the whole state between two steps, and keep the copy in the ring for `undo`."""
        state = snapshots.take(self.step, self.order.cursor, self.model, self.optimizer, self.random, self._keeper.best)
        self.snapshots.add(state)
        return state

    def undo(self) -> None:
        """Go back to before the last step, or to the start of the one under way: exactly, bit for bit.

        Weights, buffers, optimizer, random numbers, place in the data and history are put back.

        Raises:
            PhaseError: no snapshot of that step is kept.
        """
        if self._turn.batch is not None:
            self._drop_unfinished_step()
            return
        state = self.snapshots.at(self.step - 1)
        if state is None:
            raise PhaseError(
                f"There is no snapshot to go back to before step {self.step}."
                if self.step
                else "No step has been taken yet.",
                "Steps by hand keep one; fit does so with snapshot_every=1.",
                "Set snapshot_every, or take the step by hand.",
            )
        self._keeper.show_last()
        snapshots.load(state, self.model, self.optimizer, self.random)
        self.step, self.order.cursor, self._keeper.best = state.step, state.cursor, state.kept
        self.history.cut(state.step)
        self.records = None
        self._turn.between_steps()


def _mean(per_target: Tensor, counted: int) -> Tensor:
    """Sum over one micro-batch, divided by the targets of the whole step; bit-equal either way, quicker as a mean."""
    return per_target.mean() if per_target.numel() == counted else per_target.sum() / counted
