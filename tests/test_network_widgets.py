"""Lessons' pictures that look into a network: each number that they show, computed anew with torch alone."""

import copy

import pytest
import torch

from aitrain_nb.lessons import widgets
from aitrain_nb.lessons.experiments import digit_cnn, misread_digit, tiny_digits, tiny_gpt
from aitrain_nb.lessons.widgets import ablate_switch, blame_view, filter_wall, shift_view, update_microscope


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


@pytest.fixture(scope="module")
def gpt():
    """The watched run of lesson 10, and its model with the weights of a step, computing attention step by step."""
    run = tiny_gpt.watched_gpt()
    model = copy.deepcopy(run.trainer.model).eval()
    model.set_attn_implementation("eager")

    def at(step):
        model.load_state_dict(run.weights[step], strict=False)
        return model

    return run, at


def ids_of(run, text):
    names = run.trainer.class_names
    return torch.tensor([[names.index({" ": "␣", "\n": "⏎"}.get(letter, letter)) for letter in text]])


@pytest.mark.parametrize("step", [0, 100, 450])
def test_each_column_of_the_shift_is_the_probability_of_the_letter_that_came(gpt, step):
    run, at = gpt
    view = widgets.ShiftView()
    for place in (0, 17, 399):
        stretch = run.source[place : place + 21]
        ids = ids_of(run, stretch)
        with torch.no_grad():
            chances = at(step)(ids[:, :-1]).logits[0].softmax(-1)
        right = chances[range(20), ids[0, 1:]]
        torch.testing.assert_close(shift_view.right_ones(place, step), right, rtol=1e-4, atol=1e-5)
        said = view.set(place=place, step=str(step)).state["said"]
        count = int((chances.argmax(-1) == ids[0, 1:]).sum())
        assert f"{count} right" in said
        assert f"-ln is {-right.log().mean():.2f}" in said
        assert f"{right.mean():.1%} on average" in said
        letters = " ".join("␣" if letter == " " else "⏎" if letter == "\n" else letter for letter in stretch)
        assert f"goes in {letters[:-2]} ↓" in said
        assert f"should come out {letters[2:]} how" in said


@pytest.mark.parametrize("step", [0, 450])
def test_the_grid_shows_what_each_head_looks_at(gpt, step):
    run, at = gpt
    text = "Where is my parcel"
    ids = ids_of(run, text)
    with torch.no_grad():
        given = at(step)(ids, output_attentions=True)
    grid = widgets.AttentionGrid()
    for layer, head, letter in ((1, 1, 5), (1, 2, 15), (2, 4, 18)):
        row = given.attentions[layer - 1][0, head - 1, letter - 1]
        said = grid.set(text=text, step=str(step), layer=str(layer), head=head, letter=letter).state["said"]
        for place in row.topk(3).indices.tolist():
            assert f"at {place + 1} ({row[place]:.0%})" in said
        sure, guess = given.logits[0, letter - 1].softmax(-1).max(-1)
        assert f"guess that {run.trainer.class_names[guess]} comes next ({sure:.0%})" in said
        squares = grid.state["html"].count("<i>") + grid.state["html"].count("<i ")
        assert squares == len(text) * (len(text) + 1) // 2, "the triangle: nobody looks at what comes later"


def test_odd_texts_are_read_too(gpt):
    del gpt
    grid = widgets.AttentionGrid().set(letter=32)
    assert "It can see 1 of 1 letters" in grid.set(text="").state["said"]
    assert "It can see 1 of 1 letters" in grid.set(text="Q").state["said"]
    assert "▯" in grid.set(text="日本 <b>").state["said"]
    assert "<b>日" not in grid.state["html"]
    assert "It can see 32 of 32 letters" in grid.set(text="I had enough points " * 3).state["said"]


@pytest.mark.parametrize("count", [1, 20, 500, 51880])
def test_blame_is_gradient_times_weight_and_the_nudge_is_measured(count):
    trainer = misread_digit.trained_cnn(misread_digit.EPOCH)
    before, model = trainer.fingerprint(), trainer.model.eval()
    part = trainer.tokenize().parts[0]
    inputs, labels = part.inputs["pixel_values"], part.inputs["labels"]
    losses = torch.nn.functional.cross_entropy(model(inputs), labels, reduction="none")
    worst = int(losses.argmax())
    weights = list(model.parameters())
    gradients = torch.autograd.grad(losses[worst], weights)
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    blame = torch.cat(
        [(gradient * weight).abs().flatten() for gradient, weight in zip(gradients, weights, strict=True)]
    )
    places = blame.topk(count).indices
    assert set(blame_view.ranked()["blamed"][:count].tolist()) == set(places.tolist())
    view = widgets.BlameView()
    moved = {}
    for which, chosen in (("blamed", places), ("random", blame_view.ranked()["random"][:count])):
        assert len(set(chosen.tolist())) == count
        other = copy.deepcopy(model)
        mask = torch.zeros(len(flat)).index_fill(0, chosen, 1.0)
        parts = (flat * mask).split([weight.numel() for weight in weights])
        with torch.no_grad():
            for weight, part in zip(other.parameters(), parts, strict=True):
                weight.sub_(0.001 * part.reshape(weight.shape))
        with torch.no_grad():
            after = torch.nn.functional.cross_entropy(other(inputs), labels, reduction="none")
        moved[which] = float(losses[worst].detach() - after[worst])
        found = blame_view.nudged(which, count)
        torch.testing.assert_close(found.losses, after, rtol=1e-3, atol=1e-5)
        assert found.drop == pytest.approx(moved[which], abs=1e-4)
        assert found.promised == pytest.approx(0.001 * float((flat * mask).square().sum()), rel=1e-4)
    said = view.set(count=count, nudge=True).state["said"]
    assert f"{blame_view.nudged('blamed', count).drop:.4f}, to " in said
    if count == 20:
        assert moved["blamed"] > 0.3
        assert abs(moved["random"]) < 0.01
        assert f"its loss {losses[worst]:.2f} nats" in said
    assert "switch on" in view.set(nudge=False).state["said"]
    assert trainer.fingerprint() == before
    assert float(misread_digit.misread().weights.sum()) == pytest.approx(
        float(sum(w.detach().sum() for w in weights)), rel=1e-4
    )


def adamw_by_hand(seed, steps=120):
    """The tiny network's first steps with torch's own AdamW: name -> its gradient, value, m and v after each step."""
    trainer = tiny_digits.tiny_trainer(seed)
    model, data = trainer.model, trainer.data
    pictures, labels = data.train.columns["image"] * data.scale, data.train.columns["label"]
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.0)
    places = [place for epoch in range(20) for place in trainer.order.of_epoch(epoch).split(32)][:steps]
    seen = {name: [] for name in update_microscope.WEIGHTS}
    for place in places:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(pictures[place]), labels[place]).backward()
        before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
        optimizer.step()
        for name, found in seen.items():
            tensor, _, index = name[:-1].partition("[")
            weight, at = dict(model.named_parameters())[tensor], tuple(map(int, index.split(",")))
            state = optimizer.state[weight]
            found.append(
                [
                    float(one[at])
                    for one in (before[tensor], weight.detach(), weight.grad, state["exp_avg"], state["exp_avg_sq"])
                ]
            )
    return seen


def test_the_microscope_shows_what_torch_does():
    view = widgets.UpdateMicroscope()
    for name, found in adamw_by_hand(0).items():
        for step, (before, after, gradient, mean, square) in enumerate(found, 1):
            one = update_microscope.moments()[name][step - 1]
            assert (one.before, one.after) == pytest.approx((before, after), abs=1e-5)
            assert one.gradient == pytest.approx(gradient, abs=1e-5)
            assert (one.mean, one.square) == pytest.approx((mean, square), abs=1e-5)
            by_hand = -0.01 * (mean / (1 - 0.9**step)) / ((square / (1 - 0.999**step)) ** 0.5 + 1e-8)
            assert by_hand == pytest.approx(after - before, abs=2e-6)
            assert -one.rate * one.mean_made_up / one.root == pytest.approx(by_hand, abs=1e-5)
        said = view.set(weight=name, step=120).state["said"]
        assert f"gradient of {name} is {one.gradient:+.5f}, and it moves by {one.step:+.5f}" in said
        assert ("uphill" in said) == (one.step * one.gradient > 0)


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_what_lesson_5_says_of_steps_holds_with_other_first_weights(seed):
    found = adamw_by_hand(seed)
    for (before, after, *_), *_ in found.values():
        assert abs(abs(after - before) / 0.01 - 1) < 0.01
    assert sum((after - before) * gradient > 0 for before, after, gradient, *_ in found["scores.bias[0]"]) > 12
