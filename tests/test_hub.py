"""The hub: what happens where it can't be reached, and that the answer comes at once."""

from __future__ import annotations

import shutil
import threading
from types import SimpleNamespace

import pytest
from transformers import BertConfig, BertForSequenceClassification

import aitrain_nb as ai
from aitrain_nb import hub
from aitrain_nb.bundled import BUNDLED
from aitrain_nb.randomness import OwnRandom
from aitrain_nb.tokenizing import train_tokenizer

TEXTS = BUNDLED["tickets"]("text-classification").dataset.columns["text"][:40]


@pytest.fixture
def silent(monkeypatch):
    """A network that takes no connection and says nothing, as behind a firewall; counts how often it was tried, and given up."""
    silence = SimpleNamespace(tried=[], given_up=[])
    over = threading.Event()

    def nobody(address, **_):
        silence.tried.append(address)
        over.wait(600)
        silence.given_up.append(address)
        raise TimeoutError

    monkeypatch.setattr(hub, "_answers", {})
    monkeypatch.setattr(hub.socket, "create_connection", nobody)
    for name in hub._OFFLINE:
        monkeypatch.delenv(name, raising=False)
    yield silence
    over.set()


@pytest.mark.parametrize("fields", [{"data": "tickets"}, {"data": "digits"}, {"task": "text-generation"}], ids=str)
def test_a_model_of_the_hub_without_a_network_gets_its_sentence_while_the_network_hangs(silent, fields):
    if fields.get("task"):
        fields = fields | {"data": ai.Dataset({"text": ["to be or not to be " * 50]}).split(0.3)}
    with pytest.raises(ai.ConfigError, match="out of reach") as caught:
        ai.prepare(model="owner/model", **fields)
    assert silent.given_up == [], "we are answered while the network still hangs"
    assert "waited up to 3 seconds" in caught.value.why
    assert len(silent.tried) == 1
    with pytest.raises(ai.ConfigError, match="out of reach"):  # asked again soon, it doesn't wait again
        ai.prepare(model="owner/model", **fields)
    assert len(silent.tried) == 1


def test_data_of_the_hub_without_a_network_too(silent):
    with pytest.raises(ai.DataError, match="out of reach"):
        ai.prepare(data="owner/reviews")
    assert silent.given_up == [], "we are answered while the network still hangs"


def test_a_model_that_was_downloaded_before_needs_no_network(silent, tmp_path, monkeypatch):
    place = tmp_path / "models--owner--model"
    snapshot = place / "snapshots" / "abc123"
    tokenizer = train_tokenizer(TEXTS, "words", 200)
    settings = BertConfig(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2
    )
    with OwnRandom(0):
        BertForSequenceClassification(settings).save_pretrained(snapshot)
    tokenizer.save_pretrained(snapshot)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text("abc123", encoding="utf-8")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    trainer = ai.prepare(data="tickets", model="owner/model", max_steps=1, evaluation_examples=8)
    trainer.fit(display="none")
    assert type(trainer.model).__name__ == "BertForSequenceClassification"
    shutil.rmtree(place)


@pytest.mark.parametrize("name", hub._OFFLINE)
def test_who_asked_to_stay_offline_is_not_connected(monkeypatch, name):
    monkeypatch.setenv(name, "1")
    monkeypatch.setattr(hub.socket, "create_connection", lambda *_, **__: pytest.fail("asked the network"))
    with pytest.raises(ai.ConfigError, match=name):
        ai.prepare(data="tickets", model="owner/model")


def test_a_hub_that_answers_is_asked_once_in_half_a_minute(monkeypatch):
    asked = []
    monkeypatch.setattr(hub, "_answers", {})
    monkeypatch.setattr(hub, "_knock", lambda *way: not asked.append(way))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    assert hub.reachable()
    assert hub.reachable()
    assert len(asked) == 1
