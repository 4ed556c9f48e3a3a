"""The overfitting detector on curves whose truth is known.

The thresholds were set on the other half; the totals of this one were looked at now and then, so its figures are a little kind.
`overfitting_table.py --fresh SEED` judges formulas of seeds that nobody has looked at.
"""

import sys
from pathlib import Path

import numpy as np
import pytest

import aitrain_nb as ai

sys.path.insert(0, str(Path(__file__).parent / "benchmarks"))
import trained_curves
from overfitting_table import chance_to_rank, confusion, detector, precision_and_recall
from simulator import CLEAR_RISE, PATTERNS, curves, every_curve, trained


def test_there_are_enough_curves_of_every_pattern_in_both_halves():
    assert len(every_curve()) >= 400
    for half in ("tuning", "testing"):
        assert {curve.pattern for curve in curves(half)} == set(PATTERNS)
    assert {len(curve.validation) < 10 for curve in every_curve()} == {True, False}
    assert max(len(curve.validation) for curve in every_curve()) > 2000


def test_nineteen_of_twenty_alarms_are_right_and_nineteen_of_twenty_overfitting_curves_found():
    precision, recall = precision_and_recall(confusion(detector, curves("testing")))
    assert precision >= 0.95
    assert recall >= 0.95


def test_the_score_ranks():
    assert chance_to_rank(curves("testing")) >= 0.97


@pytest.mark.parametrize("seed", [0, 3])
def test_a_trained_curve_comes_out_again(seed):
    again, kept = trained_curves.train(trained_curves.choices(seed)), trained()[seed]
    assert again.kind == kept.kind
    assert again.validation[:10] == pytest.approx(kept.validation[:10], rel=1e-3)
    assert again.overfits == kept.overfits


def test_a_training_loss_that_clearly_rises_is_called_so_and_hardly_ever_one_that_does_not():
    rising, found, others, alarms = 0, 0, 0, 0
    for curve in curves("testing"):
        if curve.source == "training" or curve.pattern in {"exploding", "not finite"}:
            continue
        says = "loss increasing" in ai.diagnose(curve.training)
        truth = np.array(curve.truth)
        if curve.pattern != "both rising":
            others, alarms = others + 1, alarms + says
        elif truth[-1] - truth.min() >= CLEAR_RISE * abs(truth.min()):  # of the others a person says nothing either
            rising, found = rising + 1, found + says
    assert rising >= 10
    assert found >= 0.8 * rising
    assert alarms <= 0.02 * others
