"""How soon the form shows what a change means: ms from the message of the page to the preview that answers it.

By task and field; CPU time besides, which is what stays on a machine that does other things meanwhile.

python tests/benchmarks/form_preview.py [--changes 15]
"""

import argparse
import statistics
import time

import torch

import aitrain_nb as ai

FIELDS = {
    "learning_rate": lambda i: 10 ** (-4 + 0.1 * i),
    "batch_size": lambda i: 8 + i,
    "epochs": lambda i: 1 + i,
    "warmup_steps": lambda i: i,
    "weight_decay": lambda i: 0.01 * i,
    "schedule": lambda i: ("constant", "linear", "cosine")[i % 3],
    "gradient_accumulation_steps": lambda i: 1 + i % 4,
}
"""Field -> its value at the i-th change."""
RUNS = {
    "text-classification": {"data": "tickets"},
    "image-classification": {"data": "digits"},
    "text-generation": {"data": "speeches"},
}


def main():
    """Print the table."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--changes", type=int, default=15)
    changes = arguments.parse_args().changes
    torch.set_num_threads(1)
    print(f"{'task':<22}{'field':<29}{'median, ms':>12}{'largest, ms':>13}{'median CPU, ms':>16}")
    everything, processor = [], []
    for task, run in RUNS.items():
        form = ai.ConfigForm(**run)
        form.in_turn = lambda act: act() or True
        form.config = form.config  # what the run needs is found out, so that each preview says it
        assert form.preview.estimate is not None
        for field, value in FIELDS.items():
            taken, spent = [], []
            for i in range(1, changes + 1):
                began, used = time.perf_counter(), time.process_time()
                form._hear(None, {"type": "set", "name": field, "value": value(i)}, [])
                taken.append(1000 * (time.perf_counter() - began))
                spent.append(1000 * (time.process_time() - used))
                assert getattr(form.config, field) == value(i), form.shown["wrong"]
                assert form.shown["facts"] == form.preview.facts()
            everything += taken
            processor += spent
            print(
                f"{task:<22}{field:<29}{statistics.median(taken):>12.1f}{max(taken):>13.1f}{statistics.median(spent):>16.1f}"
            )
    print(
        f"{'all':<51}{statistics.median(everything):>12.1f}{max(everything):>13.1f}{statistics.median(processor):>16.1f}"
    )


if __name__ == "__main__":
    main()
