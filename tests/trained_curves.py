"""Really trains small networks and writes their curves to `trained_curves.json`: data sets, sizes, decays, rates and noise vary.

The networks are plain NumPy in float64, so that a curve comes out again on another machine. Each has a validation side, whose loss is
the curve, and a held-out side of 1,200 digits or 4,000 made examples, whose loss is the truth.

    python tests/trained_curves.py
"""

from __future__ import annotations

import json
import math
import sys
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from simulator import TRAINED, Curve, is_overfitting

COUNT = 140
VALIDATION = 300


def choices(seed: int) -> dict:
    """What is trained, and how."""
    random = np.random.default_rng([seed, 6])
    epochs = int(random.choice([6, 10, 20, 40, 80, 150]))
    return {
        "data": str(random.choice(["digits", "teacher", "clusters"])),
        "examples": int(random.choice([60, 120, 300, 800])),
        "hidden": int(random.choice([0, 8, 32, 96])),
        "label_noise": float(random.choice([0, 0, 0.1, 0.3])),
        "decay": float(random.choice([0, 0, 1e-3, 1e-2])),
        "jitter": float(random.choice([0, 0, 0.2, 0.5])),
        "rate": float(10 ** random.uniform(-3.3, -1.7)),
        "schedule": str(random.choice(["constant", "constant", "drop", "cycles", "cosine", "warm-up"])),
        "batch": int(random.choice([16, 32])),
        "epochs": epochs,
        "seed": seed,
    }


def examples(name: str, count: int, random: np.random.Generator, label_noise: float):
    """Three sides (training, validation, held out), each inputs [n, d] and classes [n]."""
    if name == "digits":
        from sklearn.datasets import load_digits

        inputs, classes = load_digits(return_X_y=True)
        order = random.permutation(len(classes))
        inputs, classes = inputs[order] / 8 - 1, classes[order]
        held_out = 1200
        count = min(count, len(classes) - held_out - VALIDATION)
    else:
        held_out, size, kinds = 4_000, 20, 4
        total = count + VALIDATION + held_out
        inputs = random.normal(size=(total, size))
        if name == "teacher":
            hidden = np.tanh(inputs @ random.normal(size=(size, 12)) / 2)
            classes = (hidden @ random.normal(size=(12, kinds))).argmax(1)
        else:
            classes = random.integers(kinds, size=total)
            inputs += 0.7 * random.normal(size=(kinds, size))[classes]
    if label_noise:
        changed = random.random(len(classes)) < label_noise
        classes = np.where(changed, random.integers(classes.max() + 1, size=len(classes)), classes)
    edges = [count, count + VALIDATION, count + VALIDATION + held_out]
    return [(inputs[a:b], classes[a:b]) for a, b in zip([0, *edges], edges, strict=False)]


def initial(sizes: list[int], random: np.random.Generator) -> list[np.ndarray]:
    """Weights and biases, layer after layer."""
    found = []
    for inputs, outputs in pairwise(sizes):
        found += [random.normal(size=(inputs, outputs)) * math.sqrt(1 / inputs), np.zeros(outputs)]
    return found


def forward(weights: list[np.ndarray], inputs: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """What goes into each layer, and the log-probabilities [n, C]."""
    seen = [inputs]
    for layer in range(0, len(weights), 2):
        out = seen[-1] @ weights[layer] + weights[layer + 1]
        seen.append(np.maximum(out, 0))
    shifted = out - out.max(1, keepdims=True)
    return seen[:-1], shifted - np.log(np.exp(shifted).sum(1, keepdims=True))


def loss(weights: list[np.ndarray], side: tuple[np.ndarray, np.ndarray]) -> float:
    """Mean cross-entropy, nats."""
    _, logs = forward(weights, side[0])
    return float(-logs[np.arange(len(side[1])), side[1]].mean())


def gradients(weights: list[np.ndarray], inputs: np.ndarray, classes: np.ndarray) -> tuple[float, list[np.ndarray]]:
    """Loss of a batch, and its gradient for each of the weights."""
    seen, logs = forward(weights, inputs)
    rows = np.arange(len(classes))
    error = np.exp(logs)
    error[rows, classes] -= 1
    error /= len(classes)
    found: list[np.ndarray] = []
    for layer in reversed(range(0, len(weights), 2)):
        found = [seen[layer // 2].T @ error, error.sum(0), *found]
        error = (error @ weights[layer].T) * (seen[layer // 2] > 0)
    return float(-logs[rows, classes].mean()), found


def rate_at(schedule: str, rate: float, share: float) -> float:
    """Learning rate when this share of the run is over."""
    match schedule:
        case "drop":
            return rate * (1 if share < 0.5 else 0.1)
        case "cycles":
            return rate * (0.05 + 0.95 * (0.5 + 0.5 * math.cos(2 * math.pi * 5 * share)))
        case "cosine":
            return rate * (0.5 + 0.5 * math.cos(math.pi * share))
        case "warm-up":
            return rate * min(1.0, 0.02 + share / 0.15)
    return rate


def train(chosen: dict) -> Curve:
    """Train with Adam (decoupled weight decay) and note the three losses after each epoch."""
    random = np.random.default_rng([chosen["seed"], 7])
    sides = examples(chosen["data"], chosen["examples"], random, chosen["label_noise"])
    (inputs, classes), validation, held_out = sides
    hidden = [chosen["hidden"]] * (2 if chosen["hidden"] > 8 else 1) if chosen["hidden"] else []
    weights = initial([inputs.shape[1], *hidden, int(classes.max()) + 1], random)
    means, squares = [np.zeros_like(w) for w in weights], [np.zeros_like(w) for w in weights]
    steps, batch = chosen["epochs"] * math.ceil(len(classes) / chosen["batch"]), chosen["batch"]
    step, noted = 0, []
    for _ in range(chosen["epochs"]):
        order, losses = random.permutation(len(classes)), []
        for first in range(0, len(order), batch):
            rows = order[first : first + batch]
            shaken = inputs[rows] + chosen["jitter"] * random.normal(size=(len(rows), inputs.shape[1]))
            value, found = gradients(weights, shaken, classes[rows])
            losses.append(value)
            step += 1
            rate = rate_at(chosen["schedule"], chosen["rate"], step / steps)
            for weight, gradient, mean, square in zip(weights, found, means, squares, strict=True):
                mean[:] += 0.1 * (gradient - mean)
                square[:] += 0.001 * (gradient**2 - square)
                size = np.sqrt(square / (1 - 0.999**step)) + 1e-8
                weight[:] -= rate * (mean / (1 - 0.9**step) / size + chosen["decay"] * 100 * weight)
        noted.append((float(np.mean(losses)), loss(weights, validation), loss(weights, held_out)))
    return described(chosen, *map(np.array, zip(*noted, strict=True)))


def described(chosen: dict, training: np.ndarray, validation: np.ndarray, truth: np.ndarray) -> Curve:
    """The curve with its truth, from the held-out loss smoothed over three epochs."""
    smooth = np.array([np.median(truth[max(0, i - 1) : i + 2]) for i in range(len(truth))])
    best = int(smooth.argmin())
    overfits = is_overfitting(training, smooth, best)
    start = math.log(4 if chosen["data"] != "digits" else 10)
    if overfits or truth[-1] > 1.02 * smooth[best]:
        pattern = "overfitting" if overfits is not False else "both rising"
    elif training[-1] > 0.6 * start:
        pattern = "underfitting"
    elif validation[-1] > 1.5 * training[-1]:
        pattern = "gap"
    else:
        pattern = "healthy" if smooth[-1] < 0.97 * smooth[len(smooth) // 2] else "plateau"
    rounded = [tuple(float(f"{value:.4g}") for value in values) for values in (training, validation, truth)]
    kind = ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in chosen.items()
    )
    return Curve(pattern, rounded[0], rounded[1], chosen["seed"], "training", overfits, best, rounded[2], kind)


def main() -> None:
    made = [asdict(train(choices(seed))) for seed in range(COUNT)]
    TRAINED.write_text("[\n" + ",\n".join(json.dumps(curve, separators=(",", ":")) for curve in made) + "\n]\n")


if __name__ == "__main__":
    main()
