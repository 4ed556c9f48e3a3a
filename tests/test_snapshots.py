"""States that can be put back bit for bit, and a ring of them bounded in bytes."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from aitrain_nb.config import TrainConfig
from aitrain_nb.engine import snapshots
from aitrain_nb.engine.optim import build_optimizer
from aitrain_nb.engine.order import Cursor
from aitrain_nb.engine.snapshots import Ring, State
from aitrain_nb.randomness import OwnRandom


class Run:
    """A model with dropout and running means that trains on random numbers of its own."""

    def __init__(self, optimizer="adamw"):
        with OwnRandom(0):
            self.model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2))
        config = TrainConfig(optimizer=optimizer, momentum=0.9, learning_rate=0.05)
        self.optimizer = build_optimizer(self.model, config)
        self.random = OwnRandom(1)
        self.step = 0

    def train(self, steps):
        for _ in range(steps):
            with self.random:
                loss = self.model(torch.randn(8, 3)).square().mean()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.step += 1

    def take(self):
        return snapshots.take(self.step, Cursor(0, 8 * self.step), self.model, self.optimizer, self.random)

    def load(self, state):
        snapshots.load(state, self.model, self.optimizer, self.random)
        self.step = state.step


def everything(run):
    """All numbers that decide how the run goes on."""
    state = run.optimizer.state_dict()["state"]
    moments = [value for entry in state.values() for value in entry.values() if isinstance(value, torch.Tensor)]
    return [*run.model.state_dict().values(), *moments, *run.random.state]


def same(first, second):
    return len(first) == len(second) and all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def copies(tensors):
    return [tensor.clone() for tensor in tensors]


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd"])
@pytest.mark.parametrize("before", [0, 3])
def test_going_back_and_on_again_equals_never_having_gone_back(optimizer, before):
    run = Run(optimizer)
    run.train(before)
    state, there = run.take(), copies(everything(run))
    run.train(4)
    ahead = copies(everything(run))
    assert not same(there, ahead)
    run.load(state)
    assert same(everything(run), there)
    run.train(4)
    assert same(everything(run), ahead)


def test_a_state_can_be_put_back_twice():
    run = Run()
    run.train(2)
    state = run.take()
    endings = []
    for _ in range(2):
        run.load(state)
        run.train(3)
        endings.append(copies(everything(run)))
    assert same(*endings)


def test_a_state_goes_into_another_run_of_the_same_model():
    run, other = Run(), Run()
    run.train(3)
    other.load(run.take())
    run.train(2)
    other.train(2)
    assert same(everything(run), everything(other))


def test_a_state_shares_no_memory_with_the_run():
    run = Run()
    run.train(1)
    state = run.take()
    held = [*state.weights.values(), *state.buffers.values()]
    held += [v for entry in state.optimizer["state"].values() for v in entry.values() if isinstance(v, torch.Tensor)]
    assert {tensor.data_ptr() for tensor in held}.isdisjoint(tensor.data_ptr() for tensor in everything(run))
    assert not any(tensor.requires_grad for tensor in held)


def test_putting_a_state_back_keeps_the_models_own_tensors_and_drops_gradients():
    run = Run()
    run.train(1)
    state, own = run.take(), list(run.model.parameters())
    run.train(1)
    run.load(state)
    assert all(a is b for a, b in zip(own, run.model.parameters(), strict=True))
    assert all(weight.grad is None for weight in own)
    assert all(weight.requires_grad for weight in own)


def test_a_state_names_weights_and_buffers():
    state = Run().take()
    assert set(state.weights) == {"0.weight", "0.bias", "1.weight", "1.bias", "3.weight", "3.bias"}
    assert set(state.buffers) == {"1.running_mean", "1.running_var", "1.num_batches_tracked"}
    assert (state.step, state.cursor, state.kept) == (0, Cursor(0, 0), None)


def test_what_else_is_kept_is_shared_and_not_copied():
    run, kept = Run(), object()
    state = snapshots.take(0, Cursor(0, 0), run.model, run.optimizer, run.random, kept)
    assert state.kept is kept


def test_the_size_counts_weights_buffers_and_optimizer():
    run = Run()
    weights, buffers = 4 * (12 + 4 + 4 + 4 + 8 + 2), 4 * 4 + 4 * 4 + 8
    assert run.take().size_bytes == weights + buffers
    run.train(1)
    steps = 4 * 6
    assert run.take().size_bytes == 3 * weights + buffers + steps


def test_tied_weights_are_kept_once_and_stay_tied():
    model = nn.ModuleDict({"a": nn.Linear(2, 2, bias=False), "b": nn.Linear(2, 2, bias=False)})
    model["b"].weight = model["a"].weight
    weights = snapshots.copy_weights(model)
    assert list(weights) == ["a.weight"]
    with torch.no_grad():
        model["a"].weight.zero_()
    snapshots.load_tensors(model, weights, {})
    assert model["b"].weight is model["a"].weight
    assert torch.equal(model["b"].weight, weights["a.weight"])


# the ring


def state_of(step, size_bytes=8):
    return State(step, Cursor(0, 0), {"w": torch.zeros(size_bytes, dtype=torch.uint8)}, {}, {}, ())


def steps_in(ring):
    return [step for step in range(100) if ring.at(step) is not None]


def test_a_full_ring_keeps_the_oldest_and_the_newest():
    ring = Ring(limit_bytes=24)
    for step in range(5):
        ring.add(state_of(step))
    assert steps_in(ring) == [0, 3, 4]
    assert (len(ring), ring.size_bytes) == (3, 24)


def test_a_state_larger_than_the_ring_is_not_kept():
    ring = Ring(limit_bytes=7)
    ring.add(state_of(0))
    assert (len(ring), ring.size_bytes, ring.at(0)) == (0, 0, None)


def test_a_ring_of_no_bytes_keeps_nothing():
    ring = Ring(limit_bytes=0)
    ring.add(state_of(0, size_bytes=1))
    assert len(ring) == 0


def test_a_step_taken_again_replaces_its_state_and_the_later_ones():
    ring = Ring(limit_bytes=100)
    for step in range(5):
        ring.add(state_of(step))
    again = state_of(2)
    ring.add(again)
    assert steps_in(ring) == [0, 1, 2]
    assert ring.at(2) is again
    assert ring.size_bytes == 24


def test_dropping_later_states_keeps_the_step_itself():
    ring = Ring(limit_bytes=100)
    for step in (1, 4, 7):
        ring.add(state_of(step))
    ring.drop_after(4)
    assert steps_in(ring) == [1, 4]
    ring.drop_after(0)
    assert (len(ring), ring.size_bytes) == (0, 0)


@settings(deadline=None)
@given(st.integers(0, 60), st.lists(st.tuples(st.integers(0, 9), st.integers(1, 30)), max_size=30))
def test_a_ring_never_holds_more_than_its_limit_and_is_in_order(limit, added):
    ring = Ring(limit)
    for step, size in added:
        ring.add(state_of(step, size))
        kept = [ring.at(s).size_bytes for s in steps_in(ring)]
        assert ring.size_bytes == sum(kept) <= limit
        assert len(ring) == len(kept)
        assert max(steps_in(ring), default=step) == step
        assert (ring.at(step) is not None) == (size <= limit)
