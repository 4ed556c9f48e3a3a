"""glibc's malloc, set for tensors in the processes that we start: they take less memory.

As it comes, malloc keeps small blocks that were freed in lists, for whoever asks next. A block that waits there counts as used, so the free
memory on its two sides can't be joined. torch asks for tensors at multiples of 64 bytes; what is cut off before and behind each is such a
block, and so are the small records of Python and autograd. The holes that tensors leave stay apart, fit nothing, and a process takes up to
2.4 times its tensors (tests/benchmarks/README.md). Without those lists holes are joined at once. glibc reads its tunables when a process
starts, never later; so they come in the environment.

Source: malloc/malloc.c of glibc 2.36, `_int_memalign`, `tcache_put`, `do_set_mxfast`; its manual, "Memory Allocation Tunables".
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

Rules: TypeAlias = Literal["as it comes", "ours"]

MAPPED = 32 * 2**20
"""Bytes from which a block is mapped by itself: the most that glibc takes, where by itself it ends after a few steps."""
TRIM = 2**40
"""Bytes at its end from which the heap shrinks by itself: never. `fit` gives back when it begins and when it ends."""

_VARIABLE = "GLIBC_TUNABLES"
_OURS = {"tcache_count": 0, "mxfast": 0, "mmap_threshold": MAPPED, "trim_threshold": TRIM}
TUNABLES = ":".join(f"glibc.malloc.{name}={value}" for name, value in _OURS.items())
"""What the environment variable GLIBC_TUNABLES holds in such a process."""


def rules(environment: Mapping[str, str] = os.environ) -> Rules | None:
    """By which rules a process with this environment allocates: ours, glibc's as it comes, or None: others, which somebody has set."""
    given = {name for name, value in environment.items() if value}
    if not _is_glibc() or "LD_PRELOAD" in given or any(name.startswith("MALLOC_") for name in given):
        return None
    told = environment.get(_VARIABLE, "")
    if TUNABLES in told:
        return "ours"
    return None if "glibc.malloc." in told else "as it comes"


def with_ours(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for a process that we start: with our rules, unless somebody has set others, or the C library isn't glibc."""
    if rules(environment) != "as it comes":
        return dict(environment)
    return {**environment, _VARIABLE: ":".join(filter(None, [environment.get(_VARIABLE), TUNABLES]))}


def _is_glibc() -> bool:
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (AttributeError, ValueError):  # not under Windows; not known to other C libraries
        return False
