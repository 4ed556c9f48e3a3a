"""How much memory a run takes: the highest it reached, above what the process held before.

Under Linux it is the resident memory of the process, read from /proc (see proc(5)); on a GPU what torch has handed out. Elsewhere the
system doesn't say what the highest was since a moment, and nothing is claimed.
"""

from __future__ import annotations

import ctypes
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from torch import Tensor

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_FORGET_THE_HIGHEST = "5"


class PeakMeter:
    """The most memory that was taken at once while it ran.

    Args:
        device: where the numbers are computed.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._base: int | None = None
        self._highest: int | None = None

    @contextmanager
    def measuring(self, held: Iterable[Tensor]) -> Iterator[None]:
        """Measure while the block runs; of several blocks the one that took most counts.

        Args:
            held: what the run holds already: it is counted as the run's.
        """
        own = sum({tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in held}.values())
        now = self._forget_the_highest()
        self._base = None if now is None else now - own
        try:
            yield
        finally:
            self._highest, self._base = self.peak_bytes, None
            if self._device.type == "cpu":
                give_back()

    @property
    def peak_bytes(self) -> int | None:
        """The most so far, bytes; None where nothing was measured, or where the system doesn't say."""
        if self._base is None:
            return self._highest
        highest = self._read("VmHWM")
        return self._highest if highest is None else max(self._highest or 0, highest - self._base)

    def _forget_the_highest(self) -> int | None:
        """What is taken now, from where the highest begins anew; None where that can't be had."""
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
            return torch.cuda.memory_allocated(self._device)
        if self._device.type != "cpu":
            return None
        give_back()
        try:
            _CLEAR.write_text(_FORGET_THE_HIGHEST, encoding="ascii")
        except OSError:
            return None
        return self._read("VmRSS")

    def _read(self, name: str) -> int | None:
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device)
        with suppress(OSError, ValueError, IndexError):
            for line in _STATUS.read_text(encoding="ascii").splitlines():
                if line.startswith(name):
                    return int(line.split()[1]) * 1024
        return None


def give_back() -> None:
    """Hand memory that was freed and is kept for later back to the system, where the C library can (glibc)."""
    trim: Any = getattr(ctypes.CDLL(None), "malloc_trim", None) if _STATUS.exists() else None
    if trim is not None:
        trim(0)


def held_by(trainer: Any) -> Iterator[Tensor]:
    """What a run holds between two steps: weights, buffers, gradients, the optimizer's numbers, copies of the weights."""
    model, keeper = trainer.model, trainer.keeper
    yield from (*model.parameters(), *model.buffers())
    yield from (weight.grad for weight in model.parameters() if weight.grad is not None)
    for values in trainer.optimizer.state.values():
        yield from (value for value in values.values() if isinstance(value, torch.Tensor))
    kept = keeper.best
    for copies in (*(keeper.aside or ()), *((kept.weights, kept.buffers) if kept is not None else ())):
        yield from copies.values()
