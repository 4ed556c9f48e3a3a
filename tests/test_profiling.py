"""Where the time of a step goes: measured on a copy, complete, and told with what to do about it."""

import contextlib
import io
import os
import subprocess
import sys

import pandas as pd
import pytest
import torch

import aitrain_nb as ai
from aitrain_nb.bundled import BUNDLED
from aitrain_nb.errors import ConfigError, PhaseError
from aitrain_nb.profiling import BETWEEN, KINDS, PHASES, Profile, kind_of, measuring


@pytest.fixture(scope="module")
def texts():
    return ai.prepare(data="tickets", model="small-encoder", threads=1, batch_size=8, group_by_length="off")


@pytest.fixture(scope="module")
def found(texts):
    return ai.profile(texts, steps=3)


def test_the_parts_make_the_whole(found):
    assert list(found.seconds) == list(PHASES.values())
    assert sum(found.shares.values()) == pytest.approx(1)
    assert sum(map(found.share_of_phase, found.seconds)) == pytest.approx(1)
    assert found.table().drop(columns="share").to_numpy().sum() == pytest.approx(found.step_seconds)
    assert set(found.shares) <= {*KINDS, BETWEEN}
    assert found.steps == 3


def test_work_is_found_where_it_is_done(found):
    """Products in both ways, dropout's random numbers only forward, the loss's own operation, the optimizer in the update."""
    assert found.seconds["forward"]["matrix products"] > 0
    assert found.seconds["backward"]["matrix products"] > 0
    assert found.seconds["forward"]["dropout"] > 0
    assert "dropout" not in found.seconds["backward"]
    assert found.seconds["loss"]["loss"] > 0
    assert found.seconds["update"]["optimizer"] > 0
    assert "optimizer" not in found.seconds["forward"]
    assert found.seconds["tokenize"].get("matrix products", 0) == 0


def test_operations_are_counted_for_one_step(found):
    """A layer of the encoder has six linear maps; pooling and the head make two more."""
    table = found.operations_table().set_index("name")
    layers = 2
    assert table.loc["aten::addmm", "calls"] == 6 * layers + 2
    assert table.loc["aten::addmm", "kind"] == "matrix products"
    assert list(table["seconds"]) == sorted(table["seconds"], reverse=True)


def test_a_step_is_timed_without_the_profiler(monkeypatch):
    """The profiler takes time of its own: what a step takes is that of steps that it doesn't follow."""
    trainer = ai.prepare(data="digits", model="mlp", threads=1)
    clock, look, late = measuring.perf_counter, measuring._look, []
    monkeypatch.setattr(measuring, "perf_counter", lambda: clock() + sum(late))

    def slowly(trainer):
        watch = trainer.phases
        trainer.phases = lambda: (late.append(1000.0) or record for record in watch())
        found = look(trainer)
        del trainer.phases
        return found

    monkeypatch.setattr(measuring, "_look", slowly)
    monkeypatch.setattr(measuring, "_MOST_SECONDS", float("inf"))
    found = ai.profile(trainer, steps=3)
    assert len(late) == 5 * (1 + 3)
    assert 0 < found.step_seconds < 1000


def test_the_run_is_untouched():
    trainer = ai.prepare(data="digits", model="mlp", threads=1)
    list(trainer.phases())
    state = torch.get_rng_state()
    before = (trainer.fingerprint(), trainer.step, trainer.order.cursor, len(trainer.history), trainer.model.training)
    ai.profile(trainer, steps=1)
    assert before == (
        trainer.fingerprint(),
        trainer.step,
        trainer.order.cursor,
        len(trainer.history),
        trainer.model.training,
    )
    assert torch.equal(torch.get_rng_state(), state)


def test_it_says_what_to_do(texts, found):
    assert found.padding > 0.15
    said = found.text()
    assert 'group_by_length="on"' in said
    assert "matrix products" in said
    assert "A step takes" in said.split("\n")[2]
    grouped = ai.prepare(data="tickets", model="small-encoder", threads=1, batch_size=8, group_by_length="on")
    assert not any("group_by_length" in one for one in ai.profile(grouped, steps=1).advice)
    ready = Profile({"forward": {"dropout": 0.5, BETWEEN: 0.1}, "update": {"optimizer": 0.4}}, [], 0.0, 1, texts)
    assert [one.split(":")[0].split(" takes")[0] for one in ready.advice] == [
        "The random numbers of dropout take 50 %", "The update"
    ]  # fmt: skip
    slow = Profile({"forward": {BETWEEN: 1.0}}, [], 0.0, 1, texts)
    assert [one for one in slow.advice if "larger batch_size" in one]


def test_no_time_is_a_leftover_of_rounding(found):
    values = [value for kinds in found.seconds.values() for value in kinds.values()]
    assert all(value == 0 or value > 1e-9 for value in values)


def test_what_is_compiled_is_compiled_before_anything_is_counted(monkeypatch):
    """Steps go on until four take about the same time; at most sixteen."""
    trainer = ai.prepare(data="digits", model="mlp", threads=1)
    slow = iter([2.0, 0.1, 1.5, 0.1, 0.1, 0.11, 0.1, 0.1, 0.1])
    monkeypatch.setattr(measuring, "_timed", lambda _trainer: [("forward", next(slow), None)])
    monkeypatch.setattr(measuring, "_look", lambda _trainer: [])
    trainer.config = trainer.config.replace(compile=True)
    measuring._warm_up(trainer)
    assert len(list(slow)) == 2
    endless = iter(range(100))
    monkeypatch.setattr(measuring, "_timed", lambda _trainer: [("forward", 2.0 ** -next(endless), None)])
    measuring._warm_up(trainer)
    assert next(endless) == 16


@pytest.mark.parametrize(
    "fields",
    [
        {"gradient_checkpointing": True},
        {"precision": "bf16"},
        {"buffer_size": 100, "max_steps": 5, "data": "tickets.csv"},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_other_kinds_of_runs_are_looked_into_too(fields, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = BUNDLED["tickets"]("text-classification").dataset.columns
    pd.DataFrame({"text": rows["text"], "label": [f"class {one}" for one in rows["label"].tolist()]}).to_csv(
        "tickets.csv"
    )
    trainer = ai.prepare(**{"data": "tickets", "model": "small-encoder", "threads": 1, "batch_size": 8} | fields)
    found = ai.profile(trainer, steps=1)
    assert sum(found.shares.values()) == pytest.approx(1)
    assert found.share_of_phase("backward") > found.share_of_phase("loss")


def test_accumulated_micro_batches_are_one_step():
    trainer = ai.prepare(data="digits", model="mlp", threads=1, batch_size=8, gradient_accumulation_steps=4)
    table = ai.profile(trainer, steps=1).operations_table().set_index("name")
    assert table.loc["aten::addmm", "calls"] == 2 * 4


def test_nothing_is_written_past_python():
    """torch's profiler has a voice of its own on the terminal; KINETO_LOG_LEVEL is as it was."""
    code = (
        "import aitrain_nb as ai, os; ai.profile(ai.prepare(data='digits', model='mlp'), steps=1); "
        "print(os.environ.get('KINETO_LOG_LEVEL'))"
    )
    plain = {name: value for name, value in os.environ.items() if name != "KINETO_LOG_LEVEL"}
    run = subprocess.run([sys.executable, "-c", code], env=plain, capture_output=True, text=True, check=True)
    assert (run.stdout, run.stderr) == ("None\n", "")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("## Call CompiledFxGraph fh2h ##", "compiled kernels"),
        ("aten::mm", "matrix products"), ("aten::baddbmm", "matrix products"), ("aten::mkldnn_linear", "matrix products"),
        ("aten::mkldnn_convolution", "convolutions"), ("aten::convolution_backward", "convolutions"),
        ("aten::_scaled_dot_product_flash_attention_for_cpu_backward", "attention"), ("aten::random_", "dropout"),
        ("aten::native_layer_norm_backward", "normalization"), ("aten::threshold_backward", "activations"),
        ("aten::embedding_dense_backward", "embeddings"), ("aten::nll_loss_forward", "loss"), ("aten::_fused_adamw_", "optimizer"),
        ("Optimizer.step#AdamW.step", "optimizer"), ("aten::mul", "arithmetic"), ("aten::maximum", BETWEEN), ("aten::copy_", "copies"),
        ("aten::as_strided", BETWEEN), ("autograd::engine::evaluate_function: AddmmBackward0", BETWEEN),
    ],
)  # fmt: skip
def test_an_operation_has_its_kind(name, kind):
    assert kind_of(name) == kind


def test_what_can_not_be_looked_into_is_said(texts):
    for steps in (0, 1.5, True):
        with pytest.raises(ConfigError, match="profile can't take"):
            ai.profile(texts, steps=steps)
    with pytest.raises(ConfigError, match="profile takes a trainer"):
        ai.profile(ai.TrainConfig(data="digits"))
    with torch.inference_mode(), pytest.raises(PhaseError, match="inference_mode"):
        ai.profile(texts)
    trainer = ai.prepare(data="digits", model="mlp")
    with torch.inference_mode(), pytest.raises(PhaseError, match="inference_mode"):
        trainer.fit(display="none")
    trainer.tokenize()
    with pytest.raises(PhaseError, match="is under way"):
        ai.profile(trainer)


def test_a_page_says_it_all(found):
    with contextlib.redirect_stdout(io.StringIO()) as written:
        page = found._repr_html_()
    assert not written.getvalue()
    assert "Where the time of a step goes" in page
    assert "aten::addmm" in page
