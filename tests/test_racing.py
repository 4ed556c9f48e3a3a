"""A race: each switch against the run as it is, on copies that start at the same place; the run itself is never touched."""

import math

import pytest
import torch
from torch import nn

import aitrain_nb as ai
from aitrain_nb.errors import ConfigError, PhaseError
from aitrain_nb.racing import Race, Raced
from aitrain_nb.racing.results import Lap
from aitrain_nb.racing.rivals import rival, usual_rivals
from aitrain_nb.racing.watching import look_into_step


@pytest.fixture(scope="module")
def texts():
    trainer = ai.prepare(data="tickets", model="small-encoder", threads=1, batch_size=8, max_length=32, max_steps=20)
    for _ in range(3):
        for _record in trainer.phases():
            pass
    return trainer


def state_of(trainer):
    return (
        trainer.fingerprint(), trainer.step, trainer.order.cursor, trainer.random.state[0].sum().item(), len(trainer.history),
        torch.get_rng_state().sum().item(), torch.get_num_threads(), trainer.model.training,
    )  # fmt: skip


def test_each_switch_is_measured_and_the_run_is_untouched(texts):
    before = state_of(texts)
    found = ai.race(
        texts,
        [{"attention": "eager"}, "gradient_checkpointing", {"fused_optimizer": "off"}, {"precision": "bf16"}],
        steps=2,
    )
    assert state_of(texts) == before
    assert [one.name for one in found.raced] == [
        "as it is", "attention=eager", "gradient_checkpointing=True", "fused_optimizer=off", "precision=bf16",
    ]  # fmt: skip
    own, eager, checkpointed, unfused, short = found.raced
    assert (own.loss_difference, own.end_loss) == (0, own.base_end_loss)
    assert abs(eager.loss_difference) < 1e-5
    assert checkpointed.loss_difference == 0
    assert checkpointed.memory < 0.95
    assert (own.optimizer, unfused.optimizer) == ("fused", "one by one")
    assert all(one.cosine == pytest.approx(1, abs=1e-5) for one in (own, eager, checkpointed, unfused))
    assert "bfloat16" in short.numbers
    assert 0.9 < short.cosine < 1
    assert {"float32", "bfloat16"} <= set(found.dtypes()["precision=bf16"])
    assert all(len(one.laps) == 2 and one.time > 0 for one in found.raced)
    table = found.table()
    assert list(table["switch"]) == [one.name for one in found.raced]
    assert table["peak_bytes"].gt(0).all()


def test_a_rival_takes_the_very_steps_of_the_run(texts):
    copy, again = rival(texts, {}), rival(texts, {})
    for one in (copy, again):
        for _ in range(3):
            for _record in one.phases():
                pass
    assert copy.fingerprint() == again.fingerprint() != texts.fingerprint()
    assert copy.optimizer.state_dict()["state"][0]["step"] == texts.optimizer.state_dict()["state"][0]["step"] + 3


def test_the_memory_of_a_step_is_that_of_its_tensors():
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 1000), nn.ReLU(), nn.Linear(1000, 10))
    made = ai.prepare(data="digits", model="mlp")
    trainer = ai.Trainer(
        model,
        "image-classification",
        made.data,
        ai.TrainConfig(batch_size=256, optimizer="sgd", max_steps=5, threads=1),
    )
    seen = look_into_step(rival(trainer, {}))
    weights = sum(weight.nbytes for weight in model.parameters())
    hidden = 256 * 1000 * 4
    assert weights + 2 * hidden <= seen.peak_bytes < weights * 2 + 4 * hidden, (
        "the input and the output of ReLU are kept for the way back"
    )


def test_other_batches_are_said_and_not_compared(texts):
    found = ai.race(
        texts,
        [{"batch_size": 4, "gradient_accumulation_steps": 2}, {"batch_size": 4}, {"group_by_length": "on"}],
        steps=1,
    )
    assert found.raced[1].loss_difference == pytest.approx(0, abs=0.1), (
        "the same examples; dropout draws in another order"
    )
    for one in found.raced[2:]:
        assert (one.loss_difference, one.cosine) == (None, None)
    assert "other examples" in found.text()


def test_what_can_not_run_is_told_and_the_race_goes_on(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    trainer = ai.prepare(data="digits", model="mlp", max_steps=9)
    found = ai.race(trainer, ["compile", {"attention": "eager"}, {"threads": 1}], steps=1)
    assert [bool(one.trouble) for one in found.raced] == [False, True, True, False]
    assert "compiler" in found.raced[1].trouble
    assert "could not run" in found.text()
    assert math.isnan(found.table()["time"][1])


def test_by_itself_it_turns_what_can_be_turned(texts):
    names = [next(iter(fields)) for fields in usual_rivals(texts)]
    assert {"attention", "gradient_checkpointing", "group_by_length", "fused_optimizer"} <= set(names)
    plain = ai.prepare(data="digits", model="mlp")
    assert not {"attention", "gradient_checkpointing", "group_by_length"} & {
        next(iter(fields)) for fields in usual_rivals(plain)
    }


def test_the_ratio_is_per_example_and_of_the_pairs():
    laps = (Lap(2.0, 1.0, 8, 8), Lap(4.0, 2.0, 8, 8), Lap(30.0, 10.0, 8, 8))
    one = Raced({"threads": 1}, laps, 1, 1, 0.0, 1.0)
    assert one.time == 2
    assert one.spread[0] == 2 < one.spread[1]
    other = one._replace(laps=(Lap(1.0, 1.0, 16, 8), Lap(1.0, 3.0, 16, 8)), loss_difference=None)
    assert other.time == (2 / 32) / (4 / 16)


@pytest.mark.parametrize(
    ("rivals", "words"),
    [
        ([{"presicion": "bf16"}], "precision"), ([{"learning_rate": 1}], "switch"), ([{}], "can't be raced"), ([7], "can't be raced"),
        ([{"threads": "many"}], "threads"),
    ],
)  # fmt: skip
def test_what_is_no_switch_is_refused(texts, rivals, words):
    with pytest.raises(ConfigError, match=words):
        ai.race(texts, rivals, steps=1)


@pytest.mark.parametrize("steps", [0, -1, 1.5, True, "two", None])
def test_no_number_of_steps(texts, steps):
    with pytest.raises(ConfigError, match="steps"):
        ai.race(texts, [{"threads": 1}], steps=steps)


def test_not_in_the_middle_of_a_step():
    trainer = ai.prepare(data="digits", model="mlp", max_steps=2)
    trainer.tokenize()
    with pytest.raises(PhaseError, match="between two steps"):
        ai.race(trainer, [{"threads": 1}])


@pytest.mark.parametrize("given", [5, {"precision": "bf16"}.keys(), [[]]])
def test_what_cannot_be_raced_is_said(texts, given):
    with pytest.raises(ConfigError, match="can't be raced"):
        ai.race(texts, given)


def test_only_a_trainer_races():
    with pytest.raises(ConfigError, match="not a TrainConfig"):
        ai.race(ai.TrainConfig(data="digits"))


def test_a_race_whose_run_could_not_run_says_why():
    found = Race(
        [Raced({}, trouble="Memory ran out."), Raced({"attention": "sdpa"}, trouble="Memory ran out.")], "a run", 2
    )
    assert "as it is could not run: Memory ran out." in found.text()
    assert "attention=sdpa could not run" in found._repr_html_()


def test_memory_that_runs_out_is_a_rival_s_trouble(texts, monkeypatch):
    def fail(*_):
        raise MemoryError

    monkeypatch.setattr("aitrain_nb.racing.running.look_into_step", fail)
    assert [one.trouble for one in ai.race(texts, [], steps=1).raced] == ["Memory ran out."]
