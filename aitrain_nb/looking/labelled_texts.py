"""A look at texts with labels."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from aitrain_nb import numerals
from aitrain_nb.errors import AitrainError, ConfigError
from aitrain_nb.looking import encoder as encoders
from aitrain_nb.looking import fine_tuning, repeats, scoring, suspects
from aitrain_nb.looking.looks import Look, class_table
from aitrain_nb.looking.mislabelled import Doubts
from aitrain_nb.models import texts as text_models
from aitrain_nb.models.pretrained import PACKAGED, find_pretrained

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

    from aitrain_nb.looking.encoder import Encoder
    from aitrain_nb.looking.opening import Opened

_MOST_ROWS = 20_000
"""Rows of the scores at most, both sides together, however quick the machine is."""
_FOR_FEATURES, _FOR_STEPS = 0.5, 0.15
"""Shares of the time for the frozen features and for the measured steps."""
_CUTS = (128, 256, 512)
_QUANTILES = {"least": 0.0, "5 %": 0.05, "25 %": 0.25, "median": 0.5, "75 %": 0.75, "95 %": 0.95, "most": 1.0}


class _Model(NamedTuple):
    """The pretrained model, or the sentence why there is none."""

    encoder: Encoder | None
    why_not: str = ""


def look_at_texts(opened: Opened, seconds: float, rows: int | None, say: Callable[[str], None], began: float) -> Look:
    """All that is computed for texts with labels; the arguments are those of `quick_look`."""
    seed, texts = opened.config.seed, opened.texts
    say("Loading the pretrained model.")
    model = _load(opened)
    say(f"Reading {len(texts):,} texts: lengths, repetitions, odd rows.")
    lengths, token_lengths, told = _lengths(opened, model)
    near, near_note = repeats.near_duplicates(texts, opened.class_names, opened.is_validation, seed)
    suspicious, suspicious_note = suspects.suspicious_rows(texts, opened.class_names, seed)
    ready, instead = _at_hand(opened, model)
    config = fine_tuning.suggest(ready, token_lengths, model.encoder.limit if model.encoder else encoders.LONGEST)
    scores, used, doubts = _scores(opened, model, token_lengths, seconds, rows, say)
    say("Taking a few training steps to see how long they are.")
    measured, measured_note = _measure(opened, config, seconds * _FOR_STEPS)
    splits = opened.splits
    return Look(
        task=opened.task, name=splits.name, note=splits.note, guess=splits.guess, seed=seed, rows=len(texts),
        rows_scored=len(used.train) + len(used.validation), seconds=perf_counter() - began,
        scores=scoring.as_frame(scores), classes=class_table(opened.labels, splits.label_names), lengths=lengths,
        duplicates=repeats.duplicates(texts, opened.class_names),
        contradictions=repeats.contradictions(texts, opened.class_names), near_duplicates=near, suspicious=suspicious,
        sentences=(*told, *opened.balance.sentences, near_note, *([suspicious_note] if suspicious_note else []), *_across(near),
                   *scoring.sentences(scores, used), *instead, measured_note),
        config=config, source=opened.source, doubts=doubts, fine_tune_seconds=measured,
    )  # fmt: skip


def _load(opened: Opened) -> _Model:
    """The pretrained model where it is at hand; a name that can't be one raises ConfigError."""
    name = str(opened.config.model)
    if text_models.is_small(name):
        return _Model(None, f"{name} has random first weights, so there are no features to freeze.")
    if name not in PACKAGED:
        find_pretrained(name, text_models.small_for(opened.task))
    try:
        return _Model(encoders.load_encoder(opened.config))
    except ConfigError as error:
        return _Model(None, f"Not run: {error.what} {error.fix}")


def _at_hand(opened: Opened, model: _Model) -> tuple[Opened, list[str]]:
    """The data with a model that can be trained here and now, and what there is to say of it."""
    if model.encoder is not None or opened.config.method == "scratch":
        return opened, []
    small = text_models.small_for(opened.task)[0]
    said = f"The run below trains {small} from scratch, since {opened.config.model} isn't at hand; pretrained it would learn faster."
    return replace(opened, config=opened.config.replace(model=small, method="scratch")), [said]


def _pairs(opened: Opened) -> Sequence[str] | None:
    pairs: Sequence[str] | None = opened.dataset.columns.get("text_pair")
    return pairs


def _lengths(opened: Opened, model: _Model) -> tuple[pd.DataFrame, list[int], list[str]]:
    """Quantiles of the lengths, the tokens of each text (of a sample of many), and how many would be cut."""
    import pandas as pd

    letters = [len(text) for text in opened.texts]
    columns = {"letters": np.quantile(letters, list(_QUANTILES.values()))}
    if model.encoder is None:
        frame = pd.DataFrame(columns, index=list(_QUANTILES))
        return frame, [], [f"Without the tokenizer of {opened.config.model} the lengths are in letters only."]
    tokens = encoders.sampled_lengths(
        model.encoder.tokenizer, opened.dataset.columns["text"], _pairs(opened), opened.config.seed
    )
    columns["tokens"] = np.quantile(tokens, list(_QUANTILES.values()))
    cut = ", ".join(f"{numerals.share(sum(n > most for n in tokens) / len(tokens))} at {most}" for most in _CUTS)
    sample = f" (of a sample of {len(tokens):,})" if len(tokens) < len(letters) else ""
    return pd.DataFrame(columns, index=list(_QUANTILES)), tokens, [f"Texts that would be cut{sample}: {cut} tokens."]


def _across(near: pd.DataFrame) -> list[str]:
    """Whether near-duplicates lie on both sides of the split."""
    both = int(near["across_split"].sum())
    if not both:
        return []
    return [f"{both:,} of the near-duplicate pairs lie on both sides of the split, which makes validation too kind."]


def _scores(
    opened: Opened, model: _Model, lengths: Sequence[int], seconds: float, rows: int | None, say: Callable[[str], None]
) -> tuple[list[scoring.Score], scoring.Rows, Doubts]:
    """Every method on the same rows, and what doubtful labels can be looked for with."""
    seed, texts, pairs = opened.config.seed, opened.texts, _pairs(opened)
    firsts = opened.dataset.columns["text"]
    most = rows or _MOST_ROWS
    if model.encoder is not None and rows is None:
        say("Measuring how quick the pretrained model is here.")
        most = min(most, encoders.affordable_rows(model.encoder, firsts, pairs, lengths, seconds * _FOR_FEATURES, seed))
    used = scoring.choose_rows(opened.is_validation, opened.labels, most, seed)
    everything = np.sort(np.concatenate([used.train, used.validation]))
    say("Counting words.")
    scores = [scoring.majority_score(used), scoring.words_score(texts, used)]
    method, features = f"frozen {opened.config.model} + logistic regression", None
    if model.encoder is None:
        scores.append(scoring.Score(method, note=model.why_not))
    else:
        say(f"Features of {len(everything):,} texts from the frozen {opened.config.model}.")
        began = perf_counter()
        features = model.encoder.vectors(
            [firsts[place] for place in everything], [pairs[place] for place in everything] if pairs else None
        )
        placed = np.zeros((len(texts), features.shape[1]), dtype=np.float32)
        placed[everything] = features
        note = f"Mean over the tokens, at most {min(encoders.LONGEST, model.encoder.limit)}."
        scores.append(scoring.features_score(method, placed, used, perf_counter() - began, note))
    shown = [texts[place] for place in everything]
    names = opened.splits.label_names
    return scores, used, Doubts(features, shown, everything, opened.labels[everything], names, seed)


def _measure(opened: Opened, config: Any, seconds: float) -> tuple[float | None, str]:
    """Seconds that the suggested run would take, and the sentence that says so."""
    word = "Fine-tune" if config.method == "fine-tune" else "Train"
    try:
        found = fine_tuning.measure(config, opened.splits, seconds)
    except AitrainError as error:
        return None, f"{word}: not measured. {error.what} {error.fix}"
    minutes = found.seconds / 60
    about = f"{minutes:.0f} minutes" if minutes >= 1.5 else f"{max(1, round(found.seconds)):,} seconds"
    each = numerals.duration(found.step_seconds)
    return found.seconds, (
        f"{word}: about {about} on this machine for {config.epochs} epochs ({found.steps:,} steps of {each}, the median of "
        f"{found.steps_taken} real ones, with {config.epochs} evaluations)."
    )
