"""One run in one process, or in several that share each batch: who has which examples, and what all of them do next.

`accelerate launch -m aitrain_nb train run.yaml` (or torchrun) starts the processes. The batch of the config is that of all processes
together, so that the same config gives the same run however many there are: each takes its share of every micro-batch, divides its loss
by the targets of the whole step, and the gradients are added up (torch's DistributedDataParallel). Only the first one shows, writes and is
steered; at each step's edge all agree on what comes next.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, nullcontext
from copy import copy
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.parallel import DistributedDataParallel

from aitrain_nb.engine import sharding
from aitrain_nb.engine.graph import leaves_of
from aitrain_nb.engine.modes import evaluation_mode
from aitrain_nb.errors import ConfigError, OutOfMemoryError, PhaseError, ProcessError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from torch import Tensor, nn

    from aitrain_nb.config import TrainConfig
    from aitrain_nb.engine.snapshots import State
    from aitrain_nb.tasks import Task

_ALONE = nullcontext()
ACTIONS = ("stop", "end", "evaluate", "save", "step")
"""What a run does next at a step's edge."""
_WAIT_DAYS = 7
"""How long the others wait for one that is paused; one that has died is noticed at once."""
_LOST = ("connection", "peer", "gloo", "nccl", "socket", "store", "timed out")
"""Words of torch's errors where another process is gone."""
_OF_MPI = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE")
"""Variables in which mpirun says how many processes it started."""
_REFUSED = {
    "ACCELERATE_USE_DEEPSPEED": (
        "DeepSpeed can't train through inspectable calls.",
        "Its engine takes forward, backward and update out of the loop's hands.",
        "Choose multi-GPU (DDP), or FSDP 2 where memory is short, in `accelerate config`.",
    ),
    "ACCELERATE_USE_MEGATRON_LM": (
        "Megatron-LM can't train through inspectable calls.",
        "Its engine takes forward, backward and update out of the loop's hands.",
        "Choose multi-GPU (DDP), or FSDP 2 where memory is short, in `accelerate config`.",
    ),
}  # fmt: skip


class OneProcess:
    """The usual case: all examples are this process's own, and nobody has to agree.

    Attributes:
        rank: 0-based number of this process.
        count: of the processes that train together.
        shares_weights: whether each holds only a shard of them while it trains.
        holds_shards: whether each holds only a shard of the weights just now.
        has_lost_shards: whether a run ended before they could be gathered; the newest checkpoint has them.
    """

    rank, count = 0, 1
    holds_shards = has_lost_shards = shares_weights = False

    @property
    def is_first(self) -> bool:
        """Whether this process shows, writes and is steered."""
        return self.rank == 0

    def share(self, places: Tensor) -> Tensor:
        """Those of these places [n] that are this process's own; may be empty."""
        return places

    def total(self, number: int) -> int:
        """The sum of every process's number."""
        return number

    def totals(self, values: list[Tensor]) -> list[Tensor]:
        """Every process's scalars added up, one by one."""
        return values

    def gathered(self, thing: Any) -> list[Any]:
        """Every process's thing, in their order; the same list for each."""
        return [thing]

    def agreed(self, action: str, changes: Sequence[Any]) -> tuple[str, Sequence[Any]]:
        """What all processes do next (one of `ACTIONS`), and the first one's changes; anybody's "stop" goes for all."""
        return action, changes

    def outputs(self, task: Task, model: nn.Module, inputs: dict[str, Tensor], *, is_last: bool) -> Tensor:
        """The model's logits in training; after the last micro-batch of a step its gradients are those of all processes."""
        del is_last
        return task.outputs(model, inputs)

    def scaled(self, objective: Tensor) -> Tensor:
        """The objective whose gradient, as `outputs` joins it, is that of the whole step."""
        return objective

    def together(self) -> AbstractContextManager[None]:
        """Inside, an error that comes from the loss of another process is said as that; raises ProcessError."""
        return _ALONE

    def check_memory(self, error: Exception) -> None:
        """Raise OutOfMemoryError where a step can't be taken again with fewer examples at once, since the others wait in it."""

    def check_whole(self) -> None:
        """Raise where this process has no whole weights to look at.

        Raises:
            PhaseError: they are in shards just now.
            ProcessError: they were when another process was lost.
        """

    def sharing(self, trainer: Any) -> AbstractContextManager[None]:
        """Inside, the processes share the memory of the trainer's weights, where that was asked for; all of them call it."""
        del trainer
        return _ALONE

    def whole(self, state: State) -> State:
        """The state with whole weights, for the first process; all of them call it."""
        return state


class ManyProcesses(OneProcess):
    """Several processes, each with the whole model and its share of every batch.

    Args:
        kind: of the device of each, "cpu" or "cuda".

    Raises:
        ConfigError: accelerate isn't installed, or was told to use an engine that has a loop of its own.
    """

    def __init__(self, kind: str) -> None:
        for variable, words in _REFUSED.items():
            if os.environ.get(variable, "").lower() == "true":
                raise ConfigError(*words)
        try:
            from accelerate import PartialState
        except ImportError as error:
            raise ConfigError(
                "Training in several processes needs the package accelerate.", str(error), "pip install 'aitrain-nb[trainer]'"
            ) from error  # fmt: skip
        state = PartialState(cpu=kind == "cpu")
        self.rank, self.count = state.process_index, state.num_processes
        # what is agreed on goes through processors, so that no graphics card has to wait for it
        self._group = torch.distributed.new_group(backend="gloo", timeout=timedelta(days=_WAIT_DAYS))
        self._wrapped: tuple[tuple[int, ...], DistributedDataParallel] | None = None

    def share(self, places: Tensor) -> Tensor:
        """Those of these places [n] that are this process's own; may be empty."""
        return places.tensor_split(self.count)[self.rank]

    def total(self, number: int) -> int:
        """The sum of every process's number."""
        return int(self._reduced(torch.tensor(number)))

    def totals(self, values: list[Tensor]) -> list[Tensor]:
        """Every process's scalars added up, one by one."""
        device = values[0].device
        return list(self._reduced(torch.stack(values).double().cpu()).to(device, values[0].dtype))

    def gathered(self, thing: Any) -> list[Any]:
        """Every process's thing, in their order; the same list for each."""
        found: list[Any] = [None] * self.count
        with self.together():
            torch.distributed.all_gather_object(found, thing, group=self._group)
        return found

    def agreed(self, action: str, changes: Sequence[Any]) -> tuple[str, Sequence[Any]]:
        """What all processes do next (one of `ACTIONS`), and the first one's changes; anybody's "stop" goes for all."""
        wishes = [ACTIONS.index(action), len(changes)] if self.is_first else [0, 0]
        mine = torch.tensor([int(action == "stop"), *wishes])
        stops, first, number = self._reduced(mine, torch.distributed.ReduceOp.MAX).tolist()
        if number:
            changes = self.gathered(list(changes))[0]
        return ("stop" if stops else ACTIONS[first]), changes if number else ()

    def outputs(self, task: Task, model: nn.Module, inputs: dict[str, Tensor], *, is_last: bool) -> Tensor:
        """The model's logits in training; after the last micro-batch of a step its gradients are those of all processes."""
        trained = (id(model), *(id(weight) for weight in model.parameters() if weight.requires_grad))
        if self._wrapped is None or self._wrapped[0] != trained:
            self._wrapped = trained, self._join(task, model, inputs)
        self._wrapped[1].require_backward_grad_sync = is_last
        with self.together():
            return task.outputs(self._wrapped[1], inputs)

    def _join(self, task: Task, model: nn.Module, inputs: dict[str, Tensor]) -> DistributedDataParallel:
        device = next(model.parameters()).device
        with evaluation_mode(model), torch.enable_grad():
            used = leaves_of(task.outputs(model, inputs))
        has_unused = any(id(weight) not in used for weight in model.parameters() if weight.requires_grad)
        with self.together():
            return DistributedDataParallel(
                model, device_ids=[device] if device.type != "cpu" else None, find_unused_parameters=has_unused
            )

    def scaled(self, objective: Tensor) -> Tensor:
        """The objective whose gradient, as `outputs` joins it, is that of the whole step."""
        return objective * self.count  # DistributedDataParallel takes the mean

    @contextmanager
    def together(self) -> Iterator[None]:
        """Inside, an error that comes from the loss of another process is said as that; raises ProcessError."""
        try:
            yield
        except (RuntimeError, ConnectionError) as error:
            if not any(word in str(error).lower() for word in _LOST):
                raise
            raise ProcessError(
                "Another process of this run has ended.",
                f"Each of the {self.count} holds a share of every batch, so no step is whole without it.",
                "See its own words above, then go on from the newest checkpoint: accelerate launch -m aitrain_nb resume FOLDER.",
            ) from error

    def check_memory(self, error: Exception) -> None:
        """Raise OutOfMemoryError where a step can't be taken again with fewer examples at once, since the others wait in it."""
        raise OutOfMemoryError(
            f"Memory ran out in process {self.rank + 1} of {self.count}.",
            f"The others wait in the same step, so it can't be taken again in smaller pieces. {str(error).splitlines()[0]}",
            "Lower batch_size and raise gradient_accumulation_steps by as much: the run stays the same.",
        ) from error

    def _reduced(self, tensor: Tensor, how: Any = torch.distributed.ReduceOp.SUM) -> Tensor:
        with self.together():
            torch.distributed.all_reduce(tensor, how, group=self._group)
        return tensor


class ShardedProcesses(ManyProcesses):
    """Several processes, each with a shard of the model while `fit` trains (FSDP2), and its share of every batch.

    Args:
        kind: of the device of each, "cpu" or "cuda".

    Raises:
        ConfigError: accelerate isn't installed, or was told of FSDP what isn't supported.
    """

    shares_weights = True

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self._settings = sharding.asked_settings()
        self._mesh = torch.distributed.init_device_mesh(kind, (self.count,))
        self._sharded: sharding.ShardedModel | None = None

    def check_whole(self) -> None:
        """Raise where this process has no whole weights to look at; raises PhaseError, ProcessError."""
        if self.has_lost_shards:
            raise ProcessError(
                "The weights of this trainer are lost.", "Its last run ended before their shards could be gathered.",
                "Go on from the newest checkpoint: accelerate launch -m aitrain_nb resume FOLDER.",
            )  # fmt: skip
        if self.holds_shards:
            raise PhaseError(
                "The weights are in shards while fit trains.", "Each process holds one; the others would have to help.",
                "Ask when fit has ended; what the run evaluates by itself is in trainer.history.",
            )  # fmt: skip

    @contextmanager
    def sharing(self, trainer: Any) -> Iterator[None]:
        """Inside, the processes share the memory of the trainer's weights, where that was asked for; all of them call it."""
        try:
            self._sharded = self._sharded or sharding.ShardedModel(trainer.model, self._settings, self._mesh)
            self._sharded.scatter(trainer)
            self.holds_shards = True
            yield
            with self.together():
                self._sharded.gather(trainer)
        except BaseException:  # the others may be anywhere, or gone: nothing can be gathered
            self.has_lost_shards = True
            raise
        self.holds_shards = False

    def whole(self, state: State) -> State:
        """The state with whole weights, for the first process; all of them call it."""
        if not self.holds_shards:
            return state
        if self.has_lost_shards:
            self.check_whole()
        with self.together():
            return sharding.whole_state(state, keep=self.is_first)

    def outputs(self, task: Task, model: Any, inputs: dict[str, Tensor], *, is_last: bool) -> Tensor:
        """The model's logits in training; the gradients of each micro-batch are those of all processes."""
        del is_last
        if not self.holds_shards:
            raise PhaseError(
                "With FSDP only fit takes steps.", "Weights are in shards while it does, and whole before and after.",
                "Call fit(), or choose multi-GPU (DDP) in `accelerate config`.",
            )  # fmt: skip
        with self.together():
            for buffer in model.buffers():  # running means are those of the first, as with DistributedDataParallel
                torch.distributed.broadcast(buffer, 0)
            model.set_reshard_after_forward(self._settings.reshards)
            given = task.outputs(model, inputs)
            model.set_reshard_after_forward(True)  # an evaluation has no way back that would drop them
        return given


_joined: list[ManyProcesses] = []
"""The processes that this one was started with, once it has met them."""


def _check_not_lonely() -> None:
    """Raise ConfigError where mpirun started several processes, which would not know of each other: each would train alone."""
    for variable in _OF_MPI:
        if "WORLD_SIZE" not in os.environ and int(os.environ.get(variable, "1")) > 1:
            raise ConfigError(
                f"mpirun started {os.environ[variable]} processes that don't know of each other.",
                f"It sets {variable}, and no WORLD_SIZE: each would train the whole run alone.",
                "Start them so: accelerate launch -m aitrain_nb train run.yaml. Or with torchrun.",
            )  # fmt: skip


def processes_here(kind: str, config: TrainConfig) -> OneProcess:
    """The processes that this one was started to train with: by itself, unless a launcher says otherwise.

    Args:
        kind: of the device that is trained on, such as "cpu" or "cuda".
        config: of the run.

    Raises:
        ConfigError: they can't train together, or not such a run.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) <= 1:
        _check_not_lonely()
        return OneProcess()
    is_sharded = os.environ.get("ACCELERATE_USE_FSDP", "").lower() == "true"
    if is_sharded:
        sharding.check_shardable(config)
    if not _joined:
        _joined.append(ShardedProcesses(kind) if is_sharded else ManyProcesses(kind))
    return copy(_joined[0])  # each run wraps a model of its own
