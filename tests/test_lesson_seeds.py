"""The checks of the lessons that rest on a run hold whatever the seed: five of them each."""

import math

import pytest

import aitrain_nb as ai
from aitrain_nb.lessons import book
from aitrain_nb.lessons.books import lesson_06, lesson_09
from aitrain_nb.lessons.experiments import noisy_digits, patients, short_runs, tiny_gpt
from aitrain_nb.lessons.widgets.forgetting_meter import mistaught

seeds = pytest.mark.parametrize("seed", range(1, 6))


def judged(number, answer):
    """What a check or a guess says of the number that a run gave."""
    return next(one for one in book.lesson(number[:2]).exercises if one.id == number).judge(answer)


@seeds
def test_a_rate_is_right_or_wrong_on_every_seed(seed):
    exercise = next(one for one in book.lesson("06").exercises if one.id == "06.2")
    for rate in (exercise.right, 0.01, 0.03, 0.05):
        assert lesson_06._reaches(rate, seed) is None, rate
    for rate, words in exercise.wrong:
        assert words in lesson_06._reaches(rate, seed)


@seeds
def test_a_treatment_cures_or_does_not_on_every_seed(seed):
    exercise = next(one for one in book.lesson("09").exercises if one.id == "09.6")
    assert lesson_09._cures(exercise.right, seed) is None
    ill = patients.admit("B", seed=seed)
    ill.fit(display="none")
    assert lesson_09._cures(dict(ai.diagnose(ill).fix), seed) is None, "what the diagnosis advises is no wrong answer"
    for treatment, words in exercise.wrong:
        assert words in lesson_09._cures(treatment, seed)


@seeds
def test_what_is_forgotten_in_one_step_lies_within_the_tolerance(seed):
    knowing = short_runs.trained(learning_rate=0.01, seed=seed)
    pupil = mistaught(knowing, 1.0)
    pupil.fit(display="none")
    assert judged("06.3", 100 * pupil.evaluate().accuracy).ok


@seeds
def test_a_model_that_knows_nothing_is_as_surprised_as_a_die(seed):
    letters = ai.prepare(data="tickets", task="text-generation", model="small-gpt", batch_size=4, threads=1, seed=seed)
    assert judged("04.5", math.exp(letters.evaluate().loss)).ok
    fresh = tiny_gpt.gpt_run(seed=seed)
    assert judged("10.2", fresh.loss(fresh.forward(fresh.tokenize())).value).ok


@seeds
def test_labels_by_chance_are_learned_by_heart(seed):
    trainer = noisy_digits.noisy_run("labels by chance", seed)
    trainer.fit(display="none")
    assert judged("08.3", 100 * trainer.evaluate("train").accuracy).ok
    assert trainer.evaluate().accuracy < 0.2
