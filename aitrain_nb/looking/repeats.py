"""Texts that occur more than once: exactly, nearly, or with another label."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

ALIKE = 0.9
"""Cosine of character 3- to 5-grams from which two texts count as nearly the same."""
_MOST_ROWS = 20_000
_MOST_LETTERS = 4_000_000
_LETTERS_A_TEXT = 1_000
_MOST_PAIRS = 100_000
_BLOCK = 500
_SLACK = 1e-6


class Pair(NamedTuple):
    """Two texts that are alike: their places (the first is the smaller one), and their cosine."""

    one: int
    other: int
    cosine: float


def first_places(texts: Sequence[str]) -> list[int]:
    """For each text the place where it occurs first.

    >>> first_places(["a", "b", "a"])
    [0, 1, 0]
    """
    seen: dict[str, int] = {}
    return [seen.setdefault(text, place) for place, text in enumerate(texts)]


def duplicates(texts: Sequence[str], labels: Sequence[str]) -> pd.DataFrame:
    """The rows that repeat an earlier one exactly: row, the first row with this text, label, text."""
    import pandas as pd

    found = [(row, first, labels[row], texts[row]) for row, first in enumerate(first_places(texts)) if first != row]
    return pd.DataFrame(found, columns=["row", "first_row", "label", "text"])


def contradictions(texts: Sequence[str], labels: Sequence[str]) -> pd.DataFrame:
    """The texts that occur with more than one label: text, the labels with their counts, the rows."""
    import pandas as pd

    places: dict[str, list[int]] = {}
    for row, text in enumerate(texts):
        places.setdefault(text, []).append(row)
    found = []
    for text, rows in places.items():
        given = [labels[row] for row in rows]
        if len(set(given)) > 1:
            listed = ", ".join(f"{label} ({given.count(label)})" for label in sorted(set(given)))
            found.append((text, listed, rows))
    return pd.DataFrame(found, columns=["text", "labels", "rows"])


def near_duplicates(
    texts: Sequence[str], labels: Sequence[str], is_validation: NDArray[Any], seed: int
) -> tuple[pd.DataFrame, str]:
    """Pairs of different texts that are nearly the same, and a sentence that says what was compared.

    Args:
        texts: [n].
        labels: name of each text's class [n], shown beside it.
        is_validation: [n] bool; a pair with one text on each side makes validation too kind.
        seed: decides which texts are compared where there are too many.
    """
    import pandas as pd

    places = np.array(sorted(set(first_places(texts))))
    letters = sum(min(len(texts[place]), _LETTERS_A_TEXT) for place in places) / max(1, len(places))
    most = max(2, min(_MOST_ROWS, int(_MOST_LETTERS / max(1.0, letters))))
    compared = places
    if len(places) > most:
        compared = np.sort(np.random.default_rng(seed).choice(places, most, replace=False))
    pairs = similar_pairs([texts[place][:_LETTERS_A_TEXT] for place in compared])
    rows = [
        (one, other, pair.cosine, labels[one], labels[other], bool(is_validation[one] != is_validation[other]),
         texts[one], texts[other])
        for pair in pairs
        for one, other in [(int(compared[pair.one]), int(compared[pair.other]))]
    ]  # fmt: skip
    names = ["row", "other_row", "cosine", "label", "other_label", "across_split", "text", "other_text"]
    return pd.DataFrame(rows, columns=names), _said(len(compared), len(places), len(pairs))


def _said(compared: int, different: int, pairs: int) -> str:
    which = f"all {different:,}" if compared == different else f"a seeded sample of {compared:,} of {different:,}"
    capped = f" More than {_MOST_PAIRS:,} pairs: the search ended there." if pairs >= _MOST_PAIRS else ""
    return f"Near-duplicates were looked for among {which} different texts (first {_LETTERS_A_TEXT:,} letters).{capped}"


def similar_pairs(texts: Sequence[str], least: float = ALIKE) -> list[Pair]:
    """All pairs whose TF-IDF vectors of character 3- to 5-grams have at least this cosine, the most alike first.

    Exact, yet not every pair is compared: two vectors can only be alike if they share one of their rare features,
    namely of those before the point from where on the rest is shorter than `least`; prefix filtering, Bayardo, Ma and
    Srikant, Scaling up all pairs similarity search (2007), section 3.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    if len(texts) < 2 or not any(len(text.strip()) >= 3 for text in texts):
        return []
    vectors = TfidfVectorizer(analyzer="char", ngram_range=(3, 5), dtype=np.float32).fit_transform(texts).tocsr()
    rare_first = np.argsort(np.bincount(vectors.indices, minlength=vectors.shape[1]), kind="stable")
    vectors = vectors[:, rare_first].tocsr()
    vectors.sort_indices()
    heads, rest = _heads(vectors, least)
    transposed, pairs = heads.T.tocsr(), []
    for start in range(0, len(texts), _BLOCK):
        shared = (heads[start : start + _BLOCK] @ transposed).tocoo()
        one, other = shared.row + start, shared.col
        possible = (one < other) & (shared.data + np.maximum(rest[one], rest[other]) >= least - _SLACK)
        pairs += _verified(vectors, one[possible], other[possible], least)
        if len(pairs) >= _MOST_PAIRS:
            break
    return sorted(pairs, key=lambda pair: (-round(pair.cosine, 4), pair.one, pair.other))[:_MOST_PAIRS]


def _heads(vectors: Any, least: float) -> tuple[Any, NDArray[Any]]:
    """The rare features of each vector, so many that what is left is shorter than `least`, and how long that is [n]."""
    squares = vectors.data.astype(np.float64) ** 2
    running = np.concatenate([[0.0], np.cumsum(squares)])
    ends = np.repeat(running[vectors.indptr[1:]], np.diff(vectors.indptr))
    from_here_on = ends - running[:-1]
    in_head = from_here_on >= (least - _SLACK) ** 2
    heads = vectors.copy()
    heads.data = np.where(in_head, heads.data, 0).astype(np.float32)
    heads.eliminate_zeros()
    row = np.repeat(np.arange(vectors.shape[0]), np.diff(vectors.indptr))
    rest = np.sqrt(np.bincount(row, np.where(in_head, 0, squares), minlength=vectors.shape[0]))
    return heads, rest


def _verified(vectors: Any, one: NDArray[Any], other: NDArray[Any], least: float) -> list[Pair]:
    """Of possible pairs those that really are alike."""
    pairs: list[Pair] = []
    for start in range(0, min(len(one), 4 * _MOST_PAIRS), 10_000):
        left, right = one[start : start + 10_000], other[start : start + 10_000]
        cosines = np.asarray(vectors[left].multiply(vectors[right]).sum(axis=1)).ravel()
        pairs += [
            Pair(int(a), int(b), float(min(1.0, cosine)))
            for a, b, cosine in zip(left, right, cosines, strict=True)
            if cosine >= least - _SLACK
        ]
    return pairs
