"""Which column is the text and which the label: by name first, then by content, never in silence."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from aitrain_nb.errors import DataError, unknown_name
from aitrain_nb.sources.values import Profile, profile, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd

    from aitrain_nb.sources.base import Options

TEXT_NAMES = (
    "text", "texts", "message", "content", "review", "sentence", "body", "comment", "question", "prompt", "document",
    "tweet", "post", "utterance", "query", "description", "article", "passage", "abstract", "transcript", "email",
    "sms", "story", "headline", "title", "review_text", "review_body", "message_text", "content_text", "tweet_text",
)  # fmt: skip
"""Columns with these names hold the text; the first one wins over all others."""

LABEL_NAMES = (
    "label", "labels", "class", "category", "target", "sentiment", "y", "intent", "topic", "emotion", "tag", "stars",
    "rating", "gold_label", "class_label", "label_name", "is_spam", "spam", "polarity",
)  # fmt: skip
"""Columns with these names hold the class; the first one wins over all others."""

PAIR_NAMES = (
    ("sentence1", "sentence2"), ("sentence_1", "sentence_2"), ("premise", "hypothesis"), ("question1", "question2"),
    ("text1", "text2"), ("text_1", "text_2"), ("text_a", "text_b"), ("question", "answer"), ("question", "sentence"),
    ("query", "passage"), ("text", "text_pair"),
)  # fmt: skip
"""Columns with both names hold the two texts of an example."""

_SEVERAL = 3
"""So many columns of yes and no are taken for several labels a row."""
_CLEARLY_LONGER = 1.5
"""A text column wins over another one where its texts are this many times as long."""

_MOST_CLASSES = 100
_MOST_NUMBERED_CLASSES = 20
"""A column with more different values is never guessed to be a label."""


class Choice(NamedTuple):
    """The column for a role: its name, why it was chosen, and other candidates."""

    column: str
    why: str
    others: tuple[str, ...] = ()


def known_names(names: Iterable[str]) -> int:
    """How many of these names are among those that are looked for.

    >>> known_names(["Text", "Label", "note"])
    2
    """
    known = {*TEXT_NAMES, *LABEL_NAMES, *(name for pair in PAIR_NAMES for name in pair)}
    return sum(_plain(name) in known for name in names)


def choose(frame: pd.DataFrame, options: Options) -> dict[str, Choice]:
    """The column for each role of the task: "text", "text_pair", "image", "label".

    Raises:
        DataError: a column that was named isn't there, no column fits, or several do; lists the candidates.
    """
    return _Chooser(frame, options).choose()


def _plain(name: str) -> str:
    """A name in lower case with underscores: "Review Text" and "reviewText" are both "review_text"."""
    return re.sub(r"[\s-]+|(?<=[a-z0-9])(?=[A-Z])", "_", name.strip()).lower()


class _Chooser:
    def __init__(self, frame: pd.DataFrame, options: Options) -> None:
        self.options = options
        self.profiles: Mapping[str, Profile] = {str(name): profile(frame[name]) for name in frame.columns}
        self.by_plain_name: dict[str, str] = {}
        for name in self.profiles:
            self.by_plain_name.setdefault(_plain(name), name)

    def choose(self) -> dict[str, Choice]:
        options = self.options
        given = {
            role: self._given(name, argument)
            for role, name, argument in (
                ("text", options.text_column, "text_column"),
                ("text_pair", options.pair_column, "pair_column"),
                ("label", options.label_column, "label_column"),
            )
            if name is not None
        }
        chosen = {role: Choice(column, "as you asked") for role, column in given.items()}
        if len(set(given.values())) < len(given):
            raise DataError(
                "One column can't have two roles.",
                ", ".join(f"{role}: {shown(column)}" for role, column in given.items()) + ".",
                "Pass different columns.",
            )
        if options.task == "image-classification":
            return {"image": self._image(), "label": chosen.get("label") or self._label(set())}
        if options.task == "text-generation":
            return {"text": chosen.get("text") or self._text(set())}
        chosen |= self._pair(chosen)
        if "label" not in chosen:
            chosen["label"] = self._label({choice.column for choice in chosen.values()})
        if "text" not in chosen:
            chosen["text"] = self._text({choice.column for choice in chosen.values()})
        return {role: chosen[role] for role in ("text", "text_pair", "label") if role in chosen}

    def _given(self, name: str, argument: str) -> str:
        wanted = str(name).strip()
        if wanted not in self.profiles:
            what, why, fix = unknown_name("column", name, self.profiles)
            meant = fix.removeprefix("Did you mean ").removesuffix("?")
            near = f"Did you mean {meant}: {argument}={meant}?"
            raise DataError(what, why, near if meant != fix else f"Choose one of them: {argument}=...")
        return wanted

    def _pair(self, chosen: Mapping[str, Choice]) -> dict[str, Choice]:
        """The well-known pair of columns that is there, unless the person named the text."""
        taken = {choice.column for choice in chosen.values()}
        if "text" in chosen:
            return {}
        for first, second in PAIR_NAMES:
            names = self.by_plain_name.get(first), self.by_plain_name.get(second)
            if names[0] is None or names[1] is None or "text_pair" in chosen or taken & set(names):
                continue
            if first != "text" and "text" in self.by_plain_name:
                continue
            why = "by the well-known names of a pair"
            return {"text": Choice(names[0], why), "text_pair": Choice(names[1], why)}
        return {}

    def _label(self, taken: set[str]) -> Choice:
        free = [one for name, one in self.profiles.items() if name not in taken]
        named, empty = self._named(LABEL_NAMES, free)
        if named and (len(named) == 1 or _plain(named[0].name) == LABEL_NAMES[0]):
            others = [one.name for one in free if one != named[0] and _can_be_label(one)]
            return Choice(named[0].name, "by its name", tuple(others))
        fitting = [one for one in named if _can_be_label(one)] if named else _label_like(free)
        if len(fitting) == 1:
            why = "the only column with few different values that repeat"
            return Choice(fitting[0].name, "by its name and content" if named else why)
        yes_or_no = [one for one in fitting if one.distinct == 2 and one.kind != "text"]
        if not named and len(yes_or_no) == len(fitting) >= _SEVERAL:
            raise DataError(
                "The data seem to have several labels a row.",
                f"{len(yes_or_no)} columns hold yes or no: {self._listed(yes_or_no)}. Several labels at once (multi-label) "
                "can't be learned.",
                "Make one column of them where each row has one label, or pass label_column=... to learn a single yes or no.",
            )
        if fitting or named:
            self._ambiguous("label", fitting or named)
        if empty:
            return Choice(empty[0].name, "by its name")
        raise DataError(
            "No column looks like the label.",
            f"The columns are: {self._listed(free)}. A label has a few different values that repeat.",
            "Pass label_column=... with the column that holds the class.",
        )

    def _text(self, taken: set[str]) -> Choice:
        free = [one for name, one in self.profiles.items() if name not in taken]
        named, empty = self._named(TEXT_NAMES, free)
        if named and (len(named) == 1 or _plain(named[0].name) == TEXT_NAMES[0]):
            return Choice(
                named[0].name, "by its name", tuple(one.name for one in free if one != named[0] and _is_text(one))
            )
        words = [one for one in free if one.kind == "text"]
        prose = [one for one in words if _is_text(one)]
        candidates = sorted(named or prose or words, key=lambda one: -one.characters)
        if not candidates and empty:
            return Choice(empty[0].name, "by its name")
        if not candidates:
            raise DataError(
                "No column looks like text.",
                f"The columns are: {self._listed(free) or 'only the label'}." if self.profiles else "There are none.",
                "Pass text_column=... with the column that holds the text.",
            )
        longest, others = candidates[0], candidates[1:]
        if others and longest.characters < _CLEARLY_LONGER * others[0].characters:
            self._ambiguous("text", candidates)
        why = "the longest texts" if others else "the only column of free text"
        return Choice(longest.name, why, tuple(one.name for one in others))

    def _image(self) -> Choice:
        pictures = [one for one in self.profiles.values() if one.kind == "pictures"]
        if len(pictures) == 1:
            return Choice(pictures[0].name, "the only column of images")
        if pictures:
            self._ambiguous("image", pictures)
        raise DataError(
            "No column holds images.",
            f"The columns are: {self._listed(self.profiles.values())}.",
            "Give a folder of images with one subfolder a class, or pass task='text-classification'.",
        )

    def _named(self, names: Sequence[str], free: Sequence[Profile]) -> tuple[list[Profile], list[Profile]]:
        """Columns with one of these names, in the order of the names: those with values, and those without any."""
        by_name = {_plain(one.name): one for one in reversed(free)}
        found = [by_name[name] for name in names if name in by_name]
        return [one for one in found if one.kind != "nothing"], [one for one in found if one.kind == "nothing"]

    def _ambiguous(self, role: str, candidates: Sequence[Profile]) -> NoReturn:
        raise DataError(
            f"Several columns could be the {role}.",
            f"They are: {self._listed(candidates)}.",
            f"Pass {role}_column={shown(candidates[0].name)}, or the one you mean." if role != "image"
            else "Keep only one of them in the data.",
        )  # fmt: skip

    @staticmethod
    def _listed(profiles: Iterable[Profile]) -> str:
        listed = [one.words() for one in profiles]
        return ", ".join(listed[:12]) + (f" and {len(listed) - 12} more" if len(listed) > 12 else "")


def _is_id(one: Profile) -> bool:
    plain = _plain(one.name)
    named = plain in {"id", "index", "idx", "uuid", "guid", "key", "url", "link"} or plain.endswith("_id")
    return named or (one.distinct == one.filled and one.filled >= 5 and one.spaced < 0.1)


def _can_be_label(one: Profile) -> bool:
    """Few values, most of them more than once; a number of few values too."""
    plain = _plain(one.name)
    if (
        plain in {"id", "index", "idx"}
        or plain.endswith("_id")
        or one.kind not in {"text", "whole numbers", "yes or no"}
    ):
        return False
    most = _MOST_NUMBERED_CLASSES if one.kind == "whole numbers" else _MOST_CLASSES
    repeats = one.distinct < one.filled and one.distinct <= max(2, one.filled // 2)
    return repeats and 2 <= one.distinct <= most and one.characters <= 60


def _label_like(free: Sequence[Profile]) -> list[Profile]:
    """Columns whose content looks like classes; words come before numbers."""
    fitting = [one for one in free if _can_be_label(one) and _plain(one.name) not in TEXT_NAMES]
    return [one for one in fitting if one.kind != "whole numbers"] or fitting


def _is_text(one: Profile) -> bool:
    varied = one.distinct > 1 or one.rows == 1
    return one.kind == "text" and varied and not _is_id(one) and not _can_be_label(one)
