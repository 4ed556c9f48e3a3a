"""One run in several processes: the same run as in one, whatever the shares; and what happens when one of them stops, fails or is gone."""

from functools import cache
from pathlib import Path

import pytest
from together import lose_one, made, run_together, spoil_share, train, train_and_go_on, train_in_parts

import aitrain_nb as ai
from aitrain_nb.engine import processes, sharding
from aitrain_nb.errors import ConfigError
from aitrain_nb.launching import SHARDING

RUNS = {
    "digits, accumulated": {"data": "digits", "model": "mlp", "batch_size": 27, "gradient_accumulation_steps": 2, "max_steps": 60},
    "digits, one left over": {"data": "digits", "model": "mlp", "batch_size": 359, "max_steps": 50, "evaluate_every": 7},
    "texts": {"data": "tickets", "model": "small-encoder", "batch_size": 9, "max_steps": 50, "max_length": 24, "chance": 0.0},
    "a language model": {"data": "tickets", "task": "text-generation", "model": "small-gpt", "batch_size": 3, "max_steps": 20,
                         "max_length": 16, "chance": 0.0, "evaluation_examples": 11, "evaluate_every": 10},
}  # fmt: skip
DIGITS = {"data": "digits", "model": "mlp", "batch_size": 27, "max_steps": 20, "save_every": 4}


@cache
def _alone(name):
    """A run in one process."""
    return train(Path("alone"), 0, **RUNS[name])


@pytest.mark.parametrize("variables", [{}, SHARDING], ids=["whole", "shards"])
@pytest.mark.parametrize("name", RUNS)
def test_two_processes_are_as_one(name, variables, tmp_path):
    alone = _alone(name)
    first, second = run_together(train, tmp_path, variables=variables, **RUNS[name])
    assert {key: first[key] for key in first if key != "writes"} == {
        key: second[key] for key in second if key != "writes"
    }
    assert len(first["losses"]) == RUNS[name]["max_steps"]
    assert first["losses"] == pytest.approx(alone["losses"], abs=1e-5)
    assert first["norms"] == pytest.approx(alone["norms"], rel=1e-3), "AdamW divides by what may be rounding alone"
    assert first["counted"] == alone["counted"]
    for mine, its in zip(first["evaluations"], alone["evaluations"], strict=True):
        assert mine == pytest.approx(its, abs=1e-5)
    assert first["evaluations"]
    again = ai.load_run(tmp_path / "run")
    assert again.step == first["step"]
    assert again.fingerprint() == first["weights"]
    assert again.evaluate().loss == pytest.approx(min(alone["evaluations"])[0], abs=1e-5)


def test_a_batch_smaller_than_the_processes_is_shared_all_the_same():
    trainer = made(**RUNS["digits, one left over"])
    assert len(trainer.data.train) % 359 == 1, (
        "then the last batch of an epoch holds one example, and one process has none"
    )


def test_a_stop_of_one_is_a_stop_of_all_and_the_run_goes_on_as_if_it_had_not_been(tmp_path):
    options = {
        "data": "tickets",
        "model": "small-encoder",
        "batch_size": 8,
        "max_steps": 8,
        "max_length": 16,
        "keep": "last",
    }
    whole = run_together(train, tmp_path / "whole", **options)[0]
    first, second = run_together(train_and_go_on, tmp_path / "parts", stop_at=3, **options)
    assert first["first"]["step"] == second["first"]["step"] == 3
    assert "enough" in second["first"]["ending"]
    assert first["whole"]["weights"] == second["whole"]["weights"] == whole["weights"], (
        "dropout included, to the last bit"
    )
    assert first["whole"]["losses"] == whole["losses"]


def test_one_that_is_killed_ends_the_other_in_words_and_the_run_resumes(tmp_path):
    first, second = run_together(lose_one, tmp_path, at=11, **DIGITS)
    assert second == {"killed": True}
    assert first["error"] == "ProcessError", first
    assert "Another process of this run has ended" in first["words"]
    assert "resume" in first["words"]
    again = ai.load_run(tmp_path / "run")
    assert again.step == 10, "the one that is left saves what it has"
    again.fit("none", output_dir=tmp_path / "run")
    alone = train(tmp_path / "alone", 0, **DIGITS)
    assert again.history.frame()["loss"].tolist() == pytest.approx(alone["losses"], abs=1e-5)


def test_shards_are_gathered_at_each_end_and_the_run_goes_on_in_as_many_processes_as_one_likes(tmp_path):
    options = {key: value for key, value in DIGITS.items() if key != "max_steps"}
    first, second = run_together(train_in_parts, tmp_path, variables=SHARDING, parts=[5, 9, 13], **options)
    assert first["first"] == second["first"]
    assert first["whole"] == second["whole"]
    again = ai.load_run(tmp_path / "run")
    assert again.fingerprint() == first["whole"]["weights"]
    again.fit("none", output_dir=tmp_path / "run", max_steps=20)
    alone = train(tmp_path / "alone", 0, **DIGITS)
    assert again.history.frame()["loss"].tolist() == pytest.approx(alone["losses"], abs=1e-5)
    assert (tmp_path / "run" / "README.md").is_file()


def test_shards_that_are_lost_with_a_process_are_in_the_newest_checkpoint(tmp_path):
    first, second = run_together(lose_one, tmp_path, variables=SHARDING, at=11, **DIGITS)
    assert second == {"killed": True}
    assert first["error"] == "ProcessError", first
    assert "newest checkpoint" in first["words"]
    again = ai.load_run(tmp_path / "run")
    assert again.step == 8
    again.fit("none", output_dir=tmp_path / "run")
    alone = train(tmp_path / "alone", 0, **DIGITS)
    assert again.history.frame()["loss"].tolist() == pytest.approx(alone["losses"], abs=1e-5)


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("FSDP_VERSION", "1", "version 2"), ("FSDP_OFFLOAD_PARAMS", "true", "offloading"),
        ("FSDP_ACTIVATION_CHECKPOINTING", "true", "gradient_checkpointing"), ("FSDP_IGNORED_MODULES", "head", "no module"),
        ("FSDP_AUTO_WRAP_POLICY", "BY_MOON", "accelerate config"),
    ],
)  # fmt: skip
def test_what_fsdp_is_told_and_can_not_do_is_refused(variable, value, words, monkeypatch):
    for name in SHARDING.items():
        monkeypatch.setenv(*name)
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError, match=words):
        sharding.asked_settings()


@pytest.mark.parametrize("option", [{"compile": True}, {"snapshot_every": 2}, {"inspect_every": 2}])
def test_what_needs_whole_weights_in_a_step_does_not_go_with_shards(option):
    with pytest.raises(ConfigError, match=next(iter(option))):
        sharding.check_shardable(ai.TrainConfig(**option))


def test_mpirun_without_a_meeting_place_is_refused(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="accelerate launch"):
        ai.prepare(data="digits", model="mlp")


@pytest.mark.parametrize("variables", [{}, SHARDING], ids=["whole", "shards"])
def test_numbers_that_are_not_finite_in_one_share_are_skipped_by_all(variables, tmp_path):
    first, second = run_together(
        spoil_share, tmp_path, variables=variables, at=5, how="nan", nan_policy="skip", **DIGITS
    )
    assert first["step"] == second["step"] == 20
    assert first["weights"] == second["weights"]
    assert [change[1] for change in first["changes"]] == ["skipped"]
    assert first["changes"] == second["changes"]


def test_memory_that_runs_out_in_one_ends_the_run_in_words(tmp_path):
    first, second = run_together(spoil_share, tmp_path, at=5, how="memory", **DIGITS)
    assert second["error"] == "OutOfMemoryError"
    assert "process 2 of 2" in second["words"]
    assert "gradient_accumulation_steps" in second["words"]
    assert first["error"] == "ProcessError"


@pytest.mark.parametrize("engine", ["DEEPSPEED", "MEGATRON_LM"])
def test_an_engine_with_a_loop_of_its_own_is_refused(engine, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv(f"ACCELERATE_USE_{engine}", "true")
    with pytest.raises(ConfigError, match="DDP"):
        ai.prepare(data="digits", model="mlp")


def test_one_process_costs_nothing_and_says_nothing():
    trainer = ai.prepare(data="digits", model="mlp", max_steps=1)
    assert type(trainer.processes) is processes.OneProcess
