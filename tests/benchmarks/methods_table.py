"""What pretraining is worth: five ways to classify texts at several numbers of training examples, medians over seeds.

Majority; TF-IDF (words, 1-2-grams) with logistic regression; a small encoder from scratch; logistic regression on frozen MiniLM
features; MiniLM fine-tuned. All are scored on the same rows of each seed.

    python tests/benchmarks/methods_table.py --data tickets --sizes 60 300 900
    python tests/benchmarks/methods_table.py --data speeches --sizes 300 1000 2400

On two cores the fine-tuned row takes most of an hour; `--methods` runs some rows only.
"""

from __future__ import annotations

import argparse
import statistics
import time
from functools import cache
from typing import TYPE_CHECKING

import torch

import aitrain_nb as ai
from aitrain_nb.bundled import BUNDLED
from aitrain_nb.data import Splits
from aitrain_nb.looking.encoder import load_encoder
from aitrain_nb.looking.scoring import regression, word_features

if TYPE_CHECKING:
    import numpy as np

BATCH, VALIDATION = 32, 300
"""Examples a step, and examples that every method is scored on."""
SCRATCH = {"model": "small-encoder", "steps": 400, "epochs": 10, "learning_rate": 1e-3}
FINE_TUNE = {"model": "minilm", "method": "fine-tune", "steps": 90, "epochs": 2, "learning_rate": 1e-4}
"""So many epochs, and at least so many steps; scored are the weights of the best of three evaluations."""


@cache
def whole(data: str) -> ai.Dataset:
    """All examples, and where each one lies among them as the column `place`."""
    dataset = BUNDLED[data]("text-classification").dataset
    return ai.Dataset(dataset.columns | {"place": torch.arange(len(dataset))}, dataset.label_names)


@cache
def rows_of(data: str, size: int, seed: int) -> Splits:
    """At most `size` training rows and 300 validation rows, stratified; for speeches no speech on both sides."""
    splits = whole(data).split(0.25 if data == "tickets" else 0.15, seed, name=data)
    chance = torch.Generator().manual_seed(seed)
    train = torch.randperm(len(splits.train), generator=chance)[:size]
    validation = torch.randperm(len(splits.validation), generator=chance)[:VALIDATION]
    return Splits(splits.train.subset(train), splits.validation.subset(validation), data)


def majority(splits: Splits, _seed: int) -> float:
    most = splits.train.columns["label"].mode().values
    return float((splits.validation.columns["label"] == most).double().mean())


def bag_of_words(splits: Splits, _seed: int) -> float:
    train, transform = word_features(splits.train.columns["text"])
    model = regression().fit(train, splits.train.columns["label"])
    return model.score(transform(splits.validation.columns["text"]), splits.validation.columns["label"])


@cache
def vectors(data: str) -> np.ndarray:
    """Frozen features of all examples."""
    encoder = load_encoder(ai.TrainConfig(task="text-classification", model="minilm", method="head"))
    return encoder.vectors(whole(data).columns["text"], None)


def frozen(splits: Splits, _seed: int) -> float:
    train, validation = (
        (vectors(splits.name)[part.columns["place"].numpy()], part.columns["label"]) for part in (splits.train, splits.validation)
    )  # fmt: skip
    return regression().fit(*train).score(*validation)


def trained(recipe: dict):
    def method(splits: Splits, seed: int) -> float:
        fields = {name: value for name, value in recipe.items() if name not in ("steps", "epochs")}
        steps = max(recipe["steps"], recipe["epochs"] * len(splits.train) // BATCH)
        trainer = ai.prepare(
            task="text-classification", data=splits, seed=seed, batch_size=BATCH, max_steps=steps, max_length=64,
            warmup_steps=0.1, schedule="linear", evaluate_every=-(-steps // 3), **fields,
        )  # fmt: skip
        trainer.fit(display="none")
        return trainer.evaluate().accuracy

    return method


METHODS = {
    "majority": majority,
    "TF-IDF + logistic regression": bag_of_words,
    "small encoder, scratch": trained(SCRATCH),
    "MiniLM, frozen + logistic regression": frozen,
    "MiniLM, fine-tuned": trained(FINE_TUNE),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="tickets", choices=["tickets", "speeches"])
    parser.add_argument("--sizes", type=int, nargs="+", default=[60, 300, 900])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    given = parser.parse_args()
    print(
        f"{given.data}: accuracy on {VALIDATION} validation rows, median (lowest to highest) of {given.seeds} seeds\n"
    )
    sizes = [f"{min(size, len(rows_of(given.data, size, 0).train)):,}" for size in given.sizes]
    print(f"| method | {' | '.join(f'{size} examples' for size in sizes)} | seconds at the most |")
    print(f"| --- |{' --- |' * (len(sizes) + 1)}")
    for name in given.methods:
        cells, slowest = [], 0.0
        for size in given.sizes:
            scores = []
            for seed in range(given.seeds):
                splits = rows_of(given.data, size, seed)
                began = time.perf_counter()
                scores.append(METHODS[name](splits, seed))
                slowest = max(slowest, time.perf_counter() - began)
            cells.append(f"{statistics.median(scores):.2f} ({min(scores):.2f} to {max(scores):.2f})")
        print(f"| {name} | {' | '.join(cells)} | {slowest:.0f} |", flush=True)


if __name__ == "__main__":
    main()
