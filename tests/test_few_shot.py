"""Few examples of each class: frozen features, no weight moves, the same draws for every method."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import normalize
from torch import nn

import aitrain_nb as ai
from aitrain_nb.errors import ConfigError
from aitrain_nb.shots import classifiers
from aitrain_nb.shots.drawing import draw

LABELS = np.array([0, 1, 2, -1] * 30)


@pytest.fixture(scope="module")
def trainer():
    return ai.prepare(data="digits", model="small-cnn")


@pytest.fixture(scope="module")
def found():
    return ai.compare_methods("digits", shots=[1, 3, 500], seeds=2, steps=4, progress=lambda _line: None)


def by_hand(trainer, few, split="validation"):
    """Features of the drawn examples and of a split, as anybody would compute them; and their labels."""
    model = trainer.model.eval()
    with torch.no_grad():
        return [
            (normalize(model[:-1](dataset.columns["image"] * trainer.data.scale).numpy()), dataset.columns["label"].numpy())
            for dataset in (trainer.data.train.subset(torch.from_numpy(few.places)), getattr(trainer.data, split))
        ]  # fmt: skip


@pytest.mark.parametrize("by", classifiers.CLASSIFIERS)
@pytest.mark.parametrize("shots", [1, 10])
def test_the_scores_are_those_of_scikit_learn_called_by_hand(trainer, by, shots):
    few = ai.FewShot(trainer, by=by, shots=shots)
    (features, labels), (asked, true) = by_hand(trainer, few)
    if by == "nearest mean":
        means = np.stack([features[labels == number].mean(0) for number in range(10)])
        predicted = ((asked[:, None] - means) ** 2).sum(-1).argmin(1)
    else:
        neighbours = KNeighborsClassifier(min(5, shots), weights="distance")
        expected = LogisticRegression(C=10, max_iter=1000) if by == "logistic regression" else neighbours
        predicted = expected.fit(features, labels).predict(asked)
    assert abs(few.evaluate().accuracy - accuracy_score(true, predicted)) <= 2 / len(
        true
    )  # a draw may fall the other way
    assert few.evaluate().accuracy > 0.5


def test_no_weight_moves_and_the_view_says_so(trainer):
    before, mode = trainer.fingerprint(), [module.training for module in trainer.model.modules()]
    few = ai.FewShot(trainer, shots=2)
    few.predict(trainer.data.validation.columns["image"][:3])
    assert few.fingerprints == (before, before) == (trainer.fingerprint(),) * 2
    assert [module.training for module in trainer.model.modules()] == mode
    assert f"No weight moved: {before} = {before}." in few.text()
    assert "10.3 %" in few.text()
    assert len(few.examples) == 20
    with torch.no_grad():
        trainer.model[0].weight.add_(1e-3)
    few.predict(trainer.data.validation.columns["image"][:3])
    assert "The weights are others now" in few.text()


def test_predictions_are_a_table_like_those_of_a_trainer(trainer):
    images = trainer.data.validation.columns["image"][:4]
    table = ai.FewShot(trainer, shots=5, by="logistic regression").predict(images)
    columns = [f"p({number})" for number in range(10)]
    assert list(table.columns) == ["predicted", *columns]
    assert np.allclose(table[columns].sum(axis=1), 1)
    assert list(table["predicted"]) == [columns[i][2:-1] for i in table[columns].to_numpy().argmax(1)]
    cosines = ai.FewShot(trainer, shots=5).predict(images).iloc[:, 1:].to_numpy()
    assert (abs(cosines) <= 1 + 1e-6).all()


def test_the_few_are_among_the_many_and_each_class_has_as_many():
    names = ("a", "b", "c")
    two, five = (draw(LABELS, names, shots, 7) for shots in (2, 5))
    assert set(two) < set(five)
    assert np.bincount(LABELS[five]).tolist() == [5, 5, 5]
    assert set(draw(LABELS, names, 5, 8)) != set(five)


def test_features_are_what_goes_into_the_head_in_the_order_of_the_examples():
    texts = [f"word {'more ' * (n % 7)}{n}" for n in range(40)]
    data = ai.Dataset({"text": texts, "label": torch.arange(40) % 2}).split(0.2)
    trainer = ai.prepare(data=data, model="small-encoder", vocabulary_size=60)
    assert trainer.head() == "classifier"
    features = trainer.features("train")
    head = trainer.model.get_submodule(trainer.head())
    logits = head(features.to(trainer.device)).detach()
    expected = [trainer.predict(text).iloc[0, 2:].to_numpy(dtype=float) for text in data.train.columns["text"][:5]]
    assert np.allclose(logits[:5].softmax(-1).cpu().numpy(), expected, atol=1e-5)
    assert torch.allclose(trainer.features(data.train.columns["text"][:5]), features[:5], atol=1e-5)


def test_a_network_without_a_head_is_refused():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(64, 10))

        def forward(self, image):
            return image.flatten(1) @ self.weight

    data = ai.prepare(data="digits", model="mlp").data
    with pytest.raises(ai.ModelError, match="no head that could be told apart"):
        ai.FewShot(ai.Trainer(Odd(), "image-classification", data))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"shots": 0}, "shots=0 is no number of examples"),
        ({"shots": True}, "shots=True is no number"),
        ({"shots": 1_000}, "There are no 1,000 training examples of each class"),
        ({"by": "nearest meen"}, "nearest mean, nearest neighbours, logistic regression"),
        ({"model": "mlp"}, "What a trainer uses is settled"),
        ({"seed": -1}, "seed=-1 can't be used"),
        ({"seed": "a"}, "seed='a' can't be used"),
    ],
)
def test_what_cant_be_done_is_said(trainer, fields, said):
    with pytest.raises(ai.AitrainError, match=said):
        ai.FewShot(trainer, **fields)


def test_a_language_model_has_no_classes():
    data = ai.Dataset({"text": ["one text and another one. " * 30]})
    with pytest.raises(ai.ConfigError, match="text-generation has none"):
        ai.FewShot(data=data.split(0.3), task="text-generation", max_length=16)


# all methods side by side


def test_every_method_is_measured_on_every_draw(found):
    table = found.frame()
    assert len(table) == found.planned == len(found.methods) * 3 * 2
    assert found.methods == ["scratch", "head", "nearest mean", "nearest neighbours", "logistic regression"]
    assert sorted(table["shots"].unique()) == [1, 3, 139]  # 500 became what the rarest class has
    moved = dict(zip(table["method"], table["trained_weights"], strict=True))
    assert moved == {
        "scratch": 51_880,
        "head": 910,
        "nearest mean": 0,
        "nearest neighbours": 0,
        "logistic regression": 0,
    }
    assert (table["steps"] == np.where(table["trained_weights"] > 0, 4, 0)).all()
    assert "500 of each became 139" in found.text()


def test_a_method_by_itself_comes_to_the_same(found):
    few = ai.FewShot(data="digits", model="small-cnn", shots=3, seed=1, by="logistic regression")
    table = found.frame().set_index(["method", "shots", "seed"])
    assert table.loc[("logistic regression", 3, 1), "accuracy"] == few.evaluate().accuracy


def test_seconds_to_a_target_are_those_of_the_first_evaluation_that_reached_it(found):
    easy, hard = found.frame(target=0.0), found.frame(target=1.0)
    assert (easy["seconds_to_target"] <= easy["seconds"]).all()
    assert np.isinf(hard["seconds_to_target"]).all()
    assert np.isinf(hard["steps_to_target"]).all()
    assert (easy["steps_to_target"] <= easy["steps"]).all()
    one = next(one for one in found.measured if one.method == "scratch")
    assert one.seconds_to(0.0) == one.curve[0][0]
    assert math.isinf(one.seconds_to(1.1))
    summary = found.summary()
    assert (summary["lowest"] <= summary["accuracy"]).all()
    assert set(summary["seeds"]) == {2}


def test_the_network_that_is_used_stays_as_it_is_and_needs_no_like_classes(trainer):
    before = trainer.fingerprint()
    images, labels = (trainer.data.train.columns[name] for name in ("image", "label"))
    high = labels >= 7
    other = ai.Dataset({"image": images[high], "label": labels[high] - 7}, ["7", "8", "9"])
    methods = ["fine-tune", "head", "nearest mean"]
    found = ai.compare_methods(other, [2], 1, methods, trainer, steps=2, progress=lambda _line: None)
    assert trainer.fingerprint() == before
    assert set(found.methods) == set(methods)
    assert "small-cnn trained on digits" in found.text()
    assert list(found.frame()["trained_weights"]) == [3 * 91, 51_880 - 7 * 91, 0]


def test_adapters_are_trained_beside_frozen_layers():
    texts = [f"the {'sun' if n % 2 else 'rain'} {n}" for n in range(40)]
    data = ai.Dataset({"text": texts, "label": torch.arange(40) % 2}, ["wet", "dry"]).split(0.2)
    trainer = ai.prepare(data=data, model="small-encoder", vocabulary_size=60)
    (one,) = ai.compare_methods(data, [2], 1, ["lora"], trainer, steps=2, progress=lambda _line: None).measured
    assert 0 < one.trained_weights < one.weights / 5
    assert one.steps == 2


def test_each_method_may_have_a_rate_of_its_own():
    def scores(**options):
        found = ai.compare_methods(
            "digits", [5], 1, ["scratch", "head"], steps=20, progress=lambda _line: None, **options
        )
        return {one.method: one.curve for one in found.measured}

    usual, other = scores(), scores(rates={"scratch": 1e-6})
    assert [point[1] for point in usual["head"]] == [point[1] for point in other["head"]]
    assert usual["scratch"][-1][1] > other["scratch"][-1][1] + 0.1
    assert [point[1] for point in scores(rates={"scratch": 0.001})["scratch"]] == [
        point[1] for point in usual["scratch"]
    ]


def test_an_interrupt_and_the_end_of_the_time_keep_what_was_computed():
    def interrupt(line):
        if line.startswith("2 of"):
            raise KeyboardInterrupt

    cut = ai.compare_methods("digits", [1, 2], 1, ["nearest mean", "nearest neighbours"], progress=interrupt)
    assert [one.method for one in cut.measured] == ["nearest mean", "nearest neighbours"]
    assert "2 of 4 results." in cut.text()
    none = ai.compare_methods("digits", [1], 1, ["nearest mean"], seconds=-1, progress=lambda _line: None)
    assert none.measured == []
    assert "0 of 1 results." in none.text()
    assert "median accuracy" not in none.text()
    assert none.plot().png(dpi=20)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"methods": ["fine tuning"]}, "Did you mean 'fine-tune'"),
        ({"methods": []}, "methods is empty"),
        ({"shots": []}, "shots is empty"),
        ({"shots": [0]}, "shots=0 is no number"),
        ({"shots": None}, "shots=None is no number"),
        ({"shots": 5.0}, "shots=5.0 is no number"),
        ({"methods": 3}, "no method named 3"),
        ({"seeds": 0}, "seeds=0 can't be used"),
        ({"seeds": None}, "seeds=None can't be used"),
        ({"seconds": "a"}, "seconds='a' can't be used"),
        ({"steps": 0}, "steps=0 can't be used"),
        ({"model": "minilm"}, "minilm"),
        ({"rates": {"nearest mean": 0.1}}, "no method that trains named 'nearest mean'"),
        ({"rates": {"scratch": 0}}, "is no learning rate"),
    ],
)
def test_what_cant_be_compared_is_said(options, said):
    with pytest.raises(ai.AitrainError, match=said):
        ai.compare_methods("digits", **options)


def test_some_of_the_methods_are_shown_alone(found):
    some = found.only("nearest mean", "scratch")
    assert some.methods == ["nearest mean", "scratch"]
    assert some.summary().equals(
        pd.concat(
            [found.summary(target=some.target).query("method == @name") for name in some.methods], ignore_index=True
        )
    )
    with pytest.raises(ConfigError, match="scratc"):
        found.only("scratc")
