"""Data that don't fit into memory: read a buffer at a time, and the same run as if all of it had been there."""

import json
from itertools import chain
from pathlib import Path

import pytest
from together import run_together, train

import aitrain_nb as ai
from aitrain_nb.sources.base import Options
from aitrain_nb.sources.buffers import Stream, _Cycle

FIELDS = {
    "buffer_size": 100,
    "batch_size": 16,
    "max_steps": 30,
    "evaluate_every": 10,
    "vocabulary_size": 200,
    "threads": 1,
}


def rows_of(count, start=0):
    return [
        {
            "text": f"message {place} of {'cats' if place % 2 else 'dogs ' * (place % 5)}",
            "label": ["dog", "cat"][place % 2],
        }
        for place in range(start, start + count)
    ]


@pytest.fixture
def lines(tmp_path):
    """Makes a file of one object a line."""

    def made(rows, name="many.jsonl"):
        path = tmp_path / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return str(path)

    return made


def walk(trainer, steps):
    """Take steps by hand; the texts of each."""
    texts = []
    for _ in range(steps):
        batch = trainer.tokenize()
        texts.append(trainer.task.raw(batch)["text"])
        trainer.update(trainer.backward(trainer.loss(trainer.forward(batch))))
    return texts


def test_a_pass_trains_on_every_row_once_and_never_on_one_of_validation(lines):
    trainer = ai.prepare(data=lines(rows_of(420)), **FIELDS)
    aside = set(trainer.data.validation.columns["text"])
    assert (len(trainer.data.train), len(aside), trainer.steps_per_epoch) == (80, 20, 5)
    seen = [*chain(*walk(trainer, 25))]  # the first buffer, and four of 80 rows
    assert sorted([*seen, *aside]) == sorted(row["text"] for row in rows_of(420))
    again = [*chain(*walk(trainer, 5))]
    assert len(set(again)) == 80
    assert not aside & set(again), "from the first row on, and without those kept for validation"
    assert set(again) < set(seen)
    labels = trainer.prepared["train"].columns["labels"]
    assert [trainer.class_names[label] for label in labels] == [
        "cat" if "cats" in text else "dog" for text in trainer.data.train.columns["text"]
    ]


def test_never_more_than_a_buffer_is_held(lines, monkeypatch):
    most = []
    before = _Cycle.rows

    def watched(self, place, count):
        found = before(self, place, count)
        most.append(len(self._held))
        return found

    monkeypatch.setattr(_Cycle, "rows", watched)
    ai.prepare(data=lines(rows_of(2000)), **FIELDS).fit(display="none")
    assert most
    assert max(most) <= 100


@pytest.mark.parametrize("grouped", ["on", "off"])
def test_gone_on_with_in_a_later_buffer_it_equals_a_run_in_one_go(lines, tmp_path, grouped):
    fields = FIELDS | {"data": lines(rows_of(500)), "group_by_length": grouped, "save_every": 5}
    whole = ai.prepare(**fields)
    whole.fit(display="none")
    part = ai.prepare(**fields)
    part.watchers.append(lambda record: part.step == 13 and part.stop("enough"))
    part.fit(display="none", output_dir=tmp_path / "run")
    assert part._buffered.number == 2
    gone_on = ai.load_run(tmp_path / "run")
    assert (gone_on.step, gone_on.fingerprint()) == (13, part.fingerprint())
    gone_on.fit(display="none", output_dir=tmp_path / "run")
    assert gone_on.step == 30
    assert [row["loss"] for row in gone_on.history] == [row["loss"] for row in whole.history]
    assert gone_on.fingerprint() == whole.fingerprint()


def test_back_over_the_edge_of_a_buffer_and_forward_again(lines):
    trainer = ai.prepare(data=lines(rows_of(500)), **FIELDS)
    walk(trainer, 4)
    state = trainer.snapshot()
    first = walk(trainer, 3)
    after = trainer.fingerprint()
    trainer.restore(state)
    assert walk(trainer, 3) == first
    assert trainer.fingerprint() == after


def test_a_batch_of_an_earlier_buffer_still_knows_its_texts(lines):
    trainer = ai.prepare(data=lines(rows_of(500)), **FIELDS)
    walk(trainer, 4)
    batch = trainer.tokenize()
    texts = trainer.task.raw(batch)["text"]
    trainer.update(trainer.backward(trainer.loss(trainer.forward(batch))))
    walk(trainer, 1)
    assert trainer._buffered.number == 1
    assert trainer.task.raw(batch)["text"] == texts
    walk(trainer, 1)


def test_two_processes_read_the_same_buffers(lines, tmp_path):
    fields = FIELDS | {"data": lines(rows_of(300)), "batch_size": 9, "chance": 0.0}
    alone = train(tmp_path / "alone", 0, **fields)
    first, second = run_together(train, tmp_path / "together", **fields)
    assert first["losses"] == pytest.approx(alone["losses"], abs=1e-5)
    assert first["weights"] == second["weights"]


def test_a_language_model_gets_full_buffers_of_blocks(lines):
    texts = [{"text": f"Number {place} has {place * place} leaves. " * (1 + place % 3)} for place in range(400)]
    fields = FIELDS | {"task": "text-generation", "max_length": 32, "batch_size": 8, "max_steps": None}
    del fields["vocabulary_size"]
    trainer = ai.prepare(data=lines(texts), **fields | {"max_steps": 1})
    steps = 3 * trainer.steps_per_epoch
    trainer = ai.prepare(data=lines(texts), **fields | {"max_steps": steps, "evaluate_every": 0})
    blocks = len(trainer.prepared["train"])
    trainer.fit(display="none")
    assert trainer._buffered.number == 2
    assert trainer.prepared["train"].columns["input_ids"].shape == (blocks, 32)
    assert trainer.data.train.columns["text"][0] == texts[100 + 80]["text"]


@pytest.mark.parametrize("kind", ["csv", "tsv", "semicolons", "parquet", "txt", "no header", "stream"])
def test_each_kind_of_rows(kind, tmp_path):
    import datasets
    import pandas as pd

    frame = pd.DataFrame(rows_of(300))
    path = tmp_path / f"rows.{kind if kind in {'tsv', 'parquet', 'txt'} else 'csv'}"
    source = str(path)
    if kind == "parquet":
        frame.to_parquet(path)
    elif kind == "txt":
        path.write_text("\n\n".join(frame["text"]), encoding="utf-8")
    elif kind == "stream":
        features = datasets.Features(
            {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["dog", "cat"])}
        )
        rows = [row | {"label": place % 2} for place, row in enumerate(rows_of(300))]
        source = datasets.Dataset.from_list(rows, features=features).to_iterable_dataset()
    else:
        separator = {"tsv": "\t", "semicolons": ";"}.get(kind, ",")
        frame.to_csv(path, sep=separator, index=False, header=kind != "no header")
    task = "text-generation" if kind == "txt" else "text-classification"
    stream = Stream(source, Options(task), 50)
    later = stream.split(stream.beginning.dataset.split(0.2)).later
    found = later.read(2, lambda dataset: len(dataset) >= 40)
    assert found.columns["text"] == [row["text"] for row in rows_of(40, 50 + 40)]
    if kind != "txt":
        assert [found.label_names[label] for label in found.columns["label"]] == ["dog", "cat"] * 20
    assert later.read(0, len) is later.first
    assert later.read(1, lambda dataset: len(dataset) >= 40).columns["text"][0] == rows_of(1, 50)[0]["text"]


def test_rows_that_can_not_be_used_are_made_up_for(lines):
    rows = [row if place % 3 else {"text": "", "label": "dog"} for place, row in enumerate(rows_of(600))]
    trainer = ai.prepare(data=lines(rows), **FIELDS)
    held = len(trainer.data.train)
    trainer.fit(display="none")
    assert len(trainer.data.train) == held
    assert "" not in trainer.data.train.columns["text"]


def test_wishes_that_can_not_be_met_are_said(lines, tmp_path):
    path = lines(rows_of(300))
    with pytest.raises(ai.ConfigError, match="buffer_size=100 needs max_steps"):
        ai.prepare(data=path, buffer_size=100)
    with pytest.raises(ai.ConfigError, match="doesn't fit 'tickets'"):
        ai.prepare(data="tickets", **FIELDS)
    with pytest.raises(ai.ConfigError, match="in memory already"):
        ai.prepare(data=ai.Dataset({"text": ["a", "b"] * 60, "label": [0, 1] * 60}), **FIELDS)
    with pytest.raises(ai.DataError, match="can't be read a buffer at a time"):
        ai.prepare(data=str(tmp_path), task="text-classification", **FIELDS)
    with pytest.raises(ai.DataError, match="is empty"):
        ai.prepare(data=lines([], "empty.jsonl"), **FIELDS)
    trainer = ai.prepare(data=lines([*rows_of(120), {"text": "a bird", "label": "bird"}, *rows_of(100)]), **FIELDS)
    with pytest.raises(ai.DataError, match="a class that its beginning has not: 'bird'"):
        trainer.fit(display="none")
    assert trainer.step == 5
    broken = lines(rows_of(300))
    with Path(broken).open("a", encoding="utf-8") as file:
        file.write('{"text": "half\n')
    with pytest.raises(ai.DataError, match="A row of 'many"):
        ai.prepare(data=broken, **FIELDS | {"max_steps": 200}).fit(display="none")


def test_what_is_foreseen_and_said(lines):
    fields = FIELDS | {"data": lines(rows_of(300))}
    trainer = ai.prepare(**fields)
    assert any("read while the run trains: 80 training examples are held" in note for note in trainer.notes)
    assert ai.preview(**fields).plan.steps_per_epoch == trainer.steps_per_epoch == 5
    assert ai.estimate(**fields).parts["weights"] > 0
