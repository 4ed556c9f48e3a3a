"""The playground without a browser: what the page is told, what it does with what the page wishes, and what stays in the file."""

import io
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import aitrain_nb as ai
from aitrain_nb.widgets import playground as module

BAD = "<img src=x onerror=alert(1)>"
PAD = 140


@pytest.fixture(scope="module")
def digits():
    trainer = ai.prepare(data="digits", model="mlp", epochs=2)
    trainer.fit("none")
    return trainer


@pytest.fixture(scope="module")
def texts():
    rows = pd.DataFrame(
        {"text": [f"{word} {n}" for n in range(20) for word in ("good", BAD)], "label": ["yes", BAD] * 20}
    )
    trainer = ai.prepare(data=rows, vocabulary_size=200, batch_size=8, max_steps=3)
    trainer.fit("none")
    return trainer


@pytest.fixture(scope="module")
def pairs():
    rows = pd.DataFrame(
        {"text_a": [f"a {n}" for n in range(40)], "text_b": [f"b {n}" for n in range(40)], "label": ["yes", "no"] * 20}
    )
    return ai.prepare(data=rows, vocabulary_size=200, batch_size=8, max_steps=3)


@pytest.fixture
def open_on(monkeypatch):
    """open_on(trainer): a playground whose page keeps what it is told; `granting = False` stands for a cell that runs."""

    def make(trainer, **options):
        made = ai.Playground(trainer, **options)
        made.sent, made.waiting, made.granting = [], [], True

        def in_turn(act):
            made.waiting.append(act)
            if made.granting and len(made.waiting) == 1:
                while made.waiting:
                    made.waiting[0]()
                    del made.waiting[0]
            return True

        monkeypatch.setattr(made, "send", lambda message, buffers=None: made.sent.append(message))
        monkeypatch.setattr(made, "in_turn", in_turn)
        return made

    return make


def wish(playground, kind, content=None, **fields):
    playground._hear(None, {"type": kind, **fields}, [] if content is None else [content])
    return playground.sent[-1] if playground.sent else None


def test_what_is_typed_is_answered_and_the_newest_wish_wins(open_on, texts):
    playground = open_on(texts)
    told = wish(playground, "text", text="good 3", number=1)
    assert (told["type"], told["number"], told["asked"]["text"]) == ("answer", 1, "good 3")
    assert told["said"] == playground.value.headline()
    playground.granting = False
    wish(playground, "text", text="good 4", number=2)
    wish(playground, "text", text="good 5", number=3)
    assert len(playground.sent) == 1
    for act in playground.waiting:
        act()
    assert [message["number"] for message in playground.sent] == [1, 3]
    assert playground.value.example == "good 5"


def test_a_pair_is_two_texts(open_on, pairs):
    playground = open_on(pairs)
    assert playground.facts["pairs"]
    told = wish(playground, "text", text="a", pair="b", number=1)
    assert playground.value.example == ("a", "b")
    assert told["asked"] == {"text": "a", "pair": "b"}
    assert "Not trained yet" in told["html"]
    assert wish(playground, "text", text="a", number=2)["type"] == "wrong"
    assert playground.ask(("c", "d")).example == ("c", "d")
    wish(playground, "example", place=3, number=3)
    assert playground.value.truth in {"yes", "no"}


def test_hostile_texts_and_labels_stay_text(open_on, texts):
    playground = open_on(texts)
    told = wish(playground, "text", text=BAD, number=1)
    assert "<img src=x" not in told["html"] + playground.bundle()["text/html"]
    assert BAD in playground.bundle()["text/plain"]
    assert "<img src=x" not in wish(playground, "hello")["html"]


def test_a_real_digit_drawn_from_its_pixels_is_known_as_it_is(open_on, digits):
    playground = open_on(digits)
    columns = module.examples_of(digits).columns
    found = 0
    for image, label in zip(columns["image"][:20, 0].numpy(), columns["label"][:20].tolist(), strict=True):
        large = np.pad(np.kron(image / 16 * 255, np.ones((14, 14))), 14).astype(np.uint8)
        told = wish(playground, "drawing", large.tobytes(), number=1)
        found += told["said"].startswith(f"{label},")
    assert found >= 16


def test_what_can_not_be_drawn_or_read_is_said(open_on, digits, monkeypatch):
    playground = open_on(digits)
    before = playground.value
    for content in (b"", bytes(10), bytes(PAD * PAD)):
        assert wish(playground, "drawing", content, number=1)["type"] == "wrong"
    assert wish(playground, "drawing", number=2)["type"] == "wrong"
    assert "odd.png" in wish(playground, "file", b"no image", name="odd.png", number=3)["words"]
    monkeypatch.setattr(module, "MOST_BYTES", 100)
    assert "too large" in wish(playground, "file", bytes(101), name=BAD, number=4)["words"]
    assert playground.value is before
    assert "too large" in playground.text()
    assert "<img src=x" not in playground.bundle()["text/html"]


def test_a_file_and_an_example_are_looked_at(open_on, digits):
    from PIL import Image

    playground, stream = open_on(digits), io.BytesIO()
    Image.new("L", (30, 30), 255).save(stream, "PNG")
    told = wish(playground, "file", stream.getvalue(), name=f"{BAD}.png", number=1)
    assert told["type"] == "answer"
    assert "<img src=x" not in told["html"]
    told = wish(playground, "example", place=10**9, number=2)
    assert told["asked"] == {"place": playground.facts["examples"] - 1}
    assert playground.value.truth in digits.class_names
    assert "in the data" in told["html"]


def test_what_is_written_comes_piece_by_piece_and_is_what_generate_writes(open_on, language, monkeypatch):
    monkeypatch.setattr(module, "_AT_ONCE", 0.004)
    playground = open_on(language)
    asked = {"text": "The parcel", "tokens": 12, "temperature": 0.6, "top_k": 4, "seed": 5}
    wish(playground, "write", **asked, number=1)
    parts = [message for message in playground.sent if message["type"] == "pieces"]
    assert len(parts) > 1
    assert [part["first"] for part in parts] == list(np.cumsum([0] + [len(part["pieces"]) for part in parts[:-1]]))
    text = "The parcel" + "".join(piece[0] for part in parts for piece in part["pieces"])
    assert text == playground.value.text == language.generate("The parcel", 12, temperature=0.6, top_k=4, seed=5)
    assert playground.sent[-1]["written"]
    playground.sent.clear()
    wish(playground, "hello")  # a page that is opened later sees it whole
    assert "".join(piece[0] for piece in playground.sent[0]["pieces"]) == text.removeprefix("The parcel")


def test_stop_ends_the_writing_and_a_newer_wish_takes_its_place(open_on, language, monkeypatch):
    playground = open_on(language)
    moments = iter(range(10**6))
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: next(moments) * 0.04))
    asked = {"text": "The", "tokens": 200, "temperature": 0.8}
    playground.granting = False
    wish(playground, "write", **asked, number=1)
    playground.waiting.pop()()
    playground.waiting.pop()()
    wish(playground, "stop")
    playground.waiting.pop()()
    assert not playground.waiting
    assert 0 < len(playground.value.pieces) < 200
    assert playground.sent[-1]["number"] == 1
    wish(playground, "write", **asked, number=2)
    playground.waiting.pop()()
    wish(playground, "next", text="A", number=3)
    for act in playground.waiting:
        act()
    assert playground.value.what == "next token"
    assert [message["number"] for message in playground.sent if message["type"] == "answer"] == [1, 3]


def test_what_a_model_of_ones_own_raises_is_said(open_on, texts, monkeypatch):
    playground = open_on(texts)
    monkeypatch.setattr(texts.model, "forward", lambda *_, **__: 1 / 0)
    assert "ZeroDivisionError" in wish(playground, "text", text="good", number=1)["words"]


def test_asking_in_code_is_shown_and_can_be_observed(open_on, texts, language):
    playground = open_on(texts, example="good 1")
    assert playground.value.example == "good 1"
    seen = []
    playground.observe(lambda change: seen.append(change.new.example), "value")
    playground.ask("good 2")
    assert seen == ["good 2"]
    assert playground.sent[-1]["number"] == 0
    writer = open_on(language)
    assert writer.ask("The", tokens=5, temperature=0).text == language.generate("The", 5, temperature=0)
    with pytest.raises(ai.DataError, match="empty"):
        writer.ask(" ")


def test_the_file_keeps_the_answer_and_no_widget(open_on, digits, language):
    for trainer in (digits, language):
        playground = open_on(trainer)
        bundle = playground.bundle()
        assert "application/vnd.jupyter.widget-view+json" not in bundle
        assert playground.value.predicted in bundle["text/plain"]
        assert "<script" not in bundle["text/html"]
    playground.ask("The parcel", tokens=4)
    assert playground.value.text in playground.text()


def test_the_run_is_as_it_was(open_on, digits, language):
    for trainer, kind, fields in [
        (digits, "example", {"place": 2}),
        (language, "write", {"text": "The", "tokens": 3, "temperature": 1}),
    ]:
        before = trainer.fingerprint(), trainer.step, [part.tolist() for part in trainer.random.state]
        playground = open_on(trainer)
        assert wish(playground, kind, **fields, number=1)["type"] == "answer"
        assert (trainer.fingerprint(), trainer.step, [part.tolist() for part in trainer.random.state]) == before


def test_a_saved_run_is_tried_from_its_folder(open_on, digits, tmp_path):
    ai.save_run(digits, tmp_path / "run")
    assert open_on(tmp_path / "run").value.choices == open_on(digits).value.choices
    with pytest.raises(ai.ConfigError):
        ai.Playground(tmp_path / "absent")


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"type": 3},
        {"type": "drawing"},
        {"type": "next", "text": "a"},
        {"type": "__init__"},
        {"type": "stop"},
        7,
        None,
    ],
)
def test_a_message_that_is_not_understood_is_left_alone(open_on, texts, message):
    playground = open_on(texts)
    before = playground.value
    playground._hear(None, message, [])
    assert playground.value is before
    assert not playground.sent


@pytest.mark.parametrize("fields", [{"place": "many"}, {"place": [1]}, {"place": float("inf")}])
def test_a_wish_that_makes_no_sense_is_refused_in_words(open_on, texts, fields):
    assert wish(open_on(texts), "example", **fields, number=1)["type"] == "wrong"
