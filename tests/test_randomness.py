"""The run's random numbers and the user's: two sequences that never touch."""

import hashlib

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from aitrain_nb.randomness import OwnRandom, derived_seed, draws_random_numbers, generator


def users_numbers(between=lambda: None):
    """What a user draws from seed 5, with something done in the middle."""
    torch.manual_seed(5)
    first = torch.rand(3)
    between()
    return torch.cat([first, torch.rand(3), torch.randn(3)])


def fail():
    """Draws, then fails."""
    torch.rand(2)
    raise ZeroDivisionError


def drawn(own):
    with own:
        return torch.rand(3)


# seeds


def test_a_derived_seed_is_a_hash_of_the_seed_and_the_names():
    digest = hashlib.blake2b(b"7/order/3", digest_size=8).digest()
    assert derived_seed(7, "order", 3) == int.from_bytes(digest, "big") // 2


@settings(deadline=None)
@given(st.integers(0, 2**31 - 1), st.text(), st.integers(0, 10**6))
def test_a_derived_seed_is_one_torch_takes(seed, name, number):
    assert 0 <= derived_seed(seed, name, number) < 2**63
    assert torch.Generator().manual_seed(derived_seed(seed, name, number)).initial_seed() == derived_seed(
        seed, name, number
    )


def test_seeds_for_other_purposes_differ():
    purposes = [(0, "order", 0), (0, "order", 1), (1, "order", 0), (0, "model"), (0, "order"), (0,), (1,)]
    assert len({derived_seed(*purpose) for purpose in purposes}) == len(purposes)


def test_a_generator_for_one_purpose_always_draws_the_same():
    first, second = (torch.rand(4, generator=generator(3, "split")) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, torch.rand(4, generator=generator(4, "split")))


# the swap


def test_the_users_sequence_is_exactly_as_without_a_run():
    own = OwnRandom(0)

    def a_run():
        for _ in range(3):
            drawn(own)
        with own.replayed(own.state):
            torch.rand(2)

    assert torch.equal(users_numbers(a_run), users_numbers())


def test_an_exception_inside_leaves_the_users_sequence_alone():
    own = OwnRandom(0)

    def a_failing_run():
        with pytest.raises(ZeroDivisionError), own:
            fail()
        with pytest.raises(ZeroDivisionError), own.replayed(own.state):
            fail()

    assert torch.equal(users_numbers(a_failing_run), users_numbers())


def test_a_block_inside_a_block_leaves_the_users_sequence_alone():
    own = OwnRandom(0)

    def a_run_inside_a_run():
        with own:
            torch.rand(2)
            with own.replayed(own.state):
                torch.rand(2)
            torch.rand(2)

    assert torch.equal(users_numbers(a_run_inside_a_run), users_numbers())


def test_the_runs_sequence_does_not_depend_on_the_users():
    own, other = OwnRandom(0), OwnRandom(0)
    torch.manual_seed(1)
    first = [drawn(own), drawn(own)]
    torch.manual_seed(2)
    second = [drawn(other)]
    torch.rand(100)
    second.append(drawn(other))
    assert torch.equal(torch.stack(first), torch.stack(second))
    assert not torch.equal(first[0], first[1])


def test_the_runs_sequence_is_the_one_of_its_seed():
    expected = torch.rand(6, generator=torch.Generator().manual_seed(derived_seed(4, "model")))
    own = OwnRandom(4)
    assert torch.equal(torch.cat([drawn(own), drawn(own)]), expected)
    assert not torch.equal(drawn(OwnRandom(5)), expected[:3])


def test_dropout_draws_from_the_run_and_not_from_the_user():
    own, dropout, ones = OwnRandom(0), nn.Dropout(0.5), torch.ones(64)
    with own:
        first = dropout(ones)
    torch.manual_seed(99)
    with OwnRandom(0):
        again = dropout(ones)
    assert torch.equal(first, again)


def test_a_state_put_back_repeats_the_numbers():
    own = OwnRandom(0)
    drawn(own)
    state = own.state
    first = drawn(own)
    own.state = state
    assert torch.equal(drawn(own), first)


def test_a_replay_draws_the_same_numbers_and_leaves_the_run_where_it_is():
    own, undisturbed = OwnRandom(0), OwnRandom(0)
    before = own.state
    first = drawn(own)
    with own.replayed(before):
        again = torch.rand(3)
    assert torch.equal(again, first)
    drawn(undisturbed)
    assert torch.equal(drawn(own), drawn(undisturbed))


def test_a_replay_that_fails_leaves_the_run_where_it_is():
    own = OwnRandom(0)
    state = own.state
    with pytest.raises(ZeroDivisionError), own.replayed(OwnRandom(1).state):
        fail()
    assert own.state is state


# models with and without chance


class Shaken(nn.Module):
    """Draws random numbers without a module that says so."""

    def forward(self, x):
        return nn.functional.dropout(x, 0.5, self.training)


@pytest.mark.parametrize(
    ("model", "draws"),
    [
        (nn.Linear(2, 2), False),
        (nn.Sequential(nn.Flatten(), nn.Linear(4, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2)), False),
        (nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.1)), True),
        (nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.RReLU())), True),
        (nn.TransformerEncoderLayer(8, 2, 8), True),
        (nn.Sequential(nn.Linear(2, 2), Shaken()), True),
    ],
    ids=["linear", "dense", "dropout", "nested", "transformer", "hidden"],
)
def test_a_model_is_known_to_draw_no_random_numbers(model, draws):
    assert draws_random_numbers(model) is draws


def test_modules_said_to_draw_nothing_draw_nothing():
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.GroupNorm(2, 4), nn.GELU(), nn.MaxPool2d(2),
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.LayerNorm(16), nn.Linear(16, 3), nn.LogSoftmax(-1),
    )  # fmt: skip
    assert not draws_random_numbers(model)
    images = torch.ones(2, 1, 8, 8)
    assert torch.equal(users_numbers(lambda: model(images).sum().backward()), users_numbers())
