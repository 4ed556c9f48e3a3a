"""Undo, rewind and fork: an earlier step is reached exactly, and what goes on from it is as if nobody had ever left."""

from __future__ import annotations

import itertools

import pytest
import torch

import aitrain_nb as ai
from aitrain_nb.engine.snapshots import Ring

STEPS = 40
SHARED = {"threads": 1, "max_steps": STEPS, "evaluate_every": 11, "keep": "last", "snapshot_every": 7}
SENTENCES = [f"The {animal} {verb} the {thing}." for animal in ("cat", "dog", "old bird") for verb in ("sees", "likes") for thing in
             ("mat", "river", "green house", "sky", "red boat", "stone", "tree", "road", "lamp")]  # fmt: skip
KINDS = [len(sentence) % 2 for sentence in SENTENCES]
TASKS = {
    "digits": {"data": "digits", "model": "small-cnn", "batch_size": 16},
    "digits, accumulated, moved about": {
        "data": "digits", "model": "mlp", "batch_size": 8, "gradient_accumulation_steps": 3, "augmentation": "affine", "schedule": "cosine",
    },
    "texts": {"data": ai.Dataset({"text": SENTENCES, "label": KINDS}, ["odd", "even"]), "model": "small-encoder", "batch_size": 8},
    "language": {"data": ai.Dataset({"text": SENTENCES}), "model": "small-gpt", "batch_size": 4, "max_length": 16},
}  # fmt: skip
OPTIMIZERS = {"adamw": {"optimizer": "adamw"}, "sgd": {"optimizer": "sgd", "learning_rate": 0.02}}


def run(name: str, optimizer: str = "adamw", **fields):
    return ai.prepare(**SHARED | TASKS[name] | OPTIMIZERS[optimizer] | fields)


def all_of(trainer) -> tuple:
    """What decides how it goes on, and what was."""
    state = trainer.training_state()
    numbers = [[value for key, value in row.items() if key != "seconds"] for row in trainer.history]
    optimizer = repr([(key, value) for key, value in sorted(state.optimizer["state"].items())])
    return trainer.fingerprint(), optimizer, [one.tolist() for one in state.random], state.cursor, repr(numbers)


def look_around(trainer) -> None:
    """Everything that may be asked between two steps and leaves no trace."""
    trainer.evaluate()
    ai.find_learning_rate(trainer, steps=20)
    batch = trainer.tokenize()
    forward = trainer.forward(batch.parts[0])
    loss = trainer.loss(forward)
    assert len(forward.layers)
    assert len(loss.worst())
    trainer.undo()


@pytest.fixture(scope="module", params=[(name, optimizer) for name in TASKS for optimizer in OPTIMIZERS], ids=str)
def travelled(request):
    """A run that never left, and another that is at its end."""
    name, optimizer = request.param
    straight, other = run(name, optimizer), run(name, optimizer)
    straight.fit("none")
    other.fit("none")
    return straight, other


def test_rewind_undo_and_fork_are_as_if_one_had_never_left(travelled):
    straight, other = travelled
    expected = all_of(straight)
    branch = other.fork("same", at=9)
    assert branch.step == 9
    look_around(branch)
    branch.fit("none")
    assert all_of(branch) == expected
    other.rewind(24)  # between two snapshots, behind two evaluations
    assert (other.step, len(other.history), len(other.history.evaluations)) == (24, 24, 2)
    look_around(other)
    other.undo(3)
    assert other.step == 21
    other.fit("none")
    assert all_of(other) == expected


def test_steps_by_hand_are_taken_back_one_by_one_and_many_at_once():
    trainer = run("digits", snapshot_every=0)
    seen = [trainer.fingerprint()]
    for _ in range(6):
        *_, _update = trainer.phases()
        seen.append(trainer.fingerprint())
    trainer.tokenize()
    trainer.undo(2)  # the one under way, and one more
    assert (trainer.step, trainer.fingerprint()) == (5, seen[5])
    trainer.undo(4)
    assert (trainer.step, trainer.fingerprint()) == (1, seen[1])
    trainer.undo(9)
    assert (trainer.step, trainer.fingerprint()) == (0, seen[0])


def test_a_live_rate_a_longer_run_and_best_weights_come_back():
    trainer = run("digits", keep="best", schedule="linear", max_steps=30, snapshot_every=9, evaluate_every=5)
    trainer.watchers.append(
        lambda record: setattr(trainer.control, "learning_rate", 0.004) if trainer.step == 12 else None
    )
    trainer.fit("none")
    trainer.fit("none", max_steps=40)
    before, kept = all_of(trainer.fork()), trainer.kept_step
    trainer.watchers.clear()
    rates = [row["lr"] for row in trainer.history]
    there = trainer.fork("then", at=35)
    assert [row["lr"] for row in there.history] == rates[:35]
    assert there.fingerprint() == trainer.fork("again", at=35).fingerprint()
    trainer.rewind(35)
    trainer.fit("none")
    assert all_of(trainer.fork("at the end")) == before
    assert trainer.kept_step == kept


def test_a_branch_goes_its_own_way_and_leaves_the_run_alone():
    trainer = run("digits")
    trainer.fit("none", max_steps=20)
    before = all_of(trainer)
    other = trainer.fork("hot", at=14, learning_rate=0.02, max_steps=24)
    sgd = trainer.fork("sgd", optimizer="sgd", batch_size=32)
    for branch in (other, sgd):
        branch.fit("none", max_steps=24)
    assert all_of(trainer) == before
    losses = [[row["loss"] for row in one.history] for one in (trainer, other)]
    assert losses[0][:15] == losses[1][:15]  # step 15 begins with the same weights
    assert losses[0][15] != losses[1][15]
    assert str(other.branch) == "hot: from main at step 14, learning_rate=0.02, max_steps=24"
    assert list(trainer.branches) == list(sgd.branches) == ["main", "hot", "sgd"]
    assert "empty averages" in " ".join(sgd.notes)
    assert "batch_size differ" in " ".join(sgd.notes)


def test_a_branch_with_other_groups_of_weights_keeps_what_each_weight_gathered():
    trainer = run("digits", max_steps=12)
    trainer.fit("none", max_steps=6)
    branch = trainer.fork("layers", layer_decay=0.5)
    gathered = {name: trainer.optimizer.state[weight]["exp_avg"] for name, weight in trainer.model.named_parameters()}
    for name, weight in branch.model.named_parameters():
        assert torch.equal(branch.optimizer.state[weight]["exp_avg"], gathered[name]), name
    branch.fit("none", max_steps=8)
    with pytest.raises(ai.AitrainError, match="left main at step 6"):
        branch.rewind(2)


def test_branches_side_by_side_say_where_they_part():
    trainer = run("digits", max_steps=20, snapshot_every=5)
    trainer.fit("none")
    hot, same = trainer.fork("hot", at=8, learning_rate=0.05, batch_size=32), trainer.fork("same", at=8)
    for branch in (hot, same):
        branch.fit("none")
    both = ai.compare(*trainer.branches.values())
    assert [one.name for one in both.runs] == ["main", "hot", "same"]
    rows = both.first_differences()
    assert rows["step"].tolist()[0] == 9  # other examples at once
    assert rows["step"].isna().tolist() == [False, True]
    text = both.text()
    assert "hot leaves main at step 9" in text
    assert "all 20 losses that both have are equal to the last bit" in text
    assert "other examples where batch_size differ" in text


def test_optimizers_are_compared_on_branches_of_the_same_run():
    trainer = run("digits", max_steps=20, snapshot_every=0, evaluate_every=None)
    trainer.fit("none", max_steps=4)
    before = all_of(trainer)
    found = ai.compare_optimizers(trainer, ["adamw", "sgd"], steps=12)
    assert all_of(trainer) == before
    assert [one.name for one in found.runs] == ["adamw", "sgd"]
    rates = [one.history.last["lr"] for one in found.runs]
    assert rates[1] > 3 * rates[0]  # SGD wants larger steps
    assert [len(one.history) for one in found.runs] == [16, 16]
    again = ai.compare_optimizers(trainer, {"sgd": 0.05}, steps=3)
    assert [one.name for one in again.runs] == ["sgd (2)"]
    for wrong in ((trainer, []), (trainer, ["sgdd"]), (trainer, ["sgd"], 0)):
        with pytest.raises(ai.AitrainError):
            ai.compare_optimizers(*wrong)


def test_branches_with_another_order_of_the_data_say_so_from_their_first_step():
    trainer = run("digits", max_steps=3, snapshot_every=1)
    trainer.fit("none")
    other = trainer.fork("seed", at=0, seed=9)
    other.fit("none")
    text = ai.compare(trainer, other).text()
    assert "seed leaves main at step 1" in text
    assert "other examples where seed differ" in text


def test_steps_that_do_not_come_again_are_told():
    trainer = run("digits", snapshot_every=20)
    trainer.fit("none", max_steps=22)
    state = trainer.snapshots.at(20)
    state.weights["output.bias"][3] += 0.1
    trainer.rewind(21)
    assert "did not come out as it was" in trainer.notes[-1]


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda trainer: trainer.rewind(99), "has not been at step 99"),
        (lambda trainer: trainer.rewind(-1), "no step of a run"),
        (lambda trainer: trainer.rewind(2), "snapshot_every"),
        (lambda trainer: trainer.undo(0), "how many steps"),
        (lambda trainer: trainer.undo(True), "how many steps"),
        (lambda trainer: trainer.fork("main"), "There is a branch 'main' already"),
        (lambda trainer: trainer.fork(7), "no name of a branch"),
        (lambda trainer: trainer.fork(model="mlp"), "can't have another model"),
        (lambda trainer: trainer.fork(learnin_rate=1), "learning_rate"),
        (lambda trainer: trainer.fork(at=50), "has not been at step 50"),
        (lambda trainer: trainer.fork(max_steps=2), "shorter than what was already trained"),
        (lambda trainer: trainer.fork(freeze="output.bias"), "can't have another freeze"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_moves(ask, words):
    trainer = run("digits", snapshot_every=0)
    trainer.fit("none", max_steps=3)
    before = all_of(trainer)
    with pytest.raises(ai.AitrainError, match=words):
        ask(trainer)
    assert all_of(trainer) == before
    assert list(trainer.branches) == ["main"]


def test_two_hundred_snapshots_of_a_million_weights_stay_within_their_bytes():
    model = torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(64, 15_000), torch.nn.ReLU(), torch.nn.Linear(15_000, 10)
    )
    data = ai.prepare(data="digits", model="mlp").data
    limit = 64 * 2**20  # five states of 12 MB fit
    config = ai.TrainConfig(
        snapshot_every=1, max_steps=200, snapshot_memory_bytes=limit, optimizer="adamw", evaluate_every=0, batch_size=8
    )
    trainer = ai.Trainer(model, "image-classification", data, config)
    sizes = []
    trainer.watchers.append(lambda record: sizes.append(trainer.snapshots.size_bytes))
    trainer.fit("none")
    assert max(sizes) <= limit
    assert trainer.snapshots.nearest(0).step == 0
    assert trainer.snapshots.nearest(200).step == 199


def test_the_ring_keeps_the_oldest_and_thins_the_rest_out():
    trainer = run("digits", "sgd")
    size = trainer.snapshot().size_bytes
    ring = Ring(size * 10)
    for step in range(100):
        trainer.step = step
        ring.add(trainer.snapshot())
    kept = [step for step in range(100) if ring.at(step) is not None]
    gaps = [after - before for before, after in itertools.pairwise(kept)]
    assert len(kept) == 10
    assert kept[0] == 0
    assert kept[-2:] == [98, 99]
    assert gaps == sorted(gaps, reverse=True)
