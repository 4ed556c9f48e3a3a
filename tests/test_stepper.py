"""The stepper without a browser: what the page is told, what a click does, and what stays in the file."""

import signal
import sys
import threading

import pytest
import torch

import aitrain_nb as ai
from aitrain_nb.engine.interrupts import Breakable
from aitrain_nb.widgets.stepper import Stepper


@pytest.fixture
def stepper(make, monkeypatch):
    made = Stepper(make(epochs=1, max_steps=None, batch_size=200))
    monkeypatch.setattr(made, "in_turn", lambda act: act() or True)
    return made


def click(stepper, kind):
    stepper._hear(None, {"type": kind}, [])


def states(stepper):
    return [box["state"] for box in stepper.boxes]


def test_a_click_is_the_call(stepper):
    assert states(stepper) == ["next", "ahead", "ahead", "ahead", "ahead"]
    click(stepper, "next_phase")
    click(stepper, "next_phase")
    assert states(stepper) == ["done", "done", "next", "ahead", "ahead"]
    assert stepper.told["click"] == "forward = trainer.forward(batch)"
    assert stepper.value is stepper.record
    assert "Forward" in stepper.boxes[1]["html"]
    click(stepper, "next_step")
    assert stepper.walk.trainer.step == 1
    click(stepper, "back")
    assert stepper.walk.trainer.step == 0
    assert stepper.told["click"] == "trainer.undo()"


def test_the_end_of_the_epoch_is_reached_and_stopped(stepper, monkeypatch):
    told = []
    stepper.observe(lambda change: told.append(change.new["busy"]), "told")
    click(stepper, "to_epoch_end")
    assert stepper.walk.trainer.step == stepper.walk.trainer.total_steps
    assert told[0]
    assert not told[-1]
    assert stepper.told["can"] == ["back"]
    assert stepper.told["lines"][-1].startswith("Epoch 1: ")
    for _ in range(3):
        click(stepper, "back")
    monkeypatch.setattr(stepper, "_after_step", lambda: click(stepper, "stop"))
    before = stepper.walk.trainer.step
    click(stepper, "to_epoch_end")
    assert stepper.walk.trainer.step == before + 1


def test_a_problem_is_said_where_it_was_clicked(stepper):
    click(stepper, "back")
    assert "no step to take back" in stepper.told["problem"]
    click(stepper, "next_phase")
    assert not stepper.told["problem"]
    stepper.walk.trainer.model.output.weight.data = stepper.walk.trainer.model.output.weight.data[:, :3]
    click(stepper, "next_phase")
    assert stepper.told["problem"].startswith("RuntimeError: ")


@pytest.mark.parametrize("kind", ["fit", "_tell", "record", "", "__init__"])
def test_only_the_moves_can_be_asked_for(stepper, kind):
    before = stepper.told
    click(stepper, kind)
    assert stepper.told == before


def test_without_a_loop_the_line_to_run_is_said(make):
    stepper = Stepper(make())
    stepper._loop = None  # a browser test in the same process has one
    click(stepper, "next_step")
    assert "stepper.next_step()" in stepper.told["problem"]
    assert stepper.walk.trainer.step == 0


def test_the_twin_and_the_text_say_it_all(stepper):
    stepper.next_step()
    twin, text = stepper.twin(), repr(stepper)
    for record in stepper.walk.records.values():
        assert record.brief() in text
    assert twin.count("<details>") >= 6
    assert "trainer.phases()" in twin
    assert "<script" not in twin
    assert "loss=" in text


def test_hostile_labels_stay_text():
    nasty = ["<img src=x onerror=alert(1)>", "<script>alert(1)</script>"]
    data = ai.Dataset(
        {"text": [f"{nasty[i % 2]} {i}" for i in range(40)], "label": [nasty[i % 2] for i in range(40)]}
    ).split(0.2)
    stepper = Stepper(ai.prepare(data=data, vocabulary_size=300, batch_size=8, max_steps=2))
    stepper.next_step()
    for page in (stepper.twin(), *(box["html"] for box in stepper.boxes)):
        assert "<img src=x" not in page
        assert "<script" not in page


@pytest.mark.parametrize("question", ["unit_off", "gradient", "blame", "agreement", "forgotten", "rates", "profile"])
def test_stop_ends_a_question_and_the_run_is_as_it_was(stepper, question):
    stepper.next_step()
    if question == "profile":
        stepper.next_step()
    trainer = stepper.walk.trainer
    state = torch.get_rng_state()
    before = (trainer.fingerprint(), trainer.step, trainer.order.cursor, len(trainer.history), trainer.model.training)
    calls = []

    def pressed(*_):
        calls.append(question)
        click(stepper, "stop")

    hook = torch.nn.modules.module.register_module_forward_hook(pressed)  # whichever copy computes
    try:
        stepper._hear(None, {"type": "ask", "name": question, "values": {}}, [])
    finally:
        hook.remove()
    assert calls
    assert stepper.told["problem"] == "Stopped before there was an answer; the run is as it was."
    assert stepper.walk.asked == []
    now = (trainer.fingerprint(), trainer.step, trainer.order.cursor, len(trainer.history), trainer.model.training)
    assert now == before
    assert torch.equal(torch.get_rng_state(), state)
    stepper._hear(None, {"type": "ask", "name": question, "values": {}}, [])
    assert not stepper.told["problem"]
    assert len(stepper.walk.asked) == 1
    stepper.next_step()


def test_stop_on_the_way_back_leaves_the_run_at_a_step_it_was_at(make):
    trainer = make(epochs=2, max_steps=12, snapshot_every=6, evaluate_every=0, keep="last")
    trainer.fit(display="none")
    losses = [row["loss"] for row in trainer.history]
    stepper = Stepper(trainer)
    stepper.in_turn = lambda act: act() or True
    calls = []

    def pressed(*_):
        calls.append(trainer.step)
        if trainer.step == 8:
            click(stepper, "stop")

    hook = trainer.model.register_forward_hook(pressed)
    stepper._hear(None, {"type": "ask", "name": "rewind", "values": {"step": 10}}, [])
    hook.remove()
    assert calls
    assert stepper.told["problem"] == f"Stopped before there was an answer; the run stands at step {trainer.step}."
    assert 6 <= trainer.step < 10
    assert [row["loss"] for row in trainer.history] == losses[: trainer.step]
    trainer.fit(display="none")
    assert [row["loss"] for row in trainer.history] == losses


def test_a_stop_when_no_question_is_asked_interrupts_nothing(stepper):
    taken = signal.getsignal(signal.SIGINT)
    click(stepper, "stop")
    stepper.next_step()
    stepper._hear(None, {"type": "ask", "name": "rates", "values": {}}, [])
    click(stepper, "stop")
    assert signal.getsignal(signal.SIGINT) is taken
    assert stepper.walk.asked


def test_a_stop_that_comes_at_the_end_is_one_interrupt_or_none():
    """However the two threads meet, nothing is raised afterwards, and the handler that was there is put back."""
    breakable, taken, over = Breakable(), signal.getsignal(signal.SIGINT), threading.Event()

    def hand():
        while not over.is_set():
            breakable.stop()

    pressing, before = threading.Thread(target=hand), sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # the two take turns as often as they can
    pressing.start()
    ends = {"whole": 0, "broken": 0}
    try:
        for number in range(1_000_000):
            try:
                breakable.do(lambda: sum(range(number % 50)))  # noqa: B023
                ends["whole"] += 1
            except KeyboardInterrupt:
                ends["broken"] += 1
            assert signal.getsignal(signal.SIGINT) is taken
            if number > 3000 and all(ends.values()):
                break
    finally:
        over.set()
        pressing.join()
        sys.setswitchinterval(before)
    assert all(ends.values())
