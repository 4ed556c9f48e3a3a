"""A prompt of one's own: which token comes next, and what a language model goes on with."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from aitrain_nb.engine.generating import pieces
from aitrain_nb.tasks.text_generation import visible
from aitrain_nb.tokenizing import shown_tokens
from aitrain_nb.trying.answers import Answer, Written, untrained
from aitrain_nb.trying.texts import chips_text, cut_letters, shown_chips, unknown_note

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aitrain_nb.engine.generating import Piece
    from aitrain_nb.trainer import Trainer


class Writing(NamedTuple):
    """What a language model is asked to go on with.

    Attributes:
        prompt: what to go on from.
        tokens: how many to add.
        temperature: below 1 safer, above 1 wilder, 0 always the most probable token.
        top_k: choose among this many most probable tokens only; None: among all.
        seed: the same seed gives the same text.
    """

    prompt: str
    tokens: int = 100
    temperature: float = 0.8
    top_k: int | None = None
    seed: int = 0

    @property
    def code(self) -> str:
        """The same in code."""
        return (
            f"trainer.generate({self.prompt!r}, tokens={self.tokens}, temperature={self.temperature:g}, "
            f"top_k={self.top_k}, seed={self.seed})"
        )

    def pieces(self, trainer: Trainer) -> Iterator[Piece]:
        """What the model goes on with, token by token.

        Raises:
            DataError: the prompt is empty.
            ConfigError: the task doesn't generate, or a number is out of range.
        """
        cut_letters([self.prompt])
        return pieces(trainer, self.prompt, self.tokens, self.temperature, self.top_k, self.seed)

    def written(self, trainer: Trainer, found: Sequence[Piece]) -> Written:
        """What was written, to look at."""
        return Written(self.prompt, tuple(found), self._replace(tokens=len(found)).code, tuple(untrained(trainer)))

    def next(self, trainer: Trainer) -> Answer:
        """The tokens that may come next, the most probable ones; raises as `pieces`."""
        piece = next(self._replace(tokens=1).pieces(trainer))
        task, tokenizer = trainer.task, trainer.processor
        ids = tokenizer(self.prompt, add_special_tokens=False, verbose=False)["input_ids"]
        own = task.own_examples(self.prompt, None, trainer.data)
        seen = task.prepare_own(own, trainer.data, tokenizer, trainer.config).columns["input_ids"].shape[1]
        tokens = [token._replace(text=visible(token.text)) for token in shown_tokens(tokenizer, ids[-seen:])]
        cut = [f"The prompt has {len(ids):,} tokens; the model sees the last {seen:,}."] if seen < len(ids) else []
        notes = (*cut, *unknown_note(tokens), *untrained(trainer))
        return Answer(
            self.prompt, piece.choices, "next token", self._replace(tokens=1).code, notes, None, shown_chips(tokens), chips_text(tokens)
        )  # fmt: skip
