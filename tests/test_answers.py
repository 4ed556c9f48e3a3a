"""What can be asked of a step: blame and its test, agreement, what if, other rates, forgetting; each against its definition."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

import aitrain_nb as ai
from aitrain_nb.errors import AitrainError
from aitrain_nb.records.answers.blame import WAYS

SENTENCES = [f"The {animal} {verb} the {thing}." for animal in ("cat", "dog", "old bird") for verb in ("sees", "likes") for thing in
             ("mat", "river", "green house", "sky", "red boat", "stone", "tree", "road", "lamp")]  # fmt: skip
KINDS = {
    "digits": {"data": "digits", "model": "small-cnn", "batch_size": 16},
    "texts": {
        "data": ai.Dataset({"text": SENTENCES, "label": [len(one) % 2 for one in SENTENCES]}, ["odd", "even"]), "model": "small-encoder",
        "batch_size": 8,
    },
    "language": {"data": ai.Dataset({"text": SENTENCES}), "model": "small-gpt", "batch_size": 4, "max_length": 16},
}  # fmt: skip
CNN = KINDS["digits"]


def step(fields, before: int = 3, **more):
    """A trainer after some steps, and the records of the next one up to its gradients."""
    trainer = ai.prepare(threads=1, evaluate_every=0, **fields | more)
    for _ in range(before):
        list(trainer.phases())
    batch = trainer.tokenize()
    for part in batch.parts:
        forward = trainer.forward(part)
        loss = trainer.loss(forward)
        gradients = trainer.backward(loss)
    return trainer, forward, loss, gradients


@pytest.fixture(scope="module", params=KINDS)
def taken(request):
    trainer, forward, loss, gradients = step(KINDS[request.param])
    return request.param, trainer, forward, loss, gradients


# blame


@pytest.mark.parametrize("by", WAYS)
def test_blame_splits_what_it_says_and_nothing_moves(taken, by):
    _, trainer, _, _, gradients = taken
    before = trainer.fingerprint()
    found = gradients.blame(1, by)
    assert math.fsum(row["share"] for row in found.rows) == pytest.approx(1.0)
    records, inspector = trainer.records, trainer.inspector
    weights = inspector.asking(records)
    own = trainer.task.loss(inspector.replay(records, 0, weights), records.batch.parts[0].inputs)
    own = own.flatten(1).sum(1) / (own.flatten(1) != 0).sum(1) if own.ndim > 1 else own
    assert found.loss == pytest.approx(float(own[1].detach()), rel=1e-6)
    assert found.p_true == pytest.approx(math.exp(-found.loss), rel=1e-5)
    if by == "ablation":
        name = found.table()["name"][0]
        again = inspector.replay(records, 0, weights | {name: torch.zeros_like(weights[name])})
        without = trainer.task.loss(again, records.batch.parts[0].inputs)
        without = without.flatten(1).sum(1) / (without.flatten(1) != 0).sum(1) if without.ndim > 1 else without
        assert found.table()["blame"][0] == pytest.approx(found.loss - float(without[1].detach()), rel=1e-4, abs=1e-6)
    else:
        slopes = torch.autograd.grad(own[1], list(weights.values()), allow_unused=True)
        pairs = [(one, weight) for one, weight in zip(slopes, weights.values(), strict=True) if one is not None]
        whole = sum(
            float((one * (weight if by == "grad*weight" else one)).detach().double().sum()) for one, weight in pairs
        )
        assert found.total == pytest.approx(whole, rel=1e-4, abs=1e-6)
        blames = [abs(value) for value in found.weights_table()["blame"]]
        assert blames == sorted(blames, reverse=True)
    assert trainer.fingerprint() == before
    assert "press test" in found.text()


def test_the_test_of_a_blame_moves_only_what_is_blamed_and_tells_who_pays(taken):
    _, trainer, _, _, gradients = taken
    before = trainer.fingerprint()
    found = gradients.test_blame(1, rows=30)
    blamed, random, everything = found.rows
    assert (blamed.weights, random.weights) == (30, 30)
    assert everything.weights == sum(weight.numel() for weight in trainer.model.parameters() if weight.grad is not None)
    assert found.drop > 0.4 * found.predicted > 0
    assert found.drop > found.blame.loss - random.loss
    assert blamed.worse + blamed.better <= found.others
    table = found.table()
    assert table["loss_before"].nunique() == 1
    assert trainer.fingerprint() == before
    little = gradients.blame(1, "grad").test(rows=30, lr=found.lr / 300)
    assert little.drop == pytest.approx(little.predicted, rel=0.05)


def test_chosen_weights_and_whole_tensors_can_be_moved():
    _trainer, _, _, gradients = step(CNN)
    blame = gradients.blame(0, "grad")
    one = blame.test([("output.bias", 3)], lr=0.1)
    assert one.rows[0].weights == 1
    assert blame.test(["output.bias", "conv1.bias"], lr=0.1).rows[0].weights == 26
    name, at = blame.weights[0].name, blame.weights[0].at
    assert blame.test([(name, *at)], lr=1e-3).drop == pytest.approx(1e-3 * blame.weights[0].gradient ** 2, rel=0.05)


# single examples


def test_the_mean_of_the_examples_gradients_is_the_gradient_of_the_batch(taken):
    _, trainer, _, _, gradients = taken
    found = gradients.per_example()
    assert found.error < 1e-6
    assert found.check()["passed"].all()
    assert torch.allclose(found.between.diagonal(), torch.ones(len(found.norms)), atol=1e-5)
    parts = [
        (weight.grad / gradients.coefficient).flatten()
        for weight in trainer.model.parameters()
        if weight.grad is not None
    ]
    batch = torch.cat(parts).double()
    along = float((found.cosines.double() * found.norms.double()).mean())
    assert along == pytest.approx(float(batch.norm()), rel=1e-4)


def test_accumulated_examples_agree_too():
    _trainer, _, _, gradients = step(CNN, gradient_accumulation_steps=3)
    found = gradients.per_example()
    assert len(found.norms) == 48
    assert found.error < 1e-6


def test_examples_that_change_each_other_go_back_together():
    layers = [
        torch.nn.Flatten(),
        torch.nn.Linear(64, 12),
        torch.nn.BatchNorm1d(12),
        torch.nn.Dropout(0.3),
        torch.nn.Linear(12, 10),
    ]
    config = ai.TrainConfig(batch_size=8, threads=1, evaluate_every=0)
    trainer = ai.Trainer(
        torch.nn.Sequential(*layers), "image-classification", ai.prepare(data="digits", model="mlp").data, config
    )
    gradients = trainer.backward(trainer.loss(trainer.forward(trainer.tokenize())))
    assert gradients.per_example().error < 1e-6
    assert gradients.blame(2, "ablation").loss == pytest.approx(gradients.blame(2).loss)


@pytest.mark.parametrize("fields", [{"fast_dropout": True}, {"attention": "sdpa"}])
def test_dropout_that_is_drawn_elsewhere_is_met_too(fields):
    _trainer, _, _, gradients = step(KINDS["texts"], before=1, **fields)
    assert gradients.per_example().error < 1e-6


def test_a_wrong_batch_gradient_is_seen(monkeypatch):
    trainer, _, _, gradients = step(CNN)
    right = type(trainer.inspector).fresh_gradients
    monkeypatch.setattr(
        type(trainer.inspector), "fresh_gradients",
        lambda *given: {name: one * (1.001 if name == "conv1.weight" else 1.0) for name, one in right(*given).items()},
    )  # fmt: skip
    assert not gradients.per_example().check()["passed"].all()


# what the step foresaw


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_predicted_drop_is_within_five_percent_at_small_rates(kind, optimizer):
    trainer, _, _, gradients = step(KINDS[kind], optimizer=optimizer, learning_rate=1e-5, max_grad_norm=0.05)
    drop = trainer.update(gradients).drop()
    bits = 2e-6 * drop["before"] / abs(drop["predicted"])  # what single precision can tell
    assert drop["actual"] == pytest.approx(drop["predicted"], rel=0.05 + bits)
    if optimizer == "sgd":
        assert drop["predicted"] == pytest.approx(1e-5 * gradients.norm * gradients.norm_clipped, rel=0.01)


def test_rates_are_tried_as_the_optimizer_would_and_leave_no_trace(taken):
    _, trainer, _, _, gradients = taken
    update = trainer.update(gradients) if trainer.is_in_step else trainer.records.update
    before, state = trainer.fingerprint(), repr(trainer.optimizer.state_dict())
    grads = [None if weight.grad is None else weight.grad.clone() for weight in trainer.model.parameters()]
    found = update.try_rates([1e-4, update.lr, 1.0])
    assert (trainer.fingerprint(), repr(trainer.optimizer.state_dict())) == (before, state)
    assert all(a is b is None or torch.equal(a, b.grad) for a, b in zip(grads, trainer.model.parameters(), strict=True))
    drop = update.drop()
    same = next(row for row in found.rows if row.lr == update.lr)
    assert (same.loss, found.loss) == pytest.approx((drop["after"], drop["before"]), rel=1e-6)
    assert same.update_norm == pytest.approx(update.norm, rel=1e-4)
    assert found.best.loss == min(row.loss for row in found.rows)


def test_what_was_forgotten_is_counted_from_the_same_answers():
    trainer, _, _, gradients = step(CNN, before=12, learning_rate=0.02)
    places = trainer._evaluator.few(150)

    def right():
        answers = trainer._evaluator.about(places)
        return answers.predicted == answers.labels

    was = right()
    update = trainer.update(gradients)
    now, before = right(), trainer.fingerprint()
    found = update.forgotten(150)
    assert (found.forgotten, found.gained) == (int((was & ~now).sum()), int((~was & now).sum()))
    assert (found.right_before, found.right_after) == (int(was.sum()), int(now.sum()))
    assert set(found.rows["example"]) <= set(places)
    assert trainer.fingerprint() == before
    assert found.forgotten + found.gained > 0


def test_one_weight_of_adamw_shows_its_means_and_its_parts_add_up():
    trainer, _, _, gradients = step(CNN, weight_decay=0.3, optimizer="adamw", max_grad_norm=0.0)
    update = trainer.update(gradients)
    for place in range(4):
        found = update.weight("output.weight", place, 7)
        assert found["from_gradient"] + found["from_decay"] == pytest.approx(found["delta"], rel=1e-5)
        assert found["after"] - found["before"] == pytest.approx(found["delta"])
        group = trainer.optimizer.param_groups[0]
        (b1, b2), count = group["betas"], trainer.step
        way = (found["m"] / (1 - b1**count)) / (math.sqrt(found["v"] / (1 - b2**count)) + group["eps"])
        assert found["from_gradient"] == pytest.approx(-update.lr * way, rel=2e-3, abs=1e-8)
        assert found["from_decay"] == pytest.approx(-update.lr * 0.3 * found["before"], rel=1e-4)


# what if, and what a network sees


def test_a_unit_that_is_off_gives_zeros_and_the_model_is_what_it_was():
    trainer, forward, _, _ = step(CNN)
    hooks = sum(len(module._forward_hooks) for module in trainer.model.modules())
    found = forward.ablate("output", 3)
    expected = forward.logits.clone()
    expected[:, 3] = 0
    losses = torch.nn.functional.cross_entropy(
        expected, trainer.records.batch.parts[0].inputs["labels"], reduction="none"
    )
    assert [row.loss_after for row in found.rows] == pytest.approx(losses.tolist(), rel=1e-4)
    assert sum(len(module._forward_hooks) for module in trainer.model.modules()) == hooks
    whole = forward.ablate("output")
    assert [row.loss_after for row in whole.rows] == pytest.approx([math.log(10)] * len(whole.rows))


def test_another_input_is_asked_with_the_weights_of_the_step(taken):
    kind, trainer, forward, *_ = taken
    given = trainer.data.validation.columns["image"][3] if kind == "digits" else SENTENCES[5]
    found = forward.with_input(given, 1)
    assert len(found.rows) == 1
    if trainer.records.update is None:
        assert (
            found.rows[0].after == trainer.predict([given] if kind != "digits" else given[None]).iloc[0]["predicted"]
            or kind == "language"
        )


def test_hidden_states_are_those_of_each_block(taken):
    kind, _, forward, *_ = taken
    if kind == "digits":
        with pytest.raises(AitrainError, match="no list of blocks"):
            forward.hidden_states(0)
        return
    found = forward.hidden_states(1)
    assert len(found) == (2 if kind == "texts" else 4)
    assert {one.shape[-1] for one in found.values()} == {128}


def test_a_unit_s_patches_are_what_it_answers_to_most():
    trainer, forward, _, _ = step(CNN)
    cut, strengths, places = trainer.inspector.patches("conv1", 2, 5)
    assert cut.shape[2:] <= (3, 3)  # a 3 x 3 filter sees no more
    assert strengths == sorted(strengths, reverse=True)
    data = trainer.prepared["validation"].subset(torch.arange(256))
    inputs = trainer.task.collate(data.columns, trainer.processor)
    with torch.no_grad():
        maps = trainer.model.conv1(inputs["pixel_values"])
    expected = maps[:, 2].flatten(1).amax(1)
    assert strengths[0] == pytest.approx(float(expected.max()), rel=1e-4)
    assert places[0] == int(expected.argmax())
    assert len(forward.feature_maps("conv1", 1).axes) == 16
    assert len(forward.filters("conv1").axes) == 16


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda forward, gradients: gradients.blame(99), "no example 99"),
        (lambda forward, gradients: gradients.blame(0, "gard"), "grad"),
        (lambda forward, gradients: gradients.test_blame(0, rows=0), "names no weights"),
        (lambda forward, gradients: gradients.test_blame(0, rows=["outpt.bias"]), "output.bias"),
        (lambda forward, gradients: gradients.test_blame(0, rows=[("output.bias", 99)]), "no weight at"),
        (lambda forward, gradients: gradients.test_blame(0, lr=-1), "no learning rate"),
        (lambda forward, gradients: gradients.test_blame(0, rows=[3]), "weight tensor"),
        (lambda forward, gradients: gradients.test_blame(0, rows=[("output.bias", "a")]), "no weight at"),
        (lambda forward, gradients: gradients.nudge("output.bias", 3, eps=0), "no nudge"),
        (lambda forward, gradients: gradients.nudge("output.bias", 3, eps=1e30), "no nudge"),
        (lambda forward, gradients: gradients.weight("output.bias", "3"), "no weight at"),
        (lambda forward, gradients: forward.patches("conv1", 0, most=0), "patches can't be shown"),
        (lambda forward, gradients: forward.with_input(None), "no example"),
        (lambda forward, gradients: forward.ablate("conv9", 0), "conv1"),
        (lambda forward, gradients: forward.ablate("conv1", 99), "It has 16"),
        (lambda forward, gradients: forward.feature_maps("output"), "no feature maps"),
        (lambda forward, gradients: forward.filters("output"), "has no filters"),
        (lambda forward, gradients: forward.patches("conv1", 99), "no feature map 99"),
        (lambda forward, gradients: forward.with_input("a text"), "no file 'a text'"),
    ],
)
def test_what_cannot_be_asked_is_said(ask, words):
    trainer, forward, _, gradients = step(CNN, before=0)
    before = trainer.fingerprint()
    with pytest.raises(AitrainError, match=words):
        ask(forward, gradients)
    assert trainer.fingerprint() == before


def test_answers_of_a_step_that_is_over_say_so():
    trainer, forward, _, gradients = step(CNN, before=0)
    blame = gradients.blame(0)
    update = trainer.update(gradients)
    trainer.tokenize()
    for ask in (
        lambda: gradients.blame(0),
        lambda: forward.ablate("conv1", 0),
        update.try_rates,
        update.forgotten,
    ):
        with pytest.raises(AitrainError, match="out of date"):
            ask()
    assert blame.table()["share"].sum() == pytest.approx(1.0)


def test_every_answer_reads_in_a_terminal_and_in_a_notebook(taken):
    _, trainer, forward, _, gradients = taken
    update = trainer.update(gradients) if trainer.is_in_step else trainer.records.update
    layer = next(name for name in forward.layers["name"] if "conv" in name or "dense" in name or "c_fc" in name)
    answers = [
        gradients.blame(0),
        gradients.test_blame(0, 5),
        gradients.per_example(),
        forward.ablate(layer, 0),
        update.try_rates([0.1]),
        update.forgotten(20),
    ]
    for one in answers:
        assert one.text().endswith(".")
        assert "{" not in repr(one)
        assert one._repr_html_().startswith("<div")
        assert one.plot().description
        assert len(one.table()) or one is answers[-1]
    for first, second in itertools.pairwise(answers):
        assert first.text() != second.text()
