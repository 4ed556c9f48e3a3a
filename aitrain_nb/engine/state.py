"""Everything one training run holds between two steps, and the way back to an earlier one."""

from __future__ import annotations

import secrets
import weakref
from contextlib import nullcontext
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from aitrain_nb.control import Control
from aitrain_nb.engine import device, snapshots
from aitrain_nb.engine.arguments import checked_arguments
from aitrain_nb.engine.evaluating import Evaluator
from aitrain_nb.engine.feeding import Feed
from aitrain_nb.engine.freezing import freeze, told, weights_for_later
from aitrain_nb.engine.inspection import Inspector
from aitrain_nb.engine.keeping import Keeper
from aitrain_nb.engine.metering import PeakMeter
from aitrain_nb.engine.optim import build_optimizer
from aitrain_nb.engine.order import Cursor, DataOrder, lengths_of, shape_of
from aitrain_nb.engine.plan import Plan
from aitrain_nb.engine.portions import Portions
from aitrain_nb.engine.precision import emulated
from aitrain_nb.engine.preparing import prepare_sides
from aitrain_nb.engine.processes import processes_here
from aitrain_nb.engine.switches import switched
from aitrain_nb.engine.turn import Turn
from aitrain_nb.errors import ModelError, PhaseError
from aitrain_nb.history import History
from aitrain_nb.randomness import OwnRandom, draws_random_numbers
from aitrain_nb.records.base import fingerprint
from aitrain_nb.stories import About
from aitrain_nb.tasks import Task, find_task

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

    from aitrain_nb.config import TrainConfig
    from aitrain_nb.data import Dataset, Splits
    from aitrain_nb.records import Ending, StepRecords


class _StepStart(NamedTuple):
    """What a step that is dropped puts back."""

    cursor: Cursor
    random: Any
    buffers: dict[str, Tensor]
    ending: Ending | None


class TrainingState:
    """A model with everything that one training step needs. `Phases` adds the steps, `Trainer` the loop.

    Attributes:
        model: the module, trained in place.
        task: what differs between tasks.
        data: the raw examples.
        processor: what makes numbers of them and isn't part of the model, such as a tokenizer.
        prepared: "train", "validation" and "test", where the data have one -> the examples as model inputs.
        class_names: what the model chooses between.
        config: the config with every automatic value filled in.
        history: one row an optimizer step.
        run_id: 16 hexadecimal digits by which a folder knows this run again.
        notes: what to know about the data, how they became inputs and which weights are trained, a sentence each; `fit` says them first.
        is_loaded: whether it is a run from a folder, which has no optimizer and no place in the data to go on from.
        control: the levers of a run that is going on; any thread may move them.
        memory: the most memory that `fit` has taken: `memory.peak_bytes`.
        foreseen: an `Estimate` of the run, where one was asked for before it began; else None.
        threads: a `with` block in which torch uses as many processor threads as the config says.
        precision: how many bits the layers compute with.
        dropout: a `with` block in which dropout draws its masks as the config says.
        processes: those that train this run together; one, unless a launcher started more.
        plan: how long the run is, and the learning rate of each step.
        step: optimizer steps taken.
        optimizer: the torch optimizer.
        loss_options: what is minimised where it isn't plain cross-entropy.
        records: of the step that is being taken by hand; None in `fit`.
        snapshots: states of earlier steps, for `undo`.
        keeper: which weights the model holds: the best or the last.
    """

    foreseen: Any = None
    _rates_again: Mapping[int, float] = MappingProxyType({})
    """Rates of steps that are taken again: 1-based step -> the rate it had."""

    def __init__(
        self, model: nn.Module, task: Task | str, data: Splits, config: TrainConfig | None = None, processor: Any = None,
        prepared: dict[str, Dataset] | None = None,
    ) -> None:  # fmt: skip
        config = checked_arguments(model, data, config)
        self.task = find_task(task) if isinstance(task, str) else task
        self.processor = processor
        self.class_names = self.task.class_names(data, processor)
        self.task.check_config(config)
        self.prepared, self.data = prepare_sides(self.task, data, processor, config, prepared)
        prepared = self.prepared
        examples, lengths = len(prepared["train"]), lengths_of(prepared["train"])
        steps_per_epoch = DataOrder.of(config, examples, lengths).steps_per_epoch
        self.processes = processes_here(device.find_device(config.device).type, config)
        resolved = device.resolve(config, model, steps_per_epoch, **shape_of(prepared["train"]))
        self.order = DataOrder.of(resolved, examples, lengths)
        self.device = torch.device(resolved.device)
        self.model = model.to(self.device)
        freeze(model, config)
        self.precision, self.dropout, self._checkpointing, self._quick = switched(
            self.model, resolved, self.device.type
        )
        self._later: tuple[Tensor, ...] = ()
        self.begin_as(resolved)
        self.random = OwnRandom(config.seed, self.device)
        options = self.task.loss_options(config, prepared["train"].columns["labels"], len(self.class_names))
        weights = options.class_weights
        self.loss_options = options if weights is None else options._replace(class_weights=weights.to(self.device))
        self._portions, self._feed = self._fed_by(config)
        self._chance = self.random if draws_random_numbers(self.model) else nullcontext()
        self.threads = device.Threads(self.config.threads)
        self.memory = PeakMeter(self.device)
        self._reads_at_once = self.device.type == "cpu"  # elsewhere reading a number would make the device wait
        self._has_buffers = any(True for _ in self.model.buffers())
        self._trained = [weight for weight in self.model.parameters() if weight.requires_grad]

        self.run_id = secrets.token_hex(8)
        self.history = History()
        self.history.about = About.of(self)
        self.control = Control()
        of_task = self.task.notes(self.data.train, prepared["train"], processor, config)
        self.notes = [*self.data.notes, *of_task, *self.method_notes]
        self.is_loaded, self.step = False, 0
        self.records: StepRecords | None = None
        self.snapshots = snapshots.Ring(self.config.snapshot_memory_bytes)
        self.keeper = Keeper(self.model, enabled=self.config.keep == "best")
        self._reference: weakref.ref[Any] = weakref.ref(self)
        self._turn = Turn(self._reference)
        self._keeps_records = True  # fit keeps none
        self._start: _StepStart | None = None
        self._seconds = 0.0
        self._losses: list[Tensor] = []
        self._at_most: int | None = None  # examples at once in a step that is tried again after memory ran out
        self._evaluator = Evaluator(
            self.model, self.task, self.data, prepared, processor, self.config,
            device=self.device, random=self.random, threads=self.threads, processes=self.processes, precision=self.precision,
        )  # fmt: skip
        self._evaluator.check_model(self.class_names)

    def begin_as(self, config: TrainConfig) -> None:
        """Take a config before the first step: how long the run is, how fast each weight learns, and from when on.

        Raises:
            ConfigError, ModelError: the model can't be trained so.
        """
        self.plan = Plan.of(config, self.order.steps_per_epoch)
        for weight in self._later:  # they may wait since a step that was taken back
            weight.requires_grad_(True)
        self._later = weights_for_later(self.model, config)
        self.optimizer, self.config = build_optimizer(self.model, config), config
        self.precision.begin(self.optimizer)

    @property
    def method_notes(self) -> list[str]:
        """Which weights are trained, when, and how fast, and what slows that down, a sentence each; empty in the plain case."""
        imitated = emulated(self.config.precision, self.device.type)
        return [
            *told(self.model, self._trained, self._later, self.config, self.plan),
            *([imitated] if imitated else []),
        ]

    def _fed_by(self, config: TrainConfig) -> tuple[Portions, Feed]:
        """Which examples there are by turns, and what makes micro-batches of them."""
        train = self.prepared["train"]
        augment = None if config.augmentation == "none" else self._augment
        feed = Feed(self.task, train, self.order, self.processor, self.device, self.processes, augment)
        return Portions(self.data, train, self.task, self.processor, config), feed

    def _augment(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """A training batch changed at random, with the run's own random numbers."""
        with self.random:
            return self.task.augment(inputs, self.config)

    def exchange_weights(self, other: dict[int, nn.Parameter]) -> None:
        """Train other tensors in the place of the model's own ones: id of a weight -> the other one."""
        self._trained = [other[id(weight)] for weight in self._trained]
        self._later = tuple(other[id(weight)] for weight in self._later)

    def _step_start(self) -> _StepStart:
        buffers = snapshots.copy_buffers(self.model) if self._has_buffers else {}
        return _StepStart(self.order.cursor, self.random.state, buffers, self.ending if self.keeper.shown else None)

    def _drop_unfinished_step(self) -> None:
        """Put back what a step that didn't reach its update has moved: place in the data, random numbers, buffers."""
        if self._start is not None and self._turn.batch is not None:
            self.order.cursor, self.random.state = self._start.cursor, self._start.random
            snapshots.load_tensors(self.model, {}, self._start.buffers)
            self.optimizer.zero_grad(set_to_none=True)
            if self._start.ending is not None:  # the model held the best weights of a run that had ended
                self.keeper.show_best(self.step)
                self.ending = self._start.ending
        self._losses.clear()
        self.records = None
        self._turn.between_steps()

    def _check_trained_weights(self) -> None:
        """Raise ModelError where weights were unfrozen after the optimizer had been given those to train."""
        known = set(map(id, self._trained))
        names = [
            name for name, weight in self.model.named_parameters() if weight.requires_grad and id(weight) not in known
        ]
        if names:
            raise ModelError(
                "Some weights would not be trained.",
                f"They were unfrozen, or put into the model, after the trainer was made: {', '.join(names[:3])}"
                + (f" and {len(names) - 3} more." if len(names) > 3 else "."),
                "Make another trainer: ai.Trainer(model, task, data, config).",
            )

    def resume(self) -> None:
        """Put the last training weights back where the model holds the best ones; going on does it by itself."""
        self.keeper.show_last()
        self.ending = None

    @property
    def ending(self) -> Ending | None:
        """How the last run ended and which weights the model holds since; None while it trains."""
        return self.history.ending

    @ending.setter
    def ending(self, ending: Ending | None) -> None:
        self.history.ending = ending

    # the step under way

    @property
    def next_phase(self) -> str:
        """The phase that comes next: "tokenize", "forward", "loss", "backward" or "update"."""
        return self._turn.phase

    @property
    def next_call(self) -> str:
        """The call that comes next, as code."""
        return self._turn.call()

    @property
    def next_part(self) -> int:
        """0-based micro-batch that the next phase works on."""
        return self._turn.part

    @property
    def next_argument(self) -> tuple[Any, ...]:
        """What the next phase takes: nothing, a micro-batch, or the record of the phase before; of a step by hand."""
        return self._turn.argument(self.records)

    @property
    def is_updating(self) -> bool:
        """Whether the optimizer is writing weights at this moment."""
        return self._turn.updating

    @property
    def inspector(self) -> Inspector:
        """Answers a question that a record asks; until it is answered, the trainer lives."""
        return Inspector(self)

    @property
    def is_in_step(self) -> bool:
        """Whether a step has begun and its update is still to come."""
        return self._turn.batch is not None

    # time

    def learning_rate(self, step: int) -> float:
        """Learning rate of the optimizer step that follows `step` steps, live changes of its peak included."""
        if step + 1 in self._rates_again:
            return self._rates_again[step + 1]
        if not self.history.changes:
            return self.plan.learning_rate(step)
        peak = self.history.changed("learning_rate", step + 1)
        return (self.plan if peak is None else self.plan._replace(peak=peak, head_rate=peak)).learning_rate(step)

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
        self.processes.check_whole()
        return fingerprint(self.model.named_parameters())

    def snapshot(self) -> snapshots.State:
        """Copy the whole state between two steps, and keep the copy in the ring for `undo`.

        Raises:
            PhaseError: a step is under way.
        """
        if self._turn.batch is not None and not self._turn.batch.is_own:
            raise PhaseError(
                "A snapshot is taken between two steps.", self._turn.where(), "Finish the step, or drop it with undo()."
            )
        self.resume()
        return self._snapshot()

    def _snapshot(self) -> snapshots.State:
        state = snapshots.take(self.step, self.order.cursor, self.model, self.optimizer, self.random, self.keeper.best)
        self.snapshots.add(state)
        return state

    def training_state(self) -> snapshots.State:
        """What training goes on from, at the edge of the last whole step; nothing is copied, so it holds only until something moves.

        While processes hold shards of the weights, all of them have to call this, and the first one is given the whole.
        """
        weights, buffers = self.keeper.last
        cursor, random = self.order.cursor, self.random.state
        if self._start is not None and self._turn.batch is not None:  # a step is under way; it isn't part of it
            cursor, random, buffers = self._start.cursor, self._start.random, self._start.buffers or buffers
        optimizer = self.optimizer.state_dict()
        return self.processes.whole(
            snapshots.State(self.step, cursor, weights, buffers, optimizer, random, self.keeper.best)
        )

    def restore(self, state: snapshots.State) -> None:
        """Go to this state, bit for bit; rows of later steps leave the history.

        Raises:
            KeyError, ValueError, RuntimeError: it is the state of another model or optimizer.
        """
        self.resume()
        snapshots.load(state, self.model, self.optimizer, self.random)
        self.step, self.order.cursor, self.keeper.best = state.step, state.cursor, state.kept
        self.history.cut(state.step)
        self.records = None
        self._turn.between_steps()
