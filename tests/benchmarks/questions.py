"""How long each question to a step takes on the small models: processor seconds on one thread, with the default batch.

python tests/benchmarks/questions.py
"""

from __future__ import annotations

import time

import torch

import aitrain_nb as ai

MODELS = {
    "mlp": "digits",
    "small-cnn": "digits",
    "small-vit": "digits",
    "small-encoder": "tickets",
    "small-gpt": "speeches",
}


def timed(ask) -> float:
    began = time.process_time()
    ask()
    return time.process_time() - began


def questions(model: str, data: str) -> dict[str, float]:
    """Question -> seconds."""
    trainer = ai.prepare(data=data, model=model, threads=1)
    for _ in range(3):
        list(trainer.phases())
    batch = trainer.tokenize()
    forward = trainer.forward(batch)
    gradients = trainer.backward(trainer.loss(forward))
    name, first = next(iter(trainer.model.named_parameters()))
    layer = forward.layers["name"].iloc[-2]
    found = {
        "forward.ablate": timed(lambda: forward.ablate(layer, 0)),
        "gradients.nudge": timed(lambda: gradients.nudge(name, *([0] * first.ndim))),
        "gradients.blame": timed(lambda: gradients.blame(1)),
        "gradients.blame by ablation": timed(lambda: gradients.blame(1, "ablation")),
        "gradients.test_blame": timed(lambda: gradients.test_blame(1)),
        "gradients.per_example": timed(gradients.per_example),
    }
    update = trainer.update(gradients)
    found |= {
        "update.drop": timed(update.drop),
        "update.try_rates, 8 rates": timed(update.try_rates),
        "update.forgotten, 200 examples": timed(update.forgotten),
        "trainer.fork": timed(trainer.fork),
        "trainer.undo": timed(trainer.undo),
    }
    return found


def main() -> None:
    torch.set_num_threads(1)
    found = {model: questions(model, data) for model, data in MODELS.items()}
    print(f"| processor seconds | {' | '.join(found)} |\n| --- |{' --- |' * len(found)}")
    for question in found["mlp"]:
        print(f"| {question} | {' | '.join(f'{times[question]:.2f}' for times in found.values())} |")


if __name__ == "__main__":
    main()
