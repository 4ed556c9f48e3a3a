"""torch.compile, for the forward of a step and its way back; the model itself stays what it is, so that it can be looked into."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

import torch

from aitrain_nb.errors import ConfigError

if TYPE_CHECKING:
    from torch import nn

_COMPILERS = ("g++", "clang++", "cl")


def compiled(model: nn.Module, device: str) -> Any:
    """What computes the same as the model, compiled when it is first called; weights and modes are the model's own.

    Args:
        model: any module.
        device: "cpu", "cuda" or "mps".

    Raises:
        ConfigError: there is nothing here to compile with.
    """
    own = os.environ.get("CXX")
    if device == "cpu" and not any(shutil.which(name) for name in ([own] if own else _COMPILERS)):
        raise ConfigError(
            "compile=True needs a C++ compiler, and there is none here.",
            f"torch.compile writes C++ code. Looked for {own or ', '.join(_COMPILERS)}.", "Install one (g++), or leave compile=False.",
        )  # fmt: skip
    if device == "cuda" and not torch.utils._triton.has_triton():
        raise ConfigError(
            "compile=True needs triton, which isn't installed.", "torch.compile writes its code for GPUs.", "pip install triton",
        )  # fmt: skip
    return torch.compile(model, options={"fallback_random": True})  # dropout draws the numbers that it draws without
