"""What a model said when it was tried, for a page, for a terminal and for a program."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aitrain_nb import html, numerals
from aitrain_nb.errors import ConfigError
from aitrain_nb.lettering import visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aitrain_nb.engine.generating import Piece
    from aitrain_nb.trainer import Trainer

FIRST = 10
"""Bars that are shown at once; the others open behind a line."""
_IN_TABLE = 100
"""Tokens that are listed with their probabilities."""


@dataclass(frozen=True)
class Answer:
    """How probable a model finds each class, or each of a few next tokens, for one example.

    Attributes:
        example: what was tried, as `trainer.predict` takes it: a text, a pair of texts, or raw pixels [channels, h, w].
        choices: names with their probabilities 0 to 1, most probable first.
        what: what the names are: "class" or "next token".
        notes: what to know about it, a sentence each.
        code: the same in code.
        truth: the class it has in the data, where it is from there.
        seen: the example as the model sees it, as HTML.
        seen_text: the same in words.
    """

    example: Any = field(repr=False)
    choices: tuple[tuple[str, float], ...]
    what: str
    code: str
    notes: tuple[str, ...] = ()
    truth: str | None = None
    seen: html.Markup = field(default=html.Markup(""), repr=False)
    seen_text: str = ""

    @property
    def predicted(self) -> str:
        """The most probable name."""
        return self.choices[0][0]

    @property
    def probability(self) -> float:
        """Its probability, 0 to 1."""
        return self.choices[0][1]

    def headline(self) -> str:
        """The answer in a line."""
        return f"{self.predicted}, {numerals.share(self.probability)}"

    def to_html(self) -> html.Markup:
        """Answer, bars, the example as the model sees it, notes."""
        verdict = _verdict(self)
        line = html.element(
            "p", "Answer" if self.what == "class" else "What comes next", ": ", html.element("b", self.predicted),
            f", {numerals.share(self.probability)}", f" · {verdict}" if verdict else "", style="margin:4px 0",
        )  # fmt: skip
        bars = [
            [name, html.bar(value, numerals.share(value), _colour(self, name), 200)] for name, value in self.choices
        ]
        parts = [html.element("div", part, style="display:inline-block;vertical-align:top;margin-right:24px")
                 for part in (html.folded_table([self.what, "probability"], bars, FIRST), self.seen) if part]  # fmt: skip
        return html.join([line, *parts, *notes_as_html(self.notes)])

    def _repr_html_(self) -> str:
        return self.to_html() + code_as_html(self.code)

    def __repr__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        verdict = _verdict(self)
        yield visible(f"{self.headline()}{f' ({verdict})' if verdict else ''}")
        width = max(len(visible(name)) for name, _ in self.choices[:FIRST])
        for name, value in self.choices[:FIRST]:
            yield f"  {visible(name):{width}}  {numerals.share(value):>6}"
        if len(self.choices) > FIRST:
            yield f"  and {len(self.choices) - FIRST:,} more"
        yield from filter(None, [visible(self.seen_text, keep="\n"), *map(visible, self.notes)])


@dataclass(frozen=True)
class Written:
    """What a language model wrote.

    Attributes:
        prompt: what it went on from.
        pieces: its tokens, each with its probability and the most probable others.
        code: the same in code.
        notes: what to know about it, a sentence each.
    """

    prompt: str
    pieces: tuple[Piece, ...] = field(repr=False)
    code: str
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The prompt and what follows it."""
        return self.prompt + "".join(piece.text for piece in self.pieces)

    def headline(self) -> str:
        """What was done, in a line."""
        count = len(self.pieces)
        return f"{count:,} token{'' if count == 1 else 's'} written"

    def to_html(self) -> html.Markup:
        """The text, each token on a ground the stronger the less probable it was; a table of tokens behind a line."""
        spans = [html.heat(piece.text, 1 - piece.probability) for piece in self.pieces]
        style = "white-space:pre-wrap;line-height:1.7;max-width:720px;margin:4px 0"
        rows = [[piece.token, numerals.share(piece.probability), _others(piece)] for piece in self.pieces[:_IN_TABLE]]
        table = html.table(["token", "probability", "most probable at its place"], rows)
        first = f"the first {_IN_TABLE} of them" if len(self.pieces) > _IN_TABLE else "each token"
        return html.join([
            html.element("div", html.element("b", self.prompt), *spans, style=style),
            html.element("div", f"{self.headline()}; the stronger the ground, the less probable the token.", style="opacity:0.8"),
            html.details(f"{first}, with its probability", table), *notes_as_html(self.notes),
        ])  # fmt: skip

    def _repr_html_(self) -> str:
        return self.to_html() + code_as_html(self.code)

    def __repr__(self) -> str:
        return "\n".join(visible(part, keep="\n") for part in (self.text, f"({self.headline()})", *self.notes))


def classes_of(trainer: Trainer, example: Any) -> tuple[tuple[str, float], ...]:
    """Every class with its probability for one example, most probable first.

    Raises:
        ConfigError: the task gives something else than one class an example.
        DataError: the example can't be used.
    """
    found = trainer.predict(example).iloc[0, 2:].tolist()
    if len(found) != len(trainer.class_names) or not all(isinstance(value, float) for value in found):
        raise ConfigError(
            f"A model for {trainer.task.name} can't be tried here.", "It doesn't choose one class for an example.",
            "Call trainer.predict(...).",
        )  # fmt: skip
    return tuple(sorted(zip(trainer.class_names, found, strict=True), key=lambda one: -one[1]))


def untrained(trainer: Trainer) -> list[str]:
    """A sentence where the model has not been trained yet."""
    if trainer.step:
        return []
    if trainer.task.read_as == "text-generation" and not trainer.task.is_from_scratch(str(trainer.config.model)):
        return ["Not trained here yet: the model answers as it was loaded."]
    return ["Not trained yet: the weights are as they were at the start, so the answers are guesses."]


def notes_as_html(notes: Sequence[str]) -> list[html.Markup]:
    """Sentences, a line each."""
    return [html.element("p", note, style="margin:4px 0;opacity:0.85") for note in notes]


def code_as_html(code: str) -> html.Markup:
    """The code twin."""
    return html.element("pre", code, style="margin:6px 0;white-space:pre-wrap")


def _verdict(answer: Answer) -> str:
    if answer.truth is None:
        return ""
    return f"in the data: {answer.truth}{', right' if answer.truth == answer.predicted else ', wrong'}"


def _colour(answer: Answer, name: str) -> str:
    return html.GREEN if name == answer.truth else html.BLUE


def _others(piece: Piece) -> str:
    return ", ".join(f"{name} {numerals.share(value)}" for name, value in piece.choices[:3])
