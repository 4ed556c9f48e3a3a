"""Messages as numbers of words, for two small networks: one looks a row of numbers up for each word, one takes the numbers for sizes."""

from __future__ import annotations

from functools import cache
from string import ascii_lowercase
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from aitrain_nb import chips, html, reading
from aitrain_nb.config import TrainConfig
from aitrain_nb.data import Dataset, Splits
from aitrain_nb.tokenizing import PADDING, SPECIAL, UNKNOWN, train_tokenizer
from aitrain_nb.trainer import Trainer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from torch import Tensor

MOST_TOKENS = 48
"""Tokens of a message that are read."""
VOCABULARY = 1000
"""Words that have a number of their own, four special ones among them."""


class WordBag(nn.Module):
    """The mean of the words' rows, and a score for each class: nothing else.

    Args:
        vocabulary: words that have a row.
        classes: how many.
        width: numbers in a row.
        seed: of the first weights.
    """

    def __init__(self, vocabulary: int, classes: int, width: int = 16, seed: int = 0) -> None:
        super().__init__()
        self.embedding, self.output = nn.Embedding(vocabulary, width), nn.Linear(width, classes)
        chance = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            self.embedding.weight.normal_(0, 0.1, generator=chance)
            self.output.weight.normal_(0, 0.5, generator=chance)
            self.output.bias.zero_()

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Scores of the classes.

        Args:
            input_ids: numbers of the words [B, T] int64.
            attention_mask: 1 where a word counts, 0 where not [B, T].

        Returns:
            Logits [B, classes].
        """
        rows = self.embedding(input_ids) * attention_mask[..., None]
        scores: Tensor = self.output(rows.sum(1) / attention_mask.sum(1, keepdim=True).clamp_min(1))
        return scores


class WordSizes(nn.Module):
    """Two layers that take the words' numbers for sizes: word 500 is half of word 1,000.

    Args:
        vocabulary: the largest number, which becomes 1.
        classes: how many.
        seed: of the first weights.
    """

    def __init__(self, vocabulary: int, classes: int, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.layers = nn.Sequential(nn.Linear(MOST_TOKENS, 128), nn.ReLU(), nn.Linear(128, classes))
        self.largest = vocabulary

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Scores of the classes [B, classes]; see `WordBag.forward`."""
        sizes = (input_ids * attention_mask)[:, :MOST_TOKENS] / self.largest
        scores: Tensor = self.layers(nn.functional.pad(sizes, (0, MOST_TOKENS - sizes.shape[1])))
        return scores


@cache
def messages() -> Splits:
    """989 messages of six kinds to learn from, and 248 kept aside; the same for every seed."""
    from aitrain_nb.run import prepare

    return prepare(data="tickets", model="small-encoder", threads=1).data


@cache
def common_words() -> Any:
    """The tokenizer of the 1,000 most common words of the messages."""
    return _short(train_tokenizer(messages().train.columns["text"], "words", VOCABULARY, frame=False))


def in_secret(text: str) -> str:
    """Small letters only, and each replaced: a by z, b by y, and so on.

    >>> in_secret("My parcel")
    'nb kzixvo'
    """
    return text.lower().translate(str.maketrans(ascii_lowercase, ascii_lowercase[::-1]))


def all_in_secret() -> Splits:
    """The messages in secret writing, with the same labels."""
    plain = messages()
    assert plain.validation is not None
    train, validation = (
        Dataset(side.columns | {"text": [in_secret(text) for text in side.columns["text"]]}, side.label_names)
        for side in (plain.train, plain.validation)
    )
    return Splits(train, validation)


class BothScripts:
    """A message in plain and in secret writing, each word above its number.

    Args:
        text: in plain writing.
        plain: word -> its number.
        secret: word in secret writing -> its number.
    """

    def __init__(self, text: str, plain: Mapping[str, int], secret: Mapping[str, int]) -> None:
        written = {"plain": (text, plain), "secret": (in_secret(text), secret)}
        self.tokens = {
            name: [chips.Token(word, numbers[word]) for word in words_of(line)]
            for name, (line, numbers) in written.items()
        }

    def _repr_html_(self) -> str:
        return html.join(chips.row(tokens, name) for name, tokens in self.tokens.items())

    def __repr__(self) -> str:
        return reading.as_text(self._repr_html_())


def words_of(text: str) -> list[str]:
    """A text in small letters, cut at spaces and punctuation.

    >>> words_of("My parcel, please!")
    ['my', 'parcel', ',', 'please', '!']
    """
    from tokenizers import pre_tokenizers

    return [word for word, _ in pre_tokenizers.BertPreTokenizer().pre_tokenize_str(text.lower())]


def first_come(texts: Iterable[str]) -> Any:
    """A tokenizer that numbers words in the order in which they come."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    numbers = {word: place for place, word in enumerate(SPECIAL)}
    for text in texts:
        for word in words_of(text):
            numbers.setdefault(word, len(numbers))
    tokenizer = Tokenizer(models.WordLevel(numbers, unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return _short(
        PreTrainedTokenizerFast(
            tokenizer_object=tokenizer, pad_token=PADDING, unk_token=UNKNOWN, model_input_names=["input_ids", "attention_mask"]
        )
    )  # fmt: skip


def _short(tokenizer: Any) -> Any:
    tokenizer.model_max_length = MOST_TOKENS
    return tokenizer


def bag_run(
    data: Splits | None = None, tokenizer: Any = None, *, width: int = 16, steps: int = 200, seed: int = 0, **more: Any
) -> Trainer:
    """A run of a `WordBag` on messages, not yet trained; 0.5 seconds for 400 steps.

    Args:
        data: messages; None: those in plain writing.
        tokenizer: None: that of the 1,000 most common words.
        width: numbers in a row.
        steps: to take.
        seed: of the first weights and of the run.
        more: fields of the config.
    """
    data, tokenizer = data or messages(), tokenizer or common_words()
    model = WordBag(len(tokenizer), len(data.train.label_names), width, seed)
    return _run(model, data, tokenizer, steps, 0.03, seed, **more)


def rows_of(trainer: Trainer) -> Tensor:
    """The words' rows of a run of a `WordBag` [V, width], as they are now."""
    model = trainer.model
    assert isinstance(model, WordBag)
    return model.embedding.weight.detach()


def size_run(steps: int = 600, seed: int = 0) -> Trainer:
    """A run of `WordSizes` on the messages, not yet trained.

    Args:
        steps: to take.
        seed: of the first weights and of the run.
    """
    data, tokenizer = messages(), common_words()
    model = WordSizes(len(tokenizer), len(data.train.label_names), seed)
    return _run(model, data, tokenizer, steps, 0.003, seed)


def _run(model: nn.Module, data: Splits, tokenizer: Any, steps: int, rate: float, seed: int, **more: Any) -> Trainer:
    config = TrainConfig(
        seed=seed, batch_size=32, learning_rate=rate, max_steps=steps, max_length=MOST_TOKENS, evaluate_every=0, keep="last",
        threads=1, **more,
    )  # fmt: skip
    return Trainer(model, "text-classification", data, config, tokenizer)


@cache
def digits() -> Splits:
    """1,437 handwritten digits to learn from, raw from 0 to 16, and 360 kept aside."""
    from aitrain_nb.run import prepare

    return prepare(data="digits", model="mlp", threads=1).data


def digit_run(scale: float, steps: int = 60, seed: int = 0) -> Trainer:
    """A run on the digits, not yet trained, for which each raw pixel is multiplied by a number.

    Args:
        scale: 1/16 makes 0 to 1 of the raw 0 to 16.
        steps: to take.
        seed: of the first weights and of the run.
    """
    from aitrain_nb.run import prepare

    raw = digits()
    data = Splits(raw.train, raw.validation, scale=scale)
    return prepare(
        data=data, model="mlp", seed=seed, max_steps=steps, learning_rate=0.01, evaluate_every=0, keep="last", threads=1
    )  # fmt: skip
