"""Sweeps over one or two fields."""

import math

import pytest

import aitrain_nb as ai
from aitrain_nb.tuning.swept import Sweep, Tried

CONFIG = ai.TrainConfig(data="digits", model="mlp", max_steps=20)


@pytest.fixture(scope="module")
def swept():
    return ai.sweep(CONFIG, learning_rate=[0.001, 0.01, 1e-5], batch_size=[16, 64])


def test_each_run_is_the_run_of_its_config(swept):
    assert len(swept.tried) == swept.planned == 6
    losses = [one.validation_loss for one in swept.tried]
    assert losses == sorted(losses)
    trainer = ai.prepare(swept.best_config)
    trainer.fit("none")
    assert min(row["eval_loss"] for row in trainer.history.evaluations) == losses[0]
    assert swept.best_config == CONFIG.replace(**swept.fix) == swept.apply(CONFIG)


def test_the_table_is_sorted_and_the_picture_has_each_number(swept):
    frame = swept.table()
    assert frame.columns[:4].tolist() == ["learning_rate", "batch_size", "validation_loss", "training_loss"]
    assert frame["validation_loss"].is_monotonic_increasing
    picture = swept.plot()
    cells = {text.get_text() for text in picture.axes[0].texts}
    assert cells == {f"{loss:.4g}" for loss in frame["validation_loss"]}
    assert picture.description == swept.text()
    assert "at the edge of learning_rate" in swept.text()
    assert f'alt="{swept.text()}"' in swept._repr_html_()
    assert ">learning_<wbr>rate</th>" in swept._repr_html_()


def test_over_one_field_and_by_chance():
    one = ai.sweep(CONFIG, learning_rate=[0.001, 0.01, 0.1, 1.0], trials=2, trials_seed=3)
    assert len(one.tried) == one.planned == 2
    again = ai.sweep(CONFIG, learning_rate=[0.001, 0.01, 0.1, 1.0], trials=2, trials_seed=3)
    assert [run.changes for run in again.tried] == [run.changes for run in one.tried]
    cells = [text.get_text() for text in one.plot().axes[0].texts]
    assert cells.count("not run") == 2


def test_copies_of_a_trainer_leave_it_as_it_is(make):
    trainer = make()
    list(trainer.phases())
    before = trainer.fingerprint()
    found = ai.sweep(trainer, learning_rate=[0.001, 0.01])
    assert trainer.fingerprint() == before
    assert trainer.step == 1
    assert len(found.tried) == 2


def test_a_run_that_fails_is_kept_with_its_reason():
    found = ai.sweep(CONFIG, batch_size=[16, 5000])
    assert [bool(one.trouble) for one in found.tried] == [False, True]
    assert "batch_size=5000" in found.tried[1].trouble
    assert found.fix == {"batch_size": 16}
    assert "1 had trouble, batch_size=5000: " in found.text()
    assert found.tried[1].trouble.rstrip(".") in found.text()


def test_an_interrupt_keeps_what_is_done(monkeypatch):
    runs = []
    fit = ai.Trainer.fit

    def interrupted(trainer, *arguments, **options):
        runs.append(trainer)
        if len(runs) == 2:
            trainer.watchers.append(lambda record: trainer.stop("interrupted"))
        if len(runs) == 3:
            raise KeyboardInterrupt
        return fit(trainer, *arguments, **options)

    monkeypatch.setattr(ai.Trainer, "fit", interrupted)
    found = ai.sweep(CONFIG, learning_rate=[0.001, 0.01, 0.1])
    assert len(found.tried) == 1
    assert "1 of 3 runs" in found.text()
    runs[:] = [None, None]
    assert ai.sweep(CONFIG, learning_rate=[0.001]).tried == []


def test_without_validation_the_training_loss_counts():
    found = ai.sweep(CONFIG.replace(evaluate_every=0), learning_rate=[0.001, 0.01])
    assert "training loss" in found.text()
    assert found.best.training_loss == min(one.training_loss for one in found.tried)


def test_where_no_run_has_a_loss_nothing_is_best():
    found = Sweep(CONFIG, {"seed": [1]}, [Tried({"seed": 1}, math.nan, math.nan, 3, 0.1, "loss is nan at step 3")], 1)
    assert found.fix == {}
    assert found._repr_html_()
    with pytest.raises(ai.ConfigError, match="finite"):
        found.best_config  # noqa: B018


@pytest.mark.parametrize(
    ("fields", "words"),
    [({}, "one or two fields"), ({"epochs": [1], "seed": [1], "batch_size": [8]}, "one or two fields"),
     ({"learning_rte": [1]}, "learning_rate"),
     ({"batch_size": [0]}, "batch_size"), ({"batch_size": 8}, "nothing to try"), ({"seed": []}, "nothing to try"),
     ({"model": "mlp"}, "nothing to try"), ({"seed": [1, 2], "trials": 0}, "trials")],
)  # fmt: skip
def test_what_can_t_be_swept_is_said(fields, words):
    with pytest.raises(ai.ConfigError, match=words):
        ai.sweep(CONFIG, **fields)


def test_a_trainer_shares_its_data(make):
    with pytest.raises(ai.ConfigError, match="can't differ in model"):
        ai.sweep(make(), model=["mlp", "small-cnn"])
    with pytest.raises(ai.ConfigError, match="str"):
        ai.sweep("digits", seed=[1])


def test_one_run_is_told_in_the_singular_and_beside_nothing():
    text = ai.sweep(CONFIG, learning_rate=[0.01]).text()
    assert text.startswith("1 run with")
    assert "highest" not in text


def test_trials_that_are_no_number_are_refused(refused):
    refused(lambda: ai.sweep(CONFIG, learning_rate=[0.1, 0.01], trials="x"), ai.ConfigError, "'x' trials")


def test_an_ended_sweep_says_so():
    sweep = Sweep(CONFIG, {"learning_rate": [0.1, 0.2]}, [], 2)
    assert sweep.text().startswith("0 of 2 runs with other values of learning_rate, for it was interrupted.")
