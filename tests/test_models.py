"""The small models: their sizes, shapes and first weights."""

import pytest
import torch

from aitrain_nb.config import TrainConfig
from aitrain_nb.engine.device import count_weights
from aitrain_nb.errors import ConfigError
from aitrain_nb.models.images import MODELS, ImageShape, load_model
from aitrain_nb.run import prepare

DIGITS = ImageShape(1, 8, 8, 10)


def make(name, shape=DIGITS, seed=0):
    return load_model(TrainConfig(model=name, seed=seed), shape)


def logits(model, images):
    given = model(images)
    return given.logits if hasattr(given, "logits") else given


def same_weights(first, second):
    return all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


@pytest.mark.parametrize(
    ("name", "weights"),
    [
        ("mlp", (64 * 64 + 64) + (64 * 10 + 10)),
        ("small-cnn", (9 * 16 + 16) + (16 * 9 * 32 + 32) + (32 * 16 * 90 + 90) + (90 * 10 + 10)),
    ],
)
def test_a_model_has_the_documented_number_of_weights(name, weights):
    assert count_weights(make(name)) == weights == {"mlp": 4810, "small-cnn": 51880}[name]


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("shape", [DIGITS, ImageShape(3, 8, 8, 4), ImageShape(1, 28, 28, 10), ImageShape(1, 4, 4, 2)])
def test_a_model_gives_one_score_a_class(name, shape):
    scores = logits(make(name, shape), torch.rand(2, *shape[:3]))
    assert scores.shape == (2, shape.classes)
    assert torch.isfinite(scores).all()


@pytest.mark.parametrize("name", ["mlp", "small-cnn"])
@pytest.mark.parametrize("shape", [ImageShape(1, 6, 10, 3), ImageShape(1, 5, 7, 3)])
def test_pictures_need_not_be_square_or_even(name, shape):
    assert logits(make(name, shape), torch.rand(2, *shape[:3])).shape == (2, 3)


@pytest.mark.parametrize("name", MODELS)
def test_the_first_weights_depend_on_the_seed_alone(name):
    torch.manual_seed(1)
    first = make(name)
    torch.manual_seed(2)
    assert same_weights(make(name), first)
    assert not same_weights(make(name, seed=1), first)


@pytest.mark.parametrize("name", MODELS)
def test_making_a_model_leaves_the_users_random_numbers_alone(name):
    torch.manual_seed(1)
    expected = torch.rand(4)
    torch.manual_seed(1)
    make(name)
    assert torch.equal(torch.rand(4), expected)


@pytest.mark.parametrize("name", MODELS)
def test_every_weight_gets_a_gradient(name):
    model = make(name)
    torch.nn.functional.cross_entropy(logits(model, torch.rand(4, 1, 8, 8)), torch.arange(4)).backward()
    assert [n for n, weight in model.named_parameters() if weight.grad is None] == []


def test_channels_last_changes_speed_and_not_scores():
    model, images = make("small-cnn"), torch.rand(3, 1, 8, 8)
    plain = make("small-cnn").to(memory_format=torch.contiguous_format)
    assert model.conv2.weight.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(model(images), plain(images))


def test_an_unknown_model_is_answered_with_the_nearest():
    with pytest.raises(ConfigError) as caught:
        prepare(data="digits", model="smal-cnn")
    assert caught.value.what == "There is no model named 'smal-cnn'."
    assert caught.value.fix == "Did you mean 'small-cnn'?"


@pytest.mark.parametrize("shape", [ImageShape(1, 3, 8, 10), ImageShape(1, 8, 3, 10), ImageShape(1, 1, 1, 2)])
def test_pictures_too_small_for_the_convolutions_are_refused_with_their_size(shape):
    with pytest.raises(ConfigError, match=f"{shape.height}x{shape.width} pixels"):
        make("small-cnn", shape)
    assert logits(make("mlp", shape), torch.rand(2, *shape[:3])).shape == (2, shape.classes)


@pytest.mark.parametrize("shape", [ImageShape(1, 8, 12, 10), ImageShape(1, 9, 9, 10)])
def test_pictures_that_do_not_fit_the_patches_are_refused(shape):
    with pytest.raises(ConfigError, match="small-vit"):
        make("small-vit", shape)


def test_the_vision_transformer_cuts_the_width_in_four():
    model = make("small-vit")
    assert (model.config.patch_size, model.config.image_size, model.config.num_labels) == (2, 8, 10)
    assert (model.config.num_hidden_layers, model.config.num_attention_heads, model.config.hidden_size) == (4, 4, 64)
