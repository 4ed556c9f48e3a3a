"""Rows that look odd at first sight, each with the reason."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import lru_cache
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

_MOST_ROWS = 100_000
_LOOKED_AT = 2_000
_LETTER = re.compile(r"[^\W\d_]")
_REPEATED = re.compile(r"(\S)\1{5,}")
_MARKUP = re.compile(
    r"</?[a-z][a-z0-9]*(\s[^<>]*)?/?>|&(?:[a-z]{2,8}|#\d{1,6}|#x[0-9a-f]{1,5});|\\[nrt](?![a-z])|\\u[0-9a-f]{4}"
    r"|\ufffd|\u00c3[\u0080-\u00bf]|\u00e2\u20ac",
    re.IGNORECASE,
)
"""HTML tags and entities, escapes that were not undone, and the traces of a wrong encoding."""


def suspicious_rows(texts: Sequence[str], labels: Sequence[str], seed: int) -> tuple[pd.DataFrame, str]:
    """Rows worth reading: row, reason, label, text; and a sentence where not all rows were looked at.

    Args:
        texts: [n].
        labels: name of each text's class [n].
        seed: decides which texts are looked at where there are more than 100,000.
    """
    import pandas as pd

    rows, note = list(range(len(texts))), ""
    if len(rows) > _MOST_ROWS:
        rows = sorted(np.random.default_rng(seed).choice(len(texts), _MOST_ROWS, replace=False).tolist())
        note = f"Suspicious rows were looked for in a seeded sample of {_MOST_ROWS:,} of {len(texts):,} rows."
    usual = median(len(texts[row]) for row in rows)
    scripts = [script_of(texts[row]) for row in rows]
    known = Counter(script for script in scripts if script)
    main = known.most_common(1)[0][0] if known else ""
    found = []
    for row, script in zip(rows, scripts, strict=True):
        reasons = [*_reasons(texts[row], usual), *([f"{script.lower()} script"] if script not in {"", main} else [])]
        if reasons:
            found.append((row, "; ".join(reasons), labels[row], texts[row]))
    return pd.DataFrame(found, columns=["row", "reason", "label", "text"]), note


def _reasons(text: str, usual: float) -> Iterator[str]:
    """What is odd about a text, given the usual length in letters."""
    start, length = text[:_LOOKED_AT], len(text.strip())
    if length < 4 or length < usual / 10:
        yield f"very short ({length} letters)"
    if length > 10 * usual and length > 200:
        yield f"very long ({length:,} letters)"
    visible = len(start) - len(re.findall(r"\s", start))
    if visible >= 4 and len(_LETTER.findall(start)) < visible / 2:
        yield "mostly digits or symbols"
    if _MARKUP.search(start):
        yield "HTML or escapes"
    repeated = _REPEATED.search(start)
    if repeated:
        yield f"{repeated[1]!r} many times in a row"


def script_of(text: str) -> str:
    """The script of more than half of a text's letters, such as "LATIN"; empty where there is none.

    >>> script_of("hello"), script_of("привет, Ann"), script_of("123")
    ('LATIN', 'CYRILLIC', '')
    """
    letters = _LETTER.findall(text[:_LOOKED_AT])
    if not letters:
        return ""
    if text.isascii():
        return "LATIN"
    script, count = Counter(map(_script, letters)).most_common(1)[0]
    return script if count > len(letters) / 2 else ""


@lru_cache(maxsize=4096)
def _script(letter: str) -> str:
    """The first word of a letter's name in Unicode; the scripts that Japanese mixes count as one."""
    word = unicodedata.name(letter, "UNKNOWN").split(maxsplit=1)[0].split("-")[0]
    return "CJK" if word in {"CJK", "HIRAGANA", "KATAKANA"} else word
