"""The optimizers' published formulas, written a second time in double precision, to hold torch's own against."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from torch import Tensor


def expected_change(
    kind: str, group: dict[str, Any], before: Tensor, gradient: Tensor, old: dict[str, Tensor], lr: float
) -> Tensor:
    """The change of one tensor in one step, float64.

    AdamW: Loshchilov and Hutter, Decoupled Weight Decay Regularization (2019), algorithm 2; Adam: Kingma and Ba (2015),
    algorithm 1; SGD with momentum as in Sutskever et al. (2013), in torch's form.

    Args:
        kind: "adamw", "adam" or "sgd".
        group: the optimizer's parameter group: betas, eps, momentum, weight_decay.
        before: the weights before the step.
        gradient: after clipping.
        old: the optimizer's state of this tensor before the step; empty at the first.
        lr: learning rate of the step.
    """
    before, gradient, decay = before.double(), gradient.double(), group["weight_decay"]
    if kind != "adamw":
        gradient = gradient + decay * before
    if kind == "sgd":
        buffer = old.get("momentum_buffer")
        return -lr * (gradient if buffer is None else group["momentum"] * buffer.double() + gradient)
    beta1, beta2 = group["betas"]
    count = float(old.get("step", 0.0)) + 1
    zero = torch.zeros_like(gradient)
    mean = beta1 * old.get("exp_avg", zero).double() + (1 - beta1) * gradient
    square = beta2 * old.get("exp_avg_sq", zero).double() + (1 - beta2) * gradient**2
    change = -lr * (mean / (1 - beta1**count)) / ((square / (1 - beta2**count)).sqrt() + group["eps"])
    return change - lr * decay * before if kind == "adamw" else change


def first_step_norm(optimizer: torch.optim.Optimizer, scale: float) -> float:
    """L2 norm of the first step that a fresh optimizer of this kind takes, on copies, with the gradients times `scale`."""
    groups: list[dict[str, Any]] = []
    before: list[Tensor] = []
    for group in optimizer.param_groups:
        moved = [weight for weight in group["params"] if weight.grad is not None]
        copies = [weight.detach().clone().requires_grad_() for weight in moved]
        for copy, weight in zip(copies, moved, strict=True):
            copy.grad = weight.grad * scale
        before += [copy.detach().clone() for copy in copies]
        settings = {name: value for name, value in group.items() if name != "params"}
        if copies:
            groups.append(settings | {"params": copies, "lr": 1e-2, "weight_decay": 0.0})
    if not groups:
        return 0.0
    fresh: Any = type(optimizer)
    fresh(groups).step()
    after = [weight.detach() for group in groups for weight in group["params"]]
    return math.sqrt(sum(float(((a - b).double() ** 2).sum()) for a, b in zip(after, before, strict=True)))
