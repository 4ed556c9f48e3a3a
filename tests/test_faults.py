"""A step whose numbers aren't finite, under each policy: what happens to the weights, what is said, and which layer is named."""

import math
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import aitrain_nb as ai
from aitrain_nb.annotations import annotate
from aitrain_nb.engine import faults
from aitrain_nb.run_folder.following import follow_history

sys.path.insert(0, str(Path(__file__).parent))
from sabotage import network, not_a_number, trainer_of


class RootOfNothing(nn.Module):
    """Its values are finite, and the gradient of a root isn't at 0."""

    def forward(self, values):
        return torch.sqrt(values * 0)


class LogarithmOfNothing(nn.Module):
    """Minus infinity where a value is 0."""

    def forward(self, values):
        return torch.log(torch.relu(values))


def is_whole(trainer):
    return all(bool(torch.isfinite(weight).all()) for weight in trainer.model.parameters())


def spoil(trainer, count=None):
    """Put NaN into the first prepared training examples."""
    columns = trainer.prepared["train"].columns
    next(value for value in columns.values() if value.is_floating_point())[:count] = float("nan")


class TestPolicies:
    def test_stop_ends_the_run_and_leaves_the_weights(self):
        trainer = not_a_number(0, keep="last")
        fingerprints = []
        trainer.watchers.append(
            lambda record: fingerprints.append(trainer.fingerprint()) if isinstance(record, ai.Update) else None
        )
        trainer.fit(display="none")
        assert trainer.step == 40
        assert fingerprints[-1] == fingerprints[-2] != fingerprints[-3]
        assert trainer.ending.state == "stopped"
        assert "the loss is nan at step 40" in trainer.ending.reason
        assert math.isnan(trainer.history.last["loss"])
        trainer.fit(display="none")
        assert trainer.ending.state == "done"
        assert is_whole(trainer)

    def test_skip_goes_on_as_if_that_update_had_not_been_asked_for(self):
        trainer = not_a_number(0, nan_policy="skip", keep="last")
        trainer.fit(display="none")
        assert trainer.ending.state == "done"
        assert [row["step"] for row in trainer.history if math.isnan(row["loss"])] == [40]
        assert trainer.history.skipped == {40}
        assert all(math.isfinite(row["train_loss"]) for row in trainer.history.evaluations)
        assert is_whole(trainer)
        notes = [note.text for note in annotate(trainer.history) if note.kind == "trouble"]
        assert notes == ["loss is nan at step 40, its update left out"]

    def test_mark_takes_the_step(self):
        trainer = not_a_number(0, nan_policy="mark", keep="last")
        trainer.fit(display="none")
        assert trainer.step == trainer.total_steps
        assert not is_whole(trainer)

    def test_ten_in_a_row_end_a_run_that_skips(self):
        trainer = trainer_of(0, network(0, LogarithmOfNothing()), nan_policy="skip", log_every=1)
        trainer.fit(display="none")
        assert trainer.step == 10
        assert "10 steps in a row" in trainer.ending.reason

    def test_where_all_is_finite_the_policy_changes_nothing(self):
        runs = [trainer_of(1, nan_policy=policy) for policy in ("stop", "skip", "mark")]
        for run in runs:
            run.fit(display="none")
        assert len({run.fingerprint() for run in runs}) == 1

    def test_the_lines_say_it(self, capsys):
        not_a_number(0, nan_policy="skip").fit(display="text")
        assert (
            "loss is nan at step 40: on a second look all layers and gradients were finite; its update was left out"
            in (capsys.readouterr().out)
        )

    @pytest.mark.parametrize("policy", ["stop", "skip", "mark"])
    def test_the_history_names_the_layer_also_when_it_comes_back(self, policy, tmp_path):
        trainer = trainer_of(0, network(0, LogarithmOfNothing()), nan_policy=policy, max_steps=12)
        trainer.fit(display="none", output_dir=tmp_path)
        assert trainer.history.first_trouble.endswith(
            "at step 1: the first layer that gave such a number is '3' (LogarithmOfNothing)"
        )
        assert trainer.history.first_trouble in trainer.history.story().verdict
        assert trainer.history.first_trouble in trainer.history.text()
        again = follow_history(tmp_path).history
        assert again.first_trouble == trainer.history.first_trouble
        assert len([change for change in trainer.history.changes if change.name == "marked"]) == (policy == "mark")

    def test_the_card_counts_steps_and_not_numbers(self, tmp_path):
        not_a_number(0, nan_policy="skip").fit(display="none", output_dir=tmp_path)
        card = (tmp_path / "README.md").read_text(encoding="utf-8")
        assert "The loss or the gradient of 1 step was not a finite number; the first: loss is nan at step 40" in card

    def test_what_skips_already_is_not_told_to_skip(self):
        trainer = trainer_of(0, network(0, LogarithmOfNothing()), nan_policy="skip")
        trainer.fit(display="none")
        (finding,) = ai.diagnose(trainer)
        assert finding.name == "not a number"
        for told in (finding.fix_text, trainer.history.story().advice):
            assert "skip" not in told

    def test_the_story_of_a_run_that_went_on_is_not_that_it_broke(self):
        trainer = not_a_number(0, nan_policy="skip")
        trainer.fit(display="none")
        story = trainer.history.story()
        assert "1 update left out (loss is nan at step 40" in story.trained
        assert "healthy" in story.verdict

    def test_the_story_of_a_run_that_stopped_ends_at_a_number(self):
        trainer = not_a_number(0)
        trainer.fit(display="none")
        story = trainer.history.story()
        assert "nan" not in story.losses
        assert "without the 1 step whose loss isn't a finite number" in story.losses
        assert "1 update was left out, and the weights are whole" in story.verdict
        assert "nan_policy='skip'" in story.advice

    def test_a_replayed_run_leaves_the_same_step_out(self):
        first, again = (not_a_number(0, nan_policy="skip", keep="last") for _ in range(2))
        history = first.fit(display="none")
        again.fit(display="none", replay=history)
        assert first.fingerprint() == again.fingerprint()
        assert again.history.changes == history.changes

    def test_a_run_in_a_folder_comes_back_with_it(self, tmp_path):
        trainer = ai.prepare(model="mlp", epochs=1, nan_policy="skip")
        spoil(trainer, 1)
        trainer.fit(display="none", output_dir=tmp_path / "run")
        assert len(trainer.history.skipped) == 1
        assert ai.load_run(tmp_path / "run").history.skipped == trainer.history.skipped


class TestFirstBadLayer:
    @pytest.mark.parametrize(
        ("layer", "words"),
        [(LogarithmOfNothing, "the first layer that gave such a number is '3' (LogarithmOfNothing)"),
         (RootOfNothing, "on the way back the gradient of '1.bias' is the first that is not")],
    )  # fmt: skip
    def test_is_named(self, layer, words):
        trainer = trainer_of(0, network(0, layer()))
        trainer.fit(display="none")
        assert words in trainer.ending.reason

    def test_weights_that_were_spoilt_before(self):
        trainer = trainer_of(0)
        with torch.no_grad():
            trainer.model[1].weight[0, 0] = float("inf")
        trainer.fit(display="none")
        assert "the weights '1.weight' were not finite before the step" in trainer.ending.reason

    def test_a_batch_that_is_spoilt(self):
        trainer = ai.prepare(model="mlp", epochs=1)
        spoil(trainer)
        trainer.fit(display="none")
        assert "the batch itself is not finite" in trainer.ending.reason

    def test_in_the_second_micro_batch(self):
        trainer = trainer_of(0, network(0, LogarithmOfNothing()), gradient_accumulation_steps=2, batch_size=16)
        trainer.fit(display="none")
        assert "'3' (LogarithmOfNothing)" in trainer.ending.reason

    def test_looking_for_it_changes_nothing(self, monkeypatch):
        found = []
        for look in (faults.first_bad, lambda *_: "nobody looked"):
            monkeypatch.setattr(faults, "first_bad", look)
            model = network(0, nn.BatchNorm1d(48), nn.Dropout(0.3))
            trainer = trainer_of(0, model, nan_policy="skip", keep="last", epochs=3)
            spoil(trainer, 1)
            trainer.fit(display="none")
            assert len(trainer.history.skipped) == 3
            found.append((trainer.fingerprint(), trainer.random.state))
        assert found[0][0] == found[1][0]
        assert all(map(torch.equal, found[0][1], found[1][1]))


def test_by_hand_the_update_says_it_and_the_next_step_goes_on():
    trainer = trainer_of(0, network(0, LogarithmOfNothing()))
    before = trainer.fingerprint()
    update = list(trainer.phases())[-1]
    assert "This update was left out" in update.text()
    assert "left out" in update.brief()
    assert update.check()["passed"].all()
    assert not update.weights_changed
    assert update.norm == 0
    assert trainer.fingerprint() == before
    assert trainer.next_phase == "tokenize"
    update.undo()
    assert trainer.step == 0
    assert not trainer.history.changes
