"""What a run will need: its parts to the byte against real tensors, the whole against what lives, and nothing allocated for it."""

import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification, GPT2Config, ViTConfig

import aitrain_nb as ai
from aitrain_nb.costs import free_memory, speed
from aitrain_nb.costs.setups import padded_share
from aitrain_nb.costs.tracing import follow
from aitrain_nb.engine.memory import is_out_of_memory

SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "vocab_size": 500,
}


def nbytes(tensors):
    return sum(tensor.nbytes for tensor in tensors)


def held_by(trainer):
    """Bytes that weights, gradients and optimizer really take after a step."""
    trainer.fit(display="none")
    state = [value for values in trainer.optimizer.state.values() for value in values.values()]
    gradients = [weight.grad for weight in trainer.model.parameters() if weight.grad is not None]
    return {
        "weights": nbytes([*trainer.model.parameters(), *trainer.model.buffers()]),
        "gradients": nbytes(gradients),
        "optimizer": nbytes(value for value in state if isinstance(value, torch.Tensor)),
    }  # fmt: skip


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"optimizer": "adam"},
        {"optimizer": "sgd"},
        {"optimizer": "sgd", "momentum": 0.9},
        {"data": "tickets", "freeze": "*embeddings*", "layer_decay": 0.9},
        {"data": "tickets", "task": "text-generation"},
        {"data": "digits", "model": "small-cnn"},
        {"data": "digits", "model": "small-vit"},
        {"data": "tickets", "model": "minilm", "method": "lora"},
        {"data": "tickets", "model": "minilm", "method": "head"},
    ],
)
def test_weights_gradients_and_optimizer_are_exact_to_the_byte(fields):
    fields = {"data": "digits", "max_steps": 1, "evaluate_every": 0, "batch_size": 4} | fields
    setup = ai.estimate(**fields).setup
    found = {"weights": setup.weights_bytes, "gradients": setup.gradients_bytes, "optimizer": setup.optimizer_bytes}
    trainer = ai.prepare(**fields)
    of_trainer = ai.estimate(trainer).setup
    assert found == held_by(trainer)
    assert found["weights"] == of_trainer.weights_bytes
    assert found["optimizer"] == of_trainer.optimizer_bytes


@pytest.mark.parametrize(
    "fields", [{"data": "digits", "model": "small-cnn"}, {"data": "tickets"}, {"data": "speeches"}]
)
def test_of_a_trainer_and_of_its_config_it_says_the_same(fields):
    assert ai.estimate(**fields).parts == ai.estimate(ai.prepare(**fields)).parts


def test_what_is_kept_for_the_backward_pass_is_what_autograd_keeps():
    """A second way of counting: the storages that autograd saves, which are not the model's own."""
    trainer = ai.prepare(data="tickets", batch_size=8)
    setup = ai.estimate(trainer).setup
    inputs = {name: value.repeat_interleave(4, 0) for name, value in setup.inputs.items()}
    own = {tensor.untyped_storage().data_ptr() for tensor in (*trainer.model.parameters(), *inputs.values())}
    saved = {}

    def pack(tensor):
        saved[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = trainer.task.loss(trainer.task.outputs(trainer.model.train(), inputs), inputs).mean()
    truth = sum(storage.nbytes() for place, storage in saved.items() if place not in own)
    assert loss.requires_grad
    estimated = setup.step.activations_each * 8
    assert abs(estimated - truth) < 0.02 * truth


def test_a_trainer_is_left_as_it_was():
    trainer = ai.prepare(data="digits", model="small-cnn", max_steps=4)
    trainer.fit(display="none", max_steps=4)
    before, modes = trainer.fingerprint(), [module.training for module in trainer.model.modules()]
    random, cursor = torch.get_rng_state(), trainer.order.cursor
    gradients = [weight.grad for weight in trainer.model.parameters()]
    estimated = ai.estimate(trainer)
    repr(estimated)
    assert trainer.fingerprint() == before
    assert [module.training for module in trainer.model.modules()] == modes
    assert torch.equal(torch.get_rng_state(), random)
    assert trainer.order.cursor == cursor
    assert all(one is other for one, other in zip(gradients, (w.grad for w in trainer.model.parameters()), strict=True))


def resident():
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="the memory of a process is read from /proc, which is Linux's"
)
def test_a_model_of_a_billion_weights_takes_no_memory():
    ai.estimate(BertConfig(**SMALL), batch_size=2).parts  # noqa: B018  what is imported once is not counted
    before = resident()
    estimated = ai.estimate(GPT2Config(n_embd=2048, n_layer=20, n_head=16), batch_size=4)
    assert estimated.setup.weights_bytes > 4e9
    assert estimated.peak_bytes > 12e9
    assert resident() - before < 100e6


def test_checkpointing_saves_and_larger_batches_need_more():
    estimated = ai.estimate(BertConfig(**SMALL | {"num_hidden_layers": 8}), batch_size=16)
    checkpointed = estimated.peak_of(16, gradient_checkpointing=True)
    assert checkpointed < 0.6 * estimated.peak_bytes
    limit = max(estimated.peak_bytes, estimated.process_bytes() or 0)
    assert estimated.fits(limit)
    assert not estimated.fits(limit - 1)
    assert 15 <= estimated.largest_batch(limit) <= 16
    assert estimated.largest_batch(limit, gradient_checkpointing=True) > 32
    assert estimated.largest_batch(1000) == 0


def test_the_batch_that_is_followed_says_what_another_would():
    """One step followed tells every batch size: a batch of another size, followed by itself, asks for the same."""
    found = ai.estimate(BertConfig(**SMALL), batch_size=4)
    model = BertForSequenceClassification(BertConfig(**SMALL, num_labels=2))
    assert found.setup.weights_bytes == nbytes([*model.parameters(), *model.buffers()])
    peaks = [found.peak_of(size) for size in (8, 16, 24)]
    assert peaks[2] - peaks[1] == peaks[1] - peaks[0] > 0


def test_it_says_what_rules_of_thumb_say():
    assert "4-8 GB" in repr(ai.estimate(BertConfig(**SMALL), max_length=16))
    assert "8-16 GB" in repr(ai.estimate(GPT2Config(n_embd=32, n_layer=1, n_head=2, vocab_size=100), max_length=16))
    images = ai.estimate(
        ViTConfig(image_size=32, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64)
    )
    assert images.seconds is None
    assert "a step" in images.time_in_words


def test_a_run_that_has_begun_is_timed_by_its_own_steps():
    trainer = ai.prepare(data="digits", model="mlp", max_steps=20)
    foreseen = ai.estimate(trainer)
    assert foreseen.measured.steps == 0
    trainer.fit(display="none")
    seen = ai.estimate(trainer)
    assert seen.measured.steps == 20
    assert seen.seconds_per_step == seen.measured.seconds_per_step
    low, high = seen.seconds_range
    assert low < seen.seconds < high


def test_errors_say_what_to_give():
    with pytest.raises(ai.ConfigError, match="takes a config or a trainer"):
        ai.estimate("bert")
    with pytest.raises(ai.ConfigError, match="nowhere"):
        ai.estimate(data="tickets", model="nowhere/there")
    with pytest.raises(ai.ConfigError, match="512 positions"):
        ai.estimate(BertConfig(), max_length=4000)
    with pytest.raises(ai.ConfigError, match="batchsize"):
        ai.estimate(BertConfig(), batchsize=3)


def test_how_long_a_batch_is_on_average():
    lengths = torch.tensor([10, 20])
    assert padded_share(lengths, 1) == 0.75
    assert padded_share(lengths, 2) == (0.25 * 10 + 0.75 * 20) / 20


def test_the_batch_finder_leaves_the_run_as_it_was():
    trainer = ai.prepare(data="digits", model="small-cnn", max_steps=3)
    trainer.fit(display="none", max_steps=3)
    before, cursor, rows = trainer.fingerprint(), trainer.order.cursor, len(trainer.history)
    order, config = trainer.order, trainer.config
    found = ai.find_batch_size(trainer, steps=1)
    assert trainer.fingerprint() == before
    assert trainer.order is order
    assert order.cursor == cursor
    assert trainer.config is config
    assert len(trainer.history) == rows
    assert found.recommended in found.rates
    assert set(found.table()["batch_size"]) == set(found.rates)
    assert f"{found.recommended:,}" in repr(found)


def test_the_batch_finder_tries_nothing_that_does_not_fit():
    trainer = ai.prepare(data="digits", model="small-cnn", max_steps=3)
    estimated = ai.estimate(trainer)
    room = estimated.peak_of(16) - estimated.setup.weights_bytes
    found = ai.find_batch_size(trainer, memory_bytes=room, steps=1)
    assert found.largest == 16
    assert max(found.rates) <= 16
    with pytest.raises(ai.ConfigError, match="Not even one example fits"):
        ai.find_batch_size(trainer, memory_bytes=1000)


def test_one_slow_batch_does_not_end_the_search(monkeypatch):
    rates = {1: 100.0, 2: 200.0, 4: 50.0, 8: 800.0, 16: 500.0, 32: 500.0, 64: 9000.0}
    monkeypatch.setattr("aitrain_nb.estimating.timed", lambda _trainer, size, _steps: rates[size])
    found = ai.find_batch_size(ai.prepare(data="digits", model="mlp"))
    assert found.rates == {size: rate for size, rate in rates.items() if size <= 32}
    assert found.recommended == 8
    assert "tried up to 32" in found.text()


def test_the_batch_finder_says_where_memory_ran_out(monkeypatch):
    monkeypatch.setattr(
        "aitrain_nb.estimating.timed", lambda _trainer, size, _steps: None if size == 4 else float(size)
    )
    found = ai.find_batch_size(ai.prepare(data="digits", model="mlp"))
    assert (found.largest, found.ran_out) == (2, 4)
    assert "Memory ran out with 4" in found.text()
    assert "larger ones" not in found.text()


@pytest.mark.parametrize("given", ["8 GB", 0, -1, True, float("nan"), [], ["8 GB"]])
def test_an_amount_of_memory_is_a_number_of_bytes(given):
    with pytest.raises(ai.ConfigError, match="memory_bytes"):
        ai.estimate(data="digits", memory_bytes=given)
    with pytest.raises(ai.ConfigError, match="memory_bytes"):
        ai.find_batch_size(data="digits", memory_bytes=given)
    assert ai.estimate(data="digits", memory_bytes=8e9).limits == (8_000_000_000,)


def test_the_batch_finder_wants_a_run_and_steps():
    with pytest.raises(ai.ConfigError, match="not a BertConfig"):
        ai.find_batch_size(BertConfig())
    with pytest.raises(ai.ConfigError, match="0 steps"):
        ai.find_batch_size(data="digits", steps=0)


def test_a_limit_of_the_process_is_what_is_free():
    child = (
        "import resource, torch\n"
        "from aitrain_nb.costs.free_memory import free_memory\n"
        "taken = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (taken + 2**26, resource.RLIM_INFINITY))\n"
        "assert 0 < free_memory('cpu') <= 2**26, free_memory('cpu')\n"
    )
    if not Path("/proc/self/statm").exists():
        pytest.skip("only Linux says how much address space a process takes")
    subprocess.run([sys.executable, "-c", child], check=True)


@pytest.mark.parametrize(
    ("words", "is_one"), [("could not create a primitive", True), ("could not create a primitive descriptor", False)]
)
def test_what_onednn_says_without_memory(words, is_one):
    assert is_out_of_memory(RuntimeError(words)) is is_one


def test_where_nothing_fits_it_is_said(monkeypatch):
    monkeypatch.setattr("aitrain_nb.costs.estimates.free_memory", lambda _device: 1000)
    assert ai.estimate(data="digits", model="mlp").memory_in_words.endswith("not even one example fits")


def test_a_container_s_limit_is_what_is_free(tmp_path, monkeypatch):
    limit, taken = tmp_path / "memory.max", tmp_path / "memory.current"
    limit.write_text("3000\n", encoding="ascii")
    taken.write_text("1000\n", encoding="ascii")
    monkeypatch.setattr(free_memory, "_CGROUPS", ((str(limit), str(taken)),))
    assert free_memory.free_memory("cpu") == 2000
    limit.write_text("max\n", encoding="ascii")
    assert free_memory.free_memory("cpu") > 2000


def test_a_run_is_measured_beside_its_estimate():
    trainer = ai.prepare(data="digits", model="mlp", max_steps=3)
    assert trainer.memory.peak_bytes is None
    trainer.fit(display="none")
    assert "time of 3 steps: estimated" in repr(ai.estimate(trainer))
    rows = ai.estimate(trainer).comparison()
    assert rows.loc["time", "measured"] == sum(row["seconds"] for row in trainer.history)
    assert (rows["error"] == rows["estimated"] / rows["measured"] - 1).all()
    if Path("/proc/self/clear_refs").exists():
        assert trainer.memory.peak_bytes >= ai.estimate(trainer).setup.weights_bytes
        assert rows.loc["memory", "measured"] == trainer.memory.peak_bytes


def test_what_was_foreseen_stands_beside_what_was_measured(tmp_path):
    from aitrain_nb.estimating import foresee

    trainer = ai.prepare(data="digits", model="mlp", max_steps=3)
    foresee(trainer)
    foreseen = trainer.foreseen
    trainer.fit(display="none", output_dir=tmp_path / "run")
    assert trainer.foreseen is foreseen
    card = (tmp_path / "run" / "README.md").read_text(encoding="utf-8")
    assert "## What it needed" in card
    assert "time of 3 steps" in card


def test_the_command_line_estimates(tmp_path):
    from typer.testing import CliRunner

    from aitrain_nb.cli import app

    file = tmp_path / "run.yaml"
    file.write_text("data: digits\nmodel: mlp\n", encoding="utf-8")
    told = CliRunner().invoke(app, ["estimate", str(file), "--set", "batch_size=64"])
    assert told.exit_code == 0
    assert "batches of 64" in told.output


@pytest.mark.parametrize("wrong", ["8 GB", 0, -1, True, float("inf")])
def test_memory_that_is_no_number_of_bytes_is_said(wrong):
    found = ai.estimate(data="digits", model="mlp")
    for ask in (found.fits, found.largest_batch):
        with pytest.raises(ai.ConfigError, match="number of bytes"):
            ask(wrong)


def test_the_smallest_step_has_as_many_operations_as_are_counted():
    net = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.ReLU(), torch.nn.Linear(8, 8))
    given = {"x": torch.ones(8, 8), "labels": torch.zeros(8, dtype=torch.int64)}
    found = follow(
        net, given, lambda model, inputs: model(inputs["x"]),
        lambda logits, inputs: torch.nn.functional.cross_entropy(logits, inputs["labels"]), lambda _model: nullcontext(),
    )  # fmt: skip
    assert found.operations == speed._OPERATIONS


def test_a_small_step_takes_what_the_smallest_takes_however_little_there_is_to_compute():
    machine = speed.Speed(flops=1e18, moved=1e18, per_operation=1e-5, per_step=1e-3)
    step = SimpleNamespace(flops=10, moved=10, operations=20, numbers={})
    assert machine.seconds(step, 32, 1.0, 100) == pytest.approx(1.2e-3)


def test_functions_and_random_numbers_take_their_time_at_each_number():
    layers = torch.nn
    net = layers.Sequential(
        layers.Linear(8, 16), layers.GELU(), layers.Dropout(0.1), layers.GELU(approximate="tanh"), layers.Linear(16, 4)
    )
    given = {"x": torch.ones(2, 3, 8), "labels": torch.zeros(2, 3, dtype=torch.int64)}
    found = follow(
        net, given, lambda model, inputs: model(inputs["x"]) + 2.0 ** torch.zeros(1),
        lambda logits, inputs: torch.nn.functional.cross_entropy(logits.flatten(0, 1), inputs["labels"].flatten()),
        lambda _model: nullcontext(),
    )  # fmt: skip
    hidden, scores = 3 * 16, 3 * 4
    assert {kind: round(count) for kind, count in found.numbers.items()} == {
        "curved": 2 * hidden + 2 * scores, "drawn": hidden, "bent": 2 * hidden
    }  # fmt: skip  # and one number raised to a power, whose base is no tensor, is less than one for each example
    machine = speed.Speed(1e18, 1e18, 0.0, 0.0, {"curved": 1e6, "drawn": 1e3})
    assert machine.seconds(found, 10, 0.5, 0) == pytest.approx(
        5 * ((2 * hidden + 2 * scores) / 1e6 + hidden / 1e3), rel=1e-4
    )
    measured = speed.measure("cpu", torch.get_num_threads()).numbers
    assert set(measured) == set(found.numbers)
    assert min(measured.values()) > 0


@pytest.mark.parametrize(
    "fields",
    [{"data": "digits"}, {"data": "tickets"}, {"data": "speeches", "max_steps": 3}],
    ids=lambda fields: fields["data"],
)
def test_a_second_copy_of_the_examples_is_counted_where_there_is_one(fields):
    trainer = ai.prepare(**fields, keep="last")
    train = trainer.prepared["train"]
    is_laid_out = all(isinstance(column, torch.Tensor) for column in train.columns.values())
    of_all = sum(column.nbytes for column in train.columns.values()) if is_laid_out else 0
    assert of_all > 0 or fields["data"] == "tickets"
    assert ai.estimate(trainer).setup.laid_out_bytes == of_all
    assert ai.estimate(**fields, keep="last").setup.laid_out_bytes == of_all
