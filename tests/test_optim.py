"""The optimizer's groups and formulas, and clipping against torch's own."""

import copy
import math

import pytest
import torch
from torch import nn

from aitrain_nb.config import TrainConfig
from aitrain_nb.engine.optim import build_optimizer, clip_gradients
from aitrain_nb.errors import ModelError


def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 3))


def names_of(net, group):
    return {name for name, weight in net.named_parameters() if any(weight is member for member in group["params"])}


# groups


def test_norms_and_biases_get_no_weight_decay():
    net = model()
    decayed, others = build_optimizer(net, TrainConfig(weight_decay=0.1)).param_groups
    assert names_of(net, decayed) == {"0.weight", "3.weight"}
    assert decayed["weight_decay"] == 0.1
    assert names_of(net, others) == {"0.bias", "1.weight", "1.bias", "3.bias"}
    assert others["weight_decay"] == 0.0


def test_without_weight_decay_there_is_one_group_in_the_models_order():
    net = model()
    (group,) = build_optimizer(net, TrainConfig(weight_decay=0.0)).param_groups
    assert all(a is b for a, b in zip(group["params"], net.parameters(), strict=True))
    assert group["weight_decay"] == 0.0


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_every_trained_weight_is_in_exactly_one_group_and_frozen_ones_in_none(weight_decay):
    net = model()
    net[0].requires_grad_(False)
    groups = build_optimizer(net, TrainConfig(weight_decay=weight_decay)).param_groups
    members = [id(weight) for group in groups for weight in group["params"]]
    assert sorted(members) == sorted(id(weight) for weight in net.parameters() if weight.requires_grad)


@pytest.mark.parametrize("kept", ["weight", "bias"])
def test_there_is_no_empty_group(kept):
    net = nn.Linear(2, 2)
    net.requires_grad_(False)
    getattr(net, kept).requires_grad_(True)
    (group,) = build_optimizer(net, TrainConfig(weight_decay=0.1)).param_groups
    assert names_of(net, group) == {kept}


def test_tied_weights_are_trained_once():
    net = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    net[1].weight = net[0].weight
    assert [len(group["params"]) for group in build_optimizer(net, TrainConfig()).param_groups] == [1]


@pytest.mark.parametrize("net", [nn.Flatten(), nn.Linear(2, 2).requires_grad_(False)], ids=["no weights", "frozen"])
def test_a_model_with_nothing_to_train_is_an_error(net):
    with pytest.raises(ModelError, match="nothing to train"):
        build_optimizer(net, TrainConfig())


@pytest.mark.parametrize(
    ("name", "kind"), [("adamw", torch.optim.AdamW), ("adam", torch.optim.Adam), ("sgd", torch.optim.SGD)]
)
def test_the_config_names_the_optimizer_and_its_numbers(name, kind):
    config = TrainConfig(optimizer=name, learning_rate=0.03, momentum=0.7, beta1=0.8, beta2=0.95, epsilon=1e-6)
    optimizer = build_optimizer(model(), config)
    assert type(optimizer) is kind
    for group in optimizer.param_groups:
        assert group["lr"] == 0.03
        assert group["fused"] is True
        if name == "sgd":
            assert group["momentum"] == 0.7
        else:
            assert (group["betas"], group["eps"]) == ((0.8, 0.95), 1e-6)


# formulas


def first_step(name, gradient, **fields):
    """A weight [1, 2] of 1.0 after one step."""
    net = nn.Linear(2, 1, bias=False)
    nn.init.ones_(net.weight)
    optimizer = build_optimizer(net, TrainConfig(optimizer=name, learning_rate=0.1, **fields))
    net.weight.grad = torch.tensor([gradient])
    optimizer.step()
    return net.weight[0].tolist()


def test_the_first_sgd_step_is_rate_times_gradient():
    assert first_step("sgd", [2.0, -3.0], weight_decay=0.0) == pytest.approx([0.8, 1.3])


def test_sgd_adds_the_decay_to_the_gradient():
    assert first_step("sgd", [2.0, 0.0], weight_decay=0.5) == pytest.approx([1 - 0.1 * 2.5, 1 - 0.1 * 0.5])


def test_the_first_adam_step_is_the_rate_whatever_the_gradients_size():
    assert first_step("adam", [2e-3, -3e3], weight_decay=0.0) == pytest.approx([0.9, 1.1], abs=1e-5)


def test_adamw_decays_the_weight_itself():
    assert first_step("adamw", [2.0, -3.0], weight_decay=0.5) == pytest.approx([0.95 - 0.1, 0.95 + 0.1], abs=1e-6)


@pytest.mark.parametrize("name", ["adamw", "adam", "sgd"])
def test_several_steps_equal_torchs_plain_optimizer_on_one_group_each(name):
    torch.manual_seed(0)
    ours = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Tanh(), nn.Flatten(), nn.LayerNorm(16), nn.Linear(16, 3))
    theirs = copy.deepcopy(ours)
    config = TrainConfig(optimizer=name, learning_rate=0.02, weight_decay=0.3, momentum=0.9)
    optimizer = build_optimizer(ours, config)
    kind = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam, "sgd": torch.optim.SGD}[name]
    extra = {"momentum": 0.9} if name == "sgd" else {"betas": (0.9, 0.999), "eps": 1e-8}
    plain = [
        kind([weight], lr=0.02, weight_decay=0.3 if weight.ndim > 1 else 0.0, foreach=False, **extra)
        for weight in theirs.parameters()
    ]
    for seed in range(5):
        for net in (ours, theirs):
            torch.manual_seed(seed)
            net.zero_grad()
            net(torch.randn(6, 1, 4, 4)).square().mean().backward()
        for each in (optimizer, *plain):
            each.step()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-5, atol=1e-6)


# clipping


def weights_with(*gradients):
    weights = []
    for gradient in gradients:
        kind = torch.float32 if gradient is None else gradient.dtype
        weight = nn.Parameter(torch.zeros(3 if gradient is None else gradient.shape, dtype=kind))
        weight.grad = None if gradient is None else gradient.clone()
        weights.append(weight)
    return weights


def normal(*shape, dtype=torch.float32, scale=1.0):
    return (torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape))) * scale).to(dtype)


CASES = {
    "one": [normal(5)],
    "several": [normal(7, 3), normal(7), normal(2, 2, 2)],
    "missing": [normal(7, 3), None, normal(2)],
    "half": [normal(7, 3, dtype=torch.bfloat16), normal(4, dtype=torch.bfloat16)],
    "double": [normal(7, 3, dtype=torch.float64), normal(4, dtype=torch.float64)],
    "mixed": [normal(7, 3), normal(4, dtype=torch.bfloat16), normal(3, dtype=torch.float64)],
    "tiny": [normal(7, 3, scale=1e-20)],
    "huge": [normal(7, 3, scale=1e18)],
    "zero": [torch.zeros(4)],
    "nan": [torch.tensor([1.0, math.nan]), normal(3)],
    "mixed nan": [torch.tensor([1.0, math.nan]), normal(4, dtype=torch.bfloat16)],
    "mixed infinite": [torch.tensor([1.0, math.inf]), normal(4, dtype=torch.bfloat16)],
    "infinite": [torch.tensor([1.0, math.inf]), normal(3)],
    "channels last": [normal(2, 3, 4, 4).to(memory_format=torch.channels_last), normal(3)],
}


def bits(weights):
    return [None if weight.grad is None else weight.grad.contiguous().view(torch.uint8) for weight in weights]


def assert_same_bits(first, second):
    for mine, other in zip(bits(first), bits(second), strict=True):
        assert (mine is None) == (other is None)
        assert mine is None or torch.equal(mine, other)


@pytest.mark.parametrize("max_norm", [1e-3, 0.5, 1.0, 5.0, 1e6])
@pytest.mark.parametrize("case", CASES)
def test_clipping_equals_torchs_bit_for_bit(case, max_norm):
    ours, theirs = weights_with(*CASES[case]), weights_with(*CASES[case])
    norm = clip_gradients(ours, max_norm)
    expected = torch.nn.utils.clip_grad_norm_(theirs, max_norm)
    torch.testing.assert_close(norm, expected, rtol=0, atol=0, equal_nan=True)
    assert_same_bits(ours, theirs)


@pytest.mark.parametrize("case", CASES)
def test_a_limit_of_0_measures_and_leaves_the_gradients_as_they_are(case):
    ours, untouched = weights_with(*CASES[case]), weights_with(*CASES[case])
    norm = clip_gradients(ours, 0.0)
    assert_same_bits(ours, untouched)
    expected = math.sqrt(sum(float(g.double().square().sum()) for g in CASES[case] if g is not None))
    assert float(norm) == pytest.approx(expected, rel=1e-2, nan_ok=True)


def test_a_norm_of_3_4_is_5_and_is_scaled_to_the_limit():
    weights = weights_with(torch.tensor([3.0]), torch.tensor([4.0]))
    assert float(clip_gradients(weights, 1.0)) == 5.0
    assert [float(weight.grad) for weight in weights] == pytest.approx([0.6, 0.8], rel=1e-6)


def test_a_norm_below_the_limit_is_left_alone():
    weights = weights_with(torch.tensor([3.0]), torch.tensor([4.0]))
    assert float(clip_gradients(weights, 5.1)) == 5.0
    assert [float(weight.grad) for weight in weights] == [3.0, 4.0]


@pytest.mark.parametrize("weights", [[], weights_with(None, None)], ids=["no weights", "no gradients"])
def test_without_gradients_the_norm_is_0(weights):
    assert float(clip_gradients(weights, 1.0)) == 0.0


def test_clipping_keeps_the_gradients_own_memory():
    weights = weights_with(torch.tensor([3.0, 4.0]))
    held = weights[0].grad
    clip_gradients(weights, 1.0)
    assert weights[0].grad is held
    assert held.norm() == pytest.approx(1.0)


def test_clipping_records_nothing_for_autograd():
    net = model()
    twin = copy.deepcopy(net)
    for each in (net, twin):
        each(torch.ones(2, 1, 4, 4)).square().mean().backward()
    assert not clip_gradients(list(net.parameters()), 0.1).requires_grad
    assert not any(weight.grad.requires_grad for weight in net.parameters())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_weights_of_any_precision_move(name, dtype):
    net = torch.nn.Linear(64, 10).to(dtype)
    optimizer = build_optimizer(net, TrainConfig(optimizer=name, learning_rate=1e-2))
    before = net.weight.detach().clone()
    net(torch.ones(2, 64, dtype=dtype)).square().sum().backward()
    optimizer.step()
    assert (net.weight != before).double().mean() > 0.5
