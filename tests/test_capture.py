"""Looking inside a model: what is captured, and that no hook stays behind."""

import pytest
import torch
from torch import nn

from aitrain_nb.engine.capture import Seen, capture, leaves
from aitrain_nb.errors import ModelError


class Attention(nn.Module):
    """Gives a tuple, as attention layers do."""

    def forward(self, x):
        return x * 2, None


class Block(nn.Module):
    """Two layers and a module that gives a tuple."""

    def __init__(self):
        super().__init__()
        self.dense = nn.Linear(3, 3)
        self.attention = Attention()

    def forward(self, x):
        return self.attention(self.dense(x))[0]


class Net(nn.Module):
    """A block and a head."""

    def __init__(self):
        super().__init__()
        self.block, self.head = Block(), nn.Linear(3, 2)

    def forward(self, x):
        return self.head(self.block(x))


@pytest.fixture
def net():
    torch.manual_seed(0)
    return Net()


@pytest.fixture
def x():
    return torch.randn(5, 3, generator=torch.Generator().manual_seed(1))


def hooks(model):
    return sum(len(module._forward_hooks) + len(module._backward_hooks) for module in model.modules())


def test_leaves_are_the_modules_without_submodules_in_order(net):
    assert list(leaves(net)) == ["block.dense", "block.attention", "head"]
    assert leaves(net)["head"] is net.head


def test_without_patterns_every_leaf_is_captured(net, x):
    with capture(net) as seen:
        net(x)
    assert list(seen.activations) == ["block.dense", "block.attention", "head"]


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        (["head"], {"head"}),
        (["block.*"], {"block.dense", "block.attention"}),
        (["*dense", "head"], {"block.dense", "head"}),
        (["block"], {"block"}),
        (["*"], {"block", "block.dense", "block.attention", "head"}),
        (["head", "h*"], {"head"}),
    ],
)
def test_patterns_choose_modules_by_name(net, x, patterns, names):
    with capture(net, *patterns) as seen:
        net(x)
    assert set(seen.activations) == names


def test_inputs_and_activations_are_what_went_in_and_came_out(net, x):
    with capture(net) as seen:
        output = net(x)
    dense = x @ net.block.dense.weight.T + net.block.dense.bias
    assert torch.equal(seen.inputs["block.dense"], x)
    torch.testing.assert_close(seen.activations["block.dense"], dense)
    torch.testing.assert_close(seen.inputs["head"], 2 * dense)
    assert torch.equal(seen.activations["head"], output)


def test_the_first_tensor_of_a_tuple_is_captured(net, x):
    with capture(net, "*attention") as seen:
        net(x)
    assert torch.equal(seen.activations["block.attention"], 2 * seen.inputs["block.attention"])


def test_what_is_captured_is_detached(net, x):
    with capture(net) as seen:
        net(x).sum().backward()
    held = [*seen.inputs.values(), *seen.activations.values(), *seen.gradients.values()]
    assert len(held) == 9
    assert not any(tensor.requires_grad for tensor in held)


def test_gradients_are_those_of_the_loss_with_respect_to_each_output(net, x):
    with capture(net) as seen:
        output = net(x)
        assert seen.gradients == {}
        output.square().sum().backward()
    torch.testing.assert_close(seen.gradients["head"], 2 * output.detach())
    at_attention = 2 * output.detach() @ net.head.weight.detach()
    torch.testing.assert_close(seen.gradients["block.attention"], at_attention)
    torch.testing.assert_close(seen.gradients["block.dense"], 2 * at_attention)


def test_a_backward_after_the_block_still_gives_gradients(net, x):
    with capture(net, "head") as seen:
        output = net(x)
    output.sum().backward()
    assert torch.equal(seen.gradients["head"], torch.ones(5, 2))


def test_without_autograd_there_are_activations_and_no_gradients(net, x):
    with capture(net) as seen, torch.no_grad():
        net(x)
    assert set(seen.activations) == {"block.dense", "block.attention", "head"}
    assert seen.gradients == {}


def test_capturing_does_not_change_outputs_or_gradients(net, x):
    plain = net(x)
    plain.square().sum().backward()
    expected = [weight.grad.clone() for weight in net.parameters()]
    net.zero_grad()
    with capture(net, "*"):
        watched = net(x)
        watched.square().sum().backward()
    assert torch.equal(watched, plain)
    assert all(torch.equal(weight.grad, grad) for weight, grad in zip(net.parameters(), expected, strict=True))


def test_an_activation_is_what_came_out_even_where_the_next_layer_writes_over_it(x):
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(inplace=True))
    with capture(model) as seen:
        model(x)
    assert torch.equal(seen.activations["0"], model[0](x).detach())
    assert torch.equal(seen.activations["1"], model(x).detach())


def test_after_the_block_nothing_more_is_captured(net, x):
    with capture(net) as seen:
        net(x)
    before = seen.activations["head"]
    net(x + 1)
    assert seen.activations["head"] is before
    assert hooks(net) == 0


def test_hooks_are_removed_when_the_block_fails(net):
    with pytest.raises(RuntimeError, match="shapes"), capture(net):
        net(torch.zeros(5, 4))
    assert hooks(net) == 0


def test_hooks_of_others_stay(net, x):
    calls = []
    net.head.register_forward_hook(lambda *_: calls.append(1))
    with capture(net):
        net(x)
    net(x)
    assert len(calls) == 2


def test_a_pattern_that_matches_nothing_is_answered_with_the_nearest_module(net):
    with pytest.raises(ModelError) as caught, capture(net, "head", "block.dens"):
        pass
    assert caught.value.what == "No module matches 'block.dens'."
    assert "block.attention" in caught.value.why
    assert caught.value.fix == "Try 'block.dense'."
    assert hooks(net) == 0


def test_a_pattern_on_a_model_without_named_modules_is_an_error_of_ours():
    with pytest.raises(ModelError, match="conv"), capture(nn.Linear(2, 2), "conv"):
        pass


def test_what_was_seen_lists_names_and_shapes(net, x):
    with capture(net, "head", "block.dense") as seen:
        net(x)
    assert repr(seen) == "Seen: 2 activations\n  block.dense: (5, 3)\n  head: (5, 2)"
    assert repr(Seen()) == "Seen: 0 activations"
