"""The live panel without a browser: what is sent, what a click may do, when it may draw, and what stays at the end."""

import ast
import itertools
import math
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import ipywidgets
import matplotlib.figure
import numpy as np
import pytest

import aitrain_nb as ai
from aitrain_nb.control import Change, Control
from aitrain_nb.history import COLUMNS, History
from aitrain_nb.records import Ending
from aitrain_nb.widgets import front_end, live, monitor
from aitrain_nb.widgets.budget import Budget
from aitrain_nb.widgets.slider import Slider
from aitrain_nb.widgets.twin import plain_text, static_twin
from tests.notebook_page import Page

ENDING = Ending("done", "", 45, 1.0, 45, 0.5)


@pytest.fixture
def page(monkeypatch):
    return Page().take_the_place_of_the_notebook(monkeypatch)


def prepare(**changes):
    return ai.prepare(**{"data": "digits", "model": "mlp", "epochs": 2, "seed": 0} | changes)


def click(page, **message):
    page.panels[0]._hear(None, message, [])


# what is sent


def test_a_notebook_gets_the_panel_and_then_its_static_twin(page):
    trainer = prepare()
    trainer.fit()
    (handle,) = page.handles
    assert page.panels[0].place in handle.shown[0]["text/html"]
    twin = handle.shown[-1]
    assert set(twin) == {"text/html", "text/plain"}
    assert "<figure" in twin["text/html"]
    assert "<script" not in twin["text/html"]
    assert trainer.ending.kept in twin["text/html"]
    assert twin["text/plain"].splitlines()[-1] == trainer.ending.line


def test_the_page_ends_with_every_row_of_the_history(page):
    trainer = prepare()
    trainer.fit()
    held, frame = page.rows(), trainer.history.frame()
    assert np.array_equal(held[:, 0], frame["step"])
    assert np.allclose(held[:, 3], frame["loss"])
    assert np.allclose(held[:, 2], frame["seconds"].cumsum())
    last = page.updates[-1]
    assert [row["step"] for row in last["evaluations"]] == [45, 90]
    assert last["state"]["word"] == "done"
    assert any(note["kind"] == "kept" for note in last["notes"])


def test_a_page_that_asks_gets_all_of_it_again(page):
    trainer, asked = prepare(epochs=40), []

    def ask(record):
        if trainer.step == 300 and not asked:
            asked.append(len(page.updates))
            click(page, type="hello")

    trainer.watchers.append(ask)
    trainer.fit()
    assert {"type": "here"} in [message for message, _ in page.sent]
    assert page.updates[asked[0]]["first"] == 0
    assert len(page.rows()) == 1800
    before = len(page.updates)
    click(page, type="hello")  # a page that was reloaded and finds the run over
    assert len(page.updates) == before + 1
    assert len(page.rows()) == 1800


def test_losses_that_are_no_numbers_arrive_as_they_are(page):
    trainer = prepare(epochs=1)
    trainer.history.add_step([1, 0.1, math.nan, 0.1, math.inf, 0.01, 32])
    shown = monitor.Monitor(live.subject_of(trainer), trainer.control)
    shown.begin()
    held = page.rows()
    assert math.isnan(held[0, 3])
    assert math.isinf(held[0, 5])
    assert page.updates[0]["notes"][0]["text"].startswith("loss is nan")


def test_going_on_with_a_run_shows_it_from_its_beginning(page):
    trainer = prepare(epochs=1)
    trainer.fit()
    page.sent.clear()
    trainer.fit(epochs=2)
    assert len(page.rows()) == 90


# levers


def test_a_click_only_sets_a_lever(page):
    trainer, control = prepare(), Control()
    stopped = []
    shown = monitor.Monitor(live.subject_of(trainer), control, lambda: stopped.append(1))
    shown.begin()
    click(page, type="pause")
    assert control.paused
    click(page, type="resume")
    assert not control.paused
    click(page, type="learning_rate", value=0.02)
    click(page, type="pace", value=7)
    assert (control.learning_rate, control.pace) == (0.02, 7.0)
    click(page, type="stop")
    assert stopped == [1]


@pytest.mark.parametrize(
    "message",
    [
        None, "stop", {}, {"type": 3}, {"type": "learning_rate"}, {"type": "learning_rate", "value": "0.1"},
        {"type": "learning_rate", "value": -1}, {"type": "learning_rate", "value": 0}, {"type": "learning_rate", "value": 1e99},
        {"type": "learning_rate", "value": float("nan")}, {"type": "pace", "value": -3}, {"type": "pace", "value": True},
        {"type": "size", "width": 10**9, "height": 5}, {"type": "size", "width": "1"}, {"type": []},
        {"type": "__init__"}, {"type": "eval", "value": "1"},
    ],
)  # fmt: skip
def test_a_message_that_makes_no_sense_changes_nothing(page, message):
    trainer, control = prepare(), Control()
    monitor.Monitor(live.subject_of(trainer), control).begin()
    page.panels[0]._hear(None, message, [])
    assert (control.learning_rate, control.pace, control.paused) == (None, 0.0, False)
    assert page.panels[0].size == (0, 0)


def test_stop_by_click_is_a_normal_ending(page):
    trainer = prepare(epochs=100)
    trainer.watchers.append(lambda record: click(page, type="stop") if trainer.step == 120 else None)
    trainer.fit()
    assert (trainer.ending.state, trainer.ending.reason) == ("stopped", "by the Stop button")
    assert trainer.step == 120
    assert "by the Stop button" in page.handles[0].shown[-1]["text/html"]


def test_pause_step_and_resume_from_another_thread(page):
    trainer = prepare(epochs=50, evaluate_every=0)
    words = []

    def person():
        def wait_for(question):
            deadline = time.monotonic() + 60
            while not question() and time.monotonic() < deadline:
                time.sleep(0.01)
            words.append((page.updates[-1]["state"]["word"], trainer.step))

        wait_for(lambda: trainer.step > 20)
        click(page, type="pause")
        wait_for(lambda: page.updates[-1]["state"]["word"] == "paused")
        held = trainer.step
        click(page, type="step")
        wait_for(lambda: trainer.step == held + 1 and page.updates[-1]["state"]["step"] == held + 1)
        time.sleep(0.1)
        words.append(("after one step", trainer.step - held))
        click(page, type="learning_rate", value=0.004)
        click(page, type="resume")
        wait_for(lambda: trainer.step > held + 10)
        click(page, type="stop")

    thread = threading.Thread(target=person)
    thread.start()
    trainer.fit()
    thread.join()
    assert words[1][0] == "paused"
    assert words[2][0] == "paused"
    assert words[3] == ("after one step", 1)
    assert [change.name for change in trainer.history.changes].count("learning_rate") == 1
    assert trainer.history.last["lr"] == 0.004


def test_a_step_is_looked_into_in_mid_run_and_the_weights_are_those_of_a_run_without(page, monkeypatch):
    trainer, other = (prepare(max_steps=60, keep="last") for _ in range(2))
    seen = []

    def insides():
        return [message["boxes"] for message, _ in page.sent if message["type"] == "inside"]

    def look(phases):
        click(page, type="look")
        click(page, type="look")  # twice is once
        for _ in range(phases):
            yield
            seen.append([box["state"] for box in insides()[-1]])
            click(page, type="next_phase")

    def person():
        """Does something whenever the paused run looks whether it may go on."""
        click(page, type="hello")
        click(page, type="next_phase")  # into nothing: it has no effect
        yield from look(4)
        yield
        seen.append((trainer.step, all(box["html"] for box in insides()[-1]), page.updates[-1]["state"]["step"]))
        before = len(insides())
        click(page, type="hello")
        while len(insides()) == before:  # a page that was reloaded gets it again
            yield
        yield from look(2)
        click(page, type="step")  # the rest of it
        yield
        seen.append(trainer.step)
        yield from look(1)
        seen.append(trainer.step)
        click(page, type="resume")
        yield

    acts, sleep = itertools.islice(person(), 10_000), time.sleep
    monkeypatch.setattr("aitrain_nb.control.time.sleep", lambda _: (sleep(0.002), next(acts)))
    trainer.watchers.append(lambda record: trainer.step == 20 and not seen and click(page, type="pause"))
    trainer.fit()
    inside = [["done"] * n + ["next"] + ["ahead"] * (4 - n) for n in range(1, 5)]
    assert seen == [*inside, (21, True, 21), *inside[:2], 22, inside[0], 22]
    assert insides()[-1] == []
    assert trainer.records is None
    other.fit(display="none")
    assert trainer.fingerprint() == other.fingerprint()
    assert trainer.history.frame()["loss"].tolist() == other.history.frame()["loss"].tolist()


def test_stop_inside_a_step_finishes_it(page):
    trainer = prepare(epochs=100)

    def look(record):
        if trainer.step == 10 and not trainer.control.paused:
            click(page, type="pause")
            click(page, type="look")
        if trainer.records is not None and record.phase == "loss":
            click(page, type="stop")
        elif trainer.records is not None:
            click(page, type="next_phase")

    trainer.watchers.append(look)
    trainer.fit()
    assert (trainer.ending.state, trainer.step) == ("stopped", 11)
    assert not trainer.control.looking


def test_the_words_of_the_state_in_their_order(page):
    """Promise 15: a state word is always there, and only in an order that makes sense."""
    trainer = prepare(epochs=100)

    def act(record):
        if trainer.step == 60 and not trainer.control.paused:
            click(page, type="pause")
            threading.Timer(0.15, lambda: click(page, type="resume")).start()
        if trainer.step == 200:
            click(page, type="stop")
            page.panels[0].asked_for_all = True

    trainer.watchers.append(act)
    trainer.fit()
    words = [update["state"]["word"] for update in page.updates]
    order = [word for number, word in enumerate(words) if number == 0 or words[number - 1] != word]
    allowed = {
        "running": {"paused", "stopping", "stopped", "done", "failed"}, "paused": {"running", "stopping", "stopped"},
        "stopping": {"stopped", "failed", "done"},
    }  # fmt: skip
    assert order[0] == "running"
    assert order[-1] == "stopped"
    assert "paused" in order
    assert all(after in allowed[before] for before, after in itertools.pairwise(order)), order


def test_a_run_that_fails_says_so_and_keeps_the_curve(page):
    trainer = prepare()

    def fail(record):
        if trainer.step == 30:
            raise ValueError("made to fail <b>")

    trainer.watchers.append(fail)
    with pytest.raises(ValueError, match="made to fail"):
        trainer.fit()
    twin = page.handles[0].shown[-1]
    assert "<b>failed</b>" in twin["text/html"]
    assert "ValueError" in twin["text/plain"]
    assert page.updates[-1]["state"]["word"] == "failed"


def test_five_hundred_slider_events_leave_every_frame_what_the_history_says(page):
    """Promise 2: a callback on another thread draws nothing and breaks no frame."""
    trainer = prepare(epochs=60)
    over = threading.Event()
    frames = []
    before = threading.active_count()

    def drawn(history):
        figure = matplotlib.figure.Figure(figsize=(2, 1))
        axis = figure.add_subplot()
        axis.plot(history.frame()["loss"])
        frames.append((len(history), np.asarray(axis.lines[0].get_ydata())))
        return figure

    def drag():
        for number in range(500):
            click(page, type="learning_rate", value=0.001 + number * 1e-6)
            click(page, type="hello")
            time.sleep(0.002)
            if over.is_set():
                break

    thread = threading.Thread(target=drag)
    trainer.watchers.append(lambda record: thread.start() if trainer.step == 1 and not thread.ident else None)
    trainer.fit(plots=[drawn])
    over.set()
    thread.join()
    assert threading.active_count() == before
    held, losses = page.rows(), trainer.history.frame()["loss"].to_numpy()
    assert np.allclose(held[:, 3], losses)
    assert frames
    for count, values in frames:
        assert np.array_equal(values, losses[:count])
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()


def test_the_package_never_uses_pyplot():
    for file in Path(ai.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, (ast.Import, ast.ImportFrom)) else []
            module = getattr(node, "module", "") or ""
            assert not any("pyplot" in name for name in [*names, module]), file


def test_a_display_changes_nothing_in_the_run(page):
    shown, alone = prepare(), prepare()
    shown.fit(plots=[lambda history: matplotlib.figure.Figure()])
    alone.fit(display="none")
    assert shown.fingerprint() == alone.fingerprint()


def test_what_was_changed_by_click_is_repeated_bit_for_bit(page):
    first = prepare(epochs=3)

    def act(record):
        if trainer_at(first, 20):
            click(page, type="learning_rate", value=0.02)
        if trainer_at(first, 70):
            click(page, type="learning_rate", value=0.0005)

    def trainer_at(trainer, step):
        return trainer.step == step

    first.watchers.append(act)
    history = first.fit()
    assert [change.name for change in history.changes] == ["learning_rate", "learning_rate"]
    again = prepare(epochs=3)
    again.fit(display="none", replay=history)
    assert again.fingerprint() == first.fingerprint()


# the budget


def test_a_drawing_waits_fifty_times_what_the_last_one_took():
    budget = Budget(10.0)
    assert budget.is_due(10.0)
    budget.spend(10.0, 10.001)
    assert not budget.is_due(10.2)
    assert budget.is_due(10.26)
    budget.spend(10.26, 10.36)
    assert not budget.is_due(15.3)
    assert budget.is_due(15.37)


def test_a_long_run_sends_few_and_small_messages(page):
    """Promise 5: 5,000 steps."""
    trainer = prepare(epochs=112, evaluate_every=450)
    trainer.watchers.append(lambda record: click(page, type="hello") if trainer.step == 3 else None)
    began = time.monotonic()
    trainer.fit(max_steps=5000)
    seconds = time.monotonic() - began
    assert len(page.rows()) == 5000
    assert len(page.updates) <= 4 * seconds + 5
    sent = sum(len(buffers[0]) for _, buffers in page.sent if buffers)
    assert sent <= 3 * 5000 * 24, "each row once, and once more at the end"
    assert len(page.handles[0].shown[-1]["text/html"]) < 300_000, "what the file grows by"


# pictures


def test_a_picture_of_ones_own_is_drawn_and_one_that_fails_is_only_said(page):
    trainer = prepare(epochs=4)

    def good(history):
        figure = matplotlib.figure.Figure()
        figure.add_subplot().plot(history.frame()["loss"])
        return figure

    def broken(history):
        raise KeyError("<b>lost</b>")

    trainer.fit(plots=[good, broken])
    assert trainer.ending.state == "done"
    _, first, second = page.handles
    assert "data:image/png" in first.shown[-1]["text/html"]
    assert "broken raised KeyError" in second.shown[-1]["text/plain"]
    assert "<b>lost" not in second.shown[-1]["text/html"]
    assert len(second.shown) == 2, "asked once, then left alone"


def test_a_picture_made_with_pyplot_is_not_kept_there(page, monkeypatch):
    from matplotlib import pyplot as plt

    monkeypatch.setattr(Budget, "is_due", lambda self, now: True)

    def own(history):
        figure, axis = plt.subplots()
        axis.plot(history.frame()["loss"])
        return figure

    prepare(max_steps=5).fit(plots=own)
    assert "data:image/png" in page.handles[1].shown[-1]["text/html"]
    assert plt.get_fignums() == []


def test_plots_may_be_none(page):
    prepare(max_steps=3).fit(plots=None)
    assert len(page.handles) == 1


def test_a_picture_alone_for_front_ends_without_widgets(page, monkeypatch):
    monkeypatch.setattr(Budget, "is_due", lambda self, now: True)
    trainer = prepare(max_steps=5)
    trainer.fit(display="matplotlib")
    status, picture = page.handles
    assert "running" in status.shown[0]["text/html"]
    assert any("Training loss" in bundle["text/plain"] for bundle in picture.shown)
    assert "<figure" in status.shown[-1]["text/html"]
    assert picture.shown[-1]["text/html"] == "", "it isn't shown twice"
    assert not page.sent


def test_outside_a_notebook_auto_is_the_lines_and_the_panel_is_refused(capsys):
    trainer = prepare()
    trainer.fit(plots=[lambda history: None])
    out = capsys.readouterr().out
    assert "Epoch 1/2" in out
    assert "drawn in a notebook only" in out
    with pytest.raises(ai.ConfigError, match="no notebook"):
        prepare().fit(display="panel")


def test_the_names_of_displays_are_said():
    with pytest.raises(ai.ConfigError, match="panel"):
        prepare().fit(display="pannel")


def test_text_in_a_script_imports_no_widget():
    code = (
        "import sys, aitrain_nb as ai\nai.prepare(data='digits', model='mlp', max_steps=2).fit()\n"
        "print([name for name in ('IPython', 'ipywidgets', 'anywidget') if name in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip().endswith("[]")


# the static twin


def history_of(losses, evaluations=()):
    history = History()
    for step, value in enumerate(losses, start=1):
        history.add_step(
            list(
                {
                    "step": step,
                    "epoch": step / 10,
                    "loss": value,
                    "lr": 0.01,
                    "grad_norm": 1.0,
                    "seconds": 0.01,
                    "targets": 8,
                }.values()
            )
        )
    for step, training, validation in evaluations:
        history.add_evaluation(step, {"train_loss": training, "eval_loss": validation, "eval_accuracy": 0.5})
    return history


def test_the_twin_says_in_words_and_numbers_what_the_picture_shows():
    pairs = [(10, 2.5, 2.6), (20, 1.8, 1.9), (30, 1.2, 1.3), (40, 0.8, 1.5)]
    history = history_of([2.5] * 40, pairs)
    history.add_change(Change(12, "learning_rate", 0.02))
    ending = Ending("done", "", 40, 3.0, 30, 1.3)
    twin = static_twin(history, ending, classes=10, notes=("a note with <i>tags</i>",), height=480)
    page = twin["text/html"]
    assert "min-height:480px" in page
    assert page.count("← Overfitting!") == 1
    assert "diverges from epoch 4" in page
    assert "&lt;i&gt;" in page
    assert "0.02" in page
    lines = twin["text/plain"].splitlines()
    assert lines[4] == "Epoch 4: Training loss: 0.8, Validation loss: 1.5  ← Overfitting!"
    assert lines[-1] == "kept epoch 3 (validation loss 1.30)"
    assert set(COLUMNS) >= {"step", "loss"}


def test_a_run_without_a_step_has_a_twin_too():
    ending = Ending("stopped", "interrupted", 0, 0.0, 0, None)
    twin = static_twin(History(), ending)
    assert "interrupted" in twin["text/html"]
    assert plain_text(History(), ending) == ending.line


# the slider


def test_a_slider_holds_its_value_without_a_browser():
    rate = Slider(0.003, "Learning rate", min=1e-5, max=1, log=True)
    seen = []
    rate.observe(lambda change: seen.append(change.new), "value")
    rate.value = 0.01
    assert (rate.value, seen) == (0.01, [0.01])
    assert repr(rate) == "Learning rate = 0.01, from 1e-5 to 1 (log)"
    size = Slider(32, "Batch size", min=8, max=64, step=8)
    assert isinstance(size.value, int)
    with pytest.raises(ai.ConfigError, match="can't stand at 200"):
        size.value = 200
    assert size.value == 32


@pytest.mark.parametrize(
    "arguments",
    [
        {"value": 2},
        {"value": "much"},
        {"value": True},
        {"min": 1, "max": 0},
        {"log": True},
        {"step": 5},
        {"max": math.inf},
        {"value": math.nan},
    ],
)
def test_a_slider_that_cannot_be_is_refused(arguments):
    with pytest.raises(ai.ConfigError):
        Slider(**{"value": 0.5} | arguments)


def test_a_slider_is_one_of_ipywidgets_values():
    rate = Slider(0.5, "Rate")
    shown = ipywidgets.interactive(lambda rate: None, rate=rate)
    assert shown.kwargs_widgets == [rate]


def test_a_slider_takes_numbers_of_numpy():
    rate = Slider(np.float32(0.5))
    rate.value = np.int64(1)
    assert (rate.value, type(rate.value)) == (1.0, float)


def test_the_ends_of_a_slider_stay_around_its_value():
    rate = Slider(0.9)
    for name, value in (("max", 0.5), ("min", 0.95)):
        with pytest.raises(ai.ConfigError, match=r"stands at 0\.9"):
            setattr(rate, name, value)
    rate.max = 2
    rate.value = 1.5
    with pytest.raises(ai.ConfigError):
        Slider(0.5, min=0.1, max=1, log=True).min = 0


def test_a_run_that_is_made_longer_shows_its_new_length(page):
    trainer = prepare(epochs=1)
    trainer.fit("none")
    trainer.fit(epochs=3)
    assert page.panels[0].facts["steps"] == 135
    with pytest.raises(ai.ConfigError, match="no display"):
        trainer.fit("nowhere", epochs=4)
    assert trainer.total_steps == 135


@pytest.mark.parametrize(
    ("plots", "says"), [(3, "not int"), ([ai.plots.loss, "loss"], "not str"), ([None], "not NoneType")]
)
def test_plots_that_are_no_functions_are_refused(page, plots, says):
    with pytest.raises(ai.ConfigError, match=says):
        prepare().fit(plots=plots)


def test_one_function_is_enough_and_one_that_gives_nothing_is_said(page):
    prepare(max_steps=3).fit(plots=lambda history: None)
    assert "gave nothing instead of a matplotlib Figure" in page.handles[1].words


def test_a_panel_that_nobody_sees_is_shown_once_more_and_then_lets_a_paused_run_go_on(page, monkeypatch):
    trainer = prepare(max_steps=30)
    seen = []

    def lose():
        while not page.panels or not page.panels[0].is_live:
            time.sleep(0.01)
        trainer.control.paused = True
        page.panels[0].take({"type": "gone"})

    monkeypatch.setattr(monitor, "_LOST_SECONDS", 0.2)
    thread = threading.Thread(target=lose)
    thread.start()
    trainer.watchers.append(lambda record: seen or seen.append(page.panels[0].take({"type": "hello"})))
    trainer.fit(pace=40)
    thread.join()
    assert len(page.handles) == 2, "shown once more"
    assert page.handles[1].shown[0]["text/html"] == page.handles[0].shown[0]["text/html"]
    assert "<figure" in page.handles[1].shown[-1]["text/html"]
    assert trainer.ending.state == "done"


def test_the_twin_is_kept_for_a_page_whose_output_could_not_be_replaced(page):
    prepare().fit()
    page.panels[0].take({"type": "twin"})
    message, _ = page.sent[-1]
    assert message == {"type": "twin", "html": page.handles[0].shown[-1]["text/html"]}


def test_where_widgets_live_only_where_they_are_shown_the_panel_is_one(page, monkeypatch):
    monkeypatch.setenv("VSCODE_PID", "1")
    prepare(max_steps=3).fit()
    assert page.handles[0].shown[0]["application/vnd.jupyter.widget-view+json"]["model_id"] == page.panels[0].model_id
    assert set(page.handles[0].shown[-1]) == {"text/html", "text/plain"}


@pytest.mark.parametrize("edge", ["post_run_cell", "pre_run_cell"])
def test_a_history_is_drawn_again_after_the_cell_whatever_began_its_run(monkeypatch, make, edge):
    from IPython.core.events import EventManager, available_events

    shell = SimpleNamespace(events=EventManager(None, available_events))
    monkeypatch.setattr(front_end, "get_ipython", lambda: shell)
    history = make(max_steps=2).fit("none")
    front_end.put_on_show(history)
    assert "<img" not in history._repr_html_()
    shell.events.trigger(edge, None)
    assert "<img" in history._repr_html_()
    assert not any(shell.events.callbacks[name] for name in ("post_run_cell", "pre_run_cell"))
