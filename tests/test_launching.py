"""`trainer.launch(processes=2)`: started from here, shown here, and what the processes trained ends in this trainer."""

import os
import signal
import threading
import time

import pandas as pd
import pytest

import aitrain_nb as ai
from aitrain_nb.errors import ConfigError, PhaseError, ProcessError

pytestmark = pytest.mark.usefixtures("forked")

RUN = {"data": "digits", "model": "mlp", "batch_size": 99, "epochs": 2, "threads": 1}


def test_it_is_the_same_run_and_this_trainer_holds_it(capsys):
    alone = ai.prepare(**RUN)
    alone.fit("none")
    trainer = ai.prepare(**RUN)
    history = trainer.launch(processes=2)
    assert history is trainer.history
    assert history.frame()["loss"].tolist() == pytest.approx(alone.history.frame()["loss"].tolist(), abs=1e-5)
    assert trainer.evaluate().loss == pytest.approx(alone.evaluate().loss, abs=1e-5)
    assert trainer.ending.state == "done"
    assert "Epoch 2: Training loss" in capsys.readouterr().out
    trainer.fit("none", epochs=3)
    assert trainer.step == alone.step + alone.steps_per_epoch


def test_an_interrupt_ends_the_run_after_its_step_and_nothing_is_lost(tmp_path):
    trainer = ai.prepare(**RUN | {"epochs": 10_000})

    def interrupt() -> None:
        rows = tmp_path / "run" / "history.jsonl"
        while not (rows.is_file() and rows.stat().st_size):
            time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    trainer.launch(2, shard=True, output_dir=tmp_path / "run", display="none")
    assert trainer.ending.state == "stopped"
    assert 0 < trainer.step < trainer.total_steps
    assert len(trainer.history) == trainer.step
    assert ai.load_run(tmp_path / "run").fingerprint() == trainer.fingerprint()


def test_what_a_process_says_when_it_fails_is_said_here(tmp_path):
    file = tmp_path / "mine.csv"
    pd.DataFrame({"text": [f"word {i}" for i in range(40)], "label": ["a", "b"] * 20}).to_csv(file, index=False)
    trainer = ai.prepare(data=str(file), model="small-encoder", max_steps=2)
    file.unlink()
    with pytest.raises(ProcessError, match=r"There is no file .*mine\.csv"):
        trainer.launch(2, display="none")
    assert trainer.step == 0


def test_what_lies_in_memory_can_not_be_handed_over():
    table = pd.DataFrame({"text": [f"word {i}" for i in range(40)], "label": ["a", "b"] * 20})
    trainer = ai.prepare(data=table, model="small-encoder", max_steps=2)
    with pytest.raises(ConfigError, match="Save the data to a file"):
        trainer.launch(2)
    named = ai.prepare(**RUN)
    own = ai.Trainer(named.model, "image-classification", named.data, ai.TrainConfig(max_steps=1))
    with pytest.raises(ConfigError, match="model of this run"):
        own.launch(2)


@pytest.mark.parametrize("number", [0, -1, 1.5, "two", True, None])
def test_a_number_of_processes_that_is_none(number):
    with pytest.raises(ConfigError, match="processes"):
        ai.prepare(**RUN).launch(number)


def test_a_run_that_has_begun_is_not_begun_again():
    trainer = ai.prepare(**RUN | {"max_steps": 1})
    trainer.fit("none")
    with pytest.raises(PhaseError, match="has begun"):
        trainer.launch(2)
