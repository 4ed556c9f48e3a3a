"""When memory runs out: which errors say so, and smaller portions of the same work."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import torch

from aitrain_nb.errors import OutOfMemoryError

if TYPE_CHECKING:
    from collections.abc import Callable

_WORDS = ("out of memory", "can't allocate memory", "not enough memory")
"""What torch says on devices, and on processors under Linux and Windows, where it has no error of its own for it."""

_OF_ONEDNN = "could not create a primitive"
"""All that oneDNN says where it gets no memory; what a processor can't do it calls a "primitive descriptor"."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    if not isinstance(error, RuntimeError):
        return False
    return str(error) == _OF_ONEDNN or any(word in str(error) for word in _WORDS)


def smaller(size: int, error: BaseException, where: str) -> int:
    """Half of a batch, rounded up.

    Args:
        size: examples that were too many at once.
        error: what was raised.
        where: in words, such as "at step 3".

    Raises:
        OutOfMemoryError: a single example was too much.
    """
    if size > 1:
        return (size + 1) // 2
    raise OutOfMemoryError(
        f"Memory ran out {where}, with one example at a time.",
        str(error).split("\\n")[0],
        "Take a smaller model, shorter texts (max_length) or smaller images (image_size), or a device with more memory.",
    ) from error


def release() -> None:
    """Give back what nothing holds any more; call it where no frame of the error is left."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def in_portions(work: Callable[[int], None], size: int, where: str) -> int:
    """Do work that takes a batch size, from its beginning with half of it each time memory runs out; the size that it was done with.

    Raises:
        OutOfMemoryError: a single example was too much.
    """
    while True:
        try:
            work(size)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            size = smaller(size, error, where)
        else:
            return size
        release()
