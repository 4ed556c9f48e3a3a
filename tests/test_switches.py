"""What makes a run quicker or smaller: each switch leaves the training what it is, goes on exactly, and is refused in words."""

import dataclasses
import math
from functools import cache

import pytest
import torch
import transformers
from torch import nn

import aitrain_nb as ai
from aitrain_nb.engine import compiling, device
from aitrain_nb.engine.attention import attention_name
from aitrain_nb.engine.checkpointing import Checkpointing
from aitrain_nb.engine.order import grouped, lengths_of
from aitrain_nb.engine.precision import Precision, has_bf16, loss_scale
from tests.test_one_loop import drive_by_hand, drive_fit

SWITCHES = {
    "sdpa": {"attention": "sdpa"},
    "checkpointing": {"gradient_checkpointing": True},
    "grouped": {"group_by_length": "on"},
    "not fused": {"fused_optimizer": "off"},
    "bf16": {"precision": "bf16"},
    "fp16": {"precision": "fp16"},
    "fast dropout": {"fast_dropout": True},
}
TOLERANCE = {"sdpa": 1e-5, "checkpointing": 0.0, "not fused": 1e-5, "bf16": 2e-2, "fp16": 3e-3}
"""Largest difference of a loss of the first steps, nats. The first of bf16 differ by 2 ** -8 of a logit."""


def prepared(**fields):
    """A small encoder with dropout on short texts: eight steps, two evaluations."""
    short = {"vocabulary_size": 300, "max_length": 20, "batch_size": 8, "max_steps": 8, "evaluation_examples": 40}
    common = {"data": "tickets", "model": "small-encoder", "evaluate_every": 4, "threads": 1}
    return ai.prepare(**(common | short | fields))


@cache
def fitted(name):
    """A whole run with the switch."""
    trainer = prepared(**SWITCHES[name])
    trainer.fit("none")
    return trainer


@pytest.fixture(scope="module")
def plain():
    trainer = prepared()
    trainer.fit("none")
    return trainer


def losses(trainer):
    return trainer.history.frame()["loss"].tolist()


# the same training


@pytest.mark.parametrize("name", TOLERANCE)
def test_first_losses_are_those_without_the_switch(plain, name):
    apart = max(abs(one - other) for one, other in zip(losses(fitted(name)), losses(plain), strict=True))
    assert apart <= TOLERANCE[name]


def test_checkpointing_changes_no_bit_and_leaves_the_users_random_numbers_alone(plain):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    trainer = prepared(gradient_checkpointing=True)
    trainer.fit("none")
    assert torch.equal(torch.rand(3), expected)
    assert trainer.fingerprint() == plain.fingerprint()
    assert not any(getattr(module, "gradient_checkpointing", False) for module in trainer.model.modules())


@pytest.mark.parametrize("name", SWITCHES)
def test_by_hand_is_fit(name):
    fit, hand = (prepared(keep="last", **SWITCHES[name]) for _ in range(2))
    drive_fit(fit)
    drive_by_hand(hand)
    assert hand.fingerprint() == fit.fingerprint()


@pytest.mark.parametrize("name", SWITCHES)
@pytest.mark.parametrize("accumulation", [1, 2])
def test_every_check_of_a_step_passes(name, accumulation):
    trainer = prepared(gradient_accumulation_steps=accumulation, **SWITCHES[name])
    for _ in range(2):
        failed = []
        for record in trainer.phases():
            checks = record.check()
            failed += checks[~checks["passed"]].values.tolist()
        assert not failed


@pytest.mark.parametrize("name", SWITCHES)
def test_a_run_that_was_stopped_goes_on_to_the_same_bits(name, tmp_path):
    whole, first = fitted(name), prepared(**SWITCHES[name])
    first.watchers.append(lambda record: first.stop() if record.step == 3 and record.phase == "update" else None)
    first.fit("none", output_dir=tmp_path / "run")
    second = ai.load_run(tmp_path / "run")
    assert second.step == 3
    second.fit("none")
    assert second.fingerprint() == whole.fingerprint()
    assert losses(second) == losses(whole)


@pytest.mark.parametrize("name", SWITCHES)
def test_undo_is_exact(name, step):
    trainer = prepared(**SWITCHES[name])
    step(trainer)
    before, state = trainer.fingerprint(), trainer.optimizer.state_dict()["param_groups"]
    _, _, loss, _, _ = step(trainer)
    after = trainer.fingerprint()
    trainer.undo()
    assert trainer.fingerprint() == before
    assert trainer.optimizer.state_dict()["param_groups"] == state
    assert step(trainer)[2].value == loss.value
    assert trainer.fingerprint() == after


def test_compiled_code_trains_the_same(make):
    def run(**fields):
        trainer = make(max_steps=6, evaluate_every=0, **fields)
        trainer.fit("none")
        return trainer

    plain, compiled = run(), run(compile=True)
    assert losses(compiled) == pytest.approx(losses(plain), abs=1e-5)
    assert list(compiled.model.state_dict()) == list(plain.model.state_dict())
    assert compiled.evaluate().loss == pytest.approx(plain.evaluate().loss, abs=1e-4)
    for record in compiled.phases():
        assert record.check()["passed"].all(), record.check()


# fewer bits


def with_scale(trainer, scale):
    trainer.optimizer.param_groups[0]["loss_scale"] = scale
    return trainer


def test_a_scaled_loss_that_is_too_large_costs_one_step_and_no_run(step):
    trainer = with_scale(prepared(precision="fp16"), 2.0**60)
    before = trainer.fingerprint()
    *_, gradients, update = step(trainer)
    assert not math.isfinite(gradients.norm)
    assert trainer.fingerprint() == before
    assert not update.weights_changed
    assert "fp16" in update.text()
    assert "left out" in update.brief()
    assert update.check()["passed"].all()
    assert loss_scale(trainer.optimizer) == 2.0**59
    trainer.fit("none")
    assert trainer.step == trainer.total_steps
    assert trainer.history.troubles == []
    changes = [change for change in trainer.history.changes if change.name == "loss_scale"]
    assert changes[0].value == 2.0**59
    assert changes[-1].value < 2.0**59
    assert trainer.ending.state == "done"


def test_a_loss_that_is_no_number_is_no_matter_of_scale(lose_a_number):
    trainer = ai.prepare(model="mlp", precision="fp16", max_steps=20, evaluate_every=0)
    lose_a_number(trainer, 3)
    trainer.fit("none")
    assert trainer.step == 4
    assert "not finite" in trainer.ending.reason or "nan" in trainer.ending.reason
    assert not any(change.name == "loss_scale" and change.step > 3 for change in trainer.history.changes)


def test_where_the_scale_can_not_fall_the_gradients_are_at_fault(step):
    trainer = with_scale(prepared(precision="fp16"), 1.0)
    trainer.tokenize()
    inf = torch.tensor(math.inf)
    assert not trainer.precision.overflowed([torch.tensor(1.0)], inf, trainer.optimizer)
    with_scale(trainer, 2.0)
    assert trainer.precision.overflowed([torch.tensor(1.0)], inf, trainer.optimizer)


def test_the_scale_goes_the_way_of_torchs_own_scaler():
    weight = nn.Parameter(torch.ones(2))
    optimizer, theirs = torch.optim.SGD([weight], lr=0.0), torch.amp.GradScaler("cpu")
    ours = Precision("fp16", "cpu")
    ours.begin(optimizer)
    theirs.scale(torch.zeros(()))
    assert loss_scale(optimizer) == theirs.get_scale()
    for step in range(4100):
        bad = step in {0, 1, 2500}
        weight.grad = torch.full((2,), math.inf if bad else 1.0)
        theirs.step(optimizer)
        theirs.update()
        ours.count(optimizer, overflowed=bad)
        assert loss_scale(optimizer) == theirs.get_scale(), step


def test_gradients_are_the_true_ones_between_micro_batches():
    weights = [nn.Parameter(torch.tensor([0.3, 0.7]))]
    optimizer = torch.optim.SGD(weights)
    precision = Precision("fp16", "cpu")
    precision.begin(optimizer)
    for factor in (1.0, 3.0):
        precision.backward((weights[0] * factor).sum(), weights, optimizer)
    assert weights[0].grad.tolist() == [4.0, 4.0]


def test_answers_have_32_bits_whatever_the_layers_have():
    trainer = prepared(precision="bf16")
    assert trainer.tokenize().parts
    assert trainer.forward(trainer._turn.batch).logits.dtype == torch.bfloat16
    assert trainer._evaluator.about([0, 1]).logits.dtype == torch.float32
    assert trainer.features("validation").dtype == torch.float32
    assert all(weight.dtype == torch.float32 for weight in trainer.model.parameters())
    assert trainer.predict(["where is my parcel"]).shape[0] == 1


# texts of like length


def padding(trainer):
    order, lengths = trainer.order.of_epoch(0), lengths_of(trainer.prepared["train"])
    return sum(int(part.max()) * len(part) for part in lengths[order].split(trainer.config.batch_size)) / int(
        lengths.sum()
    )


def test_grouping_pads_less_and_every_text_still_comes_once():
    trainer, plain = prepared(group_by_length="on", max_length=64), prepared(max_length=64)
    assert padding(trainer) < 1.1 < padding(plain)
    for epoch in (0, 1):
        assert sorted(trainer.order.of_epoch(epoch).tolist()) == list(range(trainer.order.examples))
    assert not torch.equal(trainer.order.of_epoch(0), trainer.order.of_epoch(1))


def test_in_one_pool_an_epoch_mixes_its_batches_otherwise_and_pads_nearly_as_little_as_sorted_texts():
    lengths, random = (
        torch.randint(8, 257, (512,), generator=torch.Generator().manual_seed(1)),
        torch.Generator().manual_seed(2),
    )
    one, other = (grouped(torch.randperm(512, generator=random), lengths, 32, random) for _ in range(2))
    batches = [{frozenset(batch.tolist()) for batch in order.split(32)} for order in (one, other)]
    assert batches[0].isdisjoint(batches[1])
    widest = [sum(int(batch.max()) * 32 for batch in lengths[order].split(32)) for order in (one, lengths.argsort())]
    assert widest[0] < 1.04 * widest[1]


def test_texts_become_numbers_once_a_run(monkeypatch):
    trainer = prepared(max_steps=None, epochs=2, evaluate_every=0, batch_size=200)
    calls = []
    monkeypatch.setattr(type(trainer.processor), "__call__", lambda *given, **named: calls.append(given))
    trainer.fit("none")
    assert calls == []


def test_an_evaluation_pads_little_and_keeps_the_order_of_the_examples():
    trainer = prepared(evaluation_batch_size=8, max_length=64)
    widths, outputs = [], trainer.task.outputs

    def watched(model, inputs):
        widths.append(inputs["input_ids"].shape[1])
        return outputs(model, inputs)

    trainer._evaluator._task = type("Watched", (type(trainer.task),), {"outputs": staticmethod(watched)})()
    found = trainer._evaluator.answers(trainer.prepared["validation"])
    assert widths == sorted(widths)
    assert len(set(widths)) > 2
    trainer._evaluator.batch_size = 1000
    at_once = trainer._evaluator.answers(trainer.prepared["validation"])
    assert torch.equal(found.labels, at_once.labels)
    assert torch.allclose(found.logits, at_once.logits, atol=1e-5)


# the rule for what is left to be chosen


class Large(nn.Module):
    """As many weights as a pretrained model, none of which takes memory."""

    def __init__(self, dtype=torch.float32):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(1, dtype=dtype, device="meta").expand(3200, 3200))


@pytest.mark.parametrize(
    ("model", "ragged", "able", "expected"),
    [
        (nn.Linear(9, 9), False, True, ("fp32", "auto", "off", "on")),
        (nn.Linear(9, 9), True, True, ("fp32", "auto", "off", "on")),
        (Large(), False, False, ("fp32", "auto", "off", "on")),
        (Large(), False, True, ("bf16", "auto", "off", "on")),
        (Large(), True, False, ("fp32", "auto", "on", "on")),
        (Large(), True, True, ("bf16", "auto", "on", "on")),
        (Large(torch.bfloat16), True, True, ("fp32", "auto", "on", "off")),
    ],
    ids=["small", "small, texts", "large", "large, bf16", "large, texts", "large, texts, bf16", "16 bits already"],
)
def test_automatic_values_follow_from_size_data_and_device(monkeypatch, model, ragged, able, expected):
    monkeypatch.setattr(device, "has_bf16", lambda kind: able)
    config = device.resolve(ai.TrainConfig(device="cpu"), model, 10, ragged=ragged)
    assert (config.precision, config.attention, config.group_by_length, config.fused_optimizer) == expected
    assert device.resolve(config, model, 10, ragged=ragged) == config


@pytest.mark.parametrize(
    ("fields", "able", "expected"),
    [
        ({"data": "speeches"}, True, ("bf16", "eager")),
        ({"data": "speeches"}, False, ("fp32", "sdpa")),
        ({"data": "speeches", "batch_size": 8}, True, ("fp32", "sdpa")),  # few tokens at once
        ({"data": "speeches", "max_length": 256, "batch_size": 8}, True, ("bf16", "sdpa")),  # long texts
        ({"data": "speeches", "precision": "bf16", "batch_size": 8}, True, ("bf16", "eager")),
        ({"data": "speeches", "attention": "sdpa"}, True, ("bf16", "sdpa")),
        ({"data": "tickets"}, True, ("fp32", "eager")),
        ({"data": "digits", "model": "small-vit"}, True, ("fp32", "sdpa")),
    ],
)
def test_a_small_writer_takes_16_bits_where_many_tokens_are_computed_at_once(monkeypatch, fields, able, expected):
    monkeypatch.setattr(device, "has_bf16", lambda kind: able and kind == "cpu")
    fields = fields | {"max_steps": 1, "device": "cpu"}
    trainer = ai.prepare(**fields)
    assert (trainer.config.precision, trainer.config.attention) == expected
    foreseen = ai.estimate(**fields).setup.config
    assert (foreseen.precision, foreseen.attention) == expected


def test_what_was_said_is_kept_and_written_down(tmp_path):
    trainer = prepared(precision="fp16", attention="eager", group_by_length="on", fused_optimizer="off", max_steps=1)
    trainer.fit("none", output_dir=tmp_path / "run")
    text = (tmp_path / "run" / "config.yaml").read_text()
    for line in ("precision: fp16", "attention: eager", "group_by_length: 'on'", "fused_optimizer: 'off'"):
        assert line in text
    assert "fp16" in (tmp_path / "run" / "README.md").read_text()


@pytest.mark.parametrize(("model", "expected"), [("small-encoder", "eager"), ("small-gpt", "sdpa")])
def test_attention_that_drops_out_goes_step_by_step_on_a_processor(model, expected):
    task = {"small-encoder": "text-classification", "small-gpt": "text-generation"}[model]
    trainer = prepared(model=model, task=task, device="cpu", data="tickets")
    assert trainer.config.attention == attention_name(trainer.model) == expected
    assert prepared(attention="sdpa").config.attention == "sdpa"
    assert device._attention("sdpa", "cuda", "fp32", None, is_dropping=True) == "sdpa"


@pytest.mark.parametrize(("precision", "expected"), [("bf16", "eager"), ("fp32", "sdpa")])
def test_few_patches_of_an_image_are_like_a_short_text(precision, expected):
    fields = {"data": "digits", "model": "small-vit", "precision": precision, "device": "cpu"}
    trainer = ai.prepare(**fields)
    assert attention_name(trainer.model) == trainer.config.attention == expected
    assert ai.estimate(**fields).setup.config.attention == expected
    many = transformers.ViTConfig(
        image_size=64, patch_size=4, hidden_size=8, num_attention_heads=2, num_hidden_layers=1
    )
    assert device._patches(transformers.ViTForImageClassification(many)) == 257
    assert device._patches(torch.nn.Linear(2, 2)) is None


@pytest.mark.parametrize("able", [{}, {"avx512_bf16": True}, {"amx_bf16": True}])
def test_bf16_is_for_processors_that_have_it(monkeypatch, able):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)
    assert has_bf16("cpu") == bool(able)
    assert not has_bf16("mps")


def test_a_processor_that_imitates_fewer_bits_is_said(monkeypatch):
    for able, says in (({}, True), ({"avx512_bf16": True}, False)):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda able=able: able)
        notes = ai.prepare(model="mlp", precision="bf16").notes
        assert any("imitates" in note for note in notes) == says
    assert not any("imitates" in note for note in ai.prepare(model="mlp").notes)


# what doesn't fit is refused


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"model": "mlp", "gradient_checkpointing": True}, "no list of blocks"),
        ({"model": "small-cnn", "attention": "sdpa"}, "no transformer"),
        ({"model": "mlp", "group_by_length": "on"}, "same length"),
        ({"model": "small-vit", "attention": "flash_attention_2"}, "isn't installed|doesn't seem to be installed"),
    ],
    ids=lambda given: next(reversed(given)) if isinstance(given, dict) else None,
)
def test_a_switch_that_does_not_fit_is_refused_in_words(fields, says):
    with pytest.raises(ai.ConfigError, match=says) as caught:
        ai.prepare(data="digits", **fields)
    assert caught.value.fix


def test_without_a_compiler_compile_is_refused(monkeypatch):
    monkeypatch.setattr(compiling.shutil, "which", lambda name: None)
    with pytest.raises(ai.ConfigError, match=r"C\+\+"):
        ai.prepare(model="mlp", compile=True)


class Tower(nn.Module):
    """A model of one's own with a list of blocks."""

    def __init__(self, norm):
        super().__init__()
        self.blocks = nn.ModuleList(nn.Sequential(nn.Linear(64, 64), norm(64), nn.Dropout(0.2)) for _ in range(3))
        self.output = nn.Linear(64, 10)

    def forward(self, images):
        flat = images.flatten(1)
        for block in self.blocks:
            flat = block(flat).relu()
        return self.output(flat)


def own(**fields):
    torch.manual_seed(0)
    data = ai.prepare(model="mlp").data
    config = ai.TrainConfig(max_steps=5, evaluate_every=0, learning_rate=0.01, **fields)
    trainer = ai.Trainer(Tower(nn.LayerNorm), "image-classification", data, config)
    trainer.fit("none")
    return trainer


def test_blocks_of_a_model_of_ones_own_are_computed_twice_to_the_same_bits():
    with_it, without = own(gradient_checkpointing=True), own()
    assert with_it.fingerprint() == without.fingerprint()
    assert "forward" not in vars(with_it.model.blocks[0])


def test_blocks_that_count_what_goes_through_are_refused():
    with pytest.raises(ai.ConfigError, match="BatchNorm1d"):
        Checkpointing(Tower(nn.BatchNorm1d))


def test_fused_kernels_are_refused_for_16_bits():
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10)).bfloat16()
    with pytest.raises(ai.ConfigError, match="16 bits"):
        ai.engine.optim.build_optimizer(model, ai.TrainConfig(fused_optimizer="on"))


def test_every_switch_says_what_it_is_good_for():
    knobs = [knob for knob in ai.TrainConfig.knobs().values() if knob.group == "Speed and memory"]
    names = {
        "precision",
        "attention",
        "gradient_checkpointing",
        "group_by_length",
        "fused_optimizer",
        "compile",
        "fast_dropout",
    }
    assert {knob.name for knob in knobs} == names | {"device", "threads"}
    assert all(dataclasses.asdict(knob)["help"] for knob in knobs)


# a dropout with cheap masks


def test_cheap_masks_take_other_numbers_and_keep_what_is_learned(plain):
    trainer = prepared(**SWITCHES["fast dropout"])
    trainer.fit("none")
    assert losses(trainer) != losses(plain)
    assert losses(trainer) == pytest.approx(losses(plain), abs=0.2)


def test_cheap_masks_are_drawn_again_where_blocks_are_computed_twice():
    without, with_it = (prepared(fast_dropout=True, gradient_checkpointing=on) for on in (False, True))
    for trainer in (without, with_it):
        trainer.fit("none")
    assert with_it.fingerprint() == without.fingerprint()
    assert own(fast_dropout=True, gradient_checkpointing=True).fingerprint() == own(fast_dropout=True).fingerprint()
    assert own(fast_dropout=True).fingerprint() != own().fingerprint()


def test_cheap_masks_leave_the_users_random_numbers_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    prepared(fast_dropout=True).fit("none")
    assert torch.equal(torch.rand(3), expected)
