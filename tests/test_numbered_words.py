"""What lesson 02 shows: secret writing has the same ids, a mask keeps padding out, rows are names, and shelves add up."""

import re

import pytest
import torch

from aitrain_nb.lessons.experiments import numbered_words
from aitrain_nb.lessons.widgets import batch_shelf, embedding_map, token_lens, word_neighbours


def test_secret_writing_has_the_same_ids():
    texts = numbered_words.messages().train.columns["text"][:50]
    hidden = [numbered_words.in_secret(text) for text in texts]
    assert not any(text.lower() == other for text, other in zip(texts, hidden, strict=True))
    plain, secret = numbered_words.first_come(texts), numbered_words.first_come(hidden)
    assert plain(texts)["input_ids"] == secret(hidden)["input_ids"]
    assert plain.convert_ids_to_tokens(4) != secret.convert_ids_to_tokens(4)


def test_secret_writing_twice_is_plain():
    assert numbered_words.in_secret(numbered_words.in_secret("My 2 parcels, please!")) == "my 2 parcels, please!"


@pytest.mark.parametrize("make", [numbered_words.WordBag, numbered_words.WordSizes])
def test_a_mask_keeps_padding_out(make):
    model = make(20, 3)
    ids, padded = torch.tensor([[5, 7]]), torch.tensor([[5, 7, 0, 0, 0]])
    alone = model(ids, torch.ones_like(ids))
    assert torch.allclose(model(padded, (padded != 0).long()), alone, atol=1e-6)


def test_a_network_of_names_counts_padding_where_nobody_masks_it():
    model = numbered_words.WordBag(20, 3)
    ids, padded = torch.tensor([[5, 7]]), torch.tensor([[5, 7, 0, 0, 0]])
    alone = model(ids, torch.ones_like(ids))
    assert not torch.allclose(model(padded, torch.ones_like(padded)), alone, atol=1e-3)


@pytest.mark.parametrize("seed", range(5))
def test_training_brings_words_of_a_kind_together(seed):
    journey = embedding_map.journey(seed)
    assert journey.in_company(0) < 0.35
    assert journey.in_company(embedding_map.STEPS) > 0.5


def test_shelves_of_3_40_and_5_are_60_percent_padding():
    (shelf,) = batch_shelf.shelves([3, 40, 5], 3)
    assert (shelf.real, shelf.block) == (48, 120)
    assert [one.block for one in batch_shelf.shelves([3, 40, 5], 2, by_length=True)] == [10, 40]
    assert [one.real for one in batch_shelf.shelves([3, 40, 5], 3, longest=4)] == [11]


def test_one_sentence_is_cut_in_three_ways():
    cuts = token_lens.TokenLens().cuts("My parcel is untrackable!", 1000)
    assert [len(one.tokens) for one in cuts.values()] == [25, 5, 8]
    assert [one.unknown for one in cuts.values()] == [0, 1, 0]


@pytest.fixture
def without_pretrained(monkeypatch):
    """As if the package of MiniLM weren't installed."""
    from aitrain_nb.models import pretrained

    monkeypatch.setattr(pretrained.importlib.util, "find_spec", lambda name: None)
    for kept in (token_lens.pretrained_tokenizer, word_neighbours.word_rows):
        kept.cache_clear()
    yield
    for kept in (token_lens.pretrained_tokenizer, word_neighbours.word_rows):
        kept.cache_clear()


@pytest.mark.usefixtures("without_pretrained")
def test_without_the_pretrained_model_a_small_network_steps_in():
    neighbours = word_neighbours.WordNeighbours()
    assert "a small network" in neighbours.state["said"]
    assert len(neighbours.by_row("monday", 6)) == 6
    assert "MiniLM" not in token_lens.TokenLens().state["said"]


@pytest.mark.parametrize("word", ["", "   ", "[PAD]", "two words", "xqzzk"])
def test_what_is_no_single_word_gets_a_sentence(word):
    neighbours = word_neighbours.WordNeighbours().set(word=word)
    assert "is not 1 token" in neighbours.state["said"]
    assert neighbours.by_row(word) == neighbours.by_number(word) == []


def test_a_message_has_the_same_numbers_in_both_scripts():
    plain, secret = {"my": 4, "parcel": 5}, {"nb": 4, "kzixvo": 5}
    both = numbered_words.BothScripts("My parcel", plain, secret)
    assert [token.number for token in both.tokens["plain"]] == [token.number for token in both.tokens["secret"]]
    assert "kzixvo" in both._repr_html_()
    assert "kzixvo" in repr(both)
    assert "parcel" in repr(both)


@pytest.mark.parametrize("step", [0, 125, 400])
def test_points_and_shelves_fit_into_any_page(step):
    said = embedding_map.EmbeddingMap().set(step=step, kind="delivery").state["html"]
    said += batch_shelf.BatchShelf().set(batch_size=4).state["html"]
    places = re.findall(r"[;\"](?:left|right):(?:calc\()?([-\d.]+)(%|px)", said) + re.findall(
        r"flex:0 0 ([\d.]+)(%|px)", said
    )
    assert len(places) > 350
    assert all(0 <= float(place) <= (100 if unit == "%" else 10) for place, unit in places)
