"""What glibc's malloc keeps of what torch gives back: its rules, played over the allocations of a few steps.

Two sets of them: as it comes, and as it is in the processes that we start (`aitrain_nb.malloc`), where no small blocks wait in lists of
their own, and the heap doesn't shrink by itself.

Blocks under a threshold come from a heap that shrinks at its end alone; larger ones are mapped, and go back to the system when they are
freed. The threshold rises to the size of each mapped block that is freed, up to 32 MiB, so that soon nearly all tensors live in the heap.
torch asks for blocks at multiples of 64 bytes, for which malloc cuts them out of larger ones; and small records of autograd, which live
until the backward pass, lie in between. So the hole that a tensor leaves is often a little too small for the next of its size.

Source: malloc/malloc.c of glibc 2.36, `_int_malloc`, `_int_memalign`, `_int_free`, `sysmalloc`, `systrim`.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import numpy as np

from aitrain_nb import malloc

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeAlias

    from aitrain_nb.costs.tracing import Step

    Name: TypeAlias = tuple[int, ...]

_ALIGNED, _HEAD, _LEAST, _PAGE = 64, 16, 32, 4096
"""torch's alignment; bytes of a chunk before its block; the smallest chunk; a page."""
_PAD, _LOWEST, _HIGHEST = 128 * 1024, 128 * 1024, malloc.MAPPED
"""By how much more than needed the heap grows; between which sizes the threshold lies."""
_LARGE = 64 * 1024
"""From this size on a free chunk may have the heap shrink."""
_CACHED, _AT_MOST = 1040, 7
"""Chunks up to this size wait in a list of their own when they are freed, so many of each size."""
RECORDS = (24, 16, 32)
"""Bytes of what autograd keeps for each operation: whom its gradient goes to, shape and strides."""
_STEPS = 3


class Heap:
    """The main arena of glibc's malloc.

    Args:
        threshold: bytes from which blocks are mapped, to begin with.
        rules: those of glibc as it comes, or ours; with ours the threshold stays as it is.

    Attributes:
        peak: the most bytes that it has had of the system at once.
    """

    def __init__(self, threshold: int = _LOWEST, rules: malloc.Rules = "as it comes") -> None:
        self.peak = 0
        is_ours = rules == "ours"
        self._threshold, self._trim = (malloc.MAPPED, malloc.TRIM) if is_ours else (threshold, 2 * threshold)
        self._waiting = 0 if is_ours else _AT_MOST
        self._top = self._end = self._mapped = 0
        self._sizes: list[tuple[int, int]] = []  # of the free chunks, each with its place, in order
        self._starts: dict[int, int] = {}  # place of a free chunk -> its size
        self._ends: dict[int, int] = {}  # where it ends -> its place
        self._cache: defaultdict[int, list[int]] = defaultdict(list)
        self._used: dict[Name, tuple[int, int]] = {}

    @property
    def size(self) -> int:
        """Bytes that it has of the system now."""
        return self._end + self._mapped

    def allocate(self, name: Name, size: int, *, aligned: bool = True) -> None:
        """A block of so many bytes, at a multiple of 64 if it is aligned."""
        chunk = max(_LEAST, -(-(size + 8) // 16) * 16)
        if not aligned and self._cache[chunk]:
            self._used[name] = self._cache[chunk].pop(), chunk
            return
        wanted = chunk + (_ALIGNED + _LEAST if aligned else 0)
        start = self._obtain(wanted)
        if start is None:
            pages = -(-(wanted + 8) // _PAGE) * _PAGE
            self._mapped += pages
            self._used[name] = -1, pages
        elif aligned:
            lead = (-start - _HEAD) % _ALIGNED
            lead += _ALIGNED if 0 < lead < _LEAST else 0
            rest = wanted - lead - chunk
            if lead:
                self._release(start, lead)
            if rest >= _LEAST:
                self._release(start + lead + chunk, rest)
            self._used[name] = start + lead, chunk + (rest if rest < _LEAST else 0)
        else:
            self._used[name] = start, chunk
        self.peak = max(self.peak, self.size)

    def free(self, name: Name) -> None:
        """Give a block back."""
        start, size = self._used.pop(name)
        if start >= 0:
            self._release(start, size)
            return
        self._mapped -= size
        if self._threshold < size <= _HIGHEST:
            self._threshold, self._trim = size, 2 * size

    def _obtain(self, wanted: int) -> int | None:
        """Where so many free bytes begin, taken from the smallest chunk that has them, else from the heap's end; None: to be mapped."""
        found = bisect_left(self._sizes, (wanted, 0))
        if found < len(self._sizes):
            whole, start = self._sizes[found]
            self._take_out(start)
            if whole > wanted:
                self._put_in(start + wanted, whole - wanted)
            return start
        if self._end - self._top < wanted + _LEAST:
            if wanted >= self._threshold:
                return None
            self._end += -(-(wanted + _PAD + _LEAST - (self._end - self._top)) // _PAGE) * _PAGE
        start = self._top
        self._top += wanted
        return start

    def _release(self, start: int, size: int) -> None:
        if size <= _CACHED and len(self._cache[size]) < self._waiting:
            self._cache[size].append(start)
        elif self._put_in(start, size) >= _LARGE and self._end - self._top >= self._trim:
            self._end = self._top + _PAD

    def _put_in(self, start: int, size: int) -> int:
        """Free bytes, joined with free ones beside them; how many there are together."""
        end = start + size
        if start in self._ends:
            start = self._ends[start]
            self._take_out(start)
        if end in self._starts:
            end += self._take_out(end)
        if end == self._top:
            self._top = start
            return self._end - start
        self._starts[start], self._ends[end] = end - start, start
        insort(self._sizes, (end - start, start))
        return end - start

    def _take_out(self, start: int) -> int:
        size = self._starts.pop(start)
        del self._ends[start + size]
        del self._sizes[bisect_left(self._sizes, (size, start))]
        return size


def taken(step: Step, examples: int, lasting: Iterable[int], rules: malloc.Rules = "as it comes") -> int:
    """The most bytes that the heap takes from the system in three steps.

    Args:
        step: one step, followed.
        examples: in the micro-batch.
        lasting: sizes of what the optimizer makes after the first step and keeps.
        rules: by which malloc works.
    """
    sizes = (step.fixed + step.each * examples).tolist()
    heap = Heap(int(np.clip(max(sizes), _LOWEST, _HIGHEST)), rules)  # as it is once all have been freed
    for number in range(_STEPS):
        gradients = _one_step(heap, step, sizes)
        if number == 0:
            for place, size in enumerate(lasting):
                heap.allocate((1, place), size)
        for name in gradients:
            heap.free(name)
    return heap.peak


def _one_step(heap: Heap, step: Step, sizes: list[int]) -> list[Name]:
    """Play the events of a step, with autograd's records between them; what lives at its end: the gradients."""
    alive: set[int] = set()
    records = _Records(heap, step)
    for place, event in enumerate(step.events.tolist()):
        records.reach(place)
        if event > 0:
            heap.allocate((0, event), sizes[event - 1])
            alive.add(event)
        elif -event in alive:
            heap.free((0, -event))
            alive.discard(-event)
    records.drop_all()
    gradients = {int(number) + 1 for number in np.flatnonzero(step.is_gradient)}
    for event in alive - gradients:
        heap.free((0, event))
    return [(0, event) for event in alive & gradients]


class _Records:
    """Small blocks that autograd keeps for each operation that it records: until the way back has come past it.

    An operation that is done once more on the way back, for checkpointing, is recorded until that has been done.
    """

    def __init__(self, heap: Heap, step: Step) -> None:
        self._heap, self._turn = heap, step.turn
        places = step.places.tolist()
        self._recorded = Counter(place for place, is_recorded in zip(places, step.recorded, strict=True) if is_recorded)
        self._plain = Counter(
            place for place, is_recorded in zip(places, step.recorded, strict=True) if not is_recorded
        )
        self._forward = sum(count for place, count in self._recorded.items() if place <= self._turn)
        self._backward = max(1, sum(count for place, count in self._plain.items() if place > self._turn))
        self._done = self._made = 0
        self._kept: list[int] = []
        self._again: list[int] = []

    def reach(self, place: int) -> None:
        """Before this event."""
        is_back = place > self._turn
        if is_back and self._plain[place]:
            self._done += self._plain[place]
            self._drop(self._again, 0)
            self._drop(self._kept, int(self._forward * (1 - self._done / self._backward)))
        for _ in range(self._recorded[place]):
            self._made += 1
            (self._again if is_back else self._kept).append(self._made)
            for part, size in enumerate(RECORDS):
                self._heap.allocate((2, self._made, part), size, aligned=False)

    def drop_all(self) -> None:
        """The step is over."""
        self._drop(self._again, 0)
        self._drop(self._kept, 0)

    def _drop(self, made: list[int], left: int) -> None:
        while len(made) > left:
            number = made.pop()
            for part in range(len(RECORDS)):
                self._heap.free((2, number, part))
