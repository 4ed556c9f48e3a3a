"""A run walked by hand trains what fit trains, goes back bit for bit, and is written down as code that does it again."""

import pytest

import aitrain_nb as ai
from aitrain_nb.stepping import PHASES, Walk
from tests.test_one_loop import CONFIGS, prepare

TASKS = ["mlp-accumulated", "texts", "gpt"]


@pytest.fixture
def walk(make):
    return Walk(make(epochs=2, max_steps=None, batch_size=200))


def state(trainer):
    """Everything that decides how the run goes on."""
    return (
        trainer.fingerprint(), trainer.step, trainer.order.cursor, [part.tolist() for part in trainer.random.state],
        str(trainer.optimizer.state_dict()), [row | {"seconds": 0} for row in trainer.history],
    )  # fmt: skip


@pytest.mark.parametrize("name", TASKS)
def test_a_walk_trains_what_fit_trains_and_its_code_does_it_again(name):
    fields = CONFIGS[name] | {"keep": "last", "max_steps": 6, "evaluate_every": 3}
    fitted, walked, coded = (prepare(**fields) for _ in range(3))
    fitted.fit(display="none")
    walk = Walk(walked)
    walk.next_phase()
    walk.next_phase()
    walk.next_step()
    walk.next_step()
    walk.next_phase()
    walk.back()
    walk.back()
    walk.to_epoch_end()
    assert state(walked) == state(fitted)
    assert walk.is_at_end
    exec(walk.code, {"trainer": coded})
    assert state(coded) == state(fitted)


@pytest.mark.parametrize("name", TASKS)
def test_back_restores_everything_at_every_phase(name):
    walk = Walk(prepare(**CONFIGS[name]))
    walk.next_step()
    before = state(walk.trainer)
    for phases in range(1, 6 + 3 * (name == "mlp-accumulated")):
        for _ in range(phases):
            walk.next_phase()
        walk.back()
        assert state(walk.trainer) == before
        assert not walk.records


def test_the_five_boxes_fill_one_after_the_other(walk):
    for number in range(1, 6):
        record = walk.next_phase()
        assert walk.record is record
        assert list(walk.records) == list(PHASES[:number])
        assert record.phase == PHASES[number - 1]
        assert record.brief() in walk.text()
    walk.next_phase()
    assert list(walk.records) == ["tokenize"], "a new step begins with empty boxes"


def test_the_code_of_a_click_is_the_call(walk):
    walk.next_phase()
    assert walk.calls == ["batch = trainer.tokenize()"]
    walk.next_step()
    assert walk.calls[-1] == "update = trainer.update(gradients)"
    walk.next_step()
    assert walk.calls == ["*_, forward, loss, gradients, update = trainer.phases()"]
    walk.back()
    assert walk.calls == ["trainer.undo()"]


def test_the_evaluation_belongs_to_the_step_before_it(walk):
    walk.to_epoch_end()
    assert walk.trainer.step == walk.trainer.steps_per_epoch
    assert walk.evaluation.brief().startswith("validation loss")
    assert walk.calls[-1] == "evaluation = trainer.evaluate_and_keep()"
    assert walk.lines[-1].startswith("Epoch 1: Training loss: ")
    walk.back()
    assert not walk.trainer.history.evaluations


def test_cells_may_call_phases_in_between(walk):
    batch = walk.trainer.tokenize()
    walk.next_phase()
    assert next(iter(walk.records.values())) is batch
    walk.trainer.backward(walk.trainer.loss(walk.record))
    assert "update comes next" in walk.text()
    walk.next_phase()
    assert walk.trainer.step == 1


def test_a_step_by_hand_that_ends_an_epoch_is_evaluated_before_the_next(walk):
    for _ in range(walk.trainer.steps_per_epoch):
        list(walk.trainer.phases())
    walk.next_phase()
    assert len(walk.trainer.history.evaluations) == 1


def test_stop_ends_it_after_a_step(walk):
    walk.to_epoch_end(after_step=walk.stop)
    assert walk.trainer.step == 1


def test_the_end_of_the_run_is_said(walk):
    walk.to_epoch_end()
    walk.to_epoch_end()
    assert walk.next == "the run is at its end"
    for move in (walk.next_phase, walk.next_step, walk.to_epoch_end):
        with pytest.raises(ai.PhaseError, match="at its end"):
            move()


def test_nothing_to_take_back_is_said_and_changes_nothing(walk):
    before = walk.code
    with pytest.raises(ai.PhaseError, match="no step to take back"):
        walk.back()
    assert walk.code == before


def test_own_examples_are_walked_up_to_the_update(walk):
    trainer = walk.trainer
    trainer.tokenize(trainer.data.validation.columns["image"][:2], ["1", "2"])
    for _ in range(3):
        walk.next_phase()
    with pytest.raises(ai.PhaseError, match="not trained on"):
        walk.next_phase()


@pytest.mark.parametrize("what", [None, "trainer", ai.TrainConfig()])
def test_what_is_no_trainer_is_refused(what):
    with pytest.raises(ai.ConfigError, match="needs a Trainer"):
        Walk(what)


def test_an_evaluation_needs_a_step_it_belongs_to(make):
    with pytest.raises(ai.PhaseError, match="no step yet"):
        make().evaluate_and_keep()
