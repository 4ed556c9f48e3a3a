"""`fit(report_to=...)`: every row and evaluation reaches the tracker once, and a tracker that fails ends no run."""

from __future__ import annotations

import sys

import pytest
from accelerate.tracking import GeneralTracker

import aitrain_nb as ai
from aitrain_nb import reporting


class Book(GeneralTracker):
    """Keeps what it is told; fails where it is asked to."""

    name = "book"
    requires_logging_directory = False

    def __init__(self, fails_at=""):
        super().__init__()
        self.config, self.rows, self.calls, self._fails_at = None, [], [], fails_at

    @property
    def tracker(self):
        return self

    def _note(self, call):
        self.calls.append(call)
        if call == self._fails_at:
            raise OSError("no network")

    def start(self):
        self._note("start")

    def store_init_configuration(self, values):
        self.config = values

    def log(self, values, step=None, **options):
        self._note("log")
        self.rows.append((step, values))

    def finish(self):
        self._note("finish")


def test_every_row_is_told_once_with_its_evaluation(make, monkeypatch):
    monkeypatch.setattr(reporting, "EVERY_SECONDS", 0.0)
    monkeypatch.setattr(reporting, "COST_SHARE", 1e9)
    book, trainer = Book(), make(max_steps=20, evaluate_every=6)
    trainer.fit("none", report_to=book)
    assert [step for step, _ in book.rows] == list(range(1, 21))
    for (_, told), row in zip(book.rows, trainer.history, strict=True):
        assert told["train/loss"] == row["loss"]
        assert told.get("eval/loss") == row.get("eval_loss")
        assert told.get("eval/accuracy") == row.get("eval_accuracy")
    assert book.config["learning_rate"] == 0.001
    assert (book.calls[0], book.calls[-1]) == ("start", "finish")


def test_going_on_tells_what_is_new(make):
    book, trainer = Book(), make(max_steps=5)
    trainer.fit("none")
    trainer.fit("none", report_to=["none", book], max_steps=9)
    assert [step for step, _ in book.rows] == [6, 7, 8, 9]


def test_reporting_changes_no_loss(make):
    one, other = make(), make()
    one.fit("none")
    other.fit("none", report_to=Book())
    assert one.fingerprint() == other.fingerprint()


def test_a_tracker_that_fails_in_mid_run_ends_no_run(make, caplog):
    book, whole = Book("log"), Book()
    trainer = make()
    trainer.fit("none", report_to=[book, whole])
    assert trainer.ending.state == "done"
    assert book.calls.count("log") == 1
    assert len(whole.rows) == 20
    assert "book is told nothing more: OSError: no network" in caplog.text


def test_a_tracker_that_cannot_begin_says_so(make, refused):
    refused(lambda: make().fit("none", report_to=Book("start")), ai.DataError, "Can't report to book")


def test_what_is_not_there_is_said(make, refused, monkeypatch):
    refused(lambda: make().fit("none", report_to="tensorbord"), ai.ConfigError, "tensorboard")
    refused(lambda: make().fit("none", report_to="comet_ml"), ai.ConfigError, "isn't installed")
    monkeypatch.setitem(sys.modules, "accelerate", None)
    refused(lambda: make().fit("none", report_to="wandb"), ai.ConfigError, "report_to needs accelerate")
    make(max_steps=1).fit("none", report_to="none")


def test_no_machine_path_is_told(tmp_path, tmp_path_factory):
    table = tmp_path_factory.mktemp("data") / "mine.csv"
    table.write_text("text,label\n" + "".join(f"words number {i},{'ab'[i % 2]}\n" for i in range(40)), encoding="utf-8")
    book = Book()
    ai.prepare(data=str(table), vocabulary_size=100, max_steps=2, batch_size=8).fit("none", report_to=book)
    assert str(table.parent) not in str(book.config)


def test_tensorboard_reads_what_was_told(make, tmp_path):
    pytest.importorskip("tensorboard", reason="an extra of the user's own")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    trainer = make(evaluate_every=10)
    trainer.fit("none", report_to="tensorboard", output_dir=tmp_path / "run")
    events = EventAccumulator(str(tmp_path / "run" / "trackers" / "aitrain_nb"))
    events.Reload()
    losses = {event.step: event.value for event in events.Scalars("train/loss")}
    assert losses == {row["step"]: pytest.approx(row["loss"]) for row in trainer.history}
    assert [event.step for event in events.Scalars("eval/loss")] == [10, 20]
    assert ai.load_run(tmp_path / "run").step == 20
    assert not ai.runs(tmp_path)[0].notes
