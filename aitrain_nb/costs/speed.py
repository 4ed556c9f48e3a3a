"""How fast this machine is: matrix products and moving bytes, measured in a third of a second, and what a step takes at that speed."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

import torch

if TYPE_CHECKING:
    from aitrain_nb.costs.tracing import Step

_ROWS, _WIDTH = 512, 768
_ELEMENTS = 2**22
_SECONDS = 0.12
_PER_OPERATION = 8e-6
"""Seconds that torch needs for an operation however small it is, forward or backward."""


class Speed(NamedTuple):
    """What a machine does in a second.

    Attributes:
        flops: floating-point operations of matrix products, 32 bits.
        moved: bytes read and written by simple operations.
    """

    flops: float
    moved: float

    def seconds(self, step: Step, examples: int, length: float, update_bytes: int) -> float:
        """How long an optimizer step takes.

        Args:
            step: what is to be computed.
            examples: in the batch.
            length: of the examples as a share of those in `step`.
            update_bytes: that the optimizer reads and writes.
        """
        each = step.flops / self.flops + step.moved / self.moved
        return each * examples * length + update_bytes / self.moved + step.operations * _PER_OPERATION


_known: dict[tuple[str, int], Speed] = {}
"""What was measured in this process, by device and threads."""


def is_measured(device: str, threads: int) -> bool:
    """Whether the speed with so many threads is known."""
    return (device, threads) in _known


def measure(device: str, threads: int) -> Speed:
    """The speed of this machine with so many processor threads, measured once a process in a third of a second."""
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
    finally:
        torch.set_num_threads(before)
    return Speed(2 * _ROWS * _WIDTH * _WIDTH * product, 3 * source.nbytes * moving)


def _rate(work: object, device: str) -> float:
    """How often a second something can be done: by the quickest of its turns, for other programs only make it slower."""
    assert callable(work)
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
