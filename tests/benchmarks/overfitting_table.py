"""How often the overfitting detector is right, beside what people use instead; when it stops; and what an update costs.

python tests/benchmarks/overfitting_table.py [--half tuning] [--wrong]
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from simulator import PATTERNS, Curve, curves, formula, long_runs

from aitrain_nb.overfitting import OverfittingDetector

Rule = Callable[[Sequence[float], Sequence[float]], bool]


def detector(training: Sequence[float], validation: Sequence[float]) -> bool:
    return OverfittingDetector().check(training, validation).overfitting


def rises_in_a_row(number: int) -> Rule:
    """Validation rose that often in a row, at some time: the usual rule."""

    def rule(_: Sequence[float], validation: Sequence[float]) -> bool:
        run = 0
        for before, after in pairwise(validation):
            run = run + 1 if after > before else 0
            if run >= number:
                return True
        return False

    return rule


def patience(number: int) -> Rule:
    """That many evaluations in a row without a new lowest: early stopping."""

    def rule(_: Sequence[float], validation: Sequence[float]) -> bool:
        best, waited = math.inf, 0
        for value in validation:
            best, waited = (value, 0) if value < best else (best, waited + 1)
            if waited >= number:
                return True
        return False

    return rule


def last_against_lowest(share: float) -> Rule:
    """The last value is this share above the lowest."""

    def rule(_: Sequence[float], validation: Sequence[float]) -> bool:
        values = [value for value in validation if math.isfinite(value)]
        return bool(values) and values[-1] - min(values) > share * abs(min(values))

    return rule


RULES: dict[str, Rule] = {
    "OverfittingDetector": detector,
    "3 rises in a row": rises_in_a_row(3),
    "5 rises in a row": rises_in_a_row(5),
    "patience 3": patience(3),
    "patience 5": patience(5),
    "last 5 % above lowest": last_against_lowest(0.05),
    "last 10 % above lowest": last_against_lowest(0.10),
}


def confusion(rule: Rule, judged: Sequence[Curve]) -> tuple[int, int, int, int]:
    """Right alarms, false alarms, missed, right silences, of the curves whose truth is clear."""
    counts = [0, 0, 0, 0]
    for curve in judged:
        if curve.overfits is not None:
            said = rule(curve.training, curve.validation)
            counts[(0 if curve.overfits else 1) if said else (2 if curve.overfits else 3)] += 1
    return tuple(counts)


def precision_and_recall(counts: Sequence[int]) -> tuple[float, float]:
    hits, false, missed, _ = counts
    return hits / max(1, hits + false), hits / max(1, hits + missed)


def chance_to_rank(judged: Sequence[Curve]) -> float:
    """The chance that the score of an overfitting curve is above that of another (area under the ROC curve)."""
    scored = [(OverfittingDetector.check(c.training, c.validation).score, c.overfits) for c in judged]
    yes, no = [s for s, truth in scored if truth], [s for s, truth in scored if truth is False]
    return statistics.fmean((a > b) + (a == b) / 2 for a in yes for b in no)


def stops(curve: Curve) -> int | None:
    """The 0-based evaluation at which the detector stops a run that it is asked about after each, or None."""
    asked = OverfittingDetector()
    return next(
        (i for i, losses in enumerate(zip(curve.training, curve.validation, strict=True)) if asked.update(*losses).overfitting),
        None,
    )  # fmt: skip


def stopping(runs: Sequence[Curve]) -> tuple[float, float, float]:
    """Share of runs whose best evaluation (by the truth) came before the stop; median evaluations after it; share stopped."""
    found = [(stop, run) for run in runs if run.overfits for stop in [stops(run)]]
    kept = [stop is None or stop >= run.best for stop, run in found]
    waited = [stop - run.best for stop, run in found if stop is not None and stop >= run.best]
    return statistics.fmean(kept), statistics.median(waited), sum(stop is not None for stop, _ in found) / len(found)


def microseconds(points: int = 1000, repeats: int = 2000) -> float:
    """What one update costs around `points` evaluations, the mean over all, doublings of the blocks included."""
    curve = [1 + 0.01 * math.sin(i * 12.9898) + abs(i - 400) / 1000 for i in range(points + repeats)]
    asked = OverfittingDetector()
    for i in range(points):
        asked.update(1 / (i + 1), curve[i])
    began = time.process_time()
    for i in range(points, points + repeats):
        asked.update(1 / (i + 1), curve[i])
    return 1e6 * (time.process_time() - began) / repeats


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", choices=["tuning", "testing"], default="testing")
    parser.add_argument(
        "--fresh", type=int, help="judge 60 formulas of each pattern from this seed on, which nobody has looked at"
    )
    parser.add_argument("--wrong", action="store_true", help="name the curves that are judged wrong")
    arguments = parser.parse_args()
    judged, runs, which = curves(arguments.half), long_runs(), f"the {arguments.half} half"
    if arguments.fresh is not None:
        judged = tuple(formula(pattern, arguments.fresh + seed) for pattern in PATTERNS for seed in range(60))
        runs, which = long_runs(first=arguments.fresh + 1000), f"the seeds from {arguments.fresh} on"
    clear = sum(curve.overfits is not None for curve in judged)
    print(f"{len(judged)} curves of {which}, {clear} with a clear truth\n")
    print(f"{'':24}{'right':>7}{'false':>7}{'missed':>8}{'silent':>8}{'precision':>11}{'recall':>8}")
    for name, rule in RULES.items():
        counts = confusion(rule, judged)
        precision, recall = precision_and_recall(counts)
        print(f"{name:24}{counts[0]:7}{counts[1]:7}{counts[2]:8}{counts[3]:8}{precision:11.3f}{recall:8.3f}")
    for source in ("formula", "training"):
        own = [curve for curve in judged if curve.source == source]
        print(f"{'  of these, ' + source:24}", end="")
        print("".join(f"{n:{w}}" for n, w in zip(confusion(detector, own), (7, 7, 8, 8), strict=True)))
    print(f"\nThe score ranks a pair right with a chance of {chance_to_rank(judged):.3f}.\n")
    print(f"{'alarms by pattern':24}{'overfits':>10}{'does not':>10}{'not clear':>11}")
    for pattern in PATTERNS:
        own = [curve for curve in judged if curve.pattern == pattern]
        cells = []
        for truth in (True, False, None):
            these = [curve for curve in own if curve.overfits is truth]
            cells.append(f"{sum(detector(c.training, c.validation) for c in these)}/{len(these)}" if these else "")
        print(f"{pattern:24}{cells[0]:>10}{cells[1]:>10}{cells[2]:>11}")
    kept, waited, stopped = stopping(runs)
    print(
        f"\nStopping on the fly, {len(runs)} long runs: best evaluation kept in {kept:.1%}, stopped {stopped:.1%}, ",
        end="",
    )
    print(f"{waited:.0f} evaluations after the best in the median.")
    print(f"An update at 1,000 to 3,000 evaluations: {microseconds():.1f} microseconds of processor time.")
    if arguments.wrong:
        for curve in judged:
            verdict = OverfittingDetector.check(curve.training, curve.validation)
            if curve.overfits is not None and verdict.overfitting != curve.overfits:
                print(
                    f"\n{curve.pattern} {curve.seed} {curve.source}: {curve.overfits} ({curve.kind}; {len(curve.truth)} evaluations)"
                )
                print(f"   {verdict.score:.2f} {verdict.reason}")


if __name__ == "__main__":
    main()
