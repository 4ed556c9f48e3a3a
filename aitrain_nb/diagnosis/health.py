"""What a healthy run looks like: training falls, validation follows, both level off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aitrain_nb.diagnosis.finding import Evidence, Finding
from aitrain_nb.diagnosis.findings import Tick

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aitrain_nb.diagnosis.curves import Curve, Curves

_FALLS = 0.05
_FOLLOWS = 0.5
"""Validation has gained at least this share of what training has gained."""
_LEVEL = 0.15
"""Share of the whole gain that the last quarter of a levelled curve makes at most."""


def ticks(curves: Curves, *, is_lost: bool = False) -> list[Tick]:
    """The three signs of a healthy run, each True, False, or None where it can't be told.

    Args:
        curves: the numbers of the run.
        is_lost: whether its loss came to be no number.
    """
    main, checked = curves.main, curves.checked
    if len(main) < 3:
        return []
    diverges = curves.verdict.degree != "none"
    return [_falls(main, is_lost=is_lost), _follows(main, checked, diverges=diverges), _levels(main, checked)]


def _falls(main: Curve, *, is_lost: bool) -> Tick:
    words = f"{main.start:.4g} to {main.end:.4g} ({-main.drop:+.0%})"
    return Tick(
        "training loss falls",
        main.drop > _FALLS and not is_lost,
        f"{words}, as far as it is a number" if is_lost else words,
    )


def _follows(main: Curve, checked: Curve, *, diverges: bool) -> Tick:
    name = "validation loss follows"
    if len(checked) < 2:
        return Tick(name, None, "there are no two validation losses")
    gained, with_it = main.start - main.end, main.start - checked.end
    follows = bool(not diverges and gained > 0 and with_it >= _FOLLOWS * gained)
    return Tick(name, follows, f"{checked.end:.4g} at the end, beside {main.end:.4g} in training")


def _levels(main: Curve, checked: Curve) -> Tick:
    """Whether the last quarter gained little: of validation where it is known, since it is what counts."""
    curve = checked if len(checked) >= 4 else main
    name, gained = "both level off", main.start - min(curve.end, main.start)
    if len(curve) < 4:
        return Tick(name, None, "too few values to tell")
    if gained <= 0:
        return Tick(name, None, f"{curve.end:.4g} at the end is no gain over {main.start:.4g} at the start")
    late = float(curve.blocks[int(0.75 * len(curve.blocks)) - 1] - curve.end)
    if late < -_LEVEL * gained:
        return Tick(name, False, f"the last quarter lost {-late:.3g} of {gained:.3g}")
    level = late <= _LEVEL * gained
    words = f"the last quarter brought {late:.3g} of {gained:.3g}" + ("" if level else ": more epochs may bring more")
    return Tick(name, True if level else None, words)


def healthy(signs: Sequence[Tick]) -> Finding | None:
    """The finding of a run in which nothing is wrong, or None where it can't be called healthy."""
    if not signs or not signs[0].holds or any(tick.holds is False for tick in signs):
        return None
    told = [tick.name for tick in signs if tick.holds]
    evidence = tuple(Evidence(tick.name, tick.words, "a sign of a healthy run") for tick in signs if tick.holds)
    return Finding(
        name="healthy", what=f"Nothing wrong was found: {', '.join(told)}.", evidence=evidence,
        confidence="high" if len(told) == 3 else "medium", could_also_be=(),
        refute="Evaluate on examples that nothing has looked at yet.", fix={}, advice="",
        how_to_read="Training falls steadily, validation follows it, and both level off.",
        source="Common Training Patterns: what you want to see", is_alarm=False,
    )  # fmt: skip
