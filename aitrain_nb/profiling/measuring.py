"""`profile`: the steps of a copy of a run, timed, and then looked into.

Source: torch.profiler; its operations are those of ATen.
"""

from __future__ import annotations

import os
from collections import defaultdict
from contextlib import contextmanager
from statistics import fmean, median
from time import perf_counter
from typing import TYPE_CHECKING, Any

import torch

from aitrain_nb.displays import progress
from aitrain_nb.profiling.kinds import BETWEEN, kind_of
from aitrain_nb.profiling.results import Operation, Profile
from aitrain_nb.racing.rivals import check_asked, rival
from aitrain_nb.records import Batch, Forward, Gradients, Loss, Update

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aitrain_nb.trainer import Trainer

PHASES = {Batch: "tokenize", Forward: "forward", Loss: "loss", Gradients: "backward", Update: "update"}
_WARM_UP = 2
_STEADY, _MOST_COMPILED = 4, 16
"""Compiled steps that take about the same time before any is counted, and how many are taken at most until then."""
_MOST_SECONDS = 60.0
_MARK = "aitrain_nb: end of "


def profile(trainer: Trainer, /, *, steps: int = 5) -> Profile:
    """Where the time of a step goes: each phase, and what is computed in it, measured here and now.

    A copy of the run, from the start of its epoch, takes the steps; the run itself isn't touched. Phases are timed in steps that nobody
    looks into; in turn with them as many are taken under torch's profiler, and its times, which are a little too long, are scaled to
    those where they are more. What is left of a phase is Python, torch's bookkeeping, and what other programs took: the least certain.
    On a graphics card its own times count (written for it, never tried on one).

    Args:
        trainer: between two steps.
        steps: that are timed, and looked into; fewer where they take longer than a minute.

    Raises:
        ConfigError: it isn't a trainer, or `steps` is no number of steps.
        PhaseError: a step is under way, or torch is told not to compute gradients, for good.

    Example:
        trainer = ai.prepare(data="tickets", model="small-encoder")
        ai.profile(trainer)
    """
    check_asked("profile", trainer, steps)
    trainer.check_can_train()
    other = rival(trainer, {})
    taken: list[dict[str, float]] = []
    looked: list[list[tuple[str, str, float]]] = []
    padding: list[float] = []
    with progress(1 + steps, "step", "profile") as bar, torch.enable_grad():
        _warm_up(other)
        bar.update(1)
        began = perf_counter()
        while len(taken) < steps and (not taken or perf_counter() - began < _MOST_SECONDS):
            found = dict.fromkeys(PHASES.values(), 0.0)
            for phase, seconds, record in _timed(other):
                found[phase] += seconds
                if isinstance(record, Batch):
                    padding.append(_padding(record))
            taken.append(found)
            looked.append(_look(other))
            bar.update(1)
    return _joined(taken, looked, fmean(padding), trainer)


def _warm_up(trainer: Trainer) -> None:
    """Steps that nothing is learned from: memory is made room for, the profiler begins, and what is compiled is compiled for all shapes."""
    seconds: list[float] = []
    is_steady = False
    while len(seconds) < _WARM_UP or (trainer.config.compile and not is_steady and len(seconds) < _MOST_COMPILED):
        seconds.append(sum(taking for _, taking, _ in _timed(trainer)))
        last = seconds[-_STEADY:]
        is_steady = len(last) == _STEADY and max(last) < 2 * min(last)
    _look(trainer)


def _timed(trainer: Trainer) -> Iterator[tuple[str, float, Any]]:
    """The phases of the next step, each with its seconds and its record."""
    began = perf_counter()
    for record in trainer.phases():
        if trainer.device.type == "cuda":
            torch.cuda.synchronize()
        yield PHASES[type(record)], perf_counter() - began, record
        began = perf_counter()


def _padding(batch: Batch) -> float:
    """The share of its tokens that only fill it up."""
    masks = [part.inputs["attention_mask"] for part in batch.parts if "attention_mask" in part.inputs]
    whole = sum(mask.numel() for mask in masks)
    return 1 - float(sum(int(mask.sum()) for mask in masks)) / whole if whole else 0.0


def _look(trainer: Trainer) -> list[tuple[str, str, float]]:
    """The operations of the next step: phase, name, seconds without those that it calls."""
    activities = [torch.profiler.ProfilerActivity.CPU]
    on_card = trainer.device.type == "cuda"
    if on_card:
        activities.append(torch.profiler.ProfilerActivity.CUDA)
    with _quiet(), torch.profiler.profile(activities=activities) as profiler:
        for phase, _, _ in _timed(trainer):
            with torch.profiler.record_function(_MARK + phase):
                pass
    events = sorted(profiler.events(), key=lambda event: event.time_range.start)
    ends = [
        (event.time_range.start, event.name.removeprefix(_MARK)) for event in events if event.name.startswith(_MARK)
    ]
    found, place = [], 0
    for event in events:
        while place < len(ends) - 1 and event.time_range.start > ends[place][0]:
            place += 1
        if not event.name.startswith(_MARK):
            microseconds = event.self_device_time_total if on_card else event.self_cpu_time_total
            found.append((ends[place][1], event.name, microseconds / 1e6))
    return found


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the lines that torch's profiler writes past Python to the terminal; it reads how much to say when it is first used."""
    name = "KINETO_LOG_LEVEL"
    before = os.environ.get(name)
    os.environ.setdefault(name, "6")
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]


def _joined(
    taken: list[dict[str, float]], looked: list[list[tuple[str, str, float]]], padding: float, trainer: Trainer
) -> Profile:
    """Median times of the phases, divided by what the profiler saw in them."""
    seconds: dict[str, dict[str, float]] = {}
    scales = {}
    for phase in PHASES.values():
        whole = median(found[phase] for found in taken)
        cells: defaultdict[str, list[float]] = defaultdict(lambda: [0.0] * len(looked))
        for number, step in enumerate(looked):
            for where, name, taking in step:
                if where == phase and (kind := kind_of(name)) != BETWEEN:
                    cells[kind][number] += taking
        kinds = {kind: median(each) for kind, each in cells.items()}
        seen = sum(kinds.values())
        scales[phase] = min(1.0, whole / seen) if seen else 1.0
        kinds = {kind: value * scales[phase] for kind, value in kinds.items()}
        seconds[phase] = kinds | {BETWEEN: max(0.0, whole - seen)}
    by_name: defaultdict[str, list[float]] = defaultdict(list)
    for step in looked:
        for phase, name, taking in step:
            by_name[name].append(taking * scales[phase])
    operations = [
        Operation(name, kind_of(name), len(each) / len(looked), sum(each) / len(looked))
        for name, each in by_name.items()
    ]
    operations.sort(key=lambda one: -one.seconds)
    return Profile(seconds, operations, padding, len(looked), trainer)
