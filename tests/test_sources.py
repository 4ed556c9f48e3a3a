"""A person's own data become the examples they are, and everything that was decided is told."""

import csv
import json
import os
import socket
import subprocess
import sys
import threading
from decimal import Decimal
from pathlib import Path

import datasets
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

import aitrain_nb
from aitrain_nb import hub
from aitrain_nb.errors import AitrainError, DataError
from aitrain_nb.sources import Guess, Raw, files, kinds, read
from aitrain_nb.sources.columns import choose

ROWS = [("It came too late.", "bad"), ("Thank you, all is well!", "good"), ("Never again.", "bad"), ("Fine.", "good")]
TEXTS = [text for text, _ in ROWS]
TWO = ["x", "y"] * 15
CSV = "text,label\n" + "".join(f'"{text}",{label}\n' for text, label in ROWS)


def write(tmp_path, content, name="data.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


def texts(raw):
    return raw.dataset.columns["text"]


def names(raw):
    return [raw.label_names[number] if number >= 0 else None for number in raw.dataset.columns["label"].tolist()]


def frame(**columns):
    return pd.DataFrame({"text": TEXTS, "label": [label for _, label in ROWS]} | columns)


def is_a_sentence(error):
    assert error.what.endswith((".", ":"))
    assert error.why
    assert error.fix


def picture(path, size=(6, 4), mode="RGB", colour=0, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path, **options)
    return path


def folder(tmp_path, count=3, **options):
    for label in ("cat", "dog"):
        for number in range(count):
            picture(tmp_path / "pets" / label / f"{number}.png", **options)
    return tmp_path / "pets"


# one kind after the other: the same four rows


def as_csv(tmp_path):
    return write(tmp_path, CSV)


def as_tsv(tmp_path):
    return write(tmp_path, "text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in ROWS), "data.tsv")


def as_json(tmp_path):
    return write(tmp_path, json.dumps([{"text": text, "label": label} for text, label in ROWS]), "data.json")


def as_json_lines(tmp_path):
    return write(tmp_path, "\n".join(json.dumps({"text": text, "label": label}) for text, label in ROWS), "data.jsonl")


def as_parquet(tmp_path):
    frame().to_parquet(tmp_path / "data.parquet")
    return tmp_path / "data.parquet"


def as_hub_dataset(_):
    return datasets.Dataset.from_pandas(frame())


def as_hub_splits(_):
    return datasets.DatasetDict(
        train=datasets.Dataset.from_pandas(frame()), test=datasets.Dataset.from_pandas(frame()[:2])
    )


KINDS = [
    as_csv,
    as_tsv,
    as_json,
    as_json_lines,
    as_parquet,
    as_hub_dataset,
    as_hub_splits,
    lambda _: frame(),
    lambda tmp: str(as_csv(tmp)),
]


@pytest.mark.parametrize("make_source", KINDS)
def test_each_kind_gives_the_same_examples(make_source, tmp_path):
    raw = read(make_source(tmp_path))
    assert isinstance(raw, Raw)
    assert isinstance(raw.guess, Guess)
    assert texts(raw) == TEXTS
    assert raw.label_names == ("bad", "good")
    assert raw.dataset.columns["label"].tolist() == [0, 1, 0, 1]
    assert raw.dataset.columns["label"].dtype == torch.int64
    assert raw.scale == 1.0
    assert raw.guess.class_counts == {"bad": 2, "good": 2}
    assert str(tmp_path) not in repr(raw) + raw.note + raw.name + raw.guess.text() + raw.guess._repr_html_()


def test_each_kind_is_one_file_of_the_folder():
    found = {path.stem for path in Path(kinds.__file__).parent.glob("*.py")} - {"__init__"}
    assert len(kinds.all_kinds()) == len(found)
    assert set(kinds.suffixes()) == {".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet", ".txt"}


def test_reading_a_dataframe_needs_no_datasets_and_no_pyarrow():
    program = (
        "import sys\nsys.modules['datasets'] = sys.modules['pyarrow'] = None\nimport pandas as pd\n"
        "from aitrain_nb.sources import read\n"
        "raw = read(pd.DataFrame({'text': ['a b', 'c d'], 'label': [0, 1]}))\nprint(len(raw.dataset))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=300)
    assert done.stdout.strip() == "2", done.stderr


def test_a_dataframe_is_not_changed():
    given_frame = frame().set_axis([" text ", "label"], axis="columns").set_index(pd.Index([7, 7, 8, 9]))
    before = given_frame.copy(deep=True)
    assert texts(read(given_frame)) == TEXTS
    pd.testing.assert_frame_equal(given_frame, before)


# columns


@pytest.mark.parametrize(
    ("columns", "chosen"),
    [
        (["text", "label"], {"text": "text", "label": "label"}),
        (["Message", "Category"], {"text": "Message", "label": "Category"}),
        (["review", "sentiment"], {"text": "review", "label": "sentiment"}),
        (["v2", "v1"], {"text": "v2", "label": "v1"}),
        (["sentence", "y"], {"text": "sentence", "label": "y"}),
    ],
)
def test_columns_are_found_by_name_or_content(columns, chosen):
    raw = read(frame().set_axis(columns, axis="columns"))
    assert raw.guess.columns == chosen
    assert texts(raw) == TEXTS


@pytest.mark.parametrize(
    "pair", [("sentence1", "sentence2"), ("premise", "hypothesis"), ("question", "answer"), ("text", "text_pair")]
)
def test_a_well_known_pair_becomes_text_and_text_pair(pair):
    raw = read(pd.DataFrame({pair[0]: TEXTS, pair[1]: TEXTS[::-1], "label": [0, 1, 0, 1]}))
    assert texts(raw) == TEXTS
    assert raw.dataset.columns["text_pair"] == TEXTS[::-1]


def test_a_named_text_turns_the_pair_off():
    data = pd.DataFrame({"premise": TEXTS, "hypothesis": TEXTS[::-1], "label": [0, 1, 0, 1]})
    assert "text_pair" not in read(data, text_column="premise").dataset.columns


@pytest.mark.parametrize(
    ("name", "fix"),
    [("labl", "Did you mean 'label': label_column='label'?"), ("zzz", "Choose one of them: label_column=...")],
)
def test_a_column_that_isnt_there_is_answered_with_the_nearest_or_a_choice(name, fix):
    with pytest.raises(DataError) as refused:
        read(frame(label=["a", "a", "b", "b"]), label_column=name)
    assert refused.value.fix == fix


@pytest.mark.parametrize(("name", "meant"), [("picz", "pics"), ("mine", "mine.csv"), ("tickts", "tickets")])
def test_a_plain_name_that_isnt_there_is_answered_with_what_is_like_it(name, meant, tmp_path, monkeypatch):
    (tmp_path / "pics").mkdir()
    (tmp_path / "mine.csv").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(aitrain_nb.ConfigError) as refused:
        aitrain_nb.prepare(data=name)
    assert refused.value.fix == f"Did you mean {meant!r}?"


def test_columns_that_are_named_win_over_the_guess():
    raw = read(frame(other=TEXTS[::-1], kind=["x", "x", "y", "y"]), text_column="other", label_column="kind")
    assert texts(raw) == TEXTS[::-1]
    assert names(raw) == ["x", "x", "y", "y"]
    assert "as you asked" in raw.guess.text()
    raw = read(frame(other=TEXTS[::-1]), pair_column="other")
    assert raw.dataset.columns["text_pair"] == TEXTS[::-1]


def test_ids_times_and_free_numbers_are_never_guessed_to_be_the_label():
    rows = 40
    data = pd.DataFrame(
        {
            "user_id": [i % 3 for i in range(rows)],
            "when": [f"2024-01-0{1 + i % 2}" for i in range(rows)],
            "price": [1.5 + i % 2 for i in range(rows)],
            "views": [i * 17 % 39 for i in range(rows)],
            "words": [f"a message with the number {i} and more" for i in range(rows)],
            "group": ["left" if i % 2 else "right" for i in range(rows)],
        }
    )
    assert read(data).guess.columns == {"text": "words", "label": "group"}
    with pytest.raises(DataError, match="No column looks like the label"):
        read(data.drop(columns="group"))


def test_names_in_one_word_are_understood():
    data = pd.DataFrame({"ProductId": TWO, "Score": [1, 2] * 15, "reviewText": [f"some words {i}" for i in range(30)]})
    assert read(data).guess.columns == {"text": "reviewText", "label": "Score"}


def test_the_guess_says_which_columns_and_why():
    raw = read(frame(topic=["a", "a", "b", "b"]))
    said = raw.guess.text()
    assert "text: column 'text', by its name (mean 14 characters)" in said
    assert "label: column 'label', by its name, 2 values in 4 rows" in said
    assert raw.guess.candidates["label"] == ("topic",)
    assert "Other candidates: label: 'topic'" in said
    assert repr(raw.guess) == f"Guess\n{said}"


def test_a_column_of_texts_that_are_longer_wins_over_another():
    data = pd.DataFrame(
        {
            "title": ["one two", "three four"] * 3,
            "body": [t * 3 for t in (*TEXTS, "x y z " * 9, "u v w " * 9)],
            "label": [0, 1] * 3,
        }
    )
    assert read(data).guess.columns["text"] == "body"


# labels


@pytest.mark.parametrize(
    ("values", "label_names"),
    [
        (["10", "9", "10", "9"], ("9", "10")),
        ([10, 9, 10, 9], ("9", "10")),
        ([2.0, 1.0, 2.0, 1.0], ("1", "2")),
        ([True, False, True, False], ("False", "True")),
        (["b", "a", "B", "a"], ("B", "a", "b")),
        (["1", "x", "1", "x"], ("1", "x")),
        (["01", "2", "01", "2"], ("01", "2")),
        (["New York, NY", "Albany, NY"] * 2, ("Albany, NY", "New York, NY")),
        ([Decimal(1), Decimal(2)] * 2, ("1", "2")),
        (pd.Categorical(["z", "a", "z", "a"]), ("a", "z")),
        (np.array([3, 1, 3, 1], dtype=np.uint8), ("1", "3")),
        ([" a", "b ", "a", "b"], ("a", "b")),
    ],
)
def test_labels_are_sorted_names_and_numbers_by_number(values, label_names):
    raw = read(frame(label=values))
    assert raw.label_names == label_names
    expected = [str(int(v)) if isinstance(v, (float, Decimal)) else str(v).strip() for v in list(values)]
    assert names(raw) == expected


def test_rows_without_text_or_label_are_left_out_and_counted():
    data = pd.DataFrame({"text": ["a b", "", None, "  ", "c d", "e f"], "label": ["x", "y", "x", "y", None, "y"]})
    raw = read(data)
    assert texts(raw) == ["a b", "e f"]
    assert raw.guess.dropped == {"empty text": 3, "no label; unlabelled='keep' keeps them": 1}
    assert "Left out: 3 (empty text), 1 (no label" in raw.guess.text()


def test_rows_without_a_label_can_be_kept():
    raw = read(frame(label=["x", None, "y", float("nan")]), unlabelled="keep")
    assert raw.dataset.columns["label"].tolist() == [0, -100, 1, -100]
    assert raw.guess.preview["label"].tolist() == ["x", "(no label)", "y", "(no label)"]
    assert raw.guess.class_counts == {"x": 1, "y": 1}


def test_a_class_whose_rows_are_all_left_out_is_no_class():
    raw = read(pd.DataFrame({"text": ["a", "", "c", ""], "label": ["x", "y", "x", "y"]}))
    assert raw.label_names == ("x",)


def test_labels_that_differ_in_capitals_are_pointed_out():
    assert (
        "differ only in capitals are different classes: 'Spam', 'spam'"
        in read(frame(label=["Spam", "spam"] * 2)).guess.text()
    )


def test_words_that_pandas_takes_for_missing_stay_words(tmp_path):
    raw = read(write(tmp_path, "text,label\nNA,NA\nnull,None\nnan,NA\n"))
    assert texts(raw) == ["NA", "null", "nan"]
    assert raw.label_names == ("NA", "None")


def test_numbers_in_text_columns_stay_text(tmp_path):
    assert texts(read(write(tmp_path, "text,label\n007,a\n1.50,b\n1e5,a\n"))) == ["007", "1.50", "1e5"]
    raw = read(frame(text=["seven", 7, 7.5, "x"]))
    assert texts(raw) == ["seven", "7", "7.5", "x"]
    assert "2 values of 'text' that were no text became text" in raw.guess.text()


def test_duplicates_contradictions_and_lengths_are_counted():
    raw = read(pd.DataFrame({"text": ["aa", "aa", "aa", "bbbb"], "label": ["x", "x", "y", "y"]}))
    assert (raw.guess.duplicates, raw.guess.contradictions) == (1, 1)
    assert raw.guess.lengths["median"] == 2
    assert raw.guess.lengths["most"] == 4
    assert len(raw.dataset) == 4


def test_half_characters_are_replaced_and_counted(tmp_path):
    raw = read(write(tmp_path, r'{"text": "a\ud800b", "label": 1}' + "\n" + r'{"text": "c", "label": 0}', "data.jsonl"))
    assert texts(raw) == ["a?b", "c"]
    assert "half characters" in raw.guess.text()


def test_html_in_the_data_shows_as_text():
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    raw = read(pd.DataFrame({"text": [evil, "b"], evil: ["x", "y"]}), label_column=evil)
    page = raw.guess._repr_html_()
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;" in page


def test_what_was_read_splits_and_can_be_trained_on():
    splits = read(frame(text=[f"text {i}" for i in range(4)])).dataset.split(0.5)
    assert len(splits.train) == len(splits.validation) == 2


# .csv and .tsv


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_delimiters_and_line_ends_are_found_and_told(delimiter, line_end, tmp_path):
    lines = [delimiter.join(row) for row in [("text", "label"), ("one two", "a"), ("three four", "b")]]
    raw = read(write(tmp_path, line_end.join(lines) + line_end))
    assert texts(raw) == ["one two", "three four"]
    name = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}[delimiter]
    assert f"Delimiter: {name}." in raw.guess.text()


def test_quotes_newlines_and_doubled_quotes_in_values(tmp_path):
    raw = read(write(tmp_path, 'text,label\n"a, ""b""\nc",x\nd,y\n'))
    assert texts(raw) == ['a, "b"\nc', "d"]
    assert 'values enclosed in "..." are read without them' in raw.guess.text()


def test_quotes_that_enclose_nothing_are_letters_and_it_is_said(tmp_path):
    lines = ["text\tlabel", 'the "big" one\ta', '"Hello" she said\tb', '"open\ta', "plain\tb"]
    raw = read(write(tmp_path, "\n".join(lines), "data.tsv"))
    assert texts(raw) == ['the "big" one', '"Hello" she said', '"open', "plain"]
    assert "every \" is a letter, because as enclosing quotes they don't fit (line 3)" in raw.guess.text()
    assert "3 rows hold" in raw.guess.text()


def test_quotes_can_be_switched_off(tmp_path):
    path = write(tmp_path, 'text,label\n"a",x\n"b",y\n')
    assert texts(read(path)) == ["a", "b"]
    assert texts(read(path, quotes=False)) == ['"a"', '"b"']


TICKETS = Path(aitrain_nb.__file__).parent / "bundled" / "tickets.tsv"


def test_a_real_file_with_bare_quotes_is_read_row_by_row(tmp_path):
    lines = [f'message {i} says "hi" to {i}\tclass {i % 6}\t{"hard" if i % 12 == 0 else ""}' for i in range(1237)]
    path = write(tmp_path, "text\tlabel\tnote\n" + "\n".join(lines) + "\n", "made.tsv")
    for source in (path, TICKETS):
        rows = [line.split("\t") for line in source.read_text(encoding="utf-8").rstrip("\n").split("\n")[1:]]
        raw = read(source)
        assert texts(raw) == [row[0] for row in rows]
        assert names(raw) == [row[1] for row in rows]
        assert len(raw.dataset) == 1237
        holding = sum('"' in line[0] for line in rows)
        assert f'no value is enclosed in quotes. {holding:,} rows hold a " that stands in the text' in raw.guess.text()


def test_a_byte_order_mark_is_no_letter(tmp_path):
    raw = read(write(tmp_path, b"\xef\xbb\xbf" + CSV.encode()))
    assert raw.guess.columns["text"] == "text"
    assert "byte order mark" in raw.guess.text()


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "latin-1"])
def test_another_encoding_is_read_where_it_is_named(encoding, tmp_path):
    raw = read(write(tmp_path, "text,label\ncafé,x\nnaïve,y\n".encode(encoding)), encoding=encoding)
    assert texts(raw) == ["café", "naïve"]
    assert f"Encoding: {encoding}, as you asked." in raw.guess.text()


def test_a_missing_header_is_noticed_and_said(tmp_path):
    lines = [f"the message number {i},{'ham' if i % 2 else 'spam'}" for i in range(10)]
    raw = read(write(tmp_path, "\n".join(lines)))
    assert len(raw.dataset) == 10
    assert raw.guess.columns == {"text": "column 1", "label": "column 2"}
    assert "Header: none, because 'spam' in the first line occurs again below" in raw.guess.text()


def test_the_header_can_be_told(tmp_path):
    path = write(tmp_path, "alpha beta,one\ngamma delta,two\nepsilon,one\n")
    assert len(read(path, header=False, label_column="column 2").dataset) == 3
    assert len(read(path, header=True, text_column="alpha beta", label_column="one").dataset) == 2


def test_names_of_columns_lose_blanks_and_get_a_place_where_they_are_empty(tmp_path):
    raw = read(write(tmp_path, ", text , label\n0,a b,x\n1,c d,y\n"))
    assert raw.guess.columns == {"text": "text", "label": "label"}
    assert "Blanks around the column names are left out." in raw.guess.text()
    assert "'column 1'" in raw.guess.text()


def test_quotes_after_a_blank_are_read(tmp_path):
    raw = read(write(tmp_path, 'text, label\n"a, b", "x"\n"c", "y"\n'))
    assert texts(raw) == ["a, b", "c"]
    assert "Blanks after a delimiter are left out" in raw.guess.text()


def test_the_first_line_of_a_spreadsheet_program_is_understood(tmp_path):
    for delimiter in ";\t|":
        raw = read(write(tmp_path, f"sep={delimiter}\r\ntext{delimiter}label\r\na{delimiter}x\r\nb{delimiter}y\r\n"))
        assert texts(raw) == ["a", "b"]
        assert "as the first line says" in raw.guess.text()


def test_blank_lines_are_skipped_and_counted(tmp_path):
    raw = read(write(tmp_path, "text,label\n\na b,x\n\n\nc d,y\n"))
    assert texts(raw) == ["a b", "c d"]
    assert "Blank lines, skipped: 3." in raw.guess.text()


def test_a_line_of_ten_megabytes_is_read_and_the_limit_put_back(tmp_path):
    before = csv.field_size_limit()
    raw = read(write(tmp_path, f"text,label\n{'a b ' * 2_500_000},x\nshort,y\n"))
    assert raw.guess.lengths["most"] == 10_000_000
    assert csv.field_size_limit() == before
    assert len(raw.guess._repr_html_()) < 10_000


def test_a_file_of_one_column_is_text_to_generate(tmp_path):
    raw = read(write(tmp_path, "text\nHello, world\nAnd more\n"), task="text-generation")
    assert texts(raw) == ["Hello, world", "And more"]
    assert raw.label_names == ()
    assert list(raw.dataset.columns) == ["text"]


WORD = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
SOURCE = st.lists(st.tuples(WORD, st.sampled_from(["x", "y"])), min_size=1, max_size=8)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=SOURCE,
    delimiter=st.sampled_from(",;\t|"),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    mark=st.booleans(),
)
@example(rows=[('"', "x"), ("a\rb", "y")], delimiter=",", quoting=csv.QUOTE_MINIMAL, mark=False)
@example(rows=[("text", "x"), ("label;,|\t", "y")], delimiter=";", quoting=csv.QUOTE_MINIMAL, mark=True)
def test_any_texts_written_as_csv_read_back_the_same(rows, delimiter, quoting, mark, tmp_path):
    path = tmp_path / "made.csv"
    written = pd.DataFrame(rows, columns=["text", "label"])
    written.to_csv(
        path,
        index=False,
        sep=delimiter,
        quoting=quoting,
        lineterminator="\r\n",
        encoding="utf-8-sig" if mark else "utf-8",
    )
    expected = [text for text, _ in rows if text.strip()]
    if not expected:
        with pytest.raises(DataError, match="no example that can be used"):
            read(path)
        return
    assert texts(read(path)) == expected


# any bytes

LIKELY = st.lists(
    st.sampled_from(
        [
            b",",
            b"\t",
            b'"',
            b"\n",
            b"\r",
            b"text",
            b"label",
            b"a b",
            b"1",
            b"x",
            b"{",
            b"}",
            b'":',
            b"[",
            b"]",
            b"\xff",
            b"\0",
            b"sep=;",
            b";",
        ]
    ),
    max_size=40,
).map(b"".join)


@settings(deadline=2000, max_examples=250, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.one_of(st.binary(max_size=200), LIKELY),
    name=st.sampled_from(["a.csv", "a.tsv", "a.jsonl", "a.json", "a.txt", "a.parquet"]),
    task=st.sampled_from(["text-classification", "text-generation", "image-classification"]),
)
def test_any_bytes_are_read_or_refused_with_a_sentence(data, name, task, tmp_path):
    try:
        raw = read(write(tmp_path, data, name), task=task)
    except DataError as error:
        is_a_sentence(error)
    else:
        assert len(raw.dataset) == raw.guess.rows
        assert raw.guess.text()
        assert raw.guess._repr_html_()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["text", "label", "a"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@settings(deadline=2000, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    value=st.lists(st.dictionaries(st.sampled_from(["text", "label", "message", "x"]), JSON, max_size=4), max_size=6)
    | JSON
)
def test_any_json_is_read_or_refused_with_a_sentence(value, tmp_path):
    for name, content in (
        ("a.json", json.dumps(value)),
        ("a.jsonl", "\n".join(map(json.dumps, value if isinstance(value, list) else [value]))),
    ):
        try:
            assert len(read(write(tmp_path, content, name)).dataset)
        except DataError as error:
            is_a_sentence(error)


# JSON, text


def test_json_lines_that_end_in_json_are_read_and_it_is_said(tmp_path):
    path = as_json_lines(tmp_path)
    raw = read(path.rename(tmp_path / "data.json"))
    assert texts(raw) == TEXTS
    assert "one JSON object a line" in raw.guess.text()


def test_a_name_that_is_missing_in_an_object_is_a_missing_value(tmp_path):
    raw = read(write(tmp_path, '{"text": "a b", "label": 1}\n{"text": "c d"}\n{"text": "e f", "label": 0}', "a.ndjson"))
    assert texts(raw) == ["a b", "e f"]


def test_a_text_file_is_one_text_or_one_example_a_line(tmp_path):
    path = write(tmp_path, "one\r\ntwo\r\n\r\nthree\r\n", "a.txt")
    raw = read(path, task="text-generation")
    assert texts(raw) == ["one\ntwo\n\nthree\n"]
    assert "lines=True" in raw.guess.text()
    assert "column" not in raw.guess.text()
    raw = read(path, task="text-generation", lines=True)
    assert texts(raw) == ["one", "two", "three"]
    assert raw.guess.dropped == {"empty text": 1}


# images


def test_a_folder_of_images_gives_pixels_from_0_to_255_and_classes(tmp_path):
    picture(tmp_path / "pets" / "dog" / "a.png", colour=(255, 0, 10))
    picture(tmp_path / "pets" / "cat" / "deep" / "b.bmp", colour=(1, 2, 3))
    raw = read(tmp_path / "pets", task="image-classification")
    images = raw.dataset.columns["image"]
    assert images.shape == (2, 3, 4, 6)
    assert images.dtype == torch.float32
    assert images[1, :, 0, 0].tolist() == [255.0, 0.0, 10.0]
    assert images[0, :, 3, 5].tolist() == [1.0, 2.0, 3.0]
    assert raw.label_names == ("cat", "dog")
    assert raw.dataset.columns["label"].tolist() == [0, 1]
    assert (raw.name, raw.scale) == ("pets", 1 / 255)
    assert raw.guess.preview["image"].tolist() == ["cat/deep/b.bmp", "dog/a.png"]
    assert str(tmp_path) not in raw.guess._repr_html_() + repr(raw)


@pytest.mark.parametrize("ending", ["png", "jpg", "jpeg", "bmp", "gif", "webp", "PNG"])
def test_all_kinds_of_image_files_are_read(ending, tmp_path):
    picture(tmp_path / "pets" / "cat" / f"a.{ending}")
    assert len(read(tmp_path / "pets", task="image-classification").dataset) == 1


def test_images_are_grey_only_where_all_are(tmp_path):
    pets = folder(tmp_path, mode="L", colour=7)
    assert read(pets, task="image-classification").dataset.columns["image"].shape == (6, 1, 4, 6)
    picture(pets / "cat" / "colour.png", colour=(7, 7, 7))
    raw = read(pets, task="image-classification")
    assert raw.dataset.columns["image"].shape == (7, 3, 4, 6)
    assert "6 grey images became colour images" in raw.guess.text()


def test_images_take_the_most_frequent_size_and_it_is_said(tmp_path):
    pets = folder(tmp_path)
    picture(pets / "cat" / "large.png", size=(60, 60))
    raw = read(pets, task="image-classification")
    assert raw.dataset.columns["image"].shape == (7, 3, 4, 6)
    assert (
        "1 of 7 images were resized to the most frequent size; 2 sizes occur; 1 of them had another shape"
        in raw.guess.text()
    )
    assert read(pets, task="image-classification", image_size=(5, 3)).dataset.columns["image"].shape == (7, 3, 5, 3)
    assert read(pets, task="image-classification", image_size=8).dataset.columns["image"].shape == (7, 3, 8, 8)


def test_transparent_pixels_are_white(tmp_path):
    picture(tmp_path / "pets" / "a" / "clear.png", mode="RGBA", colour=(9, 9, 9, 0))
    palette = Image.new("P", (6, 4), 0)
    palette.save(tmp_path / "pets" / "a" / "palette.png", transparency=0)
    assert (read(tmp_path / "pets", task="image-classification").dataset.columns["image"] == 255).all()


def test_an_image_is_turned_as_the_camera_says(tmp_path):
    turned = Image.new("RGB", (6, 4), "black")
    turned.putpixel((0, 0), (255, 255, 255))
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "pets" / "a").mkdir(parents=True)
    turned.save(tmp_path / "pets" / "a" / "x.png", exif=exif)
    images = read(tmp_path / "pets", task="image-classification").dataset.columns["image"]
    assert images.shape == (1, 3, 6, 4)
    assert images[0, 0, 0, 3] == 255
    assert images.sum() == 3 * 255


def test_the_first_frame_of_a_moving_picture_counts(tmp_path):
    frames = [Image.new("RGB", (6, 4), colour) for colour in ("red", "blue")]
    (tmp_path / "pets" / "a").mkdir(parents=True)
    frames[0].save(tmp_path / "pets" / "a" / "x.gif", save_all=True, append_images=frames[1:])
    assert read(tmp_path / "pets", task="image-classification").dataset.columns["image"][0, :, 0, 0].tolist() == [
        255,
        0,
        0,
    ]


def test_sixteen_bits_a_pixel_become_0_to_255(tmp_path):
    (tmp_path / "pets" / "a").mkdir(parents=True)
    Image.fromarray(np.full((4, 6), 65535, dtype=np.uint16)).save(tmp_path / "pets" / "a" / "x.png")
    images = read(tmp_path / "pets", task="image-classification").dataset.columns["image"]
    assert images.shape == (1, 1, 4, 6)
    assert (images == 255).all()


def test_damaged_images_can_be_left_out_and_are_counted(tmp_path):
    pets = folder(tmp_path)
    (pets / "cat" / "broken.png").write_bytes(b"no image")
    whole = (pets / "cat" / "0.png").read_bytes()
    (pets / "cat" / "cut.png").write_bytes(whole[: len(whole) // 2])
    raw = read(pets, task="image-classification", skip_unreadable=True)
    assert len(raw.dataset) == 6
    assert raw.guess.dropped == {"image that can't be read": 2}


def test_what_is_no_image_is_counted_and_links_lead_nowhere_else(tmp_path):
    pets = folder(tmp_path)
    outside = picture(tmp_path / "secret" / "cat" / "x.png")
    (pets / "cat" / "notes.txt").write_text("x")
    (pets / "cat" / ".hidden.png").write_bytes(b"")
    (pets / "readme.md").write_text("x")
    (pets / "cat" / "link.png").symlink_to(outside)
    (pets / "cat" / "gone.png").symlink_to(tmp_path / "nothing.png")
    (pets / "cat" / "inside.png").symlink_to(pets / "dog" / "0.png")
    (pets / "cat" / "folder").symlink_to(outside.parent, target_is_directory=True)
    (pets / "bird").symlink_to(outside.parent, target_is_directory=True)
    raw = read(pets, task="image-classification")
    assert len(raw.dataset) == 7
    assert raw.label_names == ("cat", "dog")
    assert raw.guess.dropped == {
        "file beside the class folders": 1,
        "file that is no image": 1,
        "hidden file": 1,
        "link that leads outside the folder": 1,
        "link that leads nowhere": 1,
        "link to a folder": 2,
    }


def test_duplicate_images_are_counted(tmp_path):
    assert read(folder(tmp_path), task="image-classification").guess.duplicates == 4
    assert read(folder(tmp_path), task="image-classification").guess.contradictions == 1


@pytest.mark.parametrize("stored", [True, False])
def test_images_of_the_hub_are_read_from_their_bytes(stored, tmp_path):
    pictures = [Image.new("RGB", (6, 4), colour) for colour in ("red", "blue")]
    features = datasets.Features(
        {"picture": datasets.Image(), "label": datasets.ClassLabel(names=["r", "b", "unused"])}
    )
    source = datasets.Dataset.from_dict({"picture": pictures, "label": [0, 1]}, features=features)
    if stored:
        source.to_parquet(tmp_path / "a.parquet")
        source = tmp_path / "a.parquet"
    raw = read(source, task="image-classification")
    assert raw.dataset.columns["image"][:, :, 0, 0].tolist() == [[255, 0, 0], [0, 0, 255]]
    assert raw.label_names == (("0", "1") if stored else ("r", "b"))
    frame_of_images = pd.DataFrame({"image": pictures, "label": ["x", None]})
    raw = read(frame_of_images, task="image-classification", unlabelled="keep")
    assert raw.dataset.columns["label"].tolist() == [0, -100]


# the hub


def test_class_names_and_splits_of_a_hub_data_set_are_kept():
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["pos", "neg"])})
    one = datasets.Dataset.from_dict({"text": TEXTS, "label": [0, 1, -1, 1]}, features=features)
    raw = read(datasets.DatasetDict(train=one, test=one.select([0, 1])))
    assert raw.label_names == ("pos", "neg")
    assert raw.dataset.columns["label"].tolist() == [0, 1, 1]
    assert "Split: 'train'; the others ('test') aren't used." in raw.guess.text()
    assert len(read(datasets.DatasetDict(train=one, test=one.select([0, 1])), split="test").dataset) == 2
    assert len(read(datasets.DatasetDict(anything=one)).dataset) == 3


def refuse(*_, **__):
    raise OSError("unreachable")


def test_a_hub_name_without_a_network_gets_its_sentence(monkeypatch):
    monkeypatch.setattr(hub, "_answers", {})
    monkeypatch.setattr(socket, "create_connection", refuse)
    with pytest.raises(DataError, match="Download it once with a network, or give a file"):
        read("nobody/nothing")


def test_a_hub_that_hangs_is_given_up(monkeypatch):
    monkeypatch.setattr(hub, "_answers", {})
    over, waits = threading.Event(), []

    def hang(*_, **__):
        waits.append(True)
        over.wait(600)
        waits.clear()
        raise OSError("gave up")

    monkeypatch.setattr(socket, "create_connection", hang)
    with pytest.raises(DataError, match="out of reach"):
        read("hub:nobody/nothing")
    assert waits, "it was answered while the network still hung"
    assert hub.PATIENCE_SECONDS < 5
    over.set()


def test_the_offline_switch_is_obeyed(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(socket, "create_connection", lambda *_, **__: pytest.fail("asked the network"))
    with pytest.raises(DataError, match="HF_HUB_OFFLINE or HF_DATASETS_OFFLINE"):
        read("nobody/nothing")


def test_a_name_like_a_file_here_is_answered_with_the_file(monkeypatch, tmp_path):
    as_csv(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(hub, "reachable", lambda: False)
    with pytest.raises(DataError, match=r"Did you mean the file 'data\.csv'"):
        read("data")


def test_a_proxy_is_what_is_asked_where_there_is_one(monkeypatch):
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    assert hub._first_hop("https://huggingface.co") == ("proxy.example", 3128)
    monkeypatch.setenv("no_proxy", "huggingface.co")
    assert hub._first_hop("https://huggingface.co") == ("huggingface.co", 443)
    assert hub._first_hop("http://localhost:8080") in {("localhost", 8080)} or os.environ.get("http_proxy")


def test_the_hub_is_asked_for_this_name_alone_and_no_code_is_trusted(monkeypatch):
    asked = []

    def load(*arguments, **named):
        asked.append((arguments, named))
        return datasets.DatasetDict(train=datasets.Dataset.from_pandas(frame()))

    monkeypatch.setattr(hub, "reachable", lambda: True)
    monkeypatch.setattr(datasets, "load_dataset", load)
    raw = read("hub:user/name", configuration="small")
    assert asked == [(("hf://datasets/user/name", "small"), {})]
    assert texts(raw) == TEXTS
    assert raw.note == "user/name of the Hugging Face hub."


def test_what_was_downloaded_before_is_read_without_a_network(monkeypatch, tmp_path):
    datasets.disable_progress_bars()
    monkeypatch.setattr(hub, "reachable", lambda: False)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.load_dataset("parquet", data_files=str(as_parquet(tmp_path)), cache_dir=str(tmp_path / "cache"))
    version = next((tmp_path / "cache").glob("parquet/*/*"))
    stored = next(path for path in version.iterdir() if path.is_dir())
    kept = tmp_path / "cache" / "user___name" / "default" / version.name / stored.name
    kept.parent.mkdir(parents=True)
    stored.rename(kept)
    (kept / "parquet-train.arrow").rename(kept / "name-train.arrow")
    assert texts(read("user/name")) == TEXTS


def test_a_local_file_wins_over_a_name_on_the_hub(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    folder(tmp_path)
    monkeypatch.setattr(hub, "reachable", lambda: pytest.fail("asked the network"))
    assert len(read("pets", task="image-classification").dataset) == 6


# nothing else happens


def test_reading_leaves_the_users_random_numbers_alone(tmp_path):
    torch.manual_seed(1)
    first = torch.rand(1)
    torch.manual_seed(1)
    read(as_csv(tmp_path))
    read(folder(tmp_path), task="image-classification")
    assert torch.equal(torch.rand(1), first)


def test_large_files_are_refused_before_they_are_read(monkeypatch, tmp_path):
    monkeypatch.setattr(files, "MOST_BYTES", 10)
    with pytest.raises(DataError, match="too large"):
        read(as_csv(tmp_path))


def test_a_missing_package_says_what_to_install(monkeypatch, tmp_path):
    path = as_parquet(tmp_path)
    for package, source in (("pyarrow", path), ("datasets", "hub:user/name")):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, package, None)
            with pytest.raises(AitrainError, match=r"pip install 'aitrain-nb\[hub\]'"):
                read(source)


def test_choosing_columns_looks_at_a_part_of_many_rows():
    from aitrain_nb.sources.base import Options

    data = pd.DataFrame({"message": ["some words here"] * 300_000, "class": ["a", "b"] * 150_000})
    assert choose(data, Options())["label"].column == "class"


def test_columns_of_yes_and_no_are_several_labels_at_once():
    frame = pd.DataFrame({"text": [f"a message number {i}" for i in range(40)]})
    for number, name in enumerate(("late", "broken", "refund", "praise")):
        frame[name] = [(i >> number) & 1 for i in range(40)]
    with pytest.raises(DataError, match="multi-label"):
        read(frame)
    assert read(frame, label_column="late").label_names == ("0", "1")


def test_many_whole_numbers_are_said_to_be_classes_without_an_order():
    frame = pd.DataFrame(
        {"text": [f"a message number {i}" for i in range(600)], "label": [18 + i % 60 for i in range(600)]}
    )
    assert any("60 different whole numbers" in note for note in read(frame).guess.notes)
    assert not any("whole numbers" in note for note in read(frame.assign(label=frame["label"] % 5)).guess.notes)
