"""Which weights of a model are trained: what the config freezes, what waits until the head has been trained, and how it is told."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from aitrain_nb import numerals
from aitrain_nb.engine.optim import rate_factors
from aitrain_nb.errors import ConfigError, nearest
from aitrain_nb.models.parts import parts_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from aitrain_nb.config import TrainConfig
    from aitrain_nb.engine.plan import Plan


def freeze(model: nn.Module, config: TrainConfig) -> None:
    """Freeze the weights that `freeze` and `frozen_layers` name; what was frozen before stays so.

    A pattern is one of the shell's, for the whole name of a weight or of a module around it: "*.layer.0" is all of that layer.

    Raises:
        ConfigError: a pattern matches nothing, or there are fewer layers.
    """
    frozen = {
        name
        for pattern in (config.freeze or "").split(",")
        if pattern.strip()
        for name in _matching(model, pattern.strip())
    }
    if config.frozen_layers:
        parts = parts_of(model)
        if config.frozen_layers > len(parts.blocks):
            raise ConfigError(
                f"frozen_layers={config.frozen_layers} is more than the model has.",
                f"It has {numerals.several(len(parts.blocks), 'layer')} below its head.",
                f"Set frozen_layers={len(parts.blocks)} or less, or use method='head'.",
            )
        frozen.update(parts.below, *parts.blocks[: config.frozen_layers])
    for name, weight in model.named_parameters():
        if name in frozen:
            weight.requires_grad_(False)


def _matching(model: nn.Module, pattern: str) -> list[str]:
    """The names of the weights that a pattern means; raises ConfigError where there is none."""
    names = [name for name, _ in model.named_parameters()]
    found = [name for name in names if any(fnmatchcase(around, pattern) for around in _with_modules_around(name))]
    if not found:
        known = dict.fromkeys(around for name in names for around in _with_modules_around(name))
        near = nearest(pattern.strip("*."), list(known))
        raise ConfigError(
            f"freeze={pattern!r} matches no weight.",
            f"Names near it are: {', '.join(near)}.",
            f"Try freeze={near[0]!r}.",
        )
    return found


def _with_modules_around(name: str) -> list[str]:
    """The name of a weight, and those of the modules that it lies in, the largest first."""
    words = name.split(".")
    return [".".join(words[: length + 1]) for length in range(len(words))]


def weights_for_later(model: nn.Module, config: TrainConfig) -> tuple[Tensor, ...]:
    """The weights that are trained only after the `head_epochs`; empty where all are trained from the first step on.

    Raises:
        ConfigError: the model isn't pretrained, has no head to train first, or nothing but a head is trained.
    """
    if not config.head_epochs:
        return ()
    if config.method == "scratch":
        why = "The head comes first where the rest was trained before, and this model begins with random weights."
        raise ConfigError(f"head_epochs={config.head_epochs} needs a pretrained model.", why, "Set head_epochs=0.")
    head = parts_of(model).head
    trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    later = tuple(weight for name, weight in trained.items() if name not in head)
    if not later or len(later) == len(trained):
        why = (
            "Nothing but its head is trained."
            if trained and not later
            else "It has no head of its own that is trained."
        )
        raise ConfigError(f"head_epochs={config.head_epochs} doesn't fit this model.", why, "Set head_epochs=0.")
    return later


def told(
    model: nn.Module, trained: Sequence[Tensor], later: Sequence[Tensor], config: TrainConfig, plan: Plan
) -> list[str]:
    """What to know about which weights are trained, when, and how fast: a sentence each; empty where all are trained alike.

    Args:
        model: whose weights they are.
        trained: those that are trained at some time.
        later: those of them that wait until the head has been trained alone.
        config: of the run.
        plan: of the run.
    """
    weights, at_some_time, waiting = (sum(one.numel() for one in some) for some in (model.parameters(), trained, later))
    found = []
    if at_some_time < weights:
        share = numerals.share(at_some_time / weights)
        found.append(f"{at_some_time:,} of {weights:,} weights are trained ({share}); the others are frozen.")
    if waiting:
        rate = numerals.rate(plan.head_rate)
        which = "all" if at_some_time == weights else f"all {at_some_time:,}"
        found.append(
            f"Steps 1 to {plan.head_steps:,} train the head alone ({at_some_time - waiting:,} weights, rate {rate}); "
            f"from step {plan.head_steps + 1:,} on {which} are trained."
        )
    if config.layer_decay < 1:
        factors, names = rate_factors(model, config), {id(weight): name for name, weight in model.named_parameters()}
        least = plan.peak * min(factors[names[id(weight)]] for weight in trained)
        highest, lowest = numerals.rate(plan.peak), numerals.rate(least)
        found.append(f"The learning rate falls from layer to layer: {highest} above them, {lowest} at the lowest.")
    return found
