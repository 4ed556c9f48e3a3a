"""Pictures of runs, and the twin that stays of one: what they draw at the edges, and where their words stand."""

import itertools
import math
import random

import numpy as np
import pandas as pd
import pytest

from aitrain_nb import overfitting, plots
from aitrain_nb.annotations import annotate
from aitrain_nb.control import Change
from aitrain_nb.errors import DataError
from aitrain_nb.history import History
from aitrain_nb.plots.labels import Box
from aitrain_nb.plots.run_data import RunData, smooth, thin
from aitrain_nb.records import Ending
from aitrain_nb.widgets.twin import static_twin

DONE = Ending("done", "", 120, 7.0, 70, 0.648)


def run_of(steps=120, every=10, lost=(), changes=()):
    """A run that overfits from 58 % of its steps on; `lost`: numbers of evaluations whose loss is NaN."""
    chance, history = random.Random(0), History()
    for step in range(1, steps + 1):
        loss = 2.3 * math.exp(-3 * step / steps) + abs(chance.gauss(0, 0.12))
        history.add_step([step, step / 10, loss, 0.02, 1 + chance.random(), 0.01, 8])
        if every and step % every == 0:
            share = step / steps
            validation = math.nan if step // every in lost else 0.65 + 1.6 * (share - 0.58) ** 2
            values = {"train_loss": 2.3 * math.exp(-3 * share), "eval_loss": validation, "eval_accuracy": 0.5}
            history.add_evaluation(step, values)
    for change in changes:
        history.add_change(Change(*change))
    return history


CHANGES = [(26, "learning_rate", 0.012), (60, "paused", 12.3), (62, "learning_rate", 0.01), (90, "pace", 20.0)]
MANY = [(10 + 29 * number, "learning_rate", 0.001 * 1.15**number) for number in range(34)]
RUNS = {
    "changes": run_of(changes=CHANGES),
    "many changes": run_of(1000, 50, changes=MANY),
    "lost": run_of(lost=(4, 5, 9)),
    "dense": run_of(3000, 1),
}


def boxes(picture):
    """The words in the axes of the loss and what they must not cover, in pixels."""
    axis = picture.axes[0]
    picture.draw_without_rendering()
    return [Box(*text.get_window_extent().extents) for text in axis.texts if text.get_text()]


@pytest.mark.parametrize("width", [360, 560, 900])
@pytest.mark.parametrize("name", RUNS)
def test_words_never_lie_on_each_other_nor_on_the_ends_of_curves(name, width):
    picture = plots.run(RUNS[name], classes=10, width=width)
    found = boxes(picture)
    assert len(found) >= 3
    assert not [pair for pair in itertools.combinations(found, 2) if pair[0].overlaps(pair[1])]
    axis = picture.axes[0]
    for line in axis.get_lines()[1:3]:
        ends = axis.transData.transform(np.column_stack([line.get_xdata(), line.get_ydata()])[[0, -1]])
        for x, y in ends:
            assert not [box for box in found if box.overlaps(Box(x - 2, y - 2, x + 2, y + 2))]
    whole = Box(0, 0, *picture.get_size_inches() * 96)
    words = [
        *found,
        Box(*axis.get_legend().get_window_extent().extents),
        *(Box(*t.get_window_extent().extents) for t in picture.texts),
    ]
    assert all(box.inside(whole) for box in words)


@pytest.mark.parametrize("width", [360, 900])
@pytest.mark.parametrize(("rate", "most"), [(0.003, 1.0), (0.0006, 12_000.0), (2.5e-5, 1e-3), (12.0, 1.5e12)])
def test_names_at_the_left_stand_clear_of_the_numbers(rate, most, width):
    frame = RUNS["changes"].frame().assign(lr=rate, grad_norm=np.linspace(most / 1e4, most, 120))
    picture = plots.run(frame, width=width)
    picture.draw_without_rendering()
    for axis in picture.axes:
        name = Box(*axis.yaxis.label.get_window_extent().extents)
        low, high = axis.get_ylim()
        shown = [tick.label1 for tick in axis.yaxis.get_major_ticks() if low <= tick.get_loc() <= high]
        assert shown
        assert name.left >= 0
        assert not [one.get_text() for one in shown if name.overlaps(Box(*one.get_window_extent().extents))]


def test_what_finds_no_room_is_in_the_caption():
    picture = plots.run(
        run_of(changes=[(step, "learning_rate", step / 1e4) for step in (20, 25, 30, 35, 40)]), width=320
    )
    drawn = " ".join(text.get_text() for text in picture.axes[0].texts)
    words = [f"earning rate {step / 1e4:g} (step {step})." for step in (20, 25, 30, 35, 40)]
    assert all(word in picture.description for word in words)
    assert drawn.count("learning rate") < 5


def test_many_changes_are_one_sentence():
    text = plots.run(RUNS["many changes"]).description
    assert "34 changes of the learning rate, from 0.001 to 0.101, steps 10 to 967." in text
    assert len(text) < 500
    many = run_of(changes=[(10 * step, "pace", float(step % 3)) for step in range(1, 9)])
    assert "8 changes of the pace, from 1 steps a second to full speed, steps 10 to 80." in plots.loss(many).description


def test_pauses_close_together_are_one_note():
    pauses = [(10 + 4 * number, "paused", 2.0) for number in range(5)]
    notes = [note for note in annotate(run_of(changes=[*pauses, (90, "paused", 61.0)])) if note.kind == "paused"]
    assert [(note.step, note.text, note.amount) for note in notes] == [
        (10, "paused 5 times, steps 10 to 26", 10.0),
        (90, "paused 1 min 1 s", 61.0),
    ]


def test_notes_know_which_goes_first():
    ranks = {note.kind: note.rank for note in annotate(RUNS["changes"])}
    assert sorted(ranks, key=ranks.get) == ["overfitting", "kept", "learning_rate", "paused", "pace"]


@pytest.mark.parametrize("seed", range(5))
def test_the_region_begins_at_the_mark_of_the_kept_weights(seed):
    chance, history = random.Random(seed), History()
    for step in range(1, 31):
        history.add_step([step, step, 1.0, 0.01, 1.0, 0.1, 8])
        validation = round(0.8 + ((step - 12) / 25) ** 2 + chance.gauss(0, 0.03), 2)  # rounded: there are ties
        history.add_evaluation(step, {"train_loss": 2 * math.exp(-step / 8), "eval_loss": validation})
    notes = {note.kind: note for note in annotate(history)}
    assert notes["overfitting"].step == notes["kept"].step
    values = [row["eval_loss"] for row in history.evaluations]
    assert notes["kept"].step == values.index(min(values)) + 1
    assert history.verdict.onset_epoch > history.verdict.best_epoch


def test_lost_evaluations_are_marked_and_said():
    for source in (RUNS["lost"], RUNS["lost"].frame()):
        picture = plots.loss(source)
        assert "At 3 evaluations, the first at step 40, validation loss is not a finite number." in picture.description
        (crosses,) = [line for line in picture.axes[0].get_lines() if line.get_marker() == "x"]
        assert crosses.get_xdata().tolist() == [40, 50, 90]


@pytest.mark.parametrize(("steps", "every"), [(0, 0), (1, 0), (1, 1), (2, 0), (2, 2), (20, 0), (20, 20)])
def test_short_runs_can_be_drawn_and_their_points_seen(steps, every):
    history = run_of(steps, every)
    for picture in (plots.loss(history), plots.run(history, classes=10), plots.learning_rate(history)):
        assert picture.png(dpi=40).startswith(b"\x89PNG")
    lines = plots.run(history).axes[0].get_lines()
    assert (lines[0].get_marker() == "o") == (steps < 3)
    assert ("evaluated once" in plots.run(history).description) == (every > 0)


@pytest.mark.parametrize("draw", [plots.loss, plots.run, plots.learning_rate])
def test_a_history_annotates_itself_and_its_frame_draws_the_same_curves(draw):
    history = RUNS["changes"]
    whole, bare = draw(history), draw(history.frame())
    assert "Learning rate 0.012 (step 26)." in whole.description
    assert "(step 26)" not in bare.description
    assert "(step 26)" not in draw(history, notes=[]).description
    first = [np.asarray(picture.axes[0].get_lines()[0].get_ydata()) for picture in (whole, bare)]
    assert np.array_equal(*first)
    with pytest.raises(DataError, match="can't be drawn from list"):
        draw([1.0, 2.0])


def test_a_picture_has_the_size_it_is_asked_for():
    picture = plots.run(RUNS["changes"], width=560, height=420)
    assert (picture.get_size_inches() * 96).tolist() == [560, 420]
    assert 'width="560"' in picture.to_html()
    assert (plots.loss(RUNS["changes"], width=10, height=10).get_size_inches() * 96).tolist() == [320, 240]


def test_marks_of_many_evaluations_stand_apart():
    axis = plots.run(RUNS["dense"], width=560).axes[0]
    line = next(line for line in axis.get_lines() if line.get_label() == "validation")
    places = axis.transData.transform(np.column_stack([line.get_xdata(), line.get_ydata()]))[line.get_markevery(), 0]
    assert np.diff(places).min() >= 10
    assert places[-1] == axis.transData.transform((3000, 1))[0]


def test_a_drawing_follows_the_theme_of_the_page():
    page = plots.run(RUNS["changes"]).to_html()
    assert page.startswith("<style>[data-jp-theme-light=false] img.aitrain-drawing")
    assert "<style" not in plots.confusion([[1, 0], [0, 1]], ["a", "b"]).to_html()


def test_a_picture_can_be_saved(tmp_path):
    picture = RUNS["changes"].plot()
    picture.savefig(tmp_path / "run.png")
    picture.figure.savefig(tmp_path / "run.svg")
    assert picture.description[:20] in (tmp_path / "run.svg").read_text(encoding="utf-8")
    assert (tmp_path / "run.png").stat().st_size > 1000


def test_thinning_keeps_ends_and_extremes_of_each_column():
    x = np.arange(10_000.0)
    y = np.random.default_rng(0).normal(size=10_000)
    shown_x, shown_y = thin(x, y, 200)
    assert len(shown_x) <= 800
    assert (shown_x[0], shown_x[-1], shown_y.max(), shown_y.min()) == (0, 9999, y.max(), y.min())
    assert np.array_equal(thin(x[:700], y[:700], 200)[1], y[:700])


def test_smoothing_is_that_of_pandas():
    values = np.random.default_rng(0).normal(size=300)
    assert smooth(values, 15) == pytest.approx(pd.Series(values).ewm(span=15).mean().to_numpy())


def test_ends_of_epochs_are_found_where_steps_are_missing():
    history = History()
    for step in (1, 4, 9, 14):
        history.add_step([step, step / 5, 1.0, 0.1, 1.0, 0.1, 8])
    assert RunData.of(history).epoch_ends() == {1: 9, 2: 14}


# judging


def test_a_history_judges_as_a_whole_look_does_and_each_evaluation_once(monkeypatch):
    taken = []
    add = overfitting.OverfittingDetector.update
    monkeypatch.setattr(
        overfitting.OverfittingDetector, "update", lambda self, *losses: (taken.append(losses), add(self, *losses))[1]
    )
    history = run_of(0, 0)
    for number in range(1, 41):
        history.add_step([number, number, 1.0, 0.1, 1.0, 0.1, 8])
        history.add_evaluation(number, {"train_loss": 1 / number, "eval_loss": 1 + abs(number - 20) / 50})
        assert len(history.evaluations) == number
        assert history.verdict.reason
        annotate(history)
    assert len(taken) == 40
    rows = history.evaluations
    assert history.verdict == overfitting.check([r["train_loss"] for r in rows], [r["eval_loss"] for r in rows])
    history.cut(30)
    assert [row["step"] for row in history.evaluations][-1] == 30
    history.add_evaluation(30, {"eval_loss": 9.0})
    assert history.evaluations[-1]["eval_loss"] == 9.0


def test_an_evaluation_waits_for_its_row():
    history = History()
    history.add_evaluation(1, {"eval_loss": 1.0})
    assert history.evaluations == []
    history.add_step([2, 2, 1.0, 0.1, 1.0, 0.1, 8])
    history.add_evaluation(2, {"eval_loss": 2.0})
    assert [row["step"] for row in history.evaluations] == [2]


# the twin


def test_a_twin_of_thousands_of_evaluations_is_small_and_says_what_is_left_out():
    history = run_of(5000, 1, changes=[(step, "pace", 1.0) for step in range(1, 4000, 3)])
    twin = static_twin(history, DONE._replace(step=5000), classes=10)
    assert sum(len(text.encode()) for text in twin.values()) < 150_000
    assert twin["text/html"].count("<tr>") < 150
    assert "of 5,000 evaluations are listed, evenly chosen; history.frame() has them all." in twin["text/plain"]
    assert "of 1,333 changes are listed, evenly chosen; history.changes has them all." in twin["text/html"]
    lowest = min(row["eval_loss"] for row in history.evaluations)
    assert f"{lowest:.4g}" in twin["text/plain"]
    assert "← Overfitting!" in twin["text/plain"]


def test_the_twin_says_how_long_the_steps_and_the_call_took():
    page = static_twin(run_of(), DONE, seconds=33.0)["text/html"]
    assert "120 steps in 1.2 s · 12 epochs · this call took 33.0 s" in page
    assert "this call" not in static_twin(run_of(), DONE)["text/html"]


def test_the_twin_is_as_large_as_the_panel_was():
    page = static_twin(run_of(), DONE, width=560, height=500)["text/html"]
    assert "min-height:500px" in page
    assert 'width="560"' in page


def test_a_history_can_be_written_as_a_table(tmp_path):
    history = run_of(20, 10, lost=(1,))
    path = history.to_csv(tmp_path / "run.csv")
    pd.testing.assert_frame_equal(pd.read_csv(path), history.frame(), check_dtype=False)
    assert len(History().to_csv(tmp_path / "empty.csv").read_text(encoding="utf-8").splitlines()) == 1
