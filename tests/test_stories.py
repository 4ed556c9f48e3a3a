"""The story of a run: five sentences with the right numbers, whatever happened."""

import math
import re

import pytest

from aitrain_nb.control import Change
from aitrain_nb.history import History
from aitrain_nb.records import Ending
from aitrain_nb.stories import About

ABOUT = About("mlp", 4810, "digits", "image-classification", 10, 1437)


def history_of(losses, evaluations=(), about=ABOUT, per_epoch=4):
    """A run whose evaluations (training loss, validation loss) stand at the ends of its epochs."""
    history = History()
    history.about = about
    for step, loss in enumerate(losses, 1):
        history.add_step([step, step / per_epoch, loss, 0.001, 1.0, 0.01, 32])
    for epoch, (training, validation) in enumerate(evaluations, 1):
        history.add_evaluation(
            epoch * per_epoch, {"train_loss": training, "eval_loss": validation, "eval_accuracy": 0.5}
        )
    return history


def falling(steps, end=0.5):
    return [2.3 * (end / 2.3) ** (step / steps) for step in range(steps)]


STORIES = {
    "no step": history_of([]),
    "one step": history_of([2.3]),
    "one step of an unknown model": history_of([2.3], about=None),
    "no validation": history_of(falling(40)),
    "one evaluation": history_of(falling(4), [(2.0, 2.1)]),
    "still learning": history_of(falling(12), [(2.0, 2.1), (1.5, 1.6), (1.0, 1.2)]),
    "levelled off": history_of(falling(20), [(2.0, 2.1), (1.5, 1.2), (1.0, 1.0), (0.99, 0.999), (0.98, 0.998)]),
    "overfitting": history_of(falling(16), [(2.5, 2.6), (1.8, 1.9), (1.2, 1.3), (0.8, 1.5)]),
    "both rise": history_of(falling(16), [(2.5, 2.6), (1.2, 1.3), (1.8, 1.9), (2.9, 3.0)]),
    "nothing learned": history_of([2.3] * 40, [(2.3, 2.3)] * 10),
    "NaN": history_of([2.3, 1.9, math.nan, math.nan], [(math.nan, math.nan)]),
    "validation is NaN at times": history_of(falling(12), [(2.0, 2.1), (1.5, math.nan), (1.0, 1.2)]),
}


@pytest.mark.parametrize("name", STORIES)
def test_there_are_five_sentences_and_each_has_its_number(name):
    story = STORIES[name].story()
    assert len(story) == 5
    for sentence in story:
        assert re.search(r"\d", sentence) or "nan" in sentence, sentence
        assert sentence.endswith(".")
        assert "  " not in sentence
    assert STORIES[name].story() == story
    assert str(story).count("\n") == 4


@pytest.mark.parametrize(
    ("name", "verdict", "advice"),
    [
        ("no validation", "0 evaluations nobody can say", "evaluate_every=8"),
        (
            "still learning",
            r"still learning: validation loss 1.2, 25.0 % less than the best before it \(1.6\)",
            "epochs=6",
        ),
        ("levelled off", "levelled off", "larger model"),
        ("overfitting", r"overfits from epoch 4 on: validation loss rose from 1.3 \(epoch 3\) to 1.5", "epochs=3"),
        ("nothing learned", "100% of what knowing nothing costs", "find_learning_rate"),
        ("NaN", "loss is nan at step 3", "learning_rate=0.0001"),
    ],
)
def test_what_is_said_of_each_course(name, verdict, advice):
    story = STORIES[name].story()
    assert re.search(verdict, story.verdict)
    assert advice in story.advice


def test_the_losses_stand_beside_what_knowing_nothing_costs():
    assert "began at 2.300 nats (knowing nothing costs ln 10 = 2.303)" in STORIES["no validation"].story().losses
    assert "ln" not in history_of([2.3, 2.0], about=None).story().losses


def test_a_real_run_tells_what_it_was(make):
    trainer = make(epochs=2, max_steps=None)
    history = trainer.fit("none")
    story = history.story()
    assert story.trained.startswith(
        "mlp (4,810 weights) on 1,437 examples of digits (image-classification): 90 steps, 2 epochs, "
    )
    assert trainer.ending.kept.removeprefix("kept ") in story.kept
    assert f"{history.evaluations[-1]['eval_accuracy']:.1%}".replace("%", " %") in story.kept


def test_an_interrupted_run_says_so(make):
    trainer = make()
    trainer.watchers.append(lambda record: trainer.stop("interrupted"))
    story = trainer.fit("none").story()
    assert "it was stopped (interrupted)" in story.trained
    assert "1 step" in story.trained
    trainer.watchers.clear()
    trainer.fit("none")
    assert "stopped" not in trainer.history.story().trained


def test_a_failed_run_says_why():
    history = history_of([2.3, 2.2])
    history.ending = Ending("failed", "RuntimeError at step 3", 2, 0.5, 2, None)
    assert "it failed (RuntimeError at step 3)" in history.story().trained


def test_a_long_reason_is_told_by_its_first_sentence():
    history = history_of([2.3, 2.2])
    history.ending = Ending(
        "stopped", "early stopping: the model overfits. Validation loss rises: 1.5", 2, 0.5, 2, None
    )
    assert "it was stopped (early stopping: the model overfits)." in history.story().trained


def test_a_last_part_of_an_epoch_is_no_level():
    history = history_of(falling(9), [(2.0, 2.1), (1.5, 1.6)])
    history.add_evaluation(9, {"train_loss": 1.4, "eval_loss": 1.58, "eval_accuracy": 0.5})
    assert "still learning" in history.story().verdict, "1.2 % in a quarter of an epoch"


def test_live_changes_are_no_trouble():
    history = history_of(falling(8), [(2.0, 2.1), (1.5, 1.6)])
    history.add_change(Change(3, "learning_rate", 0.01))
    assert history.story().verdict


def test_the_page_is_escaped():
    history = history_of([2.3], about=ABOUT._replace(data="<script>alert(1)</script>"))
    page = history.story()._repr_html_()
    assert "<script>" not in page
    assert page.count("<li") == 5
