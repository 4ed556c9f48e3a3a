"""A fourth task, as somebody would write it in a file of their own: what kind of letter stands at each place of a text."""

from __future__ import annotations

import torch
from torch import nn

from aitrain_nb import Task, html, plots
from aitrain_nb.data import Dataset
from aitrain_nb.randomness import OwnRandom
from aitrain_nb.records.base import Check, Fact

KINDS = ("vowel", "consonant", "digit", "space", "other")
LENGTH = 20


def kind(letter: str) -> int:
    if letter in "aeiouAEIOU":
        return 0
    return 1 if letter.isalpha() else 2 if letter.isdigit() else 3 if letter.isspace() else 4


class Tagger(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(128, 16)
        self.mixing = nn.Conv1d(16, 32, 3, padding=1)
        self.output = nn.Linear(32, len(KINDS))

    def forward(self, letters: torch.Tensor) -> torch.Tensor:
        mixed = self.mixing(self.embedding(letters).transpose(1, 2)).transpose(1, 2)
        return self.output(mixed.relu())


class LetterKinds(Task):
    name = "letter-kinds"
    read_as = "text-generation"
    scores = ("accuracy",)
    default_data = "speeches"
    default_model = "tagger"

    def prepare(self, dataset, splits, processor, config):
        rows = [text[i : i + LENGTH] for text in dataset.columns["text"] for i in range(0, len(text), LENGTH)]
        letters = [[min(ord(letter), 127) for letter in row] + [0] * (LENGTH - len(row)) for row in rows]
        labels = [[kind(letter) for letter in row] + [-100] * (LENGTH - len(row)) for row in rows]
        return Dataset({"letters": torch.tensor(letters), "labels": torch.tensor(labels)})

    def collate(self, columns, processor):
        return dict(columns)

    def own_examples(self, examples, labels, splits):
        return Dataset({"text": [examples] if isinstance(examples, str) else list(examples)})

    def class_names(self, splits, processor):
        return KINDS

    def rows(self, columns, label_names):
        import pandas as pd

        return pd.DataFrame({"text": list(columns["text"])})

    def raw(self, batch):
        return {"text": ["".join(map(chr, row)) for row in batch.inputs["letters"].tolist()]}

    def load_model(self, config, splits, processor):
        with OwnRandom(config.seed):
            return Tagger()

    def outputs(self, model, inputs):
        return model(inputs["letters"])

    def batch_facts(self, batch):
        return {"shape": Fact(str(list(batch.inputs["letters"].shape)))}

    def batch_picture(self, batch):
        return plots.bars(KINDS, batch.labels[batch.labels >= 0].bincount(minlength=5).tolist(), "Kinds", "letters")

    def batch_text(self, batch):
        return f"{batch.size} rows of {LENGTH} letters."

    def batch_code(self, batch):
        return "letters = rows[order[start:stop]]"

    def batch_view(self, batch):
        return html.table(["row"], [[text] for text in batch.raw["text"][:3]])

    def batch_checks(self, batch):
        letters, labels = batch.inputs["letters"], batch.labels
        same = sum(
            kind(chr(letter)) == label
            for row, answers in zip(letters.tolist(), labels.tolist(), strict=True)
            for letter, label in zip(row, answers, strict=True)
            if label >= 0
        )
        yield Check("every label is its letter's kind", same == batch.counted, f"{same} of {batch.counted}")


TASK = LetterKinds()
