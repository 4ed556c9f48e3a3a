"""The lessons' own pictures with dials: one file is one class, made of `aitrain_nb.widgets.explorable.Explorable`.

    from aitrain_nb.lessons.widgets import SurpriseCurve  # surprise_curve.py

`SurpriseCurve()` shows it, `.set(p=0.3)` moves its dials in code, `.value` says where they stand.
"""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

__all__ = [
    "".join(part.capitalize() for part in path.stem.split("_"))
    for path in sorted(Path(__file__).parent.glob("[a-z]*.py"))
]


def __getattr__(name: str) -> Any:
    """The class of this name; of words in capitals, such as `LRBench`, the file is named `lr_bench.py`."""
    home = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
    if not name.startswith("_") and (Path(__file__).parent / f"{home}.py").is_file():
        return getattr(importlib.import_module(f"aitrain_nb.lessons.widgets.{home}"), name)
    raise AttributeError(f"module 'aitrain_nb.lessons.widgets' has no attribute {name!r}; it has: {', '.join(__all__)}")
