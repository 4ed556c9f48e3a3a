"""Verdicts on pairs of curves."""

import math
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import aitrain_nb as ai
from aitrain_nb import overfitting

TRAINING, VALIDATION = [2.5, 1.8, 1.2, 0.8], [2.6, 1.9, 1.3, 1.5]


def test_the_four_epochs_of_the_first_example_overfit_from_the_fourth():
    verdict = overfitting.check(TRAINING, VALIDATION)
    assert verdict.overfitting is True
    assert verdict.degree == "overfitting"
    assert verdict.epoch == 2
    assert verdict.best_epoch == 3
    assert verdict.onset_epoch == 4
    assert 1 < verdict.score < 2


def test_the_reason_carries_the_numbers():
    reason = overfitting.check(TRAINING, VALIDATION).reason
    assert "1.5" in reason
    assert "1.3" in reason
    assert "evaluation 3" in reason
    assert "+15.4%" in reason


def test_a_falling_curve_is_none_and_its_best_is_the_last():
    verdict = overfitting.check([2.5, 1.8, 1.2, 0.8], [2.6, 1.9, 1.3, 1.1])
    assert (verdict.overfitting, verdict.degree, verdict.best_epoch, verdict.onset_epoch) == (False, "none", 4, None)
    assert verdict.score <= 0


def test_both_losses_rising_is_rising_and_not_overfitting():
    verdict = overfitting.check([1.0, 0.8, 1.2, 1.9], [1.1, 0.9, 1.3, 2.0])
    assert (verdict.overfitting, verdict.degree, verdict.best_epoch, verdict.onset_epoch) == (False, "rising", 2, 3)


@pytest.mark.parametrize("seed", range(20))
def test_a_noisy_flat_curve_is_none(seed):
    random = np.random.default_rng(seed)
    training = np.linspace(1.0, 0.7, 30)
    validation = 1.0 + random.normal(0, 0.01, 30)
    assert overfitting.check(training, validation).degree == "none"


@pytest.mark.parametrize("points", [10, 30])
def test_noise_larger_than_a_material_rise_is_seldom_taken_for_one(points):
    flagged, above = 0, 0
    for seed in range(200):
        validation = 1.0 + np.random.default_rng(seed).normal(0, 0.04, points)
        flagged += overfitting.check(np.linspace(1.0, 0.7, points), validation).degree != "none"
        above += validation[-1] > 1.05 * validation.min()
    assert above > 100
    assert flagged < 30


@pytest.mark.parametrize("seed", range(10))
def test_a_clear_rise_is_found_through_noise(seed):
    random = np.random.default_rng(seed)
    epochs = np.arange(30)
    training = 2 * np.exp(-epochs / 8)
    validation = 0.8 + ((epochs - 12) / 25) ** 2 + random.normal(0, 0.01, 30)
    verdict = overfitting.check(training, validation)
    assert verdict.degree == "overfitting"
    assert abs(verdict.best_epoch - 13) <= 5
    assert verdict.onset_epoch > verdict.best_epoch


@pytest.mark.parametrize(("end", "degree"), [(1.06, "none"), (1.1, "none"), (1.15, "overfitting")])
def test_one_evaluation_alone_must_rise_by_an_eighth(end, degree):
    assert overfitting.check([1.0, 0.9, 0.8], [1.2, 1.0, end]).degree == degree


@pytest.mark.parametrize("points", [0, 1, 2])
def test_fewer_than_three_evaluations_are_too_few_to_judge(points):
    verdict = overfitting.check([2.0, 1.0][:points], [1.0, 5.0][:points])
    assert (verdict.overfitting, verdict.degree) == (False, "none")
    assert (verdict.epoch, verdict.best_epoch, verdict.onset_epoch) == (None, None, None)
    assert f"{points} evaluations are too few" in verdict.reason


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("curve", ["training", "validation"])
def test_a_number_that_is_not_finite_is_passed_over_and_epochs_keep_their_place(bad, curve):
    training, validation = [2.5, 2.0, 1.8, 1.2, 0.8], [2.6, 2.1, 1.9, 1.3, 1.5]
    (training if curve == "training" else validation)[1] = bad
    verdict = overfitting.check(training, validation)
    assert (verdict.degree, verdict.epoch, verdict.best_epoch, verdict.onset_epoch) == ("overfitting", 3, 4, 5)


def test_curves_without_a_finite_number_are_none():
    assert overfitting.check([math.nan] * 5, [math.nan] * 5).degree == "none"


def test_a_validation_loss_of_0_does_not_divide_by_0():
    assert overfitting.check([1.0, 0.5, 0.1], [0.5, 0.0, 0.4]).degree == "overfitting"
    assert overfitting.check([1.0, 0.5, 0.1], [0.0, 0.0, 0.0]).degree == "none"


losses = st.floats(0.01, 10.0)


@settings(deadline=None)
@given(st.lists(st.tuples(losses, losses), min_size=3, max_size=20), st.integers(-6, 6))
def test_the_unit_of_the_loss_does_not_change_the_verdict(points, power):
    training, validation = map(list, zip(*points, strict=True))
    scale = 2.0**power
    plain = overfitting.check(training, validation)
    scaled = overfitting.check([scale * x for x in training], [scale * x for x in validation])
    assert scaled[:5] == plain[:5]
    assert scaled.score == pytest.approx(plain.score)


@settings(deadline=None)
@given(st.lists(st.tuples(losses, losses), max_size=20))
def test_a_verdict_agrees_with_itself(points):
    verdict = overfitting.check([t for t, _ in points], [v for _, v in points])
    assert verdict.overfitting == (verdict.degree == "overfitting")
    assert not (verdict.overfitting and verdict.score <= 0.8)
    assert 0 <= verdict.confidence <= 1
    assert (verdict.onset_epoch is None) == (verdict.degree == "none")
    if verdict.epoch is not None:
        assert verdict.best_epoch == verdict.epoch + 1
    if verdict.onset_epoch is not None:
        assert verdict.best_epoch < verdict.onset_epoch <= len(points)


def test_update_after_each_evaluation_of_the_first_example_ends_where_check_does():
    detector = overfitting.OverfittingDetector()
    for training_loss, validation_loss in zip(TRAINING, VALIDATION, strict=True):
        verdict = detector.update(training_loss, validation_loss)
    assert verdict == detector.verdict == overfitting.OverfittingDetector().check(TRAINING, VALIDATION)


@pytest.mark.parametrize("seed", range(20))
def test_a_verdict_does_not_come_and_go_with_one_noisy_evaluation(seed):
    random = np.random.default_rng(seed)
    epochs = np.arange(120)
    validation = 0.8 + np.exp(-epochs / 8) + 0.004 * np.clip(epochs - 40, 0, None) + random.normal(0, 0.02, 120)
    detector = overfitting.OverfittingDetector()
    said = [detector.update(2 * math.exp(-i / 30), loss).overfitting for i, loss in enumerate(validation)]
    assert said[-1]
    assert sum(before != after for before, after in pairwise(said)) == 1


def test_one_outlier_at_the_end_is_no_overfitting_and_does_not_take_it_back():
    training = np.linspace(1, 0.2, 40)
    falling = [*np.linspace(1.2, 0.8, 39), 2.0]
    assert not overfitting.check(training, falling).overfitting
    rising = [*np.linspace(1.2, 0.8, 20), *np.linspace(0.8, 1.2, 19), 0.85]
    assert overfitting.check(training, rising).overfitting


def test_none_is_passed_over_and_without_training_losses_validation_is_judged_with_less_confidence():
    with_none = overfitting.check([2.5, None, 1.8, 1.2, 0.8], [2.6, 2.0, 1.9, 1.3, 1.5])
    assert (with_none.overfitting, with_none.best_epoch) == (True, 4)
    alone = overfitting.check([], VALIDATION)
    assert alone.overfitting
    assert "isn't known" in alone.reason
    assert alone.confidence < overfitting.check(TRAINING, VALIDATION).confidence


def test_a_training_loss_logged_more_often_is_matched_by_its_share_of_the_run():
    often = np.interp(np.linspace(0, 3, 31), range(4), TRAINING).tolist()
    assert overfitting.check(often, VALIDATION).onset_epoch == 4


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_losses_below_0_are_judged_by_their_fall(scale):
    epochs = np.arange(60)
    training = scale * (-1 - 3 * (1 - np.exp(-epochs / 20)))
    assert overfitting.check(training, training + 0.1 * scale).degree == "none"
    rising = training + scale * 0.05 * np.clip(epochs - 30, 0, None)
    verdict = overfitting.check(training, rising)
    assert verdict.overfitting
    assert abs(verdict.best_epoch - 31) <= 3


def test_levelling_off_is_never_overfitting_and_the_reason_says_why():
    training = np.exp(-np.arange(80) / 20)
    verdict = overfitting.check(training, 0.6 + 0.4 * np.exp(-np.arange(80) / 8))
    assert verdict.degree == "none"
    assert "stopped improving" in verdict.reason
    assert "alone is not overfitting" in verdict.reason


def test_five_thousand_evaluations_are_judged():
    random = np.random.default_rng(1)
    epochs = np.arange(5000)
    training = np.exp(-epochs / 800)
    noise = random.normal(0, 0.1, 5000)
    assert not overfitting.check(training, 0.7 + 0.5 * training + noise).overfitting
    verdict = overfitting.check(training, 0.7 + 0.5 * training + epochs / 12_000 + noise)
    assert verdict.overfitting
    assert verdict.score > 1


@pytest.mark.parametrize(
    "kind", [np.array, torch.tensor, lambda values: pd.Series(values, index=range(5, 9)), iter, tuple]
)
def test_any_list_of_numbers_will_do(kind):
    verdict = overfitting.check(kind([2.5, 1.8, 1.2, 0.8]), kind([2.6, 1.9, 1.3, 1.5]))
    assert (verdict.overfitting, verdict.best_epoch, verdict.onset_epoch) == (True, 3, 4)


@pytest.mark.parametrize("given", ["abc", ["a", "b"], 5, None, [[1], [2]]])
def test_what_is_no_list_of_numbers_is_refused(refused, given):
    refused(lambda: overfitting.check(given, [1.0, 2.0, 3.0]), ai.DataError, "The training losses can't be read")
    refused(lambda: overfitting.check([1.0, 2.0, 3.0], given), ai.DataError, "The validation losses can't be read")


def test_a_verdict_shows_epochs_as_a_person_counts_them():
    verdict = ai.OverfittingDetector().check([2.5, 1.8, 1.2, 0.8], [2.6, 1.9, 1.3, 1.5])
    assert verdict.epoch == 2
    assert "best_epoch=3, onset_epoch=4" in repr(verdict)
    assert " epoch=" not in repr(verdict)
