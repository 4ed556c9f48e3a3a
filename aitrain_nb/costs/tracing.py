"""The memory and the arithmetic of one training step, followed tensor by tensor without a number being computed.

The model's own code runs on tensors that have a shape, a kind and a device and no numbers (torch's fake tensors), through forward, loss
and backward. Each storage that comes and goes is written down, as an allocator would: the highest sum of what lives at once is the peak.
It is exact about what torch is asked for, and knows nothing of what a kernel takes inside itself.

The batch has a prime number of examples that divides no other size: a storage whose bytes it divides grows with the batch, all others
don't. So one step followed tells the memory of every batch size.
"""

from __future__ import annotations

import copy
import weakref
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry, sdpa_backward_flop_count, sdpa_flop_count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager

    from torch import Tensor

_PRIMES = (1009, 1013, 1019, 1021, 1031, 1033, 1039, 1049)
"""Numbers of examples in a batch that is only followed; the first that divides no size of the model is taken."""
_HIDDEN = {"aten.bernoulli_.float": 4}
"""Kernel -> bytes an element that it takes inside itself on a processor: torch draws whole numbers of 32 bits first."""


_ELEMENTWISE = {"bernoulli_": "drawn", "native_dropout": "drawn"} | dict.fromkeys(
    ("_softmax", "_log_softmax", "_softmax_backward_data", "_log_softmax_backward_data", "native_layer_norm",
     "native_layer_norm_backward", "gelu", "gelu_backward", "silu", "silu_backward", "sigmoid", "exp", "log", "erf", "tanh", "pow",
     "rsqrt"),
    "curved",
)  # fmt: skip
"""Operations that compute longer at each number than it takes to read and to write it, and which kind of work that is: a random number,
a function such as exp; GELU by tanh is a third kind, "bent", and takes longest of all functions."""


@dataclass(frozen=True, eq=False, repr=False)
class Step:
    """What one step asks of memory and of arithmetic, for any number of examples.

    Attributes:
        fixed: [n] bytes of each storage that don't depend on the batch.
        each: [n] bytes of each storage for each example.
        kept: [n] whether the storage was made in the forward pass and lives at its end: for the backward pass.
        is_gradient: [n] whether it ends as the gradient of a weight.
        events: [m] storage + 1 where it comes, -(storage + 1) where it goes.
        turn: how many of the events are of the forward pass and the loss.
        flops: floating-point operations in matrix products, for each example.
        moved: bytes that all other operations read and write, for each example.
        numbers: kind of work ("drawn", "curved" or "bent", see `_ELEMENTWISE`) -> how many numbers take it, for each example.
        operations: how many operations there are.
        places: [k] how many events there are before each operation, views among them.
        recorded: [k] whether autograd is told of it: in the forward pass, and where that is done once more.
        without_gradient: names of trained weights that get none.
    """

    fixed: np.ndarray
    each: np.ndarray
    kept: np.ndarray
    is_gradient: np.ndarray
    events: np.ndarray
    turn: int
    flops: float
    moved: float
    numbers: dict[str, float]
    operations: int
    places: np.ndarray
    recorded: np.ndarray
    without_gradient: tuple[str, ...] = ()

    def peak(self, examples: int, before: int = 0) -> tuple[int, int]:
        """Bytes of the highest sum of storages that live at once, and after which event.

        Args:
            examples: in the micro-batch.
            before: bytes of gradients that live from the step before until the backward pass.
        """
        sums = self._signed(self.fixed + self.each * examples).cumsum()
        sums[: self.turn] += before
        place = int(sums.argmax())
        return int(sums[place]), place

    def _signed(self, sizes: np.ndarray) -> np.ndarray:
        moved: np.ndarray = np.sign(self.events) * sizes[np.abs(self.events) - 1]
        return moved

    def parts(self, examples: int, place: int) -> dict[str, int]:
        """The bytes that live after this event: of gradients, activations, and the rest."""
        sizes = self.fixed + self.each * examples
        chosen = {
            "gradients": self.is_gradient,
            "activations": self.kept & ~self.is_gradient,
            "rest": ~self.kept & ~self.is_gradient,
        }
        return {name: int(self._signed(sizes * which)[: place + 1].sum()) for name, which in chosen.items()}

    @property
    def activations_each(self) -> int:
        """Bytes that are kept for the backward pass, for each example."""
        return int(self.each[self.kept].sum())


class Follower(TorchDispatchMode):
    """Writes down which storages come and go, and what is computed."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []
        self.events: list[int] = []
        self.flops = 0
        self.moved = 0
        self.numbers: Counter[str] = Counter()
        self.operations = 0
        self.places: list[int] = []
        self.recorded: list[bool] = []
        self._alive: dict[int, tuple[int, weakref.ref[Any]]] = {}

    def known(self, tensors: Iterable[Tensor]) -> None:
        """Storages that were there before: they are not counted."""
        for tensor in tensors:
            self.note(tensor, counted=False)

    def number_of(self, tensor: Tensor) -> int | None:
        """The number of a tensor's storage; None where it isn't counted."""
        found = self._alive.get(tensor.untyped_storage()._cdata)
        return None if found is None or found[0] < 0 else found[0]

    def alive(self) -> list[int]:
        """The numbers of the storages that live now."""
        return [number for number, _ in self._alive.values() if number >= 0]

    def note(self, tensor: Tensor, *, counted: bool = True) -> None:
        """Write down a tensor's storage where it is new, and when it goes."""
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self._alive:
            return
        number = len(self.sizes) if counted else -1
        if counted:
            self.sizes.append(storage.nbytes())
            self.events.append(number + 1)

        def gone(_: Any) -> None:
            self._alive.pop(key, None)
            if counted:
                self.events.append(-(number + 1))

        self._alive[key] = number, weakref.ref(storage, gone)

    def _inside(self, size: int) -> None:
        """Memory that a kernel takes and gives back inside itself."""
        self.sizes.append(size)
        self.events += [len(self.sizes), -len(self.sizes)]

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None) -> Any:
        if func is torch.ops.prim.device.default:
            return args[0].fake_device
        if func in (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.is_nonzero.default):
            return False  # whether a mask hides nothing, for one: it hides something
        out = func(*args, **(kwargs or {}))
        self.places.append(len(self.events))
        self.recorded.append(torch.is_grad_enabled())
        if func.is_view:
            return out
        tensors = [leaf for leaf in tree_leaves(out) if isinstance(leaf, torch.Tensor)]
        for tensor in tensors:
            self.note(tensor)
        self._count(func, args, kwargs or {}, out, tensors)
        return out

    def _count(self, func: Any, args: Any, kwargs: dict[str, Any], out: Any, tensors: list[Tensor]) -> None:
        self.operations += 1
        packet = func._overloadpacket
        if str(func) in _HIDDEN:
            self._inside(args[0].numel() * _HIDDEN[str(func)])
        if packet is torch.ops.aten._scaled_dot_product_flash_attention_for_cpu:
            self.flops += sdpa_flop_count(args[0].shape, args[1].shape, args[2].shape)
        elif packet is torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward:
            self.flops += sdpa_backward_flop_count(args[0].shape, args[1].shape, args[2].shape, args[3].shape)
        elif packet in flop_registry:
            self.flops += flop_registry[packet](*args, **kwargs, out_val=out)
        elif (kind := _ELEMENTWISE.get(packet.__name__)) is not None:
            self.numbers["bent" if kwargs.get("approximate") == "tanh" else kind] += tensors[0].numel()
        else:
            given = [leaf for leaf in tree_leaves(args) if isinstance(leaf, torch.Tensor)]
            self.moved += sum(tensor.nbytes for tensor in (*given, *tensors))


def followed_batch(model: nn.Module, inputs: dict[str, Tensor]) -> int:
    """A number of examples that divides no size of the model and of its inputs."""
    sizes = {size for weight in (*model.parameters(), *model.buffers()) for size in weight.shape}
    sizes |= {size for value in inputs.values() for size in value.shape[1:]}
    return next(prime for prime in _PRIMES if all(size % prime for size in sizes if size))


@contextmanager
def without_numbers(model: nn.Module, device: str) -> Iterator[nn.Module]:
    """A copy of a model whose tensors have shapes and no numbers, in a `with` block in which new tensors are like that, too.

    Args:
        model: a real one, or one on the device "meta"; it isn't changed.
        device: of its tensors.
    """
    mode = FakeTensorMode(allow_non_fake_inputs=True)
    with mode:
        memo: dict[int, Any] = {}
        for tensor in (*model.parameters(), *model.buffers()):
            plain = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device=device)
            is_weight = isinstance(tensor, nn.Parameter)
            memo[id(tensor)] = nn.Parameter(plain, tensor.requires_grad) if is_weight else plain
        yield copy.deepcopy(model, memo)


def follow(
    model: nn.Module, inputs: dict[str, Tensor], outputs: Callable[..., Tensor], loss: Callable[..., Tensor],
    around: Callable[[nn.Module], AbstractContextManager[Any]], device: str = "cpu",
) -> Step:  # fmt: skip
    """One training step of a model, followed.

    Args:
        model: real or on "meta"; it isn't changed.
        inputs: of two examples or more, real: their shapes [B, ...] and kinds are used, their numbers are not.
        outputs: model, inputs -> logits.
        loss: logits, inputs -> loss of each target.
        around: model -> a `with` block around the forward pass, such as an autocast.
        device: where it will be computed: which kernels torch chooses depends on it.
    """
    examples = followed_batch(model, inputs)
    follower = Follower()
    with without_numbers(model, device) as ghost, torch.enable_grad():
        ghost.train()
        follower.known((*ghost.parameters(), *ghost.buffers()))
        with follower:
            given = {
                name: torch.empty((examples, *value.shape[1:]), dtype=value.dtype, device=device)
                for name, value in inputs.items()
            }
            with around(ghost):
                logits = outputs(ghost, given)
            objective = loss(logits, given).mean()
            del logits
            turn, kept = len(follower.events), follower.alive()
            objective.backward()
            trained = {name: weight for name, weight in ghost.named_parameters() if weight.requires_grad}
            numbers = [follower.number_of(weight.grad) for weight in trained.values() if weight.grad is not None]
            without = tuple(name for name, weight in trained.items() if weight.grad is None)
    return _step(follower, examples, turn, kept, [number for number in numbers if number is not None], without)


def _step(
    follower: Follower, examples: int, turn: int, kept: list[int], gradients: list[int], without: tuple[str, ...]
) -> Step:
    sizes = np.array(follower.sizes, dtype=np.int64)
    grows = sizes % examples == 0
    is_kept, is_gradient = np.zeros(len(sizes), dtype=bool), np.zeros(len(sizes), dtype=bool)
    is_kept[kept] = True
    is_gradient[gradients] = True
    numbers = {kind: count / examples for kind, count in follower.numbers.items()}
    return Step(
        np.where(grows, 0, sizes), np.where(grows, sizes // examples, 0), is_kept, is_gradient,
        np.array(follower.events, dtype=np.int64), turn, follower.flops / examples, follower.moved / examples, numbers,
        follower.operations, np.array(follower.places), np.array(follower.recorded), without,
    )  # fmt: skip
