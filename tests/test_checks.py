"""Every `check()` passes on a real step, and each of its invariants fails when it is broken on purpose."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn

import aitrain_nb as ai
from aitrain_nb.bundled import BUNDLED
from aitrain_nb.engine import snapshots
from aitrain_nb.tasks.base import PLAIN

CONFIGS = [
    {"model": "mlp"},
    {"model": "small-cnn", "optimizer": "sgd", "momentum": 0.9, "learning_rate": 0.1},
    {"model": "mlp", "optimizer": "adam", "label_smoothing": 0.1},
    {"model": "mlp", "batch_size": 8, "gradient_accumulation_steps": 4},
    {"model": "mlp", "class_weights": "balanced", "label_smoothing": 0.2},
    {"model": "small-vit"},
    {"model": "small-cnn", "augmentation": "affine", "normalization": "data"},
    {"model": "mlp", "augmentation": "shift", "batch_size": 8, "gradient_accumulation_steps": 2},
    {"model": "mlp", "max_grad_norm": 0.05},
    {"model": "mlp", "max_grad_norm": 0.0, "weight_decay": 0.0, "schedule": "linear", "warmup_steps": 3},
    {"data": "tickets", "vocabulary_size": 500, "batch_size": 16},
    {
        "data": "tickets",
        "tokenizer": "words",
        "batch_size": 5,
        "gradient_accumulation_steps": 3,
        "label_smoothing": 0.1,
    },
    {"task": "text-generation", "max_length": 24, "batch_size": 8},
    {
        "task": "text-generation",
        "max_length": 24,
        "batch_size": 3,
        "gradient_accumulation_steps": 2,
        "tokenizer": "subwords",
    },
]


def prepare(**fields):
    """A trainer; text generation gets a short text of its own."""
    if fields.get("task") == "text-generation":
        tickets = BUNDLED["tickets"]("text-classification").dataset.columns["text"]
        fields["data"] = ai.Dataset({"text": ["\n".join(tickets[:60])]}).split(0.3)
    return ai.prepare(**fields)


@pytest.mark.parametrize("fields", CONFIGS, ids=lambda fields: "-".join(str(value) for value in fields.values()))
@pytest.mark.parametrize("earlier_steps", [0, 5])
def test_every_check_passes_on_a_real_step(fields, earlier_steps):
    trainer = prepare(max_steps=20, **fields)
    for _ in range(earlier_steps):
        for _ in trainer.phases():
            pass
    batch = trainer.tokenize()
    records = [batch]
    for part in batch.parts:
        forward = trainer.forward(part)
        loss = trainer.loss(forward)
        gradients = trainer.backward(loss)
        records += [forward, loss]
        assert_all_pass(gradients)
    records.append(gradients)
    before_update = trainer.fingerprint()
    for record in records:
        assert_all_pass(record)
    assert trainer.fingerprint() == before_update
    update = trainer.update(gradients)
    for record in [*records, update, trainer.evaluate()]:
        assert_all_pass(record)


def assert_all_pass(record):
    table = record.check()
    assert len(table) >= (1 if isinstance(record, ai.Evaluation) and record.logits is None else 3)
    assert table["passed"].all(), table[~table["passed"]].to_string()


# Each mutation takes (trainer, records) and breaks one invariant.


def set_cached(record, name, value):
    record.__dict__[name] = value


def double_pixels(trainer, r):
    r["batch"].parts[0].inputs["pixel_values"] = r["batch"].parts[0].inputs["pixel_values"] * 2


def roll_labels(trainer, r):
    r["batch"].parts[0].inputs["labels"] = r["batch"].parts[0].inputs["labels"].roll(1)


def label_outside(trainer, r):
    labels = r["batch"].parts[0].inputs["labels"].clone()
    labels[0] = 99
    r["batch"].parts[0].inputs["labels"] = labels


def miscount(trainer, r):
    r["batch"].counted -= 1


def repeat_example(trainer, r):
    indices = r["batch"].indices.clone()
    indices[1] = indices[0]
    set_cached(r["batch"], "indices", indices)


def leak_validation(trainer, r):
    trainer.data = dataclasses.replace(trainer.data, validation_indices=trainer.data.train_indices)


def inflate_probabilities(trainer, r):
    set_cached(r["forward"], "probabilities", r["forward"].probabilities * 1.01)


def other_prediction(trainer, r):
    set_cached(r["forward"], "predicted", (r["forward"].predicted + 1) % 10)


def shift_logits(trainer, r):
    r["forward"].outputs = r["forward"].outputs + 0.001


def drop_a_class(trainer, r):
    r["forward"].outputs = r["forward"].outputs[:, :9]


def move_a_weight(trainer, r):
    with torch.no_grad():
        next(trainer.model.parameters()).view(-1)[0] += 0.5


def misreport_value(trainer, r):
    set_cached(r["loss"], "value", r["loss"].value + 0.01)


def raise_one_loss(trainer, r):
    per_target = r["loss"]._per_target.detach().clone()
    per_target[0] += 1
    r["loss"]._per_target = per_target


def double_objective(trainer, r):
    r["loss"].objective = r["loss"].objective * 2


def infinite_loss(trainer, r):
    per_target = r["loss"]._per_target.detach().clone()
    per_target[3] = float("nan")
    r["loss"]._per_target = per_target


def wrong_loss_function(trainer, r):
    class Wrong(type(trainer.task)):
        def loss(self, logits, inputs, options=PLAIN):
            return super().loss(logits, inputs, options) * 2

    trainer.task = Wrong()


def add_twice(trainer, r):
    weight = list(trainer.model.parameters())[-1]
    weight.grad.mul_(2)


def misreport_norm(trainer, r):
    set_cached(r["gradients"], "norm", r["gradients"].norm * 1.1)


def flip_strongest_gradient(trainer, r):
    name, place = r["gradients"]._strongest_weight()
    dict(trainer.model.named_parameters())[name].grad[place] *= -1


def claim_sgd(trainer, r):
    trainer.config = trainer.config.replace(optimizer="sgd")


def move_a_frozen_weight(trainer, r):
    with torch.no_grad():
        trainer.model.hidden.bias[0] += 1


def undo_that_forgets_weights(trainer, r):
    snapshot = r["update"]._records.snapshot
    wrong = {name: weight + 1 for name, weight in snapshot.weights.items()}
    r["update"]._records.snapshot = dataclasses.replace(snapshot, weights=wrong)


def misreport_evaluation(trainer, r):
    r["evaluation"].loss += 0.01


def misreport_accuracy(trainer, r):
    r["evaluation"].metrics["accuracy"] = 0.999


MUTATIONS = [
    ("batch", "scaled = raw x scale", double_pixels),
    ("batch", "labels are those of the raw examples", roll_labels),
    ("batch", "every label is a class or not counted", label_outside),
    ("batch", "counted targets add up", miscount),
    ("batch", "no example twice in an epoch", repeat_example),
    ("batch", "no validation example in training", leak_validation),
    ("forward", "probabilities sum to 1", inflate_probabilities),
    ("forward", "the most probable class is the predicted one", other_prediction),
    ("forward", "the same forward again gives the same scores", shift_logits),
    ("forward", "shapes chain from the batch to the logits", drop_a_class),
    ("forward", "no weight has changed", move_a_weight),
    ("loss", "mean of the examples = the loss", misreport_value),
    ("loss", "exp(-loss) = probability of the truth", raise_one_loss),
    ("loss", "the objective = torch's cross-entropy, by its share of the step", double_objective),
    ("loss", "every loss is a finite number", infinite_loss),
    ("gradients", "d loss / d logits = (probability - truth) / counted", wrong_loss_function),
    ("gradients", "every micro-batch was added exactly once", add_twice),
    ("gradients", "grad_norm = norm of fresh gradients", misreport_norm),
    ("gradients", "norm = root of the sum of squares", add_twice),
    ("gradients", "nudging a weight measures its gradient", flip_strongest_gradient),
    ("gradients", "no weight has changed", move_a_weight),
    ("update", "after - before = AdamW's formula", move_a_weight),
    ("update", "the loss times ten, from the start: the first step's size", claim_sgd),
    ("update", "weights without a gradient stay", move_a_frozen_weight),
    ("update", "undo brings the old weights back", undo_that_forgets_weights),
    ("evaluation", "the loss = torch's mean cross-entropy", misreport_evaluation),
    ("evaluation", "accuracy = right / counted", misreport_accuracy),
    ("evaluation", "no example is on both sides", leak_validation),
]
IN_OTHER_TESTS = {"in evaluation mode twice the same", "an example alone gets the scores it gets in a batch"}


def step_up_to(phase):
    """A trainer with a frozen bias and the records of its first step, up to and with this phase."""
    trainer = ai.prepare(model="mlp", max_steps=20)
    trainer.model.hidden.bias.requires_grad_(False)
    trainer = ai.Trainer(trainer.model, trainer.task, trainer.data, trainer.config)
    records = {"batch": trainer.tokenize()}
    for name, call in [("forward", "forward"), ("loss", "loss"), ("gradients", "backward"), ("update", "update")]:
        if phase in records:
            break
        records[name] = getattr(trainer, call)(list(records.values())[-1])
    if phase == "evaluation":
        records["evaluation"] = trainer.evaluate()
    return trainer, records


@pytest.mark.parametrize(
    ("phase", "name", "mutate"), MUTATIONS, ids=lambda value: getattr(value, "__name__", str(value))
)
def test_a_broken_invariant_is_seen(phase, name, mutate):
    trainer, records = step_up_to(phase)
    assert passed(records[phase], name)
    mutate(trainer, records)
    assert not passed(records[phase], name)


def passed(record, name):
    table = record.check().set_index("check")
    assert name in table.index
    return bool(table.loc[name, "passed"])


def test_every_invariant_has_a_mutation():
    broken = {name for _, name, _ in MUTATIONS} | IN_OTHER_TESTS
    for phase in ("batch", "forward", "loss", "gradients", "update", "evaluation"):
        _, records = step_up_to(phase)
        assert set(records[phase].check()["check"]) <= broken


class CountsItsCalls(nn.Module):
    """Gives other scores at each call, also in evaluation mode."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
        self.calls = 0

    def forward(self, pixel_values):
        self.calls += 1
        return self.inner(pixel_values) + self.calls * 0.01


class MixesTheBatch(nn.Module):
    """An example's scores depend on its neighbours."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))

    def forward(self, pixel_values):
        scores = self.inner(pixel_values)
        return scores - scores.mean(0)


class Flattens(nn.Module):
    """Most own modules look like this: the first layer sees another shape than the batch has."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(64, 10)

    def forward(self, pixel_values):
        return self.inner(pixel_values.flatten(1))


class Normalises(nn.Module):
    """A bias before a batch norm has a gradient of nothing but rounding; the weights are shared by two layers."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)
        self.first, self.second = nn.Linear(144, 144), nn.Linear(144, 144)
        self.second.weight = self.first.weight
        self.unused = nn.Linear(3, 3)
        self.head = nn.Linear(144, 10)

    def forward(self, pixel_values):
        hidden = self.norm(self.conv(pixel_values)).flatten(1)
        return self.head(self.second(torch.relu(self.first(hidden))))


class Recurs(nn.Module):
    """Rows of a picture one after the other."""

    def __init__(self):
        super().__init__()
        self.rows, self.head = nn.LSTM(8, 16, batch_first=True), nn.Linear(16, 10)

    def forward(self, pixel_values):
        return self.head(self.rows(pixel_values[:, 0])[0][:, -1])


class InHalf(nn.Module):
    """Computes in bfloat16 whatever it is given."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Flatten(), nn.Linear(64, 10)).to(torch.bfloat16)

    def forward(self, pixel_values):
        return self.inner(pixel_values.to(torch.bfloat16))


@pytest.mark.parametrize("model", [Flattens, Normalises, Recurs, InHalf])
@pytest.mark.parametrize("fields", [{}, {"optimizer": "sgd"}, {"batch_size": 8, "gradient_accumulation_steps": 3}])
def test_every_check_passes_on_a_module_of_ones_own(model, fields):
    torch.manual_seed(0)
    source = ai.prepare(model="mlp")
    trainer = ai.Trainer(model(), "image-classification", source.data, ai.TrainConfig(**fields))
    for _ in range(3):
        records = [record for record in trainer.phases() if not isinstance(record, ai.Gradients) or record.final]
        for record in records:
            assert record.check()["passed"].all(), record.check().to_string()
    assert all(record._repr_html_() for record in records)


@pytest.mark.parametrize("batch_size", [512, 1000])
def test_the_nudge_is_small_enough_for_a_large_batch(batch_size):
    trainer = ai.prepare(model="small-cnn", batch_size=batch_size)
    gradients = trainer.backward(trainer.loss(trainer.forward(trainer.tokenize())))
    assert gradients.check()["passed"].all(), gradients.check().to_string()


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (CountsItsCalls, "in evaluation mode twice the same"),
        (MixesTheBatch, "an example alone gets the scores it gets in a batch"),
    ],
)
def test_a_model_that_breaks_an_invariant_is_seen(model, name):
    source = ai.prepare(model="mlp")
    trainer = ai.Trainer(model(), "image-classification", source.data)
    assert not passed(trainer.forward(trainer.tokenize()), name)


def test_a_snapshot_shares_no_memory_with_the_model():
    trainer = ai.prepare(model="mlp")
    state = trainer.snapshot()
    assert isinstance(state, snapshots.State)
    move_a_weight(trainer, {})
    assert not torch.equal(state.weights["hidden.weight"], trainer.model.hidden.weight)
