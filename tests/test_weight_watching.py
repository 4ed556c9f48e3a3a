"""`fit(watch=...)`: single weights followed through a run, as the same run taken by hand shows them."""

import pytest

import aitrain_nb as ai

WATCH = ["output.weight[3, 5]", "conv1.bias[-1]"]
FIELDS = {
    "data": "digits",
    "model": "small-cnn",
    "max_steps": 8,
    "evaluate_every": 0,
    "threads": 1,
    "weight_decay": 0.2,
}


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_what_is_watched_in_fit_is_what_steps_by_hand_show(optimizer):
    trainer, twin = (ai.prepare(**FIELDS, optimizer=optimizer) for _ in range(2))
    trainer.fit("none", watch=WATCH)
    table = trainer.watched.table()
    assert trainer.watched.names == ["output.weight[3, 5]", "conv1.bias[15]"]
    assert table["step"].tolist() == [step for step in range(1, 9) for _ in WATCH]
    for step in range(1, 9):
        *_, update = twin.phases()
        for name, place in (("output.weight", (3, 5)), ("conv1.bias", (15,))):
            row = table[(table["step"] == step) & table["weight"].str.startswith(name)].iloc[0]
            for key, value in update.weight(name, *place).items():
                assert row[key] == pytest.approx(value, rel=1e-4, abs=1e-9), key
    assert trainer.fingerprint() == twin.fingerprint()
    assert "in 8 steps" in trainer.watched.text()


def test_watching_changes_nothing_and_a_step_taken_again_is_kept_once():
    plain, watched = ai.prepare(**FIELDS, snapshot_every=2), ai.prepare(**FIELDS, snapshot_every=2)
    plain.fit("none")
    watched.fit("none", watch=WATCH[:1])
    assert plain.fingerprint() == watched.fingerprint()
    seen = watched.watched
    watched.watchers.append(seen)
    watched.rewind(4)
    watched.fit("none")
    table = seen.table()
    assert table["step"].tolist() == list(range(1, 9))
    assert table["before"].tolist()[1:] == table["after"].tolist()[:-1]


@pytest.mark.parametrize(
    ("watch", "words"),
    [
        (["output.weight"], "no weight at"),
        (["outpt.weight[0, 0]"], "output.weight"),
        (["output.weight[0, 99]"], "no weight at"),
        ([7], "names no weight"),
        (3, "names no weight"),
        (["[3]"], "names no weight"),
        ("output.bias[99]", "no weight at"),
        ([f"output.bias[{place % 10}]" for place in range(25)], "1 to 24"),
    ],
)
def test_what_cannot_be_watched_is_said_before_the_run(watch, words):
    trainer = ai.prepare(**FIELDS)
    with pytest.raises(ai.AitrainError, match=words):
        trainer.fit("none", watch=watch)
    assert trainer.step == 0
