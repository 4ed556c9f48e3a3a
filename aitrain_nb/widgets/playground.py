"""Try the model: type a text, draw a digit, choose an image, let it write; what it says stands beside it at once."""

from __future__ import annotations

import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import traitlets

from aitrain_nb import html, trying
from aitrain_nb.errors import AitrainError, ConfigError, DataError
from aitrain_nb.loading import load_run
from aitrain_nb.sources.pictures import SUFFIXES, Source
from aitrain_nb.widgets.front_end import source
from aitrain_nb.widgets.placed import Placed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from aitrain_nb.data import Dataset
    from aitrain_nb.engine.generating import Piece
    from aitrain_nb.trainer import Trainer
    from aitrain_nb.trying import Answer, Writing, Written

MOST_BYTES = 8 * 2**20
"""A larger image file isn't taken: Jupyter ends a connection that brings 10 MiB at once."""
MOST_TOKENS = 300
_PAD = 140
"""Pixels of the drawing that a page sends, each way."""
_AT_ONCE = 0.05
"""Seconds of writing between two messages to the page; meanwhile the kernel does nothing else."""
_KINDS = {"text-classification": "text", "image-classification": "image", "text-generation": "prompt"}
"""Task that examples are read as -> what is tried."""


class Playground(Placed):
    """A trained model to play with. Nothing of the run changes: not a weight, not a mode, not a random number.

    Answers are computed on the kernel's main thread, between cells; the newest wish wins. `ask` does the same in code.

    Args:
        trainer: whose model is tried, or the folder of a run.
        example: what is tried first; otherwise the first validation example.

    Attributes:
        value: the newest answer, or what was written; it can be observed.

    Raises:
        ConfigError: the task isn't one that can be tried here, or the folder holds no run.
        DataError: the example can't be used.

    Example:
        playground = ai.Playground(trainer)
        playground.ask("Where is my parcel?").predicted
    """

    _esm = source("placed.js", "slider.js", "pad.js", "words.js", "asking.js", "playground.js")
    _css = source("slider.css", "playground.css")
    facts = traitlets.Dict().tag(sync=True)
    value: Any = traitlets.Any()

    def __init__(self, trainer: Trainer | str | Path, example: Any = None) -> None:
        self.trainer: Trainer = load_run(trainer) if isinstance(trainer, (str, Path)) else trainer
        self._kind = _kind_of(self.trainer)
        self._paper = trying.Paper.of(self.trainer.data.train.columns["image"]) if self._kind == "image" else None
        super().__init__(facts=self._facts())
        self._wish: dict[str, Any] = {}
        self._granted, self._stopped, self._wrong = self._wish, False, ""
        self._asked: dict[str, Any] = {}
        if example is None:
            self._answer(_example(self, {"place": 0}), 0)
        else:
            self.ask(example, tokens=0)

    def ask(
        self, example: Any, *, tokens: int = 100, temperature: float = 0.8, top_k: int | None = None, seed: int = 0
    ) -> Answer | Written:
        """Try the model; the answer is shown where the playground stands, and is its `value`.

        Args:
            example: a text, or a pair of texts; an image's path, a Pillow image or raw pixels; for a language model a prompt.
            tokens: how many a language model adds; 0 only asks what comes next.
            temperature: below 1 safer, above 1 wilder, 0 always the most probable token.
            top_k: choose among this many most probable tokens only.
            seed: the same seed gives the same text.

        Raises:
            DataError: the example can't be used.
            ConfigError: a number is out of range.
        """
        found: Answer | Written
        if self._kind == "image":
            self._asked = {}
            found = trying.try_image(self.trainer, example)
        elif self._kind == "text":
            one, *other = [example] if isinstance(example, str) else example
            found = self._about(one, *other)
        else:
            writing = trying.Writing(example, tokens, temperature, top_k, seed)
            found = self._written(writing, list(writing.pieces(self.trainer))) if tokens else self._next(writing)
        self._answer(found, 0)
        self.refresh()
        return found

    def _about(self, text: str, pair: str | None = None, truth: str | None = None) -> Answer:
        self._asked = {"text": text, "pair": pair}
        return trying.try_text(self.trainer, text, pair, truth)

    def _next(self, writing: Writing) -> Answer:
        self._asked = writing._asdict()
        return writing.next(self.trainer)

    def _written(self, writing: Writing, found: Sequence[Piece]) -> Written:
        self._asked = writing._asdict()
        return writing.written(self.trainer, found)

    # asked by the page

    def take(self, message: dict[str, Any]) -> None:
        """A wish of the page, on whatever thread it comes: it is only noted, and granted in turn."""
        kind = message["type"]
        if kind == "stop":
            self._stopped = True
        elif kind == "hello":
            self._tell(0)
        elif kind in _WISHES[self._kind]:
            self._wish, self._stopped = message, False
            if not self.in_turn(self._grant):
                self._grant()

    def _grant(self) -> None:
        """Fulfil the newest wish, if that hasn't been done."""
        wish = self._wish
        if wish is self._granted:
            return
        self._granted = wish
        with self._mishaps_told(wish):
            found = _WISHES[self._kind][wish["type"]](self, wish)
            if found is not None:
                self._answer(found, wish.get("number"))

    @contextmanager
    def _mishaps_told(self, wish: dict[str, Any]) -> Iterator[None]:
        """What goes wrong is said on the page: there is no cell that could show it."""
        try:
            yield
        except AitrainError as error:
            self._wrong = " ".join(filter(None, [error.what, error.why, error.fix]))
        except Exception as error:  # noqa: BLE001  a model of somebody's own may raise anything
            self._wrong = f"The model could not answer. {type(error).__name__}: {error}"
        else:
            return
        self.send({"type": "wrong", "words": self._wrong, "number": wish.get("number")})

    def write(self, wish: dict[str, Any], writing: Writing, coming: Iterator[Piece], found: list[Piece]) -> None:
        """Go on writing for a moment, tell the page, and come back in turn; so that Stop and cells get theirs."""
        if wish is not self._wish:
            return
        with self._mishaps_told(wish):
            first, until = len(found), time.monotonic() + _AT_ONCE
            while not self._stopped and len(found) < writing.tokens and time.monotonic() < until:
                found.append(next(coming))
            self._send_pieces(writing.prompt, found, first, wish.get("number"))
            if self._stopped or len(found) == writing.tokens:
                self._answer(self._written(writing, found), wish.get("number"))
            elif not self.in_turn(lambda: self.write(wish, writing, coming, found)):
                self.write(wish, writing, coming, found)

    # told to the page

    def _answer(self, found: Answer | Written, number: Any) -> None:
        self._wrong = ""
        self.value = found
        self._tell(number)

    def _tell(self, number: Any) -> None:
        """Send the newest answer, and what was asked, so that a page that has just been opened shows both."""
        found = self.value
        if isinstance(found, trying.Written):
            if not number:
                self._send_pieces(found.prompt, found.pieces, 0, 0)
            content = html.join(trying.notes_as_html(found.notes))
        else:
            content = found.to_html()
        answer = {
            "html": str(content + trying.code_as_html(found.code)),
            "said": found.headline(),
            "written": isinstance(found, trying.Written),
            "asked": self._asked,
        }
        self.send({"type": "answer", "number": number} | answer)

    def _send_pieces(self, prompt: str, found: Sequence[Piece], first: int, number: Any) -> None:
        new = [[piece.text, piece.token, piece.probability, piece.choices] for piece in found[first:]]
        self.send({"type": "pieces", "number": number, "prompt": prompt, "first": first, "pieces": new})

    # what stays in the file

    def twin(self) -> html.Markup:
        """What was tried last, and what the model said."""
        asked = [self._asked[name] for name in ("text", "pair") if self._asked.get(name)]
        tried = [
            html.element("p", html.element("b", "Tried: "), text, style="margin:4px 0;max-width:720px")
            for text in asked
        ]
        wrong = [html.element("p", html.element("b", "Then: "), self._wrong)] if self._wrong else []
        content = (*tried, self.value.to_html(), *wrong, trying.code_as_html(self.value.code))
        return html.section("Try the model", self.facts["title"], *content)

    def text(self) -> str:
        """The same for a terminal."""
        asked = [f"Tried: {self._asked[name]}" for name in ("text", "pair") if self._asked.get(name)]
        return "\n".join(filter(None, [f"Try the model: {self.facts['title']}", *asked, repr(self.value), self._wrong]))

    def _facts(self) -> dict[str, Any]:
        """What the page builds itself from."""
        trainer, paper = self.trainer, self._paper
        state = f"after step {trainer.step:,}" if trainer.ending is None else trainer.ending.kept
        title = f"{_name_of_model(trainer)} on {trainer.data.name}, {state if trainer.step else 'not trained yet'}"
        return {
            "kind": self._kind, "title": title, "pairs": "text_pair" in trainer.data.train.columns,
            "examples": len(examples_of(trainer)), "side": "validation" if trainer.data.validation is not None else "training",
            "pad": _PAD if paper is not None else 0, "bright": paper is not None and paper.ink > paper.paper,
            "suffixes": ",".join(SUFFIXES), "most_bytes": MOST_BYTES, "most_letters": trying.MOST_LETTERS,
            "most_tokens": MOST_TOKENS, "vocabulary": len(trainer.class_names),
        }  # fmt: skip


def examples_of(trainer: Trainer) -> Dataset:
    """The examples to choose from: those that the weights have not seen, where there are such."""
    return trainer.data.validation if trainer.data.validation is not None else trainer.data.train


def _name_of_model(trainer: Trainer) -> str:
    """Its name; of a model that lies in a folder the last two parts of the path."""
    name = str(trainer.config.model or "a model")
    return "/".join(Path(name).parts[-2:]) if Path(name).is_dir() else name


def _kind_of(trainer: Trainer) -> str:
    kind = _KINDS.get(trainer.task.read_as, "")
    if not kind or (kind == "prompt" and trainer.task.name != "text-generation"):
        raise ConfigError(
            f"A model for {trainer.task.name} can't be tried here.", "It gives neither a class nor a text.",
            "Call trainer.predict(...).",
        )  # fmt: skip
    return kind


# what the page may wish: each takes its message and gives the answer


def _text(playground: Playground, wish: dict[str, Any]) -> Answer:
    pair = str(wish.get("pair") or "") if playground.facts["pairs"] else None
    return playground._about(str(wish.get("text") or ""), pair)


def _example(playground: Playground, wish: dict[str, Any]) -> Answer:
    """One of the validation examples, with its class."""
    examples = examples_of(playground.trainer)
    place = min(max(0, int(wish.get("place") or 0)), len(examples) - 1)
    columns = {name: column[0] for name, column in examples.take([place]).items()}
    if playground._kind == "prompt":
        beginning = str(columns["text"]).strip()[:60]
        return playground._next(trying.Writing(beginning.rsplit(" ", 1)[0] or beginning or "The"))
    label = int(columns.get("label", -1))
    truth = examples.label_names[label] if label >= 0 else None
    if playground._kind == "text":
        return playground._about(str(columns["text"]), columns.get("text_pair"), truth)
    playground._asked = {"place": place}
    side = "validation" if playground.trainer.data.validation is not None else "train"
    return trying.try_image(
        playground.trainer, columns["image"], f'trainer.predict(trainer.data.{side}.columns["image"][{place}])', truth
    )


def _drawing(playground: Playground, wish: dict[str, Any]) -> Answer:
    import numpy as np

    drawn, paper = wish.get("bytes"), playground._paper
    if paper is None or not isinstance(drawn, bytes) or len(drawn) != _PAD * _PAD:
        raise DataError(
            "The drawing can't be read.", "It doesn't have the size of the pad.", "Clear the pad and draw again."
        )
    playground._asked = {}
    pixels = paper.fit(np.frombuffer(drawn, np.uint8).reshape(_PAD, _PAD) / 255)
    return trying.try_image(playground.trainer, pixels, "trainer.predict(playground.value.example)")


def _file(playground: Playground, wish: dict[str, Any]) -> Answer:
    name, content = str(wish.get("name") or "the file"), wish.get("bytes")
    if not isinstance(content, bytes) or len(content) > MOST_BYTES:
        raise DataError(
            f"The file {name[:80]!r} is too large.", f"At most {MOST_BYTES // 2**20} MiB are taken.", "Make it smaller."
        )
    playground._asked = {}
    return trying.try_image(playground.trainer, Source(name, {"bytes": content}), f"trainer.predict({name[:200]!r})")


def _writing(wish: dict[str, Any]) -> Writing:
    top_k = int(wish.get("top_k") or 0)
    return trying.Writing(
        str(wish.get("text") or ""), min(MOST_TOKENS, int(wish.get("tokens") or 0)), float(wish.get("temperature") or 0.0),
        top_k or None, int(wish.get("seed") or 0),
    )  # fmt: skip


def _next(playground: Playground, wish: dict[str, Any]) -> Answer:
    return playground._next(_writing(wish))


def _write(playground: Playground, wish: dict[str, Any]) -> None:
    writing = _writing(wish)
    playground.write(wish, writing, writing.pieces(playground.trainer), [])


_WISHES: dict[str, dict[str, Callable[[Playground, dict[str, Any]], Answer | None]]] = {
    "text": {"text": _text, "example": _example},
    "image": {"drawing": _drawing, "file": _file, "example": _example},
    "prompt": {"next": _next, "write": _write, "example": _example},
}
"""What is tried -> what a page may wish of it."""
