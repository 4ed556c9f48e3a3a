"""The parts of a model from its input to its output: what lies below its blocks, the blocks, what lies above, and its head."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from torch import nn

if TYPE_CHECKING:
    from collections.abc import Iterable

_FEWEST = 2
"""Layers in a list of them before they are the blocks of a model."""


class Parts(NamedTuple):
    """The weights of a model by where they lie.

    Attributes:
        below: names of the weights below the lowest block, such as the vectors of tokens and positions.
        blocks: names of the weights of each block, the lowest first.
        above: names of the weights above the highest block, the head among them.
        head: names of the weights that nothing was learned for before: outside of the pretrained body, or missing in its file.
    """

    below: list[str]
    blocks: list[list[str]]
    above: list[str]
    head: set[str]

    @property
    def levels(self) -> list[list[str]]:
        """All weights, level by level, the lowest first."""
        return [level for level in (self.below, *self.blocks, self.above) if level]


def parts_of(model: nn.Module) -> Parts:
    """Where the weights of a model lie.

    The blocks are the longest list of like layers (`nn.ModuleList`) in it; in a model without one, each module with weights of its
    own is a block, and the last of them lies above.
    """
    names = [name for name, _ in model.named_parameters()]
    prefixes = block_names(model)
    if not prefixes:
        owners = list(dict.fromkeys(name.rpartition(".")[0] for name in names))
        levels = [[name for name in names if name.rpartition(".")[0] == owner] for owner in owners]
        return Parts([], levels[:-1], levels[-1] if levels else [], _head(model, set(levels[-1] if levels else [])))
    blocks = [[name for name in names if name.startswith(f"{prefix}.")] for prefix in prefixes]
    inside = {name for block in blocks for name in block}
    first = names.index(blocks[0][0])
    below = [name for place, name in enumerate(names) if place < first and name not in inside]
    above = [name for place, name in enumerate(names) if place > first and name not in inside]
    return Parts(below, blocks, above, _head(model, set()))


def block_names(model: nn.Module) -> list[str]:
    """The names of the blocks, the lowest first; empty where the model has no list of them."""
    lists = [(name, module) for name, module in model.named_modules() if _is_list_of_blocks(module)]
    if not lists:
        return []
    name, blocks = max(lists, key=lambda found: len(found[1]))
    return [f"{name}.{number}" if name else str(number) for number in range(len(blocks))]


def _is_list_of_blocks(module: Any) -> bool:
    """Whether these are two layers of one class or more, each with weights."""
    return (
        isinstance(module, nn.ModuleList) and len(module) >= _FEWEST and len({type(layer) for layer in module}) == 1
        and all(any(True for _ in layer.parameters()) for layer in module)
    )  # fmt: skip


def _head(model: nn.Module, otherwise: set[str]) -> set[str]:
    """What isn't in the pretrained body, or new in it; `otherwise` where a model has no body to tell it from."""
    new = {
        f"{place}.{name}" if place else name
        for place, module in model.named_modules() for name in getattr(module, "new_weights", ())
    }  # fmt: skip
    body = body_of(model)
    if body is model:
        return new or otherwise
    inside = {id(weight) for weight in body.parameters()}
    return new | {name for name, weight in model.named_parameters() if id(weight) not in inside}


def body_of(model: nn.Module) -> nn.Module:
    """What was pretrained of a model: its body, as transformers names it, or all of it where it names none."""
    body: nn.Module = getattr(model, str(getattr(model, "base_model_prefix", "")) or "\0", model)
    return body


def mark_new(model: nn.Module, names: Iterable[str]) -> None:
    """Keep in a model which of its weights the pretrained file had no numbers for."""
    model.new_weights = frozenset(names)  # type: ignore[assignment]
