"""How much memory is free: of the device, and of what this process may take."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import torch

ALMOST_ALL = 0.9
"""Share of the free memory that a run may take."""
_CGROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)
"""Files with the limit of a container and with what it takes, bytes: version 2 and 1 of Linux's control groups."""


def free_memory(device: str) -> int:
    """Bytes that are free on a device now; on a processor no more than a container or a limit of the process (`ulimit -v`) leaves."""
    if device == "cuda":
        return int(torch.cuda.mem_get_info()[0])
    found = [room for room in (_of_machine(), *map(_of_container, _CGROUPS), _of_process()) if room is not None]
    return max(0, min(found, default=8 * 2**30))  # the system doesn't say; a small machine


def _of_machine() -> int | None:
    with suppress(OSError, StopIteration, ValueError):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    return None


def _of_container(files: tuple[str, str]) -> int | None:
    with suppress(OSError, ValueError):  # no such file, or "max"
        limit, taken = (int(Path(file).read_text(encoding="ascii")) for file in files)
        return limit - taken
    return None


def _of_process() -> int | None:
    with suppress(ImportError, OSError, ValueError):  # Windows knows no such limit
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if limit != resource.RLIM_INFINITY:
            return limit - int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    return None
