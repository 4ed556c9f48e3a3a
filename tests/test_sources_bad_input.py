"""Data that can't be used get a sentence: what happened, why, one fix; never a library's trace, never a machine's path."""

import datetime as dt
import json
import os
import pathlib
import struct
import zlib

import datasets
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from aitrain_nb import hub
from aitrain_nb.errors import ConfigError, DataError
from aitrain_nb.sources import read

TEXTS = [f"a message with the number {i}" for i in range(30)]
TWO = ["x", "y"] * 15


def write(tmp_path, content, name="data.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


def csv(content, **options):
    return lambda tmp: read(write(tmp, content), **options)


def file(name, content, **options):
    return lambda tmp: read(write(tmp, content, name), **options)


def table(**columns):
    return lambda _: read(pd.DataFrame(columns))


def labelled(values, **options):
    return lambda _: read(pd.DataFrame({"text": TEXTS[: len(values)], "label": values}), **options)


def images(make, **options):
    def call(tmp):
        root = tmp / "pets"
        (root / "cat").mkdir(parents=True)
        make(root)
        return read(root, **({"task": "image-classification"} | options))

    return call


def save(root, name="cat/a.png", size=(4, 4)):
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size).save(root / name)


def with_table(root):
    write(root, GOOD, "a.csv")


def bomb(root):
    """A file of a few bytes that says it has a thousand million pixels."""
    header = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    data = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", len(header)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    pixels = b"IDAT" + zlib.compress(b"")
    data += struct.pack(">I", len(pixels) - 4) + pixels + struct.pack(">I", zlib.crc32(pixels))
    (root / "cat" / "bomb.png").write_bytes(data)


def cut(root):
    save(root, size=(200, 200))
    whole = (root / "cat" / "a.png").read_bytes()
    (root / "cat" / "a.png").write_bytes(whole[: len(whole) // 2])


def pipe(tmp):
    os.mkfifo(tmp / "pipe.csv")
    return read(tmp / "pipe.csv")


def unreadable(tmp):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pathlib.Path, "read_bytes", refuse)
        return read(write(tmp, GOOD))


def broken_image(data, **options):
    return images(lambda root: (root / "cat" / "a.png").write_bytes(data), **options)


def train_and_test(root):
    save(root, "train/cat/a.png")
    save(root, "test/cat/a.png")
    (root / "cat").rmdir()


def elsewhere(_):
    cells = [{"bytes": None, "path": "/etc/passwd"}] * 2
    return read(pd.DataFrame({"image": cells, "label": ["x", "y"]}), task="image-classification")


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"
CONFIGURATIONS = ValueError("Config name is missing.\nPick one: ['a', 'b']")
NO_SUCH = datasets.exceptions.DatasetNotFoundError("x")
SCRIPT = RuntimeError("Dataset scripts are no longer supported")


def with_splits(**options):
    one = datasets.Dataset.from_dict({"text": TEXTS, "label": TWO})
    return lambda _: read(datasets.DatasetDict(a=one, b=one), **options)


def stream(_):
    return read(datasets.Dataset.from_dict({"text": TEXTS, "label": TWO}).to_iterable_dataset())


def with_class(number):
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.Value("int64")})
    source = datasets.Dataset.from_dict({"text": ["a", "b"], "label": [0, number]}, features=features)
    source.info.features["label"] = datasets.ClassLabel(names=["x", "y"])
    return lambda _: read(source)


def hub_that_says(error):
    def call(_):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(hub, "reachable", lambda: True)

            def load(*_, **__):
                raise error

            patch.setattr(datasets, "load_dataset", load)
            return read("hub:user/name")

    return call


def offline(name):
    def call(_):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(hub, "reachable", lambda: False)
            return read(name)

    return call


D, C = DataError, ConfigError
GOOD = "text,label\na b,x\nc d,y\n"

BAD = [
    # where it is
    ("a file that isn't there", D, "There is no file or folder 'gone.csv'", lambda tmp: read(tmp / "gone.csv")),
    ("a misspelt file", D, "Did you mean 'tickets.csv'", lambda tmp: (write(tmp, GOOD, "tickets.csv"), read(tmp / "tickts.csv"))),
    ("a misspelt ending", D, "Did you mean 'tickets.csv'", lambda tmp: (write(tmp, GOOD, "tickets.csv"), read(str(tmp / "tickets.tsv")))),
    ("a folder that isn't there", D, "no folder 'nowhere'", lambda tmp: read(tmp / "nowhere" / "data.csv")),
    ("nothing", D, "empty text", lambda _: read("")),
    ("the data for their name", D, "text of several lines", lambda _: read(GOOD)),
    ("a name with a NUL", D, "holds a NUL", lambda _: read("a\0b.csv")),
    ("a name that is too long", D, "Can't look for", lambda tmp: read(tmp / ("a" * 5000 + ".csv"))),
    ("an address", D, "another machine", lambda _: read("https://example.org/data.csv")),
    ("an address of a store", D, "another machine", lambda _: read("s3://bucket/data.csv")),
    ("an address of a file", D, "another machine", lambda _: read("file:///etc/passwd")),
    ("a share of another machine", D, "another machine", lambda _: read(r"\\server\share\data.csv")),
    ("a pipe", D, "a device or a pipe", pipe),
    ("a file that may not be read", D, "Can't open", unreadable),
    ("a spreadsheet", D, "pandas.read_excel", file("a.xlsx", b"PK")),
    ("an archive", D, "Unpack it", file("a.csv.gz", b"\x1f\x8b")),
    ("a pickle", D, "can run any program", file("a.pkl", b"\x80")),
    ("an unknown ending", D, "'.dat' is none of these: .csv", file("a.dat", b"x")),
    ("no ending", D, "has no ending", file("data", b"x")),
    ("the home of nobody", D, "Can't find the home", lambda _: read("~nobody_of_this_name/data.csv")),
    ("None", D, "from a NoneType", lambda _: read(None)),
    ("a list", D, "pandas.DataFrame", lambda _: read([{"text": "a", "label": "b"}])),
    ("a dict of lists", D, "from a dict", lambda _: read({"text": ["a"], "label": ["b"]})),
    ("bytes", D, "from a bytes", lambda _: read(b"data.csv")),
    # how it is read
    ("an unknown task", C, "Did you mean 'text-classification'", lambda _: read("a.csv", task="text-clasification")),
    ("a delimiter of two letters", C, "delimiter can't be ',,'", csv(GOOD, delimiter=",,")),
    ("a quote for a delimiter", C, "delimiter can't be", csv(GOOD, delimiter='"')),
    ("an image size of zero", C, "image_size can't be 0", csv(GOOD, image_size=0)),
    ("an image size of three numbers", C, "image_size can't be", csv(GOOD, image_size=(1, 2, 3))),
    ("an unknown choice for unlabelled", C, "Did you mean 'keep'", csv(GOOD, unlabelled="keeps")),
    # a table as text
    ("an empty file", D, "It has 0 bytes", csv(b"")),
    ("blanks only", D, "only blanks", csv(" \n\n \n")),
    ("a byte order mark only", D, "is empty", csv(b"\xef\xbb\xbf")),
    ("a header only", D, "has only one line", csv("text,label\n")),
    ("a header only, followed by blank lines", D, "has only one line", csv("text,label\n\n\n")),
    ("empty quotes only", D, "All its values are empty", csv('""\n')),
    ("a delimiter and nothing else", D, "All its values are empty", csv("sep=;\n")),
    ("another encoding", D, "byte 19 (0xe9, in line 2)", csv("text,label\na b caf\u00e9,x\n".encode("cp1252"))),
    ("UTF-16", D, "encoding='utf-16'", csv(GOOD.encode("utf-16"))),
    ("UTF-16 without its mark", D, "utf-16-le", csv(GOOD.encode("utf-16-le"))),
    ("an encoding that doesn't fit", D, "is no ascii text", csv("text,label\ncaf\u00e9,x\n", encoding="ascii")),
    ("an encoding that doesn't exist", D, "There is no encoding 'utf-9'", csv(GOOD, encoding="utf-9")),
    ("an encoding that gives no text", D, "There is no encoding 'zip'", csv(GOOD, encoding="zip")),
    ("a NUL byte", D, "The first one is in line 3", csv("text,label\na,x\nb\0,y\n")),
    ("a row with too many values", D, "Line 3 of 'data.csv'", csv("text,label\na,x\nHello, world,y\nb,x\n")),
    ("a row with too few values", D, "It has 1 value and the first row has 2", csv("text,label\na,x\nb\nc,y\n")),
    ("a ragged row after a value of two lines", D, "Line 4 of", csv('text,label\n"a\nb",x\nc,y,z\n')),
    ("many ragged rows", D, "3 of 4 rows differ so", csv("text,label\na,b,x\nc,d,y\ne,f,x\n")),
    ("a quote that is never closed", D, "opened and never closed", csv('text,label\na,x\n"b,y\nc,x\n', quotes=True)),
    ("letters after a closing quote", D, "line 2", csv('text,label\n"a" b,x\nc,x\n', quotes=True)),
    ("two columns of one name", D, "Columns 1, 3 are named 'text'", csv("text,label,text\na,x,b\nc,y,d\n")),
    ("two delimiters that fit", D, "comma, semicolon", csv("hi you,a;spam 1\nno way,b;ham 22\n")),
    ("one column", D, "No column looks like the label", csv("text\nhello there\ngood day\n")),
    ("only labels", D, "No column looks like text", csv("label\nx\ny\nx\ny\n")),
    ("texts that are all empty", D, "no example that can be used", csv("text,label\n,x\n,y\n")),
    ("labels that are all empty", D, "label column 'label' is empty", csv("text,label\na b,\nc d,\n")),
    # JSON
    ("a broken line", D, "Line 2 of 'data.jsonl' is no JSON", file("data.jsonl", '{"text": "a", "label": 1}\n{"text": \n')),
    ("a line that is a list", D, "Line 1 of 'data.jsonl' is no object", file("data.jsonl", "[1, 2]\n")),
    ("broken JSON", D, "Line 3 of 'data.json' is no JSON", file("data.json", '[{"text": "a"},\n{"text": "b"},\n{"text" "c"}]')),
    ("a list of texts", D, "Entry 1 of 'data.json' is no object", file("data.json", '["a", "b"]')),
    ("an object of lists", D, "It holds an object with the keys 'text', 'label'", file("data.json", '{"text": ["a"],\n"label": ["b"]}')),
    ("a number", D, "It holds a number", file("data.json", "17")),
    ("an empty list", D, "has no rows", file("data.json", "[]")),
    ("nested too deeply", D, "nested too deeply", file("data.json", "[" * 200_000)),
    ("a number of too many digits", D, "too many digits", file("data.jsonl", f'{{"text": {"9" * 5000}}}')),
    ("too many names", D, "1,001 different names", file("data.jsonl", json.dumps({str(i): 1 for i in range(1001)}))),
    # Parquet, text
    ("no Parquet", D, "no Parquet file, or it is damaged", file("data.parquet", b"PAR1 this is none PAR1")),
    ("text for labels", D, "'data.txt' has no labels", file("data.txt", "a\nb\n")),
    # columns
    ("a column that isn't there", D, "Did you mean 'text': text_column='text'?", csv(GOOD, text_column="txt")),
    ("a label column that isn't there", D, "label_column='label'", csv(GOOD, label_column="labels")),
    ("one column for two roles", D, "can't have two roles", csv(GOOD, text_column="text", label_column="text")),
    ("two columns that could be the label", D, "label_column='group', or the one you mean", table(text=TEXTS, group=TWO, team=TWO[::-1])),
    ("two known names for the label", D, "'class' (2 different texts", table(**{"text": TEXTS, "class": TWO, "category": TWO[::-1]})),
    ("two columns that could be the text", D, "text_column=", table(one=TEXTS, other=TEXTS[::-1], label=TWO)),
    ("a frame without rows", D, "has no rows", table(text=[], label=[])),
    ("a frame without columns", D, "has no rows", lambda _: read(pd.DataFrame())),
    ("lists for texts", D, "In row 1 it has a list", table(text=[["a"], ["b"]], label=["x", "y"])),
    ("bytes for texts", D, "it has a bytes", table(text=[b"a", b"b"], label=["x", "y"])),
    # labels
    ("prices for labels", D, "numbers with decimals", labelled([i + 0.5 for i in range(30)])),
    ("prices as text", D, "regression", labelled([f"{i}.25" for i in range(30)])),
    ("an infinite label", D, "numbers with decimals", labelled([1.0, float("inf")] * 15)),
    ("many different numbers", D, "holds 30 different numbers in 30 rows", labelled(range(30))),
    ("prices with a few words", D, "numbers with decimals", labelled([*(f"{i}.25" for i in range(28)), "unknown", "unknown"])),
    ("nearly as many labels as rows", D, "Nearly every row", labelled([f"answer {i}" for i in range(28)] + ["answer 1"] * 2)),
    ("a number of thousands of digits", D, "thousands of digits", labelled([10**5000, 10**5000 + 1] * 15)),
    ("dates for labels", D, "holds dates or times", labelled([dt.date(2024, 1, 1), dt.date(2024, 1, 2)] * 15)),
    ("texts for labels", D, "Every row has its own value", labelled([f"one answer {i}" for i in range(30)])),
    ("lists for labels", D, "several labels in a row", labelled([["a", "b"], ["a"]] * 15)),
    ("arrays for labels", D, "several labels in a row", labelled([np.array([0, 1]), np.array([1, 0])] * 15)),
    ("labels that are joined", D, "Such as 'a;b|c'", labelled(["a;b|c", "a", "c"] * 10)),
    ("labels that are joined by a comma", D, "Such as 'a, b'", labelled(["a, b", "a", "b"] * 10)),
    ("lists as text for labels", D, "several labels in a row", labelled(["['a', 'b']", "['a']"] * 15)),
    # images
    ("a table for images", D, "No column holds images", csv(GOOD, task="image-classification")),
    ("a folder for texts", D, "task='image-classification'", images(save, task="text-classification")),
    ("a folder with the file in it", D, "Give the file in it: 'a.csv'", images(with_table, task="text-classification")),
    ("a class without images", D, "The class folder 'dog' has no images", images(lambda root: (save(root), (root / "dog").mkdir()))),
    ("images without classes", D, "has no subfolders", images(lambda root: (save(root, "a.png"), (root / "cat").rmdir()))),
    ("splits for classes", D, "are splits, not classes", images(train_and_test)),
    ("a file that is no image", D, "The image 'cat/a.png' can't be read", broken_image(b"none")),
    ("an empty image file", D, "skip_unreadable=True", broken_image(b"")),
    ("a drawing that another program would be started for", D, "no image that Pillow knows", broken_image(EPS)),
    ("an image that is cut off", D, "The image 'cat/a.png' can't be read", images(cut)),
    ("no image that can be read", D, "no image that can be read", broken_image(b"none", skip_unreadable=True)),
    ("an image made to fill the memory", D, "The image 'cat/bomb.png' is too large", images(bomb)),
    ("images that don't fit in memory", D, "don't fit in memory", images(save, image_size=60_000)),
    ("the names of image files", D, "such names are not followed", elsewhere),
    # the hub
    ("a name that is none", D, "is no name on the hub", lambda _: read("hub:../etc")),
    ("a kind of file for a name", D, "no data set on the hub", lambda _: read("hub:csv")),
    ("the hub without a network", D, "out of reach", offline("user/name")),
    ("a data set that isn't there", D, "no data set of this name", hub_that_says(NO_SUCH)),
    ("a data set with configurations", D, "Pass configuration=", hub_that_says(CONFIGURATIONS)),
    ("a data set with a program", D, "none is run", hub_that_says(SCRIPT)),
    ("a network that breaks off", D, "ConnectionError: broke off", hub_that_says(ConnectionError("broke off"))),
    ("a split that isn't there", D, "Did you mean 'a'", with_splits(split="aa")),
    ("several splits without train", D, "They are: 'a', 'b'", with_splits()),
    ("a stream", D, "is a stream", stream),
    ("a class number outside the names", D, "Label 7 in column 'label' is no class", with_class(7)),
]  # fmt: skip


def test_the_table_is_long_enough():
    assert len(BAD) >= 40
    assert len({name for name, *_ in BAD}) == len(BAD)


@pytest.mark.parametrize(("name", "kind", "says", "call"), BAD, ids=[name for name, *_ in BAD])
def test_bad_data_get_their_sentence(name, kind, says, call, refused, tmp_path):
    text = refused(lambda: call(tmp_path), kind, says)
    assert len(text) < 1000
    assert str(tmp_path) not in text
