"""Answers of a trained model for files and objects as people have them; nothing of a file is lost."""

from __future__ import annotations

import io
import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

import aitrain_nb as ai
from aitrain_nb.bundled import BUNDLED
from aitrain_nb.cli import app
from aitrain_nb.predicting import names_a_file, predict_file, predict_lines

TICKETS = BUNDLED["tickets"]("text-classification").dataset
TEXTS = TICKETS.columns["text"][:120]
NAMES = [TICKETS.label_names[label] for label in TICKETS.columns["label"][:120].tolist()]


@pytest.fixture(scope="module")
def trainer():
    made = ai.prepare(
        data=pd.DataFrame({"text": TEXTS, "label": NAMES}), vocabulary_size=200, batch_size=8, max_steps=3
    )
    made.fit(display="none")
    return made


@pytest.fixture(scope="module")
def on_pairs():
    frame = pd.DataFrame({"text_a": TEXTS, "text_b": TEXTS[::-1], "label": NAMES})
    made = ai.prepare(data=frame, vocabulary_size=200, batch_size=8, max_steps=3)
    made.fit(display="none")
    return made


WAYS = {
    "comma.csv": lambda frame, path: frame.to_csv(path, index=False),
    "semicolon.csv": lambda frame, path: frame.to_csv(path, index=False, sep=";"),
    "utf16.csv": lambda frame, path: frame.to_csv(path, index=False, encoding="utf-16"),
    "tab.tsv": lambda frame, path: frame.to_csv(path, index=False, sep="\t"),
    "lines.jsonl": lambda frame, path: frame.to_json(path, orient="records", lines=True),
    "rows.json": lambda frame, path: path.write_text(json.dumps(frame.to_dict("records")), encoding="utf-8"),
    "table.parquet": lambda frame, path: frame.to_parquet(path),
}


@pytest.mark.parametrize("name", WAYS)
def test_a_file_is_read_as_training_reads_it(trainer, tmp_path, name):
    frame = pd.DataFrame({"number": range(6), "text": TEXTS[:6]})
    WAYS[name](frame, tmp_path / name)
    if name == "utf16.csv":
        with pytest.raises(ai.DataError, match="encoding"):
            predict_file(trainer, tmp_path / name)
        return
    found = predict_file(trainer, tmp_path / name).frame
    expected = trainer.predict(TEXTS[:6])
    assert found["text"].tolist() == TEXTS[:6]
    assert found["predicted"].tolist() == expected["predicted"].tolist()
    assert found["probability"].tolist() == pytest.approx(expected["probability"].tolist(), abs=6e-5)


def test_an_empty_row_stays_without_an_answer_and_is_counted(trainer, tmp_path):
    pd.DataFrame({"text": [TEXTS[0], "", TEXTS[1], "  "], "id": list("abcd")}).to_csv(tmp_path / "in.csv", index=False)
    answers = predict_file(trainer, tmp_path / "in.csv")
    assert answers.frame["predicted"].isna().tolist() == [False, True, False, True]
    assert any("2 of 4" in note for note in answers.notes)


def test_a_column_of_the_file_is_never_overwritten(trainer, tmp_path):
    pd.DataFrame({"text": TEXTS[:2], "predicted": ["mine", "mine"]}).to_csv(tmp_path / "in.csv", index=False)
    found = predict_file(trainer, tmp_path / "in.csv").frame
    assert found["predicted"].tolist() == ["mine", "mine"]
    assert set(found["predicted_2"]) <= set(NAMES)


def test_pairs_are_asked_about_by_both_columns(on_pairs, tmp_path):
    pd.DataFrame({"text_a": TEXTS[:3], "text_b": TEXTS[3:6]}).to_csv(tmp_path / "in.csv", index=False)
    found = predict_file(on_pairs, tmp_path / "in.csv").frame
    assert (
        found["predicted"].tolist()
        == on_pairs.predict(list(zip(TEXTS[:3], TEXTS[3:6], strict=True)))["predicted"].tolist()
    )
    pd.DataFrame({"text_a": TEXTS[:3]}).to_csv(tmp_path / "one.csv", index=False)
    with pytest.raises(ai.DataError, match="pairs"):
        predict_file(on_pairs, tmp_path / "one.csv")


@pytest.mark.parametrize(
    ("what", "is_file"),
    [
        ("in.csv", True),
        ("x.parquet", True),
        ("cat.jpg", True),
        ("missing.xlsx", True),
        ("Where is it?", False),
        ("No. Never.", False),
    ],
)
def test_what_looks_like_a_file_is_never_taken_for_a_text(what, is_file):
    assert names_a_file(what) == is_file


# objects


def test_a_table_is_refused_with_the_way_to_ask(trainer):
    with pytest.raises(ai.DataError, match=r"table\['text'\]"):
        trainer.predict(pd.DataFrame({"text": TEXTS[:2]}))
    assert len(trainer.predict(pd.Series(TEXTS[:2]))) == 2


@pytest.mark.parametrize(
    ("examples", "says"), [(["a", None], "Number 1 is NoneType"), ([], "list is empty"), ([3], "int"), (5, "int")]
)
def test_what_is_no_text_gets_its_sentence(trainer, examples, says):
    with pytest.raises(ai.DataError, match=says):
        trainer.predict(examples)


def test_a_photo_is_asked_about_as_training_read_it(tmp_path):
    chance = np.random.default_rng(0)
    for name, level in (("dark", 40), ("light", 210)):
        (tmp_path / name).mkdir()
        for number in range(20):
            pixels = np.clip(chance.normal(level, 20, (12, 10, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{number}.png")
    trainer = ai.prepare(data=str(tmp_path), model="mlp", batch_size=8, max_steps=30, learning_rate=0.01)
    trainer.fit(display="none")
    path = tmp_path / "light" / "0.png"
    by_path, by_image = trainer.predict(path), trainer.predict([Image.open(path), path])
    assert by_path["predicted"].tolist() == ["light"]
    assert by_image["probability"].tolist() == pytest.approx([by_path["probability"][0]] * 2)
    larger = Image.open(path).resize((50, 60))
    assert trainer.predict(larger)["predicted"][0] == "light"
    answers = predict_file(trainer, path)
    assert answers.frame["predicted"].tolist() == ["light"]
    with pytest.raises(ai.DataError, match=r"no file 'cat\.jpg'"):
        trainer.predict("cat.jpg")
    with pytest.raises(ai.DataError, match=r"'light' is a folder\.[\s\S]*Name an image file in it"):
        trainer.predict(tmp_path / "light")


def test_the_place_for_the_answers_is_checked_before_the_work(tmp_path):
    result = CliRunner().invoke(
        app, ["predict", str(tmp_path / "run"), "a", "--to", str(tmp_path / "nowhere" / "x.csv")]
    )
    assert isinstance(result.exception, ai.DataError)
    assert "in a folder that is there" in str(result.exception)


# reading options


def test_what_read_gives_can_be_trained_on(tmp_path):
    path = tmp_path / "odd.csv"
    rows = [f"{text.replace('~', '')}~{name}" for text, name in zip(TEXTS, NAMES, strict=True)]
    path.write_text("\n".join(["text~label", *rows]), encoding="utf-8")
    trainer = ai.prepare(data=ai.read(path, delimiter="~"), vocabulary_size=200, batch_size=8, max_steps=1)
    assert len(trainer.data.train) + len(trainer.data.validation) == 120


def test_an_error_says_where_the_option_of_its_fix_goes(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for number in range(4):
            Image.new("L", (8, 8), number).save(tmp_path / name / f"{number}.png")
    (tmp_path / "a" / "broken.png").write_bytes(b"no image")
    with pytest.raises(ai.DataError, match=r"prepare\(data=ai\.read\(file"):
        ai.prepare(data=str(tmp_path), model="mlp")
    raw = ai.read(tmp_path, "image-classification", skip_unreadable=True, image_size=4)
    trainer = ai.prepare(data=raw, model="mlp", batch_size=2, max_steps=1)
    assert trainer.data.scale == 1 / 255
    assert list(trainer.data.train.columns["image"].shape[1:]) == [1, 4, 4]


def test_the_size_of_images_is_a_field(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for number in range(6):
            Image.new("RGB", (20, 30), (number, 0, 0)).save(tmp_path / name / f"{number}.png")
    trainer = ai.prepare(data=str(tmp_path), model="mlp", batch_size=2, max_steps=1, image_size=16)
    assert list(trainer.data.train.columns["image"].shape[1:]) == [3, 16, 16]


def folder_of_images(tmp_path):
    """Dark and light images, two of them in a folder of their own, one that is none, and a text beside them."""
    for number, (place, shade) in enumerate([("a", 10), ("b", 245), ("later/c", 20), ("later/d", 240)]):
        path = tmp_path / "asked" / f"{place}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (9 + number, 8), shade).save(path)
    (tmp_path / "asked" / "broken.jpg").write_bytes(b"no image")
    (tmp_path / "asked" / "notes.txt").write_text("about them")
    (tmp_path / "asked" / ".hidden.png").write_bytes(b"of a system")
    return tmp_path / "asked"


@pytest.fixture(scope="module")
def on_images(tmp_path_factory):
    place = tmp_path_factory.mktemp("shades")
    for name, shade in (("dark", 0), ("light", 250)):
        (place / name).mkdir()
        for number in range(12):
            Image.new("L", (8, 8), abs(shade - number)).save(place / name / f"{number}.png")
    made = ai.prepare(data=str(place), model="mlp", batch_size=4, epochs=5, learning_rate=0.01)
    made.fit(display="none")
    return made


def test_every_image_of_a_folder_is_asked_about(on_images, tmp_path):
    found = predict_file(on_images, folder_of_images(tmp_path))
    assert found.frame["file"].tolist() == ["a.png", "b.png", "broken.jpg", "later/c.png", "later/d.png"]
    assert found.frame["predicted"].fillna("-").tolist() == ["dark", "light", "-", "dark", "light"]
    assert found.notes == ["Images that can't be read, left without an answer: 1 of 5 (broken.jpg)."]
    alone = on_images.predict([tmp_path / "asked" / "b.png"])
    assert found.frame["probability"][1] == pytest.approx(alone["probability"][0], abs=1e-4)


def test_a_folder_on_the_command_line(on_images, trainer, tmp_path):
    asked = folder_of_images(tmp_path)
    ai.save_run(on_images, tmp_path / "run")
    ai.save_run(ai.prepare(data="tickets", vocabulary_size=200, max_steps=1), tmp_path / "texts")
    ask = lambda *words: CliRunner().invoke(app, ["predict", *map(str, words)])  # noqa: E731
    done = ask(tmp_path / "run", asked, "--to", tmp_path / "answers.csv")
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, f"5 rows in {tmp_path / 'answers.csv'}")
    assert pd.read_csv(tmp_path / "answers.csv")["predicted"].tolist()[:2] == ["dark", "light"]
    before = (asked / "a.png").read_bytes()
    refused = ask(tmp_path / "run", asked, "--to", asked / "a.png", "--overwrite")
    assert "would take the place of the data in 'a.png'" in str(refused.exception)
    assert (asked / "a.png").read_bytes() == before
    assert "trained on texts" in str(ask(tmp_path / "texts", asked).exception)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "one.png").write_bytes(b"no image")
    assert "one.png" in str(ask(tmp_path / "run", tmp_path / "broken").exception)
    (tmp_path / "empty").mkdir()
    assert "No image lies in 'empty'" in str(ask(tmp_path / "run", tmp_path / "empty").exception)
    with pytest.raises(ai.DataError, match=r"'a\.png' is an image"):
        predict_file(trainer, asked / "a.png")
    (tmp_path / "table.csv").write_text("text\nhello there\n")
    with pytest.raises(ai.DataError, match=r"'table\.csv' is no image"):
        predict_file(on_images, tmp_path / "table.csv")


def test_a_table_may_hold_the_paths_of_images(on_images, tmp_path):
    asked = folder_of_images(tmp_path)
    (tmp_path / "list.csv").write_text(f"image\n{asked / 'a.png'}\n{asked / 'b.png'}\n")
    assert predict_file(on_images, tmp_path / "list.csv").frame["predicted"].tolist() == ["dark", "light"]


def test_lines_of_another_program(on_images, on_pairs, tmp_path):
    trainer = ai.prepare(data="tickets", vocabulary_size=200, max_steps=1)
    ai.save_run(trainer, tmp_path / "run")
    ask = lambda *words, lines: CliRunner().invoke(app, ["predict", str(tmp_path / "run"), *words], input=lines)  # noqa: E731
    done = ask("-", lines=f"{TEXTS[0]}\r\n\n {TEXTS[1]}")
    expected = trainer.predict([TEXTS[0], f" {TEXTS[1]}"])["predicted"].tolist()
    frame = pd.read_csv(io.StringIO(done.stdout), keep_default_na=False)
    assert frame["text"].tolist() == [TEXTS[0], "", f" {TEXTS[1]}"]
    assert frame["predicted"].tolist() == [expected[0], "", expected[1]]
    assert "Empty rows, left without an answer: 1 of 3." in done.stderr
    assert "Nothing came" in str(ask("-", lines="\n \n").exception)
    for words in (("-",), (str(tmp_path / "texts.csv"),), (str(tmp_path),)):
        assert "--second goes with one text" in str(ask(*words, "--second", "b", lines="a").exception)
    for other, named in ((on_images, "images"), (on_pairs, "pairs of texts")):
        with pytest.raises(ai.DataError, match=f"trained on {named}"):
            predict_lines(other, ["a"])
