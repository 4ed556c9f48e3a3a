"""The graph that autograd keeps of a computation."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def leaves_of(outputs: Tensor) -> set[int]:
    """The ids of the tensors that these outputs were computed from and that get a gradient."""
    found, seen, waiting = set(), set(), [outputs.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            found.add(id(node.variable))
        waiting += [function for function, _ in node.next_functions]
    return found
