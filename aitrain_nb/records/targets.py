"""Targets of a batch, whatever their shape: one an example [B], or one a position [B, T]."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


class Targets(NamedTuple):
    """The true classes.

    Attributes:
        labels: [B] or [B, T] int64, -100 where not counted.
    """

    labels: Tensor

    @property
    def many(self) -> bool:
        """Whether an example has more than one target."""
        return self.labels.ndim > 1

    @property
    def counted(self) -> Tensor:
        """Which targets count: bool in the shape of the labels."""
        return self.labels != -100

    def places(self) -> Tensor:
        """Where the rows of a table come from [rows, 1] or [rows, 2] int64: each example, or each counted position."""
        import torch

        return self.counted.nonzero() if self.many else torch.arange(len(self.labels))[:, None]

    def pick(self, values: Tensor) -> Tensor:
        """The values [B, ...] or [B, T, ...] of those rows."""
        return values[self.counted] if self.many else values

    def columns(self) -> dict[str, Any]:
        """Columns that say which target a row is: example and position where an example has many, else none."""
        if not self.many:
            return {}
        places = self.places()
        return {"example": places[:, 0].tolist(), "position": places[:, 1].tolist()}

    def per_example(self, values: Tensor) -> Tensor:
        """Mean of the values over the counted targets of each example [B]."""
        if not self.many:
            return values
        counted = self.counted
        total: Tensor = (values * counted).sum(-1) / counted.sum(-1).clamp(min=1)
        return total

    def named(self, names: Any) -> list[str]:
        """The class name of each row, "unknown" where there is none."""
        return [names[label] if label >= 0 else "unknown" for label in self.pick(self.labels).tolist()]


def join(parts: Sequence[Tensor], filler: int) -> Tensor:
    """Batches [B, ...] one after the other; where they have different lengths [B, T], the shorter ones are filled up."""
    import torch

    if parts[0].ndim != 2 or len({part.shape[-1] for part in parts}) == 1:
        return torch.cat(list(parts))
    longest = max(part.shape[-1] for part in parts)
    return torch.cat([torch.nn.functional.pad(part, (0, longest - part.shape[-1]), value=filler) for part in parts])
