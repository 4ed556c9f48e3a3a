"""Data that don't fit into memory: read a buffer at a time, with nothing lost, nothing seen twice, and nothing of validation."""

import json
from collections import Counter
from itertools import chain, count
from pathlib import Path

import datasets
import pandas as pd
import pytest
from together import run_together, train

import aitrain_nb as ai
from aitrain_nb.sources.base import Options
from aitrain_nb.sources.buffers import Stream, _Endless
from aitrain_nb.sources.streams import open_rows

FIELDS = {
    "buffer_size": 100,
    "batch_size": 16,
    "max_steps": 30,
    "evaluate_every": 10,
    "vocabulary_size": 200,
    "threads": 1,
}
WRITING = {key: value for key, value in FIELDS.items() if key != "vocabulary_size"} | {
    "task": "text-generation", "max_length": 16, "batch_size": 8, "evaluate_every": 0,
}  # fmt: skip


def rows_of(number, start=0):
    return [
        {
            "text": f"message {place} of {'cats' if place % 2 else 'dogs ' * (place % 5)}",
            "label": ["dog", "cat"][place % 2],
        }
        for place in range(start, start + number)
    ]


@pytest.fixture
def lines(tmp_path):
    """Makes a file of one object a line."""
    numbers = count()

    def made(rows):
        path = tmp_path / f"many{next(numbers)}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return str(path)

    return made


def walk(trainer, steps):
    """Take steps by hand; the texts of each."""
    texts = []
    for _ in range(steps):
        batch = trainer.tokenize()
        texts.append(batch.raw["text"])
        trainer.update(trainer.backward(trainer.loss(trainer.forward(batch))))
    return texts


def seen(trainer, steps):
    return [*chain(*walk(trainer, steps))]


# which examples


def test_a_pass_trains_on_every_row_once_and_never_on_one_of_validation(lines):
    trainer = ai.prepare(data=lines(rows_of(420)), **FIELDS)
    aside = set(trainer.data.validation.columns["text"])
    assert (len(trainer.data.train), len(aside), trainer.steps_per_epoch) == (80, 20, 5)
    texts = seen(trainer, 25)  # the first buffer, and four of 80 rows
    assert sorted([*texts, *aside]) == sorted(row["text"] for row in rows_of(420))
    again = seen(trainer, 10)
    assert len(set(again)) == 160
    assert not aside & set(again), "from the first row on, and without those kept for validation"


def test_the_labels_are_those_of_the_texts(lines):
    trainer = ai.prepare(data=lines(rows_of(420)), **FIELDS)
    for _ in range(12):
        batch = trainer.tokenize()
        named = ["cat" if "cats" in text else "dog" for text in batch.raw["text"]]
        assert batch.targets == named
        trainer.update(trainer.backward(trainer.loss(trainer.forward(batch))))


def test_rows_that_can_not_be_used_are_passed_over_and_none_is_seen_twice(lines):
    rows = [row if place % 3 else {"text": "", "label": "dog"} for place, row in enumerate(rows_of(600))]
    rows[200:320] = [{"text": "no label"}, {"label": "cat"}, {"text": "x", "label": None}] * 40
    trainer = ai.prepare(data=lines(rows), **FIELDS)
    aside = set(trainer.data.validation.columns["text"])
    usable = {row["text"] for row in rows if row.get("text") and row.get("label")} - aside
    held = len(trainer.data.train)
    texts = seen(trainer, len(usable) // held * trainer.steps_per_epoch)
    assert len(texts) == len(set(texts)), "the buffers meet"
    assert set(texts) <= usable
    assert len(usable - set(texts)) < held


def test_a_text_of_validation_in_other_letters_is_left_out_too(lines):
    trainer = ai.prepare(data=lines(rows_of(300)), **FIELDS)
    aside = trainer.data.validation.columns["text"]
    alike = [{"text": f" {text.upper()}  ", "label": "dog"} for text in aside]
    trainer = ai.prepare(data=lines([*rows_of(100), *alike, *rows_of(100, 100)]), **FIELDS)
    assert trainer.data.validation.columns["text"] == aside
    assert not {text.strip().casefold() for text in seen(trainer, 10)} & {text.casefold().strip() for text in aside}


def test_never_more_than_a_buffer_is_asked_for(lines, monkeypatch):
    before, asked = _Endless.__next__, []
    monkeypatch.setattr(_Endless, "__next__", lambda self: asked.append(self.place) or before(self))
    trainer = ai.prepare(data=lines(rows_of(2000)), **FIELDS)
    for epoch in range(1, 6):
        walk(trainer, 5 if epoch > 1 else 6)
        assert trainer._portions.number == epoch
        assert asked == list(range(100 + 80 * epoch)), "each row once, none ahead"


@pytest.mark.parametrize(("first", "later"), [(1, 20), (20, 1), (5, 5)])
def test_a_language_model_reads_on_where_it_stopped_however_long_the_texts_are(lines, first, later):
    def text(place, length):
        return {"text": " ".join(f"n{place}w{word}" for word in range(5 * length))}

    rows = [*(text(place, first) for place in range(100)), *(text(place, later) for place in range(100, 3500))]
    trainer = ai.prepare(data=lines(rows), **WRITING)
    reader = trainer._portions._reader
    for number in (1, 2):
        assert trainer._portions._read(number)[1].columns["input_ids"].shape == (len(trainer.prepared["train"]), 16)
        used = rows[reader._starts[number] : reader._starts[number + 1]]
        letters = sum(len(row["text"]) + 1 for row in used)
        assert reader._full <= letters <= reader._full + len(used[-1]["text"]), "to the text that fills it"


# the same run, whatever happens between


@pytest.mark.parametrize("grouped", ["on", "off"])
@pytest.mark.parametrize("fields", [FIELDS, WRITING], ids=["classes", "writing"])
def test_gone_on_with_in_a_later_buffer_it_equals_a_run_in_one_go(lines, tmp_path, fields, grouped):
    if fields is WRITING and grouped == "on":
        fields = fields | {"seed": 1}
    elif fields is FIELDS:
        fields = fields | {"group_by_length": grouped}
    fields = fields | {"data": lines(rows_of(500)), "save_every": 5}
    whole = ai.prepare(**fields)
    steps = 2 * whole.steps_per_epoch + 3
    fields["max_steps"] = steps + 9
    whole = ai.prepare(**fields)
    whole.fit(display="none")
    part = ai.prepare(**fields)
    part.watchers.append(lambda record: part.step == steps and part.stop("enough"))
    part.fit(display="none", output_dir=tmp_path / "run")
    assert part._portions.number == 2
    gone_on = ai.load_run(tmp_path / "run")
    assert (gone_on.step, gone_on.fingerprint()) == (steps, part.fingerprint())
    gone_on.fit(display="none", output_dir=tmp_path / "run")
    assert [row["loss"] for row in gone_on.history] == [row["loss"] for row in whole.history]
    assert gone_on.fingerprint() == whole.fingerprint()


def test_back_over_the_edge_of_a_buffer_and_forward_again(lines):
    trainer = ai.prepare(data=lines(rows_of(500)), **FIELDS)
    walk(trainer, 4)
    state = trainer.snapshot()
    first = walk(trainer, 8)
    after = trainer.fingerprint()
    trainer.restore(state)
    assert walk(trainer, 8) == first
    assert trainer.fingerprint() == after


def test_a_branch_and_its_run_read_each_for_itself(lines):
    trainer = ai.prepare(data=lines(rows_of(500)), **FIELDS | {"max_steps": 40, "snapshot_every": 1})
    taken = walk(trainer, 12)
    branch = trainer.fork("again", at=2)
    assert walk(branch, 10) == taken[2:12], "the very steps that its run took"
    assert branch.fingerprint() == trainer.fingerprint()
    other = trainer.fork("other", learning_rate=0.002)
    ahead = walk(other, 6)
    assert walk(trainer, 6) == ahead
    assert trainer.evaluate("train").loss != other.evaluate("train").loss


def test_the_training_side_that_is_looked_at_is_the_first_buffer_with_its_own_texts(lines):
    trainer = ai.prepare(data=lines(rows_of(500)), **FIELDS)
    texts = list(trainer.data.train.columns["text"])
    walk(trainer, 12)
    assert trainer._portions.number == 2
    assert trainer.data.train.columns["text"] == texts
    labels = [trainer.class_names[label] for label in trainer.prepared["train"].columns["labels"]]
    assert labels == ["cat" if "cats" in text else "dog" for text in texts]


def test_a_batch_of_an_earlier_buffer_still_knows_its_texts(lines):
    trainer = ai.prepare(data=lines(rows_of(500)), **FIELDS)
    walk(trainer, 6)
    batch = trainer.tokenize()
    texts = list(batch.raw["text"])
    trainer.update(trainer.backward(trainer.loss(trainer.forward(batch))))
    walk(trainer, 5)
    assert trainer._portions.number == 2
    assert batch.raw["text"] == texts


def test_two_processes_read_the_same_buffers(lines, tmp_path):
    fields = FIELDS | {"data": lines(rows_of(300)), "batch_size": 9, "chance": 0.0}
    alone = train(tmp_path / "alone", 0, **fields)
    first, second = run_together(train, tmp_path / "together", **fields)
    assert first["losses"] == pytest.approx(alone["losses"], abs=1e-5)
    assert first["weights"] == second["weights"]


def test_a_file_that_has_grown_is_noticed(lines, tmp_path):
    path = lines(rows_of(300))
    trainer = ai.prepare(data=path, **FIELDS | {"max_steps": 3})
    trainer.fit(display="none", output_dir=tmp_path / "run")
    assert ai.load_run(tmp_path / "run").step == 3
    with Path(path).open("a", encoding="utf-8") as file:
        file.write(json.dumps(rows_of(1)[0]) + "\n")
    with pytest.raises(ai.DataError, match="other"):
        ai.load_run(tmp_path / "run")


# kinds of rows


def write(kind, path):
    """The same 300 rows in each kind; gives what `data` is."""
    frame = pd.DataFrame(rows_of(300))
    frame["text"] = [
        f'{text}\n"quoted", {place}' if place % 7 == 0 else text for place, text in enumerate(frame["text"])
    ]
    if kind == "stream":
        features = datasets.Features(
            {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["dog", "cat", "bird"])}
        )
        rows = [{"text": text, "label": place % 2} for place, text in enumerate(frame["text"])]
        return datasets.Dataset.from_list(rows, features=features).to_iterable_dataset(), list(frame["text"])
    name = {"parquet": "rows.parquet", "tsv": "rows.tsv", "jsonl": "rows[1]*.jsonl"}.get(kind, "rows.csv")
    path = path / name
    if kind == "parquet":
        frame.to_parquet(path)
    elif kind == "jsonl":
        frame.to_json(path, orient="records", lines=True)
    else:
        separator = {"tsv": "\t", "semicolons": ";"}.get(kind, ",")
        told = frame.to_csv(
            sep=separator,
            index=kind == "with an index",
            header=kind != "no header",
            lineterminator="\r\n" if kind == "crlf" else "\n",
        )
        told = ("sep=,\n" if kind == "sep" else "") + told
        path.write_bytes(told.encode("utf-8-sig" if kind == "bom" else "utf-8"))
    return str(path), list(frame["text"])


KINDS = ["csv", "tsv", "semicolons", "parquet", "jsonl", "no header", "stream", "with an index", "sep", "bom", "crlf"]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_rows_is_read_as_if_all_were_in_memory(kind, tmp_path):
    source, texts = write(kind, tmp_path)
    stream = Stream(source, Options(), 50)
    assert stream.beginning.dataset.columns["text"] == texts[:50]
    reader = stream.split(stream.beginning.dataset.split(0.2)).later.reader()
    assert reader.read(3, len).columns["text"] == texts[130:170]
    first = reader.read(1, len)
    assert first.columns["text"] == texts[50:90]
    assert [first.label_names[label] for label in first.columns["label"]] == ["dog", "cat"] * 20
    if kind != "stream":
        raw = ai.read(source)
        assert (raw.dataset.columns["text"], raw.label_names) == (texts, ("cat", "dog"))


def test_a_text_file_comes_in_whole_lines(tmp_path):
    path = tmp_path / "long.txt"
    path.write_text("".join(f"line {number} of a long text\n" for number in range(20_000)), encoding="utf-8")
    pieces = [row["text"] for row in open_rows(str(path), Options("text-generation")).once()]
    assert "".join(pieces) == path.read_text(encoding="utf-8")
    assert {piece[-1] for piece in pieces} == {"\n"}
    trainer = ai.prepare(data=str(path), **WRITING | {"max_steps": 4, "buffer_size": 5})
    trainer.fit(display="none")
    assert trainer.step == 4


def test_values_stay_what_they_are(lines):
    rows = [
        {"text": f"2024-01-{1 + place % 28:02d}T10:00:00", "label": 1.0 if place % 3 else 7, "more": {"deep": [place]}}
        for place in range(300)
    ]
    stream = Stream(lines(rows), Options(), 50)
    later = stream.split(stream.beginning.dataset.split(0.2)).later.reader().read(1, len)
    assert later.label_names == ("1", "7")
    assert set(later.columns["text"]) <= {row["text"] for row in rows}
    assert Counter(later.columns["label"].tolist())[0] > Counter(later.columns["label"].tolist())[1]


# what is said


def refused(error, words, **fields):
    with pytest.raises(error, match=words) as caught:
        ai.prepare(**FIELDS | fields).fit(display="none")
    assert caught.value.fix
    return caught.value


def test_wishes_that_can_not_be_met_are_said(lines, tmp_path):
    refused(ai.ConfigError, "buffer_size=100 needs max_steps", data=lines(rows_of(300)), max_steps=None)
    refused(ai.ConfigError, "doesn't fit 'tickets'", data="tickets")
    refused(
        ai.ConfigError, "read while the run trains", data=ai.Dataset({"text": ["a", "b"] * 60, "label": [0, 1] * 60})
    )
    refused(ai.DataError, "can't be read a buffer at a time", data=str(tmp_path), task="text-classification")
    refused(ai.DataError, "is empty", data=lines([]))
    refused(ai.DataError, "has 20 rows, fewer than buffer_size=100", data=lines(rows_of(20)))
    found = refused(
        ai.DataError,
        "its own value",
        data=lines([row | {"label": f"kind {place % 90}"} for place, row in enumerate(rows_of(300))]),
    )
    assert "larger buffer_size" in found.fix
    (tmp_path / "packed.jsonl.gz").write_bytes(b"abc")
    assert "unpack" in refused(ai.DataError, "packed.jsonl.gz", data=str(tmp_path / "packed.jsonl.gz")).fix


def test_what_can_not_be_read_is_said_with_its_line(lines, tmp_path):
    broken = lines(rows_of(300))
    with Path(broken).open("a", encoding="utf-8") as file:
        file.write('{"text": "half\n')
    refused(ai.DataError, "Line 301 of 'many0", data=broken)
    table = tmp_path / "rows.csv"
    table.write_text(
        "text,label\n" + "".join(f"text {place},{place % 2}\n" for place in range(300)) + "one,two,three\n",
        encoding="utf-8",
    )
    refused(ai.DataError, "Line 302 of 'rows.csv' doesn't fit the others", data=str(table))
    table.write_bytes("text,label\n".encode("utf-16") + "é,a\n".encode("utf-16"))
    refused(ai.DataError, "UTF-8", data=str(table))
    table.write_bytes(b"text,label\n" + b"caf\xe9,a\ntea,b\n" * 200)
    refused(ai.DataError, "UTF-8", data=str(table))


def test_a_class_that_comes_late_and_a_desert_are_said(lines):
    late = [*rows_of(120), {"text": "a bird", "label": "bird"}, *rows_of(100)]
    trainer = ai.prepare(data=lines(late), **FIELDS)
    with pytest.raises(ai.DataError, match="a class that its beginning has not: 'bird'"):
        trainer.fit(display="none")
    assert trainer.step == 5
    desert = [*rows_of(100), *({"text": "", "label": "cat"} for _ in range(4000))]
    refused(ai.DataError, "in turn can't be used", data=lines(desert))


def test_what_is_foreseen_and_said(lines):
    fields = FIELDS | {"data": lines(rows_of(300))}
    trainer = ai.prepare(**fields)
    assert any("read while the run trains: 80 training examples are held" in note for note in trainer.notes)
    assert ai.preview(**fields).plan.steps_per_epoch == trainer.steps_per_epoch == 5
    assert ai.estimate(**fields).parts["weights"] > 0
