"""`TokenLens`: the same sentence cut by characters, by words and by sub-words."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from aitrain_nb import chips, html
from aitrain_nb.lessons.experiments.numbered_words import messages
from aitrain_nb.tokenizing import KINDS, load_tokenizer, shown_tokens, train_tokenizer
from aitrain_nb.widgets.explorable import Explorable, Pick, Typed

SIZES = (100, 300, 1000, 4000)
"""Most tokens of a vocabulary."""
NAMES = {"characters": "Characters", "words": "Words", "subwords": "Sub-words"}


class Cut(NamedTuple):
    """A text, cut.

    Attributes:
        tokens: its pieces, in order.
        vocabulary: how many pieces the tokenizer knows.
        unknown: how many pieces of this text it doesn't.
    """

    tokens: list[chips.Token]
    vocabulary: int
    unknown: int


@cache
def tokenizer(kind: str, size: int) -> Any:
    """One that has learned its pieces from 989 messages to a shop.

    Args:
        kind: "characters", "words" or "subwords".
        size: most pieces.
    """
    return train_tokenizer(messages().train.columns["text"], kind, size, frame=False)


@cache
def pretrained_tokenizer() -> Any:
    """That of MiniLM, with 30,522 pieces; None where the package isn't installed."""
    from aitrain_nb.errors import ConfigError
    from aitrain_nb.models.pretrained import find_pretrained

    try:
        return load_tokenizer(find_pretrained("minilm"))
    except ConfigError:
        return None


def cut(text: str, tokenizer: Any) -> Cut:
    """A text as the tokenizer cuts it, without special tokens around it."""
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    return Cut(shown_tokens(tokenizer, ids), len(tokenizer), ids.count(tokenizer.unk_token_id))


class TokenLens(Explorable):
    """Type a sentence: each row is one way to cut it, with the number of each piece; orange is a piece without a number.

    Example:
        TokenLens().set(text="Where is my teapot?", pieces="300")
    """

    def __init__(self) -> None:
        for size in SIZES:
            for kind in KINDS:
                tokenizer(kind, size)
        pretrained_tokenizer()
        super().__init__(
            self._rows, "One sentence, cut in several ways",
            text=Typed("My parcel is untrackable!", "Your sentence", most=90, help="Its first 90 letters are cut."),
            pieces=Pick("1000", "Most pieces in a vocabulary", tuple(map(str, SIZES)), "How many different pieces were learned."),
        )  # fmt: skip

    def cuts(self, text: str, size: int) -> dict[str, Cut]:
        """Each way to cut the text, by its name.

        Args:
            text: any.
            size: most pieces of a vocabulary.
        """
        return {name: cut(text, tokenizer(kind, size)) for kind, name in NAMES.items()}

    def _rows(self, text: str, pieces: str) -> html.Markup:
        if not text.strip():
            return html.element("div", "Type a sentence of 1 word or more.")
        rows = [_row(name, one) for name, one in self.cuts(text, int(pieces)).items()]
        if pretrained_tokenizer() is not None:
            rows.append(_row("Sub-words of MiniLM, learned from far more text", cut(text, pretrained_tokenizer())))
        note = "Below each piece its number. Orange: unknown. ## joins a piece to the one before. A dot is a space."
        return html.join([*rows, html.element("div", note, style="font-size:85%;opacity:0.85;margin-top:6px")])


def _row(name: str, one: Cut) -> html.Markup:
    known = f", {one.unknown} unknown" if one.unknown else ""
    count = "1 token" if len(one.tokens) == 1 else f"{len(one.tokens)} tokens"
    head = html.element(
        "div", html.element("b", f"{name}: {count}{known}"), f" · {one.vocabulary:,} in the vocabulary", style="margin-top:8px"
    )  # fmt: skip
    return head + chips.row(one.tokens)
