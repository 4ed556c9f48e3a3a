"""Pixels: normalised, resized for a pretrained model, and changed at random while it trains."""

from __future__ import annotations

import pytest
import torch
from transformers import (
    AutoImageProcessor,
    ResNetConfig,
    ResNetForImageClassification,
    ViTConfig,
    ViTForImageClassification,
)
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

import aitrain_nb as ai
from aitrain_nb.pixels import AUGMENTATIONS, SHIFT, Standardize, mirrored, shifted, turned
from aitrain_nb.randomness import OwnRandom


@pytest.fixture(scope="module")
def vit(tmp_path_factory):
    """A folder with a small vision transformer that takes 16x16 pixels in three colours, as somebody might have trained it."""
    folder = tmp_path_factory.mktemp("vit")
    settings = ViTConfig(
        image_size=16, patch_size=4, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        hidden_dropout_prob=0.1,
    )  # fmt: skip
    with OwnRandom(0):
        ViTForImageClassification(settings).save_pretrained(folder)
    ViTImageProcessorPil(size={"height": 16, "width": 16}).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def resnet(tmp_path_factory):
    folder = tmp_path_factory.mktemp("resnet")
    settings = ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic")
    with OwnRandom(0):
        ResNetForImageClassification(settings).save_pretrained(folder)
    ViTImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)
    return str(folder)


# normalisation


def test_standardised_channels_have_mean_0_and_standard_deviation_1():
    images = torch.rand(50, 3, 5, 4) * torch.tensor([1.0, 5.0, 0.1])[:, None, None] + 3
    made = Standardize.of(images)(images)
    assert made.mean((0, 2, 3)).abs().max() < 1e-4
    assert (made.std((0, 2, 3), unbiased=False) - 1).abs().max() < 1e-4


def test_a_channel_with_one_value_stays_finite():
    assert Standardize.of(torch.ones(4, 1, 3, 3))(torch.ones(4, 1, 3, 3)).abs().max() == 0


def test_validation_and_own_images_get_the_numbers_of_the_training_images():
    trainer = ai.prepare(data="digits", model="mlp", normalization="data", max_steps=1)
    raw = trainer.data.train.columns["image"] / 16
    own = trainer.tokenize(trainer.data.validation.columns["image"][:3], [0, 1, 2])
    expected = (trainer.data.validation.columns["image"][:3] / 16 - raw.mean()) / raw.std(unbiased=False)
    assert torch.allclose(own.inputs["pixel_values"], expected, atol=1e-5)


# a pretrained model


@pytest.mark.parametrize("method", ["fine-tune", "head", "scratch"])
def test_grey_digits_go_into_a_pretrained_model_of_three_colours(vit, method):
    trainer = ai.prepare(data="digits", model=vit, method=method, max_steps=3, batch_size=8, evaluation_examples=20)
    batch = trainer.tokenize()
    assert list(batch.inputs["pixel_values"].shape) == [8, 3, 16, 16]
    assert batch.check()["passed"].all()
    assert "resized to 16x16" in batch.text()
    trainer.undo()
    trained = sum(weight.numel() for weight in trainer.model.parameters() if weight.requires_grad)
    assert (trained == 32 * 10 + 10) == (method == "head")
    trainer.fit(display="none")
    assert len(trainer.predict(trainer.data.validation.columns["image"][:2])) == 2


def test_pixels_are_those_of_the_models_own_processor(vit):
    trainer = ai.prepare(data="digits", model=vit, batch_size=4, max_steps=1)
    batch = trainer.tokenize()
    coloured = [image.expand(3, 8, 8).mul(255 / 16).round().byte().numpy() for image in batch.raw["image"]]
    processor = AutoImageProcessor.from_pretrained(vit)
    expected = processor(coloured, return_tensors="pt", input_data_format="channels_first")["pixel_values"]
    assert torch.equal(batch.inputs["pixel_values"], expected)


def test_a_convolutional_network_of_transformers_works_too(resnet):
    trainer = ai.prepare(data="digits", model=resnet, method="head", max_steps=2, batch_size=4, evaluate_every=0)
    trainer.fit(display="none")
    assert trainer.task.name == "image-classification"


def test_a_run_with_it_is_saved_and_loaded(vit, tmp_path):
    trainer = ai.prepare(data="digits", model=vit, max_steps=2, batch_size=4, evaluation_examples=20)
    trainer.fit(display="none")
    loaded = ai.load_run(ai.save_run(trainer, tmp_path / "run"))
    images = trainer.data.validation.columns["image"][:5]
    assert loaded.predict(images).equals(trainer.predict(images))


def test_a_folder_without_its_processor_is_said_to_lack_it(vit, tmp_path):
    ViTForImageClassification.from_pretrained(vit).save_pretrained(tmp_path)
    with pytest.raises(ai.ConfigError, match="preprocessor_config"):
        ai.prepare(data="digits", model=str(tmp_path))


def test_an_image_model_that_nobody_knows_lists_those_there_are():
    with pytest.raises(ai.ConfigError, match="small-cnn"):
        ai.prepare(data="digits", model="small-cn")


@pytest.mark.parametrize("normalization", ["none", "data"])
def test_a_pretrained_models_images_are_resized_whatever_is_done_to_their_numbers(vit, normalization):
    trainer = ai.prepare(data="digits", model=vit, normalization=normalization, batch_size=64, max_steps=1)
    batch = trainer.tokenize()
    pixels = batch.inputs["pixel_values"]
    assert list(pixels.shape) == [64, 3, 16, 16]
    assert batch.check()["passed"].all()
    if normalization == "none":
        assert 0 <= pixels.min() < pixels.max() <= 1
    else:
        assert abs(float(pixels.mean())) < 0.1


# augmentation


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_images_keep_their_shape_and_range_and_are_not_all_the_same(name):
    torch.manual_seed(0)
    images = torch.rand(64, 3, 12, 9)
    made = AUGMENTATIONS[name](images)
    assert made.shape == images.shape
    assert images.min() <= made.min() <= made.max() <= images.max()
    same = (made == images).flatten(1).all(1)
    assert not same.all()


def test_a_shift_moves_whole_pixels_and_repeats_the_edge():
    torch.manual_seed(0)
    image = torch.arange(256.0).reshape(1, 1, 16, 16)
    far = set()
    for made in shifted(image.expand(200, 1, 16, 16)):
        rows, columns = made[0, :, 8] // 16, made[0, 8] % 16
        assert set(rows.diff().tolist()) <= {0.0, 1.0}
        assert set(columns.diff().tolist()) <= {0.0, 1.0}
        far.add((int(rows[8]) - 8, int(columns[8]) - 8))
    most = round(16 * SHIFT)
    assert far == {(down, right) for down in range(-most, most + 1) for right in range(-most, most + 1)}


def test_half_of_the_images_are_mirrored():
    torch.manual_seed(0)
    images = torch.arange(4.0).reshape(1, 1, 1, 4).expand(1_000, 1, 1, 4)
    made = mirrored(images)
    swapped = (made[:, 0, 0, 0] == 3).sum()
    assert set(made[:, 0, 0, 0].tolist()) == {0.0, 3.0}
    assert 420 < int(swapped) < 580  # five standard deviations


def test_a_turned_disc_stays_a_disc_in_a_picture_that_is_no_square():
    torch.manual_seed(0)
    y, x = torch.meshgrid(torch.arange(40.0) - 19.5, torch.arange(80.0) - 39.5, indexing="ij")
    disc = ((x**2 + y**2) < 12**2).float()[None, None]
    for made in turned(disc.expand(20, 1, 40, 80)):
        height, width = (made[0] > 0.5).any(1).sum(), (made[0] > 0.5).any(0).sum()
        assert abs(int(height) - int(width)) <= 2


def test_evaluation_and_own_images_are_never_changed():
    plain, changed = (
        ai.prepare(data="digits", model="mlp", augmentation=name, max_steps=1) for name in ("none", "affine")
    )
    assert plain.evaluate().loss == changed.evaluate().loss
    assert plain.evaluate("train").loss == changed.evaluate("train").loss
    images = plain.data.validation.columns["image"][:3]
    own = [trainer.tokenize(images, [0, 1, 2]).inputs["pixel_values"] for trainer in (plain, changed)]
    assert torch.equal(*own)


def test_each_epoch_sees_other_pictures_and_undo_brings_the_same_back():
    trainer = ai.prepare(data="digits", model="mlp", augmentation="affine", batch_size=1437, max_steps=3)
    seen = []
    for _ in range(2):
        records = list(trainer.phases())
        seen.append(records[0].inputs["pixel_values"][records[0].indices.argsort()])
    assert not torch.equal(*seen)
    trainer.undo()
    again = trainer.tokenize()
    assert torch.equal(again.inputs["pixel_values"][again.indices.argsort()], seen[1])


def test_the_users_random_numbers_go_on_as_if_nothing_had_been():
    trainer = ai.prepare(data="digits", model="mlp", augmentation="affine", max_steps=3)
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    trainer.fit(display="none")
    assert torch.equal(torch.rand(2), expected)


@pytest.mark.parametrize("task", ["text-classification", "text-generation"])
def test_texts_are_not_turned(task):
    with pytest.raises(ai.ConfigError, match="doesn't fit"):
        ai.prepare(task=task, data="tickets" if task == "text-classification" else "speeches", augmentation="flip")
