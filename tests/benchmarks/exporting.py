"""Each export of each kind of model: is it the same at sizes it was never traced with, how large is it, how quick?

    python tests/benchmarks/exporting.py

The first table asks the model and its export, here, about 1x2, 1x17 and 5x300 tokens, or 1, 2 and 7 images: the furthest two
logits, and the share of answers that are the same. The second is the card: validation examples in a fresh process.
"""

import copy
import tempfile
from pathlib import Path

import torch

import aitrain_nb as ai
from aitrain_nb.exporting.formats import find_format, format_names
from aitrain_nb.exporting.manifest import describe

SIZES = ((1, 2), (1, 17), (5, 300))
MODELS = {
    "minilm": {"data": "tickets", "model": "minilm", "max_steps": 60},
    "small-encoder": {"data": "tickets", "epochs": 5},
    "small-gpt": {"data": "speeches", "max_length": 320, "batch_size": 8, "max_steps": 60},
    "small-cnn": {"data": "digits", "epochs": 5},
    "small-vit": {"data": "digits", "model": "small-vit", "epochs": 5},
}


def questions(trainer):
    """Inputs of several sizes."""
    if "image" in trainer.data.train.columns:
        pixels = trainer.prepared["validation"].columns["pixel_values"]
        return [{"pixel_values": pixels[:number]} for number in (1, 2, 7)]
    torch.manual_seed(0)
    asked = []
    for size in SIZES:
        inputs = {"input_ids": torch.randint(4, len(trainer.processor), size)}
        if trainer.task.name == "text-classification":
            mask = torch.ones(size, dtype=torch.int64)
            mask[0, max(1, size[1] // 2) :] = 0
            inputs["attention_mask"] = mask
        asked.append(inputs)
    return asked


@torch.no_grad()
def compare(trainer, name):
    """Furthest logit, share of equal answers."""
    kind = find_format(name)
    kind.check(trainer)
    model = copy.deepcopy(trainer.model).eval()
    with tempfile.TemporaryDirectory() as place:
        kind.write(copy.deepcopy(model), trainer, Path(place))
        opened = kind.open(Path(place), describe(name, trainer))
        furthest, same = 0.0, []
        for inputs in questions(trainer):
            one, two = (trainer.task.outputs(asked, inputs) for asked in (model, opened))
            furthest = max(furthest, float((one - two).abs().max()))
            same.append((one.argmax(-1) == two.argmax(-1)).flatten())
    return furthest, float(torch.cat(same).double().mean())


def main():
    print(f"{'model':14} {'format':13} {'furthest':>9} {'same':>8} | {'size':>5} {'1 ex.':>6} {'16 ex.':>6} {'load':>7} "
          f"{'loss before':>11} {'after':>7} {'flipped':>12}")  # fmt: skip
    for model, fields in MODELS.items():
        trainer = ai.prepare(**fields)
        trainer.fit("none")
        for name in format_names():
            try:
                furthest, same = compare(trainer, name)
            except ai.ConfigError as error:
                print(f"{model:14} {name:13} {error.what}")
                continue
            with tempfile.TemporaryDirectory() as place:
                said = ai.export(trainer, name, Path(place) / "out", examples=200).compared
            ratios = [two / one for one, two in (said.size_bytes, said.milliseconds, said.batch_milliseconds)]
            print(f"{model:14} {name:13} {furthest:9.1e} {same:8.2%} | {ratios[0]:5.2f} {ratios[1]:6.2f} {ratios[2]:6.2f} "
                  f"{said.load_seconds:5.1f} s {said.before['loss']:11.4f} {said.after['loss']:7.4f} {said.flipped:4} of {said.targets}",
                  flush=True)  # fmt: skip
        rounded = ai.simulate_quantization(trainer)
        print(f"{model:14} {rounded.sentence()}", flush=True)


if __name__ == "__main__":
    main()
