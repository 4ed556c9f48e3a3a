"""There is one loop: whoever drives it, and whoever looks on, the numbers are the same to the last bit."""

from __future__ import annotations

import copy

import pytest
import torch

import aitrain_nb as ai
from aitrain_nb.bundled import BUNDLED

CONFIGS = {
    "cnn-adamw": {"model": "small-cnn", "max_steps": 60},
    "mlp-sgd-momentum": {"optimizer": "sgd", "momentum": 0.9, "learning_rate": 0.05, "max_steps": 60},
    "mlp-adam-cosine": {"optimizer": "adam", "schedule": "cosine", "warmup_steps": 5, "max_steps": 60},
    "mlp-smoothed": {"label_smoothing": 0.1, "max_steps": 60},
    "mlp-weighted": {"class_weights": "balanced", "max_steps": 60},
    "mlp-accumulated": {"batch_size": 8, "gradient_accumulation_steps": 4, "max_steps": 60},
    "cnn-augmented": {
        "augmentation": "affine+flip",
        "normalization": "data",
        "batch_size": 8,
        "gradient_accumulation_steps": 2,
        "max_steps": 20,
    },
    "vit-dropout": {"model": "small-vit", "max_steps": 12},
    "texts": {"data": "tickets", "vocabulary_size": 400, "batch_size": 8, "max_steps": 8},
    "texts-accumulated": {
        "data": "tickets",
        "vocabulary_size": 400,
        "batch_size": 4,
        "gradient_accumulation_steps": 2,
        "max_steps": 8,
    },
    "gpt": {"task": "text-generation", "max_length": 16, "batch_size": 4, "max_steps": 8},
}


def prepare(**fields):
    """A trainer; text generation gets a short text of its own."""
    if fields.get("task") == "text-generation":
        tickets = BUNDLED["tickets"]("text-classification").dataset.columns["text"]
        fields["data"] = ai.Dataset({"text": ["\n".join(tickets[:60])]}).split(0.3)
    return ai.prepare(**fields)


def same_weights(one: ai.Trainer, other: ai.Trainer) -> bool:
    return one.fingerprint() == other.fingerprint()


def drive_fit(trainer):
    trainer.fit(display="none")


def drive_by_hand(trainer):
    while trainer.step < trainer.total_steps:
        batch = trainer.tokenize()
        for part in batch.parts:
            gradients = trainer.backward(trainer.loss(trainer.forward(part)))
        trainer.update(gradients)


def drive_phases(trainer):
    while trainer.step < trainer.total_steps:
        for _ in trainer.phases():
            pass


def drive_run(trainer):
    for _ in trainer.run():
        pass


LOOKED_AT = {0, 7, 44, 45}
"""Steps: the first, one in mid-run, the last of an epoch of 45 and the first of the next one."""
DRAWN_AT = {7}
"""Of these the one whose records are drawn too, each kind once: drawing takes longest."""


def drive_by_hand_with_looking(trainer):
    while trainer.step < trainer.total_steps:
        drawn = set()
        for record in trainer.phases():
            if trainer.step in LOOKED_AT:
                record.text()
                record.check()
                if trainer.step in DRAWN_AT and type(record) not in drawn:
                    record._repr_html_()
                    drawn.add(type(record))
                torch.rand(3)
        if trainer.step % 5 == 0:
            trainer.evaluate()
            trainer.evaluate("train")
            own = own_examples(trainer)
            trainer.predict(own)
            if trainer.task.name == "text-generation":
                trainer.generate("Where", tokens=3)
            trainer.tokenize(
                own, None if trainer.task.name == "text-generation" else list(trainer.data.label_names[:2])
            )
            with trainer.capture() as seen:
                trainer.forward(trainer._turn.batch)
            assert seen.activations


def own_examples(trainer):
    """Two examples a person could have."""
    if "image" in trainer.data.train.columns:
        return trainer.data.validation.columns["image"][:2]
    return ["Where is my parcel?", "It hums."]


DRIVERS = [drive_fit, drive_by_hand, drive_phases, drive_run, drive_by_hand_with_looking]


@pytest.mark.parametrize("name", CONFIGS)
def test_every_driver_trains_the_same_weights_and_history(name):
    fields = CONFIGS[name] | {"keep": "last"}
    trainers = [prepare(**fields) for _ in DRIVERS]
    for trainer, drive in zip(trainers, DRIVERS, strict=True):
        drive(trainer)
    first = trainers[0].history.frame()
    for trainer in trainers[1:]:
        assert same_weights(trainer, trainers[0])
        frame = trainer.history.frame()
        for column in ("step", "epoch", "loss", "lr", "grad_norm", "targets"):
            assert frame[column].tolist() == first[column].tolist()


@pytest.mark.parametrize("model", ["mlp", "small-cnn"])
def test_a_plain_loop_trains_the_same_weights_bit_for_bit(model):
    trainer = ai.prepare(model=model, max_steps=100, keep="last", weight_decay=0.0)
    plain = copy.deepcopy(trainer.model)
    images = trainer.data.train.columns["image"] / 16
    labels = trainer.data.train.columns["label"]
    orders = [trainer.order.of_epoch(epoch).clone() for epoch in range(3)]

    optimizer = torch.optim.AdamW(plain.parameters(), lr=1e-3, weight_decay=0.0, fused=True)
    losses, norms = [], []
    batches = [indices for order in orders for indices in order.split(32)]
    for indices in batches[:100]:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(plain(images[indices]), labels[indices], reduction="none").mean()
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(plain.parameters(), 1.0).item())
        optimizer.step()
        losses.append(loss.item())

    trainer.fit(display="none")
    history = trainer.history.frame()
    assert history["loss"].tolist() == losses
    assert history["grad_norm"].tolist() == norms
    for ours, theirs in zip(trainer.model.parameters(), plain.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("model", ["mlp", "small-cnn"])
def test_four_times_eight_equals_once_thirty_two_on_ragged_counts(model):
    """1,437 examples: the last step of an epoch holds 29, cut into 8, 8, 8 and 5. In float64, where rounding can't hide a mistake."""
    source = ai.prepare(model=model)
    config = source.config.replace(epochs=2, keep="last", learning_rate=0.01)

    def trained(**fields):
        trainer = ai.Trainer(InDouble(source.model), source.task, source.data, config.replace(**fields))
        trainer.fit(display="none")
        return trainer

    whole, parts = trained(batch_size=32), trained(batch_size=8, gradient_accumulation_steps=4)
    one, other = whole.history.frame(), parts.history.frame()
    assert one["targets"].tolist() == other["targets"].tolist()
    assert one["targets"].iloc[44] == 29
    assert (one["loss"] - other["loss"]).abs().max() < 1e-6
    assert (one["grad_norm"] - other["grad_norm"]).abs().max() < 1e-6
    for ours, theirs in zip(whole.model.parameters(), parts.model.parameters(), strict=True):
        assert float((ours - theirs).detach().abs().max()) < 1e-6
    assert one["loss"].iloc[-1] < 0.5 * one["loss"].iloc[0]


class InDouble(torch.nn.Module):
    """A copy of a model that computes in float64."""

    def __init__(self, model):
        super().__init__()
        self.inner = copy.deepcopy(model).double()

    def forward(self, pixel_values):
        return self.inner(pixel_values.double())


def half_labelled(seed=0):
    """Digits of which every other one has no label: micro-batches with ragged counts, some of them tiny."""
    source = ai.prepare(model="mlp")
    train = source.data.train.subset(torch.arange(300))
    hidden = torch.rand(300, generator=torch.Generator().manual_seed(seed)) < 0.5
    train.columns["label"][hidden] = -100
    return source, ai.Splits(train, source.data.validation, "half labelled", 1 / 16)


@pytest.mark.parametrize("batch_size", [2, 8])
def test_unlabelled_examples_count_nowhere(batch_size):
    """In float64: accumulated micro-batches equal the one big batch, and both equal torch's own mean over the labelled ones."""
    source, data = half_labelled()
    config = ai.TrainConfig(epochs=2, keep="last", learning_rate=0.01)

    def trained(**fields):
        trainer = ai.Trainer(InDouble(source.model), source.task, data, config.replace(**fields))
        trainer.fit(display="none")
        return trainer

    whole = trained(batch_size=32)
    parts = trained(batch_size=batch_size, gradient_accumulation_steps=32 // batch_size)
    one, other = whole.history.frame(), parts.history.frame()
    assert one["targets"].tolist() == other["targets"].tolist()
    assert one["targets"].sum() == 2 * int((data.train.columns["label"] != -100).sum())
    assert (one["loss"] - other["loss"]).abs().max() < 1e-6
    assert (one["grad_norm"] - other["grad_norm"]).abs().max() < 1e-6

    fresh = ai.Trainer(copy.deepcopy(source.model), source.task, data, config)
    batch = fresh.tokenize()
    forward = fresh.forward(batch)
    loss = fresh.loss(forward)
    assert loss.value == pytest.approx(float(torch.nn.functional.cross_entropy(forward.logits, batch.labels)), abs=1e-6)
    for record in (batch, forward, loss):
        assert record.check()["passed"].all(), record.check().to_string()
        assert record._repr_html_()


def test_a_step_without_any_label_moves_nothing_by_its_loss():
    source, data = half_labelled()
    labels = data.train.columns["label"]
    kept = [int((labels == digit).nonzero()[0]) for digit in (0, 1)]
    labels[[i for i in range(300) if i not in kept]] = -100
    config = ai.TrainConfig(epochs=1, batch_size=16, optimizer="sgd", weight_decay=0.0, keep="last")
    trainer = ai.Trainer(source.model, source.task, data, config)
    trainer.fit(display="none")
    frame = trainer.history.frame()
    assert (frame.loc[frame["targets"] == 0, "grad_norm"] == 0).all()
    assert frame["targets"].sum() == 2
    assert trainer.history.troubles == []


def test_an_evaluation_of_half_labelled_examples_counts_the_labelled_ones():
    source, data = half_labelled()
    trainer = ai.Trainer(source.model, source.task, ai.Splits(data.train, data.train, "both", 1 / 16))
    evaluation = trainer.evaluate()
    labels = data.train.columns["label"]
    right = (evaluation.predicted == labels).sum() / (labels != -100).sum()
    assert evaluation.accuracy == pytest.approx(float(right))
    assert evaluation.counted == int((labels != -100).sum())
    assert evaluation.confusion().to_numpy().sum() == evaluation.counted
    assert set(evaluation.worst(5)["true"]) <= set("0123456789")
    assert evaluation.check()["passed"].all()
    assert evaluation._repr_html_()
    assert evaluation.plot().description
    assert evaluation.to_dict()


def test_the_mean_of_means_would_be_caught():
    """On a ragged step the gradient of a mean of micro-batch means differs by percents; ours doesn't."""
    whole = ai.prepare(model="mlp", batch_size=29, max_steps=1)
    parts = ai.prepare(model="mlp", batch_size=28, gradient_accumulation_steps=2, max_steps=1)
    indices = whole.order.of_epoch(0)[:29]
    images, labels = whole.data.train.columns["image"][indices], whole.data.train.columns["label"][indices]
    names = [str(label) for label in labels.tolist()]
    gradients = whole.backward(whole.loss(whole.forward(whole.tokenize(images, names))))
    exact = [weight.grad.clone() for weight in whole.model.parameters()]
    logits = parts.model(images / 16)
    losses = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
    mean_of_means = torch.autograd.grad((losses[:28].mean() + losses[28:].mean()) / 2, list(parts.model.parameters()))
    error = sum(float((a - b).norm() ** 2) for a, b in zip(exact, mean_of_means, strict=True)) ** 0.5
    assert error / gradients.norm > 0.02


@pytest.mark.parametrize("name", ["cnn-adamw", "mlp-accumulated", "vit-dropout", "texts", "gpt"])
@pytest.mark.parametrize("stop_at", [1, 5, 7])
def test_stop_and_go_on_equals_straight_through(name, stop_at):
    fields = CONFIGS[name] | {"keep": "last"}
    straight, stopped = prepare(**fields), prepare(**fields)
    straight.fit(display="none")

    def stop(record):
        if isinstance(record, ai.Update) and record.step == stop_at:
            raise ai.StopTraining("enough for now")

    stopped.watchers.append(stop)
    stopped.fit(display="none")
    assert stopped.step == stop_at
    assert stopped.ending.state == "stopped"
    stopped.watchers.clear()
    stopped.fit(display="none")
    assert same_weights(stopped, straight)
    assert stopped.history.frame()["loss"].tolist() == straight.history.frame()["loss"].tolist()


def test_going_on_after_the_best_weights_were_shown_equals_straight_through():
    """With keep="best" the model shows other weights between two fits; training goes on from the last ones."""
    fields = {"model": "mlp", "learning_rate": 0.05, "evaluate_every": 5, "max_steps": 60}
    straight, stopped = ai.prepare(**fields), ai.prepare(**fields)
    straight.fit(display="none")

    shown_best = 0

    def stop_often(record):
        if isinstance(record, ai.Update) and record.step % 7 == 0:
            raise ai.StopTraining("a pause")

    stopped.watchers.append(stop_often)
    while stopped.step < 60:
        stopped.fit(display="none")
        shown_best += stopped.keeper.shown is not None
    assert shown_best > 0
    assert same_weights(stopped, straight)
    straight.resume()
    stopped.resume()
    assert same_weights(stopped, straight)
    assert stopped.history.frame()["loss"].tolist() == straight.history.frame()["loss"].tolist()
    assert len(straight.history.evaluations) == 12
    assert [r["eval_loss"] for r in stopped.history.evaluations] == [
        r["eval_loss"] for r in straight.history.evaluations
    ]


def test_watchers_and_inspection_change_nothing():
    plain, watched = (
        ai.prepare(model="small-cnn", max_steps=30),
        ai.prepare(model="small-cnn", max_steps=30, inspect_every=3, snapshot_every=4),
    )
    seen = []
    watched.watchers.append(lambda record: seen.append(type(record).__name__))
    watched.watchers.append(lambda record: record.norm if isinstance(record, ai.Gradients) else None)
    plain.fit(display="none")
    watched.fit(display="none")
    assert same_weights(plain, watched)
    assert seen[:6] == ["Batch", "Forward", "Loss", "Gradients", "Update", "Batch"]
    assert seen.count("Update") == 30
    assert seen[-1] == "Evaluation"


def test_undo_then_going_on_equals_never_having_left():
    plain, undone = (
        ai.prepare(model="small-vit", max_steps=8, keep="last"),
        ai.prepare(model="small-vit", max_steps=8, keep="last"),
    )
    drive_by_hand(plain)
    for _ in range(3):
        for _ in undone.phases():
            pass
    for _ in range(3):
        for _ in undone.phases():
            pass
        undone.undo()
    records = undone.phases()
    next(records)
    next(records)
    undone.undo()
    assert undone.step == 3
    drive_by_hand(undone)
    assert same_weights(plain, undone)
    assert plain.history.frame()["loss"].tolist() == undone.history.frame()["loss"].tolist()


def test_another_batch_order_would_be_seen():
    """The bitwise comparisons above can fail: another seed gives other weights."""
    one, other = ai.prepare(model="mlp", max_steps=5), ai.prepare(model="mlp", max_steps=5, seed=1)
    one.fit(display="none")
    other.fit(display="none")
    assert not same_weights(one, other)
    assert one.history.frame()["loss"].tolist() != other.history.frame()["loss"].tolist()
