"""Saved: a checkpoint was written, or could not be."""

from __future__ import annotations

from typing import NamedTuple

from aitrain_nb import numerals


class Saved(NamedTuple):
    """A checkpoint in the run's folder.

    Attributes:
        step: optimizer steps taken.
        epoch: epochs completed then.
        size_bytes: of all checkpoints in the folder.
        seconds: that the writing took.
        trouble: why it could not be written, in words; empty where it was.
    """

    step: int
    epoch: float
    size_bytes: int
    seconds: float
    trouble: str = ""

    def __str__(self) -> str:
        if self.trouble:
            return f"checkpoint of step {self.step} not written: {self.trouble}"
        return f"checkpoint of step {self.step} written ({numerals.memory(self.size_bytes)} in all)"
