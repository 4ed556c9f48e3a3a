"""Does a switch keep what a run learns? The validation loss after training, with and without it, over several seeds.

The switch leaves the training as good as it is where the mean difference of the same seeds is smaller than what another seed changes (one
standard deviation of the plain runs). Processor seconds are those of this machine: one without 16-bit units computes bf16 and fp16 slowly.

    python tests/benchmarks/switches.py                       # tickets with small-encoder, digits with small-cnn; 5 seeds
    python tests/benchmarks/switches.py --seeds 2 --epochs 1 --only grouped
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch

import aitrain_nb as ai

TEXTS = {"data": "tickets", "model": "small-encoder", "vocabulary_size": 1000, "max_length": 48, "learning_rate": 0.002}
DIGITS = {"data": "digits", "model": "small-cnn"}
SWITCHES = {
    "eager attention": (TEXTS, {"attention": "eager"}),
    "gradient checkpointing": (TEXTS, {"gradient_checkpointing": True}),
    "grouped by length": (TEXTS, {"group_by_length": "on"}),
    "optimizer not fused": (TEXTS, {"fused_optimizer": "off"}),
    "bf16": (TEXTS, {"precision": "bf16"}),
    "fp16": (TEXTS, {"precision": "fp16"}),
    "compiled": (DIGITS, {"compile": True}),
}


def run(fields: dict, seed: int, epochs: int) -> tuple[float, float, float]:
    """Validation loss, accuracy, processor seconds of the last epoch's weights."""
    trainer = ai.prepare(seed=seed, epochs=epochs, keep="last", threads=1, **fields)
    began = time.process_time()
    trainer.fit("none")
    last = trainer.history.last
    return last["eval_loss"], last["eval_accuracy"], time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--only", default="", help="part of a switch's name")
    given = parser.parse_args()
    torch.set_num_threads(1)
    plain: dict[str, list[tuple[float, float, float]]] = {}
    print("| | validation loss (nats): without | with | difference | seed noise | accuracy: without | with | time |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, (task, fields) in SWITCHES.items():
        if given.only not in name:
            continue
        model = str(task["model"])
        if model not in plain:
            plain[model] = [run(task, seed, given.epochs) for seed in range(given.seeds)]
        found = [run(task | fields, seed, given.epochs) for seed in range(given.seeds)]
        without, with_it = (list(zip(*runs, strict=True)) for runs in (plain[model], found))
        losses, accuracies, seconds = (
            (statistics.mean(one), statistics.mean(other)) for one, other in zip(without, with_it, strict=True)
        )
        noise = statistics.stdev(without[0]) if given.seeds > 1 else float("nan")
        print(
            f"| {name} | {losses[0]:.3f} | {losses[1]:.3f} | {losses[1] - losses[0]:+.3f} | {noise:.3f} "
            f"| {accuracies[0]:.3f} | {accuracies[1]:.3f} | {seconds[1] / seconds[0]:.2f} |", flush=True,
        )  # fmt: skip


if __name__ == "__main__":
    main()
