"""Fully sharded data parallelism (torch's FSDP2): while a run trains, each process holds a shard of every weight and of what belongs to it.

Zhao et al., PyTorch FSDP: Experiences on Scaling Fully Sharded Data Parallel (2023). Before the run and after it each process holds the
whole model, so whatever looks at a model, or writes it, needs not know: weights are scattered when `fit` begins and gathered at its end.
"""

from __future__ import annotations

import copy
import os
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from aitrain_nb.engine.snapshots import State, lay_out, mapped
from aitrain_nb.errors import ConfigError
from aitrain_nb.models.parts import block_names

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor, nn
    from torch.distributed.device_mesh import DeviceMesh

    from aitrain_nb.config import TrainConfig

_OF_FSDP = ("_parameters", "hook", "fsdp", "composable")
"""In the names of what FSDP changes of a module."""
_UNSUPPORTED = {
    "FSDP_OFFLOAD_PARAMS": "Weights that lie in the processor's memory aren't supported: leave offloading off.",
    "FSDP_ACTIVATION_CHECKPOINTING": "Say gradient_checkpointing=True in the config of the run instead.",
    "ACCELERATE_USE_PARALLELISM_CONFIG": "Weights are shared out among all processes; leave the parallelism config off.",
}
"""Variable that accelerate sets -> what to do instead."""


class Settings(NamedTuple):
    """What accelerate was told about FSDP2.

    Attributes:
        plugin: accelerate's own reading of it: which modules are gathered at once.
        reshards: whether whole weights are dropped between forward and backward, and gathered once more.
    """

    plugin: Any
    reshards: bool


def asked_settings() -> Settings:
    """Read the variables that `accelerate launch --use_fsdp` sets.

    Raises:
        ConfigError: what they ask for isn't supported.
    """
    version = os.environ.get("FSDP_VERSION", "1")
    if version != "2":
        raise ConfigError(
            f"FSDP version {version} isn't supported.", "Its flat weights can't be told apart by their names; version 2 keeps them.",
            "Choose version 2 in `accelerate config`: accelerate launch --use_fsdp --fsdp_version 2.",
        )  # fmt: skip
    for variable, instead in _UNSUPPORTED.items():
        if os.environ.get(variable, "").lower() == "true":
            raise ConfigError(f"{variable} isn't supported.", "Accelerate's config sets it.", instead)
    if os.environ.get("FSDP_IGNORED_MODULES"):
        raise ConfigError(
            "FSDP_IGNORED_MODULES isn't supported.", "Accelerate's config sets it.", "Leave no module out."
        )
    from accelerate.utils import FullyShardedDataParallelPlugin

    try:
        plugin = FullyShardedDataParallelPlugin()
    except (ValueError, KeyError) as error:
        raise ConfigError(
            "Accelerate can't read its own FSDP settings.", str(error), "Run `accelerate config`."
        ) from error
    os.environ["FSDP_CPU_RAM_EFFICIENT_LOADING"] = "false"  # each process cuts its shard out of a whole model
    return Settings(plugin, bool(plugin.reshard_after_forward))


def check_shardable(config: TrainConfig) -> None:
    """Raise ConfigError where a run asks for what needs whole weights in every step."""
    needs = {
        "compile": "Compiled code isn't supported while weights are in shards.",
        "snapshot_every": "Snapshots in a run need whole weights.",
        "inspect_every": "How far weights move is measured on whole ones.",
    }
    for name, why in needs.items():
        if getattr(config, name):
            raise ConfigError(f"{name} doesn't go with FSDP.", why, f"Leave {name} off, or choose multi-GPU (DDP).")


class _Form(NamedTuple):
    """What of a module is another when its weights are in shards."""

    kind: type[nn.Module]
    parts: dict[str, Any]


class ShardedModel:
    """A model of which each process holds a shard from `scatter` to `gather`; all of them call both.

    The modules stay the same objects. FSDP changes their class, their weights and their hooks: both forms are kept, and exchanged.

    Args:
        model: whole, and the same in each process.
        settings: what is gathered at once, and how often.
        mesh: of all processes.

    Raises:
        ConfigError: the settings don't fit the model.
    """

    def __init__(self, model: nn.Module, settings: Settings, mesh: DeviceMesh) -> None:
        self._model = model
        whole, plain = dict(model.named_parameters()), _forms(model)
        self._strides = [weight.stride() for weight in whole.values()]
        for weight in whole.values():
            weight.data = weight.data.contiguous()  # FSDP takes no other layout
        _fully_shard(model, settings.plugin, mesh)
        self._sharded = _forms(model)
        self._pairs: list[tuple[nn.Parameter, Any]] = [(whole[name], shard) for name, shard in model.named_parameters()]
        _take(model, plain)

    @torch.no_grad()
    def scatter(self, trainer: Any) -> None:
        """Leave each process its shard of the weights and of what the trainer keeps for each of them."""
        for group in trainer.optimizer.param_groups if isinstance(trainer.optimizer, torch.optim.SGD) else ():
            group["fused"] = False  # torch 2.13 has that kernel for whole weights only
        self._plain = _forms(self._model)
        _take(self._model, self._sharded)
        for whole, shard in self._pairs:
            whole.grad = None
            shard.requires_grad_(whole.requires_grad)
            shard.to_local().copy_(_shard_of(whole.data, shard).to_local())
            whole.data = whole.new_empty(0)
        _carry(
            trainer, self._pairs, lambda shard, value: _shard_of(value, shard) if value.shape == shard.shape else value
        )

    @torch.no_grad()
    def gather(self, trainer: Any) -> None:
        """Give each process the whole weights; what the trainer keeps for each of them comes into the processor's memory."""
        for (whole, shard), stride in zip(self._pairs, self._strides, strict=True):
            whole.data = _laid_out(_full(shard.detach()), stride)
            whole.requires_grad_(shard.requires_grad)
            shard.grad = None
        self._sharded = _forms(self._model)
        _take(self._model, self._plain)
        _carry(trainer, [(shard, whole) for whole, shard in self._pairs], lambda _, value: _whole(value))
        lay_out(trainer.optimizer)


def whole_state(state: State, *, keep: bool) -> State:
    """A state whose tensors are whole, in the processor's memory; every process calls it.

    Args:
        state: with shards.
        keep: whether this process wants it; else it only gives its shards.
    """

    def joined(value: Tensor) -> Tensor:
        whole = _whole(value)
        return whole if keep else whole.new_empty(0)

    kept = state.kept._replace(weights=mapped(state.kept.weights, joined)) if state.kept is not None else None
    weights, optimizer = mapped(state.weights, joined), mapped(state.optimizer, joined)
    return replace(state, weights=weights, optimizer=optimizer, kept=kept)


def _whole(value: Any) -> Any:
    return _full(value).cpu() if hasattr(value, "full_tensor") else value


def _full(shard: Any) -> Any:
    """The whole tensor, without the padding that its shards came with; every process calls it."""
    full = shard.full_tensor()
    return full if full.untyped_storage().nbytes() == full.nbytes else full.clone()


def _laid_out(value: Tensor, stride: tuple[int, ...]) -> Tensor:
    return (
        value
        if value.stride() == stride
        else torch.empty_strided(value.shape, stride, dtype=value.dtype, device=value.device).copy_(value)
    )


def _shard_of(value: Tensor, like: Any) -> Any:
    """This process's shard of a tensor that every process has."""
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(value.to(like.device).contiguous(), like.device_mesh, like.placements, src_data_rank=None)


def _carry(trainer: Any, pairs: Sequence[tuple[Any, Any]], change: Callable[[Any, Any], Any]) -> None:
    """Put other weights in the place of those that the trainer trains, and change the tensors that it keeps for each.

    Args:
        trainer: whose optimizer and best weights they are.
        pairs: (weight, the other one).
        change: takes the other weight and such a tensor.
    """
    other = {id(one): another for one, another in pairs}
    trainer.exchange_weights(other)
    optimizer = trainer.optimizer
    for group in optimizer.param_groups:
        group["params"] = [other[id(weight)] for weight in group["params"]]
    before = list(optimizer.state.items())
    optimizer.state.clear()
    for weight, values in before:
        another = other[id(weight)]
        optimizer.state[another] = mapped(values, partial(change, another))
    named = dict(trainer.model.named_parameters())
    trainer.keeper.change(lambda weights: {name: change(named[name], value) for name, value in weights.items()})


def _fully_shard(model: nn.Module, plugin: Any, mesh: DeviceMesh) -> None:
    """Shard a model in place: the modules that accelerate's policy names by themselves, what is left as one.

    Where the policy asks for the blocks and neither it nor the model names their class, they are the longest list of like layers.
    """
    from accelerate.utils.fsdp_utils import fsdp2_prepare_auto_wrap_policy
    from torch.distributed.fsdp import fully_shard
    from torch.distributed.fsdp.wrap import transformer_auto_wrap_policy

    try:
        alone = fsdp2_prepare_auto_wrap_policy(plugin, model)
        within = [module for module in model.modules() if module is not model and alone is not None and alone(module)]
        if not within and plugin.auto_wrap_policy is transformer_auto_wrap_policy:
            within = [model.get_submodule(name) for name in block_names(model)]
        for module in (*reversed(within), model):
            fully_shard(module, mesh=mesh, reshard_after_forward=True)
    except (ValueError, NotImplementedError) as error:
        raise ConfigError(
            "FSDP can't shard this model.", str(error).split("\n", maxsplit=1)[0],
            "Choose another auto wrap policy in `accelerate config`, such as NO_WRAP, or multi-GPU (DDP).",
        ) from error  # fmt: skip


def _forms(model: nn.Module) -> list[_Form]:
    """What FSDP changes of each module, as it is now."""
    return [
        _Form(
            type(module),
            {
                name: copy.copy(value) if isinstance(value, dict) else value
                for name, value in vars(module).items()
                if any(word in name for word in _OF_FSDP)
            },
        )
        for module in model.modules()
    ]


def _take(model: nn.Module, forms: Sequence[_Form]) -> None:
    """Give each module its other form."""
    for module, form in zip(model.modules(), forms, strict=True):
        own = vars(module)
        for name in [name for name in own if any(word in name for word in _OF_FSDP)]:
            del own[name]
        own.update(form.parts)
        module.__class__ = form.kind
