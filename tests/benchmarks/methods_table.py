"""What pretraining is worth: five ways to classify texts at several numbers of training examples, medians over seeds.

Majority, TF-IDF (words 1-2-grams) with logistic regression, a small encoder from scratch, frozen MiniLM features with a new head,
MiniLM fine-tuned. All are validated on the same rows of each seed.

    python tests/benchmarks/methods_table.py --data tickets --sizes 60 300 900 --seeds 5
    python tests/benchmarks/methods_table.py --data speeches --sizes 300 1000 2400 --seeds 5
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import aitrain_nb as ai
from aitrain_nb.bundled import BUNDLED
from aitrain_nb.data import Splits

RECIPES = {
    "small encoder, scratch": {"model": "small-encoder", "steps": 400, "epochs": 10, "learning_rate": 1e-3},
    "MiniLM, frozen": {"model": "minilm", "method": "head", "steps": 150, "epochs": 2, "learning_rate": 1e-2},
    "MiniLM, fine-tuned": {"model": "minilm", "method": "fine-tune", "steps": 90, "epochs": 2, "learning_rate": 1e-4},
}
"""How each is trained: so many epochs, and at least so many steps; the weights of the best of six evaluations are scored."""
BATCH, VALIDATION = 32, 300


def rows_of(data: str, size: int, seed: int) -> Splits:
    """`size` training rows and 300 validation rows, stratified; for speeches no speech on both sides."""
    bundle = BUNDLED[data]("text-classification")
    whole = bundle.dataset.split(0.3, seed, name=data, note=bundle.note)
    chance = torch.Generator().manual_seed(seed)
    train = torch.randperm(len(whole.train), generator=chance)[:size]
    validation = torch.randperm(len(whole.validation), generator=chance)[:VALIDATION]
    return Splits(whole.train.subset(train), whole.validation.subset(validation), data)


def bag_of_words(splits: Splits) -> float:
    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(C=10, max_iter=2000)
    )
    model.fit(splits.train.columns["text"], splits.train.columns["label"])
    return model.score(splits.validation.columns["text"], splits.validation.columns["label"])


def majority(splits: Splits) -> float:
    most = splits.train.columns["label"].mode().values
    return float((splits.validation.columns["label"] == most).double().mean())


def trained(splits: Splits, seed: int, recipe: dict) -> float:
    fields = {name: value for name, value in recipe.items() if name not in ("steps", "epochs")}
    steps = max(recipe["steps"], recipe["epochs"] * len(splits.train) // BATCH)
    trainer = ai.prepare(
        task="text-classification", data=splits, seed=seed, batch_size=BATCH, max_steps=steps, max_length=96,
        warmup_steps=0.1, schedule="linear", evaluate_every=steps // 6, **fields,
    )  # fmt: skip
    trainer.fit(display="none")
    return trainer.evaluate().accuracy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="tickets", choices=["tickets", "speeches"])
    parser.add_argument("--sizes", type=int, nargs="+", default=[60, 300, 900])
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    methods = {
        "majority": lambda rows, _: majority(rows),
        "TF-IDF + logistic regression": lambda rows, _: bag_of_words(rows),
    }
    methods |= {name: lambda rows, seed, recipe=recipe: trained(rows, seed, recipe) for name, recipe in RECIPES.items()}
    print(
        f"{arguments.data}: validation accuracy on {VALIDATION} rows, median (lowest to highest) of {arguments.seeds} seeds\n"
    )
    print(f"| method | {' | '.join(f'{size:,} examples' for size in arguments.sizes)} | seconds at the most |")
    print(f"| --- |{' --- |' * (len(arguments.sizes) + 1)}")
    for name, method in methods.items():
        cells, slowest = [], 0.0
        for size in arguments.sizes:
            scores = []
            for seed in range(arguments.seeds):
                began = time.perf_counter()
                scores.append(method(rows_of(arguments.data, size, seed), seed))
                slowest = max(slowest, time.perf_counter() - began)
            cells.append(f"{statistics.median(scores):.2f} ({min(scores):.2f} to {max(scores):.2f})")
        print(f"| {name} | {' | '.join(cells)} | {slowest:.0f} |", flush=True)


if __name__ == "__main__":
    main()
