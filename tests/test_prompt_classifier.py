"""A language model asked by a prompt: what it reads, what the scores are, calibration, and what is refused."""

import numpy as np
import pytest
import torch

import aitrain_nb as ai
from aitrain_nb.shots.prompting import Prompt

TEXTS = [f"the {'sun is warm' if n % 2 else 'rain is cold'} on day {n}" for n in range(40)]
DATA = ai.Dataset({"text": TEXTS, "label": torch.arange(40) % 2}, ["wet", "dry"]).split(0.25)


@pytest.fixture(scope="module")
def speaker():
    """A language model that has read these texts with their labels for a few steps."""
    read = ai.Dataset(
        {"text": ["\n\n".join(f"Text: {text}\nClass: {DATA.label_names[n % 2]}" for n, text in enumerate(TEXTS))]}
    )
    trainer = ai.prepare(
        data=read.split(0.2),
        task="text-generation",
        model="small-gpt",
        max_length=200,
        batch_size=4,
        max_steps=3,
        evaluate_every=0,
    )
    trainer.fit("none")
    return trainer


@pytest.fixture(scope="module")
def asked(speaker):
    return ai.PromptClassifier(speaker, DATA, shots=1)


def test_the_prompt_holds_the_examples_and_ends_where_the_word_begins(asked):
    prompt = asked.prompt("the sky is grey")
    assert prompt.endswith("\n\nText: the sky is grey\nClass:")
    assert prompt.count("\nClass: wet\n") == prompt.count("\nClass: dry\n") == 1
    assert all(text in prompt for text, _ in asked._prompt.examples)


def test_a_score_is_the_mean_log_probability_of_the_words_tokens(asked, speaker):
    prompt, word = asked.prompt("the sky is grey"), " dry"
    begin, end = (speaker.processor(text, add_special_tokens=False)["input_ids"] for text in (prompt, word))
    with torch.no_grad():
        logits = speaker.model.eval()(torch.tensor([begin + end])).logits[0].log_softmax(-1)
    by_hand = torch.stack([logits[len(begin) - 1 + i, token] for i, token in enumerate(end)]).mean()
    found = asked._speaker.log_probabilities(asked._prompt, "the sky is grey", asked.words)
    assert torch.allclose(found[1], by_hand, atol=1e-5)


def test_words_of_several_lengths_are_scored_as_each_would_be_alone(asked):
    together = asked._speaker.log_probabilities(asked._prompt, "rain", ["wet", "a much longer word"])
    alone = [
        asked._speaker.log_probabilities(asked._prompt, "rain", [word])[0] for word in ("wet", "a much longer word")
    ]
    assert torch.allclose(together, torch.stack(alone), atol=1e-5)


def test_calibration_makes_the_answer_to_an_empty_input_uniform(speaker):
    plain, calibrated = (
        ai.PromptClassifier(speaker, DATA, shots=1, calibrated=wanted, content_free=["N/A"]).predict("N/A").iloc[0, 2:]
        for wanted in (False, True)
    )
    assert np.allclose(calibrated.astype(float), 0.5)
    assert not np.allclose(plain.astype(float), 0.5)


def test_no_weight_moves_and_the_view_says_what_it_is(asked, speaker):
    before = speaker.fingerprint()
    assert "Not evaluated yet" in asked.text()
    found = asked.evaluate(6)
    assert 0 <= found.accuracy <= 1
    assert asked.fingerprints == (before, before) == (speaker.fingerprint(),) * 2
    shown = ("a stand-in for a large language model", "of 6 validation examples", "after 3 steps")
    for said in (f"No weight moved: {before} = {before}.", *shown):
        assert said in " ".join(asked.text().split())
    assert len(asked.predict(["one", "two"])) == 2


def test_a_model_from_a_folder_answers_as_its_trainer_does(asked, speaker, tmp_path):
    speaker.model.save_pretrained(tmp_path)
    speaker.processor.save_pretrained(tmp_path)
    again = ai.PromptClassifier(tmp_path, DATA, shots=1)
    columns = ["p(wet)", "p(dry)"]
    assert np.allclose(again.predict("rain")[columns], asked.predict("rain")[columns], atol=1e-5)
    assert tmp_path.name in again.text()


def test_the_number_of_examples_asked_is_looked_at(asked):
    with pytest.raises(ai.ConfigError, match="examples=0 can't be used"):
        asked.evaluate(0)


def test_one_input_that_says_nothing_may_be_a_text(speaker):
    one, listed = (ai.PromptClassifier(speaker, DATA, content_free=given).bias for given in ("N/A", ["N/A"]))
    assert np.array_equal(one, listed)


def test_without_examples_only_the_question_is_asked(speaker):
    asked = ai.PromptClassifier(
        speaker, DATA, shots=0, words={"wet": "rain", "dry": "sun"}, template="{text} means {label}"
    )
    assert asked.prompt("grey sky") == "grey sky means"
    assert asked.words == ["rain", "sun"]


def test_a_space_before_the_word_belongs_to_the_word():
    prompt = Prompt("{text} -> {label}", (("a", "b"),))
    assert prompt.ending_with("c") + prompt.word("d") == "a -> b\n\nc -> d"
    assert Prompt("{text}\n{label}", ()).word("d") == "d"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"shots": -1}, "shots=-1 is no number"),
        ({"shots": 100}, "There are no 100 training examples"),
        ({"shots": 5}, r"the model takes 200\. With \d of the 10 examples it fits"),
        ({"words": {"wet": "rain"}}, "The label 'dry' has no word"),
        ({"words": {"wet": "a", "dry": "b", "hot": "c"}}, "There is no label 'hot'"),
        ({"words": {"wet": "a", "dry": "a"}}, "can't be told apart"),
        ({"words": {"wet": "", "dry": "a"}}, "can't be told apart"),
        ({"template": "{text}"}, "It needs {text} once"),
        ({"template": "{label}: {text}"}, "at its end"),
        ({"template": "{text} {label"}, "It needs {text} once"),
        ({"template": "{label}", "shots": 0}, "It needs {text} once"),
        ({"template": 3}, "The template can't be of the kind int"),
        ({"words": ["a", "b"]}, "The words of the labels can't be a list"),
        ({"content_free": []}, "There are no examples"),
        ({"seed": -1}, "seed=-1 can't be used"),
    ],
)
def test_what_cant_be_asked_is_said(speaker, options, said):
    with pytest.raises(ai.AitrainError, match=said):
        ai.PromptClassifier(speaker, DATA, **options)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("minilm", "reads what comes later too"),
        ("small-gpt", "has random first weights"),
        (7, "int is no language model"),
        ("nowhere", "no model named"),
    ],
)
def test_what_is_no_language_model_is_refused(model, said):
    with pytest.raises(ai.ConfigError, match=said):
        ai.PromptClassifier(model, DATA)


def test_a_classifier_is_no_language_model():
    trainer = ai.prepare(data="digits", model="mlp")
    with pytest.raises(ai.ConfigError, match="this trainer is for image-classification"):
        ai.PromptClassifier(trainer, DATA)
