"""The live panel of a transformers Trainer: what it shows, that its levers act, and that it changes nothing unasked."""

import math
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import transformers
from IPython.core.events import EventManager
from transformers import TrainerCallback, TrainingArguments
from transformers.utils.notebook import NotebookProgressCallback

import aitrain_nb as ai
from aitrain_nb.control import Change
from aitrain_nb.errors import ConfigError
from aitrain_nb.transformers_logs import LogBook
from aitrain_nb.widgets import cell as cells
from aitrain_nb.widgets import monitor as monitors
from aitrain_nb.widgets import transformers_monitor as there
from aitrain_nb.widgets.budget import Budget
from aitrain_nb.widgets.rates import Rates
from tests.notebook_page import Page

pytest.importorskip("accelerate", reason="transformers' Trainer needs accelerate")

ROWS = 24
PEAK = 0.01


def examples(seed=0):
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(4, 20, (ROWS, 6), generator=generator)
    return [{"input_ids": row, "labels": row[0] % 2} for row in ids]


def model(dropout=0.1):
    torch.manual_seed(1)
    config = transformers.BertConfig(
        vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        max_position_embeddings=8, num_labels=2, hidden_dropout_prob=dropout,
    )  # fmt: skip
    return transformers.BertForSequenceClassification(config)


def accuracy(predicted):
    return {"accuracy": float((predicted.predictions.argmax(-1) == predicted.label_ids).mean())}


class At(TrainerCallback):
    """Does something after each of these steps."""

    def __init__(self, **todo):
        self.todo = {int(name[1:]): act for name, act in todo.items()}

    def on_step_end(self, args, state, control, **given):
        if state.global_step in self.todo:
            self.todo[state.global_step]()


class Losses(transformers.Trainer):
    """Keeps the loss of every step."""

    def training_step(self, *given, **named):
        loss = super().training_step(*given, **named)
        self.__dict__.setdefault("losses", []).append(loss.item())
        return loss


@pytest.fixture
def trainer_of(tmp_path):
    def build(*callbacks, kind=transformers.Trainer, optimizers=(None, None), net=None, **arguments):
        given = {
            "output_dir": str(tmp_path), "num_train_epochs": 3, "per_device_train_batch_size": 4, "learning_rate": PEAK,
            "use_cpu": True, "report_to": "none", "save_strategy": "no", "seed": 7,
        }  # fmt: skip
        return kind(
            net or model(), TrainingArguments(**(given | arguments)), train_dataset=examples(), eval_dataset=examples(1),
            compute_metrics=accuracy, optimizers=optimizers, callbacks=list(callbacks),
        )  # fmt: skip

    return build


@pytest.fixture
def notebook(monkeypatch):
    """A notebook without a kernel: the places that were displayed, and the events of its shell."""
    page = Page().take_the_place_of_the_notebook(monkeypatch)
    found = SimpleNamespace(places=page.handles, panels=page.panels, shell=SimpleNamespace(kernel=object()))
    found.shell.events = EventManager(found.shell, {"post_run_cell": lambda result: None})

    monkeypatch.setattr(there, "is_notebook", lambda: True)
    monkeypatch.setattr(cells, "get_ipython", lambda: found.shell)
    return found


def click(notebook, kind, value=None):
    """As the page does it."""
    notebook.panels[-1].take({"type": kind, "value": value})


def weights(trainer):
    return {name: value.clone() for name, value in trainer.model.state_dict().items()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


# what is shown, and that it changes nothing


@pytest.mark.parametrize("options", [{}, {"points": 3}, {"points": 0}])
@pytest.mark.parametrize(
    "arguments", [{}, {"gradient_accumulation_steps": 2, "eval_strategy": "steps", "eval_steps": 4}]
)
def test_losses_and_weights_are_bit_equal_with_and_without_it(trainer_of, notebook, options, arguments):
    plain = trainer_of(kind=Losses, **arguments)
    plain.train()
    watched = trainer_of(ai.Monitor.for_transformers(**options), kind=Losses, **arguments)
    watched.train()
    assert len(plain.losses) == 18
    assert plain.losses == watched.losses
    assert same(weights(plain), weights(watched))
    assert [entry["eval_loss"] for entry in plain.state.log_history if "eval_loss" in entry] == [
        entry["eval_loss"] for entry in watched.state.log_history if "eval_loss" in entry
    ]


def test_a_short_run_has_a_row_for_each_step_with_the_loss_of_that_step(trainer_of, notebook):
    monitor = ai.Monitor.for_transformers()
    trainer = trainer_of(monitor, kind=Losses, eval_strategy="epoch")
    trainer.train()
    rows = list(monitor.history)
    assert [row["step"] for row in rows] == list(range(1, 19))
    assert [row["loss"] for row in rows] == pytest.approx(trainer.losses)
    assert [row["lr"] for row in rows] == pytest.approx([PEAK * (1 - step / 18) for step in range(18)])
    assert rows[-1]["epoch"] == 3.0
    assert all(row["seconds"] > 0 and row["grad_norm"] > 0 and row["targets"] == 1 for row in rows)
    judged = monitor.history.evaluations
    assert [row["step"] for row in judged] == [6, 12, 18]
    assert [row["train_loss"] for row in judged] == pytest.approx(np.reshape(trainer.losses, (3, 6)).mean(1))
    logged = [entry for entry in trainer.state.log_history if "eval_loss" in entry]
    assert [(row["eval_loss"], row["eval_accuracy"]) for row in judged] == [
        (entry["eval_loss"], entry["eval_accuracy"]) for entry in logged
    ]
    assert {name for name in judged[0] if name.startswith("eval_")} == {"eval_loss", "eval_accuracy"}


def test_points_says_how_often_and_an_evaluation_has_its_row(trainer_of, notebook):
    monitor = ai.Monitor.for_transformers(points=3)
    trainer = trainer_of(monitor, kind=Losses, eval_strategy="steps", eval_steps=4)
    trainer.train()
    rows = {row["step"]: row for row in monitor.history}
    assert list(rows) == [1, 4, 8, 12, 16, 18]  # evaluations at 4, 8, 12, 16 and 18; no more than 6 steps without a row
    assert [row["step"] for row in monitor.history.evaluations] == [4, 8, 12, 16, 18]
    assert rows[4]["loss"] == pytest.approx(np.mean(trainer.losses[1:4])), "the mean since the log before"
    means = [np.mean(part) for part in np.split(np.array(trainer.losses), [4, 8, 12, 16])]
    assert [row["train_loss"] for row in monitor.history.evaluations] == pytest.approx(means)


def test_zero_points_leave_the_trainers_logs_alone(trainer_of, notebook):
    plain, monitor = trainer_of(logging_steps=5, eval_strategy="epoch"), ai.Monitor.for_transformers(points=0)
    watched = trainer_of(monitor, logging_steps=5, eval_strategy="epoch")
    plain.train()
    watched.train()
    assert [entry["step"] for entry in plain.state.log_history] == [
        entry["step"] for entry in watched.state.log_history
    ]
    assert [row["step"] for row in monitor.history] == [5, 6, 10, 12, 15, 18]
    assert [row["step"] for row in monitor.history.evaluations] == [6, 12, 18]
    assert math.isnan(monitor.history.evaluations[0]["loss"]), "nobody measured it"
    assert monitor.history.evaluations[0]["train_loss"] == next(iter(monitor.history))["loss"]
    assert not monitor.history.troubles


def test_outside_a_notebook_nothing_is_shown_and_no_log_is_added(trainer_of, capsys):
    plain, monitor = trainer_of(disable_tqdm=True), ai.Monitor.for_transformers()
    plain.train()
    before = capsys.readouterr().out
    watched = trainer_of(monitor, disable_tqdm=True)
    watched.train()
    assert capsys.readouterr().out.count("\n") == before.count("\n")
    assert len(plain.state.log_history) == len(watched.state.log_history) == 1
    assert (monitor.ending.state, len(monitor.history)) == ("done", 0)


def test_another_process_than_the_first_does_nothing(notebook):
    monitor = ai.Monitor.for_transformers()
    state = SimpleNamespace(is_world_process_zero=False, global_step=1, max_steps=2, epoch=0.5)
    control = transformers.TrainerControl()
    monitor.on_train_begin(SimpleNamespace(world_size=2), state, control)
    monitor.on_step_begin(None, state, control)
    monitor.on_step_end(None, state, control)
    monitor.on_log(None, state, control, logs={"loss": 1.0})
    monitor.on_evaluate(None, state, control, metrics={"eval_loss": 1.0})
    monitor.on_train_end(None, state, control)
    assert not notebook.places
    assert (monitor.ending, len(monitor.history)) == (None, 0)
    assert control == transformers.TrainerControl()


def test_with_several_processes_there_is_a_panel_without_levers(notebook, monkeypatch):
    monitor = ai.Monitor.for_transformers(pace=3)
    arguments = SimpleNamespace(world_size=2, logging_nan_inf_filter=True, load_best_model_at_end=False)
    state = transformers.TrainerState(max_steps=10, num_train_epochs=1)
    control = transformers.TrainerControl()
    monitor.on_train_begin(arguments, state, control, optimizer=torch.optim.SGD(model().parameters(), lr=1.0))
    assert notebook.panels[0].facts["controls"] == []
    click(notebook, "stop")
    state.global_step = 1
    slept = []
    monkeypatch.setattr("aitrain_nb.control.time.sleep", slept.append)
    monitor.on_step_end(arguments, state, control)
    assert not control.should_training_stop
    assert slept == []
    with pytest.raises(ConfigError, match="2 processes"):
        ai.Monitor.for_transformers(replay=[Change(3, "learning_rate", 1.0)]).on_train_begin(arguments, state, control)


def test_the_twin_takes_the_panels_place_at_the_end(trainer_of, notebook):
    monitor = ai.Monitor.for_transformers()
    trainer_of(monitor, eval_strategy="epoch").train()
    (place,) = notebook.places
    assert notebook.panels[-1].facts["steps"] == 18
    assert notebook.panels[-1].facts["epochs"] == 3
    assert notebook.panels[-1].facts["rate"]["value"] == PEAK
    assert "<figure" in place.shown[-1]["text/html"]
    assert "widget" not in str(place.shown[-1])
    assert place.words.splitlines()[-1] == monitor.ending.line
    assert place.words.startswith("Epoch 1: Training loss: ")
    assert (monitor.ending.state, monitor.ending.kept_step) == ("done", 18)
    assert monitor.ending.kept.startswith("kept epoch 3 (validation loss")
    assert not notebook.shell.events.callbacks["post_run_cell"]
    assert monitor.plot().description.startswith("Training loss from")


def test_the_best_weights_are_named(trainer_of, notebook):
    monitor = ai.Monitor.for_transformers()
    arguments = {"eval_strategy": "epoch", "save_strategy": "epoch", "load_best_model_at_end": True}
    trainer = trainer_of(monitor, **arguments, metric_for_best_model="accuracy")
    trainer.train()
    best = max(monitor.history.evaluations, key=lambda row: (row["eval_accuracy"], -row["step"]))
    assert (monitor.ending.kept_step, monitor.ending.kept_loss) == (best["step"], best["eval_loss"])
    assert monitor.ending.kept_score == ("accuracy", best["eval_accuracy"])
    trainer = trainer_of(monitor, **arguments)
    trainer.train()
    best = min(monitor.history.evaluations, key=lambda row: row["eval_loss"])
    assert (monitor.ending.kept_step, monitor.ending.kept_score) == (best["step"], None)


@pytest.mark.parametrize(
    ("arguments", "kept"),
    [
        ({}, 0),
        ({"save_strategy": "epoch", "load_best_model_at_end": True, "metric_for_best_model": "accuracy"}, 0),
        ({"save_strategy": "epoch", "load_best_model_at_end": True}, 1),
    ],
)
def test_while_it_runs_nothing_is_called_kept_that_will_not_be(trainer_of, notebook, monkeypatch, arguments, kept):
    said = []
    update = monitors.Panel.update

    def listen(panel, first, rows, evaluations, notes, state):
        said.append((state["word"], [note["text"] for note in notes or () if note["kind"] == "kept"]))
        update(panel, first, rows, evaluations, notes, state)

    monkeypatch.setattr(monitors.Panel, "update", listen)
    monkeypatch.setattr(Budget, "is_due", lambda self, now: False)  # while it runs, only when it is asked to
    monitor = ai.Monitor.for_transformers()
    trainer_of(
        monitor, At(_13=lambda: monitor._run.monitor._update(time.perf_counter())), eval_strategy="epoch", **arguments
    ).train()
    assert len([texts for word, texts in said if word == "running" and texts]) == kept
    assert said[-1][0] == "done"
    assert len(said[-1][1]) == 1


def test_several_validation_sets_are_one_curve_and_more_columns(trainer_of, notebook):
    monitor = ai.Monitor.for_transformers()
    trainer = trainer_of(monitor, eval_strategy="epoch")
    trainer.eval_dataset = {"near": examples(2), "far": examples(3)}
    trainer.train()
    row = monitor.history.evaluations[-1]
    assert row["eval_loss"] == row["eval_near_loss"] != row["eval_far_loss"]
    assert len(monitor.history.evaluations) == 3


def test_a_run_from_a_checkpoint_shows_what_was_before(trainer_of, notebook, tmp_path):
    arguments = {"save_strategy": "epoch", "eval_strategy": "epoch"}
    first = ai.Monitor.for_transformers()
    trainer_of(first, **arguments).train()
    second = ai.Monitor.for_transformers()
    trainer_of(second, **arguments).train(resume_from_checkpoint=str(tmp_path / "checkpoint-6"))
    assert [row["step"] for row in second.history] == list(range(1, 19))
    assert [row["loss"] for row in second.history] == [row["loss"] for row in first.history]
    assert [row["train_loss"] for row in second.history.evaluations] == pytest.approx(
        [row["train_loss"] for row in first.history.evaluations]
    )


# levers


def test_stop_ends_the_run_after_that_step(trainer_of, notebook):
    monitor = ai.Monitor.for_transformers()
    trainer = trainer_of(At(_5=lambda: click(notebook, "stop")), monitor)
    trainer.train()
    assert trainer.state.global_step == 5
    assert str(monitor.ending).startswith("stopped: by the Stop button; kept the last weights, epoch 0.83, step 5")
    assert monitor.history.last["step"] == 5
    trainer.train()
    assert trainer.state.global_step == 5, "and again in the next run, whose panel is another"
    assert len(notebook.places) == 2


def test_a_callback_that_ends_the_run_is_not_the_stop_button(trainer_of, notebook):
    class Enough(TrainerCallback):
        def on_step_end(self, args, state, control, **given):
            control.should_training_stop = state.global_step == 4

    monitor = ai.Monitor.for_transformers()
    trainer_of(monitor, Enough()).train()
    assert monitor.ending.line.startswith("stopped: by a callback or the end of the data, 14 steps early")


def test_pause_and_step_wait_where_the_newest_step_can_be_seen(trainer_of, notebook):
    monitor = ai.Monitor.for_transformers(points=2)
    trainer = trainer_of(At(_3=lambda: click(notebook, "pause")), monitor)
    seen = []

    def person():
        def wait_for(step):
            for _ in range(12_000):  # a minute: then the run goes on, and the test says what it saw
                if trainer.state.log_history and trainer.state.log_history[-1]["step"] >= step:
                    return
                time.sleep(0.005)

        wait_for(3)
        time.sleep(0.5)
        seen.append((trainer.state.global_step, trainer.state.log_history[-1]["step"]))
        click(notebook, "step")
        wait_for(4)
        time.sleep(0.5)
        seen.append((trainer.state.global_step, trainer.state.log_history[-1]["step"]))
        click(notebook, "learning_rate", 0.5)
        click(notebook, "resume")

    hand = threading.Thread(target=person)
    trainer.add_callback(At(_1=hand.start))
    trainer.train()
    hand.join(60)
    assert seen == [(3, 3), (4, 4)]
    assert [(change.step, change.name) for change in monitor.history.changes] == [
        (4, "paused"),
        (5, "paused"),
        (5, "learning_rate"),
    ]
    assert all(change.value > 0.05 for change in monitor.history.changes[:2])
    seconds = {row["step"]: row["seconds"] for row in monitor.history}
    assert seconds[4] < monitor.history.changes[0].value, "waiting is no step's time"
    assert {3, 4} <= {row["step"] for row in monitor.history}


def test_stop_while_paused_takes_no_further_step(trainer_of, notebook):
    trainer = trainer_of(At(_3=lambda: click(notebook, "pause")), ai.Monitor.for_transformers())
    trainer.add_callback(At(_1=threading.Timer(0.4, lambda: click(notebook, "stop")).start))
    trainer.train()
    assert trainer.state.global_step == 3


def test_pace_holds_the_run_back_and_full_speed_lets_it_go(trainer_of, notebook):
    monitor = ai.Monitor.for_transformers(pace=20)
    trainer = trainer_of(At(_8=lambda: click(notebook, "pace", 0)), monitor)
    began = time.monotonic()
    trainer.train()
    assert time.monotonic() - began > 6 / 20
    assert monitor.history.changes == [Change(9, "pace", 0)]


@pytest.mark.parametrize("schedule", ["linear", "cosine", "constant_with_warmup", "inverse_sqrt"])
def test_a_new_peak_goes_on_in_the_shape_of_the_schedule(trainer_of, notebook, schedule):
    rows = {}
    for peak in (None, 3 * PEAK):
        monitor = ai.Monitor.for_transformers()
        clicks = At(_6=lambda: click(notebook, "learning_rate", 3 * PEAK)) if peak else At()
        trainer_of(clicks, monitor, lr_scheduler_type=schedule, warmup_steps=4).train()
        rows[peak] = [row["lr"] for row in monitor.history]
    assert rows[3 * PEAK][:6] == rows[None][:6]
    assert rows[3 * PEAK][6:] == pytest.approx([3 * rate for rate in rows[None][6:]])
    assert monitor.history.changes == [Change(7, "learning_rate", 3 * PEAK)]


def test_a_change_acts_on_the_weights_and_replay_does_it_again(trainer_of, notebook):
    first = ai.Monitor.for_transformers()
    clicks = At(_4=lambda: click(notebook, "learning_rate", 0.04), _9=lambda: click(notebook, "learning_rate", 0.002))
    moved = trainer_of(clicks, first)
    moved.train()
    assert "Monitor.for_transformers(replay=history)" in notebook.places[-1].shown[-1]["text/html"]
    again = ai.Monitor.for_transformers(replay=first.history)
    replayed, plain = trainer_of(again), trainer_of(ai.Monitor.for_transformers())
    replayed.train()
    plain.train()
    assert same(weights(moved), weights(replayed))
    assert not same(weights(moved), weights(plain))
    assert again.history.changes == first.history.changes


def test_replay_works_without_a_notebook(trainer_of):
    changed = trainer_of(ai.Monitor.for_transformers(replay=[Change(3, "learning_rate", 0.1)]), logging_steps=1)
    changed.train()
    rates = [entry["learning_rate"] for entry in changed.state.log_history if "learning_rate" in entry]
    assert rates[1] == pytest.approx(PEAK * 17 / 18)
    assert rates[2] == pytest.approx(0.1 * 16 / 18)


def test_a_plateau_goes_on_from_the_new_rate(trainer_of, notebook):
    monitor = ai.Monitor.for_transformers()
    trainer = trainer_of(
        At(_2=lambda: click(notebook, "learning_rate", 2e-8)), monitor, eval_strategy="steps", eval_steps=3,
        lr_scheduler_type="reduce_lr_on_plateau", lr_scheduler_kwargs={"patience": 0, "factor": 0.5, "threshold": 0.5, "eps": 0.0},
        num_train_epochs=2,
    )  # fmt: skip
    trainer.train()
    rates = [row["lr"] for row in monitor.history]
    assert rates == pytest.approx([PEAK] * 2 + [2e-8] * 4 + [1e-8] * 3 + [5e-9] * 3)


# the rates alone


def groups_of(schedule, kind=torch.optim.SGD):
    one, two = torch.nn.Parameter(torch.zeros(1)), torch.nn.Parameter(torch.zeros(1))
    optimizer = kind([{"params": [one], "lr": 0.1}, {"params": [two], "lr": 0.02}], lr=0.1)
    return optimizer, schedule(optimizer)


SCHEDULES = {
    "lambda": lambda optimizer: transformers.get_cosine_schedule_with_warmup(optimizer, 5, 20),
    "steps": lambda optimizer: torch.optim.lr_scheduler.StepLR(optimizer, 4, 0.5),
    "annealing": lambda optimizer: torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 20),
    "one cycle": lambda optimizer: torch.optim.lr_scheduler.OneCycleLR(optimizer, [0.1, 0.02], total_steps=21),
    "in a row": lambda optimizer: torch.optim.lr_scheduler.SequentialLR(
        optimizer,
        [torch.optim.lr_scheduler.LinearLR(optimizer), torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)],
        [10],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("at", [0, 3, 12])
def test_every_group_keeps_its_ratio_and_every_schedule_its_shape(name, at):
    rates = {}
    for factor in (1, 0.3):
        optimizer, schedule = groups_of(SCHEDULES[name])
        levers = Rates(optimizer, schedule)
        assert levers.peak == pytest.approx(0.1)
        rates[factor] = []
        for step in range(20):
            if step == at and factor != 1:
                levers.set(levers.peak * 2)
                levers.set(levers.peak * factor / 2)
                assert levers.peak == pytest.approx(0.03)
            rates[factor].append([group["lr"] for group in optimizer.param_groups])
            assert schedule.get_last_lr() == rates[factor][-1], "what is logged is what is used"
            optimizer.step()
            schedule.step()
    expected = np.array(rates[1])
    expected[at:] *= 0.3
    np.testing.assert_allclose(rates[0.3], expected, rtol=1e-12, atol=1e-18)


def test_a_rate_that_is_a_tensor_and_shared_is_moved_once():
    rate = torch.tensor(0.1)
    parameters = [torch.nn.Parameter(torch.zeros(1)) for _ in range(2)]
    optimizer = torch.optim.Adam([{"params": [each]} for each in parameters], lr=rate)
    assert optimizer.param_groups[0]["lr"] is optimizer.param_groups[1]["lr"]
    Rates(optimizer).set(0.2)
    assert [group["lr"].item() for group in optimizer.param_groups] == pytest.approx([0.2, 0.2])


def test_without_a_rate_above_zero_there_is_no_lever(trainer_of, notebook):
    monitor = ai.Monitor.for_transformers()
    trainer_of(monitor, learning_rate=0.0, max_steps=2).train()
    assert "learning_rate" not in notebook.panels[0].facts["controls"]
    assert Rates(None).peak == 0.0


# runs that come to no end


def cell(notebook, run):
    """Run a cell as IPython does, up to its last event."""
    error = None
    try:
        run()
    except BaseException as raised:  # noqa: BLE001  what IPython's own loop catches
        error = raised
    notebook.shell.events.trigger("post_run_cell", SimpleNamespace(error_in_exec=error))
    return error


def raising(error):
    def act():
        raise error

    return act


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyboardInterrupt(), "stopped: interrupted; kept the last weights, epoch 0.83, step 5"),
        (ValueError("no"), "failed: ValueError after step 5; kept the last weights, epoch 0.83, step 5"),
    ],
)
def test_an_error_is_raised_as_always_and_the_twin_stands_when_the_cell_ends(trainer_of, notebook, error, said):
    monitor = ai.Monitor.for_transformers()
    trainer = trainer_of(monitor, At(_5=raising(error)))
    assert cell(notebook, trainer.train) is error
    assert str(monitor.ending).startswith(said)
    assert "<figure" in notebook.places[0].shown[-1]["text/html"]
    assert monitor.history.last["step"] == 4, "the fifth step's log never came"
    assert not notebook.shell.events.callbacks["post_run_cell"]


def test_an_interrupt_while_paused_ends_the_wait(trainer_of, notebook, monkeypatch):
    from aitrain_nb import control

    trainer = trainer_of(At(_3=lambda: click(notebook, "pause")), monitor := ai.Monitor.for_transformers())
    monkeypatch.setattr(control.time, "sleep", lambda seconds: raising(KeyboardInterrupt())())
    assert isinstance(cell(notebook, trainer.train), KeyboardInterrupt)
    assert (monitor.ending.reason, monitor.history.last["step"]) == ("interrupted", 3)


def test_an_error_that_the_cell_caught_is_said(trainer_of, notebook):
    def run():
        with pytest.raises(RuntimeError):
            trainer.train()

    trainer = trainer_of(monitor := ai.Monitor.for_transformers(), At(_2=raising(RuntimeError())))
    cell(notebook, run)
    assert monitor.ending.line.startswith("stopped: train() didn't come to its end: its cell caught an error")


def test_a_cell_of_another_thread_ends_nothing(trainer_of, notebook):
    def other():
        notebook.shell.events.trigger("post_run_cell", SimpleNamespace(error_in_exec=None))

    def act():
        hand = threading.Thread(target=other)
        hand.start()
        hand.join()

    trainer_of(monitor := ai.Monitor.for_transformers(), At(_2=act)).train()
    assert monitor.ending.state == "done"
    assert len(monitor.history) == 18


def test_a_run_that_begins_again_leaves_no_panel_behind(trainer_of, notebook):
    monitor = ai.Monitor.for_transformers()
    trainer = trainer_of(monitor, failing := At(_2=raising(RuntimeError("no memory"))))
    with pytest.raises(RuntimeError):
        trainer.train()
    failing.todo.clear()
    trainer.train()
    assert "stopped: it began again" in notebook.places[0].words
    assert "stopped" not in notebook.places[1].words
    assert len(notebook.shell.events.callbacks["post_run_cell"]) == 0


def test_a_loss_that_is_not_finite_is_said_though_the_trainer_drops_it(trainer_of, notebook):
    net = model()
    trainer = trainer_of(monitor := ai.Monitor.for_transformers(), net=net, max_steps=6)
    trainer.add_callback(At(_3=lambda: net.classifier.weight.data.fill_(math.nan)))
    trainer.train()
    losses = [row["loss"] for row in monitor.history]
    assert [math.isfinite(loss) for loss in losses] == [True] * 3 + [False] * 3
    assert str(monitor.history.troubles[0]) == "loss is nan at step 4"
    assert [entry["loss"] for entry in trainer.state.log_history if "loss" in entry][3:] == [0.0] * 3


# logs alone


def test_logs_of_others_and_what_comes_twice_make_no_row():
    book = LogBook()
    assert not book.read({"my_own": 1.0}, 1, 0.1)
    assert not book.read({"loss": "much"}, 1, 0.1)
    assert not book.read({"loss": 1.0}, 0, 0.0)
    assert book.read({"loss": 1.0, "learning_rate": 0.1, "grad_norm": 2.0}, 3, 0.3)
    assert not book.read({"loss": 9.0}, 3, 0.3)
    book.judge({"test_loss": 1.0, "eval_runtime": 3.0}, 3, 0.3)
    assert book.history.evaluations == []
    assert len(book.history) == 1


def test_a_log_that_comes_after_the_evaluation_of_its_step_fills_the_row():
    book = LogBook()
    book.judge({"eval_loss": 2.0}, 4, 0.5)
    assert math.isnan(book.history.last["loss"])
    book.read({"loss": 1.5}, 4, 0.5)
    assert [(row["step"], row["loss"], row["eval_loss"]) for row in book.history] == [(4, 1.5, 2.0)]


# joining a trainer; what makes no sense


def test_a_trainer_that_is_there_loses_its_table(trainer_of, notebook):
    trainer = trainer_of()
    trainer.add_callback(NotebookProgressCallback)
    monitor = ai.Monitor.for_transformers(trainer)
    kinds = [type(callback) for callback in trainer.callback_handler.callbacks]
    assert monitor in trainer.callback_handler.callbacks
    assert NotebookProgressCallback not in kinds
    trainer.train()
    assert len(monitor.history) == 18


def test_a_trainer_that_is_there_keeps_its_bar_outside_a_notebook(trainer_of):
    trainer = trainer_of()
    before = [type(callback) for callback in trainer.callback_handler.callbacks]
    ai.Monitor.for_transformers(trainer)
    assert [type(callback) for callback in trainer.callback_handler.callbacks] == [*before, there.TransformersMonitor]


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"points": -1}, "points=-1"),
        ({"points": 2.5}, "points=2.5"),
        ({"points": True}, "points=True"),
        ({"pace": -1}, "pace=-1"),
        ({"pace": math.nan}, "pace=nan"),
        ({"pace": "fast"}, "pace='fast'"),
        ({"replay": [Change(1, "momentum", 1.0)]}, "momentum"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(given, named):
    with pytest.raises(ConfigError, match=named) as caught:
        ai.Monitor.for_transformers(**given)
    assert caught.value.why
    assert caught.value.fix


def test_what_takes_no_callback_is_refused():
    with pytest.raises(ConfigError, match="A int can't take a callback"):
        ai.Monitor.for_transformers(3)


def test_no_look_inside_is_offered(trainer_of, notebook):
    """The phases of that trainer can't be told apart; what a page asks all the same changes nothing."""
    monitor = ai.Monitor.for_transformers()
    asked = At(_2=lambda: [click(notebook, kind) for kind in ("look", "next_phase")])
    trainer = trainer_of(monitor, asked, max_steps=4)
    trainer.train()
    assert {"pause", "stop"} <= set(notebook.panels[0].facts["controls"])
    assert "look" not in notebook.panels[0].facts["controls"]
    assert trainer.state.global_step == 4
