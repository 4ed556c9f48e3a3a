"""Text generation: a causal language model says at each position which token comes next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import torch

from aitrain_nb import chips, numerals, plots
from aitrain_nb.data import Dataset
from aitrain_nb.errors import ConfigError, DataError
from aitrain_nb.models import texts as text_models
from aitrain_nb.models.pretrained import find_pretrained, load_pretrained
from aitrain_nb.randomness import OwnRandom
from aitrain_nb.records.base import Check, Fact
from aitrain_nb.tasks.base import Task, own_texts
from aitrain_nb.tokenizing import SPECIAL, load_tokenizer, train_tokenizer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd
    from torch import Tensor, nn

    from aitrain_nb import html
    from aitrain_nb.config import TrainConfig
    from aitrain_nb.data import Splits
    from aitrain_nb.figures import Picture
    from aitrain_nb.records import Batch

_MOST_CHIPS = 32
"""Positions that are shown of a block."""
_BETWEEN = "\n\n"
"""Stands between two documents where the tokenizer has no end mark."""
CONTEXT, SMALL_CONTEXT = 128, 64
"""Tokens that a pretrained and a small model see at once where nothing else is said; on two cores a small one learns sooner with 64."""


class TextGeneration(Task):
    """The next token at each position [B, T]; cross-entropy in nats a token.

    Documents are joined and cut into blocks of `max_length` tokens. The target at position t is the token at t + 1;
    the last position's target is the first token of what follows, so that every token but the very first is predicted once.
    """

    name: ClassVar[str] = "text-generation"
    read_as: ClassVar[str] = name
    scores: ClassVar[tuple[str, ...]] = ("accuracy",)
    default_data: ClassVar[str] = "speeches"
    default_model: ClassVar[str] = "small-gpt"
    default_tokenizer: ClassVar[str] = "characters"
    models: ClassVar[tuple[str, ...]] = tuple(text_models.small_for(name))
    default_evaluation_examples: ClassVar[int | None] = 256

    def check_config(self, config: TrainConfig) -> None:
        """Raise ConfigError where the config asks for what this task doesn't do."""
        super().check_config(config)
        if config.method == "head" or config.head_epochs:
            asked = f"head_epochs={config.head_epochs}" if config.head_epochs else "method='head'"
            raise ConfigError(
                f"{asked} doesn't fit text-generation.",
                "The scores of a language model are made with its token vectors: it has no head of its own.",
                "Use method='fine-tune'.",
            )

    def load_processor(self, config: TrainConfig, splits: Splits) -> Any:
        """The pretrained model's tokenizer, or one trained on the training texts."""
        if text_models.is_small(str(config.model)):
            return train_tokenizer(
                list(splits.train.columns["text"]), config.tokenizer, config.vocabulary_size, frame=False
            )
        return load_tokenizer(find_pretrained(str(config.model), text_models.small_for(self.name)))

    def prepare(self, dataset: Dataset, splits: Splits, processor: Any, config: TrainConfig) -> Dataset:
        """Blocks of tokens: `input_ids` [n, T] and `labels` [n, T] with labels[t] = the token after input_ids[t].

        Raises:
            DataError: fewer tokens than one block needs.
        """
        del splits
        length = _context(config)
        ids = _join(processor, list(dataset.columns["text"]))
        blocks = (len(ids) - 1) // length
        if blocks < 1:
            raise DataError(
                "There is too little text.", f"It has {len(ids)} tokens, and a block needs {length + 1}.",
                f"Give more text, or set max_length below {max(2, len(ids))}.",
            )  # fmt: skip
        return Dataset(
            {
                "input_ids": ids[: blocks * length].view(blocks, length).clone(),
                "labels": ids[1 : blocks * length + 1].view(blocks, length).clone(),
            }
        )

    def count_examples(self, train: Dataset, config: TrainConfig) -> int | None:
        """How many blocks: known at once where each letter is a token."""
        texts = list(train.columns["text"])
        if not text_models.is_small(str(config.model)) or config.tokenizer != "characters":
            return None
        if any(mark in text for text in texts for mark in SPECIAL):  # which would be one token
            return None
        letters = sum(map(len, texts)) + len(_BETWEEN) * (len(texts) - 1)
        return max(0, letters - 1) // _context(config) or None

    def prepare_own(self, dataset: Dataset, splits: Splits, processor: Any, config: TrainConfig) -> Dataset:
        """Own texts, one row each, filled up to the longest; what fills up and the last token have no target (-100)."""
        del splits
        limit = _context(config)
        rows = processor(list(dataset.columns["text"]), add_special_tokens=False, verbose=False)["input_ids"]
        rows = [row[-limit:] for row in rows]
        if not all(rows):
            raise DataError("One of the texts is empty.", "There is nothing to go on from.", "Give it a first word.")
        longest = max(map(len, rows))
        filler = processor.pad_token_id or 0
        ids = torch.tensor([row + [filler] * (longest - len(row)) for row in rows])
        labels = torch.tensor([row[1:] + [-100] * (longest - len(row) + 1) for row in rows])
        return Dataset({"input_ids": ids, "labels": labels})

    def collate(self, columns: dict[str, Any], processor: Any) -> dict[str, Tensor]:
        """The blocks as they are."""
        del processor
        return columns

    def example_alone(
        self, inputs: dict[str, Tensor], place: int, processor: Any
    ) -> tuple[dict[str, Tensor], list[str]]:
        """One block of a batch without what fills it up, and its tokens."""
        counted = (inputs["labels"][place] != -100).nonzero()
        last = int(counted[-1]) + 1 if len(counted) else 0  # the last token of an own text has no target
        length = min(last + 1, inputs["input_ids"].shape[1])
        alone = {name: value[place : place + 1, :length] for name, value in inputs.items()}
        ids = alone["input_ids"][0].tolist()
        return alone, [visible(token) for token in processor.convert_ids_to_tokens(ids)]

    def case(self, columns: dict[str, Any], labels: Tensor, place: tuple[int, ...], processor: Any) -> str:
        """The text that stands before the target."""
        del columns
        example, position = place
        before = labels[example, max(0, position - 120) : position]
        text: str = processor.decode(before[before != -100].tolist())
        return f"after: {text[-80:]}" if text else "at the start of a block"

    def own_examples(self, examples: Any, labels: Any, splits: Splits) -> Dataset:
        """A text or a list of texts; what comes next in each is its own answer, so there are no labels to give."""
        del splits, labels
        return Dataset({"text": [text if isinstance(text, str) else "\n".join(text) for text in own_texts(examples)]})

    def class_names(self, splits: Splits, processor: Any) -> Sequence[str]:
        """The vocabulary: each token as a person can read it."""
        del splits
        return [visible(token) for token in processor.convert_ids_to_tokens(list(range(len(processor))))]

    def rows(self, columns: dict[str, Any], label_names: Sequence[str]) -> pd.DataFrame:
        """The text of each block and its length in letters."""
        import pandas as pd

        del label_names
        return pd.DataFrame({"text": list(columns["text"]), "letters": [len(text) for text in columns["text"]]})

    def raw(self, batch: Batch) -> dict[str, Any]:
        """The blocks as text again: a block may begin and end inside a sentence."""
        return {"text": batch.trainer.processor.batch_decode(batch.inputs["input_ids"])}

    def is_from_scratch(self, model: str) -> bool:
        """Whether it is one of the small models."""
        return text_models.is_small(model)

    def load_model(self, config: TrainConfig, splits: Splits, processor: Any) -> nn.Module:
        """A small GPT, or a pretrained causal model; raises ConfigError where its scores depend on what comes later."""
        del splits
        if not text_models.is_small(str(config.model)):
            from transformers import AutoModelForCausalLM

            model = load_pretrained(AutoModelForCausalLM, config)
            _check_causal(model, str(config.model))
            return model
        text_models.check_small(str(config.model), self.name)
        with OwnRandom(config.seed):
            return text_models.small_gpt(len(processor), _context(config))

    def outputs(self, model: Any, inputs: dict[str, Tensor]) -> Tensor:
        """Logits [B, T, V]; the labels are already one ahead, so nothing is shifted here."""
        given = model(inputs["input_ids"])
        logits: Tensor = given.logits if hasattr(given, "logits") else given
        return logits

    # what a person sees of a batch

    def batch_facts(self, batch: Batch) -> dict[str, Fact]:
        """Shape and vocabulary."""
        ids = batch.inputs["input_ids"]
        return {
            "shape": Fact(f"{list(ids.shape)} {str(ids.dtype).removeprefix('torch.')}"),
            "context": Fact(ids.shape[1], "tokens"),
            "vocabulary": Fact(len(batch.trainer.class_names), "tokens"),
        }

    def batch_picture(self, batch: Batch) -> Picture:
        """How often each of the 16 most frequent tokens occurs."""
        counts = batch.inputs["input_ids"].flatten().bincount()
        values, places = counts.topk(min(16, int((counts > 0).sum())))
        names = [batch.trainer.class_names[i] for i in places.tolist()]
        return plots.bars(names, values.tolist(), "The most frequent tokens of this batch", "times")

    def batch_brief(self, batch: Batch) -> str:
        """How many blocks of how many tokens."""
        return f"{batch.size} blocks of {batch.inputs['input_ids'].shape[1]} tokens; {batch.counted:,} answers"

    def batch_text(self, batch: Batch) -> str:
        """How many blocks of how many tokens, and what is predicted."""
        ids = batch.inputs["input_ids"]
        return (
            f"{batch.size} blocks of {ids.shape[1]} tokens: at each of {batch.counted:,} positions the model has to say which of "
            f"{numerals.count(len(batch.trainer.class_names))} tokens comes next. The answers are the same texts, one token ahead."
        )

    def batch_code(self, batch: Batch) -> str:
        """Blocks, and the same one token ahead."""
        length = batch.inputs["input_ids"].shape[1]
        return (
            f"blocks = ids[:n * {length}].view(n, {length})[order[start:stop]]\n"
            f"labels = ids[1:n * {length} + 1].view(n, {length})[order[start:stop]]   # one token ahead"
        )

    def batch_view(self, batch: Batch) -> html.Markup:
        """The beginning of the first block: what goes in above what should come out, which is one token ahead."""
        names = batch.trainer.class_names
        ids, labels = (batch.inputs[name][0, :_MOST_CHIPS].tolist() for name in ("input_ids", "labels"))
        caption = (
            f"Above what goes in, below what should come out: the next token. The first {len(ids)} positions of the first block, "
            "each token with its number."
        )
        targets = [chips.Token(names[label], label) if label >= 0 else None for label in labels]
        return chips.shifted([chips.Token(names[i], i) for i in ids], targets, caption)

    def batch_checks(self, batch: Batch) -> Iterator[Check]:
        """Target t is input t + 1; ids lie in the vocabulary; decoding and encoding again gives the same ids."""
        ids, labels = batch.inputs["input_ids"].cpu(), batch.inputs["labels"].cpu()
        within = labels[:, :-1] != -100
        shifted = (labels[:, :-1] == ids[:, 1:]) | ~within
        yield Check(
            "target t = input t + 1", bool(shifted.all()), f"{int(shifted.sum())} of {shifted.numel()} positions"
        )
        largest, size = int(ids.max()), len(batch.trainer.class_names)
        yield Check("every id is in the vocabulary", largest < size, f"largest id {largest}, {size} tokens")


@torch.no_grad()
def _check_causal(model: Any, name: str) -> None:
    """Raise ConfigError where the scores of a first token change with the second: such a model would see what it is to predict."""
    was_training = model.training
    first = model.eval()(torch.tensor([[0, 0], [0, 1]])).logits[:, 0]
    model.train(was_training)
    if not torch.allclose(first[0], first[1], rtol=1e-3, atol=1e-3):
        raise ConfigError(
            f"{name!r} is no causal language model.", f"A {type(model).__name__} reads what comes later too, and would see its targets.",
            "Use a model that was made to write, such as a GPT-2 or Llama; an encoder is for task='text-classification'.",
        )  # fmt: skip


def _context(config: TrainConfig) -> int:
    """Tokens of a block."""
    return config.max_length or (SMALL_CONTEXT if text_models.is_small(str(config.model)) else CONTEXT)


def visible(token: str) -> str:
    r"""A token as a person can read it: spaces and line breaks get a sign.

    >>> visible(" "), visible("\n"), visible("a")
    ('␣', '⏎', 'a')
    """
    return token.replace("\n", "⏎").replace(" ", "␣").replace("\t", "⇥")


def _join(processor: Any, texts: Sequence[str]) -> Tensor:
    """All documents as one row of token numbers [tokens] int64, an end mark between them where the tokenizer has one."""
    end = processor.eos_token_id
    between = [end] if end is not None else processor(_BETWEEN, add_special_tokens=False, verbose=False)["input_ids"]
    ids: list[int] = []
    for row in processor(list(texts), add_special_tokens=False, verbose=False)["input_ids"]:
        ids += [*row, *between]
    return torch.tensor(ids[: len(ids) - len(between)] if ids else ids, dtype=torch.int64)


TASK = TextGeneration()
