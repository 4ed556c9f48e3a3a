"""Many short runs one after another: what each came to, with a bar, until all are done or somebody interrupts."""

from __future__ import annotations

from contextlib import suppress
from numbers import Integral, Real
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

from aitrain_nb.displays import progress as progress_bar
from aitrain_nb.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_Result = TypeVar("_Result")


def checked_count(name: str, value: Any) -> int:
    """A whole number of at least 1; raises ConfigError where it is none, by its name."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ConfigError(f"{name}={value!r} can't be used.", "It is a whole number of at least 1.", f"{name}=3")
    return int(value)


def check_budget(seeds: Any, steps: Any, seconds: Any = None) -> None:
    """Raise ConfigError where seeds or steps are no whole numbers of at least 1, or seconds no number; None leaves the last two open."""
    checked_count("seeds", seeds)
    if steps is not None:
        checked_count("steps", steps)
    if seconds is not None and (isinstance(seconds, bool) or not isinstance(seconds, Real)):
        raise ConfigError(f"seconds={seconds!r} can't be used.", "It is a number, or None for no limit.", "seconds=60")


def carry_out(
    plan: Sequence[tuple[Any, ...]],
    measure: Callable[..., _Result],
    tell: Callable[[_Result], str],
    doing: str,
    progress: Callable[[str], None] | None = None,
    seconds: float | None = None,
) -> list[_Result]:
    """What each entry of a plan came to, in order; an interrupt, or the end of `seconds`, keeps what was done.

    Args:
        plan: the arguments of `measure`, entry by entry.
        measure: does one.
        tell: a result in a few words.
        doing: the name of the whole.
        progress: told a line for each that is done; a bar by default.
        seconds: nothing begins after so many; no limit by default.
    """
    found: list[_Result] = []
    began = perf_counter()
    with progress_bar(len(plan), "run", doing, is_shown=progress is None) as bar, suppress(KeyboardInterrupt):
        for entry in plan:
            if seconds is not None and perf_counter() - began > seconds:
                break
            found.append(measure(*entry))
            bar.update(1)
            if progress is not None:
                progress(f"{len(found)} of {len(plan)}: {tell(found[-1])}")
    return found
