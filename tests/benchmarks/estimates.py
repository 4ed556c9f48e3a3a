"""Estimates beside the truth: memory against the highest of a fresh process above its base, time against the rest of the run.

    python tests/benchmarks/estimates.py            all cases, each in three fresh processes
    python tests/benchmarks/estimates.py bert 8 0   one case, in this process
    python tests/benchmarks/estimates.py small      time of the small models, foreseen before the first step, five rounds in turn

None of these models was used to set a number of the estimate, but for the sizes of autograd's small records (the BERT in batches of 16; see
README.md). Memory is measured three times: where the C library gives freed blocks back (MALLOC_MMAP_THRESHOLD_=131072), which is what torch
asks for; as it is set in the processes that we start; and as it comes. Before the base is read, small models have taken two steps, so that
libraries, threads and their buffers are there. One processor thread, so that others disturb less.
"""

import json
import os
import subprocess
import sys
import time
import warnings
from statistics import mean, median

CASES = ("bert", "gpt2", "vit")
SIZES = (4, 8, 16)
STEPS = 5


def trainer_of(case, batch_size, *, checkpointing, steps=STEPS):
    import torch
    import transformers

    import aitrain_nb as ai
    from aitrain_nb.data import Dataset

    fields = {
        "batch_size": batch_size, "gradient_checkpointing": checkpointing, "max_steps": steps, "threads": 1, "evaluate_every": 0,
        "keep": "last", "precision": "fp32", "model": case,
    }  # fmt: skip
    if case == "vit":
        images = torch.rand(200, 3, 64, 64)
        shape = transformers.ViTConfig(
            image_size=64, patch_size=8, hidden_size=256, num_hidden_layers=6, num_attention_heads=4, intermediate_size=1024, num_labels=2
        )  # fmt: skip
        data = Dataset({"image": images, "label": torch.arange(200) % 2})
        model = lambda: transformers.ViTForImageClassification(shape)  # noqa: E731
        return lambda: ai.Trainer(model(), "image-classification", splits(data), ai.TrainConfig(**fields))
    words = [" ".join(f"w{(i * 7 + k * 13) % 900}" for k in range(40 + (i * 37) % 60)) for i in range(200)]
    if case == "bert":
        data, task = Dataset({"text": words, "label": torch.arange(200) % 2}), "text-classification"
        shape = transformers.BertConfig(
            hidden_size=320, num_hidden_layers=5, num_attention_heads=5, intermediate_size=1280, vocab_size=6000
        )
        build = transformers.BertForSequenceClassification
    else:
        data, task = Dataset({"text": words}), "text-generation"
        shape = transformers.GPT2Config(
            n_embd=320, n_layer=5, n_head=5, vocab_size=6000, bos_token_id=0, eos_token_id=0
        )
        build = transformers.GPT2LMHeadModel
        fields["max_length"] = 96
    from aitrain_nb.tokenizing import train_tokenizer

    processor = train_tokenizer(words, "words", 1000, **({"frame": False} if case == "gpt2" else {}))
    processor.model_max_length = 512
    shape.vocab_size = len(processor)
    return lambda: ai.Trainer(build(shape), task, splits(data), ai.TrainConfig(**fields), processor)


def splits(data):
    from aitrain_nb.data import split

    return split(data, 0.2, 0)


def one(case, batch_size, checkpointing):
    """Memory of one case in this process: a line of JSON."""
    warnings.simplefilter("ignore")
    import aitrain_nb as ai

    for known in ({"data": "tickets"}, {"data": "digits", "model": "small-vit"}):
        ai.prepare(**known, max_steps=2, threads=1, evaluate_every=0, batch_size=4).fit(display="none")
    trainer = trainer_of(case, batch_size, checkpointing=checkpointing)()
    began = time.perf_counter()
    estimated = ai.estimate(trainer)
    parts = estimated.parts
    took = time.perf_counter() - began
    began_fit = time.process_time()
    trainer.fit(display="none")
    print(
        json.dumps(
            {
                "fit": time.process_time() - began_fit,
                "estimated": sum(parts.values()),
                "process": estimated.process_bytes(),
                "measured": trainer.memory.peak_bytes,
                "seconds": took,
                "parts": parts,
            }
        )
    )


def timing(case):
    """Error of the time of a run, foreseen by its first twentieth."""
    warnings.simplefilter("ignore")
    import aitrain_nb as ai

    steps = 60
    trainer = trainer_of(case, 4, checkpointing=False, steps=steps)()
    before = ai.estimate(trainer).seconds
    left = []

    def watch(record):
        if type(record).__name__ == "Update" and trainer.step == steps // 20 + 1:
            left.append((time.perf_counter(), ai.estimate(trainer).seconds_left))

    trainer.watchers.append(watch)
    trainer.fit(display="none")
    whole = sum(row["seconds"] for row in trainer.history)
    rest = sum(row["seconds"] for row in list(trainer.history)[steps // 20 + 1 :])
    print(json.dumps({"before": before / whole - 1, "after": left[0][1] / rest - 1, "whole": whole}))


def small(rounds=5):
    """Seconds of a step of each small model, foreseen before the first one, against what it took; the machine is measured each time."""
    warnings.simplefilter("ignore")
    import aitrain_nb as ai
    from aitrain_nb.costs import speed

    models = {"mlp": 200, "small-cnn": 100, "small-vit": 30, "small-encoder": 12, "small-gpt": 6}
    data = {"small-encoder": "tickets", "small-gpt": "speeches"}
    found = {model: [] for model in models}
    for _ in range(rounds):
        for model, steps in models.items():
            trainer = ai.prepare(
                data=data.get(model, "digits"), model=model, max_steps=steps, evaluate_every=0, threads=1
            )
            speed._known.clear()
            foreseen = ai.estimate(trainer).seconds
            trainer.fit(display="none")
            found[model].append((foreseen / steps, sum(row["seconds"] for row in trainer.history) / steps))
    print(
        "| model | foreseen, ms a step | taken | ratio: median | lowest | highest |\n| --- | --- | --- | --- | --- | --- |"
    )
    for model, pairs in found.items():
        ratios = [foreseen / taken for foreseen, taken in pairs]
        cells = [f"{1000 * median(column):.2f}" for column in zip(*pairs, strict=True)]
        print(f"| {model} | {' | '.join(cells)} | {median(ratios):.2f} | {min(ratios):.2f} | {max(ratios):.2f} |")


def fresh(*words, **variables):
    variables = {"OMP_NUM_THREADS": "1"} | variables
    done = subprocess.run(
        [sys.executable, __file__, *map(str, words)],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def main():
    from aitrain_nb import malloc

    ways = {
        "tensors": {"MALLOC_MMAP_THRESHOLD_": "131072"},
        "process": {"GLIBC_TUNABLES": malloc.TUNABLES},
        "as it comes": {},
    }
    columns = "".join(f"  {way}, MB  measured   error" for way in ways)
    print(f"model batch checkpointing{columns}  memory  time  took")
    errors, ratios, took = {way: [] for way in ways}, [], []
    for case in CASES:
        for size in SIZES:
            for checkpointing in (0, 1):
                line, found = f"{case:5} {size:5} {'on' if checkpointing else 'off':13}", {}
                for way, variables in ways.items():
                    found[way] = fresh(case, size, checkpointing, **variables)
                    foreseen, measured = (
                        found[way]["estimated" if way == "tensors" else "process"],
                        found[way]["measured"],
                    )
                    errors[way].append(foreseen / measured - 1)
                    line += f"  {foreseen / 1e6:{len(way) + 4}.1f}  {measured / 1e6:8.1f}  {errors[way][-1]:+6.1%}"
                ours, plain = found["process"], found["as it comes"]
                ratios.append((ours["measured"] / plain["measured"], ours["fit"] / plain["fit"]))
                took.append(max(one["seconds"] for one in found.values()))
                print(f"{line}  {ratios[-1][0]:6.2f}  {ratios[-1][1]:4.2f}  {took[-1]:.2f} s", flush=True)
    for way, found in errors.items():
        within = sum(abs(error) <= 0.15 for error in found)
        print(
            f"{way}: mean error {mean(map(abs, found)):.1%}, largest {max(map(abs, found)):.1%}, {within} of {len(found)} within 15 %"
        )
    memory, seconds = (median(column) for column in zip(*ratios, strict=True))
    print(
        f"process against as it comes, medians: memory {memory:.2f}, processor time {seconds:.2f}; estimates took {median(took):.2f} s"
    )
    for case in CASES:
        found = fresh("time", case)
        told = f"foreseen before {found['before']:+.0%}, after the first twentieth {found['after']:+.0%}"
        print(f"time of {case}: {found['whole']:.1f} s; {told}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["time"]:
        timing(sys.argv[2])
    elif sys.argv[1:2] == ["small"]:
        small()
    elif len(sys.argv) == 4:
        one(sys.argv[1], int(sys.argv[2]), sys.argv[3] == "1")
    else:
        main()
