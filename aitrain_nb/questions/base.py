"""A question, its fields, and the call that answers it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from aitrain_nb import html
from aitrain_nb.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aitrain_nb.trainer import Trainer

Kind = Literal["whole", "number", "text", "place", "numbers"]
"""What a field takes: a whole number, a number, a text, a place in a tensor, or several numbers."""
_WORDS = {
    "whole": "a whole number", "number": "a number", "place": "whole numbers with commas, one a dimension",
    "numbers": "numbers with commas between them",
}  # fmt: skip
VARIABLES = {"forward": "forward", "loss": "loss", "backward": "gradients", "update": "update"}
"""Phase -> what its record is called in code."""


class Field(NamedTuple):
    """One thing that a question needs to know.

    Attributes:
        name: of the argument.
        label: for a person.
        kind: what it takes.
        value: what stands in it; None is empty.
        choices: value and words of each, where there are only so many.
        empty: what an empty field means, in words; "" where it may not be empty.
    """

    name: str
    label: str
    kind: Kind
    value: Any = None
    choices: tuple[tuple[Any, str], ...] = ()
    empty: str = ""

    def read(self, given: Any) -> Any:
        """What was typed or given, as the call takes it.

        Raises:
            ConfigError: it is something else.
        """
        if given is None or (isinstance(given, str) and not given.strip()):
            if self.empty or self.value is None:
                return None
            raise self._wrong(given)
        if self.kind not in _READ:
            return given.strip() if isinstance(given, str) else given
        try:
            return _READ[self.kind](", ".join(map(str, given)) if isinstance(given, (tuple, list)) else str(given))
        except ValueError:
            raise self._wrong(given) from None

    def _wrong(self, given: Any) -> ConfigError:
        words = _WORDS.get(self.kind, "a text")
        shown = "Nothing" if given is None or not str(given).strip() else repr(str(given)[:40])
        example = f"Give {self.written or 'a value'}, for example."
        return ConfigError(f"{shown} stands in {self.label!r}.", f"It takes {words}.", example)

    @property
    def written(self) -> str:
        """The value as a person types it."""
        if isinstance(self.value, (tuple, list)):
            return ", ".join(f"{part:.4g}" for part in self.value)
        return "" if self.value is None else f"{self.value:.4g}" if isinstance(self.value, float) else str(self.value)


def _parts(text: str) -> list[str]:
    return [part for part in re.split(r"[\s,;\[\]()]+", text) if part]


def _number(text: str) -> float:
    number = float(text.strip())
    if not math.isfinite(number):
        raise ValueError
    return number


_READ: dict[str, Callable[[str], Any]] = {
    "whole": int, "number": _number, "place": lambda text: tuple(int(part) for part in _parts(text)),
    "numbers": lambda text: [_number(part) for part in _parts(text)],
}  # fmt: skip


class Call(NamedTuple):
    """A call, as code and as what does it."""

    code: str
    make: Callable[[], Any]


def call(name: str, of: Any, method: str, *arguments: Any, **named: Any) -> Call:
    """The call of a method, and its code, from the same parts.

    Args:
        name: what `of` is called in code.
        of: whose method it is.
        method: its name.
        arguments: given by place.
        named: given by name.
    """
    written = [*map(repr, arguments), *(f"{key}={value!r}" for key, value in named.items())]
    return Call(f"{name}.{method}({', '.join(written)})", lambda: getattr(of, method)(*arguments, **named))


class FollowUp(NamedTuple):
    """What an answer leads to: another question, with values.

    Attributes:
        label: for a button.
        question: its name.
        values: of its fields.
    """

    label: str
    question: str
    values: Mapping[str, Any]


def _shown(answer: Any) -> html.Markup:
    return html.Markup(answer._repr_html_())


@dataclass(frozen=True)
class Question:
    """A question that can be asked on a page and in code.

    Attributes:
        name: in code.
        label: for a person.
        help: what one learns from the answer, in a sentence.
        after: the phase whose record it needs; "" for none.
        fields: gives them as the trainer stands.
        call: takes the trainer and a value for each field, and gives the call that answers.
        button: the words on its button.
        show: the answer as HTML.
        follow_ups: takes the values and the answer.
        lacks: says after what else it can be asked; "" where that is done.
    """

    name: str
    label: str
    help: str
    after: str
    fields: Callable[[Trainer], list[Field]]
    call: Callable[..., Call]
    button: str = "Ask"
    show: Callable[[Any], html.Markup] = _shown
    follow_ups: Callable[[Mapping[str, Any], Any], list[FollowUp]] = lambda _values, _answer: []
    lacks: Callable[[Trainer], str] = lambda _trainer: ""

    def why_not(self, trainer: Trainer) -> str:
        """Why it can't be asked now, in a few words; "" where it can."""
        newest = trainer.records.newest if trainer.records is not None else {}
        return f"after {self.after}" if self.after and self.after not in newest else self.lacks(trainer)
