"""The order of the examples: a function of seed and epoch, walked with a cursor."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aitrain_nb.engine.order import Cursor, DataOrder

ragged = {
    "examples": st.integers(1, 60),
    "batch_size": st.integers(1, 20),
    "accumulation": st.integers(1, 5),
    "seed": st.integers(0, 2**31 - 1),
}


def epoch_of(order):
    """The steps of one whole epoch."""
    return [order.take() for _ in range(order.steps_per_epoch)]


def flat(steps):
    return torch.cat([part for step in steps for part in step.parts]).tolist()


@settings(max_examples=60, deadline=None)
@given(**ragged)
def test_every_example_is_used_exactly_once_an_epoch(examples, batch_size, accumulation, seed):
    order = DataOrder(examples, batch_size, accumulation, seed)
    for epoch in range(3):
        steps = epoch_of(order)
        assert sorted(flat(steps)) == list(range(examples))
        assert {step.epoch for step in steps} == {epoch}
        assert order.cursor == Cursor(epoch + 1, 0)
        assert order.epochs_completed == epoch + 1


@settings(max_examples=60, deadline=None)
@given(**ragged)
def test_only_the_last_step_and_its_last_micro_batch_are_smaller(examples, batch_size, accumulation, seed):
    order = DataOrder(examples, batch_size, accumulation, seed)
    assert order.steps_per_epoch == math.ceil(examples / (batch_size * accumulation))
    sizes = [[len(part) for part in step.parts] for step in epoch_of(order)]
    assert all(step == [batch_size] * accumulation for step in sizes[:-1])
    assert all(size == batch_size for size in sizes[-1][:-1])
    assert 1 <= sizes[-1][-1] <= batch_size
    assert len(sizes[-1]) <= accumulation


@settings(max_examples=40, deadline=None)
@given(**ragged)
def test_a_step_knows_its_place_in_the_epoch(examples, batch_size, accumulation, seed):
    order = DataOrder(examples, batch_size, accumulation, seed)
    place = 0
    for step in epoch_of(order):
        assert step.start == place
        assert torch.equal(torch.cat(step.parts), order.of_epoch(0)[step.start : step.stop])
        place = step.stop
    assert place == examples


def test_the_order_does_not_depend_on_batch_size_or_accumulation():
    orders = [DataOrder(50, batch_size, accumulation, 7) for batch_size, accumulation in ((1, 1), (8, 1), (3, 4))]
    walked = [[flat(epoch_of(order)) for _ in range(2)] for order in orders]
    assert walked[0] == walked[1] == walked[2]


def test_the_order_does_not_depend_on_the_users_random_numbers():
    torch.manual_seed(1)
    first = DataOrder(50, 8, 1, 7).of_epoch(0)
    torch.manual_seed(2)
    assert torch.equal(DataOrder(50, 8, 1, 7).of_epoch(0), first)


def test_shuffling_leaves_the_users_random_numbers_alone():
    torch.manual_seed(1)
    expected = torch.rand(4)
    torch.manual_seed(1)
    epoch_of(DataOrder(50, 8, 1, 7))
    assert torch.equal(torch.rand(4), expected)


def test_an_epoch_has_the_same_order_whenever_it_is_asked_for():
    forwards, backwards = DataOrder(50, 8, 1, 7), DataOrder(50, 8, 1, 7)
    rising = [forwards.of_epoch(epoch).tolist() for epoch in (0, 1, 2)]
    falling = [backwards.of_epoch(epoch).tolist() for epoch in (2, 1, 0)]
    assert rising == falling[::-1]


def test_another_epoch_and_another_seed_have_another_order():
    orders = [DataOrder(50, 8, 1, seed).of_epoch(epoch).tolist() for seed in (0, 1) for epoch in (0, 1)]
    assert len({tuple(order) for order in orders}) == 4


@settings(max_examples=40, deadline=None)
@given(before=st.integers(0, 12), after=st.integers(1, 12), **ragged)
def test_a_cursor_put_back_repeats_the_steps(before, after, examples, batch_size, accumulation, seed):
    order = DataOrder(examples, batch_size, accumulation, seed)
    for _ in range(before):
        order.take()
    cursor = order.cursor
    first = [order.take() for _ in range(after)]
    order.cursor = cursor
    again = [order.take() for _ in range(after)]
    fresh = DataOrder(examples, batch_size, accumulation, seed)
    fresh.cursor = cursor
    elsewhere = [fresh.take() for _ in range(after)]
    assert flat(first) == flat(again) == flat(elsewhere)
    assert [step[1:] for step in first] == [step[1:] for step in again] == [step[1:] for step in elsewhere]


@pytest.mark.parametrize(("steps", "completed"), [(0, 0.0), (1, 0.4), (2, 0.8), (3, 1.0), (4, 1.4)])
def test_epochs_completed_counts_examples(steps, completed):
    order = DataOrder(10, 4, 1, 0)
    for _ in range(steps):
        order.take()
    assert order.epochs_completed == pytest.approx(completed)
