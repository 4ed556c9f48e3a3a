"""`WordNeighbours`: the words next to a word by its number, and by its row of numbers."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from aitrain_nb import html
from aitrain_nb.lessons.experiments.numbered_words import bag_run, rows_of
from aitrain_nb.lessons.widgets.token_lens import pretrained_tokenizer
from aitrain_nb.widgets.explorable import Explorable, Range, Typed

if TYPE_CHECKING:
    from torch import Tensor


class Rows(NamedTuple):
    """A row of numbers for each word.

    Attributes:
        tokenizer: it knows the words' numbers.
        rows: [V, width], each of length 1.
        origin: whose they are.
    """

    tokenizer: Any
    rows: Tensor
    origin: str


@cache
def word_rows() -> Rows:
    """Those of MiniLM, read from its package; where it isn't installed, those of a small network trained on 989 messages."""
    import torch

    tokenizer = pretrained_tokenizer()
    if tokenizer is not None:
        from safetensors import safe_open

        from aitrain_nb.models.pretrained import find_pretrained

        with safe_open(f"{find_pretrained('minilm')}/model.safetensors", "pt") as file:
            name = next(name for name in file.keys() if name.endswith("word_embeddings.weight"))  # noqa: SIM118  not a dict
            return Rows(tokenizer, torch.nn.functional.normalize(file.get_tensor(name), dim=1), "MiniLM")
    trainer = bag_run()
    trainer.fit(display="none")
    rows = torch.nn.functional.normalize(rows_of(trainer), dim=1)
    return Rows(trainer.processor, rows, "a small network")


class WordNeighbours(Explorable):
    """Type a word: left the words whose numbers are next to its number, right those whose rows are most like its row.

    Example:
        WordNeighbours().set(word="monday")
    """

    def __init__(self) -> None:
        word_rows()
        super().__init__(
            self._both, "Neighbours by number, and by row", word=Typed("password", "A word", most=30),
            shown=Range(4, "How many", min=2, max=8, step=2),
        )  # fmt: skip

    def by_number(self, word: str, count: int = 4) -> list[str]:
        """Words whose numbers are next to that of this one; none where it has no number of its own."""
        tokenizer, number = word_rows().tokenizer, self._number(word)
        near = sorted(range(len(tokenizer)), key=lambda other: abs(other - number))[1 : count + 1] if number else []
        return [str(name) for name in tokenizer.convert_ids_to_tokens(sorted(near))]

    def by_row(self, word: str, count: int = 4) -> list[tuple[str, float]]:
        """Words whose rows point the same way most nearly, each with the cosine of the angle; none where it has no number."""
        found, number = word_rows(), self._number(word)
        if not number:
            return []
        likeness, places = (found.rows @ found.rows[number]).topk(count + 1)
        names = found.tokenizer.convert_ids_to_tokens(places.tolist())
        return [(name, like) for name, like in zip(names, likeness.tolist(), strict=True)][1:]

    def _number(self, word: str) -> int:
        """The word's number; 0 where it has none of its own."""
        tokenizer = word_rows().tokenizer
        ids = tokenizer(word.strip(), add_special_tokens=False)["input_ids"]
        return ids[0] if len(ids) == 1 and ids[0] not in tokenizer.all_special_ids else 0

    def _both(self, word: str, shown: int) -> html.Markup:
        found, number = word_rows(), self._number(word)
        if not number:
            return html.element(
                "div", f"{word.strip() or 'Nothing'!r} is not 1 token of {found.origin}. Try another word."
            )
        ids = found.tokenizer.convert_tokens_to_ids
        left = [(f"{ids(name):,}", name) for name in self.by_number(word, shown)]
        right = [(name, html.bar(like, f"{like:.2f}", html.GREEN)) for name, like in self.by_row(word, shown)]
        facts = {
            "word": word.strip(),
            "number": f"{number:,} of {len(found.tokenizer):,}",
            "row": _start(found.rows[number]),
        }
        both = [
            html.table(["number", "word"], left, "Next by number"),
            html.table(["word", "likeness"], right, "Next by row"),
        ]
        note = (
            f"Rows of {found.origin}. Likeness is 1 where two rows rise and fall in the same places, "
            "and about 0 where they have nothing in common."
        )
        return html.join([
            html.facts(facts), html.element("div", *both, style="display:flex;flex-wrap:wrap;gap:32px"),
            html.element("div", note, style="font-size:85%;opacity:0.85"),
        ])  # fmt: skip


def _start(row: Tensor) -> str:
    return ", ".join(f"{value:.2f}" for value in row[:4].tolist()) + f" ... ({len(row)} numbers)"
