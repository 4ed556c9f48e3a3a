"""Learning-rate schedules: known values, then transformers' own schedules at every step."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aitrain_nb import schedules

TOLERANCE = 1e-12


def of_transformers(name, total, warmup):
    """The factor at each step 0 to total, as transformers' scheduler sets it on an optimizer with learning rate 1."""
    from transformers import get_scheduler

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = "constant_with_warmup" if name == "constant" else name
    scheduler = get_scheduler(theirs, optimizer, num_warmup_steps=warmup, num_training_steps=total)
    factors = []
    for _ in range(total + 1):
        factors.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return factors


@pytest.mark.parametrize("name", schedules.SCHEDULES)
@pytest.mark.parametrize(("total", "warmup"), [(1, 0), (2, 1), (10, 0), (97, 10), (500, 50), (200, 199)])
def test_every_step_equals_the_schedule_of_transformers(name, total, warmup):
    ours = [schedules.factor(name, step, total, warmup) for step in range(total + 1)]
    assert ours == pytest.approx(of_transformers(name, total, warmup), abs=TOLERANCE, rel=0)


@pytest.mark.parametrize(
    ("name", "factors"),
    [
        ("constant", [0, 0.5, 1, 1, 1, 1, 1]),
        ("linear", [0, 0.5, 1, 0.75, 0.5, 0.25, 0]),
        ("cosine", [0, 0.5, 1, 0.5 + math.sqrt(0.125), 0.5, 0.5 - math.sqrt(0.125), 0]),
    ],
)
def test_six_steps_with_two_of_warm_up_have_known_factors(name, factors):
    ours = [schedules.factor(name, step, 6, 2) for step in range(7)]
    assert ours == pytest.approx(factors, abs=TOLERANCE, rel=0)


@settings(deadline=None)
@given(st.sampled_from(schedules.SCHEDULES), st.integers(0, 400), st.integers(1, 200), st.integers(0, 200))
def test_a_factor_lies_between_0_and_1_and_after_the_warm_up_never_rises(name, step, total, warmup):
    now, then = (schedules.factor(name, at, total, warmup) for at in (step, step + 1))
    assert 0 <= now <= 1
    if step >= warmup:
        assert then <= now
    else:
        assert then > now


@pytest.mark.parametrize("name", ["linear", "cosine"])
def test_after_the_last_step_the_rate_stays_at_0(name):
    assert [schedules.factor(name, step, 10, 2) for step in (10, 11, 50)] == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("given_value", "total", "steps"),
    [(0, 500, 0), (0.0, 500, 0), (0.1, 500, 50), (0.05, 30, 2), (1, 500, 1), (30.0, 500, 30), (0.5, 1, 1)],
)
def test_warm_up_below_1_is_a_share_of_the_run(given_value, total, steps):
    assert schedules.warmup_length(given_value, total) == steps


def test_the_parts_of_a_schedule_have_names():
    assert [schedules.part("cosine", step, 2) for step in range(5)] == ["warm-up", "warm-up", "peak", "decay", "decay"]
    assert [schedules.part("constant", step, 1) for step in range(3)] == ["warm-up", "peak", "peak"]
    assert schedules.part("linear", 0) == "peak"
