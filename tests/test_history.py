"""The history: one row a step, read late, cut cleanly."""

import math

import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from aitrain_nb.history import COLUMNS, History, Trouble


def row(step, loss=1.0, grad_norm=0.5, targets=4):
    return [step, step / 2, loss, 1e-3, grad_norm, 0.01, targets]


def history_of(*losses):
    history = History()
    for step, loss in enumerate(losses, 1):
        history.add_step(row(step, loss))
    return history


def test_a_row_has_the_documented_columns():
    assert COLUMNS == ("step", "epoch", "loss", "lr", "grad_norm", "seconds", "targets")
    assert list(history_of(2.0)) == [dict(zip(COLUMNS, row(1, 2.0), strict=True))]


def test_a_new_history_is_empty():
    history = History()
    assert len(history) == 0
    assert list(history) == []
    assert history.last == {}
    assert history.evaluations == []
    assert history.last_evaluated_step == 0
    assert history.text() == "No step has been taken yet."
    assert list(history.frame().columns) == list(COLUMNS)
    assert "No step" in history._repr_html_()


def test_adding_a_row_reads_nothing_from_the_device():
    unreadable = torch.zeros((), device="meta")
    history = History()
    history.add_step(row(1, unreadable, unreadable))
    assert len(history) == 1
    with pytest.raises((RuntimeError, NotImplementedError)):
        history.flush()


@pytest.mark.parametrize("kind", [torch.float32, torch.float64, torch.bfloat16])
def test_tensors_become_numbers_in_their_own_rows(kind):
    history = History()
    history.add_step(row(1, torch.tensor(2.5, dtype=kind), torch.tensor(0.25, dtype=kind)))
    history.add_step(row(2, 1.5, 0.5))
    history.add_step(row(3, torch.tensor(0.75, dtype=kind), 4.0))
    rows = list(history)
    assert [entry["loss"] for entry in rows] == [2.5, 1.5, 0.75]
    assert [entry["grad_norm"] for entry in rows] == [0.25, 0.5, 4.0]
    assert {type(entry["loss"]) for entry in rows} == {float}


def test_a_tensor_that_changes_after_it_was_read_leaves_its_row_alone():
    loss = torch.tensor(2.0)
    history = history_of(loss)
    history.flush()
    loss.fill_(9.0)
    assert history.last["loss"] == 2.0


def test_a_history_counts_rows_read_and_unread():
    history = history_of(3.0, 2.0)
    history.flush()
    history.add_step(row(3))
    assert len(history) == 3


def test_an_evaluation_goes_into_its_steps_row():
    history = history_of(3.0, 2.0, 1.0)
    history.add_evaluation(2, {"eval_loss": 2.5, "eval_accuracy": 0.5})
    rows = list(history)
    assert "eval_loss" not in rows[0]
    assert (rows[1]["eval_loss"], rows[1]["eval_accuracy"], rows[1]["loss"]) == (2.5, 0.5, 2.0)
    assert history.evaluations == [rows[1]]
    assert history.evaluated(2)
    assert not history.evaluated(3)
    assert history.last_evaluated_step == 2
    assert history.last == rows[2]


def test_a_frame_has_nan_where_a_step_was_not_evaluated():
    history = history_of(3.0, 2.0)
    history.add_evaluation(2, {"eval_loss": 2.5})
    frame = history.frame()
    assert list(frame.columns) == [*COLUMNS, "eval_loss"]
    assert frame["step"].tolist() == [1, 2]
    assert math.isnan(frame["eval_loss"][0])
    assert frame["eval_loss"][1] == 2.5


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite_are_kept_and_named(bad):
    history = History()
    history.add_step(row(1))
    history.add_step(row(2, torch.tensor(bad), 3.0))
    history.add_step(row(3, 1.0, bad))
    rows = list(history)
    assert rows[1]["loss"] == pytest.approx(bad, nan_ok=True)
    assert rows[2]["grad_norm"] == pytest.approx(bad, nan_ok=True)
    assert [(trouble.step, trouble.column) for trouble in history.troubles] == [(2, "loss"), (3, "grad_norm")]
    assert f"loss is {bad} at step 2" in history.text()
    assert f"{bad}" in history._repr_html_()


def test_a_trouble_reads_as_a_sentence():
    assert str(Trouble(7, "grad_norm", math.inf)) == "grad_norm is inf at step 7"


def test_the_mean_loss_weighs_each_step_by_its_targets():
    history = History()
    for step, (loss, targets) in enumerate([(9.0, 100), (2.0, 30), (1.0, 10)], 1):
        history.add_step(row(step, torch.tensor(loss), targets=targets))
    assert history.mean_loss(after_step=1) == pytest.approx((2.0 * 30 + 1.0 * 10) / 40)
    assert history.mean_loss(after_step=0) == pytest.approx((900 + 60 + 10) / 140)
    assert math.isnan(history.mean_loss(after_step=3))


@pytest.mark.parametrize("flushed", [True, False])
def test_cutting_drops_later_rows_evaluations_and_troubles(flushed):
    history = history_of(3.0, 2.0, math.nan, 1.0)
    history.add_evaluation(2, {"eval_loss": 2.5})
    history.add_evaluation(4, {"eval_loss": 1.5})
    if flushed:
        history.flush()
    history.cut(2)
    assert [entry["step"] for entry in history] == [1, 2]
    assert history.last_evaluated_step == 2
    assert history.troubles == []
    assert history.last["eval_loss"] == 2.5


def test_after_a_cut_the_run_goes_on_as_if_it_had_never_been_there():
    plain, cut = history_of(3.0, 2.0, 1.5), history_of(3.0, 2.0, math.nan)
    cut.add_evaluation(3, {"eval_loss": 9.0})
    cut.flush()
    cut.cut(2)
    cut.add_step(row(3, 1.5))
    for history in (plain, cut):
        history.add_evaluation(3, {"eval_loss": 1.7})
    pd.testing.assert_frame_equal(plain.frame(), cut.frame())
    assert plain.text() == cut.text()
    assert cut.evaluations[0]["loss"] == 1.5


def test_the_text_names_start_end_and_best():
    history = history_of(2.5, 1.8, 1.2, 0.8)
    for step, loss in enumerate([2.6, 1.9, 1.3, 1.5], 1):
        history.add_evaluation(step, {"eval_loss": loss})
    text = history.text()
    assert text == (
        "4 steps, 2 epochs: the loss went from 2.500 to 0.800 nats. The lowest validation loss was 1.3 at epoch 1.5."
    )
    assert repr(history) == f"History: {text}"


def test_the_best_evaluation_is_never_one_that_is_nan():
    history = history_of(2.0, 1.0)
    history.add_evaluation(1, {"eval_loss": math.nan})
    history.add_evaluation(2, {"eval_loss": 3.0})
    assert "was 3 at epoch 1" in history.text()


def test_the_page_shows_the_numbers_a_picture_and_its_description():
    history = history_of(2.5, 1.8)
    history.add_evaluation(2, {"eval_loss": 1.9})
    page = history._repr_html_()
    assert 'src="data:image/png;base64,' in page
    assert "the loss went from 2.500 to 1.800 nats" in page
    assert "eval_loss" in page
    assert "1.9" in page


@pytest.mark.parametrize("losses", [(), (2.0,), (2.0, 1.0), (math.nan,)])
def test_any_history_can_be_drawn(losses):
    figure = history_of(*losses).plot()
    assert isinstance(figure, Figure)
    assert figure.axes[0].get_ylabel() == "loss (nats)"


def test_a_frame_comes_back_from_a_csv_file_as_it_was(tmp_path):
    history = history_of(2.0, 1 / 3, math.nan, math.inf)
    history.add_evaluation(2, {"eval_loss": 0.1 + 0.2, "eval_accuracy": 0.5})
    path = tmp_path / "history.csv"
    history.frame().to_csv(path, index=False)
    pd.testing.assert_frame_equal(pd.read_csv(path, engine="python"), history.frame(), check_exact=True)


def test_the_frame_of_a_real_run_comes_back_from_a_csv_file(tmp_path, make):
    trainer = make(evaluate_every=7)
    trainer.fit(display="none")
    path = tmp_path / "history.csv"
    trainer.history.frame().to_csv(path, index=False)
    pd.testing.assert_frame_equal(pd.read_csv(path, engine="python"), trainer.history.frame(), check_exact=True)


# rows with gaps: a loop of somebody else that tells of some steps only


def test_an_evaluation_finds_its_row_among_rows_with_gaps():
    history = History()
    for step in (1, 10, 20, 25, 30):
        history.add_step(row(step, loss=1 / step))
    for step in (10, 25, 30):
        history.add_evaluation(step, {"eval_loss": float(step)})
    assert [(one["step"], one["loss"], one["eval_loss"]) for one in history.evaluations] == [
        (10, 1 / 10, 10.0),
        (25, 1 / 25, 25.0),
        (30, 1 / 30, 30.0),
    ]
    assert history.frame()["eval_loss"].notna().tolist() == [False, True, False, True, True]


@pytest.mark.parametrize("step", [0, 3, 4, 9, 31])
def test_an_evaluation_without_a_row_borrows_none(step):
    history = History()
    for each in (2, 8, 30):
        history.add_step(row(each))
    history.add_evaluation(step, {"eval_loss": 1.0})
    assert history.evaluations == []


@settings(deadline=None, max_examples=60)
@given(steps=st.sets(st.integers(1, 500), max_size=40), judged=st.sets(st.integers(0, 501), max_size=40))
def test_evaluations_are_those_rows_that_say_so(steps, judged):
    history = History()
    for step in sorted(steps):
        history.add_step(row(step, loss=step / 7))
    for step in sorted(judged):
        history.add_evaluation(step, {"eval_loss": float(step)})
    assert history.evaluations == [one for one in history if "eval_loss" in one]


def test_steps_in_words_are_those_of_the_run_not_those_of_the_rows():
    history = History()
    for step in (1, 50, 100):
        history.add_step(row(step))
    assert history.text().startswith("100 steps, 50 epochs")
    assert "100 steps" in history._repr_html_()


def test_what_nobody_measured_is_no_trouble():
    history = History()
    history.add_step(row(1, loss=None, grad_norm=None))
    history.add_step(row(2, loss=math.nan, grad_norm=None))
    assert [math.isnan(one["loss"]) and math.isnan(one["grad_norm"]) for one in history] == [True, True]
    assert [(trouble.step, trouble.column) for trouble in history.troubles] == [(2, "loss")]


@pytest.mark.parametrize("read_between", [True, False])
def test_a_second_row_of_a_step_takes_the_place_of_the_first(read_between):
    history = history_of(3.0, 2.0)
    history.add_evaluation(2, {"eval_loss": 2.5})
    if read_between:
        history.flush()
    history.add_step(row(2, loss=1.5))
    assert [(one["step"], one["loss"]) for one in history] == [(1, 3.0), (2, 1.5)]
    assert history.evaluations[0]["loss"] == 1.5
