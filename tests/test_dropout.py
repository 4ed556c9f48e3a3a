"""A dropout with cheap masks: the share, the mean and the gradient are those of dropout, and only dropout is touched."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from aitrain_nb.engine.dropout import FastDropout, cut_for, drops_out, mask_like

SHARES = [0.001, 0.01, 0.05, 0.1, 0.15, 0.25, 0.3, 0.5, 0.9, 0.999]


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


@pytest.mark.parametrize("p", SHARES)
def test_the_share_is_the_nearest_to_what_was_asked_for(p):
    cut = cut_for(p)
    assert cut.dropped == pytest.approx(p, abs=0.5 / 65536)
    assert float((torch.arange(-32768, 32768) < cut.below).double().mean()) == cut.dropped


@pytest.mark.parametrize("p", [1e-9, 1 - 1e-9])
def test_an_extreme_share_leaves_something_and_drops_something(p):
    assert 0 < cut_for(p).dropped < 1


@pytest.mark.parametrize("p", SHARES)
def test_mean_and_variance_are_those_of_dropout(p):
    mask, dropped = mask_like(torch.empty(1000, 1001), p).double(), cut_for(p).dropped
    count, keep = mask.numel(), 1 - dropped
    assert mask.unique().tolist() == pytest.approx([0, 1 / keep])
    share = float((mask == 0).double().mean())
    assert abs(share - dropped) < 5 * (dropped * keep / count) ** 0.5
    assert float(mask.mean()) == pytest.approx(1, abs=5 * (dropped / keep / count) ** 0.5)
    assert float(mask.var()) == pytest.approx(dropped / keep, rel=0.1 if p in {0.001, 0.999} else 0.03)


@pytest.mark.parametrize("p", [0.01, 0.1, 0.5])
def test_neighbours_drop_out_independently(p):
    dropped = (mask_like(torch.empty(2**21), p) == 0).double() - cut_for(p).dropped
    variance = float((dropped**2).mean())
    for apart in (1, 2, 3, 4, 7, 8, 624, 1248, 2496, 4992):
        together = float((dropped[apart:] * dropped[:-apart]).mean()) / variance
        assert abs(together) < 5 / 2**10.5


@pytest.mark.parametrize("shape", [(), (1,), (3,), (5, 7), (0, 4)])
@pytest.mark.parametrize("p", [0.1, 0.01])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_a_mask_has_the_shape_and_the_kind_of_numbers_of_what_it_is_for(shape, p, dtype):
    mask = mask_like(torch.empty(shape, dtype=dtype), p)
    assert mask.shape == shape
    assert mask.dtype == dtype


@pytest.mark.parametrize(
    "call", [nn.Dropout(0.3), lambda x: functional.dropout(x, 0.3), lambda x: functional.dropout(x, p=0.3)]
)
def test_the_gradient_is_the_mask(call):
    values = torch.randn(64, 64, requires_grad=True)
    state = torch.get_rng_state()
    with FastDropout():
        out = call(values)
    out.sum().backward()
    torch.set_rng_state(state)
    mask = mask_like(values, 0.3)
    assert torch.equal(values.grad, mask)
    assert torch.equal(out, values * mask)
    assert bool((mask == 0).any())


def test_turned_modules_in_evaluation_and_shares_without_chance_are_torchs_own():
    values = torch.randn(50, 50)
    with FastDropout():
        state = torch.get_rng_state()
        assert torch.equal(nn.Dropout(0.5).eval()(values), values)
        assert torch.equal(functional.dropout(values, 0.0), values)
        assert not functional.dropout(values, 1.0).any()
        with pytest.raises(ValueError, match="probability"):
            functional.dropout(values, 1.5)
        torch.set_rng_state(state)
        within = values.clone()
        functional.dropout(within, 0.5, inplace=True)
        other = functional.alpha_dropout(values, 0.5, training=True)
    torch.set_rng_state(state)
    expected = values.clone()
    functional.dropout(expected, 0.5, inplace=True)
    assert torch.equal(within, expected)
    assert torch.equal(other, functional.alpha_dropout(values, 0.5, training=True))


def test_outside_of_the_block_dropout_is_torchs_own():
    values = torch.ones(100, 100)
    with FastDropout():
        inside = functional.dropout(values, 0.1)
    outside = functional.dropout(values, 0.1)
    assert float(inside.max()) == pytest.approx(65536 / 58982, rel=1e-7)
    assert float(outside.max()) == pytest.approx(1 / 0.9)


def test_which_models_drop_out():
    assert drops_out(nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.1)))
    assert not drops_out(nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.0)))
