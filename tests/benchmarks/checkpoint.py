"""What a checkpoint costs beside writing the same bytes with safetensors.

python tests/benchmarks/checkpoint.py [--megabytes 100] [--pairs 9]

A model of about 100 MB with AdamW: its checkpoint holds the weights and two moments. Beside it
`safetensors.torch.save_file` of the same tensors, and fsync. Both in turn, medians of wall time; copying
the state (which the run waits for as well) is counted.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

import aitrain_nb as ai
from aitrain_nb.run_folder.checkpoints import checkpoints, write_checkpoint


def large_trainer(megabytes):
    """A trainer whose model has so many megabytes of weights, after one step."""
    width = int((megabytes * 2**20 / 4 / 4) ** 0.5)
    layers = [layer for _ in range(4) for layer in (nn.Linear(width, width), nn.ReLU())]
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, width), *layers, nn.Linear(width, 10))
    data = ai.prepare(model="mlp", batch_size=16).data
    trainer = ai.Trainer(
        model, "image-classification", data, ai.TrainConfig(batch_size=16, max_steps=1, evaluate_every=1)
    )
    trainer.fit(display="none")
    return trainer


def seconds(act):
    """Wall time of a call."""
    os.sync()  # nothing of before is left to write
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def plainly(tensors, path):
    """What one would write by hand."""
    save_file(tensors, path)
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def main():
    """Print the table."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--megabytes", type=int, default=100)
    arguments.add_argument("--pairs", type=int, default=9)
    options = arguments.parse_args()
    trainer = large_trainer(options.megabytes)
    weights = sum(weight.numel() * weight.element_size() for weight in trainer.model.parameters())
    with tempfile.TemporaryDirectory() as name:
        folder, ours, plain = Path(name), [], []
        write_checkpoint(folder, trainer.training_state(), 1)  # the best weights lie there once
        place = checkpoints(folder)[0]
        from safetensors.torch import load_file

        tensors = {key: value.clone() for key, value in load_file(place.path).items()}
        for _ in range(options.pairs):
            ours.append(seconds(lambda: write_checkpoint(folder, trainer.training_state(), 1)))
            plain.append(seconds(lambda: plainly(tensors, folder / "plain.safetensors")))
        print(
            f"model {weights / 2**20:.0f} MB, checkpoint {place.size_bytes / 2**20:.0f} MB, {torch.get_num_threads()} threads"
        )
    pairs = [one / other for one, other in zip(ours, plain, strict=True)]
    print(f"checkpoint               {statistics.median(ours):6.2f} s")
    print(f"save_file + fsync        {statistics.median(plain):6.2f} s")
    print(
        f"ratio, median of {len(pairs)} pairs {statistics.median(pairs):6.2f}   (from {min(pairs):.2f} to {max(pairs):.2f}; at most 1.5)"
    )


if __name__ == "__main__":
    main()
