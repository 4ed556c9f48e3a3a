"""A step of ours against a bare loop: same batches, same optimizer, same clipping, one thread, CPU time, pairs in turn.

Our step keeps loss and grad_norm of every step in the history; the bare loop keeps nothing.

    python tests/benchmarks/step_overhead.py
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time

import torch

import aitrain_nb as ai
from aitrain_nb.engine.optim import build_optimizer

STEPS = 225


def bare_loop(trainer: ai.Trainer, batches: list) -> float:
    """CPU seconds of a plain PyTorch loop over a copy of the model."""
    model = copy.deepcopy(trainer.model).train()
    optimizer = build_optimizer(model, trainer.config)
    weights = list(model.parameters())
    began = time.process_time()
    for inputs, labels in batches:
        optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(model(inputs), labels)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, trainer.config.max_grad_norm)
        optimizer.step()
    return time.process_time() - began


def our_loop(trainer: ai.Trainer) -> float:
    """CPU seconds of `fit` for as many steps, evaluation off, every loss and norm in the history."""
    began = time.process_time()
    trainer.fit(display="none")
    spent = time.process_time() - began
    assert len(trainer.history) == STEPS
    assert trainer.history.last["loss"] > 0
    return spent


def prepared(model: str) -> ai.Trainer:
    return ai.prepare(model=model, max_steps=STEPS, evaluate_every=0, learning_rate=1e-3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--models", nargs="+", default=["small-cnn", "mlp"])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(
        f"torch {torch.__version__}, one thread, {STEPS} steps of 32 digits, {arguments.pairs} pairs after one that isn't counted\n"
    )
    print("| model | weights | bare loop, us a step | ours, us a step | ratio: median | lowest | highest |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name in arguments.models:
        batches = []
        source = prepared(name)
        for _ in range(STEPS):
            inputs = source.tokenize().inputs
            batches.append((inputs["pixel_values"], inputs["labels"]))
            source._drop_unfinished_step()
            source.order.take()
        bare, ours, ratios = [], [], []
        for pair in range(arguments.pairs + 1):
            trainer = prepared(name)
            if pair % 2:
                bare_seconds, our_seconds = bare_loop(trainer, batches), our_loop(trainer)
            else:
                other = prepared(name)
                our_seconds, bare_seconds = our_loop(trainer), bare_loop(other, batches)
            if pair:
                bare.append(bare_seconds)
                ours.append(our_seconds)
                ratios.append(our_seconds / bare_seconds)
        weights = sum(weight.numel() for weight in source.model.parameters())
        micro = 1e6 / STEPS
        print(
            f"| {name} | {weights:,} | {statistics.median(bare) * micro:.0f} | {statistics.median(ours) * micro:.0f} "
            f"| **{statistics.median(ratios):.3f}** | {min(ratios):.3f} | {max(ratios):.3f} |"
        )


if __name__ == "__main__":
    main()
