"""The monitor lines, byte for byte, and what a terminal shows."""

from __future__ import annotations

import io
import re

import pytest
import torch

import aitrain_nb as ai
from aitrain_nb.displays import TextDisplay, displays, epoch_line, header_line, step_line
from aitrain_nb.engine.keeping import Keeper

SOURCE_STEPS = [(100, 2.341, 5e-5, 1.23), (200, 1.892, 5e-5, 0.98), (300, 1.623, 5e-5, 0.87)]


def test_the_source_texts_monitor_lines_byte_for_byte():
    lines = [header_line(1, 5), *(step_line(step, 500, loss, lr, norm) for step, loss, lr, norm in SOURCE_STEPS)]
    assert "\n".join(lines) == (
        "Epoch 1/5\n"
        "Step 100/500: loss=2.341, lr=5e-5, grad_norm=1.23\n"
        "Step 200/500: loss=1.892, lr=5e-5, grad_norm=0.98\n"
        "Step 300/500: loss=1.623, lr=5e-5, grad_norm=0.87"
    )


def test_the_source_texts_epoch_lines_byte_for_byte():
    table = [(2.5, 2.6), (1.8, 1.9), (1.2, 1.3), (0.8, 1.5)]
    lines = [epoch_line(n + 1, *losses, overfitting=n == 3) for n, losses in enumerate(table)]
    assert "\n".join(lines) == (
        "Epoch 1: Training loss: 2.5, Validation loss: 2.6\n"
        "Epoch 2: Training loss: 1.8, Validation loss: 1.9\n"
        "Epoch 3: Training loss: 1.2, Validation loss: 1.3\n"
        "Epoch 4: Training loss: 0.8, Validation loss: 1.5  ← Overfitting!"
    )


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ((1, 44, 0.00123456, 0.001, 12.345), "Step 1/44: loss=0.00123, lr=0.001, grad_norm=12.35"),
        ((3, 9, float("nan"), 1e-6, float("inf")), "Step 3/9: loss=nan, lr=1e-6, grad_norm=inf"),
        ((3, 9, 0.0, 0.0, 0.0), "Step 3/9: loss=0.000, lr=0, grad_norm=0.00"),
    ],
)
def test_small_large_and_lost_numbers(values, line):
    assert step_line(*values) == line


def test_small_losses_keep_their_digits_in_an_epoch_line():
    assert epoch_line(2.5, 0.0234, 0.012345) == "Epoch 2.5: Training loss: 0.0234, Validation loss: 0.01235"


def test_fit_prints_the_lines_of_its_own_history(make, capsys):
    trainer = make(max_steps=None, epochs=2)
    trainer.fit()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Epoch 1/2"
    assert lines[1].startswith("Step 1/45: loss=")
    assert [line for line in lines if line.startswith("Epoch 2/2")] == ["Epoch 2/2"]
    rows = {row["step"]: row for row in trainer.history}
    for line in lines:
        if found := re.match(r"Step (\d+)/45: loss=(\S+), lr=0.001, grad_norm=(\S+)$", line):
            candidates = [rows[int(found[1])], rows[int(found[1]) + 45]]
            assert any(f"{row['loss']:.3f}" == found[2] and f"{row['grad_norm']:.2f}" == found[3] for row in candidates)
    one = trainer.history.evaluations[0]
    assert epoch_line(1, one["train_loss"], one["eval_loss"]) in lines
    assert lines[-1] == trainer.ending.kept
    assert re.fullmatch(r"kept epoch 2 \(validation loss \d\.\d+\)", lines[-1])


def test_the_first_step_is_always_printed_and_then_every_log_every(make, capsys):
    make(log_every=7, evaluate_every=0).fit()
    steps = [int(n) for n in re.findall(r"Step (\d+)/45", capsys.readouterr().out)]
    assert steps == [1, 7, 14, 20]


def test_the_training_loss_of_an_epoch_line_is_the_mean_over_counted_targets(make):
    trainer = make(max_steps=None, epochs=2)
    trainer.fit(display="none")
    frame = trainer.history.frame()
    second = frame[frame["step"] > 45]
    mean = (second["loss"] * second["targets"]).sum() / second["targets"].sum()
    assert second["targets"].sum() == 1437
    assert trainer.history.evaluations[1]["train_loss"] == pytest.approx(mean)


def test_a_finished_run_says_how_to_go_on(make, capsys):
    trainer = make()
    trainer.fit(display="none")
    trainer.fit()
    assert capsys.readouterr().out.startswith("finished: raise epochs or max_steps to go on (kept epoch")
    trainer.fit(display="none", max_steps=25)
    assert trainer.step == 25


def test_an_overfitting_run_is_marked_in_its_line(capsys):
    torch.manual_seed(0)
    source = ai.prepare(model="mlp")
    few = source.data.train.subset(torch.arange(60))
    few.columns["label"] = few.columns["label"][torch.randperm(60)]
    data = ai.Splits(few, source.data.validation, "shuffled labels", 1 / 16)
    trainer = ai.Trainer(
        source.model, "image-classification", data, ai.TrainConfig(epochs=40, learning_rate=0.01, batch_size=16)
    )
    trainer.fit()
    lines = [line for line in capsys.readouterr().out.splitlines() if "Validation" in line]
    assert lines[-1].endswith("  ← Overfitting!")
    assert not lines[0].endswith("Overfitting!")


def test_a_learning_run_is_not_marked(make, capsys):
    make(model="small-cnn", max_steps=None, epochs=4).fit()
    assert "Overfitting" not in capsys.readouterr().out


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_gets_a_bar_under_the_lines(make):
    trainer, terminal = make(), Terminal()
    displays["terminal"] = lambda trainer, plots: TextDisplay(trainer, plots, terminal)
    try:
        trainer.fit(display="terminal")
    finally:
        del displays["terminal"]
    shown = terminal.getvalue()
    assert "Step 1/45: loss=" in shown
    assert "20/20" in shown or "| 19/20" in shown or "/20 [" in shown
    assert trainer.ending.kept in shown


def test_a_lost_number_is_said_once(make, lose_a_number, capsys):
    trainer = make(max_steps=60, log_every=5, evaluate_every=0, nan_policy="mark")
    lose_a_number(trainer, after=36)
    trainer.fit()
    out = capsys.readouterr().out
    assert out.count("loss is nan at step 37") == 1


def test_an_unknown_display_lists_the_valid_ones(make):
    with pytest.raises(ai.ConfigError, match="text"):
        make().fit(display="txet")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1"])
def test_a_stream_that_knows_no_arrow_gets_another_one(make, encoding):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    display = TextDisplay(make(), stream=stream)
    display._write(epoch_line(4, 0.8, 1.5, overfitting=True))
    stream.seek(0)
    assert stream.read() == "Epoch 4: Training loss: 0.8, Validation loss: 1.5  <- Overfitting!\n"


def test_a_record_can_be_printed_in_plain_letters(make, step):
    for record in step(make()):
        assert repr(record).isascii()


def test_a_name_that_is_wrong_leaves_the_run_as_it_was(make):
    trainer = make()
    with pytest.raises(ai.ConfigError):
        trainer.fit(display="txet", max_steps=99)
    assert trainer.total_steps == 20


def test_a_run_can_not_be_made_shorter_than_it_is(make):
    trainer = make()
    trainer.fit(display="none")
    with pytest.raises(ai.ConfigError, match="20 steps have been taken"):
        trainer.fit(display="none", max_steps=10)


def test_the_score_that_chooses_is_in_every_line_and_says_why_weights_were_kept(capsys):
    trainer = ai.prepare(data="digits", model="mlp", epochs=3, best_metric="macro_f1")
    trainer.fit()
    lines = capsys.readouterr().out.splitlines()
    assert sum(", macro f1: " in line for line in lines if line.startswith("Epoch ") and "loss" in line) == 3
    assert "(highest validation macro f1, " in lines[-1]
    assert "validation loss" in lines[-1]


def test_a_score_that_the_task_does_not_give_is_refused_at_once():
    text = ai.Dataset({"text": ["a rose is a rose is a rose " * 20]}).split(0.3)
    with pytest.raises(ai.ConfigError, match="best_metric='macro_f1' doesn't fit"):
        ai.prepare(task="text-generation", data=text, max_length=16, batch_size=4, best_metric="macro_f1")


def test_of_equal_scores_the_lower_loss_is_kept():
    keeper = Keeper(torch.nn.Linear(1, 1), enabled=True)
    assert keeper.offer(1.0, 0.5, 10, 1.0)
    assert keeper.offer(1.0, 0.1, 20, 2.0)
    assert not keeper.offer(1.0, 0.1, 30, 3.0)
    assert not keeper.offer(0.9, 0.01, 40, 4.0)
    assert keeper.best.step == 20
