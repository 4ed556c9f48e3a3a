"""Complaints about training tools that must be impossible here: one class a promise.

Some have a module of their own: 1 and 5 are in ui/test_live.py and test_widgets.py, 2 and 15 in test_widgets.py and test_control.py, 6 in
ui/ and test_widget_promises.py, 10 in test_resuming.py and test_torture.py (all of it: `make torture`), 14 in test_bad_input.py (beyond
the table: `make fuzz`), security in test_security.py and test_every_view.py.
"""

from __future__ import annotations

import ast
import functools
import gc
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
import weakref
from contextlib import contextmanager
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
import torch
from test_trials import state_of

import aitrain_nb as ai
from aitrain_nb.control import Change

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from surviving import end_at, run_out_of_memory

PACKAGE = pathlib.Path(ai.__file__).parent


def run_python(code: str, **environment: str) -> str:
    """What a fresh Python prints."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=os.environ | environment,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def fingerprints_of_a_whole_run(**fields) -> tuple[dict[int, str], ai.Trainer]:
    """Fingerprint after each step of an undisturbed run."""
    trainer = ai.prepare(**fields)
    found = {0: trainer.fingerprint()}
    trainer.watchers.append(
        lambda record: found.__setitem__(record.step, trainer.fingerprint()) if isinstance(record, ai.Update) else None
    )
    trainer.fit(display="none")
    return found, trainer


class TestPromise3AnInterruptIsANormalEnding:
    """Interrupting loses nothing: weights whole, history whole, the next fit goes on."""

    fields: ClassVar = {"model": "mlp", "epochs": 3, "evaluate_every": 9, "keep": "last", "log_every": 1}

    def test_at_fifty_random_moments(self, monkeypatch):
        whole, straight = fingerprints_of_a_whole_run(**self.fields)
        losses = straight.history.frame()["loss"].tolist()
        late = []

        def ours(*_arguments):
            late.append("an interrupt that came after the run had ended by itself")

        before = signal.signal(signal.SIGINT, ours)
        try:
            chance = random.Random(7)
            trainer, interrupted, at = ai.prepare(**self.fields), 0, set()
            while interrupted < 50:
                if trainer.step >= trainer.total_steps:
                    assert trainer.fingerprint() == straight.fingerprint()
                    assert trainer.history.frame()["loss"].tolist() == losses
                    trainer = ai.prepare(**self.fields)
                self.fit_with_an_interrupt(trainer, chance.uniform(0, 0.02))
                assert signal.getsignal(signal.SIGINT) is ours
                assert trainer.fingerprint() == whole[trainer.step]
                assert trainer.history.frame()["loss"].tolist() == losses[: trainer.step]
                if trainer.ending.reason == "interrupted":
                    interrupted += 1
                    at.add(trainer.step)
            assert len(at) > 10
        finally:
            signal.signal(signal.SIGINT, before)

    def fit_with_an_interrupt(self, trainer, delay):
        began = threading.Event()

        def send():
            began.wait()
            time.sleep(delay)
            os.kill(os.getpid(), signal.SIGINT)

        trainer.watchers[:] = [lambda _record: began.set()]
        sender = threading.Thread(target=send)
        sender.start()
        trainer.fit(display="none")
        began.set()
        sender.join()

    @pytest.mark.parametrize("place", ["forward", "backward", "update", "evaluation", "display"])
    def test_in_each_phase(self, place):
        whole, straight = fingerprints_of_a_whole_run(**self.fields)
        trainer = ai.prepare(**self.fields)
        fired = []

        def once(*_arguments):
            wanted = trainer.step == (18 if place == "evaluation" else 20)
            evaluating = not trainer.model.training
            if wanted and not fired and evaluating == (place == "evaluation"):
                fired.append(place)
                os.kill(os.getpid(), signal.SIGINT)

        if place in {"forward", "evaluation"}:
            trainer.model.hidden.register_forward_hook(once)
        elif place == "backward":
            trainer.model.hidden.weight.register_hook(once)
        elif place == "update":
            trainer.optimizer.register_step_pre_hook(once)
        else:
            trainer.watchers.append(once)
        trainer.fit(display="none")
        assert fired == [place]
        assert trainer.ending.state == "stopped"
        assert trainer.step < trainer.total_steps
        assert trainer.fingerprint() == whole[trainer.step]
        trainer.fit(display="none")
        assert trainer.fingerprint() == straight.fingerprint()
        assert trainer.history.frame()["loss"].tolist() == straight.history.frame()["loss"].tolist()
        assert [row["eval_loss"] for row in trainer.history.evaluations] == [
            row["eval_loss"] for row in straight.history.evaluations
        ]

    def test_a_second_interrupt_raises_and_drops_the_step_whole(self):
        whole, straight = fingerprints_of_a_whole_run(**self.fields)
        trainer = ai.prepare(**self.fields)
        handler = signal.getsignal(signal.SIGINT)

        fired = []

        def twice(*_arguments):
            if trainer.step == 20 and not fired:
                fired.append("twice")
                os.kill(os.getpid(), signal.SIGINT)
                os.kill(os.getpid(), signal.SIGINT)

        trainer.model.hidden.register_forward_hook(twice)
        with pytest.raises(KeyboardInterrupt):
            trainer.fit(display="none")
        assert signal.getsignal(signal.SIGINT) is handler
        assert trainer.fingerprint() == whole[20]
        assert (trainer.ending.state, trainer.ending.reason) == ("stopped", "interrupted")
        trainer.fit(display="none")
        assert trainer.fingerprint() == straight.fingerprint()

    @pytest.mark.parametrize("by", ["fit", "hand"])
    def test_a_second_interrupt_inside_an_update_waits_until_it_is_whole(self, by):
        """The weights have moved and the row isn't in the history yet: both or neither."""
        whole, straight = fingerprints_of_a_whole_run(**self.fields)
        trainer = ai.prepare(**self.fields)
        add, fired = trainer.history.add_step, []

        def twice(row):
            if row[0] == 20 and not fired:
                fired.append("twice")
                os.kill(os.getpid(), signal.SIGINT)
                os.kill(os.getpid(), signal.SIGINT)
            add(row)

        trainer.history.add_step = twice
        before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores interrupts
        try:
            with pytest.raises(KeyboardInterrupt):
                trainer.fit(display="none") if by == "fit" else [None for _ in trainer.run()]
        finally:
            signal.signal(signal.SIGINT, before)
        assert fired
        assert trainer.step == len(trainer.history) == 20
        assert trainer.fingerprint() == whole[20]
        trainer.fit(display="none")
        assert trainer.fingerprint() == straight.fingerprint()
        assert trainer.history.frame()["loss"].tolist() == straight.history.frame()["loss"].tolist()

    def test_on_another_thread_fit_trains_as_well(self):
        trainer = ai.prepare(**self.fields)
        worker = threading.Thread(target=lambda: trainer.fit(display="none"))
        worker.start()
        worker.join()
        assert trainer.ending.state == "done"


class TestPromise4TheRateFinderChangesNothing:
    """A run is the same with and without a range test before it, however the range test ended: also in the middle of another run."""

    kinds: ClassVar = {
        "an mlp": {},
        "a network with buffers": {"model": "small-cnn", "optimizer": "sgd", "momentum": 0.9},
        "a network with dropout on texts": {"data": "tickets", "model": None},
        "batches in parts": {"gradient_accumulation_steps": 2},
        "images that are moved": {"model": "small-cnn", "augmentation": "affine"},
    }

    def run(self, make, **fields) -> ai.Trainer:
        return make(max_steps=6, evaluate_every=3, schedule="cosine", warmup_steps=2, log_every=1, **fields)

    @contextmanager
    def at_each_loss(self, trainer, act):
        """Call `act` before each loss of the range test."""
        real = trainer.task.loss

        def watched(*arguments):
            act()
            return real(*arguments)

        trainer.task.loss = watched
        try:
            yield
        finally:
            del trainer.task.loss

    def pulls_the_cable(self, trainer):
        def act():
            if trainer.step >= 4:
                raise RuntimeError("the cable was pulled")

        with self.at_each_loss(trainer, act), pytest.raises(RuntimeError, match="cable"):
            ai.find_learning_rate(trainer, steps=20)

    def interrupts(self, trainer, moment=0.1):
        before, timers = signal.getsignal(signal.SIGINT), []

        def act():
            if not timers:  # counted from its first loss on, so that it never comes before the range test
                timers.append(threading.Timer(moment, os.kill, (os.getpid(), signal.SIGINT)))
                timers[0].start()

        with self.at_each_loss(trainer, act):
            found = ai.find_learning_rate(trainer, highest=1e-5, steps=10_000)
        assert found.ended == "interrupted"
        assert "interrupted" in found.text()
        assert signal.getsignal(signal.SIGINT) is before

    def goes_to_its_end(self, trainer):
        found = ai.find_learning_rate(trainer, steps=20)
        assert len(found.losses) == len(found.learning_rates) >= 10

    @pytest.mark.parametrize("how", ["goes_to_its_end", "pulls_the_cable", "interrupts"])
    @pytest.mark.parametrize("kind", kinds)
    def test_before_the_first_step(self, make, kind, how):
        with_it, without = (self.run(make, **self.kinds[kind]) for _ in range(2))
        before = state_of(with_it)
        getattr(self, how)(with_it)
        assert state_of(with_it) == before == state_of(without)
        assert all(weight.grad is None for weight in with_it.model.parameters())
        self.compare_the_rest(with_it, without)

    @pytest.mark.parametrize("how", ["goes_to_its_end", "pulls_the_cable", "interrupts"])
    def test_between_two_steps(self, make, how):
        with_it, without = (self.run(make, model="small-cnn") for _ in range(2))
        for trainer in (with_it, without):
            for _ in range(2):
                list(trainer.phases())
            trainer.model.eval()
        before = state_of(with_it)
        getattr(self, how)(with_it)
        assert state_of(with_it) == before
        self.compare_the_rest(with_it, without)

    def compare_the_rest(self, with_it: ai.Trainer, without: ai.Trainer):
        """Both runs go on to their end: the same losses, the same weights, the same everything."""
        for trainer in (with_it, without):
            trainer.fit("none")
        one, other = (trainer.history.frame().drop(columns="seconds") for trainer in (with_it, without))
        pd.testing.assert_frame_equal(one, other, check_exact=True)
        assert with_it.step == 6
        assert state_of(with_it) == state_of(without)

    def test_interrupted_at_random_moments(self, make):
        trainer, chance = self.run(make, model="small-cnn"), random.Random(4)
        before = state_of(trainer)
        for _ in range(15):
            self.interrupts(trainer, chance.uniform(0, 0.1))
            assert state_of(trainer) == before


class TestPromise7TheLoggedLossIsTrue:
    """Nothing hidden: NaN is in the history, the first step is logged, evaluation rows carry a training loss."""

    def test_nan_planted_at_step_37_is_in_row_37_and_is_reported(self, lose_a_number, capsys):
        trainer = ai.prepare(model="mlp", max_steps=60, evaluate_every=10, nan_policy="mark")
        lose_a_number(trainer, after=36)
        trainer.fit()
        frame = trainer.history.frame().set_index("step")
        assert frame["loss"].loc[:36].notna().all()
        assert frame["loss"].loc[37:].isna().all()
        assert trainer.history.troubles[0] == (37, "loss", trainer.history.troubles[0].value)
        assert "loss is nan at step 37" in capsys.readouterr().out
        assert trainer.ending.kept_step == 30
        assert all(bool(torch.isfinite(weight).all()) for weight in trainer.model.parameters())

    def test_every_evaluation_row_carries_a_training_loss(self):
        trainer = ai.prepare(model="mlp", max_steps=50, evaluate_every=7)
        trainer.fit(display="none")
        assert len(trainer.history.evaluations) == 8
        assert all(row["train_loss"] > 0 and row["eval_loss"] > 0 for row in trainer.history.evaluations)

    def test_label_smoothing_does_not_colour_the_history(self):
        plain, smooth = ai.prepare(model="mlp", max_steps=1), ai.prepare(model="mlp", max_steps=1, label_smoothing=0.5)
        plain.fit(display="none")
        smooth.fit(display="none")
        assert plain.history.last["loss"] == smooth.history.last["loss"]

    def test_an_epoch_that_is_lost_still_has_its_line(self, capsys):
        trainer = ai.prepare(model="mlp", epochs=2, nan_policy="mark")
        with torch.no_grad():
            trainer.model.output.bias[0] = float("nan")
        trainer.fit()
        lines = [line for line in capsys.readouterr().out.splitlines() if "Validation loss" in line]
        assert [line.split(":")[0] for line in lines] == ["Epoch 1", "Epoch 2"]
        assert "nan" in lines[-1]
        assert "no validation loss was a finite number" in trainer.ending.kept


class TestPromise9OutOfMemoryTakesSmallerPortions:
    """The micro-batch is halved at the step's edge, which is said; no step is repeated or lost; evaluation is a matter of its own."""

    fields: ClassVar = {
        "model": "small-cnn",
        "max_steps": 12,
        "evaluate_every": 4,
        "keep": "last",
        "threads": 1,
        "augmentation": "shift",
    }

    def short_of_memory(self, most, *, also_in_evaluation=False, **fields):
        trainer = ai.prepare(**self.fields, **fields)
        hook = functools.partial(run_out_of_memory, most=most, also_in_evaluation=also_in_evaluation)
        trainer.model.register_forward_pre_hook(hook, with_kwargs=True)
        return trainer

    def test_the_losses_are_those_of_the_smaller_batches(self, capsys):
        trainer = self.short_of_memory(10, batch_size=32)
        trainer.fit()
        small = ai.prepare(**self.fields, batch_size=8, gradient_accumulation_steps=4)
        small.fit(display="none")
        assert [row["loss"] for row in trainer.history] == [row["loss"] for row in small.history]
        assert trainer.fingerprint() == small.fingerprint()
        assert [row["step"] for row in trainer.history] == list(range(1, 13))
        assert trainer.history.changes == [Change(1, "micro_batch_size", 8)]
        assert "out of memory at step 1: 8 examples at once from here on, the batch stays" in capsys.readouterr().out
        assert trainer.ending.state == "done"

    def test_in_the_middle_of_a_run(self):
        fields = self.fields | {"augmentation": "none"}  # which draws anew for each micro-batch
        trainer, whole = (ai.prepare(**fields, batch_size=32) for _ in range(2))
        whole.fit(display="none")

        def lose_memory(record):
            if isinstance(record, ai.Update) and record.step == 6:
                trainer.model.register_forward_pre_hook(functools.partial(run_out_of_memory, most=16), with_kwargs=True)

        trainer.watchers.append(lose_memory)
        trainer.fit(display="none")
        losses, same = ([row["loss"] for row in run.history] for run in (trainer, whole))
        assert losses[:6] == same[:6]
        assert losses == pytest.approx(same, rel=1e-4)
        assert trainer.history.changes == [Change(7, "micro_batch_size", 16)]
        assert trainer.order.cursor == whole.order.cursor

    def test_in_backward(self):
        trainer = ai.prepare(**self.fields, batch_size=32)
        twin = ai.prepare(**self.fields, batch_size=16, gradient_accumulation_steps=2)

        def run_out(gradient):
            if len(gradient) > 16:
                raise RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory")

        def watch(_module, _inputs, output):
            if output.requires_grad:
                output.register_hook(run_out)

        trainer.model.register_forward_hook(watch)
        trainer.fit(display="none")
        twin.fit(display="none")
        assert trainer.fingerprint() == twin.fingerprint()

    def test_in_evaluation_only_its_batch_changes(self):
        trainer, whole = (
            self.short_of_memory(40, also_in_evaluation=True, batch_size=32),
            ai.prepare(**self.fields, batch_size=32),
        )
        trainer.fit(display="none")
        whole.fit(display="none")
        assert [row["loss"] for row in trainer.history] == [row["loss"] for row in whole.history]
        (change,) = trainer.history.changes
        assert change.name == "evaluation_batch_size"
        assert change.value <= 40
        assert len(trainer.history.evaluations) == 3
        mine, theirs = ([row["eval_loss"] for row in run.history.evaluations] for run in (trainer, whole))
        assert mine == pytest.approx(theirs, rel=1e-5)

    def test_a_prediction_takes_smaller_portions_too(self):
        trainer = self.short_of_memory(3, also_in_evaluation=True)
        images = trainer.data.validation.columns["image"][:10]
        assert len(trainer.predict(images)) == 10

    def test_one_example_that_is_too_much_is_said_and_nothing_is_lost(self):
        trainer = ai.prepare(**self.fields)
        for _ in range(3):
            list(trainer.phases())
        before, cursor = trainer.fingerprint(), trainer.order.cursor
        handle = trainer.model.register_forward_pre_hook(run_out_of_memory, with_kwargs=True)
        with pytest.raises(ai.OutOfMemoryError, match="at step 4, with one example at a time") as raised:
            trainer.fit(display="none")
        assert "Tried to allocate 2.00 GiB" in raised.value.why
        assert trainer.ending.reason == "OutOfMemoryError at step 4"
        assert (trainer.fingerprint(), trainer.order.cursor, trainer.step) == (before, cursor, 3)
        assert not trainer.history.changes  # smaller portions didn't help
        handle.remove()
        trainer.fit(display="none")
        assert trainer.ending.state == "done"

    def test_an_optimizer_without_room_is_said(self):
        trainer = ai.prepare(**self.fields)
        trainer.optimizer.register_step_pre_hook(run_out_in_the_optimizer)
        with pytest.raises(ai.OutOfMemoryError, match="in the update of step 1"):
            trainer.fit(display="none")

    def test_it_goes_on_from_a_folder_as_it_was(self, tmp_path):
        whole = self.short_of_memory(10, batch_size=32)
        whole.fit(display="none")
        half = self.short_of_memory(10, batch_size=32, save_every=4)
        half.watchers.append(lambda record: half.stop() if record.step == 8 and isinstance(record, ai.Update) else None)
        half.fit(display="none", output_dir=tmp_path / "run")
        again = ai.load_run(tmp_path / "run")
        again.fit(display="none")
        assert again.fingerprint() == whole.fingerprint()

    def test_another_error_is_none_of_its_business(self):
        trainer = ai.prepare(**self.fields)
        trainer.model.register_forward_pre_hook(lambda *_: (_ for _ in ()).throw(RuntimeError("shapes differ")))
        with pytest.raises(RuntimeError, match="shapes differ"):
            trainer.fit(display="none")
        assert not trainer.history.changes


def run_out_in_the_optimizer(*_):
    raise torch.OutOfMemoryError("CUDA out of memory.")


class TestPromise8TheBestWeightsAreWhatOneGets:
    """Whatever the ending, the model holds the best evaluated weights and says so."""

    fields: ClassVar = {"model": "mlp", "learning_rate": 0.05, "evaluate_every": 3, "epochs": 2, "weight_decay": 0.0}

    @pytest.mark.parametrize(
        ("kind", "state"),
        [("last epoch", "done"), ("early stop", "stopped"), ("stop", "stopped"), ("watcher", "stopped"),
         ("interrupt", "stopped"), ("exception", "failed"), ("out of memory", "failed")],
    )  # fmt: skip
    def test_six_endings_and_a_watchers(self, kind, state, capsys):
        more = {"early_stopping": "patience", "early_stopping_patience": 2} if kind == "early stop" else {}
        trainer = ai.prepare(**self.fields, **more)
        best = {}

        def remember(record):
            if isinstance(record, ai.Evaluation):
                best[record.loss] = trainer.fingerprint()

        trainer.watchers.append(remember)
        end_at(trainer, kind, 40)
        if state == "failed":
            with pytest.raises((ValueError, ai.OutOfMemoryError)):
                trainer.fit()
        else:
            trainer.fit()
        assert trainer.ending.state == state
        lowest = min(best)
        assert len(best) > 3
        assert trainer.fingerprint() == best[lowest]
        assert trainer.evaluate().loss == lowest
        assert f"(validation loss {lowest:#.3g})" in capsys.readouterr().out.splitlines()[-1]
        if kind == "early stop":
            assert "early stopping" in trainer.ending.reason
            assert trainer.step < trainer.total_steps

    def test_run_has_the_same_ending_as_fit(self):
        fields = {"model": "mlp", "learning_rate": 0.05, "epochs": 60, "weight_decay": 0.0}
        fields |= {"early_stopping": "patience", "early_stopping_patience": 1}
        fitted, driven = ai.prepare(**fields), ai.prepare(**fields)
        fitted.fit(display="none")
        for _ in driven.run():
            pass
        assert driven.ending == fitted.ending
        assert driven.ending.state == "stopped"
        assert driven.fingerprint() == fitted.fingerprint()

    def test_the_detector_ends_a_run_that_memorises_and_the_best_weights_are_kept(self):
        fields = {"model": "mlp", "validation_fraction": 0.9, "learning_rate": 0.02, "weight_decay": 0.0, "epochs": 60}
        trainer = ai.prepare(**fields, early_stopping="detector")
        trainer.fit(display="none")
        verdict, rows = trainer.history.verdict, trainer.history.evaluations
        assert verdict.overfitting
        assert trainer.ending.state == "stopped"
        assert "the model overfits. Validation loss rises" in trainer.ending.reason
        assert ".;" not in trainer.ending.line
        assert verdict.best_epoch < len(rows) < 60
        assert trainer.ending.kept_step == rows[verdict.epoch]["step"]

    def test_letting_go_of_a_run_is_an_ending_too(self):
        trainer = ai.prepare(**self.fields)
        best = {}
        for record in trainer.run():
            if isinstance(record, ai.Evaluation):
                best[record.loss] = trainer.fingerprint()
            if trainer.step == 40:
                break
        del record
        assert trainer.ending.state == "stopped"
        assert trainer.fingerprint() == best[min(best)]

    def test_looking_at_the_next_batch_and_back_leaves_the_best_weights(self):
        trainer = ai.prepare(**self.fields)
        trainer.fit(display="none")
        kept, loss, ending = trainer.fingerprint(), trainer.evaluate().loss, trainer.ending
        trainer.tokenize()
        assert trainer.ending is None
        trainer.undo()
        assert trainer.fingerprint() == kept
        assert trainer.evaluate().loss == loss
        assert trainer.ending == ending

    def test_an_evaluation_names_the_weights_that_it_saw(self):
        trainer = ai.prepare(**self.fields | {"epochs": 4})
        trainer.fit(display="none")
        assert trainer.ending.kept_step < trainer.step
        assert trainer.evaluate().step == trainer.ending.kept_step
        trainer.resume()
        assert trainer.evaluate().step == trainer.step

    def test_keep_last_turns_it_off(self):
        whole, trainer = fingerprints_of_a_whole_run(**self.fields, keep="last")
        assert trainer.fingerprint() == whole[trainer.total_steps]

    def test_without_an_evaluation_the_last_are_kept(self):
        whole, trainer = fingerprints_of_a_whole_run(**self.fields | {"evaluate_every": 0})
        assert trainer.fingerprint() == whole[trainer.total_steps]
        assert "not evaluated" in trainer.ending.kept


FRESH_RUN = """
import json, random, sys
import numpy, torch
noise = "noise" in sys.argv
if noise:
    torch.manual_seed(123); torch.rand(17); random.random(); numpy.random.rand(5)
import aitrain_nb as ai
trainer = ai.prepare(model="small-vit", max_steps=8, evaluate_every=3)
if noise:
    trainer.evaluate()
    for record in trainer.phases():
        record.check(); record.text(); torch.rand(3)
trainer.fit(display="none")
print(json.dumps(trainer.history.frame()[["loss", "grad_norm"]].values.tolist()))
"""


class TestPromise11TheSameSeedGivesTheSameResult:
    """Our random numbers are our own, and the user's are theirs."""

    def test_two_fresh_processes_agree_and_looking_changes_nothing(self):
        quiet = json.loads(run_python(FRESH_RUN))
        noisy = json.loads(run_python("import sys; sys.argv.append('noise')\n" + FRESH_RUN))
        assert len(quiet) == 8
        assert quiet == noisy

    def test_the_users_generators_are_untouched(self):
        def sequence(with_us):
            torch.manual_seed(1)
            np.random.seed(1)  # noqa: NPY002  the user's global generator is what is tested
            random.seed(1)
            if with_us:
                trainer = ai.prepare(model="small-vit", max_steps=3)
                for record in trainer.phases():
                    record.check()
                trainer.fit(display="none")
                trainer.evaluate()
                trainer.undo() if trainer.snapshots.at(trainer.step - 1) else None
            return torch.rand(3).tolist(), np.random.rand(3).tolist(), random.random()  # noqa: NPY002

        assert sequence(with_us=True) == sequence(with_us=False)

    def test_dropout_differs_between_steps_and_repeats_with_the_seed(self):
        def first_two_forwards(seed):
            trainer = ai.prepare(model="small-vit", seed=seed)
            forward = trainer.forward(trainer.tokenize())
            again = trainer.inspector.replay(trainer.records, 0, trainer.records.before)
            other = trainer.inspector.replay(trainer.records, 0, trainer.records.before, training=False)
            return forward.logits, again, other

        logits, again, without_dropout = first_two_forwards(0)
        assert torch.equal(logits, again)
        assert not torch.equal(logits, without_dropout)
        assert torch.equal(logits, first_two_forwards(0)[0])


class TestPromise12InspectionLeavesNothingBehind:
    """Hooks are removed, memory stays flat, the user's own hooks still fire."""

    def hooks(self, model):
        return [
            (len(module._forward_hooks), len(module._forward_pre_hooks), len(module._backward_hooks))
            for module in model.modules()
        ]

    def test_hooks_are_what_they_were_also_after_an_error(self):
        trainer = ai.prepare(model="small-cnn")
        fired = []
        trainer.model.conv1.register_forward_hook(lambda *_: fired.append(1))
        before = self.hooks(trainer.model)
        forward = trainer.forward(trainer.tokenize())
        forward.check()
        assert len(forward.layers) == 9
        with trainer.capture("conv*") as seen:
            trainer.predict(trainer.data.validation.columns["image"][:2])
        assert set(seen.activations) == {"conv1", "conv2"}
        with pytest.raises(ai.DataError), trainer.capture("conv*"):
            trainer.predict("not a picture")
        with pytest.raises(ai.ModelError, match="conv1"), trainer.capture("conv9"):
            pass
        assert self.hooks(trainer.model) == before
        count = len(fired)
        trainer.loss(forward)
        trainer.predict(trainer.data.validation.columns["image"][:2])
        assert len(fired) == count + 1

    def test_five_hundred_inspections_take_no_memory(self):
        trainer = ai.prepare(model="mlp", snapshot_memory_bytes=10**6)
        alive = weakref.WeakSet()

        def inspect(times):
            for _ in range(times):
                for record in trainer.phases():
                    alive.add(record)
                    record.facts()
                    record.check()

        inspect(350)  # what leaks, leaks at each step: the last ones are watched, because watching is slow
        gc.collect()
        tracemalloc.start()
        try:
            inspect(30)
            gc.collect()
            first = tracemalloc.get_traced_memory()[0]
            inspect(120)
            gc.collect()
            grown = tracemalloc.get_traced_memory()[0] - first
        finally:
            tracemalloc.stop()
        assert grown < 120 * 1000, f"{grown / 120:.0f} bytes a step remain"
        assert len(alive) <= 5
        assert trainer.snapshots.size_bytes <= 10**6

    def test_a_trainer_goes_when_it_is_deleted(self):
        trainer = ai.prepare(model="mlp", max_steps=3)
        for record in trainer.phases():
            record.check()
        trainer.fit(display="none")
        model, trainer_itself = weakref.ref(trainer.model), weakref.ref(trainer)
        del trainer, record
        gc.collect()
        assert model() is None
        assert trainer_itself() is None


IMPORT_PROBE = """
import json, random, signal, socket, sys, threading
def refuse(*a, **k): raise SystemExit("the import reached for the network")
socket.socket.connect = refuse
before = (random.getstate(), signal.getsignal(signal.SIGINT))
import aitrain_nb
dir(aitrain_nb)
heavy = [m for m in ("torch","transformers","pandas","matplotlib","sklearn","datasets","numpy","pydantic","IPython","ipywidgets")
         if m in sys.modules]
print(json.dumps({"heavy": heavy, "threads": threading.active_count(),
                  "same": before == (random.getstate(), signal.getsignal(signal.SIGINT))}))
"""
USE_PROBE = """
import json, os, threading
import torch
torch.manual_seed(5); state = torch.get_rng_state(); threads = torch.get_num_threads()
environment = dict(os.environ)
import aitrain_nb as ai
ai.Trainer, ai.TrainConfig, ai.prepare, ai.Batch, ai.plots
import matplotlib
print(json.dumps({
  "generator": bool(torch.equal(state, torch.get_rng_state())), "threads": threads == torch.get_num_threads(),
  "cuda": torch.cuda.is_initialized(), "dtype": str(torch.get_default_dtype()),
  "environment": sorted(k for k in os.environ if k not in environment), "python_threads": threading.active_count(),
  "backend": matplotlib.rcParams._get_backend_or_none() if hasattr(matplotlib.rcParams, "_get_backend_or_none") else None,
}))
"""


class TestPromise13ImportingHasNoSideEffects:
    """No heavy library, no device, no thread, no generator, no backend, no network."""

    def test_the_import_loads_nothing_heavy(self):
        found = json.loads(run_python(IMPORT_PROBE))
        assert found == {"heavy": [], "threads": 1, "same": True}

    def test_loading_every_public_name_sets_nothing(self):
        found = json.loads(run_python(USE_PROBE))
        assert found == {
            "generator": True, "threads": True, "cuda": False, "dtype": "torch.float32", "environment": [],
            "python_threads": 1, "backend": None,
        }  # fmt: skip

    def test_every_public_name_is_there(self):
        for name in ai.__all__:
            assert getattr(ai, name) is not None
        with pytest.raises(AttributeError, match="prepare"):
            ai.prepair  # noqa: B018

    def test_no_pyplot_in_the_package(self):
        for path in PACKAGE.rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = (
                    [alias.name for alias in getattr(node, "names", [])]
                    if isinstance(node, (ast.Import, ast.ImportFrom))
                    else []
                )
                module = getattr(node, "module", None) or ""
                assert "pyplot" not in module
                assert not any("pyplot" in name for name in names), path
