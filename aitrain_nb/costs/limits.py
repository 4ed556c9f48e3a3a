"""How much memory a device has, as a person says it."""

from __future__ import annotations

import math
from typing import Any

from aitrain_nb.errors import ConfigError


def limits_of(memory_bytes: Any) -> tuple[int, ...]:
    """Amounts of memory in bytes; raises ConfigError where they are none."""
    given = (memory_bytes,) if isinstance(memory_bytes, (int, float, str)) else tuple(memory_bytes)
    if not given or any(isinstance(one, (bool, str)) or not 0 < one < math.inf for one in given):
        raise ConfigError(
            f"memory_bytes can't be {memory_bytes!r}.", "It is a number of bytes above 0, or several of them.",
            "memory_bytes=8 * 2**30 is 8 GiB."
        )  # fmt: skip
    return tuple(map(int, given))
