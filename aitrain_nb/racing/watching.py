"""One training step, looked into while it is taken: the memory it asks for, the kernels that run, the precision of each layer."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch.utils._pytree import tree_leaves

from aitrain_nb.costs.tracing import Follower

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from torch import Tensor, nn

    from aitrain_nb.trainer import Trainer

_ATTENTION = {
    "_flash_attention_for_cpu": "flash, on a processor", "_flash_attention": "flash", "_efficient_attention": "memory-efficient",
    "_cudnn_attention": "cuDNN",
}  # fmt: skip
"""What the name of a kernel of torch's scaled_dot_product_attention ends with -> how it is called."""
_BY_STEPS = "matmul, softmax, matmul"


class Look(NamedTuple):
    """What one step showed.

    Attributes:
        loss: of its batch, nats.
        gradients: weight name -> float32 on the CPU, as the optimizer gets them.
        examples: of the batch, [B] int64 positions in the training data.
        peak_bytes: weights, buffers, the optimizer's state, and the most that the step had besides at one moment.
        attention: how attention was computed; empty where there is none.
        optimizer: "fused", "for each" (all weights in a few calls) or "one by one".
        dtypes: module name -> the kind of number that it gave, such as "float32"; modules without children.
    """

    loss: float
    gradients: dict[str, Tensor]
    examples: Tensor
    peak_bytes: int
    attention: str
    optimizer: str
    dtypes: dict[str, str]


class _Watch(Follower):
    """Real tensors are followed: which storages come and go, and which kernels run."""

    def __init__(self) -> None:
        super().__init__()
        self.kernels: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None) -> Any:
        del types
        out = func(*args, **(kwargs or {}))
        self.kernels.add(func._overloadpacket.__name__)
        if not func.is_view:
            for leaf in tree_leaves(out):
                if isinstance(leaf, torch.Tensor):
                    self.note(leaf)
        return out

    @property
    def peak_bytes(self) -> int:
        """The highest sum of what lived at once."""
        events, sizes = np.array(self.events, dtype=np.int64), np.array(self.sizes, dtype=np.int64)
        return int((np.sign(events) * sizes[np.abs(events) - 1]).cumsum().max(initial=0))


def look_into_step(trainer: Trainer) -> Look:
    """Take the next step of a trainer, and look into it. It is slower than a step that nobody watches."""
    watch = _Watch()
    dtypes: dict[str, str] = {}
    state = [
        value for held in trainer.optimizer.state.values() for value in held.values() if isinstance(value, torch.Tensor)
    ]
    held = [*trainer.model.parameters(), *trainer.model.buffers(), *state]
    on_card = trainer.device.type == "cuda"
    if on_card:
        torch.cuda.reset_peak_memory_stats()
    watch.known(held)
    with ExitStack() as hooks:
        for name, module in trainer.model.named_modules() if not trainer.config.compile else ():
            if not any(True for _ in module.children()):
                hooks.callback(module.register_forward_hook(_noted(name, dtypes)).remove)
        with watch:
            batch = trainer.tokenize()
            for part in batch.parts:
                gradients = trainer.backward(trainer.loss(trainer.forward(part)))
        found = {
            name: weight.grad.to("cpu", torch.float32, copy=True)
            for name, weight in trainer.model.named_parameters() if weight.grad is not None
        }  # fmt: skip
        with watch:
            trainer.update(gradients)
    peak = torch.cuda.max_memory_allocated() if on_card else _bytes_of(held) + watch.peak_bytes
    assert batch.indices is not None
    loss = trainer.history.last["loss"]
    return Look(loss, found, batch.indices, peak, _attention(watch.kernels), _optimizer(watch.kernels), dtypes)


def _noted(name: str, dtypes: dict[str, str]) -> Callable[..., None]:
    def note(_module: nn.Module, _given: Any, out: Any) -> None:
        first = next((leaf for leaf in tree_leaves(out) if isinstance(leaf, torch.Tensor)), None)
        if first is not None:
            dtypes[name] = str(first.dtype).removeprefix("torch.")

    return note


def _attention(kernels: Collection[str]) -> str:
    for name in kernels:
        if name.startswith("_scaled_dot_product") and not name.endswith("backward"):
            return next(
                (words for end, words in _ATTENTION.items() if name.endswith(end)), name.strip("_").replace("_", " ")
            )
    softmax = {"_softmax", "_safe_softmax"} & set(kernels)
    return _BY_STEPS if softmax and {"bmm", "baddbmm"} & set(kernels) else ""


def _optimizer(kernels: Collection[str]) -> str:
    if any(name.startswith("_fused_") and not name.endswith("backward") for name in kernels):
        return "fused"
    return "for each" if any(name.startswith("_foreach_addc") for name in kernels) else "one by one"


def _bytes_of(tensors: Collection[Tensor]) -> int:
    """Of their storages, each once."""
    return sum({one.untyped_storage()._cdata: one.untyped_storage().nbytes() for one in tensors}.values())
