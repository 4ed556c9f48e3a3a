"""Lessons' pictures that look into a network: each number that they show, computed anew with torch alone."""

import copy

import pytest
import torch

from aitrain_nb.lessons import widgets
from aitrain_nb.lessons.experiments import digit_cnn
from aitrain_nb.lessons.widgets import ablate_switch, filter_wall


@pytest.fixture(scope="module")
def digits():
    """New digits as the network gets them, and what they are."""
    data = digit_cnn.fresh_cnn().data
    return data.validation.columns["image"] * data.scale, data.validation.columns["label"]


def test_the_run_of_lesson_3_begins_at_random_and_ends_with_a_reader(digits):
    pictures, labels = digits
    accuracy = {}
    for kind in digit_cnn.KINDS:
        with torch.no_grad():
            accuracy[kind] = (digit_cnn.cnn(kind).model.eval()(pictures).argmax(-1) == labels).float().mean()
    assert accuracy["random"] < 0.35
    assert accuracy["trained"] > 0.93


@pytest.mark.parametrize("kind", digit_cnn.KINDS)
@pytest.mark.parametrize(("layer", "side"), [("conv1", 3), ("conv2", 5), ("hidden", 8)])
def test_what_a_unit_answers_to_most_is_cut_out_of_the_right_digits(digits, kind, layer, side):
    pictures, labels = digits
    model = digit_cnn.cnn(kind).model.eval()
    names = [name for name, _ in model.named_children()]
    last = names.index({"conv1": "relu1", "conv2": "relu2", "hidden": "relu3"}[layer])
    with torch.no_grad():
        given = model[: last + 1](pictures)
    found, alike = filter_wall.liked(kind, layer), []
    assert found.parts.shape == (given.shape[1], 6, side, side)
    for unit in range(given.shape[1]):
        strongest = given[:, unit].flatten(1).amax(1) if given.ndim == 4 else given[:, unit]
        torch.testing.assert_close(found.answers[unit], strongest.sort(descending=True).values[:6])
        torch.testing.assert_close(strongest[found.which[unit]], found.answers[unit])
        if strongest.max() > 0:
            alike.append(max(labels[found.which[unit]].tolist().count(digit) for digit in range(10)))
    assert found.alike == pytest.approx(sum(alike) / len(alike))
    # the cut part alone, on white, makes the unit answer just so where it isn't at the edge
    if layer == "conv1":
        with torch.no_grad():
            again = model.conv1(found.parts[:, 0, None])
        middle = torch.stack([again[unit, unit, 1, 1] for unit in range(16)])
        torch.testing.assert_close(middle.clamp_min(0), found.answers[:, 0])


@pytest.mark.parametrize("seed", [0, 1, 2, 3, 4])
def test_training_makes_late_units_choose_one_kind_of_digit(digits, seed):
    pictures, labels = digits
    alike = []
    for weights in digit_cnn.cnn_weights(seed).values():
        model = digit_cnn.fresh_cnn(seed).model.eval()
        model.load_state_dict(weights)
        with torch.no_grad():
            given = model[:-1](pictures)
        which = given.topk(6, dim=0).indices.T[given.amax(0) > 0]
        alike.append(float(torch.stack([labels[row].bincount().max() for row in which]).float().mean()))
    assert alike[1] > alike[0] + 0.5


@pytest.mark.parametrize("part", [0, 15, 16, 47, 48, 62, 137])
def test_a_part_that_is_off_is_one_whose_weights_are_zero(digits, part):
    pictures, labels = digits
    layer, unit = ablate_switch.PARTS[part]
    model = copy.deepcopy(digit_cnn.cnn().model).eval()
    with torch.no_grad():
        whole = model(pictures)
        model.get_submodule(layer).weight[unit] = 0
        model.get_submodule(layer).bias[unit] = 0
        without = model(pictures)
    torch.testing.assert_close(ablate_switch.scores(pictures, layer, unit), without)
    assert ablate_switch.known(layer, unit).loss == pytest.approx(
        float(torch.nn.functional.cross_entropy(without, labels)), abs=1e-5
    )
    right = (without.argmax(-1) == labels).float().mean()
    said = widgets.AblateSwitch().set(part=part, digit=7).state["said"]
    assert f"{right:.1%} are right" in said
    assert f"{whole[7].softmax(-1).max():.1%}" in said
    assert f" {without[7, 3]:.1f} " in said


def test_a_part_is_switched_on_again_and_no_weight_has_changed(digits):
    del digits
    network = digit_cnn.cnn()
    switch = widgets.AblateSwitch()
    first = switch.set(off=False).state["html"]
    for part in (3, 20, 100):
        assert switch.set(off=True, part=part, layer_too=True).state["html"] != first
    assert switch.set(off=False, part=62, layer_too=False).state["html"] == first
    assert network.fingerprint()[:8] in switch.state["said"]
    assert "CHANGED" not in switch.state["said"]
    trainer, before = ablate_switch._network()
    assert trainer.fingerprint() == before == network.fingerprint()


def test_a_whole_layer_is_missed(digits):
    pictures, labels = digits
    with torch.no_grad():
        model = copy.deepcopy(digit_cnn.cnn().model).eval()
        for weight in model.conv1.parameters():
            weight.zero_()
        right = (model(pictures).argmax(-1) == labels).float().mean()
    said = widgets.AblateSwitch().set(part=3, off=True, layer_too=True).state["said"]
    assert f"{right:.1%} are right" in said
    assert right < 0.2
