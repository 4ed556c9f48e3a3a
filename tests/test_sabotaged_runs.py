"""Trainings that are spoilt in a known way get the right finding and no other alarm; whole ones get none; the fix mends them."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

import aitrain_nb as ai
from aitrain_nb.diagnosis import RULES

sys.path.insert(0, str(Path(__file__).parent))
from sabotage import CASES, diagnosed, digits, network, not_a_number, trainer_of
from simulator import curves

SEEDS = range(5)
MENDED = {
    "learning rate too high": lambda seed, config: trainer_of(seed, learning_rate=config.learning_rate),
    "unscaled inputs": lambda seed, config: ai.prepare(config, data=digits(seed, factor=255.0)),
    "not a number": lambda seed, config: not_a_number(seed, nan_policy=config.nan_policy),
}


@pytest.mark.parametrize("name", CASES)
def test_the_right_finding_and_no_other_in_nine_of_ten(name):
    found = [diagnosed(name, seed)[0].names for seed in SEEDS]
    assert sum(name in names for names in found) >= 0.9 * len(SEEDS), found
    assert sum(set(names) <= {name} for names in found) >= 0.9 * len(SEEDS), found


@pytest.mark.parametrize("name", MENDED)
def test_applying_the_fix_removes_it(name):
    for seed in (0, 1):
        findings, trainer = diagnosed(name, seed)
        better = MENDED[name](seed, findings.apply(trainer.config))
        better.fit(display="none")
        assert ai.diagnose(better).alarms == []


def test_early_stopping_ends_the_overfitting():
    findings, trainer = diagnosed("overfitting", 0)
    better = CASES["overfitting"](0, **{name: value for name, value in findings.fix.items() if name != "keep"})
    better.fit(display="none")
    assert better.step < trainer.step
    assert "overfitting" not in ai.diagnose(better)


def test_healthy_curves_of_the_simulator_raise_no_alarm():
    healthy = [curve for curve in curves("testing") if curve.pattern in {"healthy", "spike", "double descent"}]
    alarms = [
        name for curve in healthy for name in ai.diagnose(curve.training, curve.validation).names if name != "healthy"
    ]
    assert len(healthy) >= 60
    for rule in RULES:
        assert alarms.count(rule.name) <= 0.02 * len(healthy), alarms


@pytest.mark.parametrize(
    ("pattern", "name"),
    [("exploding", "loss exploding"), ("not finite", "not a number"), ("not learning", "not learning")],
)
def test_spoilt_curves_of_the_simulator_are_found(pattern, name):
    spoilt = [curve for curve in curves("testing") if curve.pattern == pattern]
    assert sum(name in ai.diagnose(curve.training, curve.validation) for curve in spoilt) >= 0.8 * len(spoilt)


def state_of(trainer):
    """All that looking may not change, as something to compare."""
    model = trainer.model
    hooks = [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules()]
    buffers = [buffer.clone() for buffer in model.buffers()]
    optimizer = [value.clone() for state in trainer.optimizer.state.values() for value in state.values()]
    gradients = [weight.grad is None or weight.grad.clone() for weight in model.parameters()]
    randoms = [*trainer.random.state, torch.get_rng_state()]
    modes = [module.training for module in model.modules()]
    numbers = [
        trainer.step,
        trainer.order.cursor,
        len(trainer.history),
        len(trainer.snapshots),
        trainer.plan,
        trainer.next_phase,
    ]
    return [*buffers, *optimizer, *gradients, *randoms], [trainer.fingerprint(), hooks, modes, numbers, repr(trainer)]


def assert_same(before, after):
    assert before[1] == after[1]
    pairs = zip(before[0], after[0], strict=True)
    assert all(one is other or torch.equal(torch.as_tensor(one), torch.as_tensor(other)) for one, other in pairs)


def with_dropout(seed, **fields):
    return trainer_of(seed, network(seed, nn.BatchNorm1d(48), nn.Dropout(0.2)), **({"epochs": 4} | fields))


@pytest.mark.parametrize("look", [ai.diagnose, ai.check_before_training])
@pytest.mark.parametrize("steps", [0, 7])
def test_looking_changes_nothing(look, steps):
    trainer, twin = with_dropout(0), with_dropout(0)
    for one in (trainer, twin):
        for _ in range(steps):
            for _record in one.phases():
                pass
    if steps or look is ai.check_before_training:
        before = state_of(trainer)
        look(trainer)
        assert_same(before, state_of(trainer))
    trainer.fit(display="none")
    twin.fit(display="none")
    assert [row["loss"] for row in trainer.history] == [row["loss"] for row in twin.history]
    assert trainer.fingerprint() == twin.fingerprint()


def test_a_step_under_way_is_left_alone():
    trainer = with_dropout(0)
    trainer.fit(display="none")
    trainer.tokenize()
    findings = ai.diagnose(trainer)
    assert "dead units" in findings.missing
    assert trainer.is_in_step
    with pytest.raises(ai.PhaseError):
        ai.check_before_training(trainer)


def test_a_whole_trainer_passes_every_check_before_training():
    findings = ai.check_before_training(CASES["healthy"](0), seconds=60)
    assert findings.alarms == []
    assert [tick.holds for tick in findings.ticks] == [True] * 7
    assert "ln C" in repr(findings)


@pytest.mark.parametrize(
    "name", ["labels look shuffled", "unscaled inputs", "validation in training mode", "everything frozen"]
)
def test_what_is_spoilt_shows_before_training(name):
    findings = ai.check_before_training(CASES[name](0), seconds=20)
    assert findings.names == [name]


class Blind(nn.Module):
    """Forgets what it is given."""

    def forward(self, values):
        return values * 0


def test_inputs_that_never_arrive_show_before_training():
    trainer = trainer_of(0, nn.Sequential(Blind(), *network(0)))
    assert ai.check_before_training(trainer, seconds=30).names == ["inputs don't matter"]


def test_a_second_softmax_is_found():
    trainer = trainer_of(0, nn.Sequential(*network(0), nn.Softmax(-1)))
    trainer.fit(display="none")
    assert ai.diagnose(trainer).names == ["outputs don't fit the loss"]


def test_examples_on_both_sides_are_found():
    data = digits(0)
    spoilt = replace(data, train=ai.Dataset({name: torch.cat([data.train.columns[name], data.validation.columns[name][:30]])
                                             for name in ("image", "label")}, data.label_names))  # fmt: skip
    trainer = trainer_of(0, data=spoilt)
    trainer.fit(display="none")
    assert ai.diagnose(trainer).names == ["leak suspected"]


def test_one_class_only_is_found():
    trainer = trainer_of(0)
    trainer.prepared["train"].columns["labels"].fill_(3)
    trainer.fit(display="none")
    assert ai.diagnose(trainer).names == ["constant labels"]


def test_a_class_named_like_markup_stays_inert():
    data = digits(0)
    hostile = "<img src=x onerror=alert(1)>\u202e"
    columns = {name: data.train.columns[name] for name in ("image", "label")}
    names = [hostile if number == 3 else str(number) for number in range(10)]
    trainer = trainer_of(0, data=ai.Dataset(columns, names).split(0.3, seed=0, scale=1.0), epochs=1)
    trainer.prepared["train"].columns["labels"].fill_(3)
    findings = ai.diagnose(trainer)
    assert "constant labels" in findings
    assert "<img" not in findings._repr_html_()
    assert "&lt;img" in findings._repr_html_()
    assert "\u202e" not in findings.text()
