"""A text of one's own, or a pair of texts: its tokens, and how probable each class is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aitrain_nb import chips, html
from aitrain_nb.errors import DataError
from aitrain_nb.tokenizing import shown_tokens
from aitrain_nb.trying.answers import Answer, classes_of, untrained

if TYPE_CHECKING:
    from aitrain_nb.chips import Token
    from aitrain_nb.trainer import Trainer

MOST_LETTERS = 20_000
"""What is longer is cut before it becomes tokens."""
MOST_CHIPS = 160
"""Tokens that are shown of a text."""


def try_text(trainer: Trainer, text: str, pair: str | None = None, truth: str | None = None) -> Answer:
    """What the model says about a text, or about a pair of them.

    Args:
        trainer: whose model is asked, in evaluation mode.
        text: the text.
        pair: the second text, for a model of pairs.
        truth: its class in the data, where it is from there.

    Raises:
        DataError: a text is empty, or the model takes pairs and there is one text.
        ConfigError: the task gives something else than one class an example.
    """
    parts, notes = cut_letters([text] if pair is None else [text, pair])
    example: Any = parts[0] if pair is None else tuple(parts)
    tokens, more = _tokens(trainer, example)
    choices = classes_of(trainer, [example])
    notes += [*more, *untrained(trainer)]
    return Answer(
        example, choices, "class", f"trainer.predict([{example!r}])", tuple(notes), truth, shown_chips(tokens), chips_text(tokens)
    )  # fmt: skip


def cut_letters(texts: list[str]) -> tuple[list[str], list[str]]:
    """The texts, none of them endless, and a sentence where one was cut.

    Raises:
        DataError: one of them is empty.
    """
    for text in texts:
        if not text.strip():
            which = "The text" if len(texts) == 1 else "One of the two texts"
            raise DataError(f"{which} is empty.", "There is nothing for the model to read.", "Type a few words.")
    longest = max(map(len, texts))
    note = f"The text has {longest:,} letters; only the first {MOST_LETTERS:,} are taken."
    return [text[:MOST_LETTERS] for text in texts], [note] if longest > MOST_LETTERS else []


def shown_chips(tokens: list[Token]) -> html.Markup:
    """Tokens with their numbers, the first of many."""
    if not tokens:
        return html.Markup("")
    more = f", the first {MOST_CHIPS}" if len(tokens) > MOST_CHIPS else ""
    caption = f"as the model sees it: {len(tokens):,} token{'' if len(tokens) == 1 else 's'} with their numbers{more}"
    return html.element("div", chips.row(tokens[:MOST_CHIPS], caption), style="max-width:720px")


def chips_text(tokens: list[Token]) -> str:
    """The same in words."""
    listed = " ".join(f"{token.text}({token.number})" for token in tokens[:MOST_CHIPS])
    return f"{len(tokens):,} tokens: {listed}{' …' if len(tokens) > MOST_CHIPS else ''}" if tokens else ""


def unknown_note(tokens: list[Token]) -> list[str]:
    """A sentence where tokens are not in the vocabulary."""
    unknown = sum(token.kind == "unknown" for token in tokens)
    return [f"{unknown:,} token{' is' if unknown == 1 else 's are'} not in the model's vocabulary."] if unknown else []


def _tokens(trainer: Trainer, example: Any) -> tuple[list[Token], list[str]]:
    """Text, number and kind of each token the model sees, and what to know: how much was cut, what is unknown."""
    task, tokenizer = trainer.task, trainer.processor
    own = task.own_examples([example], None, trainer.data)
    ids = task.prepare_own(own, trainer.data, tokenizer, trainer.config).columns.get("input_ids")
    if ids is None or not hasattr(tokenizer, "convert_ids_to_tokens"):
        return [], []
    tokens, notes = shown_tokens(tokenizer, list(ids[0])), []
    pair = (example,) if isinstance(example, str) else example
    whole = len(tokenizer(*pair, verbose=False)["input_ids"])
    if whole > len(tokens):
        notes.append(f"The text is cut: of its {whole:,} tokens the model sees {len(tokens):,} (max_length).")
    return tokens, [*notes, *unknown_note(tokens)]
