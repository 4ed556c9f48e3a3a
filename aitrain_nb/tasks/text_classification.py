"""Text classification: one text, or a pair of texts, in; one class out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import torch

from aitrain_nb import chips, html, numerals, plots
from aitrain_nb.data import Dataset, check_two_classes, checked_labels
from aitrain_nb.errors import ConfigError, DataError
from aitrain_nb.lettering import shortened
from aitrain_nb.models import texts as text_models
from aitrain_nb.models.pretrained import PACKAGED, find_pretrained
from aitrain_nb.randomness import OwnRandom
from aitrain_nb.records.base import Check, Fact
from aitrain_nb.tasks.base import Task, label_numbers, own_texts
from aitrain_nb.tokenizing import load_tokenizer, shown_tokens, train_tokenizer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd
    from torch import Tensor, nn

    from aitrain_nb.config import TrainConfig
    from aitrain_nb.data import Splits
    from aitrain_nb.figures import Picture
    from aitrain_nb.records import Batch

LONGEST = 512
"""Positions of a small encoder, and the most tokens of a text where nothing else is said."""
_MOST_CHIPS = 60
"""Tokens that are shown of a text."""


class TextClassification(Task):
    """One of C classes for a text; cross-entropy in nats. Texts of a batch are padded to its longest."""

    name: ClassVar[str] = "text-classification"
    read_as: ClassVar[str] = name
    default_data: ClassVar[str] = "tickets"
    default_model: ClassVar[str] = "small-encoder"
    default_tokenizer: ClassVar[str] = "subwords"
    models: ClassVar[tuple[str, ...]] = (*text_models.small_for(name), *PACKAGED)

    def check(self, splits: Splits) -> None:
        """Training examples of at least two classes; raises DataError."""
        check_two_classes(splits.train)

    def load_processor(self, config: TrainConfig, splits: Splits) -> Any:
        """The pretrained model's tokenizer, or one trained on the training texts."""
        if text_models.is_small(str(config.model)):
            texts = [*splits.train.columns["text"], *splits.train.columns.get("text_pair", [])]
            tokenizer = train_tokenizer(texts, config.tokenizer, config.vocabulary_size)
            tokenizer.model_max_length = _positions(config)
        else:
            tokenizer = load_tokenizer(find_pretrained(str(config.model), text_models.small_for(self.name)))
        _check_length(config.max_length, tokenizer, pairs="text_pair" in splits.train.columns)
        return tokenizer

    def prepare(self, dataset: Dataset, splits: Splits, processor: Any, config: TrainConfig) -> Dataset:
        """Tokens of each text as `input_ids` (ragged, cut at `max_length`), and int64 `labels`.

        Raises:
            DataError: a text that is empty, or a label outside the classes.
        """
        del splits
        labels, limit = checked_labels(dataset), self._limit(processor, config)
        columns = _encode(processor, dataset.columns, limit)
        empty = [i for i, text in enumerate(dataset.columns["text"]) if not str(text).strip()]
        if empty:
            where = ", ".join(map(str, empty[:5]))
            raise DataError("Some texts are empty.", f"{len(empty)} of them: {where}.", "Drop them, or fill them in.")
        return Dataset(columns | {"labels": labels}, dataset.label_names)

    def count_examples(self, train: Dataset, config: TrainConfig) -> int | None:
        """One for each text."""
        del config
        return len(train)

    def notes(self, raw: Dataset, prepared: Dataset, processor: Any, config: TrainConfig) -> list[str]:
        """How many texts are cut."""
        limit = self._limit(processor, config)
        full = [place for place, row in enumerate(prepared.columns["input_ids"]) if len(row) >= limit]
        whole = _encode(processor, raw.take(full), None)["input_ids"] if full else []
        cut = sum(len(row) > limit for row in whole)
        return [f"{cut:,} of {len(raw):,} training texts are cut at {limit} tokens (max_length)."] if cut else []

    @staticmethod
    def _limit(processor: Any, config: TrainConfig) -> int:
        """Most tokens of a text: what the config says, but never more than the model has positions."""
        return min(config.max_length or LONGEST, processor.model_max_length, 100_000)

    def collate(self, columns: dict[str, Any], processor: Any) -> dict[str, Tensor]:
        """`input_ids` [B, T] padded to the longest, `attention_mask` [B, T] (1 real, 0 padding), `labels` [B]."""
        ids = columns["input_ids"]
        longest = max(map(len, ids))
        padding = processor.pad_token_id
        inputs = {
            "input_ids": torch.tensor([row + [padding] * (longest - len(row)) for row in ids]),
            "attention_mask": torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in ids]),
        }
        if "token_type_ids" in columns:
            types = columns["token_type_ids"]
            inputs["token_type_ids"] = torch.tensor([row + [0] * (longest - len(row)) for row in types])
        return inputs | {"labels": columns["labels"]}

    def fillers(self, processor: Any) -> dict[str, int]:
        """The padding token."""
        return {"input_ids": processor.pad_token_id}

    def example_alone(
        self, inputs: dict[str, Tensor], place: int, processor: Any
    ) -> tuple[dict[str, Tensor], list[str]]:
        """One text of a batch without padding, and its tokens."""
        real = inputs["attention_mask"][place].bool()
        alone = {name: value[place][real][None] for name, value in inputs.items() if name != "labels"}
        words = processor.convert_ids_to_tokens(alone["input_ids"][0].tolist())
        return alone | {"labels": inputs["labels"][place : place + 1]}, words

    def own_examples(self, examples: Any, labels: Any, splits: Splits) -> Dataset:
        """A text, a list of texts, or a list of pairs of texts; labels as numbers or names."""
        given = own_texts(examples)
        pairs = "text_pair" in splits.train.columns
        columns: dict[str, Any] = {"text": given}
        if pairs:
            if not all(isinstance(pair, (tuple, list)) and len(pair) == 2 for pair in given):
                raise DataError(
                    "These examples are not pairs.",
                    "The model was trained on pairs of texts.",
                    'Give [("one", "other")].',
                )
            columns = {"text": [pair[0] for pair in given], "text_pair": [pair[1] for pair in given]}
        elif not all(isinstance(text, str) for text in given):
            raise DataError(
                "These examples are pairs.", "The model was trained on single texts.", "Give one string an example."
            )
        numbers = label_numbers(labels, len(given), splits.label_names)
        return Dataset(columns | {"label": numbers}, splits.label_names)

    def class_names(self, splits: Splits, processor: Any) -> Sequence[str]:
        """The classes of the data."""
        del processor
        return splits.label_names

    def rows(self, columns: dict[str, Any], label_names: Sequence[str]) -> pd.DataFrame:
        """Label and text of each example."""
        import pandas as pd

        names = [label_names[label] if label >= 0 else "unknown" for label in columns["label"].tolist()]
        texts = {name: list(columns[name]) for name in ("text", "text_pair") if name in columns}
        return pd.DataFrame({"label": names} | texts)

    def is_from_scratch(self, model: str) -> bool:
        """Whether it is one of the small models."""
        return text_models.is_small(model)

    def load_model(self, config: TrainConfig, splits: Splits, processor: Any) -> nn.Module:
        """A small encoder, or a pretrained one with a new head."""
        names = splits.label_names
        if not text_models.is_small(str(config.model)):
            return text_models.classifier(config, names)
        text_models.check_small(str(config.model), self.name)
        with OwnRandom(config.seed):
            return text_models.small_encoder(len(processor), names, processor.pad_token_id, _positions(config))

    def outputs(self, model: Any, inputs: dict[str, Tensor]) -> Tensor:
        """Logits [B, C]."""
        given = model(**{name: value for name, value in inputs.items() if name != "labels"})
        logits: Tensor = given.logits if hasattr(given, "logits") else given
        return logits

    # what a person sees of a batch

    def batch_facts(self, batch: Batch) -> dict[str, Fact]:
        """Shape, padding, unknown tokens, texts that were cut."""
        ids, mask = batch.inputs["input_ids"], batch.inputs["attention_mask"]
        unknown = int((ids == batch.trainer.processor.unk_token_id).sum())
        cut = sum(len(row) > ids.shape[1] for row in _encode(batch.trainer.processor, batch.raw, None)["input_ids"])
        return {
            "shape": Fact(f"{list(ids.shape)} {str(ids.dtype).removeprefix('torch.')}"),
            "padding": Fact(numerals.share(float((mask == 0).double().mean()))),
            "unknown tokens": Fact(unknown),
            "texts cut": Fact(cut),
        }

    def batch_picture(self, batch: Batch) -> Picture:
        """How many tokens each text has; what is left of each row is padding."""
        lengths = batch.inputs["attention_mask"].sum(-1).tolist()
        names = [f"{i}: {shortened(text, 24)}" for i, text in enumerate(batch.raw["text"])]
        return plots.bars(names[:16], lengths[:16], f"Tokens of each text, padded to {max(lengths)}", "tokens")

    def batch_brief(self, batch: Batch) -> str:
        """How many texts, the longest, how much padding."""
        mask = batch.inputs["attention_mask"]
        padding = numerals.share(float((mask == 0).double().mean()))
        return f"{batch.size} texts, the longest {mask.shape[1]} tokens; {padding} padding"

    def batch_text(self, batch: Batch) -> str:
        """How many tokens, how much padding."""
        mask = batch.inputs["attention_mask"]
        lengths = mask.sum(-1)
        return (
            f"{batch.size} texts became {int(mask.sum()):,} tokens, {int(lengths.min())} to {int(lengths.max())} each. "
            f"Padding fills {numerals.share(float((mask == 0).double().mean()))} of the block of {list(mask.shape)}."
        )

    def batch_code(self, batch: Batch) -> str:
        """The tokenizer's call, padded to the longest."""
        del batch
        return (
            "texts = [all_texts[i] for i in order[start:stop]]\n"
            "inputs = tokenizer(texts, truncation=True, max_length=limit, padding='longest', return_tensors='pt')\n"
            "labels = answers[order[start:stop]]"
        )

    def batch_view(self, batch: Batch) -> html.Markup:
        """The first three texts as tokens, each with its number and the letters it was cut from."""
        trainer = batch.trainer
        ids, mask = (batch.inputs[name][:3].tolist() for name in ("input_ids", "attention_mask"))
        first = {name: list(column[:3]) for name, column in batch.raw.items()}
        spans = _spans(trainer.processor, first, self._limit(trainer.processor, trainer.config))
        parts = []
        for i, text in enumerate(first["text"]):
            tokens = shown_tokens(trainer.processor, ids[i], spans[i] if spans else None)
            shown, real = (
                [token for place, token in enumerate(tokens) if place < _MOST_CHIPS or not mask[i][place]],
                sum(mask[i]),
            )
            more = f" (the first {_MOST_CHIPS} of {real:,} tokens)" if real > _MOST_CHIPS else ""
            parts.append(chips.row(shown, f"{shortened(batch.targets[i], 40)}: {shortened(text, 160)}{more}"))
        said = "Under each token its number, and from which to before which letter of the text it was cut."
        return html.join([*parts, html.element("div", said, style="opacity:0.85;font-size:90%")] if spans else parts)

    def batch_checks(self, batch: Batch) -> Iterator[Check]:
        """Ids are those of the raw texts, lie in the vocabulary, and the mask hides exactly the padding."""
        ids, mask = batch.inputs["input_ids"].cpu(), batch.inputs["attention_mask"].cpu()
        tokenizer, limit = batch.trainer.processor, self._limit(batch.trainer.processor, batch.trainer.config)
        fresh = _encode(tokenizer, batch.raw, limit)["input_ids"]
        kept = [row[real].tolist() for row, real in zip(ids, mask.bool(), strict=True)]
        same = sum(one == other for one, other in zip(kept, fresh, strict=True))
        yield Check("the ids are those of the raw texts", same == len(fresh), f"{same} of {len(fresh)} texts")
        largest, size = int(ids.max()), len(tokenizer)
        yield Check("every id is in the vocabulary", largest < size, f"largest id {largest}, {size} tokens")
        padded = ids[mask == 0]
        hidden = bool((padded == tokenizer.pad_token_id).all()) and int(mask.sum()) == sum(map(len, fresh))
        yield Check("the mask hides exactly the padding", hidden, f"{len(padded)} padded, {int(mask.sum())} real")
        same_labels = batch.labels.cpu() == batch.raw["label"]
        yield Check(
            "labels are those of the raw examples",
            bool(same_labels.all()),
            f"{int(same_labels.sum())} of {batch.size} equal",
        )


def _positions(config: TrainConfig) -> int:
    """Positions of a small encoder."""
    return max(LONGEST, config.max_length or 0)


def _check_length(asked: int | None, tokenizer: Any, *, pairs: bool) -> None:
    """Raise ConfigError where `max_length` is more than the model takes, or leaves nothing of a text."""
    marks = tokenizer.num_special_tokens_to_add(pair=pairs)
    if asked is not None and asked > tokenizer.model_max_length:
        raise ConfigError(
            f"max_length={asked} is more than the model takes.", f"It has {tokenizer.model_max_length} positions.",
            f"Set max_length={tokenizer.model_max_length} or less.",
        )  # fmt: skip
    if asked is not None and asked <= marks + pairs:
        raise ConfigError(
            f"max_length={asked} leaves nothing of a text.", f"{marks} of the tokens are marks around it.",
            f"Set max_length={marks + 8} or more.",
        )  # fmt: skip


def _encode(processor: Any, columns: dict[str, Any], limit: int | None) -> dict[str, list[list[int]]]:
    """Token numbers of raw texts; with pairs also which text a token belongs to."""
    pair = list(columns["text_pair"]) if "text_pair" in columns else None
    encoded = processor(
        list(columns["text"]), pair, truncation=limit is not None, max_length=limit, add_special_tokens=True,
        return_attention_mask=False, return_token_type_ids=pair is not None, verbose=False,
    )  # fmt: skip
    names = ["input_ids", "token_type_ids"] if pair is not None else ["input_ids"]
    return {name: encoded[name] for name in names if name in encoded}


def _spans(processor: Any, columns: dict[str, Any], limit: int) -> list[list[tuple[int, int]]]:
    """From which to before which letter of its text each token was cut; nothing where the tokenizer doesn't know."""
    if not getattr(processor, "is_fast", False):
        return []
    encoded = processor(
        columns["text"], columns.get("text_pair"), truncation=True, max_length=limit, return_offsets_mapping=True, verbose=False
    )  # fmt: skip
    spans: list[list[tuple[int, int]]] = encoded["offset_mapping"]
    return spans


TASK = TextClassification()
