"""See a neural network train, one step at a time, in Jupyter.

Importing this package loads none of torch, transformers, pandas, matplotlib: the public names load what they need on
first use.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aitrain_nb import plots, watchers
    from aitrain_nb.comparing import compare
    from aitrain_nb.config import TrainConfig
    from aitrain_nb.data import Dataset, Splits
    from aitrain_nb.diagnosis import diagnose
    from aitrain_nb.diagnosis.beforehand import check_before_training
    from aitrain_nb.errors import (
        AitrainError,
        ConfigError,
        DataError,
        ModelError,
        OutOfMemoryError,
        PhaseError,
        StopTraining,
    )  # fmt: skip
    from aitrain_nb.estimating import estimate, find_batch_size
    from aitrain_nb.exporting import export, load_exported
    from aitrain_nb.exporting.quantizing import simulate_quantization
    from aitrain_nb.followers import follow
    from aitrain_nb.loading import load_run
    from aitrain_nb.looking import quick_look
    from aitrain_nb.overfitting import OverfittingDetector
    from aitrain_nb.previewing import preview
    from aitrain_nb.profiling import profile
    from aitrain_nb.racing import race
    from aitrain_nb.records import Batch, Evaluation, Forward, Gradients, Loss, Update
    from aitrain_nb.run import prepare
    from aitrain_nb.run_folder.saving import save_run
    from aitrain_nb.run_table import runs
    from aitrain_nb.shots import FewShot, PromptClassifier, compare_methods, transfer
    from aitrain_nb.sources import read
    from aitrain_nb.tasks import Task, add_task
    from aitrain_nb.trainer import Trainer
    from aitrain_nb.tuning import compare_optimizers, find_learning_rate, sweep
    from aitrain_nb.widgets.form import ConfigForm
    from aitrain_nb.widgets.monitor import Monitor
    from aitrain_nb.widgets.playground import Playground
    from aitrain_nb.widgets.slider import Slider
    from aitrain_nb.widgets.stepper import Stepper

__version__ = "0.1.0"

if "OMP_WAIT_POLICY" not in os.environ:
    # GNU's OpenMP, which torch brings on Linux, reads it when torch is imported: how long a thread that waits for the others keeps
    # its processor busy. Left alone (300,000), a step on a processor that others use too takes 2 to 20 times as long; with 3,000 it
    # takes a twentieth more on a quiet one.
    os.environ.setdefault("GOMP_SPINCOUNT", "3000")

_HOMES = {
    "prepare": "run",
    "preview": "previewing",
    "estimate": "estimating",
    "find_batch_size": "estimating",
    "quick_look": "looking",
    "save_run": "run_folder.saving",
    "load_run": "loading",
    "runs": "run_table",
    "compare": "comparing",
    "compare_methods": "shots",
    "compare_optimizers": "tuning",
    "FewShot": "shots",
    "transfer": "shots",
    "PromptClassifier": "shots",
    "export": "exporting",
    "load_exported": "exporting",
    "simulate_quantization": "exporting.quantizing",
    "follow": "followers",
    "diagnose": "diagnosis",
    "check_before_training": "diagnosis.beforehand",
    "find_learning_rate": "tuning",
    "sweep": "tuning",
    "race": "racing",
    "profile": "profiling",
    "Trainer": "trainer",
    "TrainConfig": "config",
    "Task": "tasks",
    "add_task": "tasks",
    "read": "sources",
    "Dataset": "data",
    "Splits": "data",
    "OverfittingDetector": "overfitting",
    "ConfigForm": "widgets.form",
    "Monitor": "widgets.monitor",
    "Playground": "widgets.playground",
    "Slider": "widgets.slider",
    "Stepper": "widgets.stepper",
    **dict.fromkeys(("Batch", "Forward", "Loss", "Gradients", "Update", "Evaluation"), "records"),
    **dict.fromkeys(
        ("AitrainError", "ConfigError", "DataError", "ModelError", "OutOfMemoryError", "PhaseError", "StopTraining"),
        "errors",
    ),
}

__all__ = [
    "AitrainError",
    "Batch",
    "ConfigError",
    "ConfigForm",
    "DataError",
    "Dataset",
    "Evaluation",
    "FewShot",
    "Forward",
    "Gradients",
    "Loss",
    "ModelError",
    "Monitor",
    "OutOfMemoryError",
    "OverfittingDetector",
    "PhaseError",
    "Playground",
    "PromptClassifier",
    "Slider",
    "Splits",
    "Stepper",
    "StopTraining",
    "Task",
    "TrainConfig",
    "Trainer",
    "Update",
    "add_task",
    "check_before_training",
    "compare",
    "compare_methods",
    "compare_optimizers",
    "diagnose",
    "estimate",
    "export",
    "find_batch_size",
    "find_learning_rate",
    "follow",
    "load_exported",
    "load_run",
    "plots",
    "prepare",
    "preview",
    "profile",
    "quick_look",
    "race",
    "read",
    "runs",
    "save_run",
    "simulate_quantization",
    "sweep",
    "transfer",
    "watchers",
]


def __getattr__(name: str) -> Any:
    if name in {"plots", "watchers"}:
        return importlib.import_module(f"aitrain_nb.{name}")
    if name in _HOMES:
        return getattr(importlib.import_module(f"aitrain_nb.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'aitrain_nb' has no attribute {name!r}; it has: {', '.join(__all__)}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
