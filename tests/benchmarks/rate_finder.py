"""How good the rates are that `find_learning_rate` suggests: the final validation loss at each rule's suggestion, against a grid.

python tests/benchmarks/rate_finder.py [--seeds 3] [--points 13] [--to losses.json]

For each task and seed a short run is trained at 13 rates from 1e-4 to 10 and at each suggestion. The table shows, as the median over
the seeds, how much higher the final validation loss is than at the best rate of the grid, in nats; below 0 is better than the grid.
"""

import argparse
import json
import math
import statistics
from pathlib import Path

import numpy as np
import torch

import aitrain_nb as ai
from aitrain_nb.tuning.rules import RULES

SGD = {"optimizer": "sgd", "momentum": 0.9}
ENCODER = {"data": "tickets", "vocabulary_size": 1000, "max_length": 24, "batch_size": 16, "max_steps": 120}
GPT = {
    "task": "text-generation",
    "data": "tickets",
    "max_length": 32,
    "batch_size": 8,
    "max_steps": 120,
    "evaluation_examples": 64,
}
TASKS = {
    "digits, mlp, AdamW": {"data": "digits", "model": "mlp", "max_steps": 135},
    "digits, small-cnn, SGD": {"data": "digits", "model": "small-cnn", "max_steps": 135} | SGD,
    "tickets, small-encoder, AdamW": ENCODER,
    "digits, mlp, SGD": {"data": "digits", "model": "mlp", "max_steps": 135} | SGD,
    "digits, small-cnn, AdamW": {"data": "digits", "model": "small-cnn", "max_steps": 135},
    "tickets, small-gpt, AdamW": GPT,
}
"""The recommended rule was chosen with the first four, and part of the fifth, in sight; only the last had no say."""


def final_loss(fields, rate):
    """Validation loss at the end of a run with this rate, nats; a model that knows nothing counts where it isn't finite."""
    trainer = ai.prepare(**fields, learning_rate=rate, evaluate_every=0, threads=1)
    trainer.fit(display="none")
    loss = trainer.evaluate().loss
    chance = math.log(max(2, len(trainer.class_names)))
    return min(loss, 4 * chance) if math.isfinite(loss) else 4 * chance


def tried(fields, grid):
    """A range test and the final losses at the rates of the grid and at the suggestions."""
    found = ai.find_learning_rate(ai.prepare(**fields, threads=1))
    return {
        "grid": [final_loss(fields, float(rate)) for rate in grid],
        "suggestions": found.suggestions,
        "final": {rule: final_loss(fields, rate) for rule, rate in found.suggestions.items()},
        "recommended": found.recommended,
        "rates": found.learning_rates,
        "losses": found.losses,
    }


def rows_of(name, runs, grid):
    """Lines of the table for one task."""
    best = [min(run["grid"]) for run in runs]
    where = statistics.median(float(grid[int(np.argmin(run["grid"]))]) for run in runs)
    yield f"{name}: best of the grid {statistics.median(best):.4f} nats, at {where:.2g}"
    for rule in RULES:
        rates = [run["suggestions"][rule] for run in runs if rule in run["suggestions"]]
        if not rates:
            yield f"    {rule:<10} no suggestion"
            continue
        more = [run["final"][rule] - low for run, low in zip(runs, best, strict=True) if rule in run["final"]]
        chosen = "  (recommended)" if runs[0]["recommended"] == rule else ""
        yield f"    {rule:<10} {statistics.median(rates):<9.2g} {statistics.median(more):+.4f} nats, worst {max(more):+.4f}{chosen}"


def main():
    """Print the table."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--seeds", type=int, default=3)
    arguments.add_argument("--points", type=int, default=13)
    arguments.add_argument("--to", type=Path)
    options = arguments.parse_args()
    torch.set_num_threads(1)
    grid = np.geomspace(1e-4, 10, options.points)
    everything = {}
    for name, fields in TASKS.items():
        runs = [tried(fields | {"seed": seed}, grid) for seed in range(options.seeds)]
        everything[name] = runs
        print("\n".join(rows_of(name, runs, grid)), flush=True)
        if options.to:
            options.to.write_text(json.dumps(everything), encoding="utf-8")
    print("Median over tasks and seeds, and the worst, of what a rule costs above the best of the grid:")
    for rule in RULES:
        more = [run["final"].get(rule, math.inf) - min(run["grid"]) for runs in everything.values() for run in runs]
        print(f"    {rule:<10} {statistics.median(more):+.4f} nats, worst {max(more):+.4f}")


if __name__ == "__main__":
    main()
