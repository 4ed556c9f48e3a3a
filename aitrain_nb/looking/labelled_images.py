"""A look at images with labels."""

from __future__ import annotations

import hashlib
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from aitrain_nb.config import TrainConfig
from aitrain_nb.looking import repeats, scoring
from aitrain_nb.looking.looks import Look, class_table
from aitrain_nb.looking.mislabelled import Doubts

if TYPE_CHECKING:
    from collections.abc import Callable

    from aitrain_nb.looking.opening import Opened

_MOST_NUMBERS = 4_000_000
"""Pixels of all images together that the regression learns from at most."""


def look_at_images(opened: Opened, seconds: float, rows: int | None, say: Callable[[str], None], began: float) -> Look:
    """All that is computed for images with labels; the arguments are those of `quick_look`."""
    del seconds
    images, splits, seed = opened.dataset.columns["image"], opened.splits, opened.config.seed
    say(f"Looking at {len(images):,} images.")
    keys = [hashlib.blake2b(image.numpy().tobytes()).hexdigest() for image in images]
    channels, height, width = images.shape[1:]
    most = rows or max(200, _MOST_NUMBERS // (channels * height * width))
    used = scoring.choose_rows(opened.is_validation, opened.labels, most, seed)
    say("Learning from raw pixels.")
    pixels = images.flatten(1).numpy().astype(np.float32) * splits.scale
    note = "Each pixel a number of its own; knows nothing of neighbours."
    scores = [
        scoring.majority_score(used),
        scoring.features_score("raw pixels + logistic regression", pixels, used, 0.0, note),
    ]
    everything = np.sort(np.concatenate([used.train, used.validation]))
    shown = [keys[place] for place in everything]
    names = splits.label_names
    found = opened.config
    return Look(
        task=opened.task, name=splits.name, note=splits.note, guess=splits.guess, seed=seed, rows=len(images),
        rows_scored=len(everything), seconds=perf_counter() - began, scores=scoring.as_frame(scores),
        classes=class_table(opened.labels, names), lengths=pd.DataFrame(),
        duplicates=repeats.duplicates(keys, opened.class_names).drop(columns="text"),
        contradictions=repeats.contradictions(keys, opened.class_names).drop(columns="text"),
        near_duplicates=pd.DataFrame(), suspicious=pd.DataFrame(),
        sentences=(f"Every image has {height} x {width} pixels and {channels} {'channel' if channels == 1 else 'channels'}.",
                   "Lengths, near-duplicates and frozen features are computed for texts only.",
                   *opened.balance.sentences, *scoring.sentences(scores, used)),
        config=TrainConfig(task=found.task, data=found.data, model=found.model, method=found.method, seed=seed,
                      validation_fraction=found.validation_fraction, batch_size=opened.batch_size(), **opened.balance.fields),
        source=opened.source, fine_tune_seconds=None,
        doubts=Doubts(pixels[everything], shown, everything, opened.labels[everything], names, seed),
    )  # fmt: skip
