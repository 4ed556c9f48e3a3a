"""What a chart of a run says in words, and at which step."""

from __future__ import annotations

import math

import pytest

from aitrain_nb import plots
from aitrain_nb.annotations import annotate
from aitrain_nb.control import Change
from aitrain_nb.history import History


def history(validation, training=None, steps=10):
    """One evaluation every `steps` steps."""
    made = History()
    for step in range(1, steps * len(validation) + 1):
        made.add_step([step, step / steps, 1.0, 0.01, 1.0, 0.1, 8])
    for number, loss in enumerate(validation):
        train = training[number] if training else loss
        made.add_evaluation(steps * (number + 1), {"train_loss": train, "eval_loss": loss})
    return made


def kinds(notes):
    return [note.kind for note in notes]


def test_the_source_texts_table_diverges_from_epoch_4():
    notes = annotate(history([2.6, 1.9, 1.3, 1.5], [2.5, 1.8, 1.2, 0.8]))
    assert sorted(kinds(notes)) == ["kept", "overfitting"]
    note = next(note for note in notes if note.kind == "overfitting")
    assert note.text == "validation diverges from epoch 4 (+0.2 since epoch 3)"
    assert (note.step, note.end) == (30, 40)


def test_a_healthy_run_has_its_best_point_only():
    (note,) = annotate(history([2.6, 1.9, 1.3, 1.2], [2.5, 1.8, 1.2, 1.1]))
    assert (note.kind, note.step, note.value, note.text) == ("kept", 40, 1.2, "kept: epoch 4, 1.2")


def test_what_the_model_holds_goes_before_the_lowest_loss():
    (note,) = annotate(history([1.0, 0.9]), kept_step=10)
    assert (note.step, note.value) == (10, 1.0)


def test_live_changes_stand_at_their_step():
    made = history([1.0])
    for change in (
        Change(4, "learning_rate", 5e-5),
        Change(6, "paused", 12.3),
        Change(7, "pace", 0.0),
    ):
        made.add_change(change)
    said = {(note.step, note.text) for note in annotate(made) if note.kind != "kept"}
    assert said == {(4, "learning rate 5e-5"), (6, "paused 12.3 s"), (7, "full speed")}


def test_the_first_number_that_is_not_finite_is_named():
    made = History()
    for step, loss in ((1, 2.0), (2, math.nan), (3, math.nan)):
        made.add_step([step, step / 3, loss, 0.01, 1.0, 0.1, 8])
    (note,) = annotate(made)
    assert (note.kind, note.step, note.text) == ("trouble", 2, "loss is nan at step 2")


@pytest.mark.parametrize("validation", [[], [1.0], [math.nan, math.nan]])
def test_little_or_nothing_to_say(validation):
    assert "overfitting" not in kinds(annotate(history(validation)))


def test_the_picture_shows_and_says_every_one_of_them():
    made = history([2.6, 1.9, 1.3, 1.5], [2.5, 1.8, 1.2, 0.8])
    made.add_change(Change(25, "learning_rate", 0.002))
    notes = annotate(made)
    picture = plots.loss(made.frame(), notes=notes)
    drawn = " ".join(text.get_text() for text in picture.axes[0].texts)
    for note in notes:
        assert note.text in drawn
        assert note.text[1:] in picture.description
