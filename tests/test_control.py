"""The levers of a run that is going on: they act at a step's edge, are kept in the history, and can be repeated bit for bit."""

from __future__ import annotations

import threading
import time

import pytest

import aitrain_nb as ai
from aitrain_nb.control import Change, Control


def run(**fields):
    return ai.prepare(data="digits", **({"model": "mlp", "max_steps": 30, "keep": "last"} | fields))


def at_step(trainer, step, act):
    """A watcher that does something after this step."""

    def watch(record):
        if isinstance(record, ai.Update) and record.step == step:
            act(trainer)

    trainer.watchers.append(watch)


@pytest.mark.parametrize(
    "fields", [{}, {"schedule": "cosine", "warmup_steps": 5}, {"optimizer": "sgd", "momentum": 0.9}]
)
def test_a_new_rate_holds_from_the_next_step_on_and_a_replay_repeats_it_bit_for_bit(fields):
    trainer, plain = run(**fields), run(**fields)
    at_step(trainer, 10, lambda it: setattr(it.control, "learning_rate", 0.02))
    at_step(trainer, 20, lambda it: setattr(it.control, "learning_rate", 0.0005))
    trainer.fit(display="none")
    assert trainer.history.changes == [Change(11, "learning_rate", 0.02), Change(21, "learning_rate", 0.0005)]
    rates, planned = trainer.history.frame()["lr"], plain.plan.rates()
    peaks = [0.001] * 10 + [0.02] * 10 + [0.0005] * 10
    assert rates.tolist() == pytest.approx(
        [rate / 0.001 * peak for rate, peak in zip(planned, peaks, strict=True)], rel=1e-12
    )

    again = run(**fields)
    again.fit(display="none", replay=trainer.history)
    assert again.fingerprint() == trainer.fingerprint()
    assert again.history.changes == trainer.history.changes
    plain.fit(display="none")
    assert plain.fingerprint() != trainer.fingerprint()


def test_a_change_is_undone_with_its_step():
    trainer = run(snapshot_every=1)
    at_step(trainer, 29, lambda it: setattr(it.control, "learning_rate", 0.5))
    trainer.fit(display="none")
    assert trainer.history.last["lr"] == 0.5
    trainer.undo()
    assert trainer.history.changes == []
    for _ in trainer.phases():
        pass
    assert trainer.history.last["lr"] == 0.001


def test_going_on_keeps_the_rate_that_was_set():
    trainer = run()
    at_step(trainer, 10, lambda it: setattr(it.control, "learning_rate", 0.02))
    at_step(trainer, 15, lambda it: it.stop())
    trainer.fit(display="none")
    trainer.watchers.clear()
    trainer.fit(display="none")
    assert trainer.history.frame()["lr"].tolist()[15:] == [0.02] * 15


def test_a_paused_run_waits_steps_singly_and_goes_on():
    trainer = run()
    at_step(trainer, 5, lambda it: setattr(it.control, "paused", True))
    steps = []

    def person():
        wait_for(lambda: trainer.control.paused and trainer.step == 5)
        time.sleep(0.1)
        steps.append(trainer.step)
        for _ in range(2):
            before = trainer.step
            trainer.control.step_once()
            wait_for(lambda before=before: trainer.step == before + 1)
        time.sleep(0.1)
        steps.append(trainer.step)
        trainer.control.paused = False

    thread = threading.Thread(target=person)
    thread.start()
    trainer.fit(display="none")
    thread.join()
    assert steps == [5, 7]
    assert trainer.step == 30
    assert {change.name for change in trainer.history.changes} == {"paused"}
    plain = run()
    plain.fit(display="none")
    assert trainer.fingerprint() == plain.fingerprint()


def test_a_paused_run_can_be_stopped():
    trainer = run()
    at_step(trainer, 5, lambda it: setattr(it.control, "paused", True))
    timer = threading.Timer(0.3, trainer.stop)
    timer.start()
    trainer.fit(display="none")
    assert trainer.step == 5
    assert trainer.ending.state == "stopped"


def test_a_pace_is_kept_and_can_be_changed():
    trainer = run(max_steps=20)
    began = time.monotonic()
    trainer.fit(display="none", pace=40)
    assert time.monotonic() - began > 0.4  # 20 steps at 40 a second
    assert trainer.history.changes == []


def test_without_a_touch_nothing_is_kept():
    trainer = run()
    trainer.fit(display="none")
    assert trainer.history.changes == []


def test_full_speed_may_be_asked_for_while_the_run_waits_for_its_pace():
    trainer = run()

    def ask(*, paused):
        trainer.control.pace = 0.0

    trainer.control.while_waiting = ask
    trainer.fit(display="none", pace=40)
    assert [change.value for change in trainer.history.changes] == [0.0]


@pytest.mark.parametrize("pace", [-1, "fast", float("inf"), float("nan"), True])
def test_a_pace_that_cannot_be_kept_is_refused(pace):
    with pytest.raises(ai.ConfigError, match="pace"):
        run().fit(display="none", pace=pace)


def test_an_unknown_change_is_refused():
    with pytest.raises(ai.ConfigError, match="momentum"):
        run().fit(display="none", replay=[(3, "momentum", 0.5)])


@pytest.mark.parametrize("replay", [3, [3], "changes", [(3,)]])
def test_what_is_no_history_is_not_repeated_and_the_run_stays_as_long_as_it_was(replay):
    trainer = run()
    steps = trainer.total_steps
    with pytest.raises(ai.ConfigError, match="replay takes the history"):
        trainer.fit(display="none", replay=replay, max_steps=steps + 5)
    assert trainer.total_steps == steps


def test_planned_changes_are_taken_in_order():
    control = Control()
    control.begin(0.0, [Change(4, "learning_rate", 0.3), Change(2, "learning_rate", 0.2), Change(2, "paused", 1.0)])
    assert control.asked(1, 0.1) == []
    assert control.asked(2, 0.1) == [Change(2, "learning_rate", 0.2)]
    assert control.asked(3, 0.2) == []
    assert control.asked(9, 0.2) == [Change(9, "learning_rate", 0.3)]


def wait_for(fulfilled, seconds=60.0):
    end = time.monotonic() + seconds
    while not fulfilled():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_a_step_asked_for_just_before_resume_is_none_of_the_next_pause():
    control = Control()
    control.paused = True
    control.step_once()
    control.step_once()
    control.paused = False
    control.wait(lambda: False)
    control.paused = True
    looks = []
    control.while_waiting = lambda *, paused: looks.append(paused)
    control.wait(lambda: len(looks) > 2)
    assert looks[:3] == [True, True, True]
