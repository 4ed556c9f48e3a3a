"""Prompts with examples, and how probable a language model finds each label's word behind them."""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from aitrain_nb.engine.modes import evaluation_mode
from aitrain_nb.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from aitrain_nb.engine.device import Threads

TEMPLATE = "Text: {text}\nClass: {label}"
CONTENT_FREE = ("N/A", "[MASK]", "")
"""Inputs that say nothing, as in Zhao et al.: what a model answers to them is its bias."""


@dataclass(frozen=True)
class Prompt:
    """How examples and a question become one text.

    Attributes:
        template: of an example and of the question, with {text} and, at its end, {label}.
        examples: (text, word of its label), in their order.
        between: stands between two of them.
    """

    template: str
    examples: tuple[tuple[str, str], ...]
    between: str = "\n\n"

    def __post_init__(self) -> None:
        if not isinstance(self.template, str):
            raise ConfigError(
                f"The template can't be of the kind {type(self.template).__name__}.",
                "It is a text.",
                f"template={TEMPLATE!r}",
            )
        try:
            named = [name for _, name, _, _ in string.Formatter().parse(self.template) if name is not None]
        except ValueError:
            named = []
        if sorted(named) != ["label", "text"] or not self.template.endswith("{label}"):
            raise ConfigError(
                f"The template {self.template!r} can't be used.", "It needs {text} once, and {label} once, at its end.",
                f"template={TEMPLATE!r}",
            )  # fmt: skip

    def ending_with(self, text: str) -> str:
        """The examples and the question, up to where the word of the label would begin; a space before it belongs to the word."""
        shown = [self.template.format(text=one, label=word) for one, word in self.examples]
        return self.between.join([*shown, self.template.format(text=text, label="")]).rstrip(" ")

    def word(self, word: str) -> str:
        """The word as it follows: with the space of the template before it."""
        return (" " if self.template.endswith(" {label}") else "") + word

    def with_first(self, number: int) -> Prompt:
        """The same with so many examples."""
        return Prompt(self.template, self.examples[:number], self.between)


@dataclass(frozen=True, eq=False)
class Speaker:
    """A causal language model with its tokenizer; asking changes nothing of it.

    Attributes:
        model: gives logits [B, T, V], or has them as `.logits`.
        tokenizer: the one that belongs to it.
        device: where the model lies.
        positions: most tokens that it can take.
        threads: a `with` block with as many processor threads as it is to have.
    """

    model: nn.Module
    tokenizer: Any
    device: torch.device
    positions: int
    threads: Threads

    def tokens(self, text: str) -> list[int]:
        """Token numbers of a text, without marks around it."""
        found: list[int] = self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        return found

    def begun(self, text: str) -> list[int]:
        """Token numbers of a prompt: behind the mark of a beginning, where the tokenizer sets one."""
        first = self.tokenizer.bos_token_id
        sets_one = first is not None and self.tokenizer("a", verbose=False)["input_ids"][:1] == [first]
        return [first] * sets_one + self.tokens(text)

    @torch.no_grad()
    def log_probabilities(self, prompt: Prompt, text: str, words: Sequence[str]) -> Tensor:
        """Mean log probability of the tokens of each word behind the prompt, nats, [C] on the CPU.

        Raises:
            DataError: the prompt and a word are longer than the model can take.
        """
        begin, ends = self.begun(prompt.ending_with(text)), [self.tokens(prompt.word(word)) for word in words]
        longest = max(map(len, ends))
        if len(begin) + longest > self.positions or not begin:
            raise self._does_not_fit(prompt, text, len(begin), longest)
        rows = torch.tensor([begin + end + [0] * (longest - len(end)) for end in ends], device=self.device)
        with evaluation_mode(self.model), self.threads:
            given = self.model(rows[:, :-1])
        logits = given.logits if hasattr(given, "logits") else given
        said = logits[:, len(begin) - 1 :].float().log_softmax(-1).cpu()
        return torch.stack([said[i, range(len(end)), end].mean() for i, end in enumerate(ends)])

    def _does_not_fit(self, prompt: Prompt, text: str, length: int, longest: int) -> DataError:
        if not length:
            return DataError(
                "The prompt is empty.", "There is nothing that a word could follow.", "Give the template words."
            )
        fitting = [
            number for number in range(len(prompt.examples))
            if len(self.begun(prompt.with_first(number).ending_with(text))) + longest <= self.positions
        ]  # fmt: skip
        most = max(fitting, default=-1)
        fits = (
            f"With {most} of the {len(prompt.examples)} examples it fits"
            if most >= 0
            else "Even without examples it doesn't fit"
        )
        return DataError(
            "The prompt doesn't fit into the model's context.",
            f"It has {length + longest:,} tokens, and the model takes {self.positions:,}. {fits}.",
            "Give fewer shots, shorter texts, or a model with a longer context.",
        )


def checked_words(names: Sequence[str], words: Mapping[str, str] | None, speaker: Speaker) -> list[str]:
    """The word of each label; raises ConfigError where one has none, two are the same, or one is empty."""
    if words is not None and not isinstance(words, Mapping):
        raise ConfigError(
            f"The words of the labels can't be a {type(words).__name__}.",
            "They are a dictionary: label -> its word in the prompt.",
            f"words={{{names[0]!r}: ..., ...}}",
        )
    given = {name: name for name in names} if words is None else words
    missing = [name for name in names if name not in given]
    unknown = [name for name in given if name not in names]
    if missing or unknown:
        raise ConfigError(
            f"The label {missing[0]!r} has no word." if missing else f"There is no label {unknown[0]!r}.",
            f"The labels are: {', '.join(names)}.", "Give a word for each of them and for nothing else.",
        )  # fmt: skip
    found = [str(given[name]) for name in names]
    if len(set(found)) < len(found) or not all(speaker.tokens(word) for word in found):
        raise ConfigError(
            "The words of the labels can't be told apart.", f"They are: {', '.join(map(repr, found))}.",
            "Give each label a word of its own.",
        )  # fmt: skip
    return found
