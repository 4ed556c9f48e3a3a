"""`race`: the same run under several settings, measured here and now."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

import torch

from aitrain_nb.displays import progress
from aitrain_nb.engine.memory import is_out_of_memory
from aitrain_nb.errors import AitrainError
from aitrain_nb.racing.results import Lap, Race, Raced, end_loss
from aitrain_nb.racing.rivals import check_asked, checked, rival, usual_rivals
from aitrain_nb.racing.watching import Look, look_into_step
from aitrain_nb.records import Batch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aitrain_nb.trainer import Trainer

_WARM_UP = 1
_MOST_SECONDS = 120.0
"""A rival that has taken so long goes no further: a switch that is slow shows it soon."""


def race(trainer: Trainer, rivals: Sequence[dict[str, Any] | str] | None = None, /, *, steps: int = 8) -> Race:
    """Take the same steps of a run under several settings, in turn with the run as it is: time, memory, and whether the numbers agree.

    Each rival is a copy of the run, from the start of its epoch, with its weights, its optimizer's state and its random numbers; the run
    itself isn't touched. The first step is looked into (loss, gradients, peak memory, kernels, kinds of numbers), one more warms up, and
    then the two take turns, so that what else the machine does falls on both. Only what was measured is said: a ratio holds for this
    model, these data and this machine.

    Args:
        trainer: between two steps.
        rivals: fields of the config, such as [{"precision": "bf16"}, {"attention": "eager", "threads": 1}]; a name alone turns it on. By
            default each switch the other way, where it can be turned here; compile takes a minute and has to be asked for.
        steps: pairs of steps that are timed for each; more of them are a short run, whose losses at the end are compared.

    Raises:
        ConfigError: a rival is no switch of the config, or `steps` is no number of steps.
        PhaseError: a step is under way.

    Example:
        trainer = ai.prepare(data="tickets", model="small-encoder")
        ai.race(trainer, [{"attention": "eager"}, "gradient_checkpointing"])
    """
    check_asked("race", trainer, steps)
    chosen = [{}, *(usual_rivals(trainer) if rivals is None else checked(trainer, rivals))]
    raced = []
    with progress(len(chosen), "rival", "race") as bar, torch.enable_grad():
        for fields in chosen:
            raced.append(_raced(trainer, fields, steps))
            bar.update(1)
    return Race(raced, f"{trainer.config.model or type(trainer.model).__name__} on {trainer.data.name}", steps)


def _raced(trainer: Trainer, fields: dict[str, Any], steps: int) -> Raced:
    try:
        other, base = rival(trainer, fields), rival(trainer, {})
        looks = look_into_step(other), look_into_step(base)
        laps = _laps(other, base, steps)
    except AitrainError as error:
        return Raced(fields, trouble=f"{error.what} {error.why}".strip())
    except (RuntimeError, ValueError, MemoryError) as error:  # out of memory, a kernel that there is not
        if is_out_of_memory(error):
            return Raced(fields, trouble="Memory ran out.")
        return Raced(fields, trouble=f"{type(error).__name__}: {str(error).splitlines()[0]}")
    mine, its = looks
    is_same = torch.equal(mine.examples, its.examples)
    return Raced(
        fields, tuple(laps), mine.peak_bytes, its.peak_bytes, mine.loss - its.loss if is_same else None,
        _cosine(mine, its) if is_same else None, end_loss([row["loss"] for row in other.history]),
        end_loss([row["loss"] for row in base.history]), mine.attention, mine.optimizer, mine.dtypes,
    )  # fmt: skip


def _laps(other: Trainer, base: Trainer, steps: int) -> list[Lap]:
    found: list[Lap] = []
    began = perf_counter()
    for number in range(-_WARM_UP, steps):
        first, second = (other, base) if number % 2 else (base, other)
        taken = {id(one): _step(one) for one in (first, second)}
        (mine, examples), (its, base_examples) = taken[id(other)], taken[id(base)]
        if number >= 0:
            found.append(Lap(mine, its, examples, base_examples))
        if found and perf_counter() - began > _MOST_SECONDS:
            break
    return found


def _step(trainer: Trainer) -> tuple[float, int]:
    """Seconds and examples of the next step."""
    if trainer.device.type == "cuda":
        torch.cuda.synchronize()
    began, examples = perf_counter(), 0
    for record in trainer.phases():
        examples = record.size if isinstance(record, Batch) else examples
    if trainer.device.type == "cuda":
        torch.cuda.synchronize()
    return perf_counter() - began, examples


def _cosine(mine: Look, its: Look) -> float:
    """Of the angle between two gradients of the same weights."""
    dot = own = other = 0.0
    for name, gradient in its.gradients.items():
        beside = mine.gradients[name].double().flatten()
        gradient = gradient.double().flatten()  # noqa: PLW2901
        dot, own, other = (
            dot + float(beside @ gradient),
            own + float(beside @ beside),
            other + float(gradient @ gradient),
        )
    return dot / max(1e-300, (own * other) ** 0.5)
