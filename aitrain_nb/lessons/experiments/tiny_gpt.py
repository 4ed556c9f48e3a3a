"""A language model so small that it learns in seconds, on a few messages of the tickets, and what it writes on the way.

The text is cut into blocks at every letter: so it learns what follows what, and not at which place of a block it stood.
"""

from __future__ import annotations

from collections import Counter
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

    from aitrain_nb.data import Splits
    from aitrain_nb.records import Evaluation
    from aitrain_nb.trainer import Trainer

CONTEXT, STEPS, PROMPT, LETTERS = 32, 450, "I ", 60
LOOKED_AT = (0, 25, 50, 100, 200, 300, STEPS)
"""Steps after which it writes."""


def messages(count: int = 16) -> Splits:
    """So many messages to a support desk as one text to learn from, and 40 others for validation.

    Args:
        count: at most 900.
    """
    import torch

    from aitrain_nb.bundled import BUNDLED
    from aitrain_nb.data import Dataset, Splits
    from aitrain_nb.randomness import generator

    dataset = BUNDLED["tickets"]("text-classification").dataset

    order = torch.randperm(len(dataset), generator=generator(0, "messages")).tolist()
    texts = [dataset.columns["text"][place] for place in order]
    text, others = "\n".join(texts[:count]), "\n".join(texts[-40:])
    known = set(text)
    others = "".join(letter for letter in others if letter in known)
    train = Dataset({"text": [text[shift:] for shift in range(CONTEXT)]})
    return Splits(train, Dataset({"text": [others]}), f"{count} messages")


def gpt_run(count: int = 16, seed: int = 0, steps: int = STEPS) -> Trainer:
    """A GPT of 2 layers, width 64, 4 heads, 106 thousand weights, ready to be trained on messages.

    Args:
        count: messages to learn from.
        seed: of the first weights and of the order.
        steps: to take.
    """
    from aitrain_nb.run import prepare

    data = messages(count)
    made = prepare(
        data=data, task="text-generation", model="small-gpt", max_length=CONTEXT, batch_size=16, max_steps=steps, learning_rate=0.006,
        warmup_steps=20, evaluate_every=25, evaluation_examples=64, keep="last", seed=seed, threads=1,
    )  # fmt: skip
    return with_a_gpt(
        made, len(made.class_names), CONTEXT, activation_function="gelu_pytorch_tanh", initializer_range=0.05
    )


def word_run() -> Trainer:
    """A GPT of the same size that reads whole words, ready to be trained on all tickets in 100 steps."""
    from aitrain_nb.run import prepare

    made = prepare(
        data="tickets", task="text-generation", tokenizer="words", vocabulary_size=1000, max_length=16, batch_size=16,
        learning_rate=0.01, max_steps=100, evaluate_every=10, evaluation_examples=100, keep="last",
    )  # fmt: skip
    return with_a_gpt(made, len(made.processor), 16)


def with_a_gpt(made: Trainer, tokens: int, positions: int, **options: Any) -> Trainer:
    """The same run with a GPT of 2 layers, width 64, 4 heads and no dropout."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    from aitrain_nb.trainer import Trainer

    shape = GPT2Config(
        vocab_size=tokens, n_positions=positions, n_embd=64, n_layer=2, n_head=4, resid_pdrop=0.0, embd_pdrop=0.0,
        attn_pdrop=0.0, bos_token_id=None, eos_token_id=None, pad_token_id=None, **options,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(made.config.seed)
        model = GPT2LMHeadModel(shape)
    return Trainer(model, made.task, made.data, made.config, made.processor)


def by_frequency(evaluation: Evaluation, unknown: int) -> dict[str, float]:
    """The mean loss of the words that make up the commonest and the rarest third of a text, and of those between, nats.

    Args:
        evaluation: of a language model.
        unknown: the token of all words outside the vocabulary, which are left out.
    """
    import torch

    counted = (evaluation.labels >= 0) & (evaluation.labels != unknown)
    labels, losses = evaluation.labels[counted], evaluation.per_target[counted]
    place, seen = {}, 0
    for token, count in Counter(labels.tolist()).most_common():
        place[token] = min(2, int(3 * seen / len(labels)))
        seen += count
    third = torch.tensor([place[token] for token in labels.tolist()])
    return {name: float(losses[third == number].mean()) for number, name in enumerate(("common", "between", "rare"))}


def copied(text: str, source: str, length: int = 12) -> list[bool]:
    """Which letters of a text stand in a stretch of so many letters that the source has, too.

    >>> copied("a cat sat", "the cat ran", 5)
    [False, True, True, True, True, True, False, False, False]
    """
    marks = [False] * len(text)
    for first in range(len(text) - length + 1):
        if text[first : first + length] in source:
            marks[first : first + length] = [True] * length
    return marks


class WatchedGpt(NamedTuple):
    """A run that wrote on the way.

    Attributes:
        trainer: as it ended.
        source: the text that it learned from.
        samples: step -> what it wrote after the prompt.
        losses: step -> training and validation loss, nats a letter; none before the first step.
        weights: step -> its weights then.
    """

    trainer: Trainer
    source: str
    samples: dict[int, str]
    losses: dict[int, tuple[float, float]]
    weights: dict[int, dict[str, Tensor]]


@cache
def watched_gpt(count: int = 16) -> WatchedGpt:
    """Train it, and let it write after each step of `LOOKED_AT`.

    Args:
        count: messages to learn from.
    """
    from aitrain_nb.records import Evaluation

    trainer = gpt_run(count)
    samples: dict[int, str] = {}
    weights: dict[int, dict[str, Any]] = {}

    def look(step: int) -> None:
        samples[step] = trainer.generate(PROMPT, tokens=LETTERS, temperature=0.4)
        weights[step] = {name: value.detach().clone() for name, value in trainer.model.named_parameters()}

    def watch(record: object) -> None:
        if isinstance(record, Evaluation) and record.step in LOOKED_AT:
            look(record.step)

    look(0)
    trainer.watchers.append(watch)
    trainer.fit(display="none")
    losses = {row["step"]: (row["train_loss"], row["eval_loss"]) for row in trainer.history.evaluations}
    return WatchedGpt(trainer, trainer.data.train.columns["text"][0], samples, losses, weights)


class Read(NamedTuple):
    """A text as the watched run reads it after some of its steps.

    Attributes:
        ids: [T] tokens, the last 32 of the text.
        names: [T] of the tokens; a space is "␣", a letter that it doesn't know "▯".
        looks: [2, 4, T, T] by layer and head, how much the position of a row takes from that of a column; rows sum to 1.
        logits: [T, V] scores of the token after each position.
    """

    ids: Tensor
    names: list[str]
    looks: Tensor
    logits: Tensor


@lru_cache(64)
def read(text: str, step: int = STEPS) -> Read:
    """Let the run that `watched_gpt` kept read a text, with the weights that it had.

    Args:
        text: of which the last 32 letters are read; an empty one is a space.
        step: one of `LOOKED_AT`.
    """
    import torch

    from aitrain_nb.engine.attention import attention_of

    run = watched_gpt()
    trainer = run.trainer
    ids = trainer.processor([text or " "], add_special_tokens=False, verbose=False)["input_ids"][0][-CONTEXT:]
    with torch.no_grad(), attention_of(trainer.model.eval()) as layers:
        given = torch.func.functional_call(trainer.model, run.weights[step], (torch.tensor([ids]),))
    names = ["▯" if trainer.class_names[place] == "[UNK]" else trainer.class_names[place] for place in ids]
    return Read(torch.tensor(ids), names, torch.stack([layer[0] for layer in layers]), given.logits[0])
