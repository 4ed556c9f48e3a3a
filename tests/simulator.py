"""Curves of training and validation loss whose truth is known: formulas with noise, and small real trainings.

    curves("tuning"), curves("testing")     the two halves, by seed
    long_runs()                             for stopping while a run goes on

A curve's truth is judged on the losses *without* noise: of a formula as they were written down, of a real training on a held-out
side far larger than the one the curve shows. It overfits if that loss ends at least 8 % above its lowest while the training loss
fell or had nothing left to fall; it doesn't if it ends at most 2 % above, or if both losses rose. What lies between, and what noise
hides (a rise below three standard errors of the evaluations it is made of), has the truth None and isn't counted.
Percentages are of the lowest loss, or of the fall before it where a loss may be negative.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np

TRAINED = Path(__file__).with_name("trained_curves.json")
CLEAR_RISE, NO_RISE = 0.08, 0.02
PATTERNS = (
    "healthy", "plateau", "gap", "noisy", "underfitting", "not learning", "overfitting", "memorised", "exploding", "both rising",
    "spike", "double descent", "not finite",
)  # fmt: skip
EACH = dict.fromkeys(PATTERNS, 40) | {"overfitting": 120, "memorised": 60}
"""Curves of each pattern from formulas, both halves together."""


@dataclass(frozen=True)
class Curve:
    """Two losses an evaluation.

    Attributes:
        pattern: what happens, one of PATTERNS.
        training: training loss of each evaluation.
        validation: validation loss of each evaluation.
        seed: of its random numbers; even ones are for tuning, odd ones for testing.
        source: "formula", or "training" for a network that was really trained.
        overfits: the truth, or None where it isn't clear cut.
        best: 0-based evaluation whose true validation loss is lowest.
        truth: validation loss without noise.
        kind: what else there is to know, such as its cycles or the data it was trained on.
    """

    pattern: str
    training: tuple[float, ...]
    validation: tuple[float, ...]
    seed: int
    source: Literal["formula", "training"]
    overfits: bool | None
    best: int
    truth: tuple[float, ...]
    kind: str = ""


def curves(half: Literal["tuning", "testing"]) -> tuple[Curve, ...]:
    """One half of all curves: formulas and real trainings."""
    return tuple(curve for curve in every_curve() if curve.seed % 2 == (half == "testing"))


@cache
def every_curve() -> tuple[Curve, ...]:
    """Both halves."""
    made = [formula(pattern, seed) for pattern in PATTERNS for seed in range(EACH[pattern])]
    return (*made, *trained())


@cache
def trained() -> tuple[Curve, ...]:
    """Curves of real trainings, as `trained_curves.py` wrote them."""
    return tuple(
        Curve(**(kept | {name: tuple(kept[name]) for name in ("training", "validation", "truth")}))
        for kept in json.loads(TRAINED.read_text())
    )


@cache
def long_runs(count: int = 200, first: int = 10_000) -> tuple[Curve, ...]:
    """Runs of 60 to 600 evaluations that overfit in the end, each with its own noise, for stopping while they go on."""
    return tuple(formula("overfitting", first + seed, points=(60, 600)) for seed in range(count))


def is_overfitting(training: np.ndarray, truth: np.ndarray, best: int) -> bool | None:
    """The truth about losses without noise; None where it isn't clear cut."""
    low = truth[best]
    scale = abs(low) if truth.min() > 0 else max(truth[: best + 1].max() - low, 0.05 * abs(low))
    rise = (truth[-1] - low) / max(scale, 1e-300)
    if rise <= NO_RISE:
        return False
    change = training[-1] - training[best]
    if change > 0.5 * (truth[-1] - low):
        return False
    return True if rise >= CLEAR_RISE else None


# formulas


def formula(pattern: str, seed: int, points: tuple[int, int] | None = None) -> Curve:
    """A curve from a formula: the pattern's two losses, then what real ones carry (rate drops, cycles, warm-up, scale, noise).

    Args:
        pattern: one of PATTERNS.
        seed: of everything that is drawn.
        points: fewest and most evaluations; by default short, usual and long ones by the seed.
    """
    random = np.random.default_rng([seed, *pattern.encode()])
    low, high = points or ((6, 12), (12, 60), (30, 200), (60, 400), (400, 2000))[seed // 2 % 5]
    if points is None and seed // 2 in {4, 14}:
        low, high = 4000, 5000
    elif pattern in {"overfitting", "memorised", "healthy"} and points is None and seed // 2 % 5 == 0:
        low = 3
    count = round(math.exp(random.uniform(math.log(low), math.log(high))))
    time = np.arange(1, count + 1) / count
    training, truth = _pattern(pattern, time, random)
    wave, kinds = np.ones_like(time), []
    if pattern not in {"exploding", "both rising", "not learning", "spike", "double descent"}:
        training, truth, wave, kinds = _carried(training, truth, time, random)
    if random.random() < 0.15 and pattern not in {"not finite", "exploding"}:
        shift = random.uniform(0.5, 1.5) * truth.max()  # such as the negative log-likelihood of a density
        training, truth = training - shift, truth - shift
        kinds.append("negative")
    scale = 10 ** random.uniform(-4, 4) if random.random() < 0.5 else 1.0
    training, truth = training * scale, truth * scale
    best = int(np.argmin(truth))
    measured, seen, error = _noise(pattern, training, truth, random, kinds)
    measured, seen = measured + (wave - 1) * np.abs(training), seen + (wave - 1) * np.abs(truth)
    overfits = is_overfitting(training, truth, best)
    after = max(1, count - 1 - best)
    if overfits and truth[-1] - truth[best] < 3 * error * math.sqrt(1 / min(after, 8) + 1 / 8):
        overfits = None
    if pattern == "not finite":
        measured[-max(1, count // 5) :] = seen[-max(1, count // 5) :] = math.nan
        overfits = False if overfits is not True else None
    elif random.random() < 0.1 and count > 5:
        for values in (measured, seen):
            values[random.integers(1, count - 1)] = math.nan
        kinds.append("a number missing")
    return Curve(
        pattern, tuple(measured.tolist()), tuple(seen.tolist()), seed, "formula", overfits, best, tuple(truth.tolist()),
        ", ".join(kinds),
    )  # fmt: skip


def _pattern(pattern: str, time: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Training loss and validation loss without noise."""
    start, floor = random.uniform(0.7, 4), random.uniform(0.05, 0.5)
    pace = random.uniform(0.05, 0.4)
    fall = np.exp(-time / pace) if random.random() < 0.5 else (1 + time / pace) ** -random.uniform(1, 2.5)
    training = start * (floor + (1 - floor) * fall)
    gap = random.uniform(0, 0.15) * start * floor
    validation = training + gap * (1 - fall)
    level = start * floor * random.uniform(1.2, 4)
    flat = level + (start - level) * np.exp(-time / random.uniform(0.05, 0.2))
    turn = random.uniform(0.1, 0.75)
    after = np.clip((time - turn) / (1 - turn), 0, None) ** random.uniform(0.8, 2)
    rise = math.exp(random.uniform(math.log(0.05), math.log(2)))
    match pattern:
        case "healthy" | "noisy" | "not finite":
            pair = training, validation
        case "plateau":
            fallen = np.minimum(flat, start)  # one that ends above its start is no plateau
            pair = fallen, fallen * random.uniform(1, 1.1)
        case "gap":
            pair = start * np.exp(-time / random.uniform(0.15, 0.4)), flat
        case "underfitting":
            high = start * (random.uniform(0.75, 0.9) + 0.1 * np.exp(-time / pace))
            pair = high, high * random.uniform(1, 1.05)
        case "not learning":
            still = np.full_like(time, start)
            pair = still, still * random.uniform(1, 1.02)
        case "overfitting":
            pair = training, flat * (1 + rise * after)
        case "memorised":
            gone = start * np.exp(-time / random.uniform(0.02, 0.12)) + 1e-4 * start
            pair = gone, flat * (1 + rise * after)
        case "exploding":
            burst = np.exp(np.clip(time - turn, 0, None) * random.uniform(5, 40))
            pair = training * burst, validation * burst
        case "both rising":
            pair = training * (1 + rise * after), validation * (1 + rise * after)
        case "spike":
            jump = 1 + rise * 3 * ((time > turn) & (time <= turn + max(0.06, 1.5 / time.size)) & (time < 0.9))
            pair = training * jump, validation * jump
        case "double descent":
            hump = 1 + min(rise, 0.8) * np.exp(-(((time - 0.35) / 0.12) ** 2))
            pair = training, validation * hump * (1 - 0.35 * time)
        case _:
            raise ValueError(pattern)
    return pair


def _carried(
    training: np.ndarray, truth: np.ndarray, time: np.ndarray, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str]]:
    """What real curves carry besides, drawn at random: a rate drop, a warm-up; and cycles, which are no part of the truth."""
    wave, kinds = np.ones_like(time), []
    count = time.size
    if random.random() < 0.25 and count >= 20:
        drop = random.uniform(0.2, 0.7)
        share = random.uniform(0.05, 0.3) * (1 - np.exp(-np.clip(time - drop, 0, None) * count / 2))
        helps = (
            drop < np.argmin(truth) / count or truth[-1] < 1.02 * truth.min()
        )  # what has turned isn't mended by a lower rate
        training, truth = training * (1 - share), truth * (1 - helps * share)
        kinds.append("rate drop")
    elif random.random() < 0.25 and count >= 24:
        period = random.uniform(5, min(30, max(6, count / 5))) / count
        wave = 1 + random.uniform(0.01, 0.08) * (1 - np.cos(2 * np.pi * time / period)) / 2
        kinds.append("cycles")
    if random.random() < 0.2 and count >= 10:
        warm = random.uniform(0.02, 0.1)  # a slow start: the losses are those of an earlier time
        begun = time * time / (time + warm) * (1 + warm)
        training, truth = np.interp(begun, time, training), np.interp(begun, time, truth)
        kinds.append("warm-up")
    return training, truth, wave, kinds


def _noise(
    pattern: str, training: np.ndarray, truth: np.ndarray, random: np.random.Generator, kinds: list[str]
) -> tuple[np.ndarray, np.ndarray, float]:
    """Both losses as they are measured, and the standard deviation of the validation loss's noise."""
    count = truth.size
    size = (
        random.uniform(0.08, 0.3) if pattern == "noisy" else math.exp(random.uniform(math.log(0.002), math.log(0.06)))
    )
    level = np.median(np.abs(truth - truth.min())) + abs(truth.min() if truth.min() > 0 else np.ptp(truth))
    error = size * float(level)
    drawn = random.standard_t(4, count) / math.sqrt(2) if random.random() < 0.3 else random.normal(size=count)
    if random.random() < 0.3 and count >= 12:
        for place in range(1, count):  # neighbours lie alike
            drawn[place] = 0.6 * drawn[place - 1] + 0.8 * drawn[place]
        kinds.append("noise that lasts")
        error *= 1.6
    own = random.normal(size=count) * size * 0.3 * np.abs(training)
    return training + own, truth + drawn * size * level, error
