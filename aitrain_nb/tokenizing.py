"""Tokenizers: trained on a person's own texts in a second, or the one that belongs to a pretrained model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

from aitrain_nb.chips import Token
from aitrain_nb.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

TokenizerKind = Literal["subwords", "words", "characters"]
KINDS: tuple[str, ...] = get_args(TokenizerKind)
PADDING, UNKNOWN, START, END = "[PAD]", "[UNK]", "[CLS]", "[SEP]"
SPECIAL = [PADDING, UNKNOWN, START, END]


def train_tokenizer(texts: Sequence[str], kind: str, vocabulary_size: int, *, frame: bool = True) -> Any:
    """A fast tokenizer of transformers, trained on these texts; the same texts always give the same one.

    Args:
        texts: the training texts only, so that nothing of the validation texts is known.
        kind: "characters" (each letter a token), "words" (lower case, split at spaces and punctuation) or
            "subwords" (byte pairs: frequent words whole, rare ones in pieces).
        vocabulary_size: most tokens to learn; the special ones count.
        frame: put [CLS] before and [SEP] after each text.

    Raises:
        DataError: there is no text to learn from.
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    if not any(text.strip() for text in texts):
        raise DataError(
            "There is no text to learn a vocabulary from.", "Every text is empty.", "Give texts with words."
        )
    letters = kind == "characters"
    tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN) if kind == "subwords" else models.WordLevel(unk_token=UNKNOWN))
    if letters:
        tokenizer.pre_tokenizer = pre_tokenizers.Split(_any_character(), behavior="isolated")
    else:
        tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer_kind = trainers.BpeTrainer if kind == "subwords" else trainers.WordLevelTrainer
    trainer = trainer_kind(vocab_size=vocabulary_size, special_tokens=SPECIAL, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    if letters:
        tokenizer.decoder = _glue()
    if frame:
        tokenizer.post_processor = _framing(tokenizer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=PADDING, unk_token=UNKNOWN, cls_token=START, sep_token=END,
        model_input_names=["input_ids", "attention_mask"], clean_up_tokenization_spaces=False,
    )  # fmt: skip


def _any_character() -> Any:
    from tokenizers import Regex

    return Regex(r"[\s\S]")


def _glue() -> Any:
    from tokenizers import decoders

    return decoders.Fuse()


def _framing(tokenizer: Any) -> Any:
    from tokenizers import processors

    special = [(name, tokenizer.token_to_id(name)) for name in (START, END)]
    return processors.TemplateProcessing(
        single=f"{START} $A {END}", pair=f"{START} $A {END} $B:1 {END}:1", special_tokens=special
    )


def load_tokenizer(place: str) -> Any:
    """The tokenizer of a pretrained model, from its folder or the hub; never runs code that comes with it.

    Its `model_max_length` is never more than the model has positions.

    Raises:
        ConfigError: it isn't there, or there is no network to fetch it.
    """
    from transformers import AutoConfig, AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(place, trust_remote_code=False)
        shape = AutoConfig.from_pretrained(place, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(
            f"Can't load the tokenizer of {place!r}.", str(error).split("\n", maxsplit=1)[0],
            "Give a folder that holds tokenizer.json, or a model of the hub with a network.",
        ) from error  # fmt: skip
    positions = getattr(shape, "max_position_embeddings", None) or getattr(shape, "n_positions", None)
    if positions:  # those of the roberta family count from the padding token on
        offset = (shape.pad_token_id or 0) + 1 if "roberta" in shape.model_type else 0
        tokenizer.model_max_length = min(tokenizer.model_max_length, positions - offset)
    return tokenizer


def shown_tokens(tokenizer: Any, ids: Sequence[int], spans: Sequence[tuple[int, int]] | None = None) -> list[Token]:
    """Tokens as `aitrain_nb.chips` shows them.

    Args:
        tokenizer: whose they are.
        ids: their numbers.
        spans: the letters of the raw text that each was cut from, where they are known; one behind the last is padding.
    """
    special = set(tokenizer.all_special_ids)
    kinds = [
        "padding" if number == tokenizer.pad_token_id else "unknown" if number == tokenizer.unk_token_id
        else "special" if number in special else "word" for number in ids
    ]  # fmt: skip
    cut = [span if span[0] < span[1] else None for span in spans or ()][: len(ids)]
    cut += [None] * (len(ids) - len(cut))
    return [Token(*one) for one in zip(tokenizer.convert_ids_to_tokens(ids), ids, kinds, cut, strict=True)]
