"""How fast this machine is: matrix products, moving bytes, functions and the smallest of steps, measured in half a second."""

from __future__ import annotations

from time import perf_counter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import nn

from aitrain_nb.engine.optim import clip_gradients
from aitrain_nb.randomness import OwnRandom

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aitrain_nb.costs.tracing import Step

_ROWS, _WIDTH = 512, 768
_ELEMENTS, _NUMBERS, _NORMED = 2**22, 2**18, 128
"""Numbers that are moved, numbers that a function is taken of, and how many of them have a mean of their own."""
_SECONDS = 0.08
_SMALLEST, _OPERATIONS = 8, 18
"""Width and examples of a net with one hidden layer that computes next to nothing, and how many operations its step has both ways."""
_LOOP = 0.15
"""What the loop itself adds to the smallest of steps, as a share of it (tests/benchmarks/step_overhead.py)."""


class Speed(NamedTuple):
    """What a machine does in a second.

    Attributes:
        flops: floating-point operations of matrix products, 32 bits.
        moved: bytes read and written by simple operations.
        per_operation: seconds that an operation needs however small it is, its way back with it.
        per_step: seconds of a step beside its operations however few weights there are: clipping, optimizer and the loop itself.
        numbers: kind of work -> numbers that take it, see `Step.numbers`.
    """

    flops: float
    moved: float
    per_operation: float
    per_step: float
    numbers: Mapping[str, float] = MappingProxyType({})

    def seconds(self, step: Step, examples: int, length: float, update_bytes: int) -> float:
        """How long an optimizer step takes.

        Args:
            step: what is to be computed.
            examples: in the batch.
            length: of the examples as a share of those in `step`.
            update_bytes: that the optimizer reads and writes.
        """
        each = step.flops / self.flops + step.moved / self.moved
        each += sum(count / self.numbers[kind] for kind, count in step.numbers.items() if kind in self.numbers)
        smallest = step.operations * self.per_operation + self.per_step
        return each * examples * length + update_bytes / self.moved + smallest


_known: dict[tuple[str, int], Speed] = {}
"""What was measured in this process, by device and threads."""


def is_measured(device: str, threads: int) -> bool:
    """Whether the speed with so many threads is known."""
    return (device, threads) in _known


def measure(device: str, threads: int) -> Speed:
    """The speed of this machine with so many processor threads, measured once a process in half a second."""
    if not is_measured(device, threads):
        _known[device, threads] = _measured(device, threads)
    return _known[device, threads]


def _measured(device: str, threads: int) -> Speed:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        left, right = (torch.ones(_ROWS, _WIDTH, device=device), torch.ones(_WIDTH, _WIDTH, device=device))
        source, target = torch.ones(_ELEMENTS, device=device), torch.ones(_ELEMENTS, device=device)
        product = _rate(lambda: torch.mm(left, right), device)
        moving = _rate(lambda: torch.add(source, target, out=target), device)
        numbers = {kind: _NUMBERS * _rate(work, device) for kind, work in _work_on_numbers(device).items()}
        there_and_back, update = (1 / _rate(work, device) for work in _smallest_step(device))
    finally:
        torch.set_num_threads(before)
    per_step = update + _LOOP * (there_and_back + update)
    flops, moved = 2 * _ROWS * _WIDTH * _WIDTH * product, 3 * source.nbytes * moving
    return Speed(flops, moved, there_and_back / _OPERATIONS, per_step, numbers)


def _work_on_numbers(device: str) -> dict[str, Callable[[], Any]]:
    """One kind of work at each of many numbers: random ones, a norm of rows, GELU by tanh."""
    values = torch.ones(_NUMBERS // _NORMED, _NORMED, device=device)
    target = torch.empty_like(values)
    generator = torch.Generator(device).manual_seed(0)
    return {
        "drawn": lambda: target.bernoulli_(0.9, generator=generator),
        "curved": lambda: nn.functional.layer_norm(values, (_NORMED,)),
        "bent": lambda: nn.functional.gelu(values, approximate="tanh"),
    }


def _smallest_step(device: str) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Both ways through a net that computes next to nothing, and the update after it."""
    size = _SMALLEST
    with OwnRandom(0):
        first, last = (nn.Linear(size, size).to(device) for _ in range(2))
    net = nn.Sequential(first, nn.ReLU(), last)
    inputs, labels = torch.ones(size, size, device=device), torch.zeros(size, dtype=torch.int64, device=device)
    weights = list(net.parameters())
    optimizer = torch.optim.AdamW(weights)

    def there_and_back() -> None:
        optimizer.zero_grad()
        with torch.enable_grad():
            nn.functional.cross_entropy(net(inputs), labels).backward()

    def update() -> None:
        clip_gradients(weights, 1.0)
        optimizer.step()

    there_and_back()
    return there_and_back, update


def _rate(work: Callable[[], Any], device: str) -> float:
    """How often a second something can be done: by the quickest of its turns, for other programs only make it slower."""
    work()
    shortest, began = float("inf"), perf_counter()
    while perf_counter() - began < _SECONDS:
        start = perf_counter()
        for _ in range(4):
            work()
        if device != "cpu":
            getattr(torch, device).synchronize()
        shortest = min(shortest, (perf_counter() - start) / 4)
    return 1 / shortest
