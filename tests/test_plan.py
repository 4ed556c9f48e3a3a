"""The plan of a run: how many steps, which epoch a step is in, which rate it has."""

import pytest

import aitrain_nb as ai
from aitrain_nb.engine.plan import Plan


def test_the_plan_of_epochs_and_the_plan_of_steps():
    assert Plan.of(ai.TrainConfig(epochs=3, learning_rate=1e-3), 45).total_steps == 135
    assert Plan.of(ai.TrainConfig(epochs=3, max_steps=100, learning_rate=1e-3), 45).total_steps == 100


@pytest.mark.parametrize(("total", "epochs"), [(1, 1), (45, 1), (46, 2), (135, 3)])
def test_a_run_that_ends_inside_an_epoch_counts_it(total, epochs):
    assert Plan(45, total, 0, 1e-3, "constant").total_epochs == epochs


def test_every_step_has_a_place_in_its_epoch():
    places = [Plan(3, 7, 0, 1e-3, "constant").place_of(step) for step in range(1, 8)]
    assert places == [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3), (3, 1)]


def test_the_rates_of_the_plan_are_those_of_the_run(make):
    trainer = make(schedule="cosine", warmup_steps=5, learning_rate=0.01)
    planned = trainer.plan.rates()
    trainer.fit(display="none")
    assert trainer.history.frame()["lr"].tolist() == planned
    assert max(planned) == 0.01
    assert planned[0] == 0


@pytest.mark.parametrize("fields", [{"epochs": 1, "warmup_steps": 46}, {"epochs": 2, "warmup_steps": 500}])
def test_a_warm_up_longer_than_the_run_is_refused(fields):
    with pytest.raises(ai.ConfigError, match="longer than the run"):
        ai.prepare(model="mlp", **fields)


def test_going_on_for_longer_makes_a_new_plan(make):
    trainer = make(schedule="linear")
    trainer.fit(display="none")
    assert trainer.plan.learning_rate(trainer.step) == 0
    trainer.fit(display="none", max_steps=30)
    assert trainer.plan.total_steps == 30
    assert trainer.plan.learning_rate(25) == pytest.approx(1e-3 * 5 / 30)


def test_a_plan_that_does_not_fit_leaves_the_run_as_it_was(make):
    trainer = make(warmup_steps=15)
    with pytest.raises(ai.ConfigError):
        trainer.fit(display="none", max_steps=10)
    assert (trainer.plan.total_steps, trainer.config.max_steps) == (20, 20)
